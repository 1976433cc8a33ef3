//! The vectors of docs/reference/state-store.md, by their numbers.

use super::*;

/// Where a response has its version from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    /// None.
    Absent,
    /// Higher than all before.
    New,
    /// The last new one.
    Last,
}

use Beside::{Absent, Last, New};

/// One client, and the last new version.
struct Talk {
    harness: Harness,
    last: Version,
}

impl Talk {
    fn new() -> Self {
        Self {
            harness: Harness::new(),
            last: Version::ZERO,
        }
    }

    #[track_caller]
    fn check(&mut self, request: &str, response: &str, version: Beside) {
        let replied = self.harness.ask(1, request.as_bytes());
        self.compare(&replied, response, version);
    }

    #[track_caller]
    fn fenced(&mut self, request: &str, token: Option<&str>, response: &str, version: Beside) {
        let stamp = self.harness.stamp(0);
        let replied = self
            .harness
            .ask_with(1, request.as_bytes(), Some(&stamp), token);
        self.compare(&replied, response, version);
    }

    #[track_caller]
    fn stamped(&mut self, timestamp: Option<&str>, response: &str) {
        let request = b"*3\r\n$3\r\nSET\r\n$7\r\nSETKEY2\r\n$6\r\nVALUE5\r\n";
        let replied = self.harness.ask_with(1, request, timestamp, None);
        self.compare(&replied, response, Absent);
    }

    #[track_caller]
    fn compare(&mut self, replied: &Replied, response: &str, version: Beside) {
        assert_eq!(replied.payload, response);
        match version {
            Absent => assert_eq!(replied.version, None),
            Last => assert_eq!(replied.version, Some(self.last)),
            New => {
                let found = replied.version.expect("a version");
                assert!(found > self.last, "{found:?} after {:?}", self.last);
                self.last = found;
            }
        }
    }
}

/// Vectors 1 to 9.
#[test]
fn basics() {
    let mut talk = Talk::new();
    talk.check("*2\r\n$3\r\nGET\r\n$7\r\nSETKEY2\r\n", "$-1\r\n", Absent);
    talk.check(
        "*3\r\n$3\r\nSET\r\n$7\r\nSETKEY2\r\n$6\r\nVALUE5\r\n",
        "+OK\r\n",
        New,
    );
    talk.check(
        "*2\r\n$3\r\nGET\r\n$7\r\nSETKEY2\r\n",
        "$6\r\nVALUE5\r\n",
        Last,
    );
    talk.check(
        "*3\r\n$4\r\nVDEL\r\n$7\r\nSETKEY2\r\n$3\r\nABC\r\n",
        ":-1\r\n",
        Last,
    );
    talk.check(
        "*3\r\n$3\r\nSET\r\n$7\r\nSETKEY2\r\n$0\r\n\r\n",
        "+OK\r\n",
        New,
    );
    talk.check("*2\r\n$3\r\nGET\r\n$7\r\nSETKEY2\r\n", "$0\r\n\r\n", Last);
    talk.check("*2\r\n$3\r\nDEL\r\n$7\r\nSETKEY2\r\n", ":1\r\n", Last);
    talk.check("*2\r\n$3\r\nDEL\r\n$7\r\nSETKEY2\r\n", ":0\r\n", Absent);
    talk.check(
        "*3\r\n$4\r\nVDEL\r\n$7\r\nSETKEY2\r\n$1\r\nx\r\n",
        ":0\r\n",
        Absent,
    );
}

/// Vectors 10 to 13.
#[test]
fn any_bytes_are_kept_as_they_are() {
    let mut harness = Harness::new();
    let value = b"*3\r\n$3\r\nSET\r\n$2\r\nk1\r\n$5\r\nv\r\n\x001\r\n";
    assert_eq!(harness.ask(1, value).payload, "+OK\r\n");
    let found = harness.ask(1, b"*2\r\n$3\r\nGET\r\n$2\r\nk1\r\n");
    assert_eq!(found.payload, "$5\r\nv\r\n\x001\r\n");
    let key = b"*3\r\n$3\r\nSET\r\n$4\r\n\0\xff\r\n\r\n$5\r\n$1\r\nA\r\n";
    assert_eq!(harness.ask(1, key).payload, "+OK\r\n");
    let found = harness.ask(1, b"*2\r\n$3\r\nGET\r\n$4\r\n\0\xff\r\n\r\n");
    assert_eq!(found.payload, "$5\r\n$1\r\nA\r\n");
}

/// Vectors 14 to 19.
#[test]
fn conditions_and_expiry() {
    let mut talk = Talk::new();
    let absent = "*4\r\n$3\r\nSET\r\n$4\r\nlock\r\n$1\r\na\r\n$2\r\nNX\r\n";
    talk.check(absent, "+OK\r\n", New);
    talk.check(absent, ":-1\r\n", Last);
    talk.check(
        "*4\r\n$3\r\nSET\r\n$4\r\nlock\r\n$1\r\nb\r\n$3\r\nNEX\r\n",
        ":-1\r\n",
        Last,
    );
    let renewal = "*6\r\n$3\r\nSET\r\n$4\r\nlock\r\n$1\r\na\r\n$3\r\nNEX\r\n$2\r\nPX\r\n\
                   $4\r\n1000\r\n";
    talk.check(renewal, "+OK\r\n", New);
    talk.harness.pass(999);
    let get = "*2\r\n$3\r\nGET\r\n$4\r\nlock\r\n";
    talk.check(get, "$1\r\na\r\n", Last);
    talk.harness.millis += 1;
    talk.check(get, "$-1\r\n", Absent);
    talk.harness.pass(0);
    talk.check(get, "$-1\r\n", Absent);
    let short = "*5\r\n$3\r\nSET\r\n$7\r\ntestkey\r\n$9\r\ntestvalue\r\n$2\r\nPX\r\n$2\r\n10\r\n";
    talk.check(short, "+OK\r\n", New);
}

/// Vectors 20 to 29.
#[test]
fn fencing() {
    const REQUIRED: &str = "-ERR a fencing token is required for this request\r\n";
    const LOWER: &str = "-ERR the request fencing token is a lower version than the fencing token \
                         protecting the resource\r\n";
    const AHEAD: &str = "-ERR the request fencing token timestamp is too far in the future; \
                         ensure that the client and broker system clocks are synchronized\r\n";
    let mut talk = Talk::new();
    let tokens = [-3_000, -2_000, -1_000].map(|millis| talk.harness.stamp(millis));
    let [t1, t2, t3] = tokens.each_ref().map(|token| Some(token.as_str()));
    talk.fenced(
        "*3\r\n$3\r\nSET\r\n$1\r\np\r\n$1\r\n1\r\n",
        t2,
        "+OK\r\n",
        New,
    );
    let two = "*3\r\n$3\r\nSET\r\n$1\r\np\r\n$1\r\n2\r\n";
    talk.fenced(two, None, REQUIRED, Absent);
    talk.fenced(two, t1, LOWER, Absent);
    talk.fenced(two, t2, "+OK\r\n", New);
    let delete = "*2\r\n$3\r\nDEL\r\n$1\r\np\r\n";
    talk.fenced(delete, None, REQUIRED, Absent);
    talk.fenced(
        "*3\r\n$4\r\nVDEL\r\n$1\r\np\r\n$1\r\nz\r\n",
        t3,
        ":-1\r\n",
        Last,
    );
    talk.fenced("*2\r\n$3\r\nGET\r\n$1\r\np\r\n", None, "$1\r\n2\r\n", Last);
    talk.fenced(delete, t2, ":1\r\n", Last);
    let three = "*3\r\n$3\r\nSET\r\n$1\r\np\r\n$1\r\n3\r\n";
    talk.fenced(three, None, "+OK\r\n", New);
    let ahead = talk.harness.stamp(120_000);
    talk.fenced(three, Some(&ahead), AHEAD, Absent);
}

/// Vectors 30 to 42; of 43 only the words exist (docs/reference/state-store.md, "Test vectors").
#[test]
fn errors() {
    const AHEAD: &str = "-ERR the request timestamp is too far in the future; ensure that the \
                         client and broker system clocks are synchronized\r\n";
    let mut talk = Talk::new();
    talk.stamped(None, "-ERR missing timestamp\r\n");
    talk.stamped(Some("abc"), "-ERR malformed timestamp\r\n");
    let ahead = talk.harness.stamp(61_000);
    talk.stamped(Some(&ahead), AHEAD);
    let count = "-ERR wrong number of arguments\r\n";
    talk.check(
        "*2\r\n$3\r\nGET\r\n$0\r\n\r\n",
        "-ERR the key length is zero\r\n",
        Absent,
    );
    talk.check("*1\r\n$3\r\nGET\r\n", count, Absent);
    talk.check("*3\r\n$3\r\nGET\r\n$1\r\na\r\n$1\r\nb\r\n", count, Absent);
    let unknown = "-ERR unknown command\r\n";
    talk.check("*2\r\n$4\r\nINCR\r\n$1\r\na\r\n", unknown, Absent);
    talk.check("*2\r\n$3\r\nget\r\n$1\r\na\r\n", unknown, Absent);
    for malformed in [
        "GET a\r\n",
        "*2\r\n$3\r\nGET\r\n$5\r\na\r\n",
        "*4\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n$2\r\nXX\r\n",
        "*2\r\n$3\r\nGET\r\n$1\r\na\r\nextra",
        "*99999999999999999999\r\n",
    ] {
        talk.check(malformed, "-ERR syntax error\r\n", Absent);
    }
}

/// Vectors 44 to 50.
#[test]
fn notifications() {
    let mut talk = Talk::new();
    let start = "*2\r\n$9\r\nKEYNOTIFY\r\n$2\r\nk1\r\n";
    talk.check(start, "+OK\r\n", Absent);
    talk.check(start, "+OK\r\n", Absent);
    assert_eq!(talk.harness.told(), []);
    let abc = "*4\r\n$6\r\nNOTIFY\r\n$3\r\nSET\r\n$5\r\nVALUE\r\n$3\r\nabc\r\n";
    talk.check(
        "*3\r\n$3\r\nSET\r\n$2\r\nk1\r\n$3\r\nabc\r\n",
        "+OK\r\n",
        New,
    );
    let told = |version, payload: &str| Told {
        client: 1,
        key: "k1".to_owned(),
        version,
        payload: payload.to_owned(),
    };
    assert_eq!(talk.harness.told(), [told(talk.last, abc)]);
    let empty = "*4\r\n$6\r\nNOTIFY\r\n$3\r\nSET\r\n$5\r\nVALUE\r\n$0\r\n\r\n";
    talk.check("*3\r\n$3\r\nSET\r\n$2\r\nk1\r\n$0\r\n\r\n", "+OK\r\n", New);
    assert_eq!(talk.harness.told(), [told(talk.last, empty)]);
    let delete = "*2\r\n$6\r\nNOTIFY\r\n$6\r\nDELETE\r\n";
    talk.check("*2\r\n$3\r\nDEL\r\n$2\r\nk1\r\n", ":1\r\n", Last);
    let told_now = talk.harness.told();
    assert_eq!(told_now, [told(talk.harness.store.last_version(), delete)]);
    assert!(told_now[0].version > talk.last);
    let stop = "*3\r\n$9\r\nKEYNOTIFY\r\n$2\r\nk1\r\n$4\r\nSTOP\r\n";
    talk.check(stop, "+OK\r\n", Absent);
    talk.check(stop, ":0\r\n", Absent);
    talk.check(
        "*3\r\n$3\r\nSET\r\n$2\r\nk1\r\n$3\r\nabc\r\n",
        "+OK\r\n",
        New,
    );
    assert_eq!(talk.harness.told(), []);
}

/// Vectors 51 and 52: the pages hold these keys, in an order of the store's own.
#[test]
fn pages() {
    let settings = Settings {
        scan_page_keys: 2,
        ..Settings::generous(42)
    };
    let mut harness = Harness::with(settings);
    for key in ["k1", "s0", "s1", "s2"] {
        harness.say(&["SET", key, "v"]);
    }
    let (mut keys, token) = harness.scan("s*", None);
    assert_eq!((keys.len(), token.is_some()), (2, true));
    let (more, end) = harness.scan("s*", token.as_deref());
    assert_eq!((more.len(), end), (1, None));
    keys.extend(more);
    keys.sort();
    assert_eq!(keys, ["s0", "s1", "s2"]);
}

/// Vector 43, as far as there is one: no rule is about keys, but the words have their bytes.
#[test]
fn words_for_what_is_not_allowed() {
    let mut reply = Vec::new();
    catena_store::reply::refusal(&mut reply, catena_store::Refusal::NotAuthorized);
    assert_eq!(reply, b"-ERR not authorized\r\n");
}
