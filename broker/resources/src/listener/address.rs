//! Addresses that a listener binds to, or trusts.

use std::fmt;
use std::path::PathBuf;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::bounded::Bounded;

/// A TCP port that a document may name.
pub type Port = Bounded<1, 65_535>;

/// Where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// On every address of the host, IPv4 and IPv6.
    Everywhere(Port),
    /// On the loopback addresses of both families.
    Loopback(Port),
    /// On one address; port 0 (from a flag only) lets the system choose.
    Address(SocketAddr),
    /// On a Unix domain socket; a path that is not absolute starts at the document's folder.
    Unix(PathBuf),
}

impl Endpoint {
    /// The TCP addresses to bind, none for a Unix socket.
    ///
    /// Where there are two, IPv6 sockets must be bound for IPv6 only. A host may lack one of the
    /// two families; the endpoint is open if one of the binds succeeds.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let both = |v4: Ipv4Addr, v6: Ipv6Addr, port: Port| {
            let port = port.to_u16();
            vec![SocketAddr::from((v4, port)), SocketAddr::from((v6, port))]
        };
        match self {
            Self::Everywhere(port) => both(Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED, *port),
            Self::Loopback(port) => both(Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST, *port),
            Self::Address(address) => vec![*address],
            Self::Unix(_) => Vec::new(),
        }
    }

    /// Whether only processes of this host can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Everywhere(_) => false,
            Self::Loopback(_) | Self::Unix(_) => true,
            Self::Address(address) => address.ip().to_canonical().is_loopback(),
        }
    }

    /// Whether both cannot be open at the same time.
    pub(crate) fn collides(&self, other: &Self) -> bool {
        if let (Self::Unix(left), Self::Unix(right)) = (self, other) {
            return left == right;
        }
        let others = other.addresses();
        self.addresses()
            .iter()
            .any(|left| others.iter().any(|right| overlap(*left, *right)))
    }
}

/// Whether two bound addresses take the same port of the same address.
fn overlap(left: SocketAddr, right: SocketAddr) -> bool {
    let (a, b) = (left.ip().to_canonical(), right.ip().to_canonical());
    let covers = |wide: IpAddr, ip: IpAddr| {
        wide == ip || (wide.is_unspecified() && wide.is_ipv4() == ip.is_ipv4())
    };
    left.port() != 0 && left.port() == right.port() && (covers(a, b) || covers(b, a))
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere(port) => write!(f, "*:{port}"),
            Self::Loopback(port) => write!(f, "localhost:{port}"),
            Self::Address(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A range of IP addresses, such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressRange {
    address: IpAddr,
    prefix_bits: u8,
}

impl AddressRange {
    /// An address alone, or an address, a slash and the number of bits that count.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').unwrap_or((text, ""));
        let address: IpAddr = address.parse().ok()?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match bits {
            "" if !text.contains('/') => bits_max,
            digits if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
            _ => return None,
        };
        (prefix_bits <= bits_max).then_some(Self {
            address,
            prefix_bits,
        })
    }

    /// An address of the range.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// How many leading bits all addresses of the range share.
    pub fn prefix_bits(&self) -> u8 {
        self.prefix_bits
    }

    /// Whether the address lies in the range. An IPv4 address mapped to IPv6 is taken as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let differing = match (self.address, address.to_canonical()) {
            (IpAddr::V4(range), IpAddr::V4(ip)) => (range.to_bits() ^ ip.to_bits()).leading_zeros(),
            (IpAddr::V6(range), IpAddr::V6(ip)) => (range.to_bits() ^ ip.to_bits()).leading_zeros(),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        differing >= u32::from(self.prefix_bits)
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_contain_what_shares_their_prefix() {
        let cases = [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("192.168.1.7", "192.168.1.7", true),
            ("192.168.1.7", "192.168.1.8", false),
            ("fd00::/8", "fd12::1", true),
            ("::/0", "fd12::1", true),
        ];
        for (range, address, expected) in cases {
            let range = AddressRange::parse(range).unwrap();
            assert_eq!(
                range.contains(address.parse().unwrap()),
                expected,
                "{range} {address}"
            );
        }
        for wrong in [
            "",
            "10.0.0.0/",
            "10.0.0.0/33",
            "::/129",
            "a/8",
            "1.2.3.4/+8",
            "1.2.3.4/-1",
        ] {
            assert_eq!(AddressRange::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn endpoints_collide_if_one_covers_the_other() {
        let port = Port::constant::<1883>();
        let at = |text: &str| Endpoint::Address(text.parse().unwrap());
        let unix = |path: &str| Endpoint::Unix(path.into());
        assert!(Endpoint::Everywhere(port).collides(&Endpoint::Loopback(port)));
        assert!(Endpoint::Loopback(port).collides(&at("127.0.0.1:1883")));
        assert!(at("[::]:1883").collides(&at("[::1]:1883")));
        assert!(!at("0.0.0.0:1883").collides(&at("[::1]:1883")));
        assert!(!at("127.0.0.1:1883").collides(&at("127.0.0.2:1883")));
        assert!(!at("127.0.0.1:0").collides(&at("127.0.0.1:0")));
        assert!(unix("/a").collides(&unix("/a")) && !unix("/a").collides(&unix("/b")));
        assert!(!unix("/a").collides(&Endpoint::Everywhere(port)));
    }

    #[test]
    fn only_loopback_and_unix_are_local() {
        let local = |text: &str| Endpoint::Address(text.parse().unwrap()).is_local();
        assert!(local("127.0.0.1:1") && local("127.9.9.9:1") && local("[::1]:1"));
        assert!(local("[::ffff:127.0.0.1]:1"));
        assert!(!local("0.0.0.0:1") && !local("[::]:1") && !local("192.168.0.1:1"));
    }
}
