//! What a sidecar does at its start to find components: each socket of the folder, and the services
//! that it tells by reflection.
//!
//! A sidecar waits for a socket that nobody listens to, and gives up all components when one of
//! them fails to answer. So this tells what it would find, and whether it would get through.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use tonic::transport::{Channel, Endpoint};
use tonic_reflection::pb::v1alpha::ServerReflectionRequest;
use tonic_reflection::pb::v1alpha::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1alpha::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1alpha::server_reflection_response::MessageResponse;
use tower::service_fn;

/// The services that a sidecar looks for, and the kind of component that each makes.
pub const SERVICES: [(&str, &str); 5] = [
    ("dapr.proto.components.v1.StateStore", "state"),
    ("dapr.proto.components.v1.PubSub", "pubsub"),
    ("dapr.proto.components.v1.InputBinding", "bindings"),
    ("dapr.proto.components.v1.OutputBinding", "bindings"),
    ("dapr.proto.components.v1.SecretStore", "secretstores"),
];

/// A sidecar has no limit here. Who takes longer is not ready.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What is in a folder of sockets.
#[derive(Debug)]
pub struct Report {
    folder: PathBuf,
    /// Each entry by name, folders apart.
    entries: Vec<(String, Finding)>,
    missing: bool,
}

/// What one entry is to a sidecar.
#[derive(Debug, PartialEq, Eq)]
pub enum Finding {
    /// A component: its types, such as `pubsub.catena`, and who may connect.
    Component {
        /// None if the socket serves nothing that a sidecar knows.
        types: Vec<String>,
        /// `mode 660 uid 0 gid 0`.
        access: String,
    },
    /// No socket: a sidecar warns, and goes on.
    Skipped,
    /// A socket that nobody listens to: a sidecar waits for ever.
    Stale,
    /// A socket that does not answer as it has to: why, and what a sidecar does.
    Broken(String),
}

/// What comes of a socket that answers wrong.
const USELESS: &str = "a sidecar that meets this finds no component at all";

/// Connects to a socket, as a sidecar does.
///
/// # Errors
///
/// Nobody listens, or no HTTP/2.
pub async fn dial(path: &Path) -> Result<Channel, tonic::transport::Error> {
    let path = path.to_owned();
    let connector = service_fn(move |_| {
        let path = path.clone();
        async move { io::Result::Ok(TokioIo::new(UnixStream::connect(path).await?)) }
    });
    // The address is not used, but for the header `:authority`, which is this with a sidecar.
    let endpoint = Endpoint::from_static("http://localhost");
    endpoint.connect_with_connector(connector).await
}

/// The names of the services behind a connection, by version 1alpha of reflection: the only one
/// that a sidecar speaks.
///
/// # Errors
///
/// Reflection is not there, or answers something else.
pub async fn services(channel: Channel) -> Result<Vec<String>, tonic::Status> {
    let mut client = ServerReflectionClient::new(channel);
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let answers = client
        .server_reflection_info(tokio_stream::once(request))
        .await?;
    let answer = answers.into_inner().next().await;
    let answer = answer.ok_or_else(|| tonic::Status::unknown("reflection has not answered"))??;
    match answer.message_response {
        Some(MessageResponse::ListServicesResponse(list)) => Ok(list
            .service
            .into_iter()
            .map(|service| service.name)
            .collect()),
        _ => Err(tonic::Status::unknown(
            "reflection has answered something else",
        )),
    }
}

/// Looks at all entries of a folder.
///
/// # Errors
///
/// The folder cannot be read. One that is not there is empty to a sidecar.
pub async fn discover(folder: &Path) -> io::Result<Report> {
    let mut report = Report {
        folder: folder.to_owned(),
        entries: Vec::new(),
        missing: false,
    };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            report.missing = true;
            return Ok(report);
        }
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let kind = entry.file_type()?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if kind.is_dir() {
            continue;
        }
        let finding = if kind.is_socket() {
            look_at(&entry.path()).await
        } else {
            Finding::Skipped
        };
        report.entries.push((name, finding));
    }
    report.entries.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(report)
}

async fn look_at(path: &Path) -> Finding {
    let first = UnixStream::connect(path).await;
    match first.map_err(|error| (error.kind(), error)) {
        Ok(_) => {}
        Err((io::ErrorKind::ConnectionRefused, _)) => return Finding::Stale,
        Err((io::ErrorKind::PermissionDenied, error)) => {
            return Finding::Broken(format!(
                "cannot connect: {error}; a sidecar of this user waits for ever: --socket-mode or \
                 --socket-group of the component"
            ));
        }
        Err((_, error)) => return Finding::Broken(format!("cannot connect: {error}; {USELESS}")),
    }
    let asked = timeout(ANSWER_WITHIN, async {
        let channel = dial(path).await.map_err(|error| error.to_string())?;
        services(channel).await.map_err(|status| status.to_string())
    });
    match asked.await {
        Err(_) => Finding::Broken(format!("no answer within {ANSWER_WITHIN:?}; {USELESS}")),
        Ok(Err(error)) => Finding::Broken(format!("{error}; {USELESS}")),
        Ok(Ok(services)) => Finding::Component {
            types: types(path, &services),
            access: access(path),
        },
    }
}

/// The types of component behind a socket: the name of its file without the extension, by kind.
fn types(path: &Path, services: &[String]) -> Vec<String> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut types: Vec<String> = { SERVICES.iter() }
        .filter(|(name, _)| services.iter().any(|service| service == name))
        .map(|(_, kind)| format!("{kind}.{stem}"))
        .collect();
    types.dedup();
    types
}

fn access(path: &Path) -> String {
    match fs::metadata(path) {
        Ok(found) => {
            let mode = found.permissions().mode() & 0o7777;
            format!("mode {mode:o} uid {} gid {}", found.uid(), found.gid())
        }
        Err(error) => error.to_string(),
    }
}

impl Report {
    /// What was found, by name of the entry.
    #[must_use]
    pub fn entries(&self) -> &[(String, Finding)] {
        &self.entries
    }

    /// Whether a sidecar gets through, and finds a component.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let bad = |finding: &Finding| matches!(finding, Finding::Stale | Finding::Broken(_));
        let found = |finding: &Finding| match finding {
            Finding::Component { types, .. } => !types.is_empty(),
            _ => false,
        };
        !self.entries.iter().any(|(_, it)| bad(it)) && self.entries.iter().any(|(_, it)| found(it))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = self.folder.display();
        if self.missing {
            return writeln!(
                f,
                "{folder}: there is no such folder, so there are no components"
            );
        }
        for (name, finding) in &self.entries {
            write!(f, "{folder}/{name}: ")?;
            match finding {
                Finding::Component { types, access } if types.is_empty() => {
                    writeln!(f, "no service that a sidecar looks for ({access})")?;
                }
                Finding::Component { types, access } => {
                    writeln!(f, "{} ({access})", types.join(", "))?;
                }
                Finding::Skipped => writeln!(f, "no socket; a sidecar warns and goes on")?,
                Finding::Stale => writeln!(
                    f,
                    "STALE: nobody listens, and a sidecar waits for ever; remove it or start its \
                     component"
                )?,
                Finding::Broken(why) => writeln!(f, "BROKEN: {why}")?,
            }
        }
        if self.entries.is_empty() {
            writeln!(f, "{folder}: there are no sockets")?;
        }
        Ok(())
    }
}
