//! Publishes that the broker has not answered, and packet identifiers. Must never reorder what has
//! been sent.

use std::collections::{BTreeMap, HashMap, VecDeque};

use rumqttc::v5::Request;
use rumqttc::v5::mqttbytes::v5 as wire;
use tokio::sync::oneshot;

use crate::{Error, Publish, Published, Qos, Reason};

/// Where the answer to a publish goes.
pub(crate) type Answer = oneshot::Sender<Result<Published, Error>>;

/// A publish that waits for its turn.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) publish: Publish,
    pub(crate) answer: Answer,
}

/// The publishes at QoS 1 and 2 between PUBLISH and PUBACK or PUBCOMP.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    /// By the order of their first transmission.
    all: BTreeMap<u64, Flight>,
    by_packet_id: HashMap<u16, u64>,
    next: u64,
}

#[derive(Debug)]
struct Flight {
    packet_id: u16,
    outgoing: Outgoing,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Handed over, and not seen to be written.
    HandedOver,
    /// PUBLISH was written.
    Sent,
    /// The broker has it: PUBREC came, PUBREL was sent as the `order`-th.
    Released { reason: Reason, order: u64 },
}

impl Flights {
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// How many were sent as PUBLISH and not answered.
    pub(crate) fn sent_len(&self) -> usize {
        let sent = |flight: &&Flight| matches!(flight.phase, Phase::Sent);
        self.all.values().filter(sent).count()
    }

    pub(crate) fn uses(&self, packet_id: u16) -> bool {
        self.by_packet_id.contains_key(&packet_id)
    }

    /// A publish was handed over with this packet ID.
    pub(crate) fn begin(&mut self, packet_id: u16, outgoing: Outgoing) {
        let order = self.take_order();
        self.by_packet_id.insert(packet_id, order);
        self.all.insert(
            order,
            Flight {
                packet_id,
                outgoing,
                phase: Phase::HandedOver,
            },
        );
    }

    /// PUBLISH is being written.
    pub(crate) fn sent(&mut self, packet_id: u16) {
        if let Some(flight) = self.flight(packet_id)
            && matches!(flight.phase, Phase::HandedOver)
        {
            flight.phase = Phase::Sent;
        }
    }

    /// PUBACK, or a PUBREC that refuses: the end.
    pub(crate) fn answered(&mut self, packet_id: u16, reason: Reason, text: Option<String>) {
        if let Some(flight) = self.remove(packet_id) {
            answer(flight.outgoing.answer, reason, text);
        }
    }

    /// PUBREC that accepts: PUBREL leaves now.
    pub(crate) fn released(&mut self, packet_id: u16, reason: Reason) {
        let order = self.take_order();
        if let Some(flight) = self.flight(packet_id) {
            flight.phase = Phase::Released { reason, order };
        }
    }

    /// PUBCOMP. The broker has the message whatever it says.
    pub(crate) fn completed(&mut self, packet_id: u16) {
        if let Some(flight) = self.remove(packet_id) {
            let reason = match flight.phase {
                Phase::Released { reason, .. } => reason,
                Phase::HandedOver | Phase::Sent => Reason::SUCCESS,
            };
            answer(flight.outgoing.answer, reason, None);
        }
    }

    /// The connection is gone: takes out, in order, what was never written. It is new.
    pub(crate) fn take_unsent(&mut self) -> VecDeque<Outgoing> {
        let unsent = |flight: &Flight| matches!(flight.phase, Phase::HandedOver);
        let ids: Vec<u16> = { self.all.values() }
            .filter(|flight| unsent(flight))
            .map(|flight| flight.packet_id)
            .collect();
        let flights = ids.into_iter().filter_map(|id| self.remove(id));
        flights.map(|flight| flight.outgoing).collect()
    }

    /// What a resumed session has to send again, with the old packet IDs [MQTT-4.4.0-1]: PUBLISH in
    /// the order of first transmission and with DUP [MQTT-4.6.0-1], [MQTT-3.3.1-1], then PUBREL in
    /// the order of PUBREC [MQTT-4.6.0-4].
    pub(crate) fn again(&self) -> VecDeque<Request> {
        let mut requests = VecDeque::new();
        let mut releases = BTreeMap::new();
        for flight in self.all.values() {
            match flight.phase {
                Phase::HandedOver | Phase::Sent => {
                    let mut packet = flight.outgoing.publish.packet();
                    packet.pkid = flight.packet_id;
                    packet.dup = true;
                    requests.push_back(Request::Publish(packet));
                }
                Phase::Released { order, .. } => {
                    releases.insert(order, flight.packet_id);
                }
            }
        }
        let releases = releases.into_values();
        requests.extend(releases.map(|id| Request::PubRel(wire::PubRel::new(id, None))));
        requests
    }

    /// The session is gone. Takes out, in order, what is published anew: all at QoS 1. At QoS 2
    /// nobody knows whether the broker had taken it, unless it has said so.
    pub(crate) fn lose_session(&mut self) -> VecDeque<Outgoing> {
        self.by_packet_id.clear();
        let mut anew = VecDeque::new();
        for flight in std::mem::take(&mut self.all).into_values() {
            let outgoing = flight.outgoing;
            match flight.phase {
                Phase::Released { reason, .. } => answer(outgoing.answer, reason, None),
                Phase::Sent if outgoing.publish.qos == Qos::ExactlyOnce => {
                    // Whoever asked may have stopped waiting.
                    let _ = outgoing.answer.send(Err(Error::SessionLost));
                }
                Phase::HandedOver | Phase::Sent => anew.push_back(outgoing),
            }
        }
        anew
    }

    /// The client ends.
    pub(crate) fn end(&mut self) {
        for flight in std::mem::take(&mut self.all).into_values() {
            let error = match flight.phase {
                Phase::HandedOver => Error::Closed,
                Phase::Sent | Phase::Released { .. } => Error::ClosedUnanswered,
            };
            // As above.
            let _ = flight.outgoing.answer.send(Err(error));
        }
        self.by_packet_id.clear();
    }

    fn take_order(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn flight(&mut self, packet_id: u16) -> Option<&mut Flight> {
        let order = self.by_packet_id.get(&packet_id)?;
        self.all.get_mut(order)
    }

    fn remove(&mut self, packet_id: u16) -> Option<Flight> {
        let order = self.by_packet_id.remove(&packet_id)?;
        self.all.remove(&order)
    }
}

fn answer(answer: Answer, reason: Reason, text: Option<String>) {
    let result = if reason.is_refusal() {
        Err(Error::Refused {
            reason,
            text: text.map(Into::into),
        })
    } else {
        Ok(Published { reason })
    };
    // Whoever asked may have stopped waiting.
    let _ = answer.send(result);
}

/// Foretells the packet IDs that `rumqttc` gives: the numbers from 1 to a maximum, in a circle,
/// begun anew by each connection, and whether they are free or not.
#[derive(Debug)]
pub(crate) struct PacketIds {
    next: u16,
    max: u16,
}

impl PacketIds {
    pub(crate) fn new(max: u16) -> Self {
        Self { next: 1, max }
    }

    pub(crate) fn next(&self) -> u16 {
        self.next
    }

    /// `next` was given away.
    pub(crate) fn advance(&mut self) {
        self.next = if self.next >= self.max {
            1
        } else {
            self.next + 1
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(qos: Qos) -> (Outgoing, oneshot::Receiver<Result<Published, Error>>) {
        let (answer, receiver) = oneshot::channel();
        let publish = Publish::new("a", "b").qos(qos);
        (Outgoing { publish, answer }, receiver)
    }

    fn ids(requests: &VecDeque<Request>) -> Vec<(char, u16)> {
        let id = |request: &Request| match request {
            Request::Publish(publish) if publish.dup => ('p', publish.pkid),
            Request::PubRel(release) => ('r', release.pkid),
            other => panic!("{other:?}"),
        };
        requests.iter().map(id).collect()
    }

    #[test]
    fn what_is_sent_again_keeps_its_order_and_packet_ids() {
        // [MQTT-4.4.0-1], [MQTT-4.6.0-1], [MQTT-4.6.0-4], [MQTT-3.3.1-1]
        let mut flights = Flights::default();
        // The circle of packet IDs has come round: 9 was before 1.
        for (id, qos) in [
            (8, Qos::ExactlyOnce),
            (9, Qos::AtLeastOnce),
            (1, Qos::ExactlyOnce),
            (2, Qos::AtLeastOnce),
            (3, Qos::AtLeastOnce),
        ] {
            flights.begin(id, outgoing(qos).0);
        }
        for id in [8, 9, 1, 2] {
            flights.sent(id);
        }
        flights.released(1, Reason::SUCCESS);
        flights.released(8, Reason::SUCCESS);
        assert_eq!(flights.take_unsent().len(), 1);
        let again = [('p', 9), ('p', 2), ('r', 1), ('r', 8)];
        assert_eq!(ids(&flights.again()), again);
        assert!(flights.uses(9) && !flights.uses(3));
    }

    #[test]
    fn a_lost_session_leaves_qos_2_unknown_and_the_rest_to_be_sent_anew() {
        let mut flights = Flights::default();
        let (once, mut once_answer) = outgoing(Qos::ExactlyOnce);
        let (taken, mut taken_answer) = outgoing(Qos::ExactlyOnce);
        let (least, mut least_answer) = outgoing(Qos::AtLeastOnce);
        for (id, outgoing) in [(1, once), (2, taken), (3, least)] {
            flights.begin(id, outgoing);
            flights.sent(id);
        }
        flights.released(2, Reason::NO_MATCHING_SUBSCRIBERS);
        assert_eq!(flights.lose_session().len(), 1);
        assert!(matches!(
            once_answer.try_recv(),
            Ok(Err(Error::SessionLost))
        ));
        assert!(taken_answer.try_recv().is_ok_and(|answer| answer.is_ok()));
        // Taken out by the caller, and dropped there.
        assert!(least_answer.try_recv().is_err());
        assert_eq!(flights.len(), 0);
    }

    #[test]
    fn packet_ids_go_round_as_those_of_rumqttc() {
        let mut state = rumqttc::v5::MqttState::new(3, true);
        let mut ids = PacketIds::new(3);
        for _ in 0..7 {
            let filter = wire::Filter::new("a", rumqttc::v5::mqttbytes::QoS::AtMostOnce);
            let request = Request::Subscribe(wire::Subscribe::new(filter, None));
            let packet = state.handle_outgoing_packet(request).unwrap().unwrap();
            let wire::Packet::Subscribe(subscribe) = packet else {
                panic!("{packet:?}")
            };
            assert_eq!(subscribe.pkid, ids.next());
            ids.advance();
        }
    }
}
