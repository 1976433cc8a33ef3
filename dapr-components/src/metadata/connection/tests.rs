//! The spellings of each generation, and what is refused.

use super::*;

fn read(flavour: Flavour, pairs: &[(&str, &str)]) -> Result<Connection, Invalid> {
    let pairs = pairs.iter();
    let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Connection::read(&Properties::new(pairs.collect()), flavour)
}

#[track_caller]
fn check_url(pairs: &[(&str, &str)], expected: &str) {
    let connection = read(Flavour::Catena, pairs).unwrap();
    assert_eq!(connection.endpoint.url(), expected, "{pairs:?}");
}

#[track_caller]
fn check_refused(pairs: &[(&str, &str)], expected: &[&str]) {
    let error = read(Flavour::Catena, pairs).unwrap_err().to_string();
    for part in expected {
        assert!(error.contains(part), "{pairs:?}: {error}");
    }
}

#[test]
fn the_broker_is_found_in_each_spelling() {
    check_url(&[("url", "tcp://h:1")], "mqtt://h:1");
    check_url(&[("url", "mqtt://u:p@h/")], "mqtt://u:p@h");
    for scheme in ["ssl", "mqtts", "tcps", "TLS"] {
        check_url(&[("URL", &format!("{scheme}://h"))], "mqtts://h");
    }
    check_url(&[("url", "ws://h:2/mqtt")], "ws://h:2/mqtt");
    check_url(&[("url", "unix:///run/m.sock")], "unix:///run/m.sock");
    check_url(&[("url", "mqtt://[::1]:7")], "mqtt://[::1]:7");
    // Azure's first generation, with the port in the URL and beside it.
    check_url(&[("url", "h:8883")], "mqtts://h:8883");
    check_url(&[("url", "h:1"), ("tlsEnabled", "false")], "mqtt://h:1");
    check_url(&[("url", "h"), ("port", "8883")], "mqtts://h:8883");
    // The second.
    check_url(&[("hostname", "h")], "mqtts://h:18883");
    let plain = [("hostname", "h"), ("tcpPort", "1883"), ("useTls", "No")];
    check_url(&plain, "mqtt://h:1883");
    check_url(&[("hostname", "h"), ("url", "mqtts://h:5")], "mqtts://h:5");
}

#[test]
fn azure_types_know_their_broker() {
    let first = read(Flavour::AzureFirst, &[]).unwrap();
    assert_eq!(
        first.endpoint.to_string(),
        "mqtts://aio-mq-dmqtt-frontend:8883"
    );
    let second = read(Flavour::AzureSecond, &[("tcpPort", "5")]).unwrap();
    assert_eq!(second.endpoint.to_string(), "mqtts://aio-broker:5");
    check_refused(&[], &["`url`", "missing", "mqtt://"]);
}

#[test]
fn both_generations_name_files_alike() {
    let files = |ca: &'static str, token: &'static str| {
        let pairs = [("url", "h"), (ca, "/ca"), (token, "/token")];
        let connection = read(Flavour::AzureFirst, &pairs).unwrap();
        (connection.security.authorities, connection.token_file)
    };
    let expected = (Some(Material::File("/ca".into())), Some("/token".into()));
    assert_eq!(files("caCertPath", "satTokenPath"), expected);
    assert_eq!(files("caFile", "satAuthFile"), expected);
}

#[test]
fn certificates_are_text_or_files() {
    let text = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----";
    let pairs = [
        ("url", "mqtts://h"),
        ("caCert", text),
        ("clientCert", text),
        ("clientKey", "/key"),
    ];
    let security = read(Flavour::Catena, &pairs).unwrap().security;
    let pem = Material::Text(text.to_owned());
    assert_eq!(security.authorities, Some(pem.clone()));
    let key = Material::File("/key".into());
    assert_eq!(security.identity, Some((pem, key)));
    assert!(!format!("{security:?}").contains("BEGIN"));
}

#[test]
fn contradictions_are_told_with_both_names() {
    let both = |a, b| [("url", "mqtts://h:1"), a, b];
    check_refused(
        &both(("tlsEnabled", "true"), ("useTls", "false")),
        &["tlsEnabled", "useTls"],
    );
    check_refused(
        &both(("caFile", "/a"), ("caCertPath", "/b")),
        &["caFile", "caCertPath"],
    );
    check_refused(
        &both(("caFile", "/a"), ("caCert", "/b")),
        &["caFile", "caCert"],
    );
    check_refused(&both(("tcpPort", "1"), ("port", "2")), &["tcpPort", "port"]);
    check_refused(&[("url", "mqtts://h:1"), ("port", "2")], &["url", "port"]);
    check_refused(
        &[("url", "mqtt://h"), ("hostname", "i")],
        &["url", "hostname"],
    );
    check_refused(
        &[("url", "mqtt://h"), ("useTls", "true")],
        &["url", "useTls"],
    );
    let twice = [("url", "mqtt://u@h"), ("username", "v")];
    check_refused(&twice, &["url", "username"]);
}

#[test]
fn what_makes_no_sense_is_told_with_the_remedy() {
    check_refused(&[("url", "http://h")], &["`url`", "mqtts"]);
    check_refused(&[("url", "mqtt://")], &["`url`", "HOST"]);
    check_refused(&[("url", "mqtt://h:x")], &["`url`", "HOST:PORT"]);
    let url = ("url", "mqtt://h");
    check_refused(&[url, ("port", "0")], &["`port`", "1 to 65535"]);
    check_refused(&[url, ("keepAlive", "1")], &["`keepAlive`", "5 s"]);
    check_refused(
        &[url, ("connectPolicy", "later")],
        &["`connectPolicy`", "background"],
    );
    check_refused(&[url, ("logLevel", "loud")], &["`logLevel`", "Debug"]);
    check_refused(&[url, ("password", "s3cret")], &["`password`", "username"]);
    check_refused(&[url, ("clientCert", "/c")], &["`clientCert`", "clientKey"]);
    let certificate = [url, ("clientCert", "/c"), ("clientKey", "/k")];
    check_refused(&certificate, &["TLS", "mqtts://"]);
    let error = read(Flavour::Catena, &[url, ("password", "s3cret")]).unwrap_err();
    assert!(!error.to_string().contains("s3cret"));
}

#[test]
fn init_never_takes_longer_than_a_sidecar_waits() {
    let pairs = [("url", "mqtt://h"), ("connectTimeout", "1m")];
    let connection = read(Flavour::Catena, &pairs).unwrap();
    assert_eq!(connection.connect_within, Duration::from_secs(4));
}
