//! P21: TLS handshakes that stall, come by the hundred, or are none.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use catena_conformance::{Folder, Link, Options, free_port};
use catena_faults::{Broker, MIB, Setup};
use catena_mqtt::Version;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// A broker with a TLS listener, and what its clients trust. Handshakes may take 1 s.
struct Secure {
    broker: Broker,
    certificate: CertificateDer<'static>,
}

/// A TLS connection.
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
        // If the broker was faster, it is cut already.
        let _ = self.0.sock.shutdown(Shutdown::Write);
    }
}

impl Secure {
    #[track_caller]
    fn start() -> Self {
        let names = ["localhost".to_owned()];
        let own = rcgen::generate_simple_self_signed(names).unwrap();
        let folder = Folder::new();
        folder.write("secrets/server/tls.crt", &own.cert.pem());
        folder.write("secrets/server/tls.key", &own.signing_key.serialize_pem());
        let documents = format!(
            "apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: Broker
metadata: {{ name: default }}
spec: {{ catena: {{ limits: {{ handshakes: 64 }} }} }}
---
apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerListener
metadata: {{ name: secure }}
spec:
  ports:
    - port: {}
      tls: {{ mode: Manual, manual: {{ secretRef: server }} }}
      catena: {{ bindAddress: 127.0.0.1, tlsHandshakeTimeoutSeconds: 1 }}
",
            free_port()
        );
        Self {
            broker: Broker::run(Setup::documents(folder, &documents)),
            certificate: own.cert.der().clone(),
        }
    }

    #[track_caller]
    fn dial(&self) -> Tls {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let config = ClientConfig::builder().with_root_certificates(roots);
        let config = Arc::new(config.with_no_client_auth());
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(config, name).unwrap();
        Tls(StreamOwned::new(connection, self.broker.dial()))
    }

    /// A client that goes through everything.
    #[track_caller]
    fn exchange(&self) {
        let options = Options::clean(Version::V5);
        let client = self.broker.log_in_over(self.dial(), &options);
        client.disconnect();
    }
}

/// The beginning of a record that promises 512 bytes.
const HALF_A_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

/// P21: 300 stalled handshakes where 64 may go on at a time: each ends in time, and whoever waited
/// behind them gets in.
#[test]
fn p21_stalled_handshakes() {
    let secure = Secure::start();
    let mut established = secure
        .broker
        .log_in_over(secure.dial(), &Options::clean(Version::V5));
    let before = secure.broker.resident_bytes();
    let mut stalled: Vec<TcpStream> = (0..300).map(|_| secure.broker.dial()).collect();
    for stream in &mut stalled {
        stream.write_all(HALF_A_HELLO).unwrap();
    }
    established.expect_silence();
    secure.exchange();
    established.expect_silence();
    let growth = secure.broker.resident_bytes().saturating_sub(before);
    assert!(growth < 32 * MIB, "{growth} bytes");
    for stream in &mut stalled {
        let mut rest = Vec::new();
        // Closed or reset, either is an end.
        let _ = stream.read_to_end(&mut rest);
    }
}

/// P21: what is no handshake is refused at once.
#[test]
fn p21_handshakes_that_are_none() {
    let secure = Secure::start();
    let plain = Options::clean(Version::V5).bytes();
    let wrong: [&[u8]; 6] = [
        &plain,
        b"GET / HTTP/1.1\r\n\r\n",
        // A record larger than records can be.
        b"\x16\x03\x01\xff\xff",
        // Application data, and an alert, before any handshake.
        b"\x17\x03\x03\x00\x02hi",
        b"\x15\x03\x01\x00\x02\x02\x28",
        // A handshake message of 16 MiB in its first record.
        b"\x16\x03\x01\x00\x06\x01\xff\xff\xff\x03\x03",
    ];
    for bytes in wrong {
        for _ in 0..20 {
            let mut stream = secure.broker.dial();
            stream.write_all(bytes).unwrap();
            let mut answer = Vec::new();
            // Closed or reset, either is an end.
            let _ = stream.read_to_end(&mut answer);
            assert!(answer.len() < 100, "{answer:02x?}");
        }
    }
    secure.exchange();
}

/// P21: 200 handshakes in a row instead of 10,000 a second, while somebody else is served.
#[test]
fn p21_many_handshakes() {
    let secure = Secure::start();
    let mut established = secure
        .broker
        .log_in_over(secure.dial(), &Options::clean(Version::V5));
    for _ in 0..20 {
        let mut all: Vec<Tls> = (0..10).map(|_| secure.dial()).collect();
        for tls in &mut all {
            // As far as the broker's certificate.
            tls.0.conn.complete_io(&mut tls.0.sock).unwrap();
        }
        established.expect_silence();
    }
    secure.exchange();
    let files = secure.broker.open_files();
    assert!(files < 300, "{files} open files");
}
