//! Calls of the state store: requests are publishes, responses are deliveries.

use catena_hlc::Millis;
use catena_mqtt::{Publish, Qos, SubscriptionOptions};
use catena_rpc::topics;
use catena_types::Moment;

use super::{Client, Scene, Stage};
use crate::invariants::Verdict;
use crate::model::{RequestNumber, Terms};
use crate::store::{Player, Response, payload, properties};
use crate::time::EPOCH_MS;
use crate::violation::Violation;

/// What a request says beside its topic: the same each time it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The request.
    pub(crate) number: RequestNumber,
    /// Its properties, as they stand in PUBLISH.
    pub(crate) properties: Vec<u8>,
    /// Its payload.
    pub(crate) payload: Vec<u8>,
}

impl Client {
    /// Makes it use the state store too.
    pub(crate) fn give_player(&mut self, player: Player) {
        self.player = Some(player);
    }

    /// Asks something of the state store, if it can hear the answer.
    pub(crate) fn call(&mut self, scene: &mut Scene<'_>) {
        let Some(session) = self.session.filter(|_| self.stage == Stage::Connected) else {
            return;
        };
        let topic = topics::response(&self.traits.id);
        let (may, sure) = scene.model.sessions[session].standing(&topic);
        if !may {
            let options = SubscriptionOptions {
                qos: Qos::AtLeastOnce,
                ..SubscriptionOptions::default()
            };
            return self.subscribe(scene, &[(topic, options)], None);
        }
        let has_room = self.outgoing.len() < self.send_max && self.backlog.is_empty();
        let player = self.player.as_mut().filter(|player| player.has_room());
        let Some(player) = player.filter(|_| sure && has_room) else {
            return;
        };
        let (operation, mortal) = player.draw();
        let lifetime = mortal.and_then(|mortal| mortal.lifetime_ms);
        let payload = payload(&operation, lifetime);
        let number = scene.model.history.begin(scene.now, operation, mortal);
        player.note_sent(number, mortal);
        let wall = wall_of(scene.now).saturating_add_signed(player.clock_ahead_ms);
        let call = Call {
            number,
            properties: properties(number, &topic, Millis::new(wall)),
            payload,
        };
        self.send_call(scene, call);
    }

    fn send_call(&mut self, scene: &mut Scene<'_>, call: Call) {
        let terms = Terms {
            topic: topics::INVOKE.to_owned(),
            qos: Qos::AtLeastOnce,
            retain: false,
            size: call.payload.len(),
            expiry_seconds: None,
        };
        self.publish(scene, terms, Some(call));
    }

    /// Whether a topic is where its responses go.
    pub(super) fn is_response_topic(&self, topic: &str) -> bool {
        self.player.is_some() && topic == topics::response(&self.traits.id)
    }

    /// A response has come.
    pub(super) fn handle_response(
        &mut self,
        scene: &mut Scene<'_>,
        publish: &Publish<'_>,
    ) -> Verdict {
        let (index, now) = (self.index, scene.now);
        let strange = |what: &str| {
            let detail = format!("client {index} got a response that {what}");
            Err(Violation::new("answers", now, detail))
        };
        let Some(player) = &mut self.player else {
            return strange("it had not asked for");
        };
        let Some(response) = Response::read(&publish.forwarded, publish.payload) else {
            return strange("is none");
        };
        let number = response.number;
        let text = String::from_utf8_lossy(publish.payload).replace("\r\n", "|");
        let detail = format_args!("client {index} has request {number} answered: {text}");
        scene.trace.line(now, detail);
        let history = &mut scene.model.history;
        let asked = history.requests.get(number);
        let Some(asked) = asked.filter(|asked| asked.operation.client == index) else {
            return strange("is for somebody else");
        };
        let Some(answer) = response.answer(&asked.operation) else {
            return strange(&format!("does not fit: {:?}, {text}", asked.operation));
        };
        let first = player.note_response(&response, &asked.operation, &answer);
        if let Some(first) = first {
            let detail = format!("request {number} of client {index}: {first:?}, then {text}");
            let differs = || Violation::new("repeated", now, detail);
            history.differing.get_or_insert_with(differs);
        }
        history.end(now, number, answer);
        Ok(())
    }
}

/// What an undisturbed clock shows, in milliseconds since 1970.
fn wall_of(now: Moment) -> u64 {
    EPOCH_MS + now.nanos() / 1_000_000
}
