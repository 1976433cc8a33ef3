//! Requests that come again, because a client cannot know whether they arrived: not applied twice.

use catena_conformance::Options;
use catena_mqtt::{ReasonCode, Version};

use crate::caller::{Caller, key, payload};
use crate::shared;

/// A `SET NX` whose acknowledgement is lost comes again on the next connection, with DUP and the
/// same packet ID. It must not see its own effect.
#[test]
fn a_request_sent_again_after_a_reconnect_is_answered_as_before() {
    let options = Options::lasting(Version::V5);
    let mut caller = Caller::with(shared(), &options);
    let key = key();
    let mut call = caller.call(&payload(&["SET", &key, "v", "NX"]));
    let id = caller.send(&call);
    // Read, but not acknowledged: it will come again.
    caller.client.await_publish();
    caller.client.cut_and_wait();
    let mut caller = Caller::resumed(shared(), &options);
    assert!(caller.client.session_present());
    let kept = caller.next();
    assert_eq!((kept.text(), kept.dup), ("+OK|".to_owned(), true));
    call.dup = true;
    caller.send_numbered(&call, id);
    assert_eq!(caller.client.expect_puback(id), ReasonCode::Success);
    let again = caller.response_to(&call);
    assert_eq!(
        (again.text(), again.version()),
        (kept.text(), kept.version())
    );
    // Another request with the same words does see it.
    let mut other = caller.call(&payload(&["SET", &key, "v", "NX"]));
    other.correlation = Some(b"another".to_vec());
    assert_eq!(caller.ask_as(&other).text(), ":-1|");
}

/// Also where doing it twice would be seen in the value.
#[test]
fn nothing_is_done_twice() {
    let mut caller = Caller::new(shared());
    let key = key();
    for (words, first, value) in [
        (vec!["INCRBY", &*key, "5"], ":5|", "$1|5|"),
        (vec!["SET", &*key, "7"], "+OK|", "$1|7|"),
        (vec!["VDEL", &*key, "7"], ":1|", "$-1|"),
    ] {
        let mut call = caller.call(&payload(&words));
        let said = caller.ask_as(&call);
        call.dup = true;
        assert_eq!(said.text(), first);
        let again = caller.ask_as(&call);
        assert_eq!((again.text(), again.user), (said.text(), said.user));
        assert_eq!(caller.answer(&["GET", &key]), value);
    }
}

/// A repeated request tells observers nothing new.
#[test]
fn a_repeated_request_is_told_once() {
    let mut caller = Caller::new(shared());
    let mut observer = Caller::new(shared());
    let key = key();
    observer.answer(&["KEYNOTIFY", &key]);
    let mut call = caller.call(&payload(&["SET", &key, "v"]));
    caller.ask_as(&call);
    call.dup = true;
    caller.ask_as(&call);
    observer.next();
    observer.client.expect_silence();
}

/// Reads are not remembered: who asks again wants to know.
#[test]
fn a_read_that_comes_again_reads_again() {
    let mut caller = Caller::new(shared());
    let key = key();
    let call = caller.call(&payload(&["GET", &key]));
    assert_eq!(caller.ask_as(&call).text(), "$-1|");
    caller.answer(&["SET", &key, "v"]);
    assert_eq!(caller.ask_as(&call).text(), "$1|v|");
}

/// The same correlation data of another client is another request.
#[test]
fn clients_do_not_share_correlation_data() {
    let (mut one, mut other) = (Caller::new(shared()), Caller::new(shared()));
    let key = key();
    let words = payload(&["SET", &key, "v", "NX"]);
    let call = one.call(&words);
    assert_eq!(one.ask_as(&call).text(), "+OK|");
    let mut same = other.call(&words);
    same.dup = true;
    assert_eq!(same.correlation, call.correlation);
    assert_eq!(other.ask_as(&same).text(), ":-1|");
}
