//! What a connection does, one file per area, each test with the statements it proves.

mod disconnect;
mod driver;
mod keep_alive;
mod qos1_in;
mod qos2_in;
mod qos2_out;
