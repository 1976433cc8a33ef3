//! A client that sends what it is told to and reads what comes.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use catena_mqtt::{Frame, Packet, PacketId, Version, frame};

use crate::broker::Broker;
use crate::options::Options;
use crate::received::Received;

/// What bytes travel on.
pub trait Link: Read + Write + Send {
    /// Ends the sending direction, as a client that dies does.
    fn cut(&mut self);
}

impl Link for TcpStream {
    fn cut(&mut self) {
        // If the broker was faster, it is cut already.
        let _ = self.shutdown(Shutdown::Write);
    }
}

/// A client's end of a connection.
pub struct Client {
    link: Box<dyn Link>,
    pub(crate) version: Version,
    input: Vec<u8>,
    /// What came while something else was waited for.
    pending: VecDeque<Received>,
    last_id: u16,
    connack: Option<Received>,
}

impl Client {
    /// A network connection on which nothing was sent yet.
    #[must_use]
    #[track_caller]
    pub fn open(broker: &Broker, version: Version) -> Self {
        Self::over(Box::new(broker.dial()), version)
    }

    /// A client on any link.
    #[must_use]
    pub fn over(link: Box<dyn Link>, version: Version) -> Self {
        Self {
            link,
            version,
            input: Vec::new(),
            pending: VecDeque::new(),
            last_id: 0,
            connack: None,
        }
    }

    /// An accepted connection.
    #[must_use]
    #[track_caller]
    pub fn connect(broker: &Broker, options: &Options) -> Self {
        let mut client = Self::open(broker, options.version);
        client.login(options);
        client
    }

    /// Sends CONNECT and expects to be accepted.
    #[track_caller]
    pub fn login(&mut self, options: &Options) {
        self.send_bytes(&options.bytes());
        self.expect_accepted();
    }

    /// Expects CONNACK with success.
    #[track_caller]
    pub fn expect_accepted(&mut self) {
        let received = self.receive();
        match received.packet() {
            Packet::ConnAck(connack) if !connack.reason.is_error() => {}
            _ => panic!("not accepted: {received:?}"),
        }
        self.connack = Some(received);
    }

    /// The CONNACK that came.
    #[must_use]
    #[track_caller]
    pub fn connack(&self) -> catena_mqtt::ConnAck<'_> {
        match self.connack.as_ref().map(Received::packet) {
            Some(Packet::ConnAck(connack)) => *connack,
            _ => panic!("no CONNACK"),
        }
    }

    /// Whether CONNACK told of a session.
    #[must_use]
    #[track_caller]
    pub fn session_present(&self) -> bool {
        self.connack().session_present
    }

    /// The next packet identifier of this client.
    ///
    /// # Panics
    /// After 65,535 of them.
    pub fn next_id(&mut self) -> PacketId {
        self.last_id += 1;
        PacketId::new(self.last_id).expect("not so many packets")
    }

    /// Sends a packet.
    ///
    /// # Panics
    /// If it cannot be expressed.
    #[track_caller]
    pub fn send(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        let encoded = packet.encode(self.version, &mut bytes);
        encoded.expect("an expressible packet");
        self.send_bytes(&bytes);
    }

    /// Sends any bytes. If the broker has closed, that is for the next read to find.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.link.write_all(bytes).and_then(|()| self.link.flush());
    }

    /// The next packet.
    #[track_caller]
    pub fn receive(&mut self) -> Received {
        match self.receive_or_end() {
            Some(received) => received,
            None => panic!("closed by the broker"),
        }
    }

    /// The next packet, or nothing if the broker has closed.
    #[track_caller]
    pub fn receive_or_end(&mut self) -> Option<Received> {
        match self.pending.pop_front() {
            Some(received) => Some(received),
            None => self.read_packet(),
        }
    }

    /// The next packet that `is_meant`; the others stay for later, in order.
    #[track_caller]
    pub fn receive_meant(&mut self, is_meant: impl Fn(&Packet<'_>) -> bool) -> Received {
        let position = self.pending.iter().position(|one| is_meant(&one.packet()));
        if let Some(received) = position.and_then(|position| self.pending.remove(position)) {
            return received;
        }
        loop {
            match self.read_packet() {
                Some(received) if is_meant(&received.packet()) => return received,
                Some(received) => self.pending.push_back(received),
                None => panic!("closed by the broker; before that: {:?}", self.pending),
            }
        }
    }

    /// Ends the connection without DISCONNECT.
    pub fn cut(mut self) {
        self.link.cut();
    }

    /// Ends the connection without DISCONNECT and waits until the broker has seen it.
    #[track_caller]
    pub fn cut_and_wait(mut self) {
        self.link.cut();
        while self.read_packet().is_some() {}
    }

    #[track_caller]
    fn read_packet(&mut self) -> Option<Received> {
        loop {
            match frame::next(&self.input, u32::MAX) {
                Ok(Frame::Complete {
                    first_byte,
                    body,
                    size,
                }) => {
                    let received = Received::new(self.version, first_byte, body, size);
                    self.input.drain(..size);
                    return Some(received);
                }
                Ok(Frame::Incomplete { .. }) => {}
                Err(error) => panic!("the broker sent {:02x?}: {error}", self.input),
            }
            if !self.read_bytes() {
                assert!(self.input.is_empty(), "half a packet: {:02x?}", self.input);
                return None;
            }
        }
    }

    /// Reads what has come; `false` if the broker has closed.
    #[track_caller]
    fn read_bytes(&mut self) -> bool {
        let mut bytes = [0; 16_384];
        loop {
            match self.link.read(&mut bytes) {
                Ok(0) => return false,
                Ok(count) => {
                    self.input.extend_from_slice(&bytes[..count]);
                    return true;
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                        panic!("nothing came; pending: {:?}", self.pending)
                    }
                    // A broker that closes with unread input resets.
                    _ => return false,
                },
            }
        }
    }
}
