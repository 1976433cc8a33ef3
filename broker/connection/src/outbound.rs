//! What is sent to the client: deliveries within its limits, and its acknowledgements.

use catena_mqtt::{Ack, AckKind, PacketId, PublishHead, Qos, ReasonCode, Version, encode};
use catena_types::{Moment, PartitionId, Position};

use crate::alias::{OutboundAlias, OutboundAliases};
use crate::connection::{Connection, State};
use crate::in_flight::{Slot, Unavailable, Window};
use crate::{Settings, Stats};

/// The deliveries in flight.
#[derive(Debug, Default)]
pub(crate) struct Outbound {
    pub(crate) windows: Vec<Window>,
    /// The window used last: deliveries and acknowledgements come in runs.
    pub(crate) last: usize,
}

/// Where a delivery comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The partition.
    pub partition: PartitionId,
    /// Its handle, which goes back with the acknowledgement.
    pub attachment: u32,
}

/// One thing to send.
#[derive(Clone, Copy, Debug)]
pub enum Outgoing<'d> {
    /// PUBLISH.
    Publish(OutgoingPublish<'d>),
    /// PUBREL, after a PUBREC that is now committed or was so before a resume.
    Release {
        /// That of the message.
        position: Position,
    },
}

/// A message for the client.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingPublish<'d> {
    /// The topic name.
    pub topic: &'d str,
    /// The QoS granted.
    pub qos: Qos,
    /// RETAIN as the client is to see it.
    pub retain: bool,
    /// Whether it may have been sent before.
    pub dup: bool,
    /// Its place in the queue. `None` only at QoS 0.
    pub position: Option<Position>,
    /// When it expires.
    pub expires: Option<Moment>,
    /// The identifiers of all matching subscriptions.
    pub subscription_ids: &'d [u32],
    /// The encoded properties that are passed on.
    pub properties: &'d [u8],
    /// The application's bytes.
    pub payload: &'d [u8],
    /// The payload is not written: the caller sends it right behind what is.
    pub payload_apart: bool,
}

/// What became of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// Written (or dropped, if it has no position): nothing to do.
    Taken,
    /// Nothing more will be heard of it: acknowledge its position to the partition now.
    TakenAndDone {
        /// Why.
        reason: Done,
    },
    /// It is in flight on this connection already, and was not written again.
    InFlight,
    /// The partition has no range of packet identifiers here: ask for one, then offer again.
    NoRange,
    /// As much is in flight as the client allows [MQTT-4.9.0-2], or the connection is not open:
    /// offer again after the next acknowledgement.
    WindowFull,
}

impl Offered {
    /// Whether the delivery needs not be offered again on this connection.
    #[inline]
    #[must_use]
    pub const fn is_taken(self) -> bool {
        match self {
            Self::Taken | Self::TakenAndDone { .. } | Self::InFlight => true,
            Self::NoRange | Self::WindowFull => false,
        }
    }
}

/// Why a delivery needs no acknowledgement of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Written at QoS 0.
    Written,
    /// Expired before it was sent [MQTT-3.3.2-5].
    Expired,
    /// Above the client's Maximum Packet Size: counts as sent [MQTT-3.1.2-25].
    TooLarge,
}

impl Connection {
    /// The partition's range of packet identifiers is at `place`, counted from 0.
    pub fn handle_range(&mut self, partition: PartitionId, place: u16) {
        let index = usize::from(place);
        if self.ranges.len() <= index {
            self.ranges.resize(index + 1, NO_PARTITION);
        }
        if let Some(range) = self.ranges.get_mut(index) {
            *range = partition;
        }
    }

    /// Offers a delivery. Writes PUBLISH or PUBREL into `bytes`, or says why not.
    #[inline]
    pub fn offer(
        &mut self,
        now: Moment,
        settings: &Settings,
        source: Source,
        outgoing: &Outgoing<'_>,
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) -> Offered {
        let (State::Connected, Some(version)) = (self.state, self.version) else {
            return Offered::WindowFull;
        };
        match outgoing {
            Outgoing::Publish(publish) => match (publish.qos, publish.position) {
                (Qos::AtLeastOnce | Qos::ExactlyOnce, Some(position)) => {
                    let at = (source, position);
                    self.offer_acknowledged(now, settings, version, at, publish, bytes, stats)
                }
                // Without a position there is no packet identifier, so no higher QoS.
                (_, position) => {
                    let publish = OutgoingPublish {
                        qos: Qos::AtMostOnce,
                        ..*publish
                    };
                    let done = self.write_publish(now, version, &publish, None, bytes, stats);
                    match position {
                        Some(_) => Offered::TakenAndDone {
                            reason: done.unwrap_or(Done::Written),
                        },
                        None => Offered::Taken,
                    }
                }
            },
            Outgoing::Release { position } => {
                self.offer_release(settings, source, *position, bytes, stats)
            }
        }
    }

    /// A QoS 1 or 2 delivery.
    #[inline]
    #[expect(
        clippy::too_many_arguments,
        reason = "one call, inlined into its only caller"
    )]
    fn offer_acknowledged(
        &mut self,
        now: Moment,
        settings: &Settings,
        version: Version,
        (source, position): (Source, Position),
        publish: &OutgoingPublish<'_>,
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) -> Offered {
        // [MQTT-3.3.4-9]
        if self.in_flight >= self.receive_maximum {
            stats.deliveries_held_back += 1;
            return Offered::WindowFull;
        }
        let Some(window) = self.window(settings, source) else {
            return Offered::NoRange;
        };
        let packet_id = match window.packet_id(position) {
            Ok(packet_id) => packet_id,
            Err(Unavailable::InFlight) => return Offered::InFlight,
            // An unused packet identifier for each message [MQTT-4.3.2-1] [MQTT-4.3.3-1].
            Err(Unavailable::Taken) => {
                stats.deliveries_held_back += 1;
                return Offered::WindowFull;
            }
        };
        let packet_id = Some(packet_id);
        if let Some(reason) = self.write_publish(now, version, publish, packet_id, bytes, stats) {
            return Offered::TakenAndDone { reason };
        }
        let is_qos1 = publish.qos == Qos::AtLeastOnce;
        let slot = if is_qos1 {
            Slot::AtLeastOnce
        } else {
            Slot::ExactlyOnce
        };
        if let Some(window) = self.last_window() {
            window.put(position, slot);
            self.in_flight += 1;
        }
        Offered::Taken
    }

    /// PUBREL, the answer to PUBREC [MQTT-4.3.3-4], or sent again after a resume [MQTT-4.4.0-1].
    fn offer_release(
        &mut self,
        settings: &Settings,
        source: Source,
        position: Position,
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) -> Offered {
        let Some(window) = self.window(settings, source) else {
            return Offered::NoRange;
        };
        let (next, packet_id) = match window.slot_of(position) {
            Slot::Free => match window.packet_id(position) {
                Ok(packet_id) => (Slot::Resumed, packet_id),
                Err(Unavailable::Taken) => return Offered::WindowFull,
                Err(Unavailable::InFlight) => return Offered::InFlight,
            },
            Slot::Received => match window.id_of(position) {
                Some(packet_id) => (Slot::Released, packet_id),
                None => return Offered::InFlight,
            },
            Slot::AtLeastOnce | Slot::ExactlyOnce | Slot::Released | Slot::Resumed => {
                return Offered::InFlight;
            }
        };
        window.put(position, next);
        self.write_pubrel(packet_id, ReasonCode::Success, bytes, stats);
        Offered::Taken
    }

    /// Writes a PUBLISH, or says why it never will be.
    #[inline]
    fn write_publish(
        &mut self,
        now: Moment,
        version: Version,
        publish: &OutgoingPublish<'_>,
        packet_id: Option<PacketId>,
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) -> Option<Done> {
        let mut message_expiry = None;
        if let Some(expires) = publish.expires {
            // What was begun is finished [MQTT-4.3.3-7] [MQTT-4.3.3-13].
            if expires <= now && !publish.dup {
                stats.deliveries_expired += 1;
                return Some(Done::Expired);
            }
            message_expiry = Some(seconds_until(now, expires));
        }
        let mut head = PublishHead {
            dup: publish.dup,
            qos: publish.qos,
            retain: publish.retain,
            packet_id,
            topic: publish.topic,
            topic_alias: None,
            message_expiry,
            subscription_ids: publish.subscription_ids,
        };
        let is_written = if self.topic_alias_outbound_max > 0 {
            self.write_aliased(&mut head, publish, bytes, stats)
        } else {
            self.fits(version, &head, publish) && encode(bytes, version, &head, publish)
        };
        if is_written {
            stats.count_publish_sent(publish.qos, publish.payload.len());
            None
        } else {
            stats.deliveries_too_large += 1;
            Some(Done::TooLarge)
        }
    }

    /// Writes a PUBLISH to a client that takes topic aliases [MQTT-3.1.2-26].
    fn write_aliased(
        &mut self,
        head: &mut PublishHead<'_>,
        publish: &OutgoingPublish<'_>,
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) -> bool {
        let maximum = self.topic_alias_outbound_max;
        let aliases = self
            .outbound_aliases
            .get_or_insert_with(|| Box::new(OutboundAliases::new(maximum)));
        let topic = head.topic;
        let mut is_new = false;
        match aliases.alias_of(topic) {
            OutboundAlias::None => {}
            OutboundAlias::Known(alias) => {
                head.topic = "";
                head.topic_alias = Some(alias);
                stats.topic_aliases_used += 1;
            }
            OutboundAlias::New(alias) => {
                head.topic_alias = Some(alias);
                is_new = true;
            }
        }
        if is_new && !self.fits(Version::V5, head, publish) {
            // The three bytes of the alias may be the ones too many.
            head.topic_alias = None;
            is_new = false;
        }
        let is_written =
            self.fits(Version::V5, head, publish) && encode(bytes, Version::V5, head, publish);
        if let (true, true, Some(aliases)) = (is_written, is_new, &mut self.outbound_aliases) {
            aliases.set(topic);
        }
        is_written
    }

    /// Whether the client takes a packet of that size [MQTT-3.1.2-24].
    #[inline]
    fn fits(
        &self,
        version: Version,
        head: &PublishHead<'_>,
        publish: &OutgoingPublish<'_>,
    ) -> bool {
        self.packet_bytes_max == u32::MAX
            || encode::publish_size(version, head, publish.properties, publish.payload)
                <= self.packet_bytes_max as usize
    }

    pub(crate) fn write_pubrel(
        &self,
        packet_id: PacketId,
        reason: ReasonCode,
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) {
        let Some(version) = self.version else {
            return;
        };
        let ack = Ack {
            reason,
            ..Ack::success(packet_id)
        };
        if self.write(bytes, |bytes| ack.encode(AckKind::PubRel, version, bytes)) {
            stats.count_sent(AckKind::PubRel.first_byte() >> 4);
        }
    }

    /// The window of a partition, made if it has a range.
    #[inline]
    fn window(&mut self, settings: &Settings, source: Source) -> Option<&mut Window> {
        let outbound = self.outbound.get_or_insert_default();
        let is_last = outbound.windows.get(outbound.last);
        if is_last.is_none_or(|window| window.partition != source.partition) {
            let of_source = |window: &Window| window.partition == source.partition;
            outbound.last = match outbound.windows.iter().position(of_source) {
                Some(index) => index,
                None => {
                    let of_source = |partition: &PartitionId| *partition == source.partition;
                    let place = self.ranges.iter().position(of_source)?;
                    let place = u16::try_from(place).ok()?;
                    let size = settings.packet_ids_per_range;
                    outbound
                        .windows
                        .push(Window::new(source.partition, place, size)?);
                    outbound.windows.len() - 1
                }
            };
        }
        let window = outbound.windows.get_mut(outbound.last)?;
        window.attachment = source.attachment;
        Some(window)
    }

    /// The window that [`window`](Self::window) found last.
    #[inline]
    fn last_window(&mut self) -> Option<&mut Window> {
        let outbound = self.outbound.as_deref_mut()?;
        outbound.windows.get_mut(outbound.last)
    }
}

impl Outbound {
    pub(crate) fn is_empty(&self) -> bool {
        self.windows.iter().all(Window::is_empty)
    }
}

/// Writes a PUBLISH, its payload only if that is not sent apart. Whether it could be expressed.
#[inline]
fn encode(
    bytes: &mut Vec<u8>,
    version: Version,
    head: &PublishHead<'_>,
    publish: &OutgoingPublish<'_>,
) -> bool {
    let (properties, payload) = (publish.properties, publish.payload);
    let result = if publish.payload_apart {
        encode::publish_beginning(bytes, version, head, properties, payload.len())
    } else {
        encode::publish(bytes, version, head, properties, payload)
    };
    result.is_ok()
}

/// What is left of a lifetime in seconds, to the nearest, since `now` may be read a little before
/// the moment at which the message came in elsewhere: rounded up, it would have more left than it
/// came with [MQTT-3.3.2-6]. Only nothing is 0.
fn seconds_until(now: Moment, expires: Moment) -> u32 {
    let left = expires.since(now);
    let seconds = (left.as_nanos() + 500_000_000) / 1_000_000_000;
    let seconds = seconds.max(u128::from(!left.is_zero()));
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

/// In place of a partition whose range is not known.
const NO_PARTITION: PartitionId = PartitionId::new(u16::MAX);
