//! MQTT 3.1, 3.1.1 and 5.0 wire format: bytes to packets and back.
//!
//! It takes slices and appends to vectors; it never reads, waits, keeps state between packets, or
//! allocates in proportion to a length it has not checked. Decoded packets borrow from the input.
//! What needs the memory of a connection (aliases, quotas, which packet may come when) is not
//! decided here.
//!
//! Start reading at [`frame::next`], then [`Packet::decode`], then [`encode`].
//!
//! ```
//! use catena_mqtt::{Frame, Packet, ReasonCode, ReasonProperties, Version, encode, frame};
//!
//! let input = b"\x32\x09\x00\x03a/b\x00\x07hi";
//! let Frame::Complete { first_byte, body, size } = frame::next(input, 1_024)? else {
//!     return Ok(());
//! };
//! assert_eq!(size, input.len());
//! let Packet::Publish(publish) = Packet::decode(Version::V311, first_byte, body)? else {
//!     return Ok(());
//! };
//! assert_eq!((publish.topic, publish.payload), ("a/b", b"hi".as_slice()));
//!
//! let mut out = Vec::new();
//! if let Some(packet_id) = publish.packet_id {
//!     let success = ReasonCode::Success;
//!     encode::puback(&mut out, Version::V311, packet_id, success, &ReasonProperties::EMPTY)?;
//! }
//! assert_eq!(out, b"\x40\x02\x00\x07");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod encode;
pub mod filter;
pub mod frame;
pub mod limits;
pub mod topic;

mod error;
mod packet;
mod packet_id;
mod properties;
mod qos;
mod reader;
mod reason;
mod version;
mod writer;

pub use encode::PublishHead;
pub use error::{DecodeError, EncodeError};
pub use filter::Filter;
pub use frame::Frame;
pub use limits::Limits;
pub use packet::{
    Ack, AckKind, Auth, ConnAck, ConnAckProperties, Connect, ConnectProperties, Disconnect, Packet,
    Publish, ReasonCodes, ReasonProperties, RetainHandling, SubAck, Subscribe, SubscribeFilters,
    SubscriptionIds, SubscriptionOptions, UnsubAck, Unsubscribe, UnsubscribeFilters, Will,
};
pub use packet_id::PacketId;
pub use properties::{
    CallProperty, Forwarded, ForwardedParts, Property, UserProperties, UserPropertiesIter,
};
pub use qos::Qos;
pub use reason::{ConnectReturnCode, ReasonCode};
pub use version::Version;
