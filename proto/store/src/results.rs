//! Replies that hold several values, as a client reads them.

use catena_hlc::{Stamp, Version};

use crate::reply::{LIVES_FOREVER, NOT_APPLIED};
use crate::resp3::{Item, Malformed, Reader};
use crate::{Keys, NODE, Reply};

/// A reply of a command that can be refused instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<'a, T> {
    /// What was asked for.
    Done(T),
    /// The request is refused, in these words ([`crate::Refusal::from_text`]).
    Refused(&'a str),
}

/// One page of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page<'a> {
    /// Whole keys.
    pub keys: Keys<'a>,
    /// Where the next page begins; absent on the last.
    pub token: Option<&'a [u8]>,
}

impl<'a> Page<'a> {
    /// Reads the payload of the response to a scan.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn parse(payload: &'a [u8]) -> Result<Answer<'a, Self>, Malformed> {
        let Some((outer, mut reader)) = array(payload)? else {
            return refused(payload);
        };
        if !(1..=2).contains(&outer) {
            return Err(Malformed);
        }
        let count = reader.array()?;
        let keys = keys(&mut reader, count)?;
        let token = if outer == 2 {
            Some(reader.bytes()?)
        } else {
            None
        };
        reader.end()?;
        Ok(Answer::Done(Self { keys, token }))
    }
}

/// The value of a key, and how long the key lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Living<'a> {
    /// The value.
    pub value: &'a [u8],
    /// Milliseconds; [`LIVES_FOREVER`] for ever.
    pub millis: i64,
}

impl<'a> Living<'a> {
    /// Reads the payload of the response to a get with time to live; none if there is no such key.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn parse(payload: &'a [u8]) -> Result<Answer<'a, Option<Self>>, Malformed> {
        let Some((count, mut reader)) = array(payload)? else {
            return match Reply::parse(payload)? {
                Reply::Null => Ok(Answer::Done(None)),
                Reply::Refused(text) => Ok(Answer::Refused(text)),
                _ => Err(Malformed),
            };
        };
        let value = reader.bytes()?;
        let Item::Number(millis) = reader.item()? else {
            return Err(Malformed);
        };
        if count != 2 || millis < LIVES_FOREVER {
            return Err(Malformed);
        }
        reader.end()?;
        Ok(Answer::Done(Some(Self { value, millis })))
    }
}

/// The names of what a server can do beyond the published protocol.
impl<'a> Keys<'a> {
    /// Reads the payload of the response to a question for features.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn parse_features(payload: &'a [u8]) -> Result<Answer<'a, Self>, Malformed> {
        let Some((count, mut reader)) = array(payload)? else {
            return refused(payload);
        };
        let names = keys(&mut reader, count)?;
        reader.end()?;
        Ok(Answer::Done(names))
    }
}

/// What came of each key of a multi-get or each write of an applied group.
#[derive(Debug, Clone, Copy)]
pub struct Results<'a> {
    encoded: &'a [u8],
    count: usize,
}

impl<'a> Results<'a> {
    /// Reads the payload of the response to a multi-get.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn parse(payload: &'a [u8]) -> Result<Answer<'a, Self>, Malformed> {
        let Some((count, reader)) = array(payload)? else {
            return refused(payload);
        };
        Self::read(reader, count).map(Answer::Done)
    }

    fn read(reader: Reader<'a>, count: usize) -> Result<Self, Malformed> {
        let mut all = reader;
        for _ in 0..count {
            result(&mut all)?;
        }
        all.end()?;
        let encoded = reader.rest();
        Ok(Self { encoded, count })
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Each reply with the version that belongs to it, in the order of the request.
    pub fn iter(&self) -> impl Iterator<Item = (Reply<'a>, Option<Version>)> + use<'a> {
        let mut reader = Reader::new(self.encoded);
        (0..self.count).map_while(move |_| result(&mut reader).ok())
    }
}

/// What came of a group.
#[derive(Debug, Clone, Copy)]
pub enum GroupResult<'a> {
    /// All writes were done.
    Applied(Results<'a>),
    /// None was done: the condition of the write with this index, counted from 0, is not met.
    Unmet(usize),
}

impl<'a> GroupResult<'a> {
    /// Reads the payload of the response to a group.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn parse(payload: &'a [u8]) -> Result<Answer<'a, Self>, Malformed> {
        let Some((count, reader)) = array(payload)? else {
            return refused(payload);
        };
        let mut unmet = reader;
        if count == 2 && unmet.item()? == Item::Number(NOT_APPLIED) {
            let Item::Number(index) = unmet.item()? else {
                return Err(Malformed);
            };
            unmet.end()?;
            let index = usize::try_from(index).map_err(|_| Malformed)?;
            return Ok(Answer::Done(Self::Unmet(index)));
        }
        let results = Results::read(reader, count)?;
        Ok(Answer::Done(Self::Applied(results)))
    }
}

/// The count of the array that the payload is, and its elements; `None` if it is something else.
fn array(payload: &[u8]) -> Result<Option<(usize, Reader<'_>)>, Malformed> {
    let mut reader = Reader::new(payload);
    match reader.item()? {
        Item::Array(count) => Ok(Some((count, reader))),
        _ => Ok(None),
    }
}

fn refused<T>(payload: &[u8]) -> Result<Answer<'_, T>, Malformed> {
    match Reply::parse(payload)? {
        Reply::Refused(text) => Ok(Answer::Refused(text)),
        _ => Err(Malformed),
    }
}

fn keys<'a>(reader: &mut Reader<'a>, count: usize) -> Result<Keys<'a>, Malformed> {
    let before = reader.rest();
    for _ in 0..count {
        reader.bytes()?;
    }
    let encoded = &before[..before.len() - reader.rest().len()];
    Ok(Keys::new(encoded, count))
}

fn result<'a>(reader: &mut Reader<'a>) -> Result<(Reply<'a>, Option<Version>), Malformed> {
    if reader.array()? != 2 {
        return Err(Malformed);
    }
    let reply = Reply::read(reader)?;
    let version = match reader.item()? {
        Item::Null => None,
        Item::Bytes(text) => {
            let stamp = Stamp::parse_bytes(text).map_err(|_| Malformed)?;
            Some(Version::of_stamp(&stamp, NODE).ok_or(Malformed)?)
        }
        _ => return Err(Malformed),
    };
    Ok((reply, version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply;

    #[test]
    fn a_value_comes_with_its_time_to_live() {
        let mut out = Vec::new();
        reply::value_with_time_to_live(&mut out, b"v\r\n", 1_500);
        assert_eq!(out, b"*2\r\n$3\r\nv\r\n\r\n:1500\r\n");
        let living = Living {
            value: b"v\r\n",
            millis: 1_500,
        };
        assert_eq!(Living::parse(&out), Ok(Answer::Done(Some(living))));
        for end in 0..out.len() {
            assert_eq!(Living::parse(&out[..end]), Err(Malformed));
        }
        assert_eq!(Living::parse(b"$-1\r\n"), Ok(Answer::Done(None)));
        let refused = Living::parse(b"-ERR unknown command\r\n");
        assert_eq!(refused, Ok(Answer::Refused("unknown command")));
        for wrong in [
            "*2\r\n$1\r\nv\r\n:-2\r\n",
            "*1\r\n$1\r\nv\r\n",
            "$1\r\nv\r\n",
        ] {
            assert_eq!(Living::parse(wrong.as_bytes()), Err(Malformed), "{wrong}");
        }
    }

    /// The pages of docs/reference/state-store.md, Scan.
    #[test]
    fn pages_have_keys_and_perhaps_a_token() {
        let check = |keys: &[&[u8]], token: Option<&[u8]>, payload: &str| {
            let mut out = Vec::new();
            reply::page(&mut out, keys, token);
            assert_eq!(out, payload.as_bytes());
            let Ok(Answer::Done(page)) = Page::parse(&out) else {
                panic!("{payload}");
            };
            assert!(page.keys.iter().eq(keys.iter().copied()));
            assert_eq!(page.token, token);
            for end in 0..out.len() {
                assert_eq!(Page::parse(&out[..end]), Err(Malformed));
            }
        };
        check(
            &[b"key1", b"key2"],
            None,
            "*1\r\n*2\r\n$4\r\nkey1\r\n$4\r\nkey2\r\n",
        );
        check(
            &[b"key1"],
            Some(b"1;1;"),
            "*2\r\n*1\r\n$4\r\nkey1\r\n$4\r\n1;1;\r\n",
        );
        check(&[], Some(b"\0"), "*2\r\n*0\r\n$1\r\n\0\r\n");
        check(&[], None, "*1\r\n*0\r\n");
    }

    #[test]
    fn other_pages_are_refused() {
        for payload in [
            "*0\r\n",
            "*-1\r\n",
            "*1\r\n*1\r\n$-1\r\n",
            "+OK\r\n",
            "*1\r\n*0\r\n ",
            "*3\r\n*0\r\n$1\r\na\r\n$1\r\nb\r\n",
            "*1\r\n*-1\r\n",
        ] {
            assert_eq!(Page::parse(payload.as_bytes()), Err(Malformed), "{payload}");
        }
        assert_eq!(Page::parse(b"-ERR no\r\n"), Ok(Answer::Refused("no")));
    }

    #[test]
    fn results_pair_replies_with_versions() {
        let version = Version::from_packed(1_696_374_425_000 << 16 | 3);
        let mut out = Vec::new();
        reply::results(&mut out, 2);
        reply::result(&mut out);
        reply::value(&mut out, b"abc");
        reply::version(&mut out, Some(version));
        reply::result(&mut out);
        reply::null(&mut out);
        reply::version(&mut out, None);
        let text = "*2\r\n*2\r\n$3\r\nabc\r\n$32\r\n001696374425000:00003:StateStore\r\n\
                    *2\r\n$-1\r\n$-1\r\n";
        assert_eq!(out, text.as_bytes());
        let Ok(Answer::Done(results)) = Results::parse(&out) else {
            panic!("{text}");
        };
        let all: Vec<_> = results.iter().collect();
        assert_eq!(
            all,
            [(Reply::Value(b"abc"), Some(version)), (Reply::Null, None)]
        );
        assert!((0..out.len()).all(|end| Results::parse(&out[..end]).is_err()));
        assert!(matches!(
            GroupResult::parse(&out),
            Ok(Answer::Done(GroupResult::Applied(_)))
        ));
    }

    #[test]
    fn an_unmet_group_names_its_write() {
        let mut out = Vec::new();
        reply::group_unmet(&mut out, 7);
        assert_eq!(out, b"*2\r\n:-1\r\n:7\r\n");
        let parsed = GroupResult::parse(&out);
        assert!(matches!(parsed, Ok(Answer::Done(GroupResult::Unmet(7)))));
        assert!((0..out.len()).all(|end| GroupResult::parse(&out[..end]).is_err()));
    }

    #[test]
    fn features_are_a_list_of_names() {
        let mut out = Vec::new();
        reply::features(&mut out);
        let Ok(Answer::Done(names)) = Keys::parse_features(&out) else {
            panic!("no list");
        };
        assert!(
            names
                .iter()
                .eq(reply::FEATURES.iter().map(|name| name.as_bytes()))
        );
        let refused = Keys::parse_features(b"-ERR unknown command\r\n");
        assert_eq!(refused, Ok(Answer::Refused("unknown command")));
    }
}
