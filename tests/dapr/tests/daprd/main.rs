//! `catena-dapr` as applications see it: through Dapr's own sidecar.

mod builtin;
