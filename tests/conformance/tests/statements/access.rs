//! Who is let in (section 3.1.4), and MQTT over TLS (section 4.2).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use catena_conformance::{Broker, Client, Folder, Link, Options, QOS2, free_port, unique};
use catena_mqtt::{ReasonCode, Version};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::VERSIONS;

/// A listener with `more` fields in its only port.
fn documents(more: &str) -> String {
    let port = free_port();
    format!(
        "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: BrokerListener\n\
         metadata: {{ name: tested }}\nspec:\n  ports:\n    - port: {port}\n{more}"
    )
}

/// [MQTT-3.1.4-2] [MQTT-3.2.2-7] [MQTT3-3.2.2-5] [MQTT-3.1.4-6] [MQTT3-3.1.4-5]: the wrong
/// password, or none, is refused with its code, and what came behind it is not looked at.
#[test]
fn passwords_are_checked() {
    let folder = Folder::new();
    folder.write("passwords.txt", ALICE);
    let documents = documents(
        "      authenticationRef: people\n      catena: { bindAddress: 127.0.0.1 }\n---\n\
         apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: BrokerAuthentication\n\
         metadata: { name: people }\nspec:\n  authenticationMethods:\n\
         \x20   - method: UsernamePassword\n\
         \x20     usernamePasswordSettings: { file: passwords.txt }\n",
    );
    let broker = Broker::configured(folder, &documents);
    for version in VERSIONS {
        let options = |username, password| Options {
            username,
            password,
            ..Options::clean(version)
        };
        let wrong = ReasonCode::BadUserNameOrPassword;
        for (username, password) in [
            (Some("alice"), Some("Secret")),
            (Some("alice"), Some("")),
            (Some("alice"), None),
            (Some("bob"), Some("secret")),
            (Some(""), Some("secret")),
        ] {
            let mut client = Client::open(&broker, version);
            let mut bytes = options(username, password).bytes();
            bytes.extend(b"\xC0\0");
            client.send_bytes(&bytes);
            client.expect_refused(wrong);
        }
        let mut nameless = Client::open(&broker, version);
        nameless.send_bytes(&options(None, None).bytes());
        nameless.expect_end();
        let topic = unique("t");
        let mut client = Client::connect(&broker, &options(Some("alice"), Some("secret")));
        client.subscribe(&topic, QOS2);
        client.publish(&topic, "inside", QOS2);
        client.expect_message(&topic, "inside", QOS2);
    }
}

/// User alice with the password "secret", as `catena passwd` writes it.
const ALICE: &str = "alice:$argon2id$v=19$m=19456,t=2,p=1$Z8xwhAxL2jbqzbv0X0Yc6Q$\
    0AV+pMA+jqsupfY2URVUE0RRLX5og9u3TeumEZdqqn4\n";

/// A client's end of TLS.
struct Tls(StreamOwned<ClientConnection, TcpStream>);

impl Read for Tls {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(bytes)
    }
}

impl Write for Tls {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl Link for Tls {
    fn cut(&mut self) {
        self.0.sock.cut();
    }
}

/// [MQTT-4.2-1] [MQTT3-4.2.0-1]: TLS is an ordered, lossless stream of bytes like any other; a
/// client that does not speak it gets no answer of MQTT.
#[test]
fn mqtt_over_tls() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
    let certified = made.expect("a certificate");
    let folder = Folder::new();
    folder.write("secrets/tested/tls.crt", &certified.cert.pem());
    folder.write(
        "secrets/tested/tls.key",
        &certified.signing_key.serialize_pem(),
    );
    let documents = documents(
        "      tls: { mode: Manual, manual: { secretRef: tested } }\n\
         \x20     catena: { bindAddress: 127.0.0.1, anonymous: Allowed }\n",
    );
    let broker = Broker::configured(folder, &documents);
    let mut roots = RootCertStore::empty();
    assert!(roots.add(certified.cert.der().clone()).is_ok());
    let config = ClientConfig::builder().with_root_certificates(roots);
    let config = Arc::new(config.with_no_client_auth());
    for version in VERSIONS {
        let name = ServerName::try_from("localhost").expect("a name");
        let session = ClientConnection::new(Arc::clone(&config), name).expect("a session");
        let link = Tls(StreamOwned::new(session, broker.dial()));
        let mut client = Client::over(Box::new(link), version);
        client.login(&Options::clean(version));
        let topic = unique("t");
        client.subscribe(&topic, QOS2);
        for payload in ["", "small", &"x".repeat(100_000)] {
            client.publish(&topic, payload, QOS2);
            client.expect_message(&topic, payload, QOS2);
        }
        client.disconnect();
    }
    let mut plain = broker.dial();
    let connect = Options::clean(Version::V311).bytes();
    assert!(plain.write_all(&connect).is_ok());
    let mut first = [0];
    let count = plain.read(&mut first).unwrap_or_default();
    assert!(count == 0 || first[0] >> 4 != 2, "CONNACK without TLS");
}
