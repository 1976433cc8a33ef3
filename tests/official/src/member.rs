//! A client of the state store, with the session that it needs.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use azure_iot_operations_mqtt::aio::connection_settings::MqttConnectionSettingsBuilder;
use azure_iot_operations_mqtt::session::{
    Session, SessionExitHandle, SessionMonitor, SessionOptionsBuilder,
};
use azure_iot_operations_protocol::application::ApplicationContextBuilder;
use azure_iot_operations_services::state_store::{Client, ClientOptionsBuilder};
use tokio::task::JoinHandle;

/// How long a request, or what a test waits for, may take. Generous: only failures take so long.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A connected client of the state store, by the published crates alone.
pub struct Member {
    /// Its requests.
    pub store: Arc<Client>,
    /// Its connection.
    pub monitor: SessionMonitor,
    exit: SessionExitHandle,
    run: JoinHandle<bool>,
}

impl Member {
    /// Starts to connect; requests wait until it has.
    ///
    /// # Errors
    ///
    /// What the crates do not like.
    pub fn connect(client_id: &str, address: SocketAddr) -> anyhow::Result<Self> {
        let settings = MqttConnectionSettingsBuilder::default()
            .client_id(client_id)
            .hostname(address.ip().to_string())
            .tcp_port(address.port())
            .use_tls(false)
            .build()
            .context("settings")?;
        let options = SessionOptionsBuilder::default().connection_settings(settings);
        let session = Session::new(options.build().context("options")?)
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        let (exit, monitor) = (
            session.create_exit_handle(),
            session.create_session_monitor(),
        );
        let store = Client::new(
            ApplicationContextBuilder::default().build()?,
            session.create_managed_client(),
            session.create_session_monitor(),
            ClientOptionsBuilder::default().build()?,
        )
        .context("a client of the state store")?;
        Ok(Self {
            store: Arc::new(store),
            monitor,
            exit,
            run: tokio::spawn(async move { session.run().await.is_ok() }),
        })
    }

    /// Ends as an orderly client does.
    ///
    /// # Errors
    ///
    /// If the session ended before, or ends badly.
    pub async fn leave(self) -> anyhow::Result<()> {
        self.store
            .shutdown()
            .await
            .context("the client shuts down")?;
        self.exit.try_exit().context("the session is still there")?;
        let well = in_time(self.run).await?.context("the session's task")?;
        anyhow::ensure!(well, "the session ends with an error");
        Ok(())
    }
}

/// What comes of it, if it comes.
///
/// # Errors
///
/// If it takes too long.
pub async fn in_time<T>(what: impl Future<Output = T>) -> anyhow::Result<T> {
    tokio::time::timeout(PATIENCE, what)
        .await
        .context("it takes too long")
}
