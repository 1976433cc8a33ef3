//! Requests: the errors of docs/reference/state-store.md in their order, and that what is written
//! is read again.

use catena_hlc::Version;
use catena_store::limits::{GET_MANY_KEYS_MAX, GROUP_WRITES_MAX, PATTERN_BYTES_MAX};
use catena_store::{
    Access, Command, Delete, DeleteCondition, Increment, KeyNotify, Lifetime, Refusal,
    Registration, Scan, Set, SetCondition, Write, encode_get_many, encode_group,
};
use proptest::prelude::*;

#[track_caller]
fn refused(payload: &str, refusal: Refusal) {
    assert_eq!(
        Command::parse(payload.as_bytes()),
        Err(refusal),
        "{payload:?}"
    );
}

/// A request of these elements.
fn request(elements: &[&str]) -> Vec<u8> {
    let mut payload = format!("*{}\r\n", elements.len());
    for element in elements {
        payload += &format!("${}\r\n{element}\r\n", element.len());
    }
    payload.into_bytes()
}

#[track_caller]
fn refused_elements(elements: &[&str], refusal: Refusal) {
    assert_eq!(
        Command::parse(&request(elements)),
        Err(refusal),
        "{elements:?}"
    );
}

#[track_caller]
fn accepted(elements: &[&str], command: Command<'_>) {
    assert_eq!(
        Command::parse(&request(elements)),
        Ok(command),
        "{elements:?}"
    );
}

fn set(key: &'static str, value: &'static str) -> Set<'static> {
    Set {
        key: key.as_bytes(),
        value: value.as_bytes(),
        condition: SetCondition::Always,
        lifetime: None,
    }
}

/// Vectors 33 to 42.
#[test]
fn malformed_requests_are_refused_as_published() {
    refused("*2\r\n$3\r\nGET\r\n$0\r\n\r\n", Refusal::KeyEmpty);
    refused("*1\r\n$3\r\nGET\r\n", Refusal::ArgumentCount);
    refused(
        "*3\r\n$3\r\nGET\r\n$1\r\na\r\n$1\r\nb\r\n",
        Refusal::ArgumentCount,
    );
    refused("*2\r\n$4\r\nINCR\r\n$1\r\na\r\n", Refusal::UnknownCommand);
    refused("*2\r\n$3\r\nget\r\n$1\r\na\r\n", Refusal::UnknownCommand);
    refused("GET a\r\n", Refusal::Syntax);
    refused("*2\r\n$3\r\nGET\r\n$5\r\na\r\n", Refusal::Syntax);
    refused(
        "*4\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n$2\r\nXX\r\n",
        Refusal::Syntax,
    );
    refused("*2\r\n$3\r\nGET\r\n$1\r\na\r\nextra", Refusal::Syntax);
    refused("*99999999999999999999\r\n", Refusal::Syntax);
}

#[test]
fn payloads_are_one_array_of_byte_strings() {
    for payload in [
        "",
        "*",
        "*2",
        "*0\r\n",
        "*0\r\n$3\r\nGET\r\n",
        "*-1\r\n",
        "*1\r\n:1\r\n",
        "*1\r\n+GET\r\n",
        "$3\r\nGET\r\n",
        "*2\r\n$3\r\nGET\r\n",
        "*2\n$3\nGET\n$1\na\n",
        "*2\r\n$3\r\nGET\r\n$-1\r\n",
        "*18446744073709551615\r\n$3\r\nGET\r\n$1\r\na\r\n",
        "*2\r\n$3\r\nGET\r\n*1\r\n$1\r\na\r\n",
        "*0\r\n$5\r\nMULTI\r\n",
        "*2\r\n$5\r\nMULTI\r\n*0\r\n$3\r\nDEL\r\n$1\r\na\r\n",
    ] {
        refused(payload, Refusal::Syntax);
    }
    let padded = b"*002\r\n$03\r\nGET\r\n$0001\r\na\r\n";
    assert_eq!(Command::parse(padded), Ok(Command::Get { key: b"a" }));
}

#[test]
fn the_first_thing_that_is_wrong_is_told() {
    refused("*2\r\n$3\r\nget\r\n$5\r\na\r\n", Refusal::Syntax);
    refused_elements(
        &["WHAT", "", "", "", "", "", "", ""],
        Refusal::UnknownCommand,
    );
    refused_elements(
        &["SET", "", "v", "XX", "YY", "ZZ", "7"],
        Refusal::ArgumentCount,
    );
    refused_elements(&["SET", "", "v", "XX"], Refusal::KeyEmpty);
    refused_elements(&["KEYNOTIFY", "", "WHAT"], Refusal::KeyEmpty);
    refused_elements(&["SCAN", ""], Refusal::KeyEmpty);
    refused_elements(&["CAS", "", "?", "v"], Refusal::KeyEmpty);
}

#[test]
fn each_command_has_its_number_of_elements() {
    for (name, least, most) in [
        ("SET", 3, 6),
        ("GET", 2, 2),
        ("DEL", 2, 2),
        ("VDEL", 3, 3),
        ("KEYNOTIFY", 2, 3),
        ("SCAN", 2, 3),
        ("CAS", 4, 6),
        ("CAD", 3, 3),
        ("INCRBY", 3, 3),
        ("PTTL", 2, 2),
        ("GETPX", 2, 2),
        ("MGET", 2, GET_MANY_KEYS_MAX + 1),
        ("FEATURES", 1, 1),
    ] {
        for count in 1..most + 3 {
            let mut elements = vec!["x"; count];
            elements[0] = name;
            let payload = request(&elements);
            let refused = Command::parse(&payload) == Err(Refusal::ArgumentCount);
            assert_eq!(refused, !(least..=most).contains(&count), "{name} {count}");
        }
    }
    refused_elements(&["MULTI"], Refusal::ArgumentCount);
    refused_elements(&["KEYNOTIFY", "k", "STOP", "x"], Refusal::ArgumentCount);
}

#[test]
fn options_of_set_come_in_any_order_and_once() {
    let millis = Lifetime::from_millis(1_000);
    let plain = set("k", "v");
    let with = |condition, lifetime| {
        Command::Write(Write::Set(Set {
            condition,
            lifetime,
            ..plain
        }))
    };
    accepted(&["SET", "k", "v"], with(SetCondition::Always, None));
    accepted(&["SET", "k", "v", "NX"], with(SetCondition::Absent, None));
    accepted(
        &["SET", "k", "v", "NEX", "PX", "1000"],
        with(SetCondition::AbsentOrEqual, millis),
    );
    accepted(
        &["SET", "k", "v", "PX", "1000", "NEX"],
        with(SetCondition::AbsentOrEqual, millis),
    );
    accepted(
        &["SET", "k", "v", "PX", "1000.75"],
        with(SetCondition::Always, millis),
    );
    accepted(
        &["SET", "k", "v", "PX", "01000,0"],
        with(SetCondition::Always, millis),
    );
    for options in [
        &["NX", "NEX"][..],
        &["NX", "NX"],
        &["PX"],
        &["PX", "0"],
        &["PX", "-1"],
        &["PX", "x"],
        &["PX", ""],
        &["PX", "18446744073709551616"],
        &["NX", "PX"],
        &["PX", "1", "PX"],
        &["nx"],
        &["PX", "0.5"],
        &["PX", "1."],
        &["PX", ".5"],
        &["PX", "1.5.5"],
        &["PX", "1e3"],
        &["NX", "NX", "NX"],
        &["", "", ""],
    ] {
        let elements = [&["SET", "k", "v"], options].concat();
        refused_elements(&elements, Refusal::Syntax);
    }
}

#[test]
fn versions_are_those_of_the_store() {
    let version = Version::from_packed(1_696_374_425_000 << 16 | 3);
    let text = "001696374425000:00003:StateStore";
    let condition = SetCondition::Version(version);
    let lifetime = Lifetime::from_millis(7);
    let plain = set("k", "v");
    let conditional = Set {
        condition,
        lifetime,
        ..plain
    };
    accepted(
        &["CAS", "k", text, "v", "PX", "7"],
        Command::Write(Write::Set(conditional)),
    );
    let delete = Delete {
        key: b"k",
        condition: DeleteCondition::Version(version),
    };
    accepted(
        &["CAD", "k", "1696374425000:3:StateStore"],
        Command::Write(Write::Delete(delete)),
    );
    let registration = Registration::Resume {
        after: Some(version),
    };
    let notify = KeyNotify {
        key: b"k",
        registration,
    };
    accepted(
        &["KEYNOTIFY", "k", "RESUME", text],
        Command::KeyNotify(notify),
    );
    for wrong in [
        "",
        "7",
        "1696374425000:3:Other",
        "1:65536:StateStore",
        "\u{7f}",
    ] {
        refused_elements(&["CAS", "k", wrong, "v"], Refusal::Syntax);
        refused_elements(&["CAD", "k", wrong], Refusal::Syntax);
        refused_elements(&["KEYNOTIFY", "k", "RESUME", wrong], Refusal::Syntax);
    }
    refused_elements(&["CAS", "k", text, "v", "NX"], Refusal::Syntax);
    refused_elements(&["CAS", "k", text, "v", "PX"], Refusal::Syntax);
}

#[test]
fn increments_are_numbers_of_64_bits() {
    for (text, by) in [
        ("1", 1),
        ("-1", -1),
        ("0", 0),
        ("-9223372036854775808", i64::MIN),
    ] {
        let increment = Write::Increment(Increment { key: b"k", by });
        accepted(&["INCRBY", "k", text], Command::Write(increment));
    }
    for text in ["", "+1", "x", "1.5", "9223372036854775808", "--1", "-"] {
        refused_elements(&["INCRBY", "k", text], Refusal::Syntax);
    }
}

#[test]
fn lists_are_bounded_and_without_empty_keys() {
    refused_elements(&["MGET", "a", ""], Refusal::KeyEmpty);
    let pattern = "p".repeat(PATTERN_BYTES_MAX + 1);
    refused_elements(&["SCAN", &pattern], Refusal::KeyTooLong);
    let write = Write::Set(set("k", "v"));
    let group = |count| {
        let mut payload = Vec::new();
        encode_group(&mut payload, &vec![write; count]);
        Command::parse(&payload).map(|_| ())
    };
    assert_eq!(group(GROUP_WRITES_MAX), Ok(()));
    assert_eq!(group(GROUP_WRITES_MAX + 1), Err(Refusal::ArgumentCount));
}

#[test]
fn a_group_holds_writes_only() {
    let group = |inner: &str| format!("*2\r\n$5\r\nMULTI\r\n{inner}");
    refused(
        &group("*2\r\n$3\r\nGET\r\n$1\r\na\r\n"),
        Refusal::UnknownCommand,
    );
    refused(
        &group("*2\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nDEL\r\n$1\r\na\r\n"),
        Refusal::Syntax,
    );
    refused(&group("*2\r\n$3\r\nDEL\r\n$0\r\n\r\n"), Refusal::KeyEmpty);
    refused(&group("*1\r\n$3\r\nDEL\r\n"), Refusal::ArgumentCount);
    refused(
        &group("*3\r\n$6\r\nABSENT\r\n$1\r\na\r\n$1\r\nb\r\n"),
        Refusal::ArgumentCount,
    );
    refused(&group("$3\r\nDEL\r\n"), Refusal::Syntax);
    refused(&group("*2\r\n$3\r\nDEL\r\n$1\r\na\r\nx"), Refusal::Syntax);
    // A later element that breaks the grammar is told before an earlier command that is unknown.
    let two = "*3\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nDEL\r\n$9\r\na\r\n";
    refused(two, Refusal::Syntax);
}

#[test]
fn a_command_tells_which_rights_it_needs() {
    let rights = |payload: &[u8]| {
        let command = Command::parse(payload).unwrap_or_else(|refusal| panic!("{refusal}"));
        let mut found = Vec::new();
        command.keys(|key, access| found.push((key.to_vec(), access)));
        (found, command.is_read())
    };
    let read = |key: &str| (key.as_bytes().to_vec(), Access::Read);
    let write = |key: &str| (key.as_bytes().to_vec(), Access::Write);
    assert_eq!(rights(&request(&["GET", "a"])), (vec![read("a")], true));
    assert_eq!(rights(&request(&["PTTL", "a"])), (vec![read("a")], true));
    assert_eq!(
        rights(&request(&["SET", "a", "b"])),
        (vec![write("a")], false)
    );
    assert_eq!(
        rights(&request(&["VDEL", "a", "b"])),
        (vec![write("a")], false)
    );
    assert_eq!(
        rights(&request(&["INCRBY", "a", "1"])),
        (vec![write("a")], false)
    );
    assert_eq!(
        rights(&request(&["KEYNOTIFY", "a"])),
        (vec![read("a")], false)
    );
    assert_eq!(rights(&request(&["SCAN", "a*"])), (vec![], true));
    assert_eq!(rights(&request(&["FEATURES"])), (vec![], true));
    let mut many = Vec::new();
    encode_get_many(&mut many, &[b"a", b"b"]);
    assert_eq!(rights(&many), (vec![read("a"), read("b")], true));
    let mut group = Vec::new();
    let delete = Delete {
        key: b"b",
        condition: DeleteCondition::Always,
    };
    encode_group(
        &mut group,
        &[Write::Set(set("a", "v")), Write::Delete(delete)],
    );
    assert_eq!(rights(&group), (vec![write("a"), write("b")], false));
}

/// A command that owns what it names.
fn any_command() -> impl Strategy<Value = Vec<u8>> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..12);
    let key = || proptest::collection::vec(any::<u8>(), 1..12);
    let encode = |command: Command<'_>| {
        let mut payload = Vec::new();
        command.encode(&mut payload);
        payload
    };
    let packed = any::<u64>().prop_map(Version::from_packed);
    let after = proptest::option::of(any::<u64>().prop_map(Version::from_packed));
    prop_oneof![
        4 => any_write(),
        1 => key().prop_map(move |key| encode(Command::Get { key: &key })),
        1 => key().prop_map(move |key| encode(Command::TimeToLive { key: &key })),
        1 => key().prop_map(move |key| encode(Command::GetWithTimeToLive { key: &key })),
        1 => (key(), proptest::option::of(bytes())).prop_map(move |(pattern, token)| {
            encode(Command::Scan(Scan { pattern: &pattern, token: token.as_deref() }))
        }),
        1 => (key(), after, packed, 0..3).prop_map(move |(key, after, _, kind)| {
            let registration = match kind {
                0 => Registration::Start,
                1 => Registration::Stop,
                _ => Registration::Resume { after },
            };
            encode(Command::KeyNotify(KeyNotify { key: &key, registration }))
        }),
        1 => proptest::collection::vec(key(), 1..6).prop_map(|keys| {
            let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
            let mut payload = Vec::new();
            encode_get_many(&mut payload, &keys);
            payload
        }),
        1 => proptest::collection::vec(any_write(), 1..6).prop_map(|writes| {
            let mut payload = format!("*{}\r\n$5\r\nMULTI\r\n", writes.len() + 1).into_bytes();
            writes.iter().for_each(|write| payload.extend_from_slice(write));
            payload
        }),
        1 => Just(encode(Command::Features)),
    ]
}

fn any_write() -> impl Strategy<Value = Vec<u8>> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..12);
    let key = proptest::collection::vec(any::<u8>(), 1..12);
    let lifetime = proptest::option::of(1u64..);
    (key, bytes(), lifetime, any::<u64>(), any::<i64>(), 0..9).prop_map(
        |(key, value, lifetime, packed, by, kind)| {
            let version = Version::from_packed(packed);
            let lifetime = lifetime.and_then(Lifetime::from_millis);
            let set = |condition| {
                Write::Set(Set {
                    key: &key,
                    value: &value,
                    condition,
                    lifetime,
                })
            };
            let delete = |condition| {
                Write::Delete(Delete {
                    key: &key,
                    condition,
                })
            };
            let write = match kind {
                0 => set(SetCondition::Always),
                1 => set(SetCondition::Absent),
                2 => set(SetCondition::AbsentOrEqual),
                3 => set(SetCondition::Version(version)),
                4 => delete(DeleteCondition::Always),
                5 => delete(DeleteCondition::Value(&value)),
                6 => delete(DeleteCondition::Version(version)),
                7 => delete(DeleteCondition::Absent),
                _ => Write::Increment(Increment { key: &key, by }),
            };
            let mut payload = Vec::new();
            write.encode(&mut payload);
            payload
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(payload in any_command()) {
        let command = Command::parse(&payload).unwrap_or_else(|refusal| panic!("{refusal}"));
        let mut again = Vec::new();
        command.encode(&mut again);
        prop_assert_eq!(&again, &payload);
        prop_assert_eq!(Command::parse(&again), Ok(command));
    }

    #[test]
    fn no_prefix_and_nothing_longer_is_a_request(payload in any_command(), more in any::<u8>()) {
        for end in 0..payload.len() {
            prop_assert_eq!(Command::parse(&payload[..end]), Err(Refusal::Syntax));
        }
        let longer = [payload, vec![more]].concat();
        prop_assert_eq!(Command::parse(&longer), Err(Refusal::Syntax));
    }

    #[test]
    fn a_changed_byte_never_panics(
        mut payload in any_command(),
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let at = at.index(payload.len());
        payload[at] = byte;
        if let Ok(command) = Command::parse(&payload) {
            let mut again = Vec::new();
            command.encode(&mut again);
            prop_assert_eq!(Command::parse(&again), Ok(command));
        }
    }
}
