//! Calls over MQTT 5.0 as data: which topics, user properties, status values and correlation data
//! a request, its response and a key notification carry.
//!
//! It knows no MQTT library and no packet: topics and user properties are text, payloads and
//! correlation data are bytes. What the payload of the state store means is not decided here.
//!
//! Start reading at [`topics`], then [`RequestHeaders`] and [`ResponseHeaders`].
//!
//! ```
//! use catena_rpc::{RequestHeaders, topics};
//!
//! let properties: [(&[u8], &[u8]); 2] = [
//!     (b"__ts", b"001696374425000:00000:c1"),
//!     (b"color", b"blue"),
//! ];
//! let headers = RequestHeaders::read(properties);
//! assert_eq!(headers.timestamp, Some(b"001696374425000:00000:c1".as_slice()));
//! assert!(headers.is_version_supported());
//!
//! let mut topic = String::new();
//! topics::notification("c1", b"k1", &mut topic)?;
//! assert!(topic.ends_with("/6331/command/notify/6B31"));
//! # Ok::<(), catena_rpc::topics::TooLong>(())
//! ```

mod correlation;
mod headers;
mod status;
pub mod topics;

pub use correlation::Correlation;
pub use headers::{CONTENT_TYPE, PERSIST, RequestHeaders, ResponseHeaders, VERSION, names};
pub use status::Status;
