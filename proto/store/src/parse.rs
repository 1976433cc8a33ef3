//! Reads requests. What is wrong with one has an order, which clients can rely on: first the
//! payload, then the command, the number of elements, empty keys, and at last the options.

use catena_hlc::{Stamp, Version};

use crate::command::{
    Command, Delete, DeleteCondition, Increment, KeyNotify, Lifetime, Registration, Scan, Set,
    SetCondition, Write,
};
use crate::limits::{ELEMENTS_MAX, GET_MANY_KEYS_MAX, GROUP_WRITES_MAX, PATTERN_BYTES_MAX};
use crate::resp3::{Malformed, Reader, signed, unsigned};
use crate::{Group, Keys, NODE, Refusal};

impl<'a> Command<'a> {
    /// Reads the payload of a request.
    ///
    /// # Errors
    /// The [`Refusal`] to answer with: `Syntax`, `UnknownCommand`, `ArgumentCount`, `KeyEmpty`, or
    /// `KeyTooLong` for a scan's pattern.
    pub fn parse(payload: &'a [u8]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(payload);
        let count = reader.array()?;
        let name = reader.bytes()?;
        let rest = reader;
        if name == b"MULTI" {
            return group(rest, count.checked_sub(1).ok_or(Refusal::Syntax)?);
        }
        let arguments = Arguments::read_after(name, &mut reader, count)?;
        reader.end()?;
        match arguments.name {
            b"GET" => Ok(Self::Get {
                key: arguments.lone_key()?,
            }),
            b"GETPX" => Ok(Self::GetWithTimeToLive {
                key: arguments.lone_key()?,
            }),
            b"PTTL" => Ok(Self::TimeToLive {
                key: arguments.lone_key()?,
            }),
            b"MGET" => arguments.keys(rest.rest()).map(Self::GetMany),
            b"SCAN" => arguments.scan().map(Self::Scan),
            b"KEYNOTIFY" => arguments.key_notify().map(Self::KeyNotify),
            b"FEATURES" if count == 1 => Ok(Self::Features),
            b"FEATURES" => Err(Refusal::ArgumentCount),
            _ => arguments.write().map(Self::Write),
        }
    }
}

/// `MULTI` and its writes, each an array like a request of its own.
fn group<'a>(reader: Reader<'a>, count: usize) -> Result<Command<'a>, Refusal> {
    // All of the payload has to follow the grammar before any write in it is looked at.
    let mut whole = reader;
    for _ in 0..count {
        let elements = whole.array()?;
        Arguments::read(&mut whole, elements)?;
    }
    whole.end()?;
    if count == 0 || count > GROUP_WRITES_MAX {
        return Err(Refusal::ArgumentCount);
    }
    let mut writes = reader;
    for _ in 0..count {
        let elements = writes.array()?;
        Arguments::read(&mut writes, elements)?.write()?;
    }
    Ok(Command::Group(Group::new(reader.rest(), count)))
}

/// The elements of a request, as many as the longest command has.
pub(crate) struct Arguments<'a> {
    name: &'a [u8],
    /// What follows the name; empty beyond `count`.
    after: [&'a [u8]; ELEMENTS_MAX - 1],
    /// All elements, also those that are not kept.
    count: usize,
    /// Whether an element after the name is empty.
    has_empty: bool,
}

impl<'a> Arguments<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>, count: usize) -> Result<Self, Malformed> {
        let name = reader.bytes()?;
        Self::read_after(name, reader, count)
    }

    /// As [`Arguments::read`], where the name has been read.
    fn read_after(
        name: &'a [u8],
        reader: &mut Reader<'a>,
        count: usize,
    ) -> Result<Self, Malformed> {
        let others = count.checked_sub(1).ok_or(Malformed)?;
        let mut after: [&[u8]; ELEMENTS_MAX - 1] = [b""; ELEMENTS_MAX - 1];
        let mut has_empty = false;
        for index in 0..others {
            let element = reader.bytes()?;
            has_empty |= element.is_empty();
            if let Some(place) = after.get_mut(index) {
                *place = element;
            }
        }
        Ok(Self {
            name,
            after,
            count,
            has_empty,
        })
    }

    /// The command as a change of one key.
    pub(crate) fn write(&self) -> Result<Write<'a>, Refusal> {
        match self.name {
            b"SET" => self.set(),
            b"CAS" => self.set_if_version(),
            b"DEL" => self
                .lone_key()
                .map(|key| delete(key, DeleteCondition::Always)),
            b"ABSENT" => self
                .lone_key()
                .map(|key| delete(key, DeleteCondition::Absent)),
            b"VDEL" => {
                let key = self.key(3..=3)?;
                Ok(delete(key, DeleteCondition::Value(self.after[1])))
            }
            b"CAD" => {
                let key = self.key(3..=3)?;
                let version = version(self.after[1])?;
                Ok(delete(key, DeleteCondition::Version(version)))
            }
            b"INCRBY" => {
                let key = self.key(3..=3)?;
                let by = signed(self.after[1]).ok_or(Refusal::Syntax)?;
                Ok(Write::Increment(Increment { key, by }))
            }
            _ => Err(Refusal::UnknownCommand),
        }
    }

    fn set(&self) -> Result<Write<'a>, Refusal> {
        let key = self.key(3..=6)?;
        let (mut condition, mut lifetime) = (SetCondition::Always, None);
        let mut options = self.after[2..self.count - 1].iter();
        while let Some(option) = options.next() {
            match *option {
                b"NX" if condition == SetCondition::Always => condition = SetCondition::Absent,
                b"NEX" if condition == SetCondition::Always => {
                    condition = SetCondition::AbsentOrEqual;
                }
                b"PX" if lifetime.is_none() => {
                    let millis = options.next().ok_or(Refusal::Syntax)?;
                    lifetime = Some(self::lifetime(millis)?);
                }
                _ => return Err(Refusal::Syntax),
            }
        }
        Ok(Write::Set(Set {
            key,
            value: self.after[1],
            condition,
            lifetime,
        }))
    }

    /// `CAS key version value [PX milliseconds]`
    fn set_if_version(&self) -> Result<Write<'a>, Refusal> {
        let key = self.key(4..=6)?;
        let condition = SetCondition::Version(version(self.after[1])?);
        let lifetime = match self.after[3..self.count - 1] {
            [] => None,
            [b"PX", millis] => Some(lifetime(millis)?),
            _ => return Err(Refusal::Syntax),
        };
        Ok(Write::Set(Set {
            key,
            value: self.after[2],
            condition,
            lifetime,
        }))
    }

    /// `KEYNOTIFY key [STOP | RESUME [version]]`
    fn key_notify(&self) -> Result<KeyNotify<'a>, Refusal> {
        let longest = if self.after[1] == b"RESUME" { 4 } else { 3 };
        let key = self.key(2..=longest)?;
        let registration = match self.after[1..self.count - 1] {
            [] => Registration::Start,
            [b"STOP"] => Registration::Stop,
            [b"RESUME"] => Registration::Resume { after: None },
            [b"RESUME", after] => Registration::Resume {
                after: Some(version(after)?),
            },
            _ => return Err(Refusal::Syntax),
        };
        Ok(KeyNotify { key, registration })
    }

    fn scan(&self) -> Result<Scan<'a>, Refusal> {
        let pattern = self.key(2..=3)?;
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(Refusal::KeyTooLong);
        }
        let token = (self.count == 3).then_some(self.after[1]);
        Ok(Scan { pattern, token })
    }

    /// All elements but the name as keys, of which `encoded` is the text.
    fn keys(&self, encoded: &'a [u8]) -> Result<Keys<'a>, Refusal> {
        if self.count < 2 || self.count - 1 > GET_MANY_KEYS_MAX {
            return Err(Refusal::ArgumentCount);
        }
        if self.has_empty {
            return Err(Refusal::KeyEmpty);
        }
        Ok(Keys::new(encoded, self.count - 1))
    }

    fn lone_key(&self) -> Result<&'a [u8], Refusal> {
        self.key(2..=2)
    }

    /// The first argument of a command that has so many elements.
    fn key(&self, elements: std::ops::RangeInclusive<usize>) -> Result<&'a [u8], Refusal> {
        if !elements.contains(&self.count) {
            return Err(Refusal::ArgumentCount);
        }
        match self.after[0] {
            b"" => Err(Refusal::KeyEmpty),
            key => Ok(key),
        }
    }
}

impl From<Malformed> for Refusal {
    fn from(_: Malformed) -> Self {
        Self::Syntax
    }
}

fn delete<'a>(key: &'a [u8], condition: DeleteCondition<'a>) -> Write<'a> {
    Write::Delete(Delete { key, condition })
}

/// Whole milliseconds. A fraction after a point or comma is cut off: some clients format durations
/// as floating-point numbers, in the way of their country.
fn lifetime(text: &[u8]) -> Result<Lifetime, Refusal> {
    let mut parts = text.splitn(2, |byte| matches!(byte, b'.' | b','));
    let whole = parts.next().and_then(unsigned);
    let is_number =
        |fraction: &[u8]| !fraction.is_empty() && fraction.iter().all(u8::is_ascii_digit);
    if !parts.next().is_none_or(is_number) {
        return Err(Refusal::Syntax);
    }
    whole.and_then(Lifetime::from_millis).ok_or(Refusal::Syntax)
}

/// A version that this store can have given.
fn version(text: &[u8]) -> Result<Version, Refusal> {
    let stamp = Stamp::parse_bytes(text).map_err(|_| Refusal::Syntax)?;
    Version::of_stamp(&stamp, NODE).ok_or(Refusal::Syntax)
}
