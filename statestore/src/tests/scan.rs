//! Scans: every key once, whatever changes meanwhile.

use std::collections::BTreeSet;

use super::*;

impl Harness {
    fn scan_all(&mut self, pattern: &str) -> Vec<String> {
        let (mut all, mut token) = self.scan(pattern, None);
        while let Some(from) = token {
            let (more, next) = self.scan(pattern, Some(&from));
            all.extend(more);
            token = next;
        }
        all
    }
}

fn with_page(scan_page_keys: u64) -> Harness {
    Harness::with(Settings {
        scan_page_keys,
        ..Settings::generous(42)
    })
}

#[test]
fn every_key_is_listed_once() {
    for page in [1, 7, 1_000] {
        let mut harness = with_page(page);
        let keys: BTreeSet<String> = (0..300).map(|number| format!("k{number}")).collect();
        keys.iter()
            .for_each(|key| drop(harness.say(&["SET", key, "v"])));
        harness.say(&["SET", "other", "v"]);
        let all = harness.scan_all("k*");
        assert_eq!(all.len(), keys.len());
        assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), keys);
        assert_eq!(harness.scan_all("k1[0-4]?").len(), 50);
        assert_eq!(harness.scan_all("none*"), [""; 0]);
    }
}

#[test]
fn a_key_that_stays_is_listed_once_while_others_come_and_go() {
    let mut harness = with_page(3);
    (0..100).for_each(|number| drop(harness.say(&["SET", &format!("stays{number}"), "v"])));
    let mut seen = Vec::new();
    let mut token: Option<Vec<u8>> = None;
    for round in 0.. {
        harness.say(&["SET", &format!("new{round}"), "v"]);
        harness.say(&["DEL", &format!("new{}", round / 2)]);
        harness.say(&["SET", &format!("stays{}", round % 100), "changed"]);
        let (page, next) = harness.scan("*", token.as_deref());
        seen.extend(page.into_iter().filter(|key| key.starts_with("stays")));
        let Some(next) = next else {
            break;
        };
        token = Some(next);
    }
    assert_eq!(seen.len(), 100);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>().len(), 100);
}

#[test]
fn only_what_the_client_may_read_is_listed() {
    let mut harness = Harness::new();
    ["a1", "a2", "b1"]
        .iter()
        .for_each(|key| drop(harness.say(&["SET", key, "v"])));
    let mut reply = Vec::new();
    let scan = Command::Scan(Scan {
        pattern: b"*",
        token: None,
    });
    harness.store.read(
        harness.now(),
        &scan,
        |key| key.starts_with(b"b"),
        &mut reply,
    );
    assert_eq!(reply, b"*1\r\n*1\r\n$2\r\nb1\r\n");
}

#[test]
fn other_tokens_are_refused() {
    let mut harness = Harness::new();
    for token in [&b""[..], b"1;1;", b"\x01", b"\x01\x05", b"\x02\x05key"] {
        let scan = Command::Scan(Scan {
            pattern: b"*",
            token: Some(token),
        });
        let (reply, _) = harness.apply(&Request::new(Client::new(1), scan));
        assert_eq!(reply, b"-ERR syntax error\r\n", "{token:?}");
    }
}

#[test]
fn a_page_ends_after_a_bounded_number_of_comparisons() {
    let mut harness = Harness::new();
    let key = "a".repeat(10_000);
    (0..100).for_each(|number| drop(harness.say(&["SET", &format!("{key}{number}"), "v"])));
    let pattern = "*a".repeat(500) + "b";
    let (page, token) = harness.scan(&pattern, None);
    assert_eq!((page.len(), token.is_some()), (0, true));
    assert_eq!(harness.scan_all(&format!("{key}9*")).len(), 11);
}
