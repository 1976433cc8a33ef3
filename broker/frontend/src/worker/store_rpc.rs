//! Calls of the state store: publishes to its invoke topic become requests to the partition of
//! their key, and nobody else's publishes get into its topics.

use catena_connection::{Incoming, Ticket, is_reserved};
use catena_mqtt::{CallProperty, Qos, ReasonCode};
use catena_partition::{Request, StoreRequest, scan_partition};
use catena_rpc::{Correlation, RequestHeaders, topics};
use catena_store::{Command, Refusal, placement_text};
use catena_transport::Port;
use catena_types::PartitionId;

use super::dispatch::Dispatch;
use super::ledger::Purpose;

/// What a topic is to the state store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing.
    Elsewhere,
    /// Where requests go.
    Invoke,
    /// Where only the broker publishes: notifications, and responses by the names that clients of
    /// the state store subscribe to.
    Reserved,
}

impl Place {
    /// Most topics are too short to be any.
    #[inline]
    pub(super) fn of(topic: &str) -> Self {
        if topic.len() < topics::NOTIFICATIONS.len() {
            Self::Elsewhere
        } else {
            Self::of_long(topic)
        }
    }

    fn of_long(topic: &str) -> Self {
        if topic == topics::INVOKE {
            Self::Invoke
        } else if topics::is_reserved(topic) {
            Self::Reserved
        } else {
            Self::Elsewhere
        }
    }
}

/// A publish that is no proper request: what its acknowledgement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Improper {
    reason: ReasonCode,
    detail: &'static str,
    /// The client does what no client of the protocol does, and has to go.
    disconnects: bool,
}

impl Improper {
    const fn new(detail: &'static str) -> Self {
        Self {
            reason: ReasonCode::ImplementationSpecificError,
            detail,
            disconnects: false,
        }
    }
}

/// What a request says besides its payload.
struct Call<'r> {
    response_topic: &'r str,
    correlation: &'r [u8],
    headers: RequestHeaders<'r>,
}

impl<'r, P: Port> Dispatch<'_, 'r, P> {
    /// Takes care of a publish to a topic of the state store; `false` if it is to another.
    #[inline]
    pub(super) fn handle_store_topic(
        &mut self,
        ticket: Option<Ticket>,
        message: &'r Incoming<'_>,
    ) -> bool {
        match Place::of(&message.topic) {
            Place::Elsewhere => return false,
            Place::Invoke => self.call(ticket, message),
            Place::Reserved => self.refuse_reserved(ticket),
        }
        true
    }

    #[cold]
    fn refuse_reserved(&mut self, ticket: Option<Ticket>) {
        self.state.stats.store_refused += 1;
        self.answer(ticket, ReasonCode::NotAuthorized);
    }

    /// A publish to the invoke topic.
    fn call(&mut self, ticket: Option<Ticket>, message: &'r Incoming<'_>) {
        let client = self.state.clients.at(self.slot);
        let is_v5 = client.is_some_and(|client| client.connection.is_v5());
        if !is_v5 || message.expiry_seconds == Some(0) {
            // MQTT 3 has no properties, so that there is nobody to answer; and a request that has
            // expired is dropped like any message.
            self.state.stats.store_refused += 1;
            return self.answer(ticket, ReasonCode::Success);
        }
        let (Some(ticket), Qos::AtLeastOnce) = (ticket, message.qos) else {
            // What cannot be answered is dropped; QoS 2 can be refused.
            self.state.stats.store_refused += 1;
            return self.refuse(ticket, &Improper::new("requests have QoS 1"));
        };
        match read(message, self.last_response_topic) {
            Ok(call) => {
                self.last_response_topic = call.response_topic;
                self.request(ticket, message, &call);
            }
            Err(improper) => {
                self.state.stats.store_refused += 1;
                self.refuse(Some(ticket), &improper);
                if improper.disconnects {
                    self.shut_down = Some((improper.reason, improper.detail));
                }
            }
        }
    }

    fn request(&mut self, ticket: Ticket, message: &'r Incoming<'_>, call: &Call<'r>) {
        self.state.stats.store_requests += 1;
        let (mut command, mut partition) =
            (Command::parse(message.payload), self.session.partition());
        if let Ok(parsed) = &command {
            match self.home(parsed) {
                Ok(home) => partition = home.unwrap_or(partition),
                Err(refusal) => command = Err(refusal),
            }
        }
        let Some(client) = self.state.clients.at(self.slot) else {
            return;
        };
        let attachment = client.attachment(self.state.frontend, self.slot);
        let client_id = matches!(command, Ok(Command::KeyNotify(_)));
        let client_id = client_id.then(|| client.client_id.clone());
        if !client.attached.contains(partition) {
            self.reach(partition);
        }
        let headers = &call.headers;
        let request = Box::new(StoreRequest {
            session: self.session,
            attachment,
            client_id,
            command,
            timestamp: headers.timestamp,
            fencing_token: headers.fencing_token,
            persist: headers.persist,
            unsupported_version: headers.version.filter(|_| !headers.is_version_supported()),
            response_topic: call.response_topic,
            correlation: call.correlation,
            expiry_seconds: message.expiry_seconds,
            again: message.dup,
            random: self.state.next_random(),
        });
        // Requests under way at the same time have no order, but for those of one key.
        let purpose = Purpose::Publish(ticket);
        self.push_grouped(partition, purpose, Request::Store(request));
    }

    /// The partition that a command is for, if its keys or where it goes on say so.
    fn home(&self, command: &Command<'_>) -> Result<Option<PartitionId>, Refusal> {
        if let Command::Scan(scan) = command {
            return Ok(scan_partition(scan.token).filter(|partition| self.port.has(*partition)));
        }
        let text = one_place(command)?;
        Ok(text.map(|text| self.port.partition_of_bytes(text)))
    }

    /// Sees to it that the session's end reaches a partition that has something for it, subscribed
    /// or not.
    #[cold]
    fn reach(&mut self, partition: PartitionId) {
        if let Some(client) = self.state.clients.at_mut(self.slot) {
            client.attached.insert(partition);
        }
        let request = Request::Range {
            session: self.session,
            generation: self.generation,
            partition,
        };
        let own = self.session.partition();
        self.state
            .follow_up(own, self.slot, Purpose::Range, request);
    }

    /// Acknowledges a publish that goes to no partition.
    fn answer(&mut self, ticket: Option<Ticket>, reason: ReasonCode) {
        let Some(ticket) = ticket else { return };
        let outcome = self.state.speak(self.slot, |client, stats| {
            let (settings, bytes) = (&client.rules.settings, &mut client.out.bytes);
            client
                .connection
                .handle_published(settings, ticket, reason, bytes, stats)
        });
        if let Some(Err(close)) = outcome {
            self.state.end(self.slot, close.into());
        }
    }

    /// Acknowledges what is no proper request, and says why.
    #[cold]
    fn refuse(&mut self, ticket: Option<Ticket>, improper: &Improper) {
        let Some(ticket) = ticket else { return };
        let refusal = (improper.reason, improper.detail);
        let outcome = self.state.speak(self.slot, |client, stats| {
            let (settings, bytes) = (&client.rules.settings, &mut client.out.bytes);
            client
                .connection
                .handle_refused(settings, ticket, refusal, bytes, stats)
        });
        if let Some(Err(close)) = outcome {
            self.state.end(self.slot, close.into());
        }
    }
}

/// What a request needs, if it has it. A client names the same response topic again and again:
/// `known` is good already.
fn read<'r>(message: &'r Incoming<'_>, known: &'r str) -> Result<Call<'r>, Improper> {
    let (mut response_topic, mut correlation) = (None, None);
    let user_property = |property| match property {
        CallProperty::UserProperty(name, value) => Some((name, value)),
        CallProperty::ResponseTopic(topic) => {
            response_topic = Some(topic);
            None
        }
        CallProperty::CorrelationData(bytes) => {
            correlation = Correlation::new(bytes);
            None
        }
    };
    let properties = message.forwarded.call_properties();
    let headers = RequestHeaders::read(properties.filter_map(user_property));
    let response_topic = response_topic.ok_or(Improper::new("response topic missing"))?;
    let correlation = correlation.ok_or(Improper::new("correlation data missing"))?;
    Ok(Call {
        response_topic: checked(response_topic, known)?,
        correlation: correlation.bytes(),
        headers,
    })
}

/// A response topic as text, if responses may go there.
fn checked<'r>(topic: &'r [u8], known: &'r str) -> Result<&'r str, Improper> {
    if topic == known.as_bytes() {
        return Ok(known);
    }
    match str::from_utf8(topic) {
        Ok(topic) if is_reserved(topic) => Err(Improper {
            reason: ReasonCode::NotAuthorized,
            detail: "reserved response topic",
            disconnects: false,
        }),
        Ok(topic) if !topics::is_forbidden_response(topic) => Ok(topic),
        Ok(_) | Err(_) => Err(Improper {
            reason: ReasonCode::TopicNameInvalid,
            detail: "forbidden response topic",
            disconnects: true,
        }),
    }
}

/// The text that places a command: several keys have to live together, however many partitions
/// there are. `None` if it names no key.
fn one_place<'r>(command: &Command<'r>) -> Result<Option<&'r [u8]>, Refusal> {
    let (mut first, mut spread) = (None, false);
    command.keys(|key, _| {
        let text = placement_text(key);
        match first {
            None => first = Some(text),
            Some(first) => spread |= first != text,
        }
    });
    if spread {
        Err(Refusal::GroupSpread)
    } else {
        Ok(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_of_the_state_store_are_told_from_others() {
        let of = |topic: &str| Place::of(topic);
        assert_eq!(of("a/b"), Place::Elsewhere);
        assert_eq!(of(&"a".repeat(100)), Place::Elsewhere);
        assert_eq!(of(topics::INVOKE), Place::Invoke);
        assert_eq!(of(&format!("{}x", topics::INVOKE)), Place::Elsewhere);
        assert_eq!(of(&topics::response("c1")), Place::Reserved);
        assert_eq!(
            of(&format!("clients/c1/{}", topics::INVOKE)),
            Place::Reserved
        );
        assert_eq!(
            of(&format!(
                "{}/6331/command/notify/6B31",
                topics::NOTIFICATIONS
            )),
            Place::Reserved
        );
    }

    #[test]
    fn keys_of_one_command_share_a_place() {
        let parse = |payload: &'static [u8]| one_place(&Command::parse(payload).unwrap());
        let spread = parse(b"*3\r\n$4\r\nMGET\r\n$1\r\na\r\n$1\r\nb\r\n");
        assert_eq!(spread, Err(Refusal::GroupSpread));
        let together = parse(b"*3\r\n$4\r\nMGET\r\n$4\r\n{a}1\r\n$4\r\n{a}2\r\n");
        assert_eq!(together, Ok(Some(b"a".as_slice())));
        let single = parse(b"*2\r\n$3\r\nGET\r\n$1\r\nb\r\n");
        assert_eq!(single, Ok(Some(b"b".as_slice())));
        assert_eq!(parse(b"*1\r\n$8\r\nFEATURES\r\n"), Ok(None));
    }
}
