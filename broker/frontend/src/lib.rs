//! Listeners, workers and connections: from sockets to partitions and back.
//!
//! [`worker`] is the core: clients, their bytes and their exchange with partitions, without IO, so
//! that the simulator drives the very code that serves sockets. Around it, [`Service`] is the
//! shell: threads, listeners, TLS, WebSocket, PROXY headers and credentials. A frontend keeps
//! nothing that must survive it, and decides nothing about partitions.
//!
//! Start reading at [`worker::Worker`], then at `shell/turn.rs` (one turn of a worker thread).
//!
//! ```
//! use catena_frontend::proxy::{Header, parse};
//!
//! let header = parse(b"PROXY TCP4 192.0.2.7 10.0.0.1 50000 1883\r\n\x10...").unwrap();
//! let source = Some("192.0.2.7:50000".parse().unwrap());
//! assert_eq!(header, Header::Complete { source, size: 42 });
//! ```

mod authn;
mod error;
mod options;
mod origin;
pub mod proxy;
mod shell;
mod tls;
mod websocket;
pub mod worker;

pub use authn::{
    Applicant, Authenticator, HashError, LineError, LineProblem, NameError, PasswordFile,
    hash_password,
};
pub use error::Error;
pub use options::{Address, Clock, ListenerOptions, Options, Protocol, ProxyHeader};
pub use origin::Origins;
pub use shell::{Handle, ListenerStatus, Refusal, Service, Wake};
pub use tls::{PemError, TlsError, TlsFiles};
