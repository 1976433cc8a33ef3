//! Every error text, provoked over the wire, and the order in which errors are looked for.

use catena_conformance::Broker;

use crate::caller::{Caller, array, key, payload, stamp};
use crate::shared;

const AHEAD: &str = "-ERR the request timestamp is too far in the future; ensure that the client \
                     and broker system clocks are synchronized|";
const TOKEN_AHEAD: &str = "-ERR the request fencing token timestamp is too far in the future; \
                           ensure that the client and broker system clocks are synchronized|";
const TOKEN_REQUIRED: &str = "-ERR a fencing token is required for this request|";
const TOKEN_LOWER: &str = "-ERR the request fencing token is a lower version than the fencing \
                           token protecting the resource|";

/// Sends words, with `__ts` and `__ft`.
#[track_caller]
fn ask(caller: &mut Caller, words: &[&str], stamps: [Option<&str>; 2]) -> String {
    let mut call = caller.call(&payload(words));
    call.timestamp = stamps[0].map(str::to_owned);
    call.fencing_token = stamps[1].map(str::to_owned);
    let said = caller.ask_as(&call);
    // An error is an answer like any other, or else callers would not see its text.
    assert_eq!(said.user("__stat"), Some("200"));
    if said.payload.starts_with(b"-") {
        assert_eq!(said.version(), None, "{said:?}");
    }
    said.text()
}

#[test]
fn errors_of_stamps_and_tokens() {
    let mut caller = Caller::new(shared());
    let (key, now) = (key(), stamp(0));
    let (far, low, high) = (stamp(90_000), stamp(-2_000), stamp(-1_000));
    let set = ["SET", &*key, "v"];
    assert_eq!(ask(&mut caller, &set, [Some(&far), None]), AHEAD);
    let missing = "-ERR missing timestamp|";
    assert_eq!(ask(&mut caller, &set, [None, None]), missing);
    let malformed = "-ERR malformed timestamp|";
    assert_eq!(ask(&mut caller, &set, [Some("1:2"), None]), malformed);
    assert_eq!(ask(&mut caller, &set, [Some(&now), Some("x")]), malformed);
    assert_eq!(
        ask(&mut caller, &set, [Some(&now), Some(&far)]),
        TOKEN_AHEAD
    );
    let gone = ask(&mut caller, &["GET", &key], [None, None]);
    assert_eq!(gone, "$-1|", "what is refused changes nothing");
    assert_eq!(ask(&mut caller, &set, [Some(&now), Some(&high)]), "+OK|");
    for write in [&set[..], &["DEL", &key], &["VDEL", &key, "v"]] {
        let without = ask(&mut caller, write, [Some(&now), None]);
        assert_eq!(without, TOKEN_REQUIRED, "{write:?}");
        let lower = ask(&mut caller, write, [Some(&now), Some(&low)]);
        assert_eq!(lower, TOKEN_LOWER, "{write:?}");
        let ahead = ask(&mut caller, write, [Some(&now), Some(&far)]);
        assert_eq!(ahead, TOKEN_AHEAD, "{write:?}");
    }
    // The fence goes before the condition, and a condition that is not met stores no token.
    let if_absent = ["SET", &*key, "w", "NX"];
    assert_eq!(
        ask(&mut caller, &if_absent, [Some(&now), Some(&low)]),
        TOKEN_LOWER
    );
    assert_eq!(
        ask(&mut caller, &if_absent, [Some(&now), Some(&now)]),
        ":-1|"
    );
    assert_eq!(ask(&mut caller, &["DEL", &key], [None, Some(&high)]), ":1|");
    assert_eq!(
        ask(&mut caller, &set, [Some(&now), None]),
        "+OK|",
        "the fence is gone"
    );
}

#[test]
fn errors_of_grammar_in_their_order() {
    let mut caller = Caller::new(shared());
    let (syntax, count) = ("-ERR syntax error|", "-ERR wrong number of arguments|");
    let (unknown, empty) = ("-ERR unknown command|", "-ERR the key length is zero|");
    let rows: [(&[&[u8]], &str); 20] = [
        (&[b"NOPE"], unknown),
        (&[b""], unknown),
        (&[b"set", b"k", b"v"], unknown),
        (&[b"SET", b"k"], count),
        (&[b"SET", b"k", b"v", b"NX", b"PX", b"1", b"2"], count),
        (&[b"VDEL", b"k"], count),
        (&[b"DEL"], count),
        (&[b"KEYNOTIFY"], count),
        (&[b"SCAN"], count),
        (&[b"SCAN", b"a", b"b", b"c"], count),
        (&[b"SET", b"", b"v", b"XX"], empty),
        (&[b"DEL", b""], empty),
        (&[b"VDEL", b"", b"v"], empty),
        (&[b"KEYNOTIFY", b""], empty),
        (&[b"SCAN", b""], empty),
        (&[b"SET", b"k", b"v", b"NX", b"NEX"], syntax),
        (&[b"SET", b"k", b"v", b"PX", b"0"], syntax),
        (&[b"SET", b"k", b"v", b"PX"], syntax),
        (
            &[b"SET", b"k", b"v", b"PX", b"99999999999999999999"],
            syntax,
        ),
        (&[b"KEYNOTIFY", b"k", b"GET"], syntax),
    ];
    for (words, expected) in rows {
        assert_eq!(caller.ask(&array(words)).text(), expected, "{words:?}");
    }
    for raw in [
        &b""[..],
        b"*",
        b"*0\r\n",
        b"*-1\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n:3\r\n",
        b"*2\r\n$3\r\nGET\r\n$1\r\nk",
        b"*2\r\n$3\r\nGET\r\n$1\r\nkk\r\n",
        b"*2\n$3\nGET\n$1\nk\n",
        b"*2\r\n$3\r\nGET\r\n*1\r\n$1\r\nk\r\n",
        b"*2\r\n$3\r\nGET\r\n$18446744073709551616\r\nk\r\n",
        b"*1000000\r\n$3\r\nGET\r\n",
    ] {
        let text = caller.ask(raw).text();
        assert_eq!(text, syntax, "{:?}", String::from_utf8_lossy(raw));
    }
    // Leading zeros are no error.
    let padded = caller.ask(b"*002\r\n$03\r\nGET\r\n$001\r\n~\r\n");
    assert_eq!(padded.text(), "$-1|");
}

#[test]
fn the_quota_is_told_and_replacing_still_works() {
    let settings = [
        "spec.catena.limits.memoryPoolBytes=67108864",
        "spec.catena.partitions=1",
    ];
    let broker = Broker::start(&settings);
    let mut caller = Caller::new(&broker);
    let value = "v".repeat(1_000_000);
    let mut stored = Vec::new();
    let refused = loop {
        let key = format!("k{}", stored.len());
        let said = caller.answer(&["SET", &key, &value]);
        if said != "+OK|" {
            break said;
        }
        stored.push(key);
        assert!(stored.len() < 70, "no quota");
    };
    assert_eq!(refused, "-ERR the quota has been exceeded|");
    assert!(stored.len() > 10, "{} keys", stored.len());
    assert_eq!(caller.answer(&["SET", &stored[0], &value]), "+OK|");
    assert_eq!(caller.answer(&["DEL", &stored[1]]), ":1|");
    assert_eq!(caller.answer(&["SET", "another", &value]), "+OK|");
}

#[test]
fn keys_and_values_are_as_long_as_they_may_be() {
    let mut caller = Caller::new(shared());
    let long = format!("{}{}", key(), "k".repeat(6_500));
    let value = "v".repeat(200_000);
    assert_eq!(caller.answer(&["SET", &long, &value]), "+OK|");
    let said = caller.say(&["GET", &long]);
    assert_eq!(said.payload.len(), "$200000\r\n\r\n".len() + 200_000);
    let huge = "k".repeat(70_000);
    assert_eq!(
        caller.answer(&["SET", &huge, "v"]),
        "-ERR the key is too long|"
    );
    let unseen = "k".repeat(40_000);
    assert_eq!(
        caller.answer(&["KEYNOTIFY", &unseen]),
        "-ERR the key is too long to be observed|"
    );
    let pattern = "p".repeat(1_025);
    assert_eq!(
        caller.answer(&["SCAN", &pattern]),
        "-ERR the key is too long|"
    );
}

#[test]
fn a_value_is_not_longer_than_configured() {
    let broker = Broker::start(&["spec.catena.limits.stateStore.valueBytes=1000"]);
    let mut caller = Caller::new(&broker);
    let (fits, long) = ("v".repeat(1_000), "v".repeat(1_001));
    assert_eq!(caller.answer(&["SET", "k", &fits]), "+OK|");
    let too_long = "-ERR the value is too long|";
    assert_eq!(caller.answer(&["SET", "k", &long]), too_long);
    let found = caller.say(&["GET", "k"]).payload;
    assert_eq!(found.len(), "$1000\r\n\r\n".len() + 1_000, "as before");
}
