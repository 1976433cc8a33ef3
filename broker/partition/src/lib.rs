//! One partition: sessions, stored and retained messages, delivery queues.
