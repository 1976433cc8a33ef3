//! The sessions that have asked for notifications, with their client IDs: the topics are made of
//! those, and the sessions themselves live in other partitions.

use std::collections::BTreeMap;

use catena_types::{Reader, SessionId, Truncated, Writer};

/// Client IDs by session, until the session ends.
#[derive(Debug, Default)]
pub(super) struct Observers {
    client_ids: BTreeMap<SessionId, Box<str>>,
}

impl Observers {
    pub(super) fn insert(&mut self, session: SessionId, client_id: &str) {
        self.client_ids
            .entry(session)
            .or_insert_with(|| client_id.into());
    }

    pub(super) fn knows(&self, session: SessionId) -> bool {
        self.client_ids.contains_key(&session)
    }

    pub(super) fn client_id(&self, session: SessionId) -> Option<&str> {
        self.client_ids.get(&session).map(|id| &**id)
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, session: SessionId) -> bool {
        self.client_ids.remove(&session).is_some()
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        writer.len(self.client_ids.len());
        for (session, client_id) in &self.client_ids {
            writer.u64(session.packed());
            writer.bytes(client_id.as_bytes());
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        let mut observers = Self::default();
        for _ in 0..reader.count(12)? {
            let session = SessionId::from_packed(reader.u64()?);
            observers.insert(session, reader.text()?);
        }
        Ok(observers)
    }
}
