//! Threads for checking credentials: hashing a password takes long on purpose. Their number and
//! the queue before them are bounded; what does not fit is refused at once, so that a flood of
//! wrong passwords delays nobody who is connected.

use std::io;
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

use catena_mqtt::ReasonCode;

use super::{Applicant, Authenticator};
use crate::shell::mailbox::{Mailbox, Message};
use crate::shell::ready::lock;
use crate::worker::{Authentication, Verdict};

/// One check.
pub(crate) struct Job {
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) authentication: Authentication,
    pub(crate) address: Option<IpAddr>,
    pub(crate) certificates: Vec<Vec<u8>>,
    /// Where the verdict goes.
    pub(crate) mailbox: Arc<Mailbox>,
}

/// The threads.
#[derive(Debug)]
pub(crate) struct Pool {
    queue: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    pub(crate) fn start(threads: u16, queue_max: usize) -> io::Result<Self> {
        let (queue, jobs) = sync_channel::<Job>(queue_max);
        let jobs = Arc::new(Mutex::new(jobs));
        let start = |index: u16| {
            let jobs = Arc::clone(&jobs);
            Builder::new()
                .name(format!("catena-authn-{index}"))
                .spawn(move || work(&jobs))
        };
        let threads = (0..threads.max(1)).map(start).collect::<io::Result<_>>()?;
        Ok(Self {
            queue: Some(queue),
            threads,
        })
    }

    /// Queues a check; the verdict is 0x89 at once if there are too many.
    pub(crate) fn submit(&self, job: Job) {
        use std::sync::mpsc::TrySendError;
        let Some(queue) = &self.queue else { return };
        match queue.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => {
                let verdict = Verdict::Refused(ReasonCode::ServerBusy);
                job.mailbox
                    .send(Message::Verdict(job.authentication, verdict));
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A thread that has panicked has nothing left to do.
            let _ = thread.join();
        }
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        // The lock is held while waiting: whoever has it gets the next job.
        let next = lock(jobs).recv();
        let Ok(job) = next else { return };
        let applicant = Applicant {
            connect: &job.authentication.connect,
            address: job.address,
            certificates: &job.certificates,
        };
        let verdict = job.authenticator.authenticate(&applicant);
        job.mailbox
            .send(Message::Verdict(job.authentication, verdict));
    }
}
