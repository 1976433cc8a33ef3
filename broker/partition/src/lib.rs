//! One partition as a deterministic state machine: sessions, stored and retained messages,
//! delivery queues. It never reads a clock, never matches a filter and never talks to another
//! partition: what it needs of others it asks for by effects that stay in its state until done.
//!
//! Start reading at [`Partition`] (the machine), then [`Request`] (what it is asked), [`What`]
//! (what enters its log) and [`Delivery`] (what it hands out).

mod ask;
mod asks;
mod body;
mod command;
mod delivery;
mod outbox;
mod partition;
mod reply;
mod request;
mod sessions;
mod settings;
mod shrink;
mod stats;
mod store;
mod topics;

pub use ask::{Ask, Asked, OwnedFilter, OwnedPublish, Then};
pub use body::SharedBody;
pub use catena_statestore::APPROACHED_MAX;
pub use command::{
    AskOutcome, Command, GroupRecipient, Held, IdRun, Own, Recipient, RecipientList, RoutingChange,
    What,
};
pub use delivery::{Delivery, Outgoing, OutgoingPublish, Receiver, Taken};
pub use outbox::{Effect, Outbox};
pub use partition::Partition;
pub use reply::{Connected, Notice, Origin, Reply, Subscribed};
pub use request::{
    Attachment, AttachmentIndex, Connect, Numbered, Phase, Publish, Replay, Request, RequestNumber,
    Subscribe, SubscribeFilter, Will, WillFate,
};
pub use settings::{QueueLimit, QueueStrategy, Settings, ShareStrategy};
pub use stats::Stats;
pub use store::{StoreRequest, scan_partition};
