//! A stored body: the properties that are passed on, then the payload.

use std::sync::Arc;

/// From how many bytes on a body is shared instead of copied to each receiver. Below that, a copy
/// costs less than the counting.
const SHARED_BYTES_MIN: usize = 2 * 1024;

/// A body that outlives the message in its partition for as long as somebody still sends it.
#[derive(Debug, Clone)]
pub struct SharedBody(Arc<Box<[u8]>>);

impl SharedBody {
    /// A copy of `bytes`.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(Arc::new(bytes.into()))
    }

    /// Properties, then payload.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A body in the form that suits its size.
#[derive(Debug)]
pub(crate) enum Body {
    Own(Box<[u8]>),
    Shared(SharedBody),
}

impl Body {
    /// A copy of the properties' parts and the payload.
    pub(crate) fn new(properties: &[&[u8]], payload: &[u8]) -> Self {
        let size = properties.iter().map(|part| part.len()).sum::<usize>() + payload.len();
        let mut bytes = Vec::with_capacity(size);
        for part in properties {
            bytes.extend_from_slice(part);
        }
        bytes.extend_from_slice(payload);
        let bytes = bytes.into_boxed_slice();
        if size < SHARED_BYTES_MIN {
            Self::Own(bytes)
        } else {
            Self::Shared(SharedBody(Arc::new(bytes)))
        }
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(shared) => shared.bytes(),
        }
    }

    #[inline]
    pub(crate) fn shared(&self) -> Option<&SharedBody> {
        match self {
            Self::Own(_) => None,
            Self::Shared(shared) => Some(shared),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_large_body_is_shared_and_neither_costs_a_discriminant() {
        let small = Body::new(&[b"ab", b"c"], b"de");
        assert_eq!(
            (small.bytes(), small.shared().is_none()),
            (&b"abcde"[..], true)
        );
        let large = Body::new(&[b"ab"], &[7; SHARED_BYTES_MIN]);
        let shared = large.shared().unwrap().clone();
        drop(large);
        assert_eq!(
            (shared.bytes().len(), shared.bytes()[2]),
            (SHARED_BYTES_MIN + 2, 7)
        );
        assert_eq!(size_of::<Body>(), size_of::<Box<[u8]>>());
    }
}
