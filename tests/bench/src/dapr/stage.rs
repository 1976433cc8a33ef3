//! Everything that runs while cases are measured: broker, Redis, `catena-dapr`, and for each
//! subject its sidecar, its load's way in and its receiver.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use catena_tests_dapr::{Component, Components, Process, Release, Scene, Sidecar};

use super::api::{self, Api};
use super::arrivals::Receiver;
use super::cases::{Entrance, Subject};
use super::door::{Door, Socket, Straight};
use super::tally::Tally;
use crate::broker::{Broker, Running, Setting};
use crate::processors;

/// The programs of a sitting.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The broker.
    pub broker: Broker,
    /// The components.
    pub components: PathBuf,
    /// Redis, if there is one.
    pub redis: Option<Broker>,
}

/// All that runs. Dropped, it ends.
#[derive(Debug)]
pub(super) struct Stage {
    links: Vec<Link>,
    processes: Vec<Process>,
    servers: Vec<Running>,
}

/// One way in, and what serves it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) subject: Subject,
    pub(super) entrance: Entrance,
    pub(super) door: Door,
    pub(super) tally: Arc<Tally>,
    /// What to read processor time of: the figure's name, and the number of the process.
    pub(super) processes: Vec<(&'static str, u32)>,
    _receiver: Option<Receiver>,
}

/// The figures of processor time, in microseconds for each operation.
pub(super) const COMPONENT: &str = "component_cpu_us";
pub(super) const SIDECAR: &str = "sidecar_cpu_us";
pub(super) const BROKER: &str = "broker_cpu_us";

impl Stage {
    /// Starts everything.
    pub(super) async fn start(scene: &Scene, programs: &Programs) -> anyhow::Result<Self> {
        let setting = Setting {
            workers: std::thread::available_parallelism()?.get(),
            files: 4_096,
            processor: None,
        };
        let broker = programs.broker.start(&setting)?;
        let redis = match &programs.redis {
            Some(redis) => Some(redis.start(&setting)?),
            None => None,
        };
        let components = Components::of(scene, programs.components.clone())?;
        let component = components.start_as(|command| processors::tied(&command))?;
        let mut stage = Self {
            links: Vec::new(),
            processes: Vec::new(),
            servers: Vec::new(),
        };
        let of_broker = (BROKER, broker.child.id());
        let of_component = (COMPONENT, component.id());
        let sockets = components.sockets();

        let documents = documents(scene, Subject::Catena, broker.port)?;
        let processes = vec![of_component, of_broker];
        let begun = stage.sidecar(scene, Subject::Catena, (&documents, sockets), processes);
        begun.await.context("catena")?;
        let documents = self::documents(scene, Subject::Mqtt3, broker.port)?;
        let begun = stage.sidecar(
            scene,
            Subject::Mqtt3,
            (&documents, sockets),
            vec![of_broker],
        );
        begun.await.context("mqtt3")?;
        if let Some(redis) = redis {
            let documents = self::documents(scene, Subject::Redis, redis.port)?;
            let processes = vec![(BROKER, redis.child.id())];
            let begun = stage.sidecar(scene, Subject::Redis, (&documents, sockets), processes);
            begun.await.context("redis")?;
            stage.servers.push(redis);
        }
        let socket = Door::Socket(Box::new(
            Socket::open(&sockets.join("catena.sock"), broker.port).await?,
        ));
        stage.links.push(Link {
            subject: Subject::Catena,
            entrance: Entrance::Socket,
            door: socket,
            tally: Arc::default(),
            processes: vec![of_component, of_broker],
            _receiver: None,
        });
        stage.straight(broker.port, of_broker).await?;
        stage.processes.push(component);
        stage.servers.push(broker);
        Ok(stage)
    }

    /// The way in to a subject; a subject without sidecar has one for both entrances.
    pub(super) fn link(&self, subject: Subject, entrance: Entrance) -> Option<&Link> {
        let is_meant =
            |link: &&Link| link.entrance == entrance || link.subject == Subject::Straight;
        let mut links = self.links.iter().filter(|link| link.subject == subject);
        links.find(is_meant)
    }

    async fn sidecar(
        &mut self,
        scene: &Scene,
        subject: Subject,
        folders: (&Path, &Path),
        mut processes: Vec<(&'static str, u32)>,
    ) -> anyhow::Result<()> {
        let tally = Arc::new(Tally::default());
        let receiver = Receiver::application(subject, &tally)?;
        let app = format!("bench-{}", subject.name());
        let sidecar = Sidecar::new(scene, Release::V1_18, &app, folders)?;
        let sidecar = match receiver.port() {
            Some(port) => sidecar.with_app(port),
            None => sidecar,
        };
        let process = sidecar.start_as(|command| processors::tied(&command))?;
        processes.push((SIDECAR, process.id()));
        let door = Door::Sidecar(Api::connect(sidecar.grpc_port()).await?);
        self.processes.push(process);
        self.links.push(Link {
            subject,
            entrance: Entrance::Sidecar,
            door,
            tally,
            processes,
            _receiver: Some(receiver),
        });
        Ok(())
    }

    async fn straight(
        &mut self,
        broker: u16,
        of_broker: (&'static str, u32),
    ) -> anyhow::Result<()> {
        let tally = Arc::new(Tally::default());
        let receiver = Receiver::subscriptions(broker, &tally).await?;
        self.links.push(Link {
            subject: Subject::Straight,
            entrance: Entrance::Socket,
            door: Door::Straight(Straight::open(broker).await?),
            tally,
            processes: vec![of_broker],
            _receiver: Some(receiver),
        });
        Ok(())
    }
}

/// Writes the documents of a subject's components, and gives their folder.
fn documents(scene: &Scene, subject: Subject, port: u16) -> anyhow::Result<PathBuf> {
    let folder = format!("resources-{}", subject.name());
    let of_catena = |kind: &str, name: &str| {
        let component = Component::new(name, kind).with("hostname", "127.0.0.1");
        component
            .with("tcpPort", port.to_string())
            .with("useTls", "false")
    };
    let of_redis = |kind: &str, name: &str| {
        let component = Component::new(name, kind).with("redisPassword", "");
        component.with("redisHost", format!("127.0.0.1:{port}"))
    };
    match subject {
        Subject::Catena | Subject::Straight => {
            of_catena("state.catena", api::STATE).write(scene, &folder)?;
            of_catena("pubsub.catena", api::PUBSUB).write(scene, &folder)
        }
        Subject::Mqtt3 => {
            let component = Component::new(api::PUBSUB, "pubsub.mqtt3");
            let component = component.with("url", format!("tcp://127.0.0.1:{port}"));
            component.with("qos", "1").write(scene, &folder)
        }
        Subject::Redis => {
            of_redis("state.redis", api::STATE).write(scene, &folder)?;
            of_redis("pubsub.redis", api::PUBSUB).write(scene, &folder)
        }
    }
}
