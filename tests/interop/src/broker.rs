//! A broker of its own for each test, with a listener for each transport.

use std::fmt::Write;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::certificate::Certificate;
use crate::folder::Folder;
use crate::lines::{Lines, Next};
use crate::tools;

/// How clients reach the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// TLS.
    Tls,
    /// WebSocket.
    WebSocket,
    /// WebSocket over TLS.
    SecureWebSocket,
}

impl Transport {
    const ALL: [Self; 4] = [Self::Tcp, Self::Tls, Self::WebSocket, Self::SecureWebSocket];

    /// Whether it is encrypted.
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Tls | Self::SecureWebSocket)
    }

    /// Whether it is a WebSocket.
    pub fn is_websocket(self) -> bool {
        matches!(self, Self::WebSocket | Self::SecureWebSocket)
    }
}

/// Where a client connects.
#[derive(Clone, Debug)]
pub struct Listener {
    /// What is spoken there.
    pub transport: Transport,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// The certificate, in PEM, that clients of a TLS listener trust.
    pub authority: PathBuf,
}

/// A running broker, which ends with this value.
#[derive(Debug)]
pub struct Broker {
    process: Child,
    log: Lines,
    listeners: Vec<Listener>,
    _folder: Folder,
}

impl Broker {
    /// Starts a broker and waits until all its ports are open.
    ///
    /// # Errors
    ///
    /// What hinders it, with the broker's log.
    pub fn start() -> anyhow::Result<Self> {
        // Documents name ports, so another process may take one between choosing and binding.
        let mut problem = None;
        for _ in 0..ATTEMPTS_MAX {
            match Self::attempt() {
                Ok(broker) => return Ok(broker),
                Err(error) => problem = Some(error),
            }
        }
        problem.map_or_else(|| bail!("no attempt to start the broker"), Err)
    }

    fn attempt() -> anyhow::Result<Self> {
        let program = tools::broker()?;
        let folder = Folder::new()?;
        let certificate = Certificate::new().context("cannot make a certificate")?;
        let authority = folder.write("authority.pem", &certificate.authority)?;
        folder.write("broker/secrets/interop/tls.crt", &certificate.chain)?;
        folder.write("broker/secrets/interop/tls.key", &certificate.key)?;
        let listeners = listeners(&authority)?;
        let documents = folder.write("broker/broker.yaml", &documents(&listeners)?)?;
        let mut command = Command::new(program);
        command.arg("run").arg("--config").arg(documents);
        command.args(["--admin", "off", "--log", "info"]);
        command.current_dir(folder.path()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().context("cannot run the broker")?;
        let pipes: [Option<Box<dyn Read + Send>>; 2] = [
            process.stdout.take().map(|pipe| Box::new(pipe) as _),
            process.stderr.take().map(|pipe| Box::new(pipe) as _),
        ];
        let mut broker = Self {
            process,
            log: Lines::new(pipes.into_iter().flatten()),
            listeners,
            _folder: folder,
        };
        broker.wait_open()?;
        Ok(broker)
    }

    /// Where clients connect.
    ///
    /// # Errors
    ///
    /// Never, as long as there is a listener for each transport.
    pub fn listener(&self, transport: Transport) -> anyhow::Result<&Listener> {
        let mut listeners = self.listeners.iter();
        let found = listeners.find(|listener| listener.transport == transport);
        found.with_context(|| format!("no listener for {transport:?}"))
    }

    /// What the broker has logged since this was last asked, and whether it still runs.
    pub fn log(&mut self) -> String {
        let mut log = self.log.rest().join("\n");
        if let Ok(Some(status)) = self.process.try_wait() {
            log.push_str(&format!("\nthe broker has ended: {status}"));
        }
        log
    }

    fn wait_open(&mut self) -> anyhow::Result<()> {
        let mut log = String::new();
        for _ in 0..TURNS_MAX {
            if self.listeners.iter().all(Listener::is_open) {
                return Ok(());
            }
            match self.log.next(TURN) {
                Next::Line(line) => writeln!(log, "{line}")?,
                Next::Late => {}
                Next::End => bail!("the broker ends at once:\n{log}"),
            }
        }
        bail!("the broker does not open its ports:\n{log}")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Listener {
    fn is_open(&self) -> bool {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        TcpStream::connect_timeout(&address, TURN).is_ok()
    }
}

/// A listener with a free port for each transport.
fn listeners(authority: &Path) -> anyhow::Result<Vec<Listener>> {
    let mut held = Vec::new();
    let mut listeners = Vec::new();
    for transport in Transport::ALL {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
        let port = socket.local_addr().context("no free port")?.port();
        // Held until all are chosen, so that they differ.
        held.push(socket);
        listeners.push(Listener {
            transport,
            port,
            authority: authority.to_owned(),
        });
    }
    Ok(listeners)
}

fn documents(listeners: &[Listener]) -> anyhow::Result<String> {
    let mut text = String::from(
        "\
apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: Broker
metadata: { name: default }
spec: {}
---
apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerListener
metadata: { name: interop }
spec:
  brokerRef: default
  ports:
",
    );
    for Listener {
        transport, port, ..
    } in listeners
    {
        let protocol = if transport.is_websocket() {
            "WebSockets"
        } else {
            "Mqtt"
        };
        writeln!(text, "    - port: {port}\n      protocol: {protocol}")?;
        text.push_str("      catena: { bindAddress: 127.0.0.1, anonymous: Allowed }\n");
        if transport.is_tls() {
            text.push_str("      tls: { mode: Manual, manual: { secretRef: interop } }\n");
        }
    }
    Ok(text)
}

/// How long one look at the broker takes while it starts.
const TURN: Duration = Duration::from_millis(50);

/// 30 seconds.
const TURNS_MAX: u32 = 600;

const ATTEMPTS_MAX: u32 = 3;
