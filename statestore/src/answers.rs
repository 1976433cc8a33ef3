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
    /// The replies that are no short ones, in the order of their answers.
    replies: VecDeque<u8>,
    seed: u64,
    dropped: u64,
}

/// One answer. There are as many as writes in the last seconds: each byte counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kept {
    /// A keyed hash of the client and the correlation data: a client can neither steer it nor meet
    /// another's.
    call: u64,
    until: Moment,
    /// [`Version::ZERO`] if the response has none.
    version: Version,
    reply: Payload,
}

const _: () = assert!(size_of::<Kept>() == 32);

/// The payload of a reply. Most are a few bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Payload {
    Short(u8, [u8; SHORT_REPLY_BYTES]),
    /// As many bytes of [`Answers::replies`].
    Long(u32),
}

impl Payload {
    fn new(bytes: &[u8]) -> Self {
        let mut short = [0; SHORT_REPLY_BYTES];
        match short.get_mut(..bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                Self::Short(bytes.len() as u8, short)
            }
            None => Self::Long(bytes.len() as u32),
        }
    }

    /// Its bytes among the replies.
    fn long(&self) -> usize {
        match self {
            Self::Short(..) => 0,
            Self::Long(len) => *len as usize,
        }
    }
}

impl Answers {
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            queue: VecDeque::new(),
            replies: VecDeque::new(),
            seed,
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
        let wanted = self.hash(client, identity);
        let mut end = self.replies.len();
        for kept in self.queue.iter().rev() {
            let start = end - kept.reply.long();
            if kept.call == wanted && kept.until > now {
                self.append(&kept.reply, start, reply);
                let version = (kept.version != Version::ZERO).then_some(kept.version);
                return Some(Answer {
                    version,
                    repeated: true,
                });
            }
            end = start;
        }
        None
    }

    /// Appends a reply; one that is not short begins at `start`.
    fn append(&self, payload: &Payload, start: usize, reply: &mut Vec<u8>) {
        match payload {
            Payload::Short(len, bytes) => {
                reply.extend_from_slice(bytes.get(..usize::from(*len)).unwrap_or_default());
            }
            Payload::Long(len) => {
                reply.extend(self.replies.range(start..start + *len as usize));
            }
        }
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
        // Before the new one comes, so that the queue never grows beyond its limit.
        let (answers_max, bytes_max) = (
            settings.answers_max.min(ANSWERS_MAX),
            settings.answer_bytes_max,
        );
        let payload = Payload::new(reply);
        let own = size_of::<Kept>() as u64 + payload.long() as u64;
        while self.len() + 1 > answers_max || self.bytes() + own > bytes_max {
            self.dropped += 1;
            if self.pop().is_none() {
                // There is no room for any.
                return;
            }
        }
        let kept = Kept {
            call: self.hash(client, identity),
            until: identity.until,
            version: version.unwrap_or(Version::ZERO),
            reply: payload,
        };
        self.push(kept, reply);
    }

    /// Forgets the oldest, if it has run out. `false` if it has not.
    pub(crate) fn forget_one(&mut self, now: Moment) -> bool {
        if self.next_deadline().is_none_or(|deadline| deadline > now) {
            return false;
        }
        self.pop();
        shrink(&mut self.queue);
        shrink(&mut self.replies);
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
        self.len() * size_of::<Kept>() as u64 + self.replies.len() as u64
    }

    /// Answers dropped because of the limits.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }

    fn push(&mut self, kept: Kept, reply: &[u8]) {
        if let Payload::Long(_) = kept.reply {
            self.replies.extend(reply);
        }
        self.queue.push_back(kept);
    }

    fn pop(&mut self) -> Option<Kept> {
        let kept = self.queue.pop_front()?;
        self.replies.drain(..kept.reply.long());
        Some(kept)
    }

    fn hash(&self, client: Client, identity: &Identity<'_>) -> u64 {
        siphash(self.seed, client.number(), identity.correlation)
    }

    /// Appends the state.
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.len(self.queue.len());
        let (mut start, mut reply) = (0, Vec::new());
        for kept in &self.queue {
            writer.u64(kept.call);
            writer.u64(kept.until.nanos());
            writer.u64(kept.version.packed());
            reply.clear();
            self.append(&kept.reply, start, &mut reply);
            start += kept.reply.long();
            writer.bytes(&reply);
        }
    }

    /// Reads what [`Answers::write`] wrote.
    ///
    /// # Errors
    /// [`Truncated`] if the bytes are none.
    pub(crate) fn read(seed: u64, reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        let mut answers = Self::new(seed);
        for _ in 0..reader.count(32)? {
            let (call, until) = (reader.u64()?, Moment::from_nanos(reader.u64()?));
            let version = Version::from_packed(reader.u64()?);
            let bytes = reader.bytes()?;
            let reply = Payload::new(bytes);
            let kept = Kept {
                call,
                until,
                version,
                reply,
            };
            answers.push(kept, bytes);
        }
        Ok(answers)
    }

    /// Counts anew and compares.
    ///
    /// # Errors
    /// A [`Fault`] if it differs.
    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn validate(&self) -> Result<(), Fault> {
        let counted: usize = self.queue.iter().map(|kept| kept.reply.long()).sum();
        invariant!(
            counted == self.replies.len(),
            "each reply has its answer",
            counted = counted
        );
        Ok(())
    }
}

/// Gives room back that is not needed any more.
fn shrink<T>(queue: &mut VecDeque<T>) {
    if queue.len() < queue.capacity() / 4 {
        queue.shrink_to(queue.len() * 2);
    }
}
