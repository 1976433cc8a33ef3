//! Publish and subscribe.

use std::sync::Arc;

use tonic::Status;

use crate::context::Context;
use crate::instances::{Component, Flavour, Init, Instances};
use crate::server::Served;

/// One Component resource of a publish/subscribe type.
#[derive(Debug)]
pub struct Instance {}

impl Component for Instance {
    const KIND: &'static str = "pubsub";

    async fn open(_init: Init, _context: &Context) -> Result<Self, Status> {
        Err(Status::unimplemented("there is no publish/subscribe yet"))
    }

    async fn close(&self) {}

    fn is_connected(&self) -> bool {
        false
    }
}

impl Instance {
    /// Gives nothing new to applications.
    pub fn hold_back(&self) {}

    /// How many messages applications have and have not answered.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        0
    }
}

/// Puts the service onto a socket.
pub fn serve(_instances: &Arc<Instances<Instance>>, _flavour: Flavour, _served: &mut Served) {}
