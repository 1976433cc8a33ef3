//! Logs, metrics, health and the admin port.
