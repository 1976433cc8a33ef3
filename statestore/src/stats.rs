//! Numbers for metrics.

/// How full the store is and what it did. Counters only grow; they are not replicated state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Keys, also those that have expired and wait for a tick.
    pub keys: u64,
    /// Bytes of their entries, by the store's accounting.
    pub bytes: u64,
    /// Keys with an expiry.
    pub expiring: u64,
    /// Registrations for notifications.
    pub registrations: u64,
    /// Bytes of registrations and their keys, by the store's accounting.
    pub registration_bytes: u64,
    /// Changes kept for clients that resume.
    pub changes: u64,
    /// Bytes of these changes, by the store's accounting.
    pub change_bytes: u64,
    /// Recent answers.
    pub answers: u64,
    /// Bytes of recent answers, by the store's accounting.
    pub answer_bytes: u64,
    /// Counter: keys that expired.
    pub expired: u64,
    /// Counter: notifications handed out.
    pub notified: u64,
    /// Counter: requests refused because of a quota, whichever of the five that follow.
    pub refused_quota: u64,
    /// Counter: requests refused because there are as many keys as allowed.
    pub refused_keys: u64,
    /// Counter: requests refused because entries take as many bytes as allowed.
    pub refused_bytes: u64,
    /// Counter: registrations refused because there are as many as allowed.
    pub refused_registrations: u64,
    /// Counter: registrations refused because the client has as many as allowed.
    pub refused_registrations_per_client: u64,
    /// Counter: registrations refused because they take as many bytes as allowed.
    pub refused_registration_bytes: u64,
    /// Counter: requests refused because a key is too long.
    pub refused_key_bytes: u64,
    /// Counter: requests refused because a value is too long.
    pub refused_value_bytes: u64,
    /// Counter: keys that a request created.
    pub insertions: u64,
    /// Counter: keys that a request gave another value.
    pub modifications: u64,
    /// Counter: keys that a request deleted.
    pub deletions: u64,
    /// Counter: keys whose value was asked for.
    pub retrievals: u64,
    /// Counter: requests to be told of changes, or no more.
    pub key_notify_requests: u64,
    /// Counter: requests answered from recent answers.
    pub repeated: u64,
    /// Counter: changes dropped because too many were kept.
    pub dropped_changes: u64,
    /// Counter: recent answers dropped because too many were kept.
    pub dropped_answers: u64,
}

impl Stats {
    /// Adds another store's numbers.
    pub fn add(&mut self, more: &Self) {
        self.keys += more.keys;
        self.bytes += more.bytes;
        self.expiring += more.expiring;
        self.registrations += more.registrations;
        self.registration_bytes += more.registration_bytes;
        self.changes += more.changes;
        self.change_bytes += more.change_bytes;
        self.answers += more.answers;
        self.answer_bytes += more.answer_bytes;
        self.expired += more.expired;
        self.notified += more.notified;
        self.refused_quota += more.refused_quota;
        self.refused_keys += more.refused_keys;
        self.refused_bytes += more.refused_bytes;
        self.refused_registrations += more.refused_registrations;
        self.refused_registrations_per_client += more.refused_registrations_per_client;
        self.refused_registration_bytes += more.refused_registration_bytes;
        self.refused_key_bytes += more.refused_key_bytes;
        self.refused_value_bytes += more.refused_value_bytes;
        self.insertions += more.insertions;
        self.modifications += more.modifications;
        self.deletions += more.deletions;
        self.retrievals += more.retrievals;
        self.key_notify_requests += more.key_notify_requests;
        self.repeated += more.repeated;
        self.dropped_changes += more.dropped_changes;
        self.dropped_answers += more.dropped_answers;
    }
}
