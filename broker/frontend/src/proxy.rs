//! The PROXY protocol, versions 1 and 2: what a trusted load balancer says about who really
//! connected. A bounded parser over bytes; whose headers are believed is decided by [`Trust`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest header accepted, in bytes: version 1 needs 107, version 2 with all known
/// type-length-values well under 1 KiB.
pub const HEADER_BYTES_MAX: usize = 2_048;

/// The longest version 1 line, with its line end, in bytes.
const LINE_BYTES_MAX: usize = 107;
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const FIXED_BYTES: usize = 16;

/// What the bytes read so far are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// More bytes are needed.
    Incomplete,
    /// A whole header of `size` bytes.
    Complete {
        /// Who connected to the load balancer; `None` for its own health checks and for families
        /// that have no address.
        source: Option<SocketAddr>,
        /// How many bytes the header took.
        size: usize,
    },
}

/// Why bytes are no PROXY header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// Neither version's first bytes.
    #[error("no PROXY header where one is required")]
    Missing,
    /// A version 1 line that breaks its grammar.
    #[error("malformed PROXY version 1 line")]
    MalformedLine,
    /// A version 2 header with an undefined field, or type-length-values that do not add up.
    #[error("malformed PROXY version 2 header")]
    MalformedBinary,
    /// A header above [`HEADER_BYTES_MAX`].
    #[error("PROXY header above {HEADER_BYTES_MAX} bytes")]
    TooLong,
}

/// Parses a header from the start of `bytes`.
pub fn parse(bytes: &[u8]) -> Result<Header, ProxyError> {
    if bytes.starts_with(b"PROXY ") {
        parse_line(bytes)
    } else if bytes.starts_with(&SIGNATURE) {
        parse_binary(bytes)
    } else if b"PROXY ".starts_with(bytes) || SIGNATURE.starts_with(bytes) {
        Ok(Header::Incomplete)
    } else {
        Err(ProxyError::Missing)
    }
}

fn parse_line(bytes: &[u8]) -> Result<Header, ProxyError> {
    let window = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
        let full = window.len() == LINE_BYTES_MAX;
        return if full {
            Err(ProxyError::MalformedLine)
        } else {
            Ok(Header::Incomplete)
        };
    };
    let size = end + 2;
    let line = std::str::from_utf8(&window[..end]).map_err(|_| ProxyError::MalformedLine)?;
    let mut words = line.split(' ').skip(1);
    let source = match words.next() {
        // Everything after UNKNOWN is to be ignored.
        Some("UNKNOWN") => return Ok(Header::Complete { source: None, size }),
        Some("TCP4") => line_addresses::<Ipv4Addr>(&mut words),
        Some("TCP6") => line_addresses::<Ipv6Addr>(&mut words),
        _ => None,
    };
    match (source, words.next()) {
        (Some(source), None) => Ok(Header::Complete {
            source: Some(source),
            size,
        }),
        _ => Err(ProxyError::MalformedLine),
    }
}

/// The source of `source destination source-port destination-port`; all four must be well-formed.
fn line_addresses<'a, Address>(words: &mut impl Iterator<Item = &'a str>) -> Option<SocketAddr>
where
    Address: std::str::FromStr + Into<IpAddr>,
{
    let source: Address = words.next()?.parse().ok()?;
    let _destination: Address = words.next()?.parse().ok()?;
    let port = line_port(words.next()?)?;
    line_port(words.next()?)?;
    Some(SocketAddr::new(source.into(), port))
}

/// Decimal without sign or leading zeros.
fn line_port(word: &str) -> Option<u16> {
    let plain = word == "0" || !word.starts_with(['0', '+']);
    plain.then(|| word.parse().ok()).flatten()
}

fn parse_binary(bytes: &[u8]) -> Result<Header, ProxyError> {
    let Some(fixed) = bytes.get(..FIXED_BYTES) else {
        return Ok(Header::Incomplete);
    };
    let (version_command, family) = (fixed[12], fixed[13]);
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    let size = FIXED_BYTES + length;
    if size > HEADER_BYTES_MAX {
        return Err(ProxyError::TooLong);
    }
    let local = match version_command {
        0x20 => true,
        0x21 => false,
        _ => return Err(ProxyError::MalformedBinary),
    };
    let Some(body) = bytes.get(FIXED_BYTES..size) else {
        return Ok(Header::Incomplete);
    };
    let (source, rest) = binary_source(family, body).ok_or(ProxyError::MalformedBinary)?;
    check_values(rest)?;
    // A LOCAL connection is the load balancer's own; its addresses mean nothing.
    let source = source.filter(|_| !local);
    Ok(Header::Complete { source, size })
}

/// The source address and what follows the addresses; `None` if the body is too short for them.
fn binary_source(family: u8, body: &[u8]) -> Option<(Option<SocketAddr>, &[u8])> {
    match family {
        0x11 | 0x12 => {
            let (addresses, rest) = body.split_first_chunk::<12>()?;
            let ip = Ipv4Addr::new(addresses[0], addresses[1], addresses[2], addresses[3]);
            let port = u16::from_be_bytes([addresses[8], addresses[9]]);
            Some((Some(SocketAddr::new(ip.into(), port)), rest))
        }
        0x21 | 0x22 => {
            let (addresses, rest) = body.split_first_chunk::<36>()?;
            let ip = Ipv6Addr::from(*addresses.first_chunk::<16>()?);
            let port = u16::from_be_bytes([addresses[32], addresses[33]]);
            Some((Some(SocketAddr::new(ip.into(), port)), rest))
        }
        0x31 | 0x32 => Some((None, body.get(216..)?)),
        0x00 => Some((None, &[])),
        _ => None,
    }
}

/// Walks the type-length-values: they must fill the rest exactly.
fn check_values(mut rest: &[u8]) -> Result<(), ProxyError> {
    while let [_kind, high, low, values @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        rest = values.get(length..).ok_or(ProxyError::MalformedBinary)?;
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(ProxyError::MalformedBinary)
    }
}

/// Whose PROXY headers are believed: networks as address and prefix length. By default nobody's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trust {
    networks: Vec<(IpAddr, u8)>,
}

impl Trust {
    /// Trusts the networks; `None` if a prefix is longer than its address.
    pub fn new(networks: Vec<(IpAddr, u8)>) -> Option<Self> {
        let fits =
            |(address, prefix): &(IpAddr, u8)| *prefix <= if address.is_ipv4() { 32 } else { 128 };
        networks.iter().all(fits).then_some(Self { networks })
    }

    /// Whether headers from `peer` are believed.
    pub fn covers(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        let covers = |&(network, prefix): &(IpAddr, u8)| match (network, peer) {
            (IpAddr::V4(network), IpAddr::V4(peer)) => same_prefix(
                u32::from(network).into(),
                u32::from(peer).into(),
                prefix,
                32,
            ),
            (IpAddr::V6(network), IpAddr::V6(peer)) => {
                same_prefix(network.into(), peer.into(), prefix, 128)
            }
            _ => false,
        };
        self.networks.iter().any(covers)
    }
}

fn same_prefix(a: u128, b: u128, prefix: u8, width: u8) -> bool {
    let shift = u32::from(width.saturating_sub(prefix));
    (a ^ b).checked_shr(shift).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests;
