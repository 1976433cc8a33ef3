//! Wrong documents, and exactly what is said about each.

use catena_resources::{Diagnostic, Severity, Source, parse};

const BROKER: &str = "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: Broker\n";
const SEED_BROKER: &str = "apiVersion: mq.iotoperations.azure.com/v1beta1\nkind: Broker\n";
const LISTENER: &str = "apiVersion: mqttbroker.iotoperations.azure.com/v1\n\
    kind: BrokerListener\nmetadata: { name: external }\n";
const SEED_LISTENER: &str = "apiVersion: mq.iotoperations.azure.com/v1beta1\n\
    kind: BrokerListener\nmetadata: { name: listener }\n";
const AUTHENTICATION: &str = "apiVersion: mqttbroker.iotoperations.azure.com/v1\n\
    kind: BrokerAuthentication\nmetadata: { name: devices }\n";
const SEED_AUTHENTICATION: &str = "apiVersion: mq.iotoperations.azure.com/v1beta1\n\
    kind: BrokerAuthentication\nmetadata: { name: authn }\n";

/// Each case as a document of the given head with the given rest, then what is said about it.
/// Every case is an error.
fn table(cases: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (head, rest) in cases {
        let source = Source {
            name: "a.yaml".into(),
            text: format!("{head}{rest}"),
        };
        let diagnostics = parse(&[source]).err().unwrap_or_default();
        let is_error = |one: &Diagnostic| one.severity == Severity::Error;
        assert!(diagnostics.iter().any(is_error), "{rest}");
        out.push_str(rest.trim_end());
        out.push('\n');
        for diagnostic in diagnostics {
            out.push_str(&format!("    => {}\n", diagnostic.render()));
        }
    }
    out
}

#[test]
fn envelope() {
    let said = table(&[
        ("", "just text"),
        ("", "- a\n- b\n"),
        ("", "kind: Broker\n"),
        ("", "apiVersion: v1\nkind: Secret\n"),
        (
            "",
            "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: BrokerListner\n",
        ),
        (
            "",
            "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: BrokerAuthorization\n",
        ),
        (
            "",
            "apiVersion: mq.iotoperations.azure.com/v1beta1\nkind: DiagnosticService\n",
        ),
        (
            "",
            "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: BrokerListener\n",
        ),
        (BROKER, "metadata: { name: -x, nam: a }\n"),
        (BROKER, "specs: {}\n"),
        (BROKER, "spec: text\n"),
        (
            BROKER,
            "---\napiVersion: az-edge.com/v1alpha3\nkind: Broker\nmetadata: { name: two }\n",
        ),
        (BROKER, "kind: Broker\n"),
        (BROKER, "spec: { a: [ }\n"),
        (BROKER, "spec: *nowhere\n"),
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn broker() {
    let said = table(&[
        (BROKER, "spec: { memoryProfile: Mediun }\n"),
        (BROKER, "spec: { memoryProfile: 3 }\n"),
        (
            BROKER,
            "spec: { cardinality: { frontend: { replicas: 17 }, backendChain: {} } }\n",
        ),
        (
            BROKER,
            "spec:\n  cardinality:\n    frontend: { replicas: 1 }\n    backendChain:\n      \
             partitons: 2\n      redundancyFactor: 6\n      workers: -1\n",
        ),
        (
            SEED_BROKER,
            "spec: { cardinality: { frontend: { replicas: 1 }, backendChain: { replicas: 2, \
             redundancyFactor: 2, partitions: 1 } } }\n",
        ),
        (SEED_BROKER, "spec: { mode: distributed }\n"),
        (
            SEED_BROKER,
            "spec:\n  encryptInternalTraffic: true\n  advanced: { encryptInternalTraffic: \
             Enabled }\n",
        ),
        (
            BROKER,
            "spec: { diskBackedMessageBuffer: { maxSize: 10Q } }\n",
        ),
        (BROKER, "spec: { persistence: { maxSize: 1M } }\n"),
        (BROKER, "spec: { diagnostics: { logs: { level: loud } } }\n"),
        (
            BROKER,
            "spec: { advanced: { clients: { subscriberQueueLimit: { strategy: DropOldest } } } }\n",
        ),
        (BROKER, "spec: { catena: { adminAddress: localhost } }\n"),
        (
            BROKER,
            "spec: { catena: { adminAddress: \"127.0.0.1:0\" } }\n",
        ),
        (
            BROKER,
            "spec:\n  diagnostics: { metrics: { prometheusPort: 9000 } }\n  catena: { \
             adminAddress: \"127.0.0.1:9001\" }\n",
        ),
        (
            BROKER,
            "spec: { catena: { limits: { maximumQos: 3, retainAvailable: maybe } } }\n",
        ),
        (
            BROKER,
            "spec: { catena: { limits: { memoryPoolBytes: 1Mi, retainedBytes: 2Mi } } }\n",
        ),
        (
            BROKER,
            "spec: { catena: { limits: { connections: 1.5, handshakes: \"4\" } } }\n",
        ),
        (
            BROKER,
            "spec:\n  catena:\n    refusedFilters: [\"#\", a/#/b, a+, \"\", $share/g/a, 1, [a]]\n",
        ),
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn listener() {
    let said = table(&[
        (LISTENER, ""),
        (LISTENER, "spec: {}\n"),
        (LISTENER, "spec: { ports: [] }\n"),
        (
            LISTENER,
            "spec: { ports: [{ prot: 1883, catena: { bindAddress: localhost } }] }\n",
        ),
        (LISTENER, "spec: { ports: [{ port: 0 }] }\n"),
        (LISTENER, "spec: { ports: [{ port: 65536 }] }\n"),
        (LISTENER, "spec: { ports: [{ port: 1883 }] }\n"),
        (
            LISTENER,
            "spec: { ports: [{ port: 1883, catena: { bindAddress: 0.0.0.0 } }] }\n",
        ),
        (
            LISTENER,
            "spec: { ports: [{ port: 1883, catena: { bindAddress: example.org } }] }\n",
        ),
        (
            LISTENER,
            "spec: { ports: [{ port: 1883, authenticationRef: a-b-c, \
             authorizationRef: rules }] }\n",
        ),
        (
            LISTENER,
            "spec: { ports: [{ port: 1883, catena: { unixSocket: /run/a.sock } }] }\n",
        ),
        (
            LISTENER,
            "spec:\n  ports:\n    - port: 1883\n      catena: { bindAddress: localhost }\n    - \
             port: 1883\n      catena: { bindAddress: 127.0.0.1 }\n",
        ),
        (
            LISTENER,
            "spec: { ports: [{ port: 1883, tls: { mode: Automatic } }] }\n",
        ),
        (
            LISTENER,
            "spec: { ports: [{ port: 1883, tls: { mode: Automatic, certManagerCertificateSpec: { \
             issuerRef: { name: ca } } }, catena: { bindAddress: localhost } }] }\n",
        ),
        (
            LISTENER,
            "spec: { ports: [{ port: 1883, tls: { mode: Manual, manual: { secretRef: ../x } }, \
             catena: { bindAddress: localhost } }] }\n",
        ),
        (
            LISTENER,
            "spec: { ports: [{ port: 1883, catena: { bindAddress: localhost, proxyProtocol: \
             Required } }] }\n",
        ),
        (
            LISTENER,
            "spec: { ports: [{ port: 1883, catena: { bindAddress: localhost, proxyProtocol: \
             Optional, trustedSources: [everybody] } }] }\n",
        ),
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn seed_listener() {
    let said = table(&[
        (SEED_LISTENER, "spec: { port: 1883 }\n"),
        (
            SEED_LISTENER,
            "spec: { port: 1883, authenticationEnabled: true }\n",
        ),
        (
            SEED_LISTENER,
            "spec: { port: 1883, authenticationEnabled: false }\n",
        ),
        (
            SEED_LISTENER,
            "spec: { port: 1883, authorizationEnabled: true, catena: { \
             bindAddress: localhost } }\n",
        ),
        (
            SEED_LISTENER,
            "spec: { port: 8883, tls: { keyVault: {} } }\n",
        ),
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn authentication() {
    let said = table(&[
        (AUTHENTICATION, "spec: {}\n"),
        (AUTHENTICATION, "spec: { authenticationMethods: [] }\n"),
        (
            AUTHENTICATION,
            "spec: { authenticationMethods: [{ method: X509 }] }\n",
        ),
        (
            AUTHENTICATION,
            "spec: { authenticationMethods: [{ method: serviceAccountToken, \
             serviceAccountTokenSettings: { audiences: [a] } }] }\n",
        ),
        (
            AUTHENTICATION,
            "spec: { authenticationMethods: [{ method: UsernamePasword }] }\n",
        ),
        (
            AUTHENTICATION,
            "spec: { authenticationMethods: [{ method: UsernamePassword }] }\n",
        ),
        (
            AUTHENTICATION,
            "spec: { authenticationMethods: [{ method: UsernamePassword, \
             usernamePasswordSettings: { secretRef: a, file: b } }] }\n",
        ),
        (
            AUTHENTICATION,
            "spec: { listenerRef: [a-b], authenticationMethods: [] }\n",
        ),
        (
            SEED_AUTHENTICATION,
            "spec: { listenerRef: [listner], authenticationMethods: [{ usernamePassword: { \
             secretName: p } }] }\n",
        ),
        (
            SEED_AUTHENTICATION,
            "spec: { authenticationMethods: [{ sat: {} }] }\n",
        ),
        (
            SEED_AUTHENTICATION,
            "spec: { authenticationMethods: [{}] }\n",
        ),
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn documents_that_do_not_fit_together() {
    let listener = "---\napiVersion: mqttbroker.iotoperations.azure.com/v1\n\
                    kind: BrokerListener\nmetadata: { name: external }\n";
    let methods = "spec: { authenticationMethods: [{ method: UsernamePassword, \
                   usernamePasswordSettings: { secretRef: p } }] }\n";
    let refused = "spec: { catena: { anonymous: Refused } }\n";
    let cases = [
        format!(
            "{listener}spec: {{ brokerRef: othr, ports: [{{ port: 1883, \
                 catena: {{ anonymous: Allowed }} }}] }}\n"
        ),
        format!(
            "{refused}{listener}spec: {{ ports: [{{ port: 1883, \
                 catena: {{ anonymous: Allowed }} }}] }}\n"
        ),
        refused.to_owned(),
        format!(
            "---\n{AUTHENTICATION}{methods}{listener}spec: {{ ports: [{{ port: 1883, \
                 authenticationRef: devcies }}] }}\n"
        ),
        format!(
            "---\n{AUTHENTICATION}{methods}{listener}spec: {{ ports: [{{ port: 1883, \
                 authenticationRef: devices, catena: {{ anonymous: Allowed }} }}] }}\n"
        ),
        format!("---\n{AUTHENTICATION}{methods}---\n{AUTHENTICATION}{methods}"),
    ];
    let cases: Vec<(&str, &str)> = cases.iter().map(|rest| (BROKER, rest.as_str())).collect();
    let said = table(&cases);
    insta::assert_snapshot!(said);
}

#[test]
fn a_text_that_cannot_be_read_hides_no_error_of_another() {
    let source = |name: &str, text: &str| Source {
        name: name.into(),
        text: format!("{BROKER}{text}"),
    };
    let sources = [
        source("a.yaml", "spec: [\n"),
        source("b.yaml", "spec: { mode: x }\n"),
    ];
    let diagnostics = parse(&sources).unwrap_err();
    let files: Vec<&str> = diagnostics.iter().map(|one| &*one.place.name).collect();
    assert_eq!(files, ["a.yaml", "b.yaml"]);
}

#[test]
fn no_number_of_notes_hides_an_error() {
    let notes = "      - { port: 1, nodePort: 30000, catena: { bindAddress: localhost } }\n";
    let text = format!(
        "{LISTENER}spec:\n  ports:\n{}      - {{ port: 0 }}\n",
        notes.repeat(500)
    );
    let source = Source {
        name: "a.yaml".into(),
        text,
    };
    let diagnostics = parse(&[source]).unwrap_err();
    assert!(diagnostics.len() <= 400);
    let errors = diagnostics
        .iter()
        .filter(|one| one.severity == Severity::Error)
        .count();
    assert!(errors > 0);
}
