//! What is configured and the same on every replica of a partition. Checked before it gets here.

use catena_types::{PartitionId, Placement, Reader, Truncated, Writer};

/// The settings of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Which partition this is.
    pub id: PartitionId,
    /// Where all keys live.
    pub placement: Placement,
    /// The epoch at which this partition began empty.
    pub birth: u32,
    /// The limit of a session's delivery queue here.
    pub queue: QueueLimit,
    /// Bytes of queued and retained messages, by the partition's accounting, above which publishes
    /// are refused with 0x97 and QoS 0 is dropped, until an `Allow` says otherwise.
    pub memory_bytes_max: u64,
    /// Retained messages; a further topic's is refused with 0x97.
    pub retained_messages_max: u64,
    /// Sessions; a further one is refused with 0x97.
    pub sessions_max: u64,
    /// QoS 2 messages that a session may have received and not released.
    pub half_finished_max: u16,
    /// How a share group's messages are spread.
    pub share_strategy: ShareStrategy,
    /// Recipient sets kept for topics without messages; beyond, the head forgets some.
    pub cached_topics_max: u32,
    /// Seed of the hash tables keyed by what clients choose.
    pub hash_seed: u64,
    /// The limits of the state store.
    pub store: catena_statestore::Settings,
}

/// When a delivery queue is full. Counts what no frontend has been handed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimit {
    /// Messages.
    pub length_max: u64,
    /// Bytes of their bodies.
    pub bytes_max: u64,
    /// What then.
    pub strategy: QueueStrategy,
}

/// What happens to a queue at its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueStrategy {
    /// Nothing: it grows until the session expires or the memory pool refuses publishes.
    None,
    /// The oldest message that was not handed out gives way.
    DropOldest,
}

/// Which member of a share group gets a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShareStrategy {
    /// One after the other, those that can take it.
    RoundRobin,
    /// Any that can take it.
    Random,
    /// The same one as long as it can take it.
    Sticky,
    /// By the topic: the same member as long as the members are the same.
    HashTopic,
    /// By the publishing session.
    HashClient,
}

impl Settings {
    /// Settings without limits that matter, for tests and as a base.
    pub fn generous(id: PartitionId, placement: Placement) -> Self {
        Self {
            id,
            placement,
            birth: 1,
            queue: QueueLimit {
                length_max: u64::MAX,
                bytes_max: u64::MAX,
                strategy: QueueStrategy::None,
            },
            memory_bytes_max: u64::MAX,
            retained_messages_max: u64::MAX,
            sessions_max: u64::MAX,
            half_finished_max: u16::MAX,
            share_strategy: ShareStrategy::RoundRobin,
            cached_topics_max: 100_000,
            hash_seed: 0x5EED,
            store: catena_statestore::Settings::generous(0x5EED),
        }
    }

    /// Appends the settings to a snapshot. Those of the state store stand with the store.
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.u16(self.id.number());
        writer.u16(self.placement.partitions());
        writer.u64(self.placement.key());
        writer.u32(self.birth);
        writer.u64(self.queue.length_max);
        writer.u64(self.queue.bytes_max);
        writer.u8(match self.queue.strategy {
            QueueStrategy::None => 0,
            QueueStrategy::DropOldest => 1,
        });
        writer.u64(self.memory_bytes_max);
        writer.u64(self.retained_messages_max);
        writer.u64(self.sessions_max);
        writer.u16(self.half_finished_max);
        writer.u8(match self.share_strategy {
            ShareStrategy::RoundRobin => 0,
            ShareStrategy::Random => 1,
            ShareStrategy::Sticky => 2,
            ShareStrategy::HashTopic => 3,
            ShareStrategy::HashClient => 4,
        });
        writer.u32(self.cached_topics_max);
        writer.u64(self.hash_seed);
    }

    /// Reads what [`Settings::write`] wrote.
    ///
    /// # Errors
    /// [`Truncated`] if the bytes are none.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        let id = PartitionId::new(reader.u16()?);
        let partitions = reader.u16()?;
        let placement = Placement::new(partitions, reader.u64()?).ok_or(Truncated)?;
        if id.number() >= partitions {
            return Err(Truncated);
        }
        let mut settings = Self {
            id,
            placement,
            birth: reader.u32()?,
            queue: QueueLimit {
                length_max: reader.u64()?,
                bytes_max: reader.u64()?,
                strategy: match reader.u8()? {
                    0 => QueueStrategy::None,
                    1 => QueueStrategy::DropOldest,
                    _ => return Err(Truncated),
                },
            },
            memory_bytes_max: reader.u64()?,
            retained_messages_max: reader.u64()?,
            sessions_max: reader.u64()?,
            half_finished_max: reader.u16()?,
            share_strategy: match reader.u8()? {
                0 => ShareStrategy::RoundRobin,
                1 => ShareStrategy::Random,
                2 => ShareStrategy::Sticky,
                3 => ShareStrategy::HashTopic,
                4 => ShareStrategy::HashClient,
                _ => return Err(Truncated),
            },
            cached_topics_max: reader.u32()?,
            hash_seed: reader.u64()?,
            store: catena_statestore::Settings::generous(0),
        };
        settings.store.hash_seed = settings.hash_seed;
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_written_and_no_prefix_is_complete() {
        let placement = Placement::new(8, 42).unwrap();
        let mut settings = Settings::generous(PartitionId::new(3), placement);
        settings.queue.strategy = QueueStrategy::DropOldest;
        for share_strategy in [
            ShareStrategy::RoundRobin,
            ShareStrategy::Random,
            ShareStrategy::Sticky,
            ShareStrategy::HashTopic,
            ShareStrategy::HashClient,
        ] {
            settings.share_strategy = share_strategy;
            let mut bytes = Vec::new();
            settings.write(&mut Writer::new(&mut bytes));
            assert_eq!(Settings::read(&mut Reader::new(&bytes)), Ok(settings));
            for end in 0..bytes.len() {
                assert_eq!(
                    Settings::read(&mut Reader::new(&bytes[..end])),
                    Err(Truncated)
                );
            }
        }
    }
}
