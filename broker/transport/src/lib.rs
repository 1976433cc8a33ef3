//! How a frontend reaches partitions: the port.
