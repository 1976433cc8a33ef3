//! One partition with a naive head and a receiver that writes down what it is lent.

use catena_mqtt::{Qos, ReasonCode, topic::matches};
use catena_types::{
    Entry, FrontendId, Generation, Machine, Moment, PartitionId, Placement, Position, Reader, Seq,
    SessionId, Stamp,
};

use crate::{
    Attachment, AttachmentIndex, Command, Delivery, Effect, GroupRecipient, IdRun, Notice, Origin,
    Outbox, Outgoing, Own, Partition, Phase, Publish, Receiver, Recipient, RecipientList, Reply,
    Request, RequestNumber, RoutingChange, Settings, Taken, What,
};

/// A subscription as the test's own routing table has it.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    pub(crate) session: SessionId,
    pub(crate) filter: String,
    pub(crate) qos: Qos,
}

/// A partition under test.
pub(crate) struct Bench {
    pub(crate) partition: Partition,
    pub(crate) now: Moment,
    pub(crate) table: Vec<Subscription>,
    seq: u64,
    version: u64,
    out: Outbox,
}

/// What a receiver was lent, as text: `session topic=payload@qos#position flags`.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) lines: Vec<String>,
    pub(crate) handles: Vec<(SessionId, AttachmentIndex, Option<Position>)>,
    /// Deliveries to take before saying not now.
    pub(crate) room: Option<usize>,
}

impl Receiver for Seen {
    fn reply(&mut self, _number: RequestNumber, _reply: Reply) {}

    fn notice(&mut self, _notice: Notice) {}

    fn deliver(&mut self, delivery: &Delivery<'_>) -> Taken {
        if let Some(room) = &mut self.room {
            if *room == 0 {
                return Taken::NotNow;
            }
            *room -= 1;
        }
        let session = delivery.session.packed() & 0xFF;
        let (line, position) = match &delivery.what {
            Outgoing::Release { position } => (format!("{session} release#{position}"), *position),
            Outgoing::Publish(publish) => {
                let payload = String::from_utf8_lossy(publish.payload);
                let mut line = format!(
                    "{session} {}={payload}@{}",
                    publish.topic, publish.qos as u8
                );
                if let Some(position) = publish.position {
                    line += &format!("#{position}");
                }
                if publish.dup {
                    line += " dup";
                }
                if publish.retain {
                    line += " retain";
                }
                if !publish.subscription_ids.is_empty() {
                    line += &format!(" ids={:?}", publish.subscription_ids);
                }
                self.handles
                    .push((delivery.session, delivery.attachment, publish.position));
                self.lines.push(line);
                return Taken::Yes;
            }
        };
        self.handles
            .push((delivery.session, delivery.attachment, Some(position)));
        self.lines.push(line);
        Taken::Yes
    }
}

pub(crate) fn session(number: u32) -> SessionId {
    SessionId::new(PartitionId::new(0), 1, number)
}

pub(crate) fn settings() -> Settings {
    Settings::generous(PartitionId::new(0), Placement::new(8, 1).unwrap())
}

pub(crate) fn message<'a>(topic: &'a str, payload: &'a str, qos: Qos) -> Publish<'a> {
    Publish {
        topic,
        qos,
        retain: false,
        expiry_seconds: None,
        properties: [&[], &[], &[]],
        payload: payload.as_bytes(),
        publisher: session(200),
        random: 0,
    }
}

pub(crate) fn attachment(generation: u32) -> Attachment {
    Attachment {
        frontend: FrontendId::new(0),
        connection: 7,
        generation: Generation::new(generation),
        share_credit: 2,
    }
}

impl Bench {
    pub(crate) fn new(settings: Settings) -> Self {
        let partition = Partition::new(settings);
        let now = Moment::from_nanos(1);
        Self {
            partition,
            now,
            table: Vec::new(),
            seq: 0,
            version: 0,
            out: Outbox::default(),
        }
    }

    /// Applies one entry and checks every invariant.
    pub(crate) fn apply(&mut self, what: What<'_>) -> Vec<Effect> {
        self.seq += 1;
        let origin = Origin::Frontend(FrontendId::new(0), self.seq);
        let entry = Entry {
            seq: Seq::new(self.seq),
            stamp: Stamp::new(self.seq),
            time: self.now,
            command: Command { origin, what },
        };
        self.partition.apply(entry, &mut self.out).unwrap();
        self.partition.validate().unwrap();
        std::mem::take(&mut self.out.effects)
    }

    pub(crate) fn list(&self, topic: &str) -> RecipientList {
        let mut list = RecipientList::default();
        let mut sessions: Vec<SessionId> = self.table.iter().map(|s| s.session).collect();
        sessions.sort_unstable();
        sessions.dedup();
        for session in sessions {
            let mine = self.table.iter().filter(|s| s.session == session);
            let matching = mine.filter(|s| !s.filter.starts_with('$') && matches(&s.filter, topic));
            if let Some(qos) = matching.map(|s| s.qos).max() {
                list.recipients.push(Recipient {
                    session,
                    qos,
                    retain_as_published: false,
                    ids: IdRun::default(),
                    own: Own::Same,
                });
            }
        }
        let mut groups: Vec<&str> = self
            .table
            .iter()
            .filter(|s| {
                let path = s
                    .filter
                    .strip_prefix("$share/")
                    .and_then(|rest| rest.split_once('/'));
                path.is_some_and(|(_, path)| matches(path, topic))
            })
            .map(|s| s.filter.as_str())
            .collect();
        groups.sort_unstable();
        groups.dedup();
        list.groups = groups
            .iter()
            .map(|&filter| GroupRecipient {
                filter: filter.into(),
            })
            .collect();
        list
    }

    /// Publishes as a head would: matches first if the log has no recipients.
    pub(crate) fn publish(&mut self, publish: &Publish<'_>) -> ReasonCode {
        if !self.partition.knows_recipients(publish.topic) {
            let recipients = self.list(publish.topic);
            self.apply(What::Recipients {
                topic: publish.topic,
                recipients: &recipients,
            });
        }
        if publish.qos == Qos::AtMostOnce
            && !publish.retain
            && self.partition.push(publish, self.now)
        {
            return ReasonCode::Success;
        }
        match self.apply(What::Publish(publish)).as_slice() {
            [Effect::Reply(_, Reply::Published(reason))] => *reason,
            other => panic!("unexpected effects {other:?}"),
        }
    }

    pub(crate) fn subscribe(&mut self, number: u32, filter: &str, qos: Qos, replay: bool) {
        let session = session(number);
        self.table
            .retain(|s| s.session != session || s.filter != filter);
        self.table.push(Subscription {
            session,
            filter: filter.into(),
            qos,
        });
        self.routing(RoutingChange::Subscribed {
            session,
            filter: filter.into(),
            qos,
            retain_as_published: false,
            subscription_id: None,
            replay,
            attachment: attachment(1),
        });
    }

    pub(crate) fn unsubscribe(&mut self, number: u32, filter: &str) {
        let session = session(number);
        self.table
            .retain(|s| s.session != session || s.filter != filter);
        self.routing(RoutingChange::Unsubscribed {
            session,
            filter: filter.into(),
        });
    }

    pub(crate) fn end(&mut self, number: u32) {
        let session = session(number);
        let mine = self.table.iter().filter(|s| s.session == session);
        let filters = mine.map(|s| s.filter.as_str().into()).collect();
        self.table.retain(|s| s.session != session);
        self.routing(RoutingChange::Ended { session, filters });
    }

    fn routing(&mut self, change: RoutingChange) {
        self.version += 1;
        let version = catena_types::RoutingVersion::new(self.version);
        self.apply(What::Routing {
            version,
            changes: &[change],
        });
    }

    pub(crate) fn attach(&mut self, number: u32, generation: u32) {
        let attachment = attachment(generation);
        self.apply(What::Request(&Request::Attach {
            session: session(number),
            attachment,
        }));
    }

    pub(crate) fn detach(&mut self, number: u32, generation: u32, first_unsent: u64) {
        self.apply(What::Request(&Request::Detach {
            session: session(number),
            generation: Generation::new(generation),
            first_unsent: Position::new(first_unsent),
        }));
    }

    pub(crate) fn ack(
        &mut self,
        number: u32,
        generation: u32,
        from: u64,
        count: u32,
        phase: Phase,
    ) {
        self.apply(What::Request(&Request::Ack {
            session: session(number),
            generation: Generation::new(generation),
            attachment: AttachmentIndex(0),
            from: Position::new(from),
            count,
            phase,
        }));
    }

    /// What waits for the frontend, all of it taken.
    pub(crate) fn take(&mut self) -> Vec<String> {
        self.take_with(Seen::default()).lines
    }

    pub(crate) fn take_with(&mut self, mut seen: Seen) -> Seen {
        self.partition.take(FrontendId::new(0), &mut seen).unwrap();
        self.partition.validate().unwrap();
        seen
    }

    /// The same state by way of a snapshot.
    pub(crate) fn restored(&self) -> Self {
        let mut bytes = Vec::new();
        self.partition.snapshot(&mut bytes);
        let partition = Partition::restore(&mut Reader::new(&bytes)).unwrap();
        partition.validate().unwrap();
        assert_eq!(partition.digest(), self.partition.digest());
        Self {
            partition,
            now: self.now,
            table: self.table.clone(),
            seq: self.seq,
            version: self.version,
            out: Outbox::default(),
        }
    }
}
