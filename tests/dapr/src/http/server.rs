//! A server that answers with a function, a thread for each connection.

use std::io::{BufReader, ErrorKind};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context;

use crate::clock;
use crate::http::{Request, Response};

/// Answers requests; none means to cut the connection without an answer.
pub type Handler = dyn Fn(&Request) -> Option<Response> + Send + Sync;

/// A running server, which ends with this value and with all its connections.
#[derive(Debug)]
pub struct Server {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    over: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
}

impl Server {
    /// Serves at a port of 127.0.0.1; at one that the system chooses if it is 0.
    ///
    /// # Errors
    ///
    /// That the port is taken.
    pub fn start(port: u16, handler: Arc<Handler>) -> anyhow::Result<Self> {
        // A port that was just left may be held for a moment by what came over it last.
        let listener =
            clock::until(
                "an open port",
                Duration::from_secs(10),
                || match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                    Err(error) if error.kind() == ErrorKind::AddrInUse => Ok(None),
                    bound => bound.map(Some).context("cannot serve"),
                },
            )?;
        let port = listener.local_addr().context("cannot serve")?.port();
        let shared = Arc::new(Shared::default());
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &accepting, &handler));
        Ok(Self { port, shared })
    }

    /// Where it serves.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)));
        for connection in self.shared.connections().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn connections(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>, handler: &Arc<Handler>) {
    while let Ok((stream, _)) = listener.accept() {
        let mut connections = shared.connections();
        if shared.over.load(Ordering::SeqCst) {
            return;
        }
        connections.extend(stream.try_clone());
        drop(connections);
        let handler = Arc::clone(handler);
        thread::spawn(move || serve(stream, &*handler));
    }
}

fn serve(stream: TcpStream, handler: &Handler) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = Request::read(&mut reader).ok().flatten() {
        let Some(response) = handler(&request) else {
            break;
        };
        response.write(&mut writer).ok()?;
    }
    let _ = writer.shutdown(Shutdown::Both);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn answers_until_it_ends() {
        let echo = |request: &Request| {
            let mut response = Response::empty(200);
            response.body.clone_from(&request.body);
            (request.target == "/echo").then_some(response)
        };
        let server = Server::start(0, Arc::new(echo)).expect("a server");
        let port = server.port();
        let ask = |target| request(port, ("POST", target), &[], b"hello", PATIENCE);
        assert_eq!(ask("/echo").expect("an answer").text(), "hello");
        assert!(ask("/cut").is_err(), "the connection is cut");
        drop(server);
        assert!(ask("/echo").is_err(), "nobody serves");
    }
}
