//! Every test vector of the published protocol, by its number: what goes in and what comes back,
//! with the version beside it. Each group has a broker of its own, as it names its keys.

use catena_conformance::Broker;
use catena_store::{Answer, Page};

use crate::caller::{Call, Caller, array, payload, stamp};

/// Where a response has its version from.
#[derive(Clone, Copy, Debug)]
enum Beside {
    Absent,
    New,
    Last,
}

use Beside::{Absent, Last, New};

/// One client, and the last new version.
struct Talk {
    caller: Caller,
    last: String,
    // Ends after its clients.
    _broker: Broker,
}

impl Talk {
    fn new() -> Self {
        Self::with(&[])
    }

    /// With a broker of these settings.
    fn with(settings: &[&str]) -> Self {
        let broker = Broker::start(settings);
        Self {
            caller: Caller::named(&broker, "c1"),
            last: String::new(),
            _broker: broker,
        }
    }

    #[track_caller]
    fn check(&mut self, request: &[u8], response: &[u8], version: Beside) {
        let call = self.caller.call(request);
        self.check_call(&call, response, version);
    }

    #[track_caller]
    fn check_call(&mut self, call: &Call, response: &[u8], version: Beside) {
        let said = self.caller.ask_as(call);
        assert_eq!(said.payload, response, "{}", said.text());
        assert_eq!(said.user("__stat"), Some("200"), "{said:?}");
        match version {
            Absent => assert_eq!(said.version(), None),
            Last => assert_eq!(said.version(), Some(&*self.last)),
            New => {
                // Padded, so that texts are ordered like versions.
                let found = said.version().unwrap();
                assert!(found > &*self.last, "{found} after {}", self.last);
                self.last = found.to_owned();
            }
        }
    }

    #[track_caller]
    fn fenced(&mut self, request: &[u8], token: Option<&str>, response: &[u8], version: Beside) {
        let mut call = self.caller.call(request);
        call.fencing_token = token.map(str::to_owned);
        self.check_call(&call, response, version);
    }
}

/// Vectors 1 to 9.
#[test]
fn basics() {
    let mut talk = Talk::new();
    let get = b"*2\r\n$3\r\nGET\r\n$7\r\nSETKEY2\r\n";
    let delete = b"*2\r\n$3\r\nDEL\r\n$7\r\nSETKEY2\r\n";
    talk.check(get, b"$-1\r\n", Absent);
    let set = b"*3\r\n$3\r\nSET\r\n$7\r\nSETKEY2\r\n$6\r\nVALUE5\r\n";
    talk.check(set, b"+OK\r\n", New);
    talk.check(get, b"$6\r\nVALUE5\r\n", Last);
    let differs = b"*3\r\n$4\r\nVDEL\r\n$7\r\nSETKEY2\r\n$3\r\nABC\r\n";
    talk.check(differs, b":-1\r\n", Last);
    let empty = b"*3\r\n$3\r\nSET\r\n$7\r\nSETKEY2\r\n$0\r\n\r\n";
    talk.check(empty, b"+OK\r\n", New);
    talk.check(get, b"$0\r\n\r\n", Last);
    talk.check(delete, b":1\r\n", Last);
    talk.check(delete, b":0\r\n", Absent);
    let gone = b"*3\r\n$4\r\nVDEL\r\n$7\r\nSETKEY2\r\n$1\r\nx\r\n";
    talk.check(gone, b":0\r\n", Absent);
}

/// Vectors 10 to 13.
#[test]
fn any_bytes() {
    let mut talk = Talk::new();
    let set = b"*3\r\n$3\r\nSET\r\n$2\r\nk1\r\n$5\r\nv\r\n\x001\r\n";
    talk.check(set, b"+OK\r\n", New);
    talk.check(
        b"*2\r\n$3\r\nGET\r\n$2\r\nk1\r\n",
        b"$5\r\nv\r\n\x001\r\n",
        Last,
    );
    let set = b"*3\r\n$3\r\nSET\r\n$4\r\n\0\xff\r\n\r\n$5\r\n$1\r\nA\r\n";
    talk.last.clear();
    talk.check(set, b"+OK\r\n", New);
    let get = b"*2\r\n$3\r\nGET\r\n$4\r\n\0\xff\r\n\r\n";
    talk.check(get, b"$5\r\n$1\r\nA\r\n", Last);
}

/// Vectors 14 to 17 and 19.
#[test]
fn conditions() {
    let mut talk = Talk::new();
    let if_absent = b"*4\r\n$3\r\nSET\r\n$4\r\nlock\r\n$1\r\na\r\n$2\r\nNX\r\n";
    talk.check(if_absent, b"+OK\r\n", New);
    talk.check(if_absent, b":-1\r\n", Last);
    let if_mine = b"*4\r\n$3\r\nSET\r\n$4\r\nlock\r\n$1\r\nb\r\n$3\r\nNEX\r\n";
    talk.check(if_mine, b":-1\r\n", Last);
    let renew =
        b"*6\r\n$3\r\nSET\r\n$4\r\nlock\r\n$1\r\na\r\n$3\r\nNEX\r\n$2\r\nPX\r\n$4\r\n1000\r\n";
    talk.check(renew, b"+OK\r\n", New);
    talk.last.clear();
    let short = b"*5\r\n$3\r\nSET\r\n$7\r\ntestkey\r\n$9\r\ntestvalue\r\n$2\r\nPX\r\n$2\r\n10\r\n";
    talk.check(short, b"+OK\r\n", New);
}

/// Vector 18: when an observer is told of the expiry, the key is gone.
#[test]
fn expiry() {
    let mut talk = Talk::new();
    talk.check(&payload(&["KEYNOTIFY", "lock"]), b"+OK\r\n", Absent);
    let set = b"*5\r\n$3\r\nSET\r\n$4\r\nlock\r\n$1\r\na\r\n$2\r\nPX\r\n$4\r\n1000\r\n";
    talk.check(set, b"+OK\r\n", New);
    assert!(talk.caller.next().text().contains("|SET|"));
    assert!(talk.caller.next().text().contains("|DELETE|"));
    talk.check(b"*2\r\n$3\r\nGET\r\n$4\r\nlock\r\n", b"$-1\r\n", Absent);
}

/// Vectors 20 to 29.
#[test]
fn fencing() {
    let mut talk = Talk::new();
    let required = b"-ERR a fencing token is required for this request\r\n";
    let lower = b"-ERR the request fencing token is a lower version than the fencing token \
                  protecting the resource\r\n";
    let ahead = b"-ERR the request fencing token timestamp is too far in the future; ensure that \
                  the client and broker system clocks are synchronized\r\n";
    let (t1, t2, t3) = (stamp(-3_000), stamp(-2_000), stamp(-1_000));
    let set = |value: &[u8]| array(&[b"SET", b"p", value]);
    let delete = b"*2\r\n$3\r\nDEL\r\n$1\r\np\r\n";
    talk.fenced(&set(b"1"), Some(&t2), b"+OK\r\n", New);
    talk.fenced(&set(b"2"), None, required, Absent);
    talk.fenced(&set(b"2"), Some(&t1), lower, Absent);
    talk.fenced(&set(b"2"), Some(&t2), b"+OK\r\n", New);
    talk.fenced(delete, None, required, Absent);
    let differs = b"*3\r\n$4\r\nVDEL\r\n$1\r\np\r\n$1\r\nz\r\n";
    talk.fenced(differs, Some(&t3), b":-1\r\n", Last);
    talk.check(b"*2\r\n$3\r\nGET\r\n$1\r\np\r\n", b"$1\r\n2\r\n", Last);
    talk.fenced(delete, Some(&t2), b":1\r\n", Last);
    talk.fenced(&set(b"3"), None, b"+OK\r\n", New);
    talk.fenced(&set(b"3"), Some(&stamp(120_000)), ahead, Absent);
}

/// Vectors 30 to 32.
#[test]
fn stamps() {
    let mut talk = Talk::new();
    let set = b"*3\r\n$3\r\nSET\r\n$7\r\nSETKEY2\r\n$6\r\nVALUE5\r\n";
    let ahead = "-ERR the request timestamp is too far in the future; ensure that the client and \
                 broker system clocks are synchronized\r\n";
    let far = stamp(75_000);
    for (timestamp, response) in [
        (None, "-ERR missing timestamp\r\n"),
        (Some("abc"), "-ERR malformed timestamp\r\n"),
        (Some(&*far), ahead),
    ] {
        let call = talk.caller.call(set).stamped(timestamp);
        talk.check_call(&call, response.as_bytes(), Absent);
    }
    // What is not that far ahead is taken, and its version is higher still.
    let near = stamp(55_000);
    let call = talk.caller.call(set).stamped(Some(&near));
    talk.last.clone_from(&near);
    talk.check_call(&call, b"+OK\r\n", New);
}

/// Vectors 33 to 42. 43, `not authorized`, cannot be provoked: no rule is about keys
/// (docs/reference/state-store.md, "Test vectors").
#[test]
fn malformed() {
    let mut talk = Talk::new();
    let (count, unknown, syntax) = (
        b"-ERR wrong number of arguments\r\n".as_slice(),
        b"-ERR unknown command\r\n".as_slice(),
        b"-ERR syntax error\r\n".as_slice(),
    );
    let rows: [(&[u8], &[u8]); 10] = [
        (
            b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n",
            b"-ERR the key length is zero\r\n",
        ),
        (b"*1\r\n$3\r\nGET\r\n", count),
        (b"*3\r\n$3\r\nGET\r\n$1\r\na\r\n$1\r\nb\r\n", count),
        (b"*2\r\n$4\r\nINCR\r\n$1\r\na\r\n", unknown),
        (b"*2\r\n$3\r\nget\r\n$1\r\na\r\n", unknown),
        (b"GET a\r\n", syntax),
        (b"*2\r\n$3\r\nGET\r\n$5\r\na\r\n", syntax),
        (
            b"*4\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n$2\r\nXX\r\n",
            syntax,
        ),
        (b"*2\r\n$3\r\nGET\r\n$1\r\na\r\nextra", syntax),
        (b"*99999999999999999999\r\n", syntax),
    ];
    for (request, response) in rows {
        talk.check(request, response, Absent);
    }
}

/// Vectors 44 to 50.
#[test]
fn notifications() {
    let mut talk = Talk::new();
    let topic = "clients/statestore/v1/FA9AE35F-2F64-47CD-9BFF-08E2B32A0FE8/6331/command/notify/\
                 6B31";
    let start = b"*2\r\n$9\r\nKEYNOTIFY\r\n$2\r\nk1\r\n";
    talk.check(start, b"+OK\r\n", Absent);
    talk.check(start, b"+OK\r\n", Absent);
    talk.check(&payload(&["SET", "k1", "abc"]), b"+OK\r\n", New);
    let told = talk.caller.next();
    let expected = b"*4\r\n$6\r\nNOTIFY\r\n$3\r\nSET\r\n$5\r\nVALUE\r\n$3\r\nabc\r\n";
    assert_eq!((&*told.topic, &*told.payload), (topic, &expected[..]));
    assert_eq!(told.version(), Some(&*talk.last));
    talk.check(&payload(&["SET", "k1", ""]), b"+OK\r\n", New);
    let told = talk.caller.next();
    let expected = b"*4\r\n$6\r\nNOTIFY\r\n$3\r\nSET\r\n$5\r\nVALUE\r\n$0\r\n\r\n";
    assert_eq!((&*told.topic, &*told.payload), (topic, &expected[..]));
    assert_eq!(told.version(), Some(&*talk.last));
    talk.check(&payload(&["DEL", "k1"]), b":1\r\n", Last);
    let told = talk.caller.next();
    let expected = b"*2\r\n$6\r\nNOTIFY\r\n$6\r\nDELETE\r\n";
    assert_eq!((&*told.topic, &*told.payload), (topic, &expected[..]));
    assert!(told.version() > Some(&*talk.last), "{told:?}");
    let stop = b"*3\r\n$9\r\nKEYNOTIFY\r\n$2\r\nk1\r\n$4\r\nSTOP\r\n";
    talk.check(stop, b"+OK\r\n", Absent);
    talk.check(stop, b":0\r\n", Absent);
}

/// Vectors 51 and 52: pages of two keys, in an order of the store's own.
#[test]
fn pages() {
    let settings = [
        "spec.catena.partitions=1",
        "spec.catena.limits.stateStore.scanPageKeys=2",
    ];
    let mut talk = Talk::with(&settings);
    for key in ["k1", "s0", "s1", "s2"] {
        talk.check(&payload(&["SET", key, "v"]), b"+OK\r\n", New);
    }
    let first = talk.caller.ask(b"*2\r\n$4\r\nSCAN\r\n$2\r\ns*\r\n");
    assert_eq!((first.user("__stat"), first.version()), (Some("200"), None));
    let Ok(Answer::Done(page)) = Page::parse(&first.payload) else {
        panic!("{first:?}");
    };
    let found: Vec<&[u8]> = page.keys.iter().collect();
    let token = page.token.unwrap();
    let [one, two] = found[..] else {
        panic!("{first:?}");
    };
    let keys = array(&[one, two]);
    let expected = [&b"*2\r\n"[..], &keys, &array(&[token])[b"*1\r\n".len()..]].concat();
    assert_eq!(first.payload, expected);
    let left = ["s0", "s1", "s2"];
    let mut left = left.iter().filter(|key| !found.contains(&key.as_bytes()));
    let last = left.next().unwrap();
    assert_eq!(left.next(), None, "both are of the pattern");
    let second = array(&[b"SCAN", b"s*", token]);
    let expected = [&b"*1\r\n"[..], &array(&[last.as_bytes()])].concat();
    talk.check(&second, &expected, Absent);
}
