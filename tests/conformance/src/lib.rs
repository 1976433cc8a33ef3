//! The normative statements of both standards against a running broker.
