//! Tests of the PROXY header parser.

use super::*;
use proptest::prelude::*;

#[track_caller]
fn check(bytes: &[u8], expected: Result<Option<&str>, ProxyError>) {
    let expected = expected.map(|source| Header::Complete {
        source: source.map(|text| text.parse().unwrap()),
        size: bytes.len(),
    });
    assert_eq!(parse(bytes), expected);
    if expected.is_ok() {
        for cut in 0..bytes.len() {
            assert_eq!(parse(&bytes[..cut]), Ok(Header::Incomplete), "cut at {cut}");
        }
    }
}

fn binary(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = SIGNATURE.to_vec();
    bytes.extend([command, family]);
    bytes.extend((body.len() as u16).to_be_bytes());
    bytes.extend(body);
    bytes
}

const BODY: [u8; 12] = [192, 0, 2, 7, 10, 0, 0, 1, 0x30, 0x39, 0x07, 0x5b];

#[test]
fn version_1_lines() {
    check(
        b"PROXY TCP4 192.0.2.7 10.0.0.1 12345 1883\r\n",
        Ok(Some("192.0.2.7:12345")),
    );
    check(
        b"PROXY TCP6 2001:db8::7 ::1 12345 1883\r\n",
        Ok(Some("[2001:db8::7]:12345")),
    );
    check(b"PROXY UNKNOWN ffff::1 whatever\r\n", Ok(None));
    check(b"PROXY UNKNOWN\r\n", Ok(None));
    let malformed = Err(ProxyError::MalformedLine);
    check(b"PROXY TCP4 2001:db8::7 ::1 1 2\r\n", malformed);
    check(b"PROXY TCP4 192.0.2.7 10.0.0.1 12345\r\n", malformed);
    check(b"PROXY TCP4 192.0.2.7 10.0.0.1 1 2 3\r\n", malformed);
    check(b"PROXY TCP4 192.0.2.7 10.0.0.1 +1 2\r\n", malformed);
    check(b"PROXY TCP4 192.0.2.7 10.0.0.1 65536 2\r\n", malformed);
    check(
        &[b"PROXY UNKNOWN ".as_slice(), &[b'x'; 100]].concat(),
        malformed,
    );
}

#[test]
fn version_2_headers() {
    check(&binary(0x21, 0x11, &BODY), Ok(Some("192.0.2.7:12345")));
    check(&binary(0x20, 0x11, &BODY), Ok(None));
    check(&binary(0x21, 0x00, &[]), Ok(None));
    let with_value = [BODY.as_slice(), &[0x04, 0, 2, 9, 9]].concat();
    check(
        &binary(0x21, 0x11, &with_value),
        Ok(Some("192.0.2.7:12345")),
    );
    let malformed = Err(ProxyError::MalformedBinary);
    check(&binary(0x21, 0x11, &with_value[..16]), malformed);
    check(&binary(0x21, 0x11, &BODY[..11]), malformed);
    check(&binary(0x11, 0x11, &BODY), malformed);
    check(&binary(0x21, 0x41, &BODY), malformed);
    check(&binary(0x21, 0x11, &[0; 4096]), Err(ProxyError::TooLong));
}

#[test]
fn other_bytes_are_no_header() {
    check(b"GET / HTTP/1.1\r\n", Err(ProxyError::Missing));
    check(&[0x10, 12, 0, 4], Err(ProxyError::Missing));
    assert_eq!(parse(b""), Ok(Header::Incomplete));
}

#[test]
fn only_listed_networks_are_trusted() {
    let networks = vec![
        ("10.1.0.0".parse().unwrap(), 16),
        ("fd00::".parse().unwrap(), 8),
    ];
    let trust = Trust::new(networks).unwrap();
    assert!(trust.covers("10.1.2.3".parse().unwrap()));
    assert!(trust.covers("::ffff:10.1.2.3".parse().unwrap()));
    assert!(trust.covers("fdab::1".parse().unwrap()));
    assert!(!trust.covers("10.2.0.1".parse().unwrap()));
    assert!(!trust.covers("fe80::1".parse().unwrap()));
    assert!(!Trust::default().covers("127.0.0.1".parse().unwrap()));
    assert!(
        Trust::new(vec![("0.0.0.0".parse().unwrap(), 0)])
            .unwrap()
            .covers("198.51.100.1".parse().unwrap())
    );
    assert!(Trust::new(vec![("10.0.0.0".parse().unwrap(), 33)]).is_none());
}

proptest! {
    #[test]
    fn whatever_comes_a_complete_header_lies_within_it(bytes: Vec<u8>, version in 0..3_u8) {
        let mut all = match version {
            0 => Vec::new(),
            1 => b"PROXY TCP4 ".to_vec(),
            _ => SIGNATURE.to_vec(),
        };
        all.extend(bytes);
        if let Ok(Header::Complete { size, .. }) = parse(&all) {
            prop_assert!(size <= all.len() && size <= HEADER_BYTES_MAX);
        }
    }

    #[test]
    fn version_1_round_trips(source: SocketAddr, port: u16) {
        let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
        // A scope has no place in the line.
        let source = SocketAddr::new(source.ip(), source.port());
        let ip = source.ip();
        let line = format!("PROXY {family} {ip} {ip} {} {port}\r\nrest", source.port());
        let size = line.len() - 4;
        let expected = Header::Complete { source: Some(source), size };
        prop_assert_eq!(parse(line.as_bytes()), Ok(expected));
    }
}
