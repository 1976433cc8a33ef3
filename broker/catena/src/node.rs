//! A broker in this process: backend, frontend, admin port and what tells their numbers.

mod numbers;
mod options;
mod reasons;
mod told;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use catena_backend::Backend;
use catena_frontend::{Handle, ListenerStatus};
use catena_resources::{Admin, Configuration, Origin};
use catena_telemetry::Clock;
use catena_telemetry::health::{Component, Health};
use catena_telemetry::http;
use catena_telemetry::metrics::{ProcessSource, Registry, RegistryOptions};
use tokio::task::JoinSet;

use crate::load::Loaded;
pub(crate) use numbers::Numbers;
use told::Teller;

/// A broker that listens and does not accept yet.
pub(crate) struct Node {
    service: catena_frontend::Service<Arc<Backend>>,
    admin: Option<(http::Service, SocketAddr)>,
    serving: Component,
    teller: Teller,
}

impl Node {
    /// Binds everything.
    ///
    /// # Errors
    ///
    /// What cannot be bound, with a remedy.
    pub(crate) async fn bind(loaded: &Loaded) -> anyhow::Result<Self> {
        let clock = Clock::start();
        let configuration = &loaded.configuration;
        let broker = &configuration.broker;
        let backend = Arc::new(Backend::new(&options::backend(broker)?));
        let frontend = options::frontend(loaded, clock);
        let service = catena_frontend::Service::bind(frontend, Arc::clone(&backend));
        let service = service.map_err(with_remedy)?;
        for (frontend, wake) in service.wakes() {
            backend.register(frontend, wake);
        }
        let numbers = Arc::new(Numbers::new(Arc::clone(&backend), broker.clone()));
        let process = Arc::new(ProcessSource::new(env!("CARGO_PKG_VERSION"), clock));
        let registry = Arc::new(Registry::new(RegistryOptions::new(host_name())));
        registry.register(Arc::clone(&process) as _);
        registry.register(Arc::clone(&numbers) as _);
        let health = Health::new();
        let serving = health.component("frontend");
        let admin = admin(configuration, registry, health).await?;
        let teller = Teller {
            backend,
            frontend: service.handle(),
            numbers,
            process,
            clock,
            topics: broker.system_topics,
            serving: serving.clone(),
        };
        Ok(Self {
            service,
            admin,
            serving,
            teller,
        })
    }

    /// To ask and change the frontend while it runs.
    pub(crate) fn handle(&self) -> Handle {
        self.service.handle()
    }

    /// To tell of other limits while it runs.
    pub(crate) fn numbers(&self) -> Arc<Numbers> {
        Arc::clone(&self.teller.numbers)
    }

    /// Where clients connect, with the ports that the system has chosen.
    pub(crate) fn listeners(&self) -> Vec<ListenerStatus> {
        self.service.handle().listeners()
    }

    /// Where metrics and health are served.
    pub(crate) fn admin(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(_, address)| *address)
    }

    /// Serves until `shutdown`, then says goodbye to every client.
    ///
    /// # Errors
    ///
    /// A thread that cannot be started, or that has ended by itself.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(self.teller.run());
        if let Some((admin, _)) = self.admin {
            tasks.spawn(admin.run(std::future::pending()));
        }
        let shutdown = async {
            shutdown.await;
            self.serving.set_not_ready("draining");
        };
        let result = self.service.run(shutdown).await;
        tasks.shutdown().await;
        result.context("the frontend has failed")
    }
}

/// The listening sockets of a configuration, for a reload.
pub(crate) fn listeners(loaded: &Loaded) -> Vec<catena_frontend::ListenerOptions> {
    options::listeners(loaded)
}

async fn admin(
    configuration: &Configuration,
    registry: Arc<Registry>,
    health: Health,
) -> anyhow::Result<Option<(http::Service, SocketAddr)>> {
    let Admin::At(address) = configuration.broker.admin else {
        return Ok(None);
    };
    let asked_for = configuration
        .explain()
        .iter()
        .any(|setting| setting.path.ends_with(ADMIN_SETTING) && setting.origin != Origin::Default);
    let address = if asked_for {
        http::Address::Required(address)
    } else {
        http::Address::Preferred(address)
    };
    let options = http::Options {
        address,
        limits: http::Limits::default(),
        registry,
        health,
        version: http::Version {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: None,
        },
    };
    let (service, handle) = http::Service::bind(options)
        .await
        .context("cannot serve metrics and health; choose another address with --admin, or off")?;
    Ok(Some((service, handle.address())))
}

/// What an operator can do about a listener that cannot be had.
fn with_remedy(error: catena_frontend::Error) -> anyhow::Error {
    let remedy = match &error {
        catena_frontend::Error::Listen { source, .. } => match source.kind() {
            std::io::ErrorKind::AddrInUse => {
                "; stop what listens there, or choose another port (--listen ADDR, or the port \
                 in the BrokerListener)"
            }
            std::io::ErrorKind::PermissionDenied => {
                "; choose a port from 1024 on, or grant the capability CAP_NET_BIND_SERVICE"
            }
            std::io::ErrorKind::AddrNotAvailable => {
                "; listen on an address of this host (--listen ADDR, or catena.bindAddress)"
            }
            _ => "",
        },
        catena_frontend::Error::Tls { .. } | catena_frontend::Error::Thread { .. } => "",
    };
    match remedy {
        "" => error.into(),
        remedy => anyhow::anyhow!("{error}{remedy}"),
    }
}

fn host_name() -> String {
    let system = rustix::system::uname();
    system.nodename().to_string_lossy().into_owned()
}

/// Path of the setting that says where the admin port is.
const ADMIN_SETTING: &str = "spec.catena.adminAddress";
