//! What partitions ask of each other and of the routing table: done after their lock is released,
//! in the order they asked.

use std::collections::VecDeque;

use catena_partition::{AskOutcome, Asked, Origin};
use catena_types::{Fault, FrontendId, Moment, PartitionId, PartitionSet};

use crate::backend::Backend;
use crate::replica::Task;

impl Backend {
    /// Carries out tasks until there are none. Each takes one partition's lock at a time.
    pub(crate) fn carry_out(
        &self,
        mut tasks: VecDeque<Task>,
        caller: Option<FrontendId>,
        now: Moment,
    ) {
        let mut ended = false;
        loop {
            match tasks.pop_front() {
                Some(Task::Ask(asker, number)) => {
                    ended |= self.ask(asker, number, &mut tasks, caller, now);
                }
                Some(Task::Done(asker, number, outcome)) => {
                    let more = &mut tasks;
                    self.with(asker, more, caller, |replica| {
                        replica.done(number, outcome, now);
                    });
                }
                // Thousands of sessions may end at once: each partition logs all of them together.
                None if std::mem::take(&mut ended) => {
                    let all = PartitionSet::first(self.placement().partitions());
                    self.log_routing(&all, &mut tasks, caller, now);
                }
                None => return,
            }
        }
    }

    /// Carries out one ask. Whether a session has ended, which all partitions have to log yet.
    fn ask(
        &self,
        asker: PartitionId,
        number: u64,
        tasks: &mut VecDeque<Task>,
        caller: Option<FrontendId>,
        now: Moment,
    ) -> bool {
        let Some(what) = self.asked(asker, number) else {
            return false;
        };
        let outcome = match &*what {
            Asked::Publish(publish) => {
                let target = self.placement().partition_of(&publish.topic);
                let origin = Origin::Partition(asker, number);
                self.with(target, tasks, caller, |replica| {
                    replica.publish(self.routes(), origin, &publish.borrow(), now);
                });
                return false;
            }
            Asked::Subscribe {
                session,
                attachment,
                subscription_id,
                filters,
            } => {
                let routed =
                    self.routes()
                        .subscribe(*session, *attachment, *subscription_id, filters);
                routed.map(|routed| {
                    self.log_routing(&routed.partitions, tasks, caller, now);
                    AskOutcome::Subscribed(Box::new(routed))
                })
            }
            Asked::Unsubscribe { session, filters } => {
                let routed = self.routes().unsubscribe(*session, filters);
                routed.map(|routed| {
                    self.log_routing(&routed.partitions, tasks, caller, now);
                    AskOutcome::Unsubscribed {
                        codes: routed.codes,
                    }
                })
            }
            Asked::EndSession { session } => {
                let ended = self.routes().end_session(*session);
                ended.map(|()| AskOutcome::Ended)
            }
        };
        match outcome {
            Ok(outcome) => {
                let ended = matches!(outcome, AskOutcome::Ended);
                tasks.push_back(Task::Done(asker, number, outcome));
                ended
            }
            Err(fault) => {
                routing_fault(&fault);
                false
            }
        }
    }

    /// Has every partition concerned log the newest routing version: only then may the client be
    /// told, so that no later publish misses the subscription.
    fn log_routing(
        &self,
        partitions: &PartitionSet,
        tasks: &mut VecDeque<Task>,
        caller: Option<FrontendId>,
        now: Moment,
    ) {
        for partition in partitions.iter() {
            self.with(partition, tasks, caller, |replica| {
                self.routes().read(|table| replica.catch_up(table, now));
            });
        }
        if self.routes().is_crowded() {
            for partition in self.placement().all() {
                self.with(partition, tasks, caller, |replica| {
                    self.routes().read(|table| replica.catch_up(table, now));
                });
            }
            self.routes().forget_logged();
        }
    }
}

fn routing_fault(fault: &Fault) {
    tracing::error!(reason = %fault, "routing table stopped");
}
