//! Properties of MQTT 5.0 (section 2.2.2): their values, and sections of them.

mod forwarded;
mod property;
mod section;
mod user;

pub use forwarded::{CallProperty, Forwarded, ForwardedParts};
pub use property::Property;
pub use user::{UserProperties, UserPropertiesIter};

pub(crate) use forwarded::Builder as ForwardedBuilder;
pub(crate) use property::{PropertySet, subscription_identifier, topic_alias};
pub(crate) use section::Section;
