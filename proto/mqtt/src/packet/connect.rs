//! CONNECT (MQTT 5.0 and 3.1.1, section 3.1).

use std::fmt;

use super::{ConnectProperties, Will};
use crate::error::{DecodeError, EncodeError};
use crate::limits::Limits;
use crate::qos::Qos;
use crate::reader::{self, Reader};
use crate::reason::ReasonCode;
use crate::version::Version;
use crate::writer::{self, Sink};

/// The first packet of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Connect<'a> {
    /// The version that the client speaks.
    pub version: Version,
    /// Whether to begin with a new session (Clean Session in MQTT 3).
    pub clean_start: bool,
    /// How long the client may be silent, in seconds. 0: for ever.
    pub keep_alive: u16,
    /// The name of the session. Empty: the server is to choose one.
    pub client_id: &'a str,
    /// Defaults under MQTT 3.
    pub properties: ConnectProperties<'a>,
    /// What to publish if the connection ends badly.
    pub will: Option<Will<'a>>,
    /// Who connects.
    pub username: Option<&'a str>,
    /// How it is proved.
    pub password: Option<&'a [u8]>,
}

impl<'a> Connect<'a> {
    /// The version that the body of a CONNECT asks for, whatever is wrong behind it: to answer a
    /// malformed one in its own version.
    ///
    /// # Errors
    /// 0x84 for a name [MQTT-3.1.2-1] or level [MQTT-3.1.2-2] that is not supported.
    pub fn version_of(body: &[u8]) -> Result<Version, DecodeError> {
        decode_version(&mut Reader::new(body))
    }

    pub(super) fn decode(body: &'a [u8], limits: &Limits) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let version = decode_version(&mut reader)?;
        let flags = Flags::decode(version, reader.u8()?)?;
        let keep_alive = reader.u16()?;
        let properties = if version.is_v5() {
            ConnectProperties::decode(&mut reader, limits)?
        } else {
            ConnectProperties::default()
        };
        // The order of the fields is fixed [MQTT-3.1.3-1], the client identifier comes first
        // [MQTT-3.1.3-3].
        let client_id = reader.free_text()?;
        if let Err(malformed) = reader::check_characters(client_id) {
            // A string, but no name: MQTT 5.0 has a code for that.
            return Err(if version.is_v5() {
                let reason = ReasonCode::ClientIdentifierNotValid;
                DecodeError::new(reason, malformed.what)
            } else {
                malformed
            });
        }
        if client_id.is_empty() && version == Version::V31 {
            let reason = ReasonCode::ClientIdentifierNotValid;
            return Err(DecodeError::new(
                reason,
                "empty client identifier under MQTT 3.1",
            ));
        }
        let will = match flags.will {
            Some((qos, retain)) => Some(Will::decode(version, qos, retain, &mut reader, limits)?),
            None => None,
        };
        // MQTT 3.1 lets the length of the packet overrule these two flags.
        let announced =
            |flag, reader: &Reader<'_>| flag && !(version == Version::V31 && reader.is_empty());
        let username = if announced(flags.username, &reader) {
            Some(reader.string()?)
        } else {
            None
        };
        let password = if announced(flags.password, &reader) {
            Some(reader.binary()?)
        } else {
            None
        };
        // Nothing may follow that no flag announced [MQTT-3.1.2-16] [MQTT-3.1.2-18].
        reader.finish()?;
        let clean_start = flags.clean_start;
        Ok(Self {
            version,
            clean_start,
            keep_alive,
            client_id,
            properties,
            will,
            username,
            password,
        })
    }

    /// Appends the packet to `out`.
    ///
    /// # Errors
    /// What cannot be expressed. `out` is unchanged then.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        writer::packet(out, super::CONNECT << 4, &|sink| self.write(sink))
    }

    fn write(&self, sink: &mut dyn Sink) {
        sink.string(self.version.protocol_name());
        sink.u8(self.version.protocol_level());
        sink.u8(self.flags());
        sink.u16(self.keep_alive);
        if self.version.is_v5() {
            sink.section(&|sink| self.properties.write(sink));
        }
        sink.string(self.client_id);
        if let Some(will) = &self.will {
            will.write(self.version, sink);
        }
        if let Some(username) = self.username {
            sink.string(username);
        }
        if let Some(password) = self.password {
            sink.binary(password);
        }
    }

    fn flags(&self) -> u8 {
        let will = self.will.map_or(0, |will| {
            WILL | (will.qos as u8) << 3 | if will.retain { WILL_RETAIN } else { 0 }
        });
        will | if self.clean_start { CLEAN_START } else { 0 }
            | if self.username.is_some() { USERNAME } else { 0 }
            | if self.password.is_some() { PASSWORD } else { 0 }
    }
}

impl fmt::Debug for Connect<'_> {
    /// Shows the length of the password only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("version", &self.version)
            .field("clean_start", &self.clean_start)
            .field("keep_alive", &self.keep_alive)
            .field("client_id", &self.client_id)
            .field("properties", &self.properties)
            .field("will", &self.will)
            .field("username", &self.username)
            .field("password_bytes", &self.password.map(<[u8]>::len))
            .finish()
    }
}

fn decode_version(reader: &mut Reader<'_>) -> Result<Version, DecodeError> {
    let name = reader.binary()?;
    let level = reader.u8()?;
    match (name, level) {
        (b"MQTT", 5) => Ok(Version::V5),
        (b"MQTT", 4) => Ok(Version::V311),
        (b"MQIsdp", 3) => Ok(Version::V31),
        _ => {
            let reason = ReasonCode::UnsupportedProtocolVersion;
            Err(DecodeError::new(
                reason,
                "protocol name or level not supported",
            ))
        }
    }
}

/// The connect flags, taken apart.
struct Flags {
    clean_start: bool,
    will: Option<(Qos, bool)>,
    username: bool,
    password: bool,
}

impl Flags {
    fn decode(version: Version, byte: u8) -> Result<Self, DecodeError> {
        // [MQTT-3.1.2-3]. MQTT 3.1 does not use the bit.
        if byte & RESERVED != 0 && version != Version::V31 {
            return Err(DecodeError::malformed("reserved connect flag set"));
        }
        // [MQTT-3.1.2-12]
        let qos = Qos::try_from(byte >> 3 & 0b11)?;
        let retain = byte & WILL_RETAIN != 0;
        let will = if byte & WILL != 0 {
            Some((qos, retain))
        } else if qos != Qos::AtMostOnce || retain {
            // [MQTT-3.1.2-11] [MQTT-3.1.2-13]
            return Err(DecodeError::malformed(
                "will QoS or will retain without a will",
            ));
        } else {
            None
        };
        let username = byte & USERNAME != 0;
        let password = byte & PASSWORD != 0;
        // [MQTT3-3.1.2-22]; allowed in MQTT 5.0 [MQTT-3.1.2-19].
        if password && !username && !version.is_v5() {
            return Err(DecodeError::malformed("password without a user name"));
        }
        Ok(Self {
            clean_start: byte & CLEAN_START != 0,
            will,
            username,
            password,
        })
    }
}

const RESERVED: u8 = 0b0000_0001;
const CLEAN_START: u8 = 0b0000_0010;
const WILL: u8 = 0b0000_0100;
const WILL_RETAIN: u8 = 0b0010_0000;
const PASSWORD: u8 = 0b0100_0000;
const USERNAME: u8 = 0b1000_0000;
