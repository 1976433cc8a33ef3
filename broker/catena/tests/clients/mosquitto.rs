//! Runs mosquitto, the broker that the clients' letters come from, on free ports of loopback.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A running broker. Ends when dropped.
#[derive(Debug)]
pub(crate) struct Mosquitto {
    child: Child,
    folder: PathBuf,
    pub(crate) port: u16,
    pub(crate) websocket_port: u16,
    pub(crate) tls_port: u16,
}

impl Mosquitto {
    /// Starts a broker that takes everybody, and as who starts it (`user` only matters to root).
    /// Ports are chosen by asking the system for free ones;
    /// should another program be faster to take one, others are tried.
    #[must_use]
    pub(crate) fn start() -> Self {
        (0..10)
            .find_map(|_| Self::try_start())
            .expect("mosquitto starts; it comes with `.ci/tools base`")
    }

    fn try_start() -> Option<Self> {
        let [port, websocket_port, tls_port] = free_ports();
        let folder =
            std::env::temp_dir().join(format!("catena-mosquitto-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        write_certificates(&folder);
        let config = folder.join("mosquitto.conf");
        let path = folder.display();
        let text = format!(
            "user root\nallow_anonymous true\nlog_dest stderr\nmax_inflight_messages 1000\n\
             max_queued_messages 0\n\
             listener {port} 127.0.0.1\nlistener 0 {path}/socket\n\
             listener {websocket_port} 127.0.0.1\nprotocol websockets\n\
             listener {tls_port} 127.0.0.1\ncertfile {path}/broker.pem\n\
             keyfile {path}/broker.key\n"
        );
        fs::write(&config, text).unwrap();
        let child = Command::new(program())
            .arg("-c")
            .arg(&config)
            .stderr(Stdio::piped())
            .spawn()
            .expect("mosquitto is installed; it comes with `.ci/tools base`");
        let mut mosquitto = Self {
            child,
            folder,
            port,
            websocket_port,
            tls_port,
        };
        let mut log = BufReader::new(mosquitto.child.stderr.take()?).lines();
        let is_running = log
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line.ends_with(" running"));
        // A broker whose log nobody reads would stand still in the end.
        std::thread::spawn(move || log.map_while(Result::ok).for_each(drop));
        is_running.then_some(mosquitto)
    }

    /// The process ID.
    #[must_use]
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A file in the broker's folder: `socket`, `authority.pem`.
    #[must_use]
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Debian puts it where only root looks.
fn program() -> &'static str {
    let debian = "/usr/sbin/mosquitto";
    if fs::exists(debian).unwrap_or_default() {
        debian
    } else {
        "mosquitto"
    }
}

fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    let listeners = [(); COUNT].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// An authority and a certificate of it for `localhost` alone.
fn write_certificates(folder: &std::path::Path) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = parameters.self_signed(&authority_key).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let issuer = rcgen::Issuer::new(parameters, authority_key);
    let broker = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    fs::write(folder.join("authority.pem"), authority.pem()).unwrap();
    fs::write(folder.join("broker.pem"), broker.pem()).unwrap();
    fs::write(folder.join("broker.key"), key.serialize_pem()).unwrap();
}
