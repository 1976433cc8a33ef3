//! The properties of what the store sends.

use catena_hlc::Version;
use catena_mqtt::Property;
use catena_rpc::{Status, names};
use catena_store::NODE;

use super::StoreRequest;

/// Appends the properties of a response: the correlation data, the status, and the version if the
/// answer has one. Whatever the store refuses, the call itself succeeds: any other status would
/// hide the words from the caller.
pub(super) fn properties(request: &StoreRequest<'_>, version: Option<Version>, out: &mut Vec<u8>) {
    out.reserve(USUAL_BYTES);
    Property::write_correlation_data(request.correlation, out);
    if let Some(refused) = request.unsupported_version {
        status(Status::VersionNotSupported, out);
        put(&Property::UserProperty(names::SUPPORTED_MAJORS, "1"), out);
        put(
            &Property::UserProperty(names::REFUSED_VERSION, refused),
            out,
        );
        return;
    }
    out.extend_from_slice(STATUS_OK);
    if let Some(version) = version {
        timestamp(version, out);
    }
}

/// Room for the properties of nearly all responses, made once.
const USUAL_BYTES: usize = 128;

/// The status of nearly all responses, as the property that it is.
const STATUS_OK: &[u8] = b"\x26\0\x06__stat\0\x03200";

/// Appends the version of a response or notification.
pub(super) fn timestamp(version: Version, out: &mut Vec<u8>) {
    let stamp = version.stamp(NODE);
    Property::write_user_property(names::TIMESTAMP, |value| stamp.write(value), out);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_status_is_written_as_any_other() {
        let mut bytes = Vec::new();
        status(Status::Ok, &mut bytes);
        assert_eq!(bytes, STATUS_OK);
    }
}
