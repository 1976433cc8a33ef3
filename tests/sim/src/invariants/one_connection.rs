//! ARCHITECTURE.md, invariant 4: "At most one connection delivers or acknowledges for a session at
//! a time; nothing of an old connection takes effect after the CONNACK of a new one."

use std::collections::BTreeMap;

use catena_partition::{Connected, Request};
use catena_types::{Generation, Moment, SessionId};

use super::Verdict;
use crate::violation::Violation;

const NAME: &str = "one_connection";

/// The newest connection of each session, as told by the answers to CONNECT.
#[derive(Debug, Default)]
pub(crate) struct OneConnection {
    newest: BTreeMap<SessionId, Generation>,
}

impl OneConnection {
    /// A frontend has been told that it has a session.
    ///
    /// # Errors
    /// If another has it with the same or a newer generation.
    pub(crate) fn connected(&mut self, now: Moment, connected: &Connected) -> Verdict {
        let Connected {
            session,
            generation,
            ..
        } = *connected;
        match self.newest.insert(session, generation) {
            Some(before) if before >= generation => Err(Violation::new(
                NAME,
                now,
                format!("session {session} has generations {before} and {generation}"),
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// A frontend asks something in the name of a connection.
    ///
    /// # Errors
    /// If the session has a newer one.
    pub(crate) fn asked(&self, now: Moment, request: &Request<'_>) -> Verdict {
        let (session, generation) = match request {
            Request::Ack {
                session,
                generation,
                ..
            }
            | Request::Detach {
                session,
                generation,
                ..
            }
            | Request::Range {
                session,
                generation,
                ..
            }
            | Request::Unsubscribe {
                session,
                generation,
                ..
            }
            | Request::Receive {
                session,
                generation,
                ..
            }
            | Request::Release {
                session,
                generation,
                ..
            } => (*session, *generation),
            Request::Attach {
                session,
                attachment,
            } => (*session, attachment.generation),
            Request::Store(request) => (request.session, request.attachment.generation),
            Request::Subscribe(subscribe) => (subscribe.session, subscribe.attachment.generation),
            // These are refused, or answer a question, without doing anything for the session.
            Request::Publish(_)
            | Request::Connect(_)
            | Request::Disconnect { .. }
            | Request::Closed { .. } => return Ok(()),
        };
        self.check(now, session, generation)
    }

    /// A frontend has taken a delivery for a connection.
    ///
    /// # Errors
    /// If the session has a newer one.
    pub(crate) fn taken(&self, now: Moment, session: SessionId, generation: Generation) -> Verdict {
        self.check(now, session, generation)
    }

    fn check(&self, now: Moment, session: SessionId, generation: Generation) -> Verdict {
        let newest = self.newest.get(&session).copied().unwrap_or(generation);
        if generation < newest {
            let detail = format!("session {session}: {generation} acts after {newest}");
            return Err(Violation::new(NAME, now, detail));
        }
        Ok(())
    }
}
