//! Publishes a number of messages as fast as the broker acknowledges them.

use std::time::{Duration, Instant};

use super::args::BenchArgs;
use super::fleet::{Fleet, Member};
use super::peer::Progress as Reading;
use super::progress::Progress;
use super::wire::{self, PUBACK, PUBCOMP, PUBREC, PUBREL, Stamp, Template};
use crate::client::Failure;
use crate::clock;

/// How long to wait for an event.
const TURN: Duration = Duration::from_millis(50);

/// What publishing came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) acknowledged: u32,
    pub(super) refused: u64,
    pub(super) time: Duration,
}

/// Publishes `count` messages with sequence numbers from 0 on one connection of its own, at most
/// a window of them unacknowledged. `template` chooses by sequence number.
pub(super) fn publish<'t>(
    args: &BenchArgs,
    tag: &str,
    count: u32,
    progress: &mut Progress,
    template: impl Fn(u32) -> Option<&'t Template>,
) -> Result<Stored, Failure> {
    let mut fleet = Fleet::new(args)?;
    let member = Member {
        client_id: format!("cb{tag}p"),
        filters: Vec::new(),
        session_expiry: None,
    };
    fleet.assemble(&[member], args, |_, _| {})?;
    let receive_maximum = fleet.peers.first().map_or(1, |peer| peer.receive_maximum);
    let window = args.window.min(receive_maximum.into());
    let begin = clock::monotonic();
    let mut stored = Stored::default();
    let mut sent = 0;
    let mut last: (u32, Instant) = (0, begin);
    while stored.acknowledged < count {
        let now = clock::monotonic();
        if stored.acknowledged != last.0 {
            last = (stored.acknowledged, now);
        }
        if now - last.1 > args.stall {
            break;
        }
        progress.show(now, || format!("stored {} of {count}", stored.acknowledged));
        let Some(peer) = fleet.peers.first_mut() else {
            break;
        };
        while sent < count && sent - stored.acknowledged < window {
            if let Some(template) = template(sent) {
                let stamp = Stamp {
                    sequence: sent,
                    ..Stamp::default()
                };
                template.put(&mut peer.out, stamp);
            }
            sent += 1;
        }
        peer.flush()?;
        fleet.wait(TURN)?;
        take_acknowledgements(&mut fleet, &mut stored)?;
    }
    stored.time = clock::monotonic() - begin;
    fleet.dismiss(0, Duration::from_secs(1))?;
    Ok(stored)
}

fn take_acknowledgements(fleet: &mut Fleet, stored: &mut Stored) -> Result<(), Failure> {
    if fleet.ready.is_empty() {
        return Ok(());
    }
    let Some(peer) = fleet.peers.first_mut() else {
        return Ok(());
    };
    let progress = peer.read(&mut fleet.scratch, |out, first_byte, body| {
        let Some((packet_id, reason)) = wire::acknowledged(body) else {
            return;
        };
        match first_byte {
            PUBREC if reason < 0x80 => wire::acknowledge(out, PUBREL, packet_id),
            PUBACK | PUBREC | PUBCOMP => {
                stored.acknowledged += 1;
                stored.refused += u64::from(reason >= 0x80);
            }
            _ => {}
        }
    })?;
    if progress == Reading::Closed {
        return Err(Failure::lost());
    }
    fleet.note(0, progress);
    Ok(())
}
