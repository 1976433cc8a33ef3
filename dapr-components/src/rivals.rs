//! Tells what happens to a connection; above all, that somebody else has its client ID.
//!
//! A broker that gives a client ID to another connection says so in a DISCONNECT. The SDK hears of
//! it only if that has properties, else the connection just ends. So what is not told has to be
//! guessed, and a guess must not blame a replica for a broker that is restarted: such a broker
//! cannot be reached for a while, or has forgotten the session.

use std::sync::Arc;
use std::time::Duration;

use catena_sdk::{Client, Error, Event, Reason};
use tokio::time::Instant;

use crate::instances::InstanceName;
use crate::metrics::Metrics;

/// Whose connection it is.
pub(crate) struct Watched {
    pub(crate) kind: &'static str,
    pub(crate) name: InstanceName,
    /// Whether the broker keeps the session when a connection ends.
    pub(crate) keeps_session: bool,
    /// What to do about a client ID that somebody else has, too.
    pub(crate) remedy: &'static str,
    /// Where to count what is dropped.
    pub(crate) metrics: Arc<Metrics>,
}

/// How connections have ended so far.
#[derive(Debug, Default)]
struct Ends {
    /// Since when there is a connection.
    since: Option<Instant>,
    /// How many in a row were short, of those with nothing else between them.
    short: u32,
}

/// What the end of a connection, or an attempt to make one, means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// The broker is away, or does not want us.
    Away,
    /// The broker has said that another client has the client ID.
    TakenOver,
    /// It looks as if another client had the client ID: the broker is there all the time.
    Suspicious,
}

const TAKEN_OVER: u8 = Reason::SESSION_TAKEN_OVER.code();

/// A connection that lives shorter may have been taken over.
const SHORT: Duration = Duration::from_secs(5);

/// So many in a row are no accident.
const SHORT_COUNT: u32 = 3;

impl Ends {
    /// `is_new`: the broker has forgotten a session that it should have kept.
    fn connected(&mut self, now: Instant, is_new: bool) {
        self.since = Some(now);
        if is_new {
            self.short = 0;
        }
    }

    /// `told`: the reason code with which the broker ended or refused the connection, if any.
    fn disconnected(&mut self, now: Instant, told: Option<u8>) -> Meaning {
        let lived = self.since.take();
        let lived = lived.map(|since| now.saturating_duration_since(since));
        match (lived, told) {
            (_, Some(TAKEN_OVER)) => {
                self.short = 0;
                Meaning::TakenOver
            }
            // The broker says what it is, or is not there: nobody has to guess.
            (_, Some(_)) | (None, None) => {
                self.short = 0;
                Meaning::Away
            }
            (Some(lived), None) if lived >= SHORT => {
                self.short = 0;
                Meaning::Away
            }
            (Some(_), None) => {
                self.short += 1;
                match self.short {
                    SHORT_COUNT => Meaning::Suspicious,
                    _ => Meaning::Away,
                }
            }
        }
    }
}

/// Watches until the client ends.
pub(crate) fn watch_over(client: &Client, watched: Watched) -> impl Future<Output = ()> + use<> {
    let mut events = client.events();
    let client_id = client.client_id().to_owned();
    let mut ends = Ends::default();
    if client.is_connected() {
        ends.connected(Instant::now(), false);
    }
    async move {
        let mut told = None;
        while let Some(event) = events.next().await {
            match event {
                Event::Connected { session_present } => {
                    let is_new = watched.keeps_session && !session_present;
                    ends.connected(Instant::now(), is_new);
                    told = None;
                    tell_connected(&watched, session_present);
                }
                Event::Disconnected { error } => {
                    let said = match &error {
                        Error::ConnectionRefused { reason } => Some(reason.code()),
                        _ => None,
                    };
                    let meaning = ends.disconnected(Instant::now(), said);
                    // Each attempt ends like the one before, until it does not.
                    let why = error.to_string();
                    if meaning != Meaning::Away || told.as_ref() != Some(&why) {
                        tell_disconnected(&watched, &client_id, meaning, &error);
                    }
                    told = Some(why);
                }
                Event::Unclaimed { count } => {
                    let dropped = &watched.metrics.dropped_orphaned;
                    dropped.add_many(u64::try_from(count).unwrap_or_default());
                    tracing::warn!(
                        component = %watched.name,
                        count,
                        "messages dropped: the session has subscriptions that no application wants"
                    );
                }
                Event::Ended { .. } => return,
                _ => {}
            }
        }
    }
}

fn tell_connected(watched: &Watched, session_present: bool) {
    let Watched { kind, name, .. } = watched;
    tracing::info!(component = %name, kind, session_present, "connected to the broker");
}

fn tell_disconnected(watched: &Watched, client_id: &str, meaning: Meaning, error: &Error) {
    let Watched {
        kind, name, remedy, ..
    } = watched;
    match meaning {
        Meaning::Away => {
            tracing::warn!(component = %name, kind, %error, "the broker is away");
        }
        Meaning::TakenOver => tracing::error!(
            component = %name,
            kind,
            client_id,
            remedy,
            "another client has connected with the same client ID, and has this connection's place"
        ),
        Meaning::Suspicious => tracing::error!(
            component = %name,
            kind,
            client_id,
            remedy,
            %error,
            "connections end again and again although the broker is there: another client may have \
             the same client ID"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How a connection, or an attempt, ends, and after how many seconds; none for an attempt.
    type End = (Option<u64>, Option<u8>);

    const UNTOLD: Option<u8> = None;

    #[track_caller]
    fn check(ends: &[End], expected: &[Meaning]) {
        let mut now = Instant::now();
        let mut watched = Ends::default();
        let mut meanings = Vec::new();
        for (lived, reason) in ends {
            if let Some(lived) = lived {
                watched.connected(now, false);
                now += Duration::from_secs(*lived);
            }
            meanings.push(watched.disconnected(now, *reason));
        }
        assert_eq!(meanings, expected, "{ends:?}");
    }

    #[test]
    fn what_the_broker_says_counts() {
        let of = |reason| (Some(1), Some(reason));
        check(&[of(0x8E)], &[Meaning::TakenOver]);
        // Shut down, busy, an operator's doing: as often as it likes.
        for reason in [0x8B, 0x89, 0x98, 0x87] {
            check(&[of(reason); 6], &[Meaning::Away; 6]);
        }
    }

    #[test]
    fn who_keeps_losing_a_connection_to_a_broker_that_is_there_has_a_rival() {
        let expected = [
            Meaning::Away,
            Meaning::Away,
            Meaning::Suspicious,
            Meaning::Away,
        ];
        check(&[(Some(1), UNTOLD); 4], &expected);
        // Short and long ones in turn are the network's doing.
        let turns = [(Some(1), UNTOLD), (Some(1), UNTOLD), (Some(60), UNTOLD)];
        check(&turns.repeat(3), &[Meaning::Away; 9]);
    }

    /// A DISCONNECT that is a reason code and nothing else, such as 0x8B, is not told. A broker
    /// that goes away in the first seconds of a connection cannot be reached for a while.
    #[test]
    fn a_broker_that_is_restarted_again_and_again_is_no_rival() {
        let restart = [(Some(1), UNTOLD), (None, UNTOLD), (None, UNTOLD)];
        check(&restart.repeat(4), &[Meaning::Away; 12]);
        let one_attempt = [(Some(0), UNTOLD), (None, UNTOLD)];
        check(&one_attempt.repeat(6), &[Meaning::Away; 12]);
        // It may be back before the next attempt, and then knows nothing of the session.
        let mut ends = Ends::default();
        let mut now = Instant::now();
        for _ in 0..6 {
            ends.connected(now, true);
            now += Duration::from_secs(1);
            assert_eq!(ends.disconnected(now, UNTOLD), Meaning::Away);
        }
        // Shutting down is told by one that has more to say, and by its refusals later.
        let told = [(Some(1), Some(0x8B)), (None, UNTOLD), (Some(1), UNTOLD)];
        check(&told.repeat(3), &[Meaning::Away; 9]);
    }
}
