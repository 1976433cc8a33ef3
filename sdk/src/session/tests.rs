//! The order of what a session asks the broker for.

use rumqttc::v5::MqttOptions;

use super::*;
use crate::Client;

/// Else the broker would have two identifiers for one message in between.
#[test]
fn a_stream_that_goes_unsubscribes_before_others_that_wait_subscribe() {
    let options = Client::builder("mqtt://h").options().unwrap();
    let shared = Arc::new(Shared::new());
    let (events, _) = broadcast::channel(1);
    let mut session = Session::new(Arc::new(options), Arc::clone(&shared), events);
    let (requests, _event_loop) = AsyncClient::new(MqttOptions::new("a", "h", 1), REQUESTS_MAX);
    session.requests = Some(requests);
    // Room for one request.
    session.handed_over = REQUESTS_MAX - 1;
    let mut subscribe = |filter: &str| {
        let (answer, _) = tokio::sync::oneshot::channel();
        let subscribe = Subscribe::to(filter);
        session
            .subscribe(subscribe, Arc::default(), answer)
            .unwrap();
    };
    subscribe("a/#");
    subscribe("a/b");
    shared.drop_stream(1);
    session.handle_wake().unwrap();
    let expected = [
        Question::Unsubscribe("a/#".to_owned()),
        Question::Subscribe(2),
    ];
    assert_eq!(session.questions, expected);
}
