//! What is counted for metrics.

/// Numbers for metrics. Counters only grow; they are not part of the replicated state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Sessions, connected or not.
    pub sessions: u64,
    /// Sessions with a connection.
    pub connected: u64,
    /// Sessions that outlive their connection.
    pub persistent: u64,
    /// Sessions that ended because their expiry interval had passed.
    pub sessions_expired: u64,
    /// Wills kept, waiting ones included.
    pub wills: u64,
    /// Bytes of their bodies.
    pub will_bytes: u64,
    /// QoS 2 messages received and not released.
    pub half_finished: u64,
    /// Asks that other chains have not done.
    pub asks: u64,
    /// Bodies stored, each once.
    pub messages: u64,
    /// Bytes of stored bodies and queue entries, by the partition's accounting.
    pub bytes: u64,
    /// Queue entries.
    pub queued: u64,
    /// Retained messages.
    pub retained: u64,
    /// Bytes of their bodies.
    pub retained_bytes: u64,
    /// Topics known: with messages, retained or cached recipients.
    pub topics: u64,
    /// Sessions with an attachment here.
    pub attachments: u64,
    /// Share groups with members here.
    pub share_groups: u64,
    /// Messages dropped from the head of a full queue.
    pub dropped_oldest: u64,
    /// Messages that expired in a queue or as retained.
    pub dropped_expired: u64,
    /// Publishes and new sessions refused because the memory pool is above its mark.
    pub refused_memory: u64,
    /// QoS 0 messages dropped for the same reason, or because too much waits for their receiver.
    pub dropped_memory: u64,
    /// Retained messages refused because there are too many.
    pub refused_retained: u64,
    /// Sessions refused because there are too many.
    pub refused_sessions: u64,
    /// QoS 2 publishes refused because a session has as many half-finished as allowed.
    pub refused_half_finished: u64,
    /// QoS 0 messages dropped because the session is offline.
    pub dropped_offline: u64,
    /// Numbers of the state store.
    pub store: catena_statestore::Stats,
}

impl Stats {
    /// Adds another partition's numbers.
    pub fn add(&mut self, more: &Self) {
        self.sessions += more.sessions;
        self.connected += more.connected;
        self.persistent += more.persistent;
        self.sessions_expired += more.sessions_expired;
        self.wills += more.wills;
        self.will_bytes += more.will_bytes;
        self.half_finished += more.half_finished;
        self.asks += more.asks;
        self.messages += more.messages;
        self.bytes += more.bytes;
        self.queued += more.queued;
        self.retained += more.retained;
        self.retained_bytes += more.retained_bytes;
        self.topics += more.topics;
        self.attachments += more.attachments;
        self.share_groups += more.share_groups;
        self.dropped_oldest += more.dropped_oldest;
        self.dropped_expired += more.dropped_expired;
        self.refused_memory += more.refused_memory;
        self.dropped_memory += more.dropped_memory;
        self.refused_retained += more.refused_retained;
        self.refused_sessions += more.refused_sessions;
        self.refused_half_finished += more.refused_half_finished;
        self.dropped_offline += more.dropped_offline;
        self.store.add(&more.store);
    }
}
