//! Recent answers: a request that comes again is answered as before, not applied twice.
//!
//! Answers stand in a queue, oldest first. Keeping one costs next to nothing, which every write
//! pays; looking for one goes through the queue, which only a request does that says it may have
//! been sent before.

use std::collections::VecDeque;

use catena_hlc::Version;
#[cfg(any(test, feature = "validate"))]
use catena_types::{Fault, invariant};
use catena_types::{Moment, Reader, Truncated, Writer, siphash};

use crate::limits::{ANSWERS_MAX, SHORT_REPLY_BYTES};
use crate::{Answer, Client, Identity, Settings};

/// The answers of requests that may still come again.
#[derive(Debug)]
pub(crate) struct Answers {
    queue: VecDeque<Kept>,
    seed: u64,
    /// Bytes of replies that have memory of their own.
    reply_bytes: u64,
    dropped: u64,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    client: Client,
    /// A keyed hash of the correlation data: a client can neither steer it nor meet another's.
    correlation: u64,
    until: Moment,
    /// [`Version::ZERO`] if the response has none.
    version: Version,
    reply: Payload,
}

/// The payload of a reply. Most are a few bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Payload {
    Short(u8, [u8; SHORT_REPLY_BYTES]),
    Long(Box<[u8]>),
}

impl Payload {
    fn new(bytes: &[u8]) -> Self {
        let mut short = [0; SHORT_REPLY_BYTES];
        match short.get_mut(..bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                Self::Short(bytes.len() as u8, short)
            }
            None => Self::Long(bytes.into()),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Short(len, bytes) => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }

    fn own_bytes(&self) -> u64 {
        match self {
            Self::Short(..) => 0,
            Self::Long(bytes) => bytes.len() as u64,
        }
    }
}

impl Answers {
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            queue: VecDeque::new(),
            seed,
            reply_bytes: 0,
            dropped: 0,
        }
    }

    /// Appends the reply to the same request, if it is kept and has not run out.
    pub(crate) fn find(
        &self,
        (client, identity): (Client, &Identity<'_>),
        now: Moment,
        reply: &mut Vec<u8>,
    ) -> Option<Answer> {
        if !identity.again {
            return None;
        }
        let wanted = (client, self.hash(identity));
        let is_it = |kept: &&Kept| (kept.client, kept.correlation) == wanted && kept.until > now;
        let kept = self.queue.iter().rev().find(is_it)?;
        reply.extend_from_slice(kept.reply.bytes());
        let version = (kept.version != Version::ZERO).then_some(kept.version);
        Some(Answer {
            version,
            repeated: true,
        })
    }

    /// Keeps the reply to a request until the request runs out, or until there are too many.
    pub(crate) fn keep(
        &mut self,
        settings: &Settings,
        (client, identity): (Client, &Identity<'_>),
        now: Moment,
        (reply, version): (&[u8], Option<Version>),
    ) {
        if identity.until <= now {
            return;
        }
        self.push(Kept {
            client,
            correlation: self.hash(identity),
            until: identity.until,
            version: version.unwrap_or(Version::ZERO),
            reply: Payload::new(reply),
        });
        while self.len() > settings.answers_max.min(ANSWERS_MAX)
            || self.bytes() > settings.answer_bytes_max
        {
            if self.pop().is_none() {
                break;
            }
            self.dropped += 1;
        }
    }

    /// Forgets the oldest, if it has run out. `false` if it has not.
    pub(crate) fn forget_one(&mut self, now: Moment) -> bool {
        if self.next_deadline().is_none_or(|deadline| deadline > now) {
            return false;
        }
        self.pop();
        if self.queue.len() < self.queue.capacity() / 4 {
            self.queue.shrink_to(self.queue.len() * 2);
        }
        true
    }

    /// When the oldest runs out. One behind it may have run out before: it is not given any more.
    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        self.queue.front().map(|kept| kept.until)
    }

    pub(crate) fn len(&self) -> u64 {
        self.queue.len() as u64
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.len() * size_of::<Kept>() as u64 + self.reply_bytes
    }

    /// Answers dropped because of the limits.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }

    fn push(&mut self, kept: Kept) {
        self.reply_bytes += kept.reply.own_bytes();
        self.queue.push_back(kept);
    }

    fn pop(&mut self) -> Option<Kept> {
        let kept = self.queue.pop_front()?;
        self.reply_bytes -= kept.reply.own_bytes();
        Some(kept)
    }

    fn hash(&self, identity: &Identity<'_>) -> u64 {
        siphash(self.seed, 2, identity.correlation)
    }

    /// Appends the state.
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.len(self.queue.len());
        for kept in &self.queue {
            writer.u64(kept.client.number());
            writer.u64(kept.correlation);
            writer.u64(kept.until.nanos());
            writer.u64(kept.version.packed());
            writer.bytes(kept.reply.bytes());
        }
    }

    /// Reads what [`Answers::write`] wrote.
    ///
    /// # Errors
    /// [`Truncated`] if the bytes are none.
    pub(crate) fn read(seed: u64, reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        let mut answers = Self::new(seed);
        for _ in 0..reader.count(40)? {
            answers.push(Kept {
                client: Client::new(reader.u64()?),
                correlation: reader.u64()?,
                until: Moment::from_nanos(reader.u64()?),
                version: Version::from_packed(reader.u64()?),
                reply: Payload::new(reader.bytes()?),
            });
        }
        Ok(answers)
    }

    /// Counts anew and compares.
    ///
    /// # Errors
    /// A [`Fault`] if it differs.
    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn validate(&self) -> Result<(), Fault> {
        let counted: u64 = self.queue.iter().map(|kept| kept.reply.own_bytes()).sum();
        invariant!(
            counted == self.reply_bytes,
            "bytes of answers are counted",
            counted = counted
        );
        Ok(())
    }
}
