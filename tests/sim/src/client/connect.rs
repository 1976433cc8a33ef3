//! Coming and going: CONNECT, CONNACK, DISCONNECT, and what becomes of the session.

use std::num::NonZeroU16;

use catena_mqtt::{
    ConnAck, Connect, ConnectProperties, Disconnect, Forwarded, Packet, Qos, ReasonCode, Version,
    Will,
};
use catena_types::Moment;

use super::{Client, Scene, Stage};
use crate::invariants::{Verdict, Window, check_present};
use crate::model::{Message, Origin, Terms};
use crate::network::LinkId;
use crate::store::Player;
use crate::violation::Violation;

/// How a client says goodbye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// DISCONNECT with 0x00.
    Normal,
    /// DISCONNECT with 0x04: publish the will.
    WithWill,
    /// DISCONNECT with a new session expiry interval, in seconds.
    WithExpiry(u32),
}

impl Client {
    /// Connects anew over `link`; an older connection is left to itself.
    pub(crate) fn connect(&mut self, scene: &mut Scene<'_>, link: LinkId, clean: bool) {
        self.leave(scene);
        let clean = clean || self.is_blank || self.is_unsure();
        self.link = Some(link);
        self.stage = Stage::Connecting;
        self.connect_sent = scene.now;
        self.last_sent = scene.now;
        self.last_received = scene.now;
        // MQTT 3 has one flag for how a session begins and how it ends.
        let forgets = !self.traits.version.is_v5() && self.traits.expiry_seconds == 0;
        self.asked_clean = clean || forgets;
        if self.asked_clean {
            self.end_session(scene);
        }
        if self.session.is_none() {
            self.session = Some(scene.model.begin_session(self.index));
        }
        self.is_blank = false;
        self.is_unheard = false;
        let asked = self.asked_expiry();
        let (low, high) = self.expiry_bounds.unwrap_or((asked, asked));
        self.expiry_bounds = Some((low.min(asked), high.max(asked)));
        let index = self.index;
        scene.trace.line(
            scene.now,
            format_args!("client {index} connects, clean {}", self.asked_clean),
        );
        self.will = self.make_will(scene);
        self.write_connect(scene);
    }

    /// Whether a session that is present next time may be another than the client remembers: the
    /// old one may have ended, and a CONNECT whose answer was never read have begun a new one. Such
    /// a client starts anew; it would send again what the new session knows nothing of.
    fn is_unsure(&self) -> bool {
        let may_end = |(low, _)| low < LASTING_SECONDS;
        self.is_unheard && self.expiry_bounds.is_some_and(may_end)
    }

    /// The session expiry interval that the last CONNECT asked for, in seconds.
    fn asked_expiry(&self) -> u32 {
        if self.asked_clean && !self.traits.version.is_v5() {
            0
        } else {
            self.traits.expiry_seconds
        }
    }

    fn make_will(&mut self, scene: &mut Scene<'_>) -> Option<usize> {
        self.traits.will_delay?;
        let terms = Terms {
            topic: format!("w/x/{}", self.index),
            qos: *self.rng.pick(&[Qos::AtLeastOnce, Qos::ExactlyOnce]),
            retain: self.rng.one_in(4),
            size: 12,
            expiry_seconds: None,
        };
        Some(scene.model.add_message(Message {
            terms,
            origin: Origin::Will,
            client: self.index,
            session: self.session.unwrap_or_default(),
            sent: scene.now,
            transmissions: 1,
            acked: None,
            is_refused: false,
            is_forgotten: false,
        }))
    }

    fn write_connect(&mut self, scene: &Scene<'_>) {
        let is_v5 = self.traits.version.is_v5();
        let payload = self.will.map(|id| Message::payload(id, 12));
        let will = self.will.zip(payload.as_ref()).map(|(id, payload)| {
            let terms = &scene.model.messages[id].terms;
            Will {
                qos: terms.qos,
                retain: terms.retain,
                topic: &terms.topic,
                delay_seconds: self.traits.will_delay.unwrap_or(0),
                message_expiry: None,
                forwarded: Forwarded::EMPTY,
                payload,
            }
        });
        let mut properties = ConnectProperties::default();
        if is_v5 {
            properties.session_expiry = Some(self.traits.expiry_seconds);
            properties.receive_maximum = NonZeroU16::new(self.traits.receive_maximum);
            properties.topic_alias_maximum = self.traits.alias_max;
        }
        let connect = Connect {
            version: self.traits.version,
            clean_start: self.asked_clean,
            keep_alive: self.traits.keep_alive,
            client_id: &self.traits.id,
            properties,
            will,
            username: None,
            password: None,
        };
        let packet = Packet::Connect(Box::new(connect));
        encode(&packet, self.traits.version, &mut self.output);
    }

    /// Ends the session as far as the client knows: everything in it is void.
    fn end_session(&mut self, scene: &mut Scene<'_>) {
        if let Some(session) = self.session.take() {
            scene.model.sessions[session].ended = Some(scene.now);
        }
        self.expiry_bounds = None;
        self.forget_asked();
    }

    /// What was under way in the session is void.
    fn forget_asked(&mut self) {
        self.outgoing.clear();
        self.incoming.clear();
        self.player.iter_mut().for_each(Player::forget);
    }

    /// The connection is over for the client; the session stays.
    pub(crate) fn leave(&mut self, scene: &mut Scene<'_>) {
        if self.stage != Stage::Offline {
            scene
                .trace
                .line(scene.now, format_args!("client {} is off", self.index));
        }
        self.is_unheard |= self.stage == Stage::Connecting;
        self.stage = Stage::Offline;
        self.link = None;
        self.will = None;
        self.input.clear();
        self.output.clear();
        self.asked.clear();
        self.acks.iter_mut().for_each(|acks| acks.clear());
        self.held_until = Moment::ZERO;
        self.paused_until = Moment::ZERO;
        self.aliases.clear();
        self.window = Window::new(self.traits.receive_maximum);
    }

    /// Forgets everything: the next session has to be a new one.
    pub(crate) fn forget(&mut self, scene: &mut Scene<'_>) {
        self.leave(scene);
        self.end_session(scene);
        self.backlog.clear();
        self.is_blank = true;
    }

    /// Says goodbye. The connection is closed by the world when the bytes are out. Returns the
    /// will, if it is to be forgotten.
    pub(crate) fn disconnect(
        &mut self,
        scene: &mut Scene<'_>,
        farewell: Farewell,
    ) -> Option<usize> {
        let mut packet = Disconnect::new(ReasonCode::Success);
        let is_v5 = self.traits.version.is_v5();
        match farewell {
            Farewell::WithWill if is_v5 => {
                packet.reason = ReasonCode::DisconnectWithWill;
            }
            // From 0 it must not be changed to anything else [MQTT-3.14.2-2].
            Farewell::WithExpiry(seconds) if is_v5 && self.traits.expiry_seconds > 0 => {
                packet.session_expiry = Some(seconds);
                let (low, high) = self.expiry_bounds.unwrap_or((seconds, seconds));
                self.expiry_bounds = Some((low.min(seconds), high.max(seconds)));
            }
            Farewell::Normal | Farewell::WithWill | Farewell::WithExpiry(_) => {}
        }
        scene.trace.line(
            scene.now,
            format_args!("client {} says goodbye: {farewell:?}", self.index),
        );
        let forgotten = packet.reason == ReasonCode::Success;
        encode(
            &Packet::Disconnect(packet),
            self.traits.version,
            &mut self.output,
        );
        self.will.take().filter(|_| forgotten)
    }

    /// The will of the present connection, if it was accepted.
    pub(crate) fn standing_will(&self) -> Option<usize> {
        self.will.filter(|_| self.stage == Stage::Connected)
    }

    pub(super) fn handle_connack(
        &mut self,
        scene: &mut Scene<'_>,
        connack: &ConnAck<'_>,
    ) -> Verdict {
        if self.stage != Stage::Connecting || connack.reason.is_error() {
            let detail = format!(
                "client {} got CONNACK {:?} while {:?}",
                self.index, connack.reason, self.stage
            );
            return Err(Violation::new("answers", scene.now, detail));
        }
        self.check_present(scene, connack.session_present)?;
        if !connack.session_present {
            let is_known = self
                .session
                .is_some_and(|session| scene.model.sessions[session].connections > 0);
            if is_known {
                self.end_session(scene);
            }
            self.forget_asked();
            for number in self.player.iter_mut().flat_map(Player::take_lost) {
                scene.model.history.give_up(number);
            }
            if self.session.is_none() {
                self.session = Some(scene.model.begin_session(self.index));
            }
        }
        if let Some(session) = self.session {
            let of = &mut scene.model.sessions[session];
            of.connections += 1;
            of.confirmed.get_or_insert(scene.now);
        }
        let asked = self.asked_expiry();
        self.expiry_bounds = Some((asked, asked));
        self.stage = Stage::Connected;
        self.is_unheard = false;
        let receive_maximum = connack.properties.receive_maximum;
        self.send_max = receive_maximum.map_or(IN_FLIGHT_MAX, |max| {
            usize::from(max.get()).min(IN_FLIGHT_MAX)
        });
        scene.trace.line(
            scene.now,
            format_args!(
                "client {} is on, session {:?}, present {}",
                self.index, self.session, connack.session_present
            ),
        );
        self.send_again(scene);
        Ok(())
    }

    fn check_present(&self, scene: &Scene<'_>, present: bool) -> Verdict {
        let (low, high) = self.expiry_bounds.unwrap_or((0, u32::MAX));
        let connected_before = self
            .session
            .is_some_and(|session| scene.model.sessions[session].connections > 0);
        let never_told = self.traits.version == Version::V31;
        let must = connected_before && low >= LASTING_SECONDS && !self.asked_clean && !never_told;
        let may = !self.asked_clean && high > 0;
        check_present(scene.now, self.index, present, (may, must))
    }
}

/// Session expiry intervals from here on, in seconds, outlast every run.
pub(crate) const LASTING_SECONDS: u32 = 1_000;

/// QoS 1 and 2 messages that a client has in flight at most.
const IN_FLIGHT_MAX: usize = 16;

/// Appends a packet; what clients send can always be expressed.
pub(super) fn encode(packet: &Packet<'_>, version: Version, out: &mut Vec<u8>) {
    let result = packet.encode(version, out);
    debug_assert!(result.is_ok(), "{packet:?}");
}
