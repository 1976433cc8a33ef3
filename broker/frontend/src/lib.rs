//! Listeners, workers and connections: from sockets to partitions and back.
