//! How a frontend reaches partitions: the [`Port`]. Today there is one in-process implementation
//! (in `catena-backend`); a remote one will carry the same batches over streams between nodes.

mod port;

pub use port::{Exchange, Port, Resume};
