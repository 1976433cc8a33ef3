//! Flags and environment over documents.

use catena_resources::{
    Access, Configuration, Diagnostic, Overridden, Override, OverrideSource, Overrides, Source,
    parse_with,
};

const BROKER: &str = "\
apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: Broker
spec:
  diagnostics: { logs: { level: warn } }
  catena: { workers: 2, limits: { connections: 7 } }
";

fn flag(name: &str) -> OverrideSource {
    OverrideSource::Flag(name.into())
}

fn set(path: &str, value: &str, source: OverrideSource) -> Override {
    Override {
        path: path.into(),
        value: value.into(),
        source,
    }
}

fn over(broker: Vec<Override>) -> Overrides {
    Overrides {
        broker,
        ..Overrides::default()
    }
}

fn read(text: &str, overrides: &Overrides) -> Result<Configuration, Vec<Diagnostic>> {
    let source = Source {
        name: "broker.yaml".into(),
        text: text.into(),
    };
    parse_with(&[source], overrides)
}

fn listen(addresses: &[&str]) -> Option<Overridden<Vec<std::net::SocketAddr>>> {
    Some(Overridden {
        value: addresses
            .iter()
            .filter_map(|address| address.parse().ok())
            .collect(),
        source: flag("--listen"),
    })
}

#[track_caller]
fn check_origin(configuration: &Configuration, path: &str, expected: &str) {
    let settings = configuration.explain();
    let found = settings.iter().find(|setting| setting.path == path);
    let found = found.map(|setting| format!("{} ({})", setting.value, setting.origin));
    assert_eq!(found.as_deref(), Some(expected), "{path}");
}

#[test]
fn a_flag_wins_over_the_environment_and_both_over_a_document() {
    let overrides = over(vec![
        set("spec.catena.workers", "5", flag("--workers")),
        set(
            "spec.catena.workers",
            "6",
            OverrideSource::Environment("CATENA_WORKERS".into()),
        ),
        set(
            "spec.diagnostics.logs.level",
            "debug",
            OverrideSource::Environment("CATENA_LOG_LEVEL".into()),
        ),
    ]);
    let configuration = read(BROKER, &overrides).unwrap();
    check_origin(
        &configuration,
        "Broker.spec.catena.workers",
        "5 (--workers)",
    );
    check_origin(
        &configuration,
        "Broker.spec.diagnostics.logs.level",
        "debug (CATENA_LOG_LEVEL)",
    );
    let connections = "Broker.spec.catena.limits.connections";
    check_origin(&configuration, connections, "7 (broker.yaml:5)");
}

#[test]
fn a_flag_wins_over_an_old_name_too() {
    let text = "apiVersion: mq.iotoperations.azure.com/v1beta1\nkind: Broker\nspec:\n  \
                diagnostics: { logLevel: warn }\n";
    let overrides = over(vec![set(
        "spec.diagnostics.logs.level",
        "trace",
        flag("--log-level"),
    )]);
    let configuration = read(text, &overrides).unwrap();
    assert_eq!(configuration.broker.log.level.as_str(), "trace");
}

#[test]
fn flags_need_no_document() {
    let overrides = over(vec![set(
        "spec.catena.adminAddress",
        "127.0.0.1:0",
        flag("--admin"),
    )]);
    let configuration = parse_with(&[], &overrides).unwrap();
    check_origin(
        &configuration,
        "Broker.spec.catena.adminAddress",
        "127.0.0.1:0 (--admin)",
    );
    assert_eq!(configuration.listeners.len(), 1);
}

#[test]
fn a_wrong_flag_is_told_by_its_name() {
    let wrong = [
        ("spec.catena.workers", "0"),
        ("spec.catena.wrokers", "1"),
        ("", "1"),
    ];
    let broker = wrong.map(|(path, value)| set(path, value, flag("--set")));
    let diagnostics = read(BROKER, &over(broker.into())).unwrap_err();
    let lines: Vec<String> = diagnostics.iter().map(Diagnostic::render).collect();
    let said = lines.join("\n");
    insta::assert_snapshot!(said);
}

#[test]
fn listeners_of_a_flag_take_any_port_on_loopback() {
    let overrides = Overrides {
        listen: listen(&["127.0.0.1:0", "127.0.0.1:0", "[::1]:1884"]),
        ..Overrides::default()
    };
    let configuration = read(BROKER, &overrides).unwrap();
    let endpoints: Vec<String> = configuration
        .listeners
        .iter()
        .map(|one| one.endpoint.to_string())
        .collect();
    assert_eq!(endpoints, ["127.0.0.1:0", "127.0.0.1:0", "[::1]:1884"]);
}

#[test]
fn listeners_of_a_flag_need_authentication_off_loopback() {
    let mut overrides = Overrides {
        listen: listen(&["0.0.0.0:1883"]),
        ..Overrides::default()
    };
    let diagnostics = read(BROKER, &overrides).unwrap_err();
    assert!(
        diagnostics[0]
            .render()
            .starts_with("--listen: 0.0.0.0:1883 can be reached")
    );

    overrides.broker = vec![set(
        "spec.catena.anonymous",
        "Allowed",
        flag("--allow-anonymous"),
    )];
    assert!(read(BROKER, &overrides).is_ok());

    overrides.broker.clear();
    overrides.password_file = Some(Overridden {
        value: "passwords.txt".into(),
        source: flag("--password-file"),
    });
    let configuration = read(BROKER, &overrides).unwrap();
    let Access::Authenticated(name) = &configuration.listeners[0].access else {
        panic!("anybody may connect");
    };
    assert!(configuration.authentication(name).is_some());
    check_origin(
        &configuration,
        "BrokerListener/default.spec.ports[0].authenticationRef",
        "password-file (--password-file)",
    );
}

#[test]
fn a_listening_flag_without_address_is_refused() {
    let overrides = Overrides {
        listen: listen(&[]),
        ..Overrides::default()
    };
    let diagnostics = read(BROKER, &overrides).unwrap_err();
    assert_eq!(
        diagnostics[0].render(),
        "--listen: needs at least one address"
    );
}
