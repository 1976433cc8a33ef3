//! A broker that runs, and a client that speaks bytes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::process;

/// `catena run` on free ports; killed if the test ends before it.
pub(crate) struct Broker {
    child: Child,
    log: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Broker {
    /// Starts in a folder and returns when clients may connect.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = process::command(folder)
            .args(["run", "--log-format", "json", "--admin", "127.0.0.1:0"])
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stdout.take().unwrap());
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut broker = Self {
            child,
            log,
            address: any,
            admin: any,
        };
        broker.admin = address(&broker.wait_for("admin port open"));
        broker.address = address(&broker.wait_for("listening"));
        broker.wait_for("component ready");
        broker
    }

    /// Reads the log up to this message.
    pub(crate) fn wait_for(&mut self, message: &str) -> Value {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            let read = self.log.read_line(&mut line).unwrap();
            assert_ne!(read, 0, "the log has ended without {message:?}:\n{all}");
            let event: Value = serde_json::from_str(&line).unwrap();
            if event["message"] == message {
                return event;
            }
            all.push_str(&line);
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    /// The exit code, once it has ended.
    pub(crate) fn ended(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// A page of the admin port.
    pub(crate) fn page(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.admin).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        page
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // One that has ended is what most tests want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address(event: &Value) -> SocketAddr {
    event["address"].as_str().unwrap().parse().unwrap()
}

/// An MQTT 5.0 connection.
pub(crate) struct Client(TcpStream);

impl Client {
    /// A connection that has sent nothing.
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Self(stream)
    }

    /// Sends CONNECT and reads the CONNACK: the client and its reason code.
    pub(crate) fn connect(address: SocketAddr, login: Option<(&str, &str)>) -> (Self, u8) {
        let mut client = Self::open(address);
        let flags = if login.is_some() { 0xC2 } else { 0x02 };
        // Clean start, keep alive of a minute, no properties, client ID "c".
        let mut body = b"\0\x04MQTT\x05".to_vec();
        body.extend([flags, 0, 60, 0, 0, 1, b'c']);
        for text in login
            .into_iter()
            .flat_map(|(user, password)| [user, password])
        {
            body.extend((text.len() as u16).to_be_bytes());
            body.extend(text.as_bytes());
        }
        client.send(0x10, &body);
        let (first, body) = client.receive().unwrap();
        assert_eq!(first, 0x20);
        (client, body[1])
    }

    pub(crate) fn send(&mut self, first: u8, body: &[u8]) {
        assert!(body.len() < 128);
        let mut packet = vec![first, body.len() as u8];
        packet.extend(body);
        self.0.write_all(&packet).unwrap();
    }

    /// The next packet: its first byte and what follows its length. `None` at the end.
    pub(crate) fn receive(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).ok()?;
        assert!(head[1] < 128);
        let mut body = vec![0; head[1].into()];
        self.0.read_exact(&mut body).unwrap();
        Some((head[0], body))
    }
}
