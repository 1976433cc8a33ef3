//! What lines look like, and that the filter acts at once.

use std::io;
use std::sync::{Arc, Mutex};

use tracing::subscriber::with_default;
use tracing::{debug, info, info_span};

use super::{Format, Options, subscriber};
use crate::logs::Error;

#[test]
fn text_has_level_target_message_and_fields() {
    let lines = written(&Options::default(), || info!(count = 3, "listener started"));
    assert_eq!(lines.lines().count(), 1);
    let rest = "INFO catena_telemetry::logs::start::tests: listener started count=3\n";
    assert!(lines.ends_with(rest), "{lines}");
    assert!(!lines.contains('\x1b'), "{lines}");
}

#[test]
fn colours_come_on_request_only() {
    let options = Options {
        colours: true,
        ..Options::default()
    };
    let lines = written(&options, || info!("listener started"));
    assert!(lines.contains('\x1b'), "{lines}");
}

#[test]
fn json_is_one_flat_object_per_line() {
    let options = Options {
        format: Format::Json,
        ..Options::default()
    };
    let lines = written(&options, || {
        let span = info_span!("connection", client_id = "pump");
        span.in_scope(|| info!(count = 3, "listener started"));
    });
    let line: serde_json::Value = serde_json::from_str(&lines).unwrap();
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["message"], "listener started");
    assert_eq!(line["count"], 3);
    assert_eq!(line["span"]["client_id"], "pump");
    assert!(line["timestamp"].is_string());
}

#[test]
fn a_client_cannot_forge_a_line() {
    let name = "pump\n2026-01-01T00:00:00Z ERROR forged\x1b[2J";
    let lines = written(&Options::default(), || {
        info!(client_id = name, "session started");
    });
    assert_eq!(lines.lines().count(), 1, "{lines}");
    assert!(!lines.contains('\x1b'), "{lines}");
}

#[test]
fn the_filter_acts_and_can_be_changed() {
    let sink = Sink::default();
    let (subscriber, handle) = subscriber(&Options::default(), sink.clone());
    with_default(subscriber, || {
        debug!("hidden");
        handle.set_filter(&"debug".parse().unwrap()).unwrap();
        debug!("shown");
        handle
            .set_filter(&"debug,catena_telemetry=off".parse().unwrap())
            .unwrap();
        info!("hidden again");
    });
    let lines = sink.text();
    assert_eq!(lines.lines().count(), 1, "{lines}");
    assert!(lines.ends_with("shown\n"), "{lines}");
    assert_eq!(
        handle.set_filter(&"info".parse().unwrap()),
        Err(Error::Ended)
    );
}

fn written(options: &Options, log: impl FnOnce()) -> String {
    let sink = Sink::default();
    let (subscriber, _handle) = subscriber(options, sink.clone());
    with_default(subscriber, log);
    sink.text()
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl tracing_subscriber::fmt::MakeWriter<'_> for Sink {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
