//! The asks that other chains have not done yet, by number.

use std::collections::BTreeMap;
use std::sync::Arc;

use catena_mqtt::{PacketId, Qos, ReasonCode};
use catena_types::{
    Fault, FrontendId, Generation, PartitionId, Reader, SessionId, Truncated, Writer, invariant,
};

use crate::{
    Ask, Asked, Attachment, Effect, Origin, Outbox, OwnedFilter, OwnedPublish, Replay, Then,
};

/// What this partition has asked of other chains.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    next: u64,
    open: BTreeMap<u64, Ask>,
    bytes: u64,
}

impl Asks {
    /// Records an ask and puts it into the outbox.
    pub(crate) fn push(&mut self, what: Asked, then: Then, out: &mut Outbox) {
        let number = self.next;
        self.next += 1;
        self.bytes += what.bytes();
        self.open.insert(
            number,
            Ask {
                what: Arc::new(what),
                then,
            },
        );
        out.effects.push(Effect::Ask { number });
    }

    /// Takes out an ask that is done.
    pub(crate) fn finish(&mut self, number: u64) -> Result<Ask, Fault> {
        let Some(ask) = self.open.remove(&number) else {
            return Err(Fault::new("an ask is done once", format!("ask={number}")));
        };
        let bytes = ask.what.bytes();
        invariant!(
            self.bytes >= bytes,
            "asks account for their bytes",
            all = self.bytes
        );
        self.bytes -= bytes;
        Ok(ask)
    }

    /// An ask that is not done.
    pub(crate) fn find(&self, number: u64) -> Option<&Ask> {
        self.open.get(&number)
    }

    /// The numbers of all asks that are not done, ascending: what a new tail sends again.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
        self.open.keys().copied()
    }

    /// Bytes of memory that open asks stand for.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends all asks to a snapshot.
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.u64(self.next);
        writer.len(self.open.len());
        for (number, ask) in &self.open {
            writer.u64(*number);
            ask.what.write(writer);
            ask.then.write(writer);
        }
    }

    /// Reads what [`Asks::write`] wrote.
    ///
    /// # Errors
    /// [`Truncated`] if the bytes are none.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        let mut asks = Self {
            next: reader.u64()?,
            ..Self::default()
        };
        for _ in 0..reader.count(8 + 1 + 8 + 1)? {
            let number = reader.u64()?;
            let last = asks.open.last_key_value();
            if number >= asks.next || last.is_some_and(|(last, _)| *last >= number) {
                return Err(Truncated);
            }
            let what = Asked::read(reader)?;
            let then = Then::read(reader)?;
            asks.bytes += what.bytes();
            asks.open.insert(
                number,
                Ask {
                    what: Arc::new(what),
                    then,
                },
            );
        }
        Ok(asks)
    }
}

impl Asked {
    /// Bytes of memory that it stands for, by the partition's accounting.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Publish(publish) => publish.bytes(),
            Self::Subscribe { filters, .. } => filters
                .iter()
                .map(|filter| filter.filter.len() as u64 + 32)
                .sum(),
            Self::Unsubscribe { filters, .. } => {
                filters.iter().map(|filter| filter.len() as u64 + 16).sum()
            }
            Self::EndSession { .. } => 16,
        }
    }

    fn write(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Publish(publish) => {
                writer.u8(0);
                publish.write(writer);
            }
            Self::Subscribe {
                session,
                attachment,
                subscription_id,
                filters,
            } => {
                writer.u8(1);
                writer.u64(session.packed());
                attachment.write(writer);
                write_option_u32(*subscription_id, writer);
                writer.len(filters.len());
                filters.iter().for_each(|filter| filter.write(writer));
            }
            Self::Unsubscribe { session, filters } => {
                writer.u8(2);
                writer.u64(session.packed());
                writer.len(filters.len());
                filters
                    .iter()
                    .for_each(|filter| writer.bytes(filter.as_bytes()));
            }
            Self::EndSession { session } => {
                writer.u8(3);
                writer.u64(session.packed());
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        Ok(match reader.u8()? {
            0 => Self::Publish(OwnedPublish::read(reader)?),
            1 => Self::Subscribe {
                session: SessionId::from_packed(reader.u64()?),
                attachment: Attachment::read(reader)?,
                subscription_id: read_option_u32(reader)?,
                filters: {
                    let count = reader.count(8 + 4)?;
                    (0..count)
                        .map(|_| OwnedFilter::read(reader))
                        .collect::<Result<_, _>>()?
                },
            },
            2 => Self::Unsubscribe {
                session: SessionId::from_packed(reader.u64()?),
                filters: {
                    let count = reader.count(8)?;
                    (0..count)
                        .map(|_| Ok(reader.text()?.into()))
                        .collect::<Result<_, _>>()?
                },
            },
            3 => Self::EndSession {
                session: SessionId::from_packed(reader.u64()?),
            },
            _ => return Err(Truncated),
        })
    }
}

impl Then {
    fn write(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Nothing => writer.u8(0),
            Self::Answer(origin) => {
                writer.u8(1);
                origin.write(writer);
            }
            Self::Received { session, packet_id } => {
                writer.u8(2);
                writer.u64(session.packed());
                writer.u16(packet_id.number());
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        Ok(match reader.u8()? {
            0 => Self::Nothing,
            1 => Self::Answer(Origin::read(reader)?),
            2 => Self::Received {
                session: SessionId::from_packed(reader.u64()?),
                packet_id: PacketId::new(reader.u16()?).ok_or(Truncated)?,
            },
            _ => return Err(Truncated),
        })
    }
}

impl Origin {
    /// Appends it to a snapshot.
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Nobody => writer.u8(0),
            Self::Frontend(frontend, number) => {
                writer.u8(1);
                writer.u16(frontend.number());
                writer.u64(*number);
            }
            Self::Partition(partition, number) => {
                writer.u8(2);
                writer.u16(partition.number());
                writer.u64(*number);
            }
        }
    }

    /// Reads what [`Origin::write`] wrote.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        Ok(match reader.u8()? {
            0 => Self::Nobody,
            1 => Self::Frontend(FrontendId::new(reader.u16()?), reader.u64()?),
            2 => Self::Partition(PartitionId::new(reader.u16()?), reader.u64()?),
            _ => return Err(Truncated),
        })
    }
}

impl Attachment {
    /// Appends it to a snapshot.
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.u16(self.frontend.number());
        writer.u32(self.connection);
        writer.u32(self.generation.number());
        writer.u16(self.share_credit);
    }

    /// Reads what [`Attachment::write`] wrote.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        Ok(Self {
            frontend: FrontendId::new(reader.u16()?),
            connection: reader.u32()?,
            generation: Generation::new(reader.u32()?),
            share_credit: reader.u16()?,
        })
    }
}

impl OwnedFilter {
    fn write(&self, writer: &mut Writer<'_>) {
        writer.bytes(self.filter.as_bytes());
        writer.u8(self.qos as u8);
        writer.u8(u8::from(self.no_local) | u8::from(self.retain_as_published) << 1);
        writer.u8(match self.replay {
            Replay::Always => 0,
            Replay::IfNew => 1,
            Replay::Never => 2,
        });
        // Success refuses nothing, so its number is free to stand for none.
        writer.u8(self.refused.map_or(0, |reason| reason as u8));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        let filter = reader.text()?.into();
        let qos = Qos::try_from(reader.u8()?).map_err(|_| Truncated)?;
        let flags = reader.u8()?;
        if flags > 3 {
            return Err(Truncated);
        }
        let replay = match reader.u8()? {
            0 => Replay::Always,
            1 => Replay::IfNew,
            2 => Replay::Never,
            _ => return Err(Truncated),
        };
        let refused = match reader.u8()? {
            0 => None,
            reason => Some(ReasonCode::try_from(reason).map_err(|_| Truncated)?),
        };
        let (no_local, retain_as_published) = (flags & 1 == 1, flags & 2 == 2);
        Ok(Self {
            filter,
            qos,
            no_local,
            retain_as_published,
            replay,
            refused,
        })
    }
}

impl OwnedPublish {
    /// Appends it to a snapshot.
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.bytes(self.topic.as_bytes());
        writer.u8(self.qos as u8);
        writer.u8(u8::from(self.retain));
        write_option_u32(self.expiry_seconds, writer);
        writer.bytes(&self.properties);
        writer.bytes(&self.payload);
        writer.u64(self.publisher.packed());
    }

    /// Reads what [`OwnedPublish::write`] wrote.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        Ok(Self {
            topic: reader.text()?.into(),
            qos: Qos::try_from(reader.u8()?).map_err(|_| Truncated)?,
            retain: match reader.u8()? {
                0 => false,
                1 => true,
                _ => return Err(Truncated),
            },
            expiry_seconds: read_option_u32(reader)?,
            properties: reader.bytes()?.into(),
            payload: reader.bytes()?.into(),
            publisher: SessionId::from_packed(reader.u64()?),
        })
    }
}

fn write_option_u32(value: Option<u32>, writer: &mut Writer<'_>) {
    writer.u8(u8::from(value.is_some()));
    if let Some(value) = value {
        writer.u32(value);
    }
}

fn read_option_u32(reader: &mut Reader<'_>) -> Result<Option<u32>, Truncated> {
    Ok(match reader.u8()? {
        0 => None,
        1 => Some(reader.u32()?),
        _ => return Err(Truncated),
    })
}
