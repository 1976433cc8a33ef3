//! Requests of clients that vanish: what was asked is done, and what was answered waits.

use catena_conformance::{Options, QOS1};
use catena_mqtt::Version;

use crate::caller::{Caller, key, payload};
use crate::shared;

/// A session that goes on gets the response that it was not there for.
#[test]
fn a_resumed_session_gets_its_response() {
    let options = Options::lasting(Version::V5);
    let mut caller = Caller::with(shared(), &options);
    let key = key();
    let call = caller.call(&payload(&["SET", &key, "v"]));
    caller.send(&call);
    caller.client.cut_and_wait();
    let mut again = Caller::resumed(shared(), &options);
    assert!(again.client.session_present());
    let said = again.next();
    assert_eq!(
        (said.text(), said.correlation),
        ("+OK|".to_owned(), call.correlation)
    );
    assert_eq!(again.answer(&["GET", &key]), "$1|v|");
}

/// Who takes a session over gets the response, and the old connection nothing more.
#[test]
fn a_takeover_gets_the_response() {
    let options = Options::lasting(Version::V5);
    let mut caller = Caller::with(shared(), &options);
    let key = key();
    let call = caller.call(&payload(&["SET", &key, "v"]));
    let id = caller.send(&call);
    caller.client.expect_puback(id);
    let mut again = Caller::resumed(shared(), &options);
    assert_eq!(again.response_to(&call).text(), "+OK|");
    again.client.expect_silence();
}

/// A session that ends takes its responses along, and leaves what it has set.
#[test]
fn an_ended_session_leaves_its_values() {
    let options = Options::clean(Version::V5);
    let mut caller = Caller::with(shared(), &options);
    let key = key();
    caller.answer(&["KEYNOTIFY", &key]);
    caller.answer(&["SET", &key, "v"]);
    caller.client.cut_and_wait();
    let mut again = Caller::with(shared(), &options);
    assert!(!again.client.session_present());
    assert_eq!(again.answer(&["GET", &key]), "$1|v|");
    assert_eq!(again.answer(&["KEYNOTIFY", &key, "STOP"]), ":0|");
    again.client.expect_silence();
}

/// Responses of many partitions wait for one session, and all come.
#[test]
fn responses_of_all_partitions_wait() {
    let options = Options::lasting(Version::V5);
    let mut caller = Caller::with(shared(), &options);
    let calls: Vec<_> = (0..40)
        .map(|_| caller.call(&payload(&["SET", &key(), "v"])))
        .collect();
    for call in &calls {
        caller.send(call);
    }
    caller.client.cut_and_wait();
    let mut writer = Caller::new(shared());
    writer.client.subscribe("nothing/at/all", QOS1);
    let mut again = Caller::resumed(shared(), &options);
    for call in &calls {
        assert_eq!(again.response_to(call).text(), "+OK|");
    }
    again.client.expect_silence();
}
