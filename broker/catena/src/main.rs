//! The program: reads the command line and plays the role it names.

fn main() {}
