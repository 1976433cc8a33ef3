//! What most tests have: a broker, the components, and documents that name them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use catena_tests_dapr::{
    App, Broker, Component, Components, Process, Release, RunningBroker, Scene, Sidecar, of_samples,
};

/// How long a test waits for anything that is to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running broker and running components, one of each type.
pub(crate) struct Setting<'a> {
    pub(crate) scene: &'a Scene,
    pub(crate) broker: Broker,
    pub(crate) running_broker: Option<RunningBroker>,
    pub(crate) components: Components,
    pub(crate) running_components: Option<Process>,
    pub(crate) resources: PathBuf,
}

impl<'a> Setting<'a> {
    /// Starts both, with the components `pubsub`, as it is in the samples, and `state` in the
    /// documents.
    pub(crate) fn new(scene: &'a Scene) -> anyhow::Result<Self> {
        let setting = Self::of_state(scene)?;
        of_samples(scene, ("resources", "pubsub"), setting.broker.port)?;
        Ok(setting)
    }

    /// Starts both, with the component `state` in the documents.
    pub(crate) fn of_state(scene: &'a Scene) -> anyhow::Result<Self> {
        Self::of_state_with(scene, Broker::new(scene)?)
    }

    /// The same with a broker that has settings of its own.
    pub(crate) fn of_state_with(scene: &'a Scene, broker: Broker) -> anyhow::Result<Self> {
        let components = Components::new(scene)?;
        let resources = state("state", broker.port).write(scene, "resources")?;
        Ok(Self {
            scene,
            running_broker: Some(broker.start()?),
            broker,
            running_components: Some(components.start()?),
            components,
            resources,
        })
    }

    /// Starts both, with the components `pubsub` and `statestore` as they are in the samples.
    pub(crate) fn of_samples(scene: &'a Scene) -> anyhow::Result<Self> {
        let mut setting = Self::of_state(scene)?;
        for name in ["pubsub", "statestore"] {
            setting.resources = of_samples(scene, ("samples", name), setting.broker.port)?;
        }
        Ok(setting)
    }

    /// A sidecar that loads the documents.
    pub(crate) fn sidecar(&self, app: &str) -> anyhow::Result<Sidecar> {
        self.sidecar_of(Release::V1_18, app, &self.resources)
    }

    /// A sidecar of a release that loads documents of its own.
    pub(crate) fn sidecar_of(
        &self,
        release: Release,
        app: &str,
        resources: &Path,
    ) -> anyhow::Result<Sidecar> {
        Sidecar::new(
            self.scene,
            release,
            app,
            (resources, self.components.sockets()),
        )
    }

    /// Kills the broker and starts it again. What it held in memory is gone.
    pub(crate) fn restart_broker(&mut self) -> anyhow::Result<()> {
        if let Some(running) = self.running_broker.take() {
            running.kill()?;
        }
        self.running_broker = Some(self.broker.start()?);
        Ok(())
    }

    /// Kills the components and starts them again.
    pub(crate) fn restart_components(&mut self) -> anyhow::Result<()> {
        if let Some(mut running) = self.running_components.take() {
            running.kill()?;
        }
        self.running_components = Some(self.components.start()?);
        Ok(())
    }

    /// A running sidecar beside an application.
    pub(crate) fn beside(&self, name: &str, app: &App) -> anyhow::Result<(Sidecar, Process)> {
        let sidecar = self.sidecar(name)?.with_app(app.port());
        let process = sidecar.start()?;
        Ok((sidecar, process))
    }
}

/// A pub/sub component at a broker's plain port.
pub(crate) fn pubsub(name: &str, port: u16) -> Component {
    at(Component::new(name, "pubsub.catena"), port)
}

/// A state store at a broker's plain port.
pub(crate) fn state(name: &str, port: u16) -> Component {
    let store = at(Component::new(name, "state.catena"), port);
    store.with("actorStateStore", "true")
}

/// At a broker's plain port.
pub(crate) fn at(component: Component, port: u16) -> Component {
    component
        .with("hostname", "127.0.0.1")
        .with("tcpPort", port.to_string())
        .with("useTls", "false")
}
