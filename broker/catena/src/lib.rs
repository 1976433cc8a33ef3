//! The Catena broker and its command line.
