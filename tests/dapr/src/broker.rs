//! A broker of the test's own, which can be ended and started again at the same ports.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use catena_interop::Certificate;
use rustix::process::Signal;

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
    settings: Vec<String>,
    log: Log,
    /// Where it speaks MQTT.
    pub port: u16,
    /// Where it speaks MQTT over TLS.
    pub tls_port: u16,
    /// Where it speaks MQTT with those who have the password.
    pub locked_port: u16,
    /// Where it speaks MQTT over TLS with those who have the password.
    pub sealed_port: u16,
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
            settings: Vec::new(),
            log: scene.log("broker"),
            port: ports::free()?,
            tls_port: ports::free()?,
            locked_port: ports::free()?,
            sealed_port: ports::free()?,
            authority,
        };
        broker.set_password(scene, Self::USER.1)?;
        broker.documents = scene.write("broker/broker.yaml", &broker.documents()?)?;
        Ok(broker)
    }

    /// With a setting in place of the default, such as `spec.catena.partitions=1`.
    #[must_use]
    pub fn with(mut self, setting: &str) -> Self {
        self.settings.push(setting.to_owned());
        self
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
        for setting in &self.settings {
            command.arg("--set").arg(setting);
        }
        let mut process = Process::start(command, &self.log)?;
        clock::until("the broker's open ports", PATIENCE, || {
            if let Some(status) = process.ended()? {
                bail!("the broker ends at once: {status}");
            }
            let ports = [self.port, self.tls_port, self.locked_port, self.sealed_port];
            Ok(ports.into_iter().all(is_open).then_some(()))
        })?;
        Ok(RunningBroker(process))
    }

    /// Writes the password of the user. A broker that runs has to [reload](RunningBroker::reload).
    ///
    /// # Errors
    ///
    /// What hinders it.
    pub fn set_password(&self, scene: &Scene, password: &str) -> anyhow::Result<()> {
        let file = scene.folder("broker")?.join("users");
        let (user, _) = Self::USER;
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
        let tls = "      tls: { mode: Manual, manual: { secretRef: dapr } }";
        writeln!(text, "{tls}")?;
        for port in [self.locked_port, self.sealed_port] {
            writeln!(text, "    - port: {port}")?;
            writeln!(text, "      authenticationRef: users")?;
            writeln!(text, "      catena: {{ bindAddress: 127.0.0.1 }}")?;
        }
        writeln!(text, "{tls}")?;
        Ok(text)
    }
}

impl RunningBroker {
    /// Has it read its documents and passwords again, and waits until it has.
    ///
    /// # Errors
    ///
    /// That it does not.
    pub fn reload(&self) -> anyhow::Result<()> {
        let mark = self.0.log().mark();
        self.0.signal(Signal::HUP)?;
        self.0.log().wait(mark, &["reloaded"], PATIENCE)?;
        Ok(())
    }

    /// Ends it as an operator does, with goodbyes to all clients.
    ///
    /// # Errors
    ///
    /// That it does not end.
    pub fn terminate(mut self) -> anyhow::Result<()> {
        self.0.terminate(PATIENCE).map(drop)
    }

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
