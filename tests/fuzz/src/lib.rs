//! The bodies of the fuzz targets, one module each, as plain functions: the normal test command
//! replays the committed corpus through the same code.

pub mod connection;
pub mod decode_v3;
pub mod decode_v5;
pub mod requests;
pub mod resp3;
pub mod roundtrip;
mod sent;
pub mod statestore;
