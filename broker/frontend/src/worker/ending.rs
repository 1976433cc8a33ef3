//! How a client leaves: its requests are answered, then it is detached everywhere, then its session
//! is told. Nothing of it takes effect after the session has been told.
//!
//! ```text
//!  Answers ──> Detaching ──> Leaving ──> Gone ──> (socket closed) slot free
//!              (taken over: waits here until the socket is closed)
//! ```

use catena_connection::{Close, WillFate};
use catena_mqtt::ReasonCode;
use catena_partition::Request;
use catena_types::{Generation, SessionId};

use super::client::{Closing, Urgency};
use super::ledger::Purpose;
use super::state::State;

/// What is left to be done for a client that leaves.
#[derive(Debug)]
pub(crate) struct Ending {
    stage: Stage,
    leave: Leave,
    is_taken_over: bool,
}

/// How far a client has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its requests are being answered.
    Answers,
    /// Its detachments are being answered.
    Detaching,
    /// Its session is being told.
    Leaving,
    /// Only its socket is left.
    Gone,
}

/// What the session is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leave {
    pub(crate) will: WillFate,
    pub(crate) expiry_seconds: Option<u32>,
}

impl From<Close> for Leave {
    fn from(close: Close) -> Self {
        Self {
            will: close.will,
            expiry_seconds: None,
        }
    }
}

impl State {
    /// The connection is over; its output is still to be flushed.
    pub(crate) fn end(&mut self, slot: u32, leave: Leave) {
        if self.begin_end(slot, leave, Urgency::Flush) {
            self.advance_end(slot);
        }
    }

    /// Notes that the connection is over; false if it was noted before.
    pub(crate) fn begin_end(&mut self, slot: u32, leave: Leave, urgency: Urgency) -> bool {
        let Some(client) = self.clients.at_mut(slot) else {
            return false;
        };
        if client.is_ending() {
            return false;
        }
        let rare = client.rare();
        rare.partial = Vec::new();
        rare.stalled = super::stalled::Stalled::default();
        let is_taken_over = false;
        rare.ending = Some(Ending {
            stage: Stage::Answers,
            leave,
            is_taken_over,
        });
        if !client.is_socket_closed {
            self.closing.push(Closing { slot, urgency });
        }
        true
    }

    /// The broker ends the connection, for the given reason.
    pub(crate) fn shut_down(&mut self, slot: u32, why: (ReasonCode, &'static str)) {
        if self
            .clients
            .at(slot)
            .is_none_or(|client| client.is_ending())
        {
            return;
        }
        let close = self.speak(slot, |client, stats| {
            let (settings, bytes) = (&client.rules.settings, &mut client.out.bytes);
            client
                .connection
                .handle_shutdown(settings, why.0, why.1, bytes, stats)
        });
        if let Some(close) = close {
            self.end(slot, close.into());
        }
    }

    /// Another connection wants the session [MQTT-3.1.4-3] [MQTT3-3.1.4-2].
    pub(crate) fn handle_taken_over(
        &mut self,
        slot: u32,
        session: SessionId,
        generation: Generation,
    ) {
        let client = self.clients.at_mut(slot).filter(|client| {
            client.has_session && client.session == session && client.generation == generation
        });
        let Some(client) = client else {
            // It is gone already.
            return self.answer_closed(slot, session, generation);
        };
        self.stats.taken_over += 1;
        let is_socket_closed = client.is_socket_closed;
        match client.rare.as_mut().and_then(|rare| rare.ending.as_mut()) {
            Some(ending) if matches!(ending.stage, Stage::Leaving | Stage::Gone) => {
                return self.answer_closed(slot, session, generation);
            }
            Some(ending) => {
                ending.is_taken_over = true;
                if !is_socket_closed {
                    self.closing.push(Closing {
                        slot,
                        urgency: Urgency::Now,
                    });
                }
            }
            None => {
                let close = self.speak(slot, |client, stats| {
                    let (settings, bytes) = (&client.rules.settings, &mut client.out.bytes);
                    client.connection.handle_taken_over(settings, bytes, stats)
                });
                let Some(close) = close else { return };
                self.begin_end(slot, close.into(), Urgency::Now);
                let client = self.clients.at_mut(slot);
                if let Some(ending) = client.and_then(|client| client.rare().ending.as_mut()) {
                    ending.is_taken_over = true;
                }
            }
        }
        self.advance_end(slot);
    }

    fn answer_closed(&mut self, slot: u32, session: SessionId, generation: Generation) {
        let request = Request::Closed {
            session,
            generation,
        };
        self.follow_up(session.partition(), slot, Purpose::Nothing, request);
    }

    /// Does the next step for a client that leaves, if what it waits for has come.
    pub(crate) fn advance_end(&mut self, slot: u32) {
        loop {
            let Some(client) = self.clients.at_mut(slot) else {
                return;
            };
            let (outstanding, is_socket_closed) = (client.outstanding, client.is_socket_closed);
            let has_session = client.has_session;
            let Some(ending) = client.rare.as_mut().and_then(|rare| rare.ending.as_mut()) else {
                return;
            };
            if outstanding > 0 {
                return;
            }
            match ending.stage {
                Stage::Answers if has_session => {
                    ending.stage = Stage::Detaching;
                    self.detach_everywhere(slot);
                }
                Stage::Answers => ending.stage = Stage::Gone,
                Stage::Detaching if ending.is_taken_over && !is_socket_closed => return,
                Stage::Detaching => {
                    ending.stage = Stage::Leaving;
                    self.leave(slot);
                }
                Stage::Leaving => ending.stage = Stage::Gone,
                Stage::Gone if is_socket_closed => return self.free(slot),
                Stage::Gone => return,
            }
        }
    }

    fn detach_everywhere(&mut self, slot: u32) {
        let Some(client) = self.clients.at_mut(slot) else {
            return;
        };
        let (session, generation) = (client.session, client.generation);
        let mut partitions = client.attached;
        partitions.extend(
            &client
                .taken
                .iter()
                .map(|(partition, _)| *partition)
                .collect(),
        );
        for partition in partitions.iter() {
            let Some(client) = self.clients.at(slot) else {
                return;
            };
            let first_unsent = client.first_unsent(partition);
            let request = Request::Detach {
                session,
                generation,
                first_unsent,
            };
            self.follow_up(partition, slot, Purpose::Detach, request);
        }
    }

    fn leave(&mut self, slot: u32) {
        let Some(client) = self.clients.at_mut(slot) else {
            return;
        };
        let (session, generation) = (client.session, client.generation);
        let Some(ending) = client.rare.as_mut().and_then(|rare| rare.ending.as_mut()) else {
            return;
        };
        let Leave {
            will,
            expiry_seconds,
        } = ending.leave;
        let request = if ending.is_taken_over {
            Request::Closed {
                session,
                generation,
            }
        } else {
            let will = match will {
                WillFate::Forget => catena_partition::WillFate::Forget,
                WillFate::Publish => catena_partition::WillFate::Publish,
            };
            Request::Disconnect {
                session,
                generation,
                will,
                expiry_seconds,
            }
        };
        self.follow_up(session.partition(), slot, Purpose::Leave, request);
    }

    fn free(&mut self, slot: u32) {
        let Some(mut client) = self.clients.remove(slot) else {
            return;
        };
        client.out.clear(&mut self.buffers);
        self.stats.connections -= 1;
        if client.has_session {
            self.stats.sessions -= 1;
            self.stats.sessions_v3 -= u64::from(client.is_v3());
        }
    }
}
