//! What clients do in the world, and what the network does to them.

use super::{Event, World};
use crate::client::{Farewell, Stage};
use crate::invariants::Verdict;
use crate::network::{LinkId, Seat, Way};
use crate::time::ms;
use crate::workload::{Action, BACKLOG_MAX};

impl World {
    /// A client does what its script says.
    pub(super) fn act(&mut self, client: usize) -> Verdict {
        if self.is_quiet {
            return Ok(());
        }
        let action = match self.clients[client].stage {
            Stage::Offline => self.scripts[client].offline(),
            Stage::Connecting => Action::Idle,
            Stage::Connected => self.scripts[client].connected(&self.profile),
        };
        self.perform(client, action)?;
        let pause = self.scripts[client].pause(&self.profile);
        self.agenda.after(pause, Event::Act(client));
        Ok(())
    }

    fn perform(&mut self, client: usize, action: Action) -> Verdict {
        match action {
            Action::Idle => {}
            Action::Connect { clean } => self.connect(client, clean),
            Action::Publish(terms) => {
                let (of, mut scene) = self.scene(client);
                if of.backlog.len() < BACKLOG_MAX {
                    of.backlog.extend(terms);
                }
                of.publish_backlog(&mut scene);
            }
            Action::Call => {
                let (of, mut scene) = self.scene(client);
                of.call(&mut scene);
            }
            Action::Subscribe(filters, id) => {
                let (of, mut scene) = self.scene(client);
                of.subscribe(&mut scene, &filters, id);
            }
            Action::Unsubscribe(filters) => {
                let (of, mut scene) = self.scene(client);
                of.unsubscribe(&mut scene, &filters);
            }
            Action::Pause(pause) => {
                let until = self.agenda.now().plus(pause);
                self.clients[client].paused_until = until;
                self.agenda.at(until, Event::Tend(client));
            }
            Action::Disconnect(farewell) => self.disconnect(client, farewell),
            Action::Hang => self.hang_up(client),
            Action::Cut => self.cut(client),
            Action::Again { clean } => {
                if let Some(link) = self.clients[client].link {
                    self.retired.insert(link);
                }
                self.connect(client, clean);
            }
            Action::Restart => {
                self.hang_up(client);
                let (of, mut scene) = self.scene(client);
                of.forget(&mut scene);
            }
        }
        self.flush(client);
        Ok(())
    }

    /// Opens a connection to any worker; the old one, if there is one, is left to itself.
    pub(super) fn connect(&mut self, client: usize, clean: bool) {
        let seats = self.seats();
        let seat: Seat = *self.places.pick(&seats);
        let link = self.network.open(client, seat);
        self.nodes[seat.node].seats[seat.worker].note_arriving(link);
        self.wake_soon(seat);
        let (of, mut scene) = self.scene(client);
        of.connect(&mut scene, link, clean);
        self.flush(client);
    }

    /// Says goodbye, and closes the connection behind it.
    pub(super) fn disconnect(&mut self, client: usize, farewell: Farewell) {
        let Some(link) = self.clients[client].link else {
            return;
        };
        let (of, mut scene) = self.scene(client);
        let will = of.disconnect(&mut scene, farewell);
        self.goodbyes.insert(link, will);
        // What does not fit into the window is lost with the client.
        let output = std::mem::take(&mut self.clients[client].output);
        if self.send(link, Way::Up, &output) < output.len() {
            self.goodbyes.remove(&link);
        }
        self.end(link, Way::Up);
        let (of, mut scene) = self.scene(client);
        of.leave(&mut scene);
    }

    /// Closes the connection without a word.
    pub(super) fn hang_up(&mut self, client: usize) {
        if let Some(link) = self.clients[client].link {
            self.owe_will(client);
            self.end(link, Way::Up);
        }
        let (of, mut scene) = self.scene(client);
        of.leave(&mut scene);
    }

    /// Cuts the connection; its ends notice sooner or later.
    fn cut(&mut self, client: usize) {
        let Some(link) = self.clients[client].link else {
            return;
        };
        let now = self.agenda.now();
        self.trace
            .line(now, format_args!("client {client} is cut off"));
        self.network.cut(link);
        let client_after = self.scheduler.below(2_000);
        let broker_after = *self.scheduler.pick(&[5, 500, 10_000, 40_000]);
        self.agenda
            .after(ms(client_after), Event::Notice(link, Way::Down));
        self.agenda
            .after(ms(broker_after), Event::Notice(link, Way::Up));
    }

    /// One end of a cut connection notices.
    pub(super) fn notice(&mut self, link: LinkId, way: Way) -> Verdict {
        match way {
            Way::Up => self.break_off(link),
            Way::Down => self.drop_link(link),
        }
        Ok(())
    }

    /// The connection is gone for its client, if the client still uses it.
    fn drop_link(&mut self, link: LinkId) {
        let client = self.network.link(link).client;
        if self.clients[client].link == Some(link) {
            self.owe_will(client);
            let (of, mut scene) = self.scene(client);
            of.leave(&mut scene);
        }
    }

    /// The will of a connection that ends without a word has to be published, if it has no delay in
    /// which the client might come back.
    fn owe_will(&mut self, client: usize) {
        let of = &self.clients[client];
        if of.traits.will_delay == Some(0)
            && let Some(will) = of.standing_will()
        {
            self.owed_wills.push(will);
        }
    }

    /// The broker has read a connection to its end: after DISCONNECT the will is void. Another
    /// connection of the client may have ended this one before.
    pub(super) fn note_goodbye(&mut self, link: LinkId) {
        let Some(Some(will)) = self.goodbyes.remove(&link) else {
            return;
        };
        let client = self.network.link(link).client;
        let is_last =
            (link + 1..self.network.count()).all(|later| self.network.link(later).client != client);
        if is_last && !self.network.link(link).is_cut {
            self.model.messages[will].is_forgotten = true;
        }
    }

    /// Bytes for a client have arrived, or the end.
    pub(super) fn read(&mut self, link: LinkId) -> Verdict {
        let client = self.network.link(link).client;
        let now = self.agenda.now();
        let is_current = self.clients[client].link == Some(link);
        if is_current && self.clients[client].paused_until > now && !self.is_calm {
            return Ok(());
        }
        let available = self.network.available(link, Way::Down);
        let bytes = self.network.take(link, Way::Down, available);
        self.note_room(link);
        if !is_current {
            return Ok(());
        }
        if !bytes.is_empty() {
            let (of, mut scene) = self.scene(client);
            of.handle_bytes(&mut scene, &bytes)?;
            self.flush(client);
        }
        if self.network.is_over(link, Way::Down) {
            self.end(link, Way::Up);
            self.drop_link(link);
        }
        Ok(())
    }

    /// A client does what is due, once in a while and when it has planned to.
    pub(super) fn tend(&mut self, client: usize) -> Verdict {
        let (of, mut scene) = self.scene(client);
        let was_paused = of.paused_until > catena_types::Moment::ZERO;
        let is_alive = of.tend(&mut scene);
        if !is_alive {
            self.hang_up(client);
        }
        self.flush(client);
        let of = &self.clients[client];
        if was_paused
            && of.paused_until == catena_types::Moment::ZERO
            && let Some(link) = of.link
        {
            self.read(link)?;
        }
        let again = self.agenda.now().plus(ms(700));
        if self.next_tend[client] <= self.agenda.now() {
            self.next_tend[client] = again;
            self.agenda.at(again, Event::Tend(client));
        }
        Ok(())
    }

    /// Sends what a client has to say, as far as there is room.
    pub(super) fn flush(&mut self, client: usize) {
        let now = self.agenda.now();
        let of = &mut self.clients[client];
        let output = std::mem::take(&mut of.output);
        if let Some(link) = of.link
            && !output.is_empty()
        {
            let taken = self.send(link, Way::Up, &output);
            self.clients[client].output = output[taken..].to_vec();
        }
        let due = self.clients[client].next_tend();
        if due < self.next_tend[client] && due > now {
            self.agenda.at(due, Event::Tend(client));
        }
    }

    /// There may be room again for what a client sends.
    pub(super) fn flush_client(&mut self, link: LinkId) {
        let client = self.network.link(link).client;
        if self.clients[client].link == Some(link) && !self.clients[client].output.is_empty() {
            self.flush(client);
        }
    }
}
