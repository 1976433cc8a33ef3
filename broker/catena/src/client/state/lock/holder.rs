//! A holder of a lock: acquires, renews, notices the loss, releases, over as many connections as
//! it takes.

use std::time::Duration;

use catena_hlc::Stamp;
use catena_store::{
    Command, Delete, DeleteCondition, KeyNotify, Registration, Reply, Set, SetCondition, Write,
    reply,
};
use tokio::time::Instant;

use super::super::super::failure::{CONNECTION_LOST, Failure};
use super::super::call::{Caller, Change, malformed};
use super::super::encoded;
use super::{LOCK_LOST, LockArgs};

/// How long to leave a broker alone that could not be reached.
const PAUSE: Duration = Duration::from_millis(250);

/// Who holds the lock, or wants to.
#[derive(Debug)]
pub(super) struct Holder<'a> {
    args: &'a LockArgs,
    name: String,
    time: Duration,
    /// None: not connected.
    caller: Option<Caller>,
    /// Whether changes of the lock are told on this connection.
    is_watching: bool,
    /// Whether the last attempt was answered with that another holds the lock.
    is_refused: bool,
    /// The version with which the lock was acquired.
    token: String,
    /// Until when the lock is certainly held.
    until: Instant,
}

impl<'a> Holder<'a> {
    pub(super) fn new(args: &'a LockArgs, name: String) -> Self {
        Self {
            args,
            name,
            time: Duration::from_millis(args.ttl.millis()),
            caller: None,
            is_watching: false,
            is_refused: false,
            token: String::new(),
            until: Instant::now(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What protects the writes that the lock allows. Renewing does not change it: it is as good
    /// as the newer ones as long as no other holder has written.
    pub(super) fn fencing_token(&self) -> &str {
        &self.token
    }

    /// Whether the last attempt was answered with that another holds the lock.
    pub(super) fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// Acquires the lock unless another holds it.
    pub(super) async fn try_acquire(&mut self) -> Result<bool, Failure> {
        let version = self.claim().await?;
        if let Some(version) = &version {
            self.token.clone_from(version);
        }
        Ok(version.is_some())
    }

    /// Acquires the lock as soon as it is free.
    pub(super) async fn acquire(&mut self) -> Result<(), Failure> {
        // Who cannot connect at all is told so.
        self.connected().await?;
        loop {
            match self.attempt().await {
                Ok(()) => return Ok(()),
                Err(failure) if failure.code == CONNECTION_LOST => {
                    self.caller = None;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Renews the lock for as long as this is waited for. Returns why it is lost.
    pub(super) async fn keep(&mut self) -> Failure {
        loop {
            match tokio::time::timeout_at(self.until, self.turn()).await {
                Ok(Ok(())) => {}
                Ok(Err(failure)) if failure.code == LOCK_LOST => return failure,
                // As long as there is time, the next attempt may do.
                Ok(Err(_)) => {
                    self.caller = None;
                    tokio::time::sleep_until(self.until.min(Instant::now() + PAUSE)).await;
                }
                Err(_) => return lost("no renewal came through in time"),
            }
        }
    }

    /// Gives the lock up. Tells whether it was held.
    pub(super) async fn release(&mut self) -> Result<bool, Failure> {
        let request = encoded(&Command::Write(Write::Delete(Delete {
            key: self.args.name.as_bytes(),
            condition: DeleteCondition::Value(self.name.as_bytes()),
        })));
        let caller = self.connected().await?;
        let response = caller.ask(&request, None).await?;
        match response.reply()? {
            Reply::Number(count) => Ok(count > 0),
            _ => Err(malformed()),
        }
    }

    /// Says goodbye.
    pub(super) async fn close(&mut self) -> Result<(), Failure> {
        match &mut self.caller {
            Some(caller) => caller.connection.close().await,
            None => Ok(()),
        }
    }

    /// Waits for the lock on one connection.
    async fn attempt(&mut self) -> Result<(), Failure> {
        // Registered before the next attempt: no release between the two is missed.
        self.watch().await?;
        while !self.try_acquire().await? {
            let caller = self.connected().await?;
            while caller.next_change().await?.value.is_some() {}
        }
        Ok(())
    }

    /// Waits until the lock is to be renewed, and renews it.
    async fn turn(&mut self) -> Result<(), Failure> {
        if !self.is_connected() {
            // The registration has ended with the connection, and with it what it would have told.
            return self.renew().await;
        }
        if !self.is_watching {
            self.watch().await?;
        }
        let due = self.until - self.time * 2 / 3;
        let lock = self.args.name.as_bytes();
        let (name, token) = (self.name.as_bytes(), self.token.clone());
        let Some(caller) = &mut self.caller else {
            return Ok(());
        };
        let change = tokio::select! {
            change = caller.next_change() => change?,
            () = tokio::time::sleep_until(due) => return self.renew().await,
        };
        if change.key == lock && is_loss(&change, name, &token) {
            return Err(lost(match change.value {
                Some(_) => "another holds it",
                None => "its key was deleted",
            }));
        }
        Ok(())
    }

    async fn renew(&mut self) -> Result<(), Failure> {
        match self.claim().await? {
            Some(_) => Ok(()),
            None => Err(lost("another holds it")),
        }
    }

    /// Acquires or renews: the version, or none if another holds the lock.
    async fn claim(&mut self) -> Result<Option<String>, Failure> {
        let request = encoded(&Command::Write(Write::Set(Set {
            key: self.args.name.as_bytes(),
            value: self.name.as_bytes(),
            condition: SetCondition::AbsentOrEqual,
            lifetime: Some(self.args.ttl),
        })));
        let time = self.time;
        self.is_refused = false;
        let caller = self.connected().await?;
        // The time of the lock counts from when the broker has it, not earlier.
        let until = Instant::now() + time;
        let response = caller.ask(&request, None).await?;
        match response.reply()? {
            Reply::Ok => {}
            Reply::Number(reply::NOT_APPLIED) => {
                self.is_refused = true;
                return Ok(None);
            }
            _ => return Err(malformed()),
        }
        let version = response.version.ok_or_else(malformed)?;
        self.until = until;
        Ok(Some(version))
    }

    /// Asks to be told of changes of the lock.
    async fn watch(&mut self) -> Result<(), Failure> {
        let request = encoded(&Command::KeyNotify(KeyNotify {
            key: self.args.name.as_bytes(),
            registration: Registration::Start,
        }));
        let caller = self.connected().await?;
        caller.ask(&request, None).await?.reply()?;
        self.is_watching = true;
        Ok(())
    }

    fn is_connected(&self) -> bool {
        self.caller.is_some()
    }

    async fn connected(&mut self) -> Result<&mut Caller, Failure> {
        let caller = match self.caller.take() {
            Some(caller) => caller,
            None => {
                self.is_watching = false;
                self.is_refused = false;
                Caller::open(&self.args.session, true).await?
            }
        };
        Ok(self.caller.insert(caller))
    }
}

/// Whether the lock, acquired with this token, has passed on with this change.
fn is_loss(change: &Change, name: &[u8], token: &str) -> bool {
    if change.value.as_deref() == Some(name) {
        return false;
    }
    match (Stamp::parse(&change.version), Stamp::parse(token)) {
        // Changes from before may be told late.
        (Ok(version), Ok(token)) => version > token,
        _ => true,
    }
}

fn lost(why: &str) -> Failure {
    Failure::new(LOCK_LOST, format!("the lock was lost: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_later_changes_by_others_are_a_loss() {
        let change = |version: &str, value: Option<&str>| Change {
            key: b"lock".to_vec(),
            version: version.to_owned(),
            value: value.map(|value| value.as_bytes().to_vec()),
        };
        let token = "000000000000005:00001:StateStore";
        for (version, value, expected) in [
            ("000000000000006:00000:StateStore", Some("me"), false),
            ("000000000000006:00000:StateStore", Some("you"), true),
            ("000000000000005:00002:StateStore", None, true),
            ("000000000000005:00000:StateStore", None, false),
            ("000000000000005:00001:StateStore", None, false),
            ("what", None, true),
        ] {
            let change = change(version, value);
            assert_eq!(is_loss(&change, b"me", token), expected, "{change:?}");
        }
    }
}
