//! Retained messages for a new subscription: drawn a few at a time, in the order of names, exactly
//! once each, and each before any live message of its topic.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catena_mqtt::{Qos, topic::matches};
use catena_types::{Fault, Pool, SessionId, invariant};

use super::limits::REPLAY_AHEAD_MAX;
use super::names::TopicIndex;
use super::queue::{QueueEntry, Source};
use super::state::Topics;
use crate::partition::Context;

/// A subscription that draws retained messages.
#[derive(Debug)]
pub(crate) struct Replay {
    pub(super) session: SessionId,
    pub(super) attachment: u32,
    pub(super) filter: Box<str>,
    pub(super) qos: Qos,
    pub(crate) subscription_id: Option<u32>,
    /// Names up to and including this one are done.
    pub(super) cursor: Box<str>,
    /// Names beyond the cursor that a live message has drawn already.
    pub(super) drawn: BTreeSet<Arc<str>>,
    /// Nothing is left to draw; kept for its entries' subscription identifier.
    pub(super) finished: bool,
    /// Entries in the session's queue that came from here.
    pub(super) entries: u32,
}

/// The replays of a partition.
#[derive(Debug, Default)]
pub(crate) struct Replays {
    slab: Pool<Replay>,
    /// The replays of a session, in the order they began.
    by_session: BTreeMap<SessionId, Vec<u32>>,
    unfinished: usize,
}

impl Replays {
    /// Whether any replay has more to draw.
    pub(crate) fn any(&self) -> bool {
        self.unfinished > 0
    }

    /// The replay at `index`.
    pub(crate) fn at(&self, index: u32) -> Option<&Replay> {
        self.slab.at(index)
    }

    /// An entry that came from a replay stands in a queue.
    pub(crate) fn entry_made(&mut self, index: u32) {
        if let Some(replay) = self.slab.at_mut(index) {
            replay.entries += 1;
        }
    }

    /// An entry that came from a replay is gone.
    pub(crate) fn entry_gone(&mut self, index: u32) -> Result<(), Fault> {
        let Some(replay) = self.slab.at_mut(index) else {
            return Err(Fault::new(
                "a replayed entry has its replay",
                format!("replay={index}"),
            ));
        };
        invariant!(
            replay.entries > 0,
            "a replay counts its entries",
            replay = index
        );
        replay.entries -= 1;
        self.remove_if_idle(index);
        Ok(())
    }

    /// The replays of a session.
    pub(crate) fn of(&self, session: SessionId) -> &[u32] {
        self.by_session.get(&session).map_or(&[], Vec::as_slice)
    }

    pub(super) fn insert(&mut self, replay: Replay) -> u32 {
        let session = replay.session;
        self.unfinished += usize::from(!replay.finished);
        let index = self.slab.insert(replay);
        self.by_session.entry(session).or_default().push(index);
        index
    }

    /// Draws nothing more for a replay.
    pub(super) fn finish(&mut self, index: u32) {
        if let Some(replay) = self.slab.at_mut(index)
            && !replay.finished
        {
            replay.finished = true;
            replay.drawn = BTreeSet::new();
            self.unfinished -= 1;
        }
        self.remove_if_idle(index);
    }

    fn remove_if_idle(&mut self, index: u32) {
        let idle = self
            .slab
            .at(index)
            .is_some_and(|r| r.finished && r.entries == 0);
        if !idle {
            return;
        }
        let Some(replay) = self.slab.remove(index) else {
            return;
        };
        if let Some(all) = self.by_session.get_mut(&replay.session) {
            all.retain(|&other| other != index);
            if all.is_empty() {
                self.by_session.remove(&replay.session);
            }
        }
    }

    /// All replays with their indices, by session and age.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Replay)> {
        let indices = self.by_session.values().flatten();
        indices.filter_map(|&index| Some((index, self.slab.at(index)?)))
    }
}

impl Topics {
    /// Begins a replay for a subscription [MQTT-3.3.1-9]. An older one of the same filter ends.
    pub(super) fn begin_replay(
        &mut self,
        context: &Context<'_>,
        attachment: u32,
        filter: &str,
        qos: Qos,
        subscription_id: Option<u32>,
    ) -> Result<(), Fault> {
        let Some(session) = self.attached.at(attachment).map(|record| record.session) else {
            return Ok(());
        };
        self.end_replay(session, filter);
        if self.retained.len() == 0 {
            return Ok(());
        }
        self.replays.insert(Replay {
            session,
            attachment,
            filter: filter.into(),
            qos,
            subscription_id,
            cursor: "".into(),
            drawn: BTreeSet::new(),
            finished: false,
            entries: 0,
        });
        self.draw(context, attachment)
    }

    /// Draws nothing more for a filter of a session.
    pub(super) fn end_replay(&mut self, session: SessionId, filter: &str) {
        let of = self.replays.of(session).iter().copied();
        let ending: Vec<u32> = of
            .filter(|&index| {
                self.replays
                    .at(index)
                    .is_some_and(|replay| &*replay.filter == filter)
            })
            .collect();
        for index in ending {
            self.replays.finish(index);
        }
    }

    /// Draws for a session as far as its queue may run ahead.
    pub(super) fn draw(&mut self, context: &Context<'_>, attachment: u32) -> Result<(), Fault> {
        let Some(session) = self.attached.at(attachment).map(|record| record.session) else {
            return Ok(());
        };
        for turn in self.replays.of(session).to_vec() {
            while self.replays.at(turn).is_some_and(|replay| !replay.finished) {
                let queue = self.attached.queue(attachment);
                if queue.is_some_and(|queue| queue.next() - queue.base >= REPLAY_AHEAD_MAX) {
                    return Ok(());
                }
                self.draw_next(context, turn)?;
            }
        }
        Ok(())
    }

    /// Draws one retained message, or finds that there are no more.
    fn draw_next(&mut self, context: &Context<'_>, turn: u32) -> Result<(), Fault> {
        let Some(replay) = self.replays.slab.at_mut(turn) else {
            return Ok(());
        };
        let Some((name, topic)) = next_match(&self.retained, &replay.filter, &replay.cursor) else {
            self.replays.finish(turn);
            return Ok(());
        };
        let name = Arc::clone(name);
        replay.cursor = (&*name).into();
        let already = replay.drawn.remove(&name);
        if already {
            Ok(())
        } else {
            self.draw_topic(context, turn, topic)
        }
    }

    /// Queues a topic's retained message for a replay.
    fn draw_topic(
        &mut self,
        context: &Context<'_>,
        turn: u32,
        topic: TopicIndex,
    ) -> Result<(), Fault> {
        let Some(message) = self.names.at(topic).and_then(|topic| topic.retained) else {
            return Ok(());
        };
        let Some(stored) = self.messages.at(message) else {
            return Ok(());
        };
        if stored.expires <= context.time {
            return Ok(());
        }
        let (published, bytes) = (stored.qos, stored.body_bytes());
        let Some(replay) = self.replays.at(turn) else {
            return Ok(());
        };
        let (attachment, qos) = (replay.attachment, Self::granted(published, replay.qos));
        self.replays.entry_made(turn);
        self.messages.refer(message)?;
        // A replayed message has RETAIN 1, whatever Retain As Published says (3.3.1.3).
        let entry = QueueEntry::new(message, Source::Replay { replay: turn }, qos, true);
        self.enqueue(context, attachment, entry, bytes)
    }

    /// Before a live message of a topic: every replay that has not come to it yet draws its
    /// retained message now, so that no old value follows a newer one. A topic whose retained
    /// message the live one `replaces` is done for those replays in any case.
    pub(super) fn draw_retained(
        &mut self,
        context: &Context<'_>,
        topic: TopicIndex,
        replaces: bool,
    ) -> Result<(), Fault> {
        let Some(name) = self.names.at(topic).map(|topic| Arc::clone(&topic.name)) else {
            return Ok(());
        };
        let has_retained = self
            .names
            .at(topic)
            .is_some_and(|topic| topic.retained.is_some());
        if !has_retained && !replaces {
            return Ok(());
        }
        let all: Vec<u32> = self
            .replays
            .iter()
            .filter(|(_, replay)| {
                !replay.finished
                    && *replay.cursor < *name
                    && !replay.drawn.contains(&name)
                    && matches(&replay.filter, &name)
            })
            .map(|(index, _)| index)
            .collect();
        for turn in all {
            self.draw_topic(context, turn, topic)?;
            if let Some(replay) = self.replays.slab.at_mut(turn) {
                replay.drawn.insert(Arc::clone(&name));
            }
        }
        Ok(())
    }
}

/// The first retained topic after `cursor` that the filter matches. Skips what cannot match: a
/// step costs a search in the tree, not a walk over the names between.
fn next_match<'a>(
    retained: &'a super::retained::Retained,
    filter: &str,
    cursor: &str,
) -> Option<(&'a Arc<str>, TopicIndex)> {
    let Some(literal) = filter.find(['+', '#']) else {
        let exact = if cursor < filter {
            retained.next_after(filter, true)
        } else {
            None
        };
        return exact.filter(|(name, _)| ***name == *filter);
    };
    // `a/#` matches `a` too, which comes before everything with the prefix `a/`.
    let parent = filter[literal..].starts_with('#') && literal > 0;
    let start = &filter[..literal - usize::from(parent)];
    let mut found = if cursor < start {
        retained.next_after(start, true)
    } else {
        retained.next_after(cursor, false)
    };
    while let Some((name, index)) = found {
        if !name.starts_with(start) {
            return None;
        }
        if matches(filter, name) {
            return Some((name, index));
        }
        found = match skip(filter, name) {
            Skip::Next => retained.next_after(name, false),
            Skip::To(to) => retained.next_after(&to, true),
            Skip::End => None,
        };
    }
    None
}

/// Where to look for the next match.
#[derive(Debug, PartialEq, Eq)]
enum Skip {
    /// At the next name.
    Next,
    /// At this name or after it; always beyond the name that did not match.
    To(String),
    /// There is none.
    End,
}

/// Where the next match of `filter` can be at the earliest, given that `name` is none. Names are
/// in the order of bytes, in which `a-b` comes between `a` and `a/b`.
fn skip(filter: &str, name: &str) -> Skip {
    let mut start = 0;
    let mut last_plus_end = None;
    let mut names = name.split('/');
    let mut wanted = filter.split('/').peekable();
    while let Some(level) = wanted.next() {
        let Some(actual) = names.next() else {
            return Skip::Next;
        };
        let end = start + actual.len();
        match level {
            "#" => return Skip::Next,
            "+" => last_plus_end = Some(end),
            literal if literal == actual => {}
            literal => {
                let mut to = format!("{}{literal}", &name[..start]);
                if *to > *name {
                    return Skip::To(to);
                }
                to.push('/');
                if wanted.peek().is_some() && *to > *name {
                    return Skip::To(to);
                }
                break;
            }
        }
        start = end + 1;
    }
    // Past everything below the last level that was free; `0` is the byte after `/`.
    last_plus_end.map_or(Skip::End, |end| Skip::To(format!("{}0", &name[..end])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(filter: &str, name: &str, expected: &Skip) {
        assert_eq!(skip(filter, name), *expected, "{filter} at {name}");
    }

    #[test]
    fn a_search_jumps_to_where_the_next_match_can_be() {
        check("a/+/c", "a/x/b", &Skip::To("a/x/c".into()));
        check("a/+/c", "a/x/d", &Skip::To("a/x0".into()));
        check("a/+/c/d", "a/x/c-1", &Skip::To("a/x/c/".into()));
        check("a/+", "a/x/y", &Skip::To("a/x0".into()));
        check("a/#", "a-1", &Skip::To("a/".into()));
        check("a/#", "ab", &Skip::End);
        check("a/+/c", "a/x", &Skip::Next);
        check("#", "$SYS/x", &Skip::Next);
    }
}
