//! Sessions as bytes, ascending by ID. Timers and sums follow from them and are not written.

use std::collections::BTreeMap;

use catena_mqtt::PacketId;
use catena_types::{
    FrontendId, Generation, Moment, PartitionId, PartitionSet, Reader, SessionId, Truncated, Writer,
};

use super::record::{HalfFinished, KeptWill, Newcomer, Session, State};
use super::state::Sessions;
use crate::{Origin, OwnedPublish, Settings};

impl Sessions {
    /// Appends all sessions to a snapshot.
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.u32(self.next);
        writer.len(self.table.len());
        for session in self.table.ascending() {
            session.write(writer);
        }
    }

    /// Reads what [`Sessions::write`] wrote.
    ///
    /// # Errors
    /// [`Truncated`] if the bytes are none.
    pub(crate) fn read(settings: &Settings, reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        let mut sessions = Self::new(settings);
        sessions.next = reader.u32()?;
        let mut last = None;
        for _ in 0..reader.count(SESSION_BYTES_MIN)? {
            let session = Session::read(reader)?;
            let id = session.id;
            let end = SessionId::new(settings.id, settings.birth, sessions.next);
            if last.is_some_and(|last| last >= id) || id >= end {
                return Err(Truncated);
            }
            last = Some(id);
            sessions.counts.count_in(&session);
            sessions.table.insert(session).map_err(|_| Truncated)?;
            sessions.arm(id).map_err(|_| Truncated)?;
        }
        Ok(sessions)
    }
}

/// ID, length of the client ID, generation, expiry, state, will, three lengths and more.
const SESSION_BYTES_MIN: usize = 8 + 8 + 4 + 4 + 1 + 1 + 8 + 8 + 32 + 4;

impl Session {
    fn write(&self, writer: &mut Writer<'_>) {
        writer.u64(self.id.packed());
        writer.bytes(self.client_id.as_bytes());
        writer.u32(self.generation.number());
        writer.u32(self.expiry_seconds);
        write_will(self.will.as_deref(), writer);
        self.state.write(writer);
        writer.len(self.half_finished().count());
        for (packet_id, state) in self.half_finished() {
            writer.u16(packet_id.number());
            match state {
                HalfFinished::Received => writer.u8(0),
                HalfFinished::Asking { origin } => {
                    writer.u8(1);
                    origin.write(writer);
                }
            }
        }
        writer.len(self.ranges.len());
        self.ranges
            .iter()
            .for_each(|partition| writer.u16(partition.number()));
        self.partitions
            .words()
            .into_iter()
            .for_each(|word| writer.u64(word));
        writer.u32(self.subscribing);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        let id = SessionId::from_packed(reader.u64()?);
        let client_id = reader.text()?.into();
        let generation = Generation::new(reader.u32()?);
        let expiry_seconds = reader.u32()?;
        let will = read_will(reader)?;
        let state = State::read(reader)?;
        if let State::Offline { ends, will_due } = &state {
            let early = will_due.is_none_or(|due| due <= *ends);
            if will_due.is_some() != will.is_some() || !early {
                return Err(Truncated);
            }
        }
        let mut half_finished = BTreeMap::new();
        for _ in 0..reader.count(2 + 1)? {
            let packet_id = PacketId::new(reader.u16()?).ok_or(Truncated)?;
            let state = match reader.u8()? {
                0 => HalfFinished::Received,
                1 => HalfFinished::Asking {
                    origin: Origin::read(reader)?,
                },
                _ => return Err(Truncated),
            };
            let last = half_finished.last_key_value();
            if last.is_some_and(|(last, _)| *last >= packet_id) {
                return Err(Truncated);
            }
            half_finished.insert(packet_id, state);
        }
        let ranges = reader.count(2)?;
        let ranges = (0..ranges).map(|_| Ok(PartitionId::new(reader.u16()?)));
        Ok(Self {
            id,
            client_id,
            generation,
            expiry_seconds,
            state,
            will,
            half_finished: (!half_finished.is_empty()).then(|| Box::new(half_finished)),
            ranges: ranges.collect::<Result<_, _>>()?,
            partitions: PartitionSet::from_words([
                reader.u64()?,
                reader.u64()?,
                reader.u64()?,
                reader.u64()?,
            ]),
            subscribing: reader.u32()?,
        })
    }
}

impl State {
    fn write(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Offline {
                ends,
                will_due: None,
            } => {
                writer.u8(0);
                writer.u64(ends.nanos());
            }
            Self::Offline {
                ends,
                will_due: Some(will_due),
            } => {
                writer.u8(1);
                writer.u64(ends.nanos());
                writer.u64(will_due.nanos());
            }
            Self::Connected {
                frontend,
                connection,
                waiting,
            } => {
                writer.u8(if waiting.is_some() { 3 } else { 2 });
                writer.u16(frontend.number());
                writer.u32(*connection);
                if let Some(newcomer) = waiting {
                    newcomer.write(writer);
                }
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        let tag = reader.u8()?;
        let mut moment = || Ok(Moment::from_nanos(reader.u64()?));
        Ok(match tag {
            0 => Self::Offline {
                ends: moment()?,
                will_due: None,
            },
            1 => Self::Offline {
                ends: moment()?,
                will_due: Some(moment()?),
            },
            tag @ (2 | 3) => Self::Connected {
                frontend: FrontendId::new(reader.u16()?),
                connection: reader.u32()?,
                waiting: match tag {
                    3 => Some(Box::new(Newcomer::read(reader)?)),
                    _ => None,
                },
            },
            _ => return Err(Truncated),
        })
    }
}

impl Newcomer {
    fn write(&self, writer: &mut Writer<'_>) {
        self.origin.write(writer);
        writer.u8(u8::from(self.clean_start));
        writer.u32(self.expiry_seconds);
        writer.u16(self.frontend.number());
        writer.u32(self.connection);
        write_will(self.will.as_deref(), writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        Ok(Self {
            origin: Origin::read(reader)?,
            clean_start: match reader.u8()? {
                0 => false,
                1 => true,
                _ => return Err(Truncated),
            },
            expiry_seconds: reader.u32()?,
            frontend: FrontendId::new(reader.u16()?),
            connection: reader.u32()?,
            will: read_will(reader)?,
        })
    }
}

fn write_will(will: Option<&KeptWill>, writer: &mut Writer<'_>) {
    writer.u8(u8::from(will.is_some()));
    if let Some(will) = will {
        writer.u32(will.delay_seconds);
        will.publish.write(writer);
    }
}

fn read_will(reader: &mut Reader<'_>) -> Result<Option<Box<KeptWill>>, Truncated> {
    Ok(match reader.u8()? {
        0 => None,
        1 => {
            let delay_seconds = reader.u32()?;
            let publish = OwnedPublish::read(reader)?;
            Some(Box::new(KeptWill {
                delay_seconds,
                publish,
            }))
        }
        _ => return Err(Truncated),
    })
}
