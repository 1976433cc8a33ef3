//! What comes back from a partition during an exchange: replies, notices and deliveries, written
//! straight into the output of the client they are for.

use catena_connection::{Close, Offered, Source};
use catena_mqtt::ReasonCode;
use catena_partition::{
    AttachmentIndex, Delivery, Notice, Outgoing, Phase, Receiver, Reply, Request, RequestNumber,
    SharedBody, Taken,
};
use catena_types::{Moment, PartitionId, Position, SessionId};

use super::client::Client;
use super::ledger::{FollowUp, Purpose, Record};
use super::stalled::{Entry, Lack};
use super::state::State;

/// A worker as one partition's receiver.
pub(crate) struct Turn<'t> {
    pub(crate) state: &'t mut State,
    pub(crate) partition: PartitionId,
    pub(crate) now: Moment,
}

impl Receiver for Turn<'_> {
    fn reply(&mut self, number: RequestNumber, reply: Reply) {
        let Some(Record { slot, purpose }) = self.state.ledger(self.partition).settle(number)
        else {
            return;
        };
        let Some(client) = self.state.clients.at_mut(slot) else {
            return;
        };
        client.outstanding = client.outstanding.saturating_sub(1);
        // Neither reading nor ending waits for this reply.
        let is_calm = !client.is_paused && !client.is_ending();
        let outcome = match (purpose, reply) {
            (Purpose::Publish(ticket), Reply::Published(reason)) => {
                let outcome = self.speak(slot, |client, stats| {
                    let (settings, bytes) = (&client.rules.settings, &mut client.out.bytes);
                    let connection = &mut client.connection;
                    connection.handle_published(settings, ticket, reason, bytes, stats)
                });
                if is_calm && outcome.is_ok() {
                    return;
                }
                outcome
            }
            (purpose, reply) => self.handle_rare_reply(slot, purpose, reply),
        };
        if let Err(close) = outcome {
            self.state.end(slot, close.into());
        }
        self.state.reopen(self.now, slot);
        self.state.advance_end(slot);
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::TakenOver {
                connection,
                session,
                generation,
            } => {
                self.state
                    .handle_taken_over(connection, session, generation);
            }
        }
    }

    #[inline]
    fn deliver(&mut self, delivery: &Delivery<'_>) -> Taken {
        let slot = delivery.connection;
        let Some(client) = self.state.clients.at_mut(slot) else {
            return Taken::NotNow;
        };
        // The handle may be of a connection that is gone, or going.
        if client.generation != delivery.generation
            || client.session != delivery.session
            || client.is_ending()
        {
            return Taken::NotNow;
        }
        let takes_apart = client.takes_apart;
        let shared = shared(&delivery.what).filter(|_| takes_apart);
        let (outgoing, position) = convert(&delivery.what, shared.is_some());
        // A PUBREL always goes out: it makes room, and the partition does not offer it twice.
        let is_release = matches!(delivery.what, Outgoing::Release { .. });
        if !is_release
            && (client.out.is_full() || client.rare.is_some())
            && let Some(taken) = self.hold_back(delivery, position)
        {
            return taken;
        }
        let source = Source {
            partition: self.partition,
            attachment: delivery.attachment.0,
        };
        let (now, partition) = (self.now, self.partition);
        let offered = self.state.speak(slot, |client, stats| {
            let before = client.out.bytes.len();
            let (settings, bytes) = (&client.rules.settings, &mut client.out.bytes);
            let offered = client
                .connection
                .offer(now, settings, source, &outgoing, bytes, stats);
            if let Some((body, len)) = shared
                && client.out.bytes.len() > before
            {
                client.out.push_apart(body, len);
            }
            if let (Some(position), true) = (position, offered.is_taken()) {
                client.note_taken(partition, position);
            }
            offered
        });
        self.handle_offered(delivery, position, offered.unwrap_or(Offered::WindowFull))
    }
}

impl Turn<'_> {
    #[inline]
    fn speak(
        &mut self,
        slot: u32,
        speak: impl FnOnce(&mut Client, &mut catena_connection::Stats) -> Result<(), Close>,
    ) -> Result<(), Close> {
        self.state.speak(slot, speak).unwrap_or(Ok(()))
    }

    fn handle_rare_reply(
        &mut self,
        slot: u32,
        purpose: Purpose,
        reply: Reply,
    ) -> Result<(), Close> {
        match (purpose, reply) {
            (Purpose::Connect, Reply::Connected(connected)) => {
                self.state.handle_connected(self.now, slot, &connected)
            }
            (Purpose::Connect, Reply::ConnectRefused(reason)) => {
                self.state.refuse(slot, reason);
                Ok(())
            }
            (Purpose::Subscribe(packet_id), Reply::Subscribed(subscribed)) => {
                if let Some(client) = self.state.clients.at_mut(slot) {
                    client.attached.extend(&subscribed.partitions);
                }
                self.speak(slot, |client, stats| {
                    let (settings, bytes) = (&client.rules.settings, &mut client.out.bytes);
                    let connection = &mut client.connection;
                    let codes = &subscribed.codes;
                    connection.handle_subscribed(settings, packet_id, codes, bytes, stats)
                })
            }
            (Purpose::Unsubscribe(packet_id), Reply::Unsubscribed { codes }) => {
                self.speak(slot, |client, stats| {
                    let (settings, bytes) = (&client.rules.settings, &mut client.out.bytes);
                    let connection = &mut client.connection;
                    connection.handle_unsubscribed(settings, packet_id, &codes, bytes, stats)
                })
            }
            (Purpose::Release(packet_id), Reply::Released { known }) => {
                self.speak(slot, |client, stats| {
                    let (settings, bytes) = (&client.rules.settings, &mut client.out.bytes);
                    let connection = &mut client.connection;
                    connection.handle_released(settings, packet_id, known, bytes, stats)
                })
            }
            (Purpose::Range, Reply::Ranged { partition, place }) => {
                self.handle_range(slot, partition, place);
                Ok(())
            }
            (Purpose::Attach | Purpose::Detach | Purpose::Leave, _) => Ok(()),
            (_, reply) => self.handle_refusal(slot, &reply),
        }
    }

    /// The session has a newer connection or has ended, or the reply does not belong to the
    /// request: this connection has nothing more to say for the session.
    fn handle_refusal(&mut self, slot: u32, reply: &Reply) -> Result<(), Close> {
        let why = match reply {
            Reply::Stale => (ReasonCode::SessionTakenOver, "session ended or taken over"),
            _ => (
                ReasonCode::ImplementationSpecificError,
                "unexpected reply of a partition",
            ),
        };
        self.state.shut_down(slot, why);
        Ok(())
    }

    fn handle_range(&mut self, slot: u32, partition: PartitionId, place: u16) {
        if let Some(client) = self.state.clients.at_mut(slot) {
            client.connection.handle_range(partition, place);
            if let Some(stalled) = client.stalled() {
                stalled.handle_range(partition);
            }
            self.state.begin_resume(slot);
        }
    }

    /// Whether a delivery is turned down, or dropped, before it is even offered.
    fn hold_back(&mut self, delivery: &Delivery<'_>, position: Option<Position>) -> Option<Taken> {
        let client = self.state.clients.at_mut(delivery.connection)?;
        let partition = self.partition;
        let is_full = client.out.is_full();
        if position.is_none() {
            // QoS 0 waits for nobody.
            self.state.stats.deliveries_dropped += u64::from(is_full);
            return is_full.then_some(Taken::Yes);
        }
        let is_behind = client
            .stalled()
            .is_some_and(|stalled| stalled.comes_before(partition));
        if !is_full && !is_behind {
            return None;
        }
        let entry = self.entry(delivery, Lack::Room);
        let client = self.state.clients.at_mut(delivery.connection)?;
        let stalled = &mut client.rare().stalled;
        if is_full {
            stalled.handle_full(entry);
        } else {
            stalled.push(entry);
        }
        self.state.stats.deliveries_postponed += 1;
        Some(Taken::NotNow)
    }

    #[inline]
    fn handle_offered(
        &mut self,
        delivery: &Delivery<'_>,
        position: Option<Position>,
        offered: Offered,
    ) -> Taken {
        match offered {
            Offered::Taken | Offered::InFlight => Taken::Yes,
            Offered::TakenAndDone { .. } => {
                self.acknowledge(delivery, position);
                Taken::Yes
            }
            Offered::WindowFull => self.stall(delivery, Lack::Room),
            Offered::NoRange => {
                self.ask_range(delivery);
                self.stall(delivery, Lack::Range)
            }
        }
    }

    /// Acknowledges what the client will not acknowledge.
    fn acknowledge(&mut self, delivery: &Delivery<'_>, position: Option<Position>) {
        let Some(from) = position else { return };
        let (session, attachment) = (delivery.session, delivery.attachment);
        let ledger = self.state.ledger(self.partition);
        if let Some(FollowUp { request, .. }) = ledger.follow_ups.last_mut()
            && extend_run(request, (session, attachment), from)
        {
            return;
        }
        let generation = delivery.generation;
        let (count, phase) = (1, Phase::Complete);
        let request = Request::Ack {
            session,
            generation,
            attachment,
            from,
            count,
            phase,
        };
        self.state.follow_up(
            self.partition,
            delivery.connection,
            Purpose::Nothing,
            request,
        );
    }

    fn ask_range(&mut self, delivery: &Delivery<'_>) {
        let (slot, partition) = (delivery.connection, self.partition);
        let client = self.state.clients.at_mut(slot);
        let stalled = client.and_then(Client::stalled);
        if stalled.is_some_and(|stalled| stalled.awaits_range(partition)) {
            return;
        }
        let (session, generation) = (delivery.session, delivery.generation);
        let request = Request::Range {
            session,
            generation,
            partition,
        };
        self.state
            .follow_up(session.partition(), slot, Purpose::Range, request);
    }

    fn stall(&mut self, delivery: &Delivery<'_>, lack: Lack) -> Taken {
        let entry = self.entry(delivery, lack);
        if let Some(client) = self.state.clients.at_mut(delivery.connection) {
            client.rare().stalled.handle_full(entry);
        }
        self.state.stats.deliveries_postponed += 1;
        Taken::NotNow
    }

    fn entry(&self, delivery: &Delivery<'_>, lack: Lack) -> Entry {
        let (attachment, stamp) = (delivery.attachment, delivery.stamp);
        Entry {
            partition: self.partition,
            attachment,
            stamp,
            lack,
        }
    }
}

/// Adds a position to a run of acknowledgements, if it is the next one.
fn extend_run(
    request: &mut Request<'_>,
    of: (SessionId, AttachmentIndex),
    position: Position,
) -> bool {
    match request {
        Request::Ack {
            session,
            attachment,
            from,
            count,
            phase: Phase::Complete,
            ..
        } if (*session, *attachment) == of && from.plus(u64::from(*count)) == position => {
            *count += 1;
            true
        }
        _ => false,
    }
}

/// A large payload that its receiver may send from where it is stored.
#[inline]
fn shared<'d>(what: &Outgoing<'d>) -> Option<(&'d SharedBody, usize)> {
    match what {
        Outgoing::Publish(publish) => Some((publish.shared?, publish.payload.len())),
        Outgoing::Release { .. } => None,
    }
}

/// A delivery as the connection core knows it, and its position.
#[inline]
fn convert<'d>(
    what: &Outgoing<'d>,
    payload_apart: bool,
) -> (catena_connection::Outgoing<'d>, Option<Position>) {
    match *what {
        Outgoing::Publish(publish) => {
            let converted = catena_connection::OutgoingPublish {
                topic: publish.topic,
                qos: publish.qos,
                retain: publish.retain,
                dup: publish.dup,
                position: publish.position,
                expires: publish.expires,
                subscription_ids: publish.subscription_ids,
                properties: publish.properties,
                payload: publish.payload,
                payload_apart,
            };
            (
                catena_connection::Outgoing::Publish(converted),
                publish.position,
            )
        }
        Outgoing::Release { position } => (
            catena_connection::Outgoing::Release { position },
            Some(position),
        ),
    }
}
