//! A broker of the test's own, which can be ended and started again at the same ports.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use catena_interop::Certificate;

use crate::clock;
use crate::log::Log;
use crate::ports;
use crate::process::Process;
use crate::scene::Scene;
use crate::tools;

/// How the broker of a test is reached and by whom.
#[derive(Clone, Debug)]
pub struct Broker {
    program: PathBuf,
    documents: PathBuf,
    log: Log,
    /// Where it speaks MQTT.
    pub port: u16,
    /// Where it speaks MQTT over TLS.
    pub tls_port: u16,
    /// Where it speaks MQTT with those who have the password.
    pub locked_port: u16,
    /// The authority that clients of the TLS port trust, in PEM.
    pub authority: PathBuf,
}

/// A broker that runs.
#[derive(Debug)]
pub struct RunningBroker(Process);

impl Broker {
    /// Who may use the port with a password, and the password.
    pub const USER: (&str, &str) = ("dapr", "one2three");

    /// Prepares a broker.
    ///
    /// # Errors
    ///
    /// What hinders it.
    pub fn new(scene: &Scene) -> anyhow::Result<Self> {
        let certificate = Certificate::new().context("cannot make a certificate")?;
        let authority = scene.write("authority.pem", &certificate.authority)?;
        scene.write("broker/secrets/dapr/tls.crt", &certificate.chain)?;
        scene.write("broker/secrets/dapr/tls.key", &certificate.key)?;
        let mut broker = Self {
            program: tools::broker()?,
            documents: PathBuf::new(),
            log: scene.log("broker"),
            port: ports::free()?,
            tls_port: ports::free()?,
            locked_port: ports::free()?,
            authority,
        };
        broker.write_password(scene)?;
        broker.documents = scene.write("broker/broker.yaml", &broker.documents()?)?;
        Ok(broker)
    }

    /// Starts it and waits until its ports are open.
    ///
    /// # Errors
    ///
    /// What hinders it.
    pub fn start(&self) -> anyhow::Result<RunningBroker> {
        let mut command = Command::new(&self.program);
        command.arg("run").arg("--config").arg(&self.documents);
        command.args(["--admin", "off", "--log", "info"]);
        let mut process = Process::start(command, &self.log)?;
        clock::until("the broker's open ports", PATIENCE, || {
            if let Some(status) = process.ended()? {
                bail!("the broker ends at once: {status}");
            }
            let ports = [self.port, self.tls_port, self.locked_port];
            Ok(ports.into_iter().all(is_open).then_some(()))
        })?;
        Ok(RunningBroker(process))
    }

    fn write_password(&self, scene: &Scene) -> anyhow::Result<()> {
        let file = scene.folder("broker")?.join("users");
        let (user, password) = Self::USER;
        let mut command = Command::new(&self.program);
        command
            .args(["passwd", "-b"])
            .arg(file)
            .args([user, password]);
        let output = command.output().context("cannot run catena passwd")?;
        let said = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "catena passwd: {said}");
        Ok(())
    }

    fn documents(&self) -> anyhow::Result<String> {
        let mut text = String::from(DOCUMENTS);
        let anonymous = "catena: { bindAddress: 127.0.0.1, anonymous: Allowed }";
        writeln!(text, "    - port: {}\n      {anonymous}", self.port)?;
        writeln!(text, "    - port: {}\n      {anonymous}", self.tls_port)?;
        writeln!(
            text,
            "      tls: {{ mode: Manual, manual: {{ secretRef: dapr }} }}"
        )?;
        writeln!(text, "    - port: {}", self.locked_port)?;
        writeln!(text, "      authenticationRef: users")?;
        writeln!(text, "      catena: {{ bindAddress: 127.0.0.1 }}")?;
        Ok(text)
    }
}

impl RunningBroker {
    /// Ends it as a crash does. What it held in memory is gone.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.0.kill()
    }
}

/// Whether somebody listens at a port of 127.0.0.1.
#[must_use]
pub fn is_open(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok()
}

const PATIENCE: Duration = Duration::from_secs(60);

const DOCUMENTS: &str = "\
apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: Broker
metadata: { name: default }
spec: {}
---
apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerAuthentication
metadata: { name: users }
spec:
  authenticationMethods:
    - method: UsernamePassword
      usernamePasswordSettings: { file: users }
---
apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerListener
metadata: { name: dapr }
spec:
  brokerRef: default
  ports:
";
