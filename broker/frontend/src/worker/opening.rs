//! From CONNECT to a session: credentials are checked by others, the session's partition decides.

use catena_connection::{Action, AuthAnswer, Close, ConnectAction, Outbox};
use catena_mqtt::ReasonCode;
use catena_partition::{Connect, Connected, Numbered, Publish, Request, Will};
use catena_transport::Port;
use catena_types::{Moment, SessionId, siphash};

use super::Worker;
use super::ledger::Purpose;
use super::state::State;
use super::store_rpc::Place;

/// Which of the clients that a slot has had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(pub(crate) u32);

/// A client whose credentials are to be checked.
#[derive(Debug)]
pub struct Authentication {
    /// The client.
    pub slot: u32,
    /// Goes back with the verdict.
    pub epoch: Epoch,
    /// What the client says. Goes back with the verdict.
    pub connect: Box<ConnectAction>,
}

/// What became of the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The client is who it says.
    Accepted,
    /// It is not, or cannot be checked now: the reason code for CONNACK.
    Refused(ReasonCode),
}

impl<P: Port> Worker<P> {
    /// The credentials of a client have been checked. A verdict that comes too late changes
    /// nothing. [`Worker::run`] has to follow.
    pub fn handle_authenticated(
        &mut self,
        now: Moment,
        authentication: Authentication,
        verdict: Verdict,
    ) {
        let Authentication {
            slot,
            epoch: Epoch(epoch),
            connect,
        } = authentication;
        let client = self.state.clients.at(slot);
        if client.is_none_or(|client| client.epoch != epoch || client.is_ending()) {
            return;
        }
        self.state.stats.count_verdict(verdict);
        match verdict {
            Verdict::Accepted => self.connect(now, slot, connect),
            Verdict::Refused(reason) => self.state.refuse(slot, reason),
        }
    }

    /// CONNECT was read: has it checked, or asks for the session at once.
    pub(super) fn handle_connect(&mut self, now: Moment, slot: u32, connect: Box<ConnectAction>) {
        let Some(client) = self.state.clients.at(slot) else {
            return;
        };
        // A will is a publish too, and nobody forges what only the state store says.
        let will = connect.will.as_ref();
        if will.is_some_and(|will| Place::of(&will.topic) != Place::Elsewhere) {
            self.state.stats.store_refused += 1;
            return self.state.refuse(slot, ReasonCode::NotAuthorized);
        }
        if client.rules.authenticate {
            let epoch = Epoch(client.epoch);
            self.state.authentications.push(Authentication {
                slot,
                epoch,
                connect,
            });
        } else {
            self.connect(now, slot, connect);
        }
    }

    fn connect(&mut self, now: Moment, slot: u32, mut connect: Box<ConnectAction>) {
        if connect.client_id.is_empty() {
            // Unique, and not to be guessed by whoever does not know the seed [MQTT-3.1.3-6].
            connect.client_id = self.state.new_client_id();
            let assigned = connect.client_id.clone();
            if let Some(client) = self.state.clients.at_mut(slot) {
                client.rare().assigned_client_id = Some(assigned);
            }
        }
        if let Some(client) = self.state.clients.at_mut(slot) {
            client.client_id = (*connect.client_id).into();
        }
        let partition = self.port.partition_of(&connect.client_id);
        let mut requests = self.state.numbered_follow_ups(partition);
        let random = self.state.next_random();
        let number = self.state.open(partition, slot, Purpose::Connect);
        let request = Connect {
            client_id: &connect.client_id,
            clean_start: connect.clean_start,
            expiry_seconds: connect.session_expiry_seconds,
            frontend: self.state.frontend,
            connection: slot,
            will: will(&connect, random),
        };
        requests.push(Numbered {
            number,
            request: Request::Connect(Box::new(request)),
        });
        self.exchange(now, partition, &requests);
    }

    /// A step of an enhanced authentication: there are no methods yet, so none is offered.
    pub(super) fn handle_step(&mut self, slot: u32) {
        let mut actions = Vec::new();
        let refused = self.state.speak(slot, |client, stats| {
            let answer = AuthAnswer::Failure {
                reason: ReasonCode::BadAuthenticationMethod,
            };
            let bytes = &mut client.out.bytes;
            let mut out = Outbox {
                bytes,
                actions: &mut actions,
                stats,
            };
            client
                .connection
                .handle_auth(&client.rules.settings, answer, &mut out)
        });
        if let Some(Err(close)) = refused {
            self.state.end(slot, close.into());
        }
        debug_assert!(
            !actions
                .iter()
                .any(|action| matches!(action, Action::Connect(_)))
        );
    }
}

impl State {
    /// The session's partition has accepted the client: CONNACK.
    pub(super) fn handle_connected(
        &mut self,
        now: Moment,
        slot: u32,
        connected: &Connected,
    ) -> Result<(), Close> {
        let Some(client) = self.clients.at_mut(slot) else {
            return Ok(());
        };
        client.session = connected.session;
        client.generation = connected.generation;
        client.has_session = true;
        self.stats.sessions += 1;
        self.stats.sessions_opened += 1;
        self.stats.sessions_created += u64::from(!connected.present);
        self.stats.sessions_v3 += u64::from(client.is_v3());
        if connected.present {
            client.attached = connected.partitions;
        }
        if client.is_ending() {
            return Ok(());
        }
        let assigned = client
            .rare
            .as_mut()
            .and_then(|rare| rare.assigned_client_id.take());
        let written = self.speak(slot, |client, stats| {
            let session = catena_connection::Session {
                present: connected.present,
                assigned_client_id: assigned.as_deref(),
                ranges: &connected.ranges,
            };
            let settings = &client.rules.settings;
            client.connection.handle_connected(
                now,
                settings,
                &session,
                &mut client.out.bytes,
                stats,
            )
        });
        written.unwrap_or(Ok(()))?;
        if connected.present {
            self.attach_everywhere(slot);
        }
        self.set_alarm(slot);
        self.held.push(slot);
        Ok(())
    }

    /// Attaches a resumed session wherever it may have deliveries.
    fn attach_everywhere(&mut self, slot: u32) {
        let Some(client) = self.clients.at(slot) else {
            return;
        };
        let (session, partitions) = (client.session, client.attached);
        let attachment = client.attachment(self.frontend, slot);
        for partition in partitions.iter() {
            let request = Request::Attach {
                session,
                attachment,
            };
            self.follow_up(partition, slot, Purpose::Attach, request);
        }
    }

    /// Refuses a CONNECT.
    pub(super) fn refuse(&mut self, slot: u32, reason: ReasonCode) {
        let close = self.speak(slot, |client, stats| {
            let settings = &client.rules.settings;
            client
                .connection
                .handle_connect_refused(settings, reason, &mut client.out.bytes, stats)
        });
        if let Some(close) = close {
            self.end(slot, close.into());
        }
    }

    fn new_client_id(&mut self) -> Box<str> {
        self.assigned += 1;
        let input = [self.assigned, u64::from(self.frontend.number())];
        let bytes: Vec<u8> = input.iter().flat_map(|word| word.to_le_bytes()).collect();
        let [first, second] = self.seeds;
        let high = siphash(first, second, &bytes);
        let low = siphash(second, first, &bytes);
        format!("auto-{high:016x}{low:016x}").into()
    }
}

fn will(connect: &ConnectAction, random: u32) -> Option<Will<'_>> {
    let will = connect.will.as_ref()?;
    let publish = Publish {
        topic: &will.topic,
        qos: will.qos,
        retain: will.retain,
        expiry_seconds: will.expiry_seconds,
        properties: [&will.properties, &[], &[]],
        payload: &will.payload,
        publisher: SessionId::from_packed(0),
        random,
    };
    Some(Will {
        delay_seconds: will.delay_seconds,
        publish,
    })
}
