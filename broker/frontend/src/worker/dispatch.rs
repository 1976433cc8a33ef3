//! From what a connection asks to requests of partitions.

use catena_connection::{Action, FilterAction, Incoming, Phase};
use catena_mqtt::{Forwarded, ReasonCode, RetainHandling};
use catena_partition::{
    AttachmentIndex, Numbered, Publish, Replay, Request, Subscribe, SubscribeFilter,
};
use catena_transport::Port;
use catena_types::{Generation, PartitionId, SessionId};

use super::batch::{Batches, Spare};
use super::ending::Leave;
use super::ledger::Purpose;
use super::state::State;

/// The actions of one round of reads on their way to partitions.
pub(crate) struct Dispatch<'d, 'r, P> {
    pub(crate) port: &'d P,
    pub(crate) state: &'d mut State,
    pub(crate) batches: &'d mut Batches<'r>,
    pub(crate) spare: &'d mut Spare,
    pub(crate) slot: u32,
    pub(super) session: SessionId,
    pub(super) generation: Generation,
    /// Where the last topic was placed: topics come in runs.
    last_topic: Option<(&'r str, PartitionId)>,
    /// The last response topic of a request to the state store, which was found good; empty before.
    pub(super) last_response_topic: &'r str,
    /// Acknowledgements were among the actions: there may be room for stalled deliveries.
    pub(crate) is_acknowledged: bool,
    /// DISCONNECT was among the actions.
    pub(crate) leave: Option<Leave>,
    /// The client did what ends its connection, once what it asked before is answered.
    pub(crate) shut_down: Option<(ReasonCode, &'static str)>,
}

impl<'d, 'r, P: Port> Dispatch<'d, 'r, P> {
    pub(crate) fn new(
        port: &'d P,
        state: &'d mut State,
        batches: &'d mut Batches<'r>,
        spare: &'d mut Spare,
    ) -> Self {
        Self {
            port,
            state,
            batches,
            spare,
            slot: 0,
            session: SessionId::from_packed(0),
            generation: Generation::new(0),
            last_topic: None,
            last_response_topic: "",
            is_acknowledged: false,
            leave: None,
            shut_down: None,
        }
    }

    /// Actions of this client follow.
    #[inline]
    pub(crate) fn begin_client(&mut self, slot: u32) {
        let client = self.state.clients.at(slot);
        let owner = client.map(|client| (client.session, client.generation));
        (self.session, self.generation) =
            owner.unwrap_or((SessionId::from_packed(0), Generation::new(0)));
        self.slot = slot;
        self.is_acknowledged = false;
        self.leave = None;
        self.shut_down = None;
        self.batches.begin_client();
    }

    /// Turns an action into a request. `Connect` and `Authenticate` are none: they come alone.
    #[inline]
    pub(crate) fn handle_action(&mut self, action: &'r Action<'_>) {
        if self.shut_down.is_some() {
            return;
        }
        match action {
            Action::Publish { ticket, message } => {
                if self.handle_store_topic(*ticket, message) {
                    return;
                }
                let purpose = ticket.map_or(Purpose::Nothing, Purpose::Publish);
                let partition = self.partition_of(&message.topic);
                let publish = self.publish(message);
                self.push(partition, purpose, Request::Publish(publish));
            }
            Action::Ack {
                partition,
                attachment,
                from,
                count,
                phase,
            } => {
                self.is_acknowledged = true;
                let request = Request::Ack {
                    session: self.session,
                    generation: self.generation,
                    attachment: AttachmentIndex(*attachment),
                    from: *from,
                    count: *count,
                    phase: match phase {
                        Phase::Received => catena_partition::Phase::Received,
                        Phase::Complete => catena_partition::Phase::Complete,
                    },
                };
                self.push_anywhere(*partition, request);
            }
            rare => self.handle_rare_action(rare),
        }
    }

    /// What goes to the session's own partition, or ends the connection.
    fn handle_rare_action(&mut self, action: &'r Action<'_>) {
        match action {
            Action::Receive {
                ticket,
                packet_id,
                message,
            } => {
                if self.handle_store_topic(Some(*ticket), message) {
                    return;
                }
                let request = Request::Receive {
                    session: self.session,
                    generation: self.generation,
                    packet_id: *packet_id,
                    publish: self.publish(message),
                };
                self.push(self.session.partition(), Purpose::Publish(*ticket), request);
            }
            Action::Release { packet_id } => {
                let request = Request::Release {
                    session: self.session,
                    generation: self.generation,
                    packet_id: *packet_id,
                };
                self.push(
                    self.session.partition(),
                    Purpose::Release(*packet_id),
                    request,
                );
            }
            Action::Subscribe {
                packet_id,
                subscription_id,
                filters,
            } => {
                let request = self.subscribe(*subscription_id, filters);
                self.push(
                    self.session.partition(),
                    Purpose::Subscribe(*packet_id),
                    request,
                );
            }
            Action::Unsubscribe { packet_id, filters } => {
                let request = Request::Unsubscribe {
                    session: self.session,
                    generation: self.generation,
                    filters: filters.clone(),
                };
                self.push(
                    self.session.partition(),
                    Purpose::Unsubscribe(*packet_id),
                    request,
                );
            }
            Action::Disconnect {
                will,
                expiry_seconds,
            } => {
                self.leave = Some(Leave {
                    will: *will,
                    expiry_seconds: *expiry_seconds,
                });
            }
            Action::Publish { .. }
            | Action::Ack { .. }
            | Action::Connect(_)
            | Action::Authenticate { .. } => {}
        }
    }

    /// Asks something in the order in which the client asked.
    #[inline]
    pub(super) fn push(&mut self, partition: PartitionId, purpose: Purpose, request: Request<'r>) {
        let requests = match self.batches.next(partition) {
            Some(requests) => requests,
            None => begin(self.state, self.batches, self.spare, partition),
        };
        let number = self.state.open(partition, self.slot, purpose);
        requests.push(Numbered { number, request });
    }

    /// Asks something that nobody waits for and that may go ahead of what was asked of other
    /// partitions, so that it needs no exchange of its own.
    #[inline]
    fn push_anywhere(&mut self, partition: PartitionId, request: Request<'r>) {
        self.push_grouped(partition, Purpose::Nothing, request);
    }

    /// Asks something that may go ahead of what was asked of other partitions.
    #[inline]
    pub(super) fn push_grouped(
        &mut self,
        partition: PartitionId,
        purpose: Purpose,
        request: Request<'r>,
    ) {
        let requests = match self.batches.find(partition) {
            Some(requests) => requests,
            None => begin(self.state, self.batches, self.spare, partition),
        };
        let number = self.state.open(partition, self.slot, purpose);
        requests.push(Numbered { number, request });
    }

    #[inline]
    fn partition_of(&mut self, topic: &'r str) -> PartitionId {
        match self.last_topic {
            // Most often the very same bytes: the decoder knows runs too.
            Some((last, partition)) if std::ptr::eq(last, topic) || last == topic => partition,
            _ => {
                let partition = self.port.partition_of(topic);
                self.last_topic = Some((topic, partition));
                partition
            }
        }
    }

    #[inline]
    fn publish(&mut self, message: &'r Incoming<'_>) -> Publish<'r> {
        Publish {
            topic: &message.topic,
            qos: message.qos,
            retain: message.retain,
            expiry_seconds: message.expiry_seconds,
            properties: properties(&message.forwarded),
            payload: message.payload,
            publisher: self.session,
            random: self.state.next_random(),
        }
    }

    fn subscribe(
        &self,
        subscription_id: Option<u32>,
        filters: &'r [FilterAction<'_>],
    ) -> Request<'r> {
        let attachment = match self.state.clients.at(self.slot) {
            Some(client) => client.attachment(self.state.frontend, self.slot),
            None => catena_partition::Attachment {
                frontend: self.state.frontend,
                connection: self.slot,
                generation: self.generation,
                share_credit: 1,
            },
        };
        let filters = filters.iter().map(subscribe_filter).collect();
        let session = self.session;
        Request::Subscribe(Box::new(Subscribe {
            session,
            attachment,
            subscription_id,
            filters,
        }))
    }
}

/// Begins a batch with what there is to say to the partition anyway.
fn begin<'b, 'r>(
    state: &mut State,
    batches: &'b mut Batches<'r>,
    spare: &mut Spare,
    partition: PartitionId,
) -> &'b mut Vec<Numbered<'r>> {
    let requests = batches.begin(partition, spare);
    state.number_follow_ups(partition, requests);
    requests
}

fn subscribe_filter<'r>(filter: &'r FilterAction<'_>) -> SubscribeFilter<'r> {
    SubscribeFilter {
        filter: filter.filter,
        qos: filter.qos,
        no_local: filter.no_local,
        retain_as_published: filter.retain_as_published,
        replay: match filter.retain_handling {
            RetainHandling::Send => Replay::Always,
            RetainHandling::SendIfNew => Replay::IfNew,
            RetainHandling::DoNotSend => Replay::Never,
        },
        refused: filter.refused,
    }
}

/// The pieces of the forwarded properties. From a client there are at most three: only an alias
/// and an expiry can stand between them.
#[inline]
fn properties<'r>(forwarded: &Forwarded<'r>) -> [&'r [u8]; 3] {
    if forwarded.is_empty() {
        return [&[], &[], &[]];
    }
    let mut pieces: [&[u8]; 3] = [&[], &[], &[]];
    for (piece, part) in pieces.iter_mut().zip(forwarded.parts()) {
        *piece = part;
    }
    pieces
}
