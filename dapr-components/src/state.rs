//! The state store.

use std::sync::Arc;

use tonic::Status;

use crate::context::Context;
use crate::instances::{Component, Flavour, Init, Instances};
use crate::server::Served;

/// One Component resource of a state type.
#[derive(Debug)]
pub struct Instance {}

impl Component for Instance {
    const KIND: &'static str = "state";

    async fn open(_init: Init, _context: &Context) -> Result<Self, Status> {
        Err(Status::unimplemented("there is no state store yet"))
    }

    async fn close(&self) {}

    fn is_connected(&self) -> bool {
        false
    }
}

/// Puts the services onto a socket.
pub fn serve(_instances: &Arc<Instances<Instance>>, _flavour: Flavour, _served: &mut Served) {}
