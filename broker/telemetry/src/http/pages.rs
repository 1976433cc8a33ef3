//! What each path answers. Must never touch a socket.

use std::sync::Arc;

use serde_json::json;

use super::request::{BadRequest, Method, Request};
use super::response::{Response, Status};
use crate::health::Health;
use crate::metrics::Registry;

/// Everything that the pages show.
#[derive(Debug, Clone)]
pub(super) struct Pages {
    pub(super) registry: Arc<Registry>,
    pub(super) health: Health,
    pub(super) version: Version,
}

/// Which program this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Release, such as `0.1.0`.
    pub version: String,
    /// Commit that it was built from, where known.
    pub commit: Option<String>,
}

impl Pages {
    /// The answer to a parsed request. For an unknown path 404, whatever the method.
    pub(super) fn respond(&self, request: &Request<'_>) -> Response {
        let page = match request.path {
            "/" => Self::index,
            "/metrics" => Self::metrics,
            "/livez" => Self::livez,
            "/readyz" | "/healthz" => Self::readyz,
            "/version" => Self::version,
            _ => return Response::text(Status::NotFound, NOT_FOUND),
        };
        match request.method {
            Method::Get | Method::Head => page(self, request),
            Method::Other => Response::text(
                Status::MethodNotAllowed,
                "this port is read-only: use GET or HEAD\n",
            ),
        }
    }

    fn index(&self, _: &Request<'_>) -> Response {
        Response::text(Status::Ok, INDEX)
    }

    fn metrics(&self, _: &Request<'_>) -> Response {
        Response {
            status: Status::Ok,
            content_type: "text/plain; version=0.0.4; charset=utf-8",
            body: self.registry.render(),
        }
    }

    /// That this answer is sent is the proof.
    fn livez(&self, _: &Request<'_>) -> Response {
        Response::text(Status::Ok, "ok\n")
    }

    /// Who is not ready says why, asked or not: the one who reads it needs it then.
    fn readyz(&self, request: &Request<'_>) -> Response {
        let report = self.health.report();
        match (report.is_ready(), request.asks("verbose")) {
            (true, false) => Response::text(Status::Ok, "ok\n"),
            (true, true) => Response::text(Status::Ok, report.to_string()),
            (false, _) => Response::text(Status::Unavailable, report.to_string()),
        }
    }

    fn version(&self, _: &Request<'_>) -> Response {
        let Version { version, commit } = &self.version;
        let body = json!({ "name": "catena", "version": version, "commit": commit });
        Response {
            status: Status::Ok,
            content_type: "application/json",
            body: format!("{body}\n"),
        }
    }
}

/// The answer to what is no request.
pub(super) fn refuse(bad: BadRequest) -> Response {
    match bad {
        BadRequest::Malformed => Response::text(
            Status::BadRequest,
            "this is the admin port: plain HTTP/1.1 only, no TLS, no MQTT\n",
        ),
        BadRequest::Version => {
            Response::text(Status::VersionNotSupported, "use HTTP/1.1 or HTTP/1.0\n")
        }
    }
}

const INDEX: &str = "\
/metrics          metrics in the Prometheus text format
/livez            200 while the process runs
/readyz?verbose   200 when every component is ready, else 503
/healthz          the same as /readyz
/version          version of this program, JSON
";

const NOT_FOUND: &str = "\
no such page; there are /metrics, /livez, /readyz, /healthz and /version
";
