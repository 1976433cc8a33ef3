//! Correlation data: which response belongs to which request.

/// Correlation data: what the requester chose, echoed untouched. Never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Correlation<'a>(&'a [u8]);

impl<'a> Correlation<'a> {
    /// The correlation data of a request; `None` if it is empty, which counts as absent.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        (!bytes.is_empty()).then_some(Self(bytes))
    }

    /// The bytes.
    pub const fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The 16 bytes that clients use; some accept no others.
    pub fn uuid(self) -> Option<[u8; 16]> {
        self.0.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_length_but_none_is_echoed() {
        assert_eq!(Correlation::new(b""), None);
        let short = Correlation::new(b"7").unwrap();
        assert_eq!((short.bytes(), short.uuid()), (b"7".as_slice(), None));
        let usual = Correlation::new(b"0123456789abcdef").unwrap();
        assert_eq!(usual.uuid(), Some(*b"0123456789abcdef"));
    }
}
