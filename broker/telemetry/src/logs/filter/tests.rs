//! Which filter texts are understood, and what is said about the others.

use tracing::Level;

use super::{Filter, Problem};

#[test]
fn a_level_holds_for_everything() {
    enables("info", "anything", Level::INFO);
    disables("info", "anything", Level::DEBUG);
    enables("TRACE", "anything", Level::TRACE);
    disables("off", "anything", Level::ERROR);
    enables(" warn ", "anything", Level::WARN);
}

#[test]
fn a_target_holds_for_what_is_below_it() {
    disables("debug,hyper=off", "hyper::client", Level::ERROR);
    enables("debug,hyper=off", "catena_frontend", Level::DEBUG);
    enables(
        "info, catena_frontend::tls = trace",
        "catena_frontend::tls",
        Level::TRACE,
    );
    disables(
        "info, catena_frontend::tls = trace",
        "catena_frontend",
        Level::DEBUG,
    );
    disables("hyper=debug", "catena_frontend", Level::ERROR);
    let seed = "info,hyper=off,kube_client=off,tower=off,conhash=off,h2=off";
    disables(seed, "h2::proto", Level::ERROR);
    enables(seed, "catena", Level::INFO);
}

#[test]
fn clients_cannot_make_a_library_warn_without_end() {
    for usual in ["info", "warn", "error", "info,catena=debug", "catena=debug"] {
        disables(usual, "rustls::msgs::handshake", Level::WARN);
    }
    enables("info", "rustls::msgs::handshake", Level::ERROR);
    enables("debug", "rustls::msgs::handshake", Level::WARN);
    enables("rustls=warn,info", "rustls::msgs::handshake", Level::WARN);
    disables("off", "rustls::msgs::handshake", Level::ERROR);
}

#[test]
fn the_default_is_that_of_info() {
    let levels = Filter::default().targets();
    assert!(levels.would_enable("anything", &Level::INFO));
    assert!(!levels.would_enable("rustls::msgs::handshake", &Level::WARN));
}

#[test]
fn of_two_that_fit_the_last_counts() {
    enables("info,debug", "anything", Level::DEBUG);
    disables("debug,info", "anything", Level::DEBUG);
}

#[test]
fn a_wrong_level_is_named_with_its_place() {
    level_wrong("inof", 1, "inof", Some("info"));
    level_wrong("debug,hyper=of", 13, "of", Some("off"));
    level_wrong("debug, hyper = loud", 16, "loud", None);
    level_wrong("warning", 1, "warning", Some("warn"));
    level_wrong("", 1, "", None);
    level_wrong("info,", 6, "", None);
    level_wrong("info,,debug", 6, "", None);
    level_wrong("hyper=", 7, "", None);
    level_wrong("a=b=c", 3, "b=c", None);
    level_wrong("information", 1, "information", Some("info"));
    level_wrong("ä=ö", 3, "ö", None);
}

#[test]
fn a_wrong_target_is_named_with_its_place() {
    target_wrong("info,=debug", 6, "");
    target_wrong("info, my-crate=debug", 7, "my-crate");
    target_wrong("connection[client_id]=debug", 1, "connection[client_id]");
}

#[test]
fn the_message_says_what_to_write() {
    let error = "debug,hyper=of".parse::<Filter>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "log filter `debug,hyper=of`, character 13: `of` is no level (did you mean off?); levels \
         are off, error, warn, info, debug, trace"
    );
}

#[test]
fn a_filter_is_shown_as_it_was_written() {
    let text = "debug, hyper=off";
    assert_eq!(text.parse::<Filter>().unwrap().to_string(), text);
    assert_eq!(Filter::default().to_string(), "info");
}

#[track_caller]
fn enables(filter: &str, target: &str, level: Level) {
    let filter: Filter = filter.parse().unwrap();
    assert!(filter.targets().would_enable(target, &level));
}

#[track_caller]
fn disables(filter: &str, target: &str, level: Level) {
    let filter: Filter = filter.parse().unwrap();
    assert!(!filter.targets().would_enable(target, &level));
}

#[track_caller]
fn level_wrong(filter: &str, position: usize, found: &str, nearest: Option<&'static str>) {
    let error = filter.parse::<Filter>().unwrap_err();
    assert_eq!((error.position, error.found.as_str()), (position, found));
    assert_eq!(error.problem, Problem::Level { nearest });
}

#[track_caller]
fn target_wrong(filter: &str, position: usize, found: &str) {
    let error = filter.parse::<Filter>().unwrap_err();
    assert_eq!((error.position, error.found.as_str()), (position, found));
    assert_eq!(error.problem, Problem::Target);
}
