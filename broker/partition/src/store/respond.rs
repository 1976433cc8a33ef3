//! The properties of what the store sends.

use std::io::Write as _;

use catena_hlc::Version;
use catena_mqtt::Property;
use catena_rpc::{Status, names};
use catena_store::NODE;

use super::StoreRequest;

/// Appends the properties of a response: the correlation data, the status, and the version if the
/// answer has one. Whatever the store refuses, the call itself succeeds: any other status would
/// hide the words from the caller.
pub(super) fn properties(request: &StoreRequest<'_>, version: Option<Version>, out: &mut Vec<u8>) {
    put(&Property::CorrelationData(request.correlation), out);
    if let Some(refused) = request.unsupported_version {
        status(Status::VersionNotSupported, out);
        put(&Property::UserProperty(names::SUPPORTED_MAJORS, "1"), out);
        put(
            &Property::UserProperty(names::REFUSED_VERSION, refused),
            out,
        );
        return;
    }
    status(Status::Ok, out);
    if let Some(version) = version {
        timestamp(version, out);
    }
}

/// Appends the version of a response or notification.
pub(super) fn timestamp(version: Version, out: &mut Vec<u8>) {
    // 15 and 5 digits, two colons and the node.
    let mut text = [0; 64];
    let mut room = text.as_mut_slice();
    let written = write!(room, "{}", version.stamp(NODE));
    let left = room.len();
    debug_assert!(written.is_ok(), "a version fits");
    let text = text.get(..text.len() - left).unwrap_or_default();
    if let Ok(text) = std::str::from_utf8(text) {
        put(&Property::UserProperty(names::TIMESTAMP, text), out);
    }
}

fn status(status: Status, out: &mut Vec<u8>) {
    let text = status.text().unwrap_or_default();
    put(&Property::UserProperty(names::STATUS, text), out);
}

/// What comes from a client was in a property before, so that it fits into one.
fn put(property: &Property<'_>, out: &mut Vec<u8>) {
    let encoded = property.encode(out);
    debug_assert!(encoded.is_ok(), "a property can be expressed");
}
