//! Deterministic simulation of clients, frontends and partitions.
