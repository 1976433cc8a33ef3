//! Real clients from the package registries against a running broker.
