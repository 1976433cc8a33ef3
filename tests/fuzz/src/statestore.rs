//! Any bytes as requests of several clients and as time that passes: the state store's invariants
//! hold after each step, versions grow, and a store made of a snapshot goes on the same.

use catena_hlc::Millis;
use catena_statestore::{Client, Identity, Now, Outbox, Request, Settings, StateStore};
use catena_store::Command;
use catena_types::{Moment, Reader};

/// Wall time at the start.
const WALL: u64 = 1_696_374_425_000;

/// One run of the target: steps of a selector, a length and a payload.
pub fn run(data: &[u8]) {
    let mut store = StateStore::new(Settings {
        keys_max: 8,
        bytes_max: 4_096,
        registrations_max: 6,
        changes_max: 4,
        answers_max: 3,
        scan_page_keys: 2,
        ..Settings::generous(42)
    });
    let (mut rest, mut millis) = (data, 0);
    while let [selector, length, more @ ..] = rest {
        let (payload, after) = more.split_at(usize::from(*length).min(more.len()));
        rest = after;
        let before = store.last_version();
        step(&mut store, &mut millis, *selector, payload);
        assert!(store.last_version() >= before);
        assert_eq!(store.validate(), Ok(()));
    }
    let mut bytes = Vec::new();
    store.snapshot(&mut bytes);
    let mut reader = Reader::new(&bytes);
    let Ok(mut other) = StateStore::restore(&mut reader) else {
        panic!("its own snapshot is refused");
    };
    assert_eq!(reader.remaining(), 0);
    assert_eq!(other.validate(), Ok(()));
    step(&mut store, &mut millis.clone(), 0x43, b"");
    step(&mut other, &mut millis, 0x43, b"");
    assert_eq!(store.digest(), other.digest());
}

/// The two high bits say what happens, the others to whom or how.
fn step(store: &mut StateStore, millis: &mut u64, selector: u8, payload: &[u8]) {
    let client = Client::new(u64::from(selector & 3));
    let mut out = Outbox::default();
    match selector >> 6 {
        1 => {
            *millis += u64::from(selector & 63);
            assert_eq!(store.tick(now(*millis), &mut out), Ok(()));
        }
        2 if selector & 4 == 0 => store.disconnected(client),
        2 => store.ended(client),
        _ => request(store, now(*millis), selector, payload),
    }
}

fn request(store: &mut StateStore, now: Now, selector: u8, payload: &[u8]) {
    let Ok(command) = Command::parse(payload) else {
        return;
    };
    let stamp = format!("{}:{}:c", now.wall.number(), selector & 7);
    let until = Moment::from_nanos(now.time.nanos() + 20_000_000);
    let correlation = [selector & 56];
    let identity = Identity {
        correlation: &correlation,
        until,
        again: true,
    };
    let request = Request {
        timestamp: (selector & 64 == 0).then_some(stamp.as_bytes()),
        fencing_token: (selector & 16 != 0).then_some(stamp.as_bytes()),
        identity: (selector & 32 != 0).then_some(identity),
        ..Request::new(Client::new(u64::from(selector & 3)), command)
    };
    let (mut reply, mut out) = (Vec::new(), Outbox::default());
    let answer = store.apply(now, &request, &mut reply, &mut out);
    assert!(answer.is_ok(), "{answer:?}");
    assert!(reply.ends_with(b"\r\n"));
    assert!(
        out.iter()
            .all(|notified| notified.version <= store.last_version())
    );
    if command.is_read() {
        let mut again = Vec::new();
        store.read(now, &command, |_| true, &mut again);
        assert_eq!(again, reply);
    }
}

fn now(millis: u64) -> Now {
    Now {
        time: Moment::from_nanos(millis * 1_000_000),
        wall: Millis::new(WALL + millis),
    }
}
