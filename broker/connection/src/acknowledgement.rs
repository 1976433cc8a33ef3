//! The client's acknowledgements of what was sent to it.

use catena_mqtt::{Ack, PacketId, ReasonCode};

use crate::close::Failure;
use crate::connection::Connection;
use crate::in_flight::{Slot, Window};
use crate::{Action, Outbox, Phase};

impl Connection {
    /// PUBACK: a QoS 1 delivery is done [MQTT-4.3.2-3], with whatever reason [MQTT-4.4.0-2].
    #[inline]
    pub(crate) fn take_puback(
        &mut self,
        packet_id: PacketId,
        out: &mut Outbox<'_, '_>,
    ) -> Result<(), Failure> {
        let Some((window, index)) = self.find(packet_id) else {
            out.stats.acknowledgements_unknown += 1;
            return Ok(());
        };
        match window.slot(index) {
            Slot::AtLeastOnce => {
                push_ack(window, index, Phase::Complete, out);
                window.free(index);
                self.in_flight -= 1;
            }
            Slot::Free => out.stats.acknowledgements_unknown += 1,
            Slot::ExactlyOnce | Slot::Received | Slot::Released | Slot::Resumed => {
                return Err(Failure::protocol("PUBACK for a QoS 2 publish"));
            }
        }
        Ok(())
    }

    /// PUBREC: the client has a QoS 2 delivery, or refuses it [MQTT-4.3.3-3].
    pub(crate) fn take_pubrec(
        &mut self,
        ack: &Ack<'_>,
        out: &mut Outbox<'_, '_>,
    ) -> Result<(), Failure> {
        let packet_id = ack.packet_id;
        let slot = self
            .find(packet_id)
            .map_or(Slot::Free, |(window, index)| window.slot(index));
        match slot {
            Slot::Free => {
                out.stats.acknowledgements_unknown += 1;
                // After a failure there is nothing to release.
                if !ack.reason.is_error() {
                    let reason = ReasonCode::PacketIdentifierNotFound;
                    self.write_pubrel(packet_id, reason, out.bytes, out.stats);
                }
            }
            Slot::ExactlyOnce => {
                let Some((window, index)) = self.find(packet_id) else {
                    return Ok(());
                };
                if ack.reason.is_error() {
                    // [MQTT-4.4.0-2]
                    push_ack(window, index, Phase::Complete, out);
                    window.free(index);
                    self.in_flight -= 1;
                } else {
                    push_ack(window, index, Phase::Received, out);
                    window.set(index, Slot::Received);
                }
            }
            // PUBREL leaves when the partition says so.
            Slot::Received => {}
            // Each PUBREC is answered by PUBREL [MQTT-4.3.3-4].
            Slot::Released | Slot::Resumed => {
                self.write_pubrel(packet_id, ReasonCode::Success, out.bytes, out.stats);
            }
            Slot::AtLeastOnce => {
                return Err(Failure::protocol("PUBREC for a QoS 1 publish"));
            }
        }
        Ok(())
    }

    /// PUBCOMP: a QoS 2 delivery is done [MQTT-4.3.3-5].
    pub(crate) fn take_pubcomp(
        &mut self,
        packet_id: PacketId,
        out: &mut Outbox<'_, '_>,
    ) -> Result<(), Failure> {
        let Some((window, index)) = self.find(packet_id) else {
            out.stats.acknowledgements_unknown += 1;
            return Ok(());
        };
        let slot = window.slot(index);
        match slot {
            Slot::Released | Slot::Resumed => {
                push_ack(window, index, Phase::Complete, out);
                window.free(index);
                self.in_flight -= u16::from(slot == Slot::Released);
            }
            Slot::Free => out.stats.acknowledgements_unknown += 1,
            Slot::AtLeastOnce | Slot::ExactlyOnce | Slot::Received => {
                return Err(Failure::protocol("PUBCOMP without PUBREL"));
            }
        }
        Ok(())
    }

    /// Where a packet identifier stands among what is in flight.
    #[inline]
    fn find(&mut self, packet_id: PacketId) -> Option<(&mut Window, usize)> {
        let outbound = self.outbound.as_deref_mut()?;
        let in_last = outbound.windows.get(outbound.last);
        if in_last.is_none_or(|window| window.index_of(packet_id).is_none()) {
            let has_it = |window: &Window| window.index_of(packet_id).is_some();
            outbound.last = outbound.windows.iter().position(has_it)?;
        }
        let window = outbound.windows.get_mut(outbound.last)?;
        let index = window.index_of(packet_id)?;
        Some((window, index))
    }
}

/// Tells the partition, as part of a run if there is one. Acknowledgements of several partitions
/// come in turns, so the last few runs are looked at.
#[inline]
fn push_ack(window: &Window, index: usize, phase: Phase, out: &mut Outbox<'_, '_>) {
    let position = window.position(index);
    for action in out.actions.iter_mut().rev().take(RUNS_MAX) {
        let Action::Ack {
            partition,
            attachment,
            from,
            count,
            phase: of_run,
        } = action
        else {
            break;
        };
        if *partition == window.partition && *of_run == phase {
            // The run may be one of another client, whose actions stand before these.
            let is_own = *attachment == window.attachment;
            if is_own && position == from.plus(u64::from(*count)) {
                *count += 1;
                return;
            }
            // Within a partition the order is kept.
            break;
        }
    }
    let (partition, attachment) = (window.partition, window.attachment);
    out.actions.push(Action::Ack {
        partition,
        attachment,
        from: position,
        count: 1,
        phase,
    });
}

/// How many runs of acknowledgements grow at the same time.
const RUNS_MAX: usize = 8;
