//! What one client connection is allowed and obliged to do under MQTT 3.1, 3.1.1 and 5.0.
//!
//! A plain state machine: bytes, answers and the time go in; bytes to send, actions for the broker
//! and deadlines come out. It never reads a clock, holds no socket, no buffer and no session: what
//! it knows ends with the connection. An idle one is below 200 bytes.
//!
//! Start reading at [`Connection::handle_bytes`], then [`Connection::offer`].
//!
//! ```
//! use catena_connection::{Action, Connection, Outbox, Session, Settings, Stats};
//! use catena_types::Moment;
//!
//! let (settings, now) = (Settings::default(), Moment::ZERO);
//! let (mut bytes, mut actions, mut stats) = (Vec::new(), Vec::new(), Stats::default());
//! let mut connection = Connection::new(now);
//!
//! let input = b"\x10\x0f\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x02id";
//! let mut out = Outbox { bytes: &mut bytes, actions: &mut actions, stats: &mut stats };
//! assert_eq!(connection.handle_bytes(now, &settings, input, &mut out).unwrap(), input.len());
//! assert!(matches!(&actions[..], [Action::Connect(connect)] if &*connect.client_id == "id"));
//!
//! let session = Session::default();
//! connection.handle_connected(now, &settings, &session, &mut bytes, &mut stats).unwrap();
//! assert_eq!(bytes[..4], [0x20, bytes[1], 0, 0]);
//! ```

mod acknowledgement;
mod action;
mod alias;
mod authentication;
mod close;
mod connect;
mod connection;
mod in_flight;
mod inbound;
mod outbound;
mod receipts;
mod session;
mod settings;
mod stats;
mod subscribe;
#[cfg(any(test, feature = "validate"))]
mod validate;

pub use action::{
    Action, AuthenticationStep, ConnectAction, ConnectWill, FilterAction, Incoming, Outbox, Phase,
    Topic, WillFate,
};
pub use authentication::AuthAnswer;
pub use close::Close;
pub use connection::Connection;
pub use inbound::is_reserved;
pub use outbound::{Done, Offered, Outgoing, OutgoingPublish, Source};
pub use receipts::Ticket;
pub use session::Session;
pub use settings::Settings;
pub use stats::Stats;
