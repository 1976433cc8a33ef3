//! The room in one answer: a sidecar takes no more than 4 MiB at a time, and what is longer reaches
//! the application as nothing at all.

use std::sync::atomic::{AtomicUsize, Ordering};

use catena_dapr_proto::v1::{BulkStateItem, GetRequest};
use prost::Message as _;

use super::failure::{Failure, Kind};
use super::operations::Found;
use super::request;
use crate::limits::TAKEN_BYTES_MAX;

/// The longest value that a sidecar can read: its ETag and metadata fit beside it.
const VALUE_BYTES_MAX: usize = TAKEN_BYTES_MAX - 1024;

const VALUE_TOO_LARGE: &str = "a sidecar takes at most 4 MiB at a time from a component, so that \
    values may have 4,193,280 bytes";

const ANSWER_TOO_LARGE: &str = "the answer would be larger than 4 MiB, which is what a sidecar \
    takes at a time: ask for fewer keys at a time";

/// Room for the values in the answer to a bulk get: who comes first has it.
#[derive(Debug)]
pub(crate) struct Room {
    left: AtomicUsize,
}

impl Room {
    /// Keeps so much back that each item can at least tell its error.
    pub(crate) fn beside(items: &[GetRequest]) -> Result<Self, Failure> {
        let least = |item: &GetRequest| {
            let item = request::bulk_item(item.key.clone(), Err(does_not_fit()));
            item_bytes(&item)
        };
        let least = items.iter().map(least).sum();
        let left = TAKEN_BYTES_MAX.checked_sub(least);
        let left = AtomicUsize::new(left.ok_or_else(does_not_fit)?);
        Ok(Self { left })
    }

    /// What came of an item, if there is room for it.
    pub(crate) fn take(
        &self,
        read: Result<Option<Found>, Failure>,
    ) -> Result<Option<Found>, Failure> {
        let item = request::bulk_item(String::new(), read.clone());
        let bytes = item_bytes(&item);
        let less = |left: usize| left.checked_sub(bytes);
        let taken = (self.left).fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        match taken {
            Ok(_) => read,
            Err(_) if matches!(read, Ok(None)) => read,
            Err(_) => Err(does_not_fit()),
        }
    }
}

/// Fails for a value that no sidecar can read.
pub(crate) fn check(key: &str, value: &[u8]) -> Result<(), Failure> {
    if value.len() <= VALUE_BYTES_MAX {
        return Ok(());
    }
    let text = format!(
        "the value of {key:?} has {} bytes; {VALUE_TOO_LARGE}",
        value.len()
    );
    Err(Failure::new(Kind::TooLargeForSidecar, text))
}

fn does_not_fit() -> Failure {
    Failure::new(Kind::TooLargeForSidecar, ANSWER_TOO_LARGE)
}

/// With what stands before it in the list.
fn item_bytes(item: &BulkStateItem) -> usize {
    let bytes = item.encoded_len();
    1 + prost::length_delimiter_len(bytes) + bytes
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use catena_dapr_proto::v1::BulkGetResponse;

    use super::*;

    fn items(count: usize, key: &str) -> Vec<GetRequest> {
        let item = GetRequest {
            key: key.to_owned(),
            ..GetRequest::default()
        };
        vec![item; count]
    }

    fn found(bytes: usize) -> Option<Found> {
        Some(Found {
            value: Bytes::from(vec![7; bytes]),
            etag: Some("001696374425000:00001:StateStore".to_owned()),
            expire_time: Some("2026-01-02T03:04:05Z".to_owned()),
        })
    }

    /// How many values are in the answer to so many items, which has to be one that is taken.
    #[track_caller]
    fn fit(count: usize, key: &str, read: &Result<Option<Found>, Failure>) -> usize {
        let asked = items(count, key);
        let room = Room::beside(&asked).unwrap();
        let items = asked.into_iter();
        let items = items.map(|item| request::bulk_item(item.key, room.take(read.clone())));
        let answer = BulkGetResponse {
            items: items.collect(),
        };
        assert!(answer.encoded_len() <= TAKEN_BYTES_MAX);
        let values = { answer.items.iter() }.filter(|item| item.error.is_empty());
        for item in answer.items.iter().filter(|item| item.data.is_empty()) {
            assert!(
                item.error.contains("fewer keys") || read.is_err(),
                "{item:?}"
            );
        }
        values.count()
    }

    #[test]
    fn an_answer_has_as_many_values_as_a_sidecar_takes() {
        let large = VALUE_BYTES_MAX - 1_000;
        for (count, bytes, expected) in [
            (1, large, 1),
            (2, large, 1),
            (3, VALUE_BYTES_MAX, 1),
            (20, VALUE_BYTES_MAX, 0),
            (6, 1024 * 1024, 3),
            (1_000, 100, 1_000),
        ] {
            let found = fit(count, "shop||total", &Ok(found(bytes)));
            assert_eq!(found, expected, "{count} of {bytes} bytes");
        }
        let many = fit(15_000, "shop||total", &Ok(found(300)));
        assert!((1_000..14_000).contains(&many), "{many}");
    }

    #[test]
    fn errors_take_room_as_well() {
        let failure = Failure::new(Kind::NotAuthorized, "why ".repeat(200));
        assert_eq!(fit(10_000, "k", &Err(failure)), 0);
        assert!(Room::beside(&items(1_000, &"k".repeat(5_000))).is_err());
    }

    #[test]
    fn a_value_that_no_sidecar_can_read_is_told_with_the_limit() {
        assert_eq!(check("k", &vec![7; VALUE_BYTES_MAX]), Ok(()));
        let failure = check("k", &vec![7; VALUE_BYTES_MAX + 1]).unwrap_err();
        assert_eq!(failure.kind, Kind::TooLargeForSidecar);
        assert_eq!(VALUE_BYTES_MAX, 4_193_280);
        assert!(failure.text.contains("4,193,280"), "{}", failure.text);
    }
}
