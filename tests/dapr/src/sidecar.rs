//! Dapr's own sidecar, which can be ended and started again at the same ports.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::clock;
use crate::grpc::Grpc;
use crate::http::{self, Response};
use crate::log::Log;
use crate::ports;
use crate::process::Process;
use crate::scene::Scene;
use crate::tools;

/// A release of Dapr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// 1.16, the first that hands over messages one at a time.
    V1_16,
    /// 1.18.
    V1_18,
}

/// How one sidecar is started, and asked.
#[derive(Clone, Debug)]
pub struct Sidecar {
    program: PathBuf,
    /// The name of its application.
    pub app: String,
    app_port: Option<u16>,
    app_protocol: &'static str,
    resources: PathBuf,
    sockets: PathBuf,
    control: Option<(u16, u16)>,
    log: Log,
    http: u16,
    grpc: u16,
    internal: u16,
    metrics: u16,
}

impl Sidecar {
    /// Prepares a sidecar for the application `app` with all resources of a folder.
    ///
    /// # Errors
    ///
    /// That its program is missing, or no ports are free.
    pub fn new(
        scene: &Scene,
        release: Release,
        app: &str,
        (resources, sockets): (&Path, &Path),
    ) -> anyhow::Result<Self> {
        let program = match release {
            Release::V1_16 => "daprd-1.16",
            Release::V1_18 => "daprd",
        };
        Ok(Self {
            program: tools::dapr(program)?,
            app: app.to_owned(),
            app_port: None,
            app_protocol: "http",
            resources: resources.to_owned(),
            sockets: sockets.to_owned(),
            control: None,
            log: scene.log(&format!("daprd of {app}")),
            http: ports::free()?,
            grpc: ports::free()?,
            internal: ports::free()?,
            metrics: ports::free()?,
        })
    }

    /// Says where its application serves.
    #[must_use]
    pub fn with_app(mut self, port: u16) -> Self {
        self.app_port = Some(port);
        self
    }

    /// Says where its application serves that is called by gRPC.
    #[must_use]
    pub fn with_grpc_app(mut self, port: u16) -> Self {
        self.app_protocol = "grpc";
        self.app_port = Some(port);
        self
    }

    /// Says where placement and scheduler serve, which actors need.
    #[must_use]
    pub fn with_control(mut self, placement: u16, scheduler: u16) -> Self {
        self.control = Some((placement, scheduler));
        self
    }

    /// Where it speaks HTTP.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.http
    }

    /// Connects to its gRPC API.
    ///
    /// # Errors
    ///
    /// That it does not serve.
    pub fn grpc(&self) -> anyhow::Result<Grpc> {
        Grpc::connect(self.grpc)
    }

    /// Where it speaks gRPC.
    #[must_use]
    pub fn grpc_port(&self) -> u16 {
        self.grpc
    }

    /// What it writes, in all its runs.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Starts it and waits until it has loaded its components and serves.
    ///
    /// # Errors
    ///
    /// That it does not.
    pub fn start(&self) -> anyhow::Result<Process> {
        self.start_as(Ok)
    }

    /// As [`start`](Self::start), with another command in place of the own one.
    ///
    /// # Errors
    ///
    /// As of [`start`](Self::start), and those of `change`.
    pub fn start_as(
        &self,
        change: impl FnOnce(Command) -> anyhow::Result<Command>,
    ) -> anyhow::Result<Process> {
        let mut process = Process::start(change(self.command())?, &self.log)?;
        self.wait_ready(&mut process)?;
        Ok(process)
    }

    /// Starts it without waiting.
    ///
    /// # Errors
    ///
    /// That it cannot be run.
    pub fn launch(&self) -> anyhow::Result<Process> {
        Process::start(self.command(), &self.log)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        let mut flag = |name: &str, value: &dyn ToString| {
            command.arg(format!("--{name}")).arg(value.to_string());
        };
        flag("app-id", &self.app);
        if let Some(port) = self.app_port {
            flag("app-port", &port);
            flag("app-protocol", &self.app_protocol);
        }
        flag("resources-path", &self.resources.display());
        flag("dapr-http-port", &self.http);
        flag("dapr-grpc-port", &self.grpc);
        flag("dapr-internal-grpc-port", &self.internal);
        flag("metrics-port", &self.metrics);
        flag("dapr-listen-addresses", &"127.0.0.1");
        flag("dapr-internal-grpc-listen-address", &"127.0.0.1");
        flag("metrics-listen-address", &"127.0.0.1");
        flag("dapr-graceful-shutdown-seconds", &2);
        if let Some((placement, scheduler)) = self.control {
            flag(
                "placement-host-address",
                &format_args!("127.0.0.1:{placement}"),
            );
            flag(
                "scheduler-host-address",
                &format_args!("127.0.0.1:{scheduler}"),
            );
        }
        command.env("DAPR_COMPONENTS_SOCKETS_FOLDER", &self.sockets);
        command.env("DAPR_HOST_IP", "127.0.0.1");
        command
    }

    /// Waits until it has loaded its components, asked its application what to subscribe to, and
    /// serves.
    ///
    /// # Errors
    ///
    /// That it ends, or does not.
    pub fn wait_ready(&self, process: &mut Process) -> anyhow::Result<()> {
        clock::until("a sidecar that serves", PATIENCE, || {
            if let Some(status) = process.ended()? {
                bail!("the sidecar of {} ends at once: {status}", self.app);
            }
            let lines = process.lines();
            let initialized = |line: &String| line.contains("dapr initialized. Status: Running");
            Ok(lines.iter().any(initialized).then_some(()))
        })
    }

    /// Asks its HTTP API.
    ///
    /// # Errors
    ///
    /// That it does not answer.
    pub fn ask(
        &self,
        what: (&str, &str),
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> anyhow::Result<Response> {
        http::request(self.http, what, headers, body, PATIENCE)
    }

    /// Asks its HTTP API with a body of JSON.
    ///
    /// # Errors
    ///
    /// That it does not answer.
    pub fn ask_json(&self, what: (&str, &str), body: &Value) -> anyhow::Result<Response> {
        let headers = [("content-type", "application/json")];
        self.ask(what, &headers, body.to_string().as_bytes())
    }

    /// What it says of itself and its components.
    ///
    /// # Errors
    ///
    /// That it does not answer.
    pub fn metadata(&self) -> anyhow::Result<Value> {
        let response = self.ask(("GET", "/v1.0/metadata"), &[], b"")?;
        response.expect(200)?.json()
    }

    /// What a component can do, as the sidecar tells it.
    ///
    /// # Errors
    ///
    /// That there is no such component.
    pub fn capabilities(&self, component: &str) -> anyhow::Result<Vec<String>> {
        let metadata = self.metadata()?;
        let components = metadata["components"].as_array().cloned();
        let mut components = components.unwrap_or_default().into_iter();
        let found = components.find(|one| one["name"] == component);
        let found = found.with_context(|| format!("no component {component} in {metadata}"))?;
        let capabilities = found["capabilities"].as_array().cloned();
        let texts = capabilities.unwrap_or_default().into_iter();
        Ok(texts
            .filter_map(|one| one.as_str().map(str::to_owned))
            .collect())
    }
}

/// For a sidecar on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(60);
