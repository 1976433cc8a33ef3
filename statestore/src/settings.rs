//! What is configured and the same on every replica. Checked before it gets here.

use catena_types::{Reader, Truncated, Writer};

/// The limits of one store. What would exceed one is refused, unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Keys. Replacing and deleting still work at the limit.
    pub keys_max: u64,
    /// Bytes of all entries, by the store's accounting.
    pub bytes_max: u64,
    /// Bytes of a key; at most [`crate::KEY_BYTES_MAX`].
    pub key_bytes_max: u64,
    /// Bytes of a value.
    pub value_bytes_max: u64,
    /// Bytes of the reply to a multi-get.
    pub reply_bytes_max: u64,
    /// Keys on a page of a scan.
    pub scan_page_keys: u64,
    /// Registrations of all clients for notifications.
    pub registrations_max: u64,
    /// Registrations of one client.
    pub registrations_per_client_max: u64,
    /// Bytes of all registrations and the keys they are for, by the store's accounting.
    pub registration_bytes_max: u64,
    /// Changes kept for clients that resume; beyond, the oldest is dropped and leaves a gap.
    pub changes_max: u64,
    /// Bytes of these changes, by the store's accounting; beyond, the oldest is dropped.
    pub change_bytes_max: u64,
    /// Recent answers, at most [`crate::ANSWERS_MAX`]; beyond, the oldest is dropped.
    pub answers_max: u64,
    /// Bytes of recent answers; beyond, the oldest is dropped.
    pub answer_bytes_max: u64,
    /// Key of the hash that spreads keys: unknown to clients, the same on every replica.
    pub hash_seed: u64,
}

impl Settings {
    /// Settings without limits that matter, for tests and as a base.
    pub fn generous(hash_seed: u64) -> Self {
        Self {
            keys_max: u64::MAX,
            bytes_max: u64::MAX,
            key_bytes_max: crate::KEY_BYTES_MAX as u64,
            value_bytes_max: u64::MAX,
            reply_bytes_max: u64::MAX,
            scan_page_keys: 1_000,
            registrations_max: u64::MAX,
            registrations_per_client_max: u64::MAX,
            registration_bytes_max: u64::MAX,
            changes_max: u64::MAX,
            change_bytes_max: u64::MAX,
            answers_max: u64::MAX,
            answer_bytes_max: u64::MAX,
            hash_seed,
        }
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        self.numbers().iter().for_each(|number| writer.u64(*number));
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        let mut settings = Self::generous(0);
        for place in settings.places() {
            *place = reader.u64()?;
        }
        Ok(settings)
    }

    fn numbers(mut self) -> [u64; 14] {
        self.places().map(|place| *place)
    }

    /// All numbers in the order of snapshots.
    fn places(&mut self) -> [&mut u64; 14] {
        [
            &mut self.keys_max,
            &mut self.bytes_max,
            &mut self.key_bytes_max,
            &mut self.value_bytes_max,
            &mut self.reply_bytes_max,
            &mut self.scan_page_keys,
            &mut self.registrations_max,
            &mut self.registrations_per_client_max,
            &mut self.registration_bytes_max,
            &mut self.changes_max,
            &mut self.change_bytes_max,
            &mut self.answers_max,
            &mut self.answer_bytes_max,
            &mut self.hash_seed,
        ]
    }
}
