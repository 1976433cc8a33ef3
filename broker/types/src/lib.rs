//! Identifiers, time and the replicated-machine trait shared by the cores.
