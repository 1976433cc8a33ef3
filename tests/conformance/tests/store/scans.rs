//! Scans over the wire: pages of all partitions, patterns, tokens.

use std::collections::BTreeSet;

use catena_conformance::Broker;
use catena_store::{Answer, Page};

use crate::caller::{Caller, array};

/// All keys of a scan in the order in which they come, and how many pages they came in.
#[track_caller]
fn scan(caller: &mut Caller, pattern: &str) -> (Vec<Vec<u8>>, usize) {
    scan_with(caller, pattern, || {})
}

/// The same, with something that happens after each page.
#[track_caller]
pub(crate) fn scan_with(
    caller: &mut Caller,
    pattern: &str,
    mut meanwhile: impl FnMut(),
) -> (Vec<Vec<u8>>, usize) {
    let (mut keys, mut pages, mut token) = (Vec::new(), 0, None::<Vec<u8>>);
    loop {
        let mut words = vec![b"SCAN".as_slice(), pattern.as_bytes()];
        words.extend(token.as_deref());
        let said = caller.ask(&array(&words));
        let Ok(Answer::Done(page)) = Page::parse(&said.payload) else {
            panic!("{said:?}");
        };
        keys.extend(page.keys.iter().map(<[u8]>::to_vec));
        pages += 1;
        meanwhile();
        assert!(pages < 1_000, "an endless scan");
        match page.token {
            Some(next) => token = Some(next.to_vec()),
            None => return (keys, pages),
        }
    }
}

fn sorted(mut keys: Vec<Vec<u8>>) -> Vec<String> {
    keys.sort();
    let text = |key: Vec<u8>| String::from_utf8_lossy(&key).into_owned();
    keys.into_iter().map(text).collect()
}

/// Patterns, and what they match.
#[test]
fn a_scan_lists_what_matches() {
    let broker = Broker::start(&[]);
    let mut caller = Caller::new(&broker);
    assert_eq!(scan(&mut caller, "*").0, Vec::<Vec<u8>>::new());
    for key in ["k1", "s0", "s1", "s2", "s[x]", "a*b"] {
        caller.answer(&["SET", key, "v"]);
    }
    caller.answer(&["SET", "s9", "v"]);
    caller.answer(&["DEL", "s9"]);
    for (pattern, expected) in [
        ("s?", &["s0", "s1", "s2"][..]),
        ("s[0-1]", &["s0", "s1"]),
        ("k*", &["k1"]),
        ("*1", &["k1", "s1"]),
        ("a[*]b", &["a*b"]),
        ("s", &[]),
        ("*", &["a*b", "k1", "s0", "s1", "s2", "s[x]"]),
    ] {
        assert_eq!(sorted(scan(&mut caller, pattern).0), expected, "{pattern}");
    }
}

/// Each key of each partition is listed once, whatever comes and goes meanwhile.
#[test]
fn a_scan_goes_through_all_partitions() {
    let broker = Broker::start(&["spec.catena.partitions=8"]);
    let (mut caller, mut writer) = (Caller::new(&broker), Caller::new(&broker));
    let calls: Vec<_> = (0..3_000)
        .map(|number| writer.call(&array(&[b"SET", format!("k{number}").as_bytes(), b"v"])))
        .collect();
    for some in calls.chunks(100) {
        for call in some {
            writer.send(call);
        }
        for call in some {
            assert_eq!(writer.response_to(call).text(), "+OK|");
        }
    }
    let (keys, pages) = scan(&mut caller, "k*");
    assert_eq!(keys.len(), 3_000);
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 3_000);
    assert!(pages >= 8, "{pages} pages for 8 partitions");
}

/// Tokens that no page ended with, of any length and any partition.
#[test]
fn made_up_tokens_are_errors() {
    let broker = Broker::start(&["spec.catena.partitions=4"]);
    let mut caller = Caller::new(&broker);
    for token in [
        &b""[..],
        b"1",
        b"1;1;",
        b"\xFF\xFF",
        b"\0\x04",
        b"\0\0x",
        b"\0\x01garbage",
    ] {
        let said = caller.ask(&array(&[b"SCAN", b"*", token]));
        assert_eq!(said.text(), "-ERR syntax error|", "{token:?}");
    }
}
