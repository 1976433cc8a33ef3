//! Bytes in: whole packets go to the connection straight from the caller's buffer, what is left
//! over is kept until the rest has come.

use catena_connection::{Action, Close, Outbox};
use catena_mqtt::{Frame, frame, limits::PACKET_BYTES_MAX};
use catena_transport::Port;
use catena_types::Moment;

use super::Worker;
use super::batch::Batches;
use super::client::Urgency;
use super::dispatch::Dispatch;
use super::ending::Leave;
use super::round::Round;
use super::state::State;

impl<P: Port> Worker<P> {
    /// Takes bytes as they were read, all of them. What they lead to is exchanged with the
    /// partitions at once; [`Worker::run`] has to follow for the rest.
    pub fn handle_bytes(&mut self, now: Moment, slot: u32, input: &[u8]) {
        self.handle_reads(now, [(slot, input)]);
    }

    /// Takes what several clients sent, as [`Worker::handle_bytes`] one after the other, but with
    /// one exchange per partition for all of them, where nothing they say stands in the way.
    pub fn handle_reads<'a>(
        &mut self,
        now: Moment,
        reads: impl IntoIterator<Item = (u32, &'a [u8])>,
    ) {
        let mut round = self.round.take();
        for (slot, input) in reads {
            self.take_read(now, (slot, input), &mut round);
        }
        self.exchange_round(now, &mut round);
        self.round = round.take();
    }

    /// Lets the client's connection take what was read. What it asks for joins the round if it can
    /// wait for the others; else the round comes to its end first.
    fn take_read<'a>(
        &mut self,
        now: Moment,
        (slot, input): (u32, &'a [u8]),
        round: &mut Round<'a>,
    ) {
        if round.is_over_for(slot) {
            self.exchange_round(now, round);
        }
        let Some(client) = self.state.clients.at_mut(slot) else {
            return;
        };
        if client.is_ending() {
            return;
        }
        self.state.stats.bytes_received += input.len() as u64;
        let partial = client.take_partial();
        if partial.is_empty() && !client.connection.is_waiting() {
            let used = self.process(now, (slot, input), round);
            self.state
                .keep(slot, Vec::new(), input.get(used..).unwrap_or_default());
        } else {
            self.exchange_round(now, round);
            self.continue_partial(now, (slot, input), partial, round);
        }
        self.state.set_alarm(slot);
    }

    /// Goes on with a packet whose beginning came before.
    fn continue_partial<'a>(
        &mut self,
        now: Moment,
        (slot, input): (u32, &'a [u8]),
        mut partial: Vec<u8>,
        round: &mut Round<'a>,
    ) {
        let client = self.state.clients.at(slot);
        if client.is_none_or(|client| client.connection.is_waiting()) {
            return self.state.keep(slot, partial, input);
        }
        let rest = complete(&mut partial, input);
        let used = self.process_alone(now, (slot, &partial), round);
        if used < partial.len() {
            partial.drain(..used);
            return self.state.keep(slot, partial, rest);
        }
        partial.clear();
        let is_waiting = |state: &State| {
            let client = state.clients.at(slot);
            client.is_none_or(|client| client.connection.is_waiting())
        };
        let used = if is_waiting(&self.state) {
            0
        } else {
            self.process(now, (slot, rest), round)
        };
        // A buffer that has grown large is not kept for a small beginning.
        self.state
            .keep(slot, Vec::new(), rest.get(used..).unwrap_or_default());
    }

    /// Goes on with input that was put aside until the broker had answered.
    pub(super) fn feed_held(&mut self, now: Moment) {
        let mut round = self.round.take();
        while let Some(slot) = self.state.held.pop() {
            if let Some(client) = self.state.clients.at_mut(slot)
                && !client.is_ending()
                && !client.connection.is_waiting()
            {
                let mut partial = client.take_partial();
                if !partial.is_empty() {
                    let used = self.process_alone(now, (slot, &partial), &mut round);
                    partial.drain(..used);
                    self.state.keep(slot, partial, &[]);
                }
                self.state.set_alarm(slot);
            }
            self.state.reopen(now, slot);
        }
        self.round = round.take();
    }

    /// [`Worker::process`] in a round of its own, which uses the lists of `round`, an empty one.
    fn process_alone(&mut self, now: Moment, read: (u32, &[u8]), round: &mut Round<'_>) -> usize {
        let mut own = round.take();
        let used = self.process(now, read, &mut own);
        self.exchange_round(now, &mut own);
        *round = own.take();
        used
    }

    /// Lets the connection take whole packets, and has done what they ask, or leaves it to the end
    /// of the round. Returns how many bytes were used.
    fn process<'a>(
        &mut self,
        now: Moment,
        (slot, input): (u32, &'a [u8]),
        round: &mut Round<'a>,
    ) -> usize {
        if input.is_empty() {
            return 0;
        }
        let actions = round.begin(slot);
        let result = self.state.take_packets(now, slot, input, actions);
        if result.is_err() || !round.can_wait() {
            let mut own = round.split_off();
            self.exchange_round(now, round);
            self.perform(now, slot, &mut own, result.as_ref().err().copied());
        }
        result.unwrap_or(input.len())
    }

    /// Exchanges what the round has gathered, and empties it.
    fn exchange_round(&mut self, now: Moment, round: &mut Round<'_>) {
        if !round.is_empty() {
            self.perform_runs(now, round.runs(), None);
        }
        round.clear();
    }

    fn perform(
        &mut self,
        now: Moment,
        slot: u32,
        actions: &mut Vec<Action<'_>>,
        close: Option<Close>,
    ) {
        // CONNECT is the last action of a read: nothing is taken until it is answered.
        let connect = match actions.last() {
            Some(Action::Connect(_)) => actions.pop(),
            _ => None,
        };
        let step = matches!(actions.last(), Some(Action::Authenticate { .. }));
        let mut rest = &**actions;
        let leave = loop {
            let (run, after) = rest.split_at(run_length(rest));
            let close = if after.is_empty() { close } else { None };
            let leave = self.perform_runs(now, std::iter::once((slot, run)), close);
            if let (Some(Action::Subscribe { .. }), Some(client)) =
                (run.last(), self.state.clients.at(slot))
            {
                // SUBACK is there already where one process has it all: it leaves before the
                // retained messages of other partitions, as clients expect.
                let partition = client.session.partition();
                self.exchange(now, partition, &[]);
            }
            if after.is_empty() {
                break leave;
            }
            rest = after;
        };
        if leave {
            self.state.advance_end(slot);
        } else if let Some(Action::Connect(connect)) = connect {
            self.handle_connect(now, slot, connect);
        } else if step {
            self.handle_step(slot);
        }
    }

    /// Exchanges what clients ask for, in any order of partitions; the last of them is closed then
    /// if `close` says so. Returns whether its connection ends.
    fn perform_runs<'r, 'a: 'r>(
        &mut self,
        now: Moment,
        runs: impl Iterator<Item = (u32, &'r [Action<'a>])>,
        close: Option<Close>,
    ) -> bool {
        let mut batches = Batches::new(&mut self.spare);
        let (state, spare) = (&mut self.state, &mut self.spare);
        let mut dispatch = Dispatch::new(&self.port, state, &mut batches, spare);
        let mut shut_down = Vec::new();
        let mut leave = None;
        for (slot, actions) in runs {
            dispatch.begin_client(slot);
            for action in actions {
                dispatch.handle_action(action);
            }
            leave = dispatch.leave.or(close.map(Leave::from));
            if let Some(leave) = leave {
                dispatch.state.begin_end(slot, leave, Urgency::Flush);
            } else if dispatch.is_acknowledged {
                dispatch.state.begin_resume(slot);
            }
            shut_down.extend(dispatch.shut_down.map(|why| (slot, why)));
        }
        for batch in batches.iter() {
            self.exchange(now, batch.partition, &batch.requests);
        }
        batches.finish(&mut self.spare);
        for (slot, why) in shut_down {
            self.state.shut_down(slot, why);
        }
        leave.is_some()
    }
}

/// How many of the actions may be done together: up to a SUBSCRIBE or UNSUBSCRIBE, since what the
/// client sends behind it is to find it done, in whichever partition [MQTT-3.8.4-1].
fn run_length(actions: &[Action<'_>]) -> usize {
    let is_last = |action: &Action<'_>| {
        matches!(
            action,
            Action::Subscribe { .. } | Action::Unsubscribe { .. }
        )
    };
    let last = actions.iter().position(is_last);
    last.map_or(actions.len(), |last| last + 1)
}

impl State {
    #[inline]
    fn take_packets<'a>(
        &mut self,
        now: Moment,
        slot: u32,
        input: &'a [u8],
        actions: &mut Vec<Action<'a>>,
    ) -> Result<usize, Close> {
        let result = self.speak(slot, |client, stats| {
            let mut out = Outbox {
                bytes: &mut client.out.bytes,
                actions,
                stats,
            };
            client
                .connection
                .handle_bytes(now, &client.rules.settings, input, &mut out)
        });
        result.unwrap_or(Ok(input.len()))
    }

    /// Puts input aside: `partial`, then `rest`.
    #[inline]
    fn keep(&mut self, slot: u32, mut partial: Vec<u8>, rest: &[u8]) {
        let Some(client) = self.clients.at_mut(slot) else {
            return;
        };
        if (partial.is_empty() && rest.is_empty()) || client.is_ending() {
            return client.trim();
        }
        partial.extend_from_slice(rest);
        client.rare().partial = partial;
    }
}

/// Moves bytes from `input` to `partial` until that is one whole packet, or until there are no
/// more; returns what is left of `input`. A large packet is so copied once, and memory grows only
/// with what has come.
fn complete<'i>(partial: &mut Vec<u8>, input: &'i [u8]) -> &'i [u8] {
    let mut rest = input;
    while !rest.is_empty() {
        let missing = match frame::next(partial, PACKET_BYTES_MAX) {
            Ok(Frame::Incomplete { missing_at_least }) => missing_at_least.min(rest.len()),
            // Whole, or wrong in a way that the connection will find.
            Ok(Frame::Complete { .. }) | Err(_) => return rest,
        };
        let (more, after) = rest.split_at(missing);
        partial.extend_from_slice(more);
        rest = after;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_completed_and_no_more() {
        let packet = b"\x30\x05\x00\x01tab";
        let next = b"\xC0\x00";
        for cut in 1..packet.len() {
            let mut partial = packet[..cut].to_vec();
            let input = [&packet[cut..], next.as_slice()].concat();
            assert_eq!(complete(&mut partial, &input), next);
            assert_eq!(partial, packet);
        }
    }
}
