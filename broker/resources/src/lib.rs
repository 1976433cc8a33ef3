//! The resource documents: parsed, checked, with defaults and diagnostics.
