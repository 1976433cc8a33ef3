//! The sockets of a crowd: bytes and ends, nothing else.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use catena_sim::{Crowd, LinkNumber, Order, Violation};
use catena_types::Moment;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::SockRef;

/// What is read at once.
const READ_BYTES: usize = 64 << 10;

/// How long a turn waits for the network: clients have small things to do all the time.
const WAIT: Duration = Duration::from_millis(5);

/// All open connections.
pub(super) struct Sockets {
    broker: SocketAddr,
    poll: Poll,
    events: Events,
    open: BTreeMap<LinkNumber, Socket>,
    buffer: Vec<u8>,
}

struct Socket {
    stream: TcpStream,
    /// Last bytes that have to be sent before this side is closed.
    last: Option<Vec<u8>>,
    /// There may be something to read.
    is_ready: bool,
}

impl Sockets {
    pub(super) fn new(broker: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            broker,
            poll: Poll::new()?,
            events: Events::with_capacity(256),
            open: BTreeMap::new(),
            buffer: vec![0; READ_BYTES],
        })
    }

    /// Does what the crowd ordered and sends what it has to say.
    pub(super) fn send(&mut self, crowd: &mut Crowd) -> io::Result<()> {
        for order in crowd.orders() {
            match order {
                Order::Open(link) => self.open(link)?,
                Order::Finish(link, bytes) => {
                    if let Some(socket) = self.open.get_mut(&link) {
                        socket.last = Some(bytes);
                    }
                }
                Order::Close(link) => drop(self.open.remove(&link)),
                Order::Reset(link) => {
                    if let Some(socket) = self.open.remove(&link) {
                        SockRef::from(&socket.stream).set_linger(Some(Duration::ZERO))?;
                    }
                }
            }
        }
        for (&link, socket) in &mut self.open {
            if let Some(last) = &mut socket.last {
                let had = !last.is_empty();
                write(&mut socket.stream, last);
                if had && last.is_empty() {
                    // If it is gone already, reading will tell.
                    let _ = socket.stream.shutdown(Shutdown::Write);
                }
            } else if let Some(output) = crowd.output(link) {
                write(&mut socket.stream, output);
            }
        }
        Ok(())
    }

    /// Waits a moment for bytes and hands them to the crowd.
    pub(super) fn receive(
        &mut self,
        crowd: &mut Crowd,
        now: impl Fn() -> Moment,
    ) -> io::Result<Result<(), Violation>> {
        match self.poll.poll(&mut self.events, Some(WAIT)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let by_token = |token: Token| LinkNumber::from_number(token.0);
        for event in &self.events {
            if let Some(socket) = self.open.get_mut(&by_token(event.token())) {
                socket.is_ready |= event.is_readable() || event.is_read_closed();
            }
        }
        let ready = self.open.iter().filter(|(_, socket)| socket.is_ready);
        let ready: Vec<LinkNumber> = ready.map(|(&link, _)| link).collect();
        for link in ready {
            while crowd.reads(link)
                && let Some(socket) = self.open.get_mut(&link)
            {
                let in_order = match socket.stream.read(&mut self.buffer) {
                    Ok(0) => socket.last.as_ref().is_none_or(Vec::is_empty),
                    Ok(count) => {
                        let bytes = &self.buffer[..count];
                        if let Err(violation) = crowd.handle_bytes(now(), link, bytes) {
                            return Ok(Err(violation));
                        }
                        continue;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        socket.is_ready = false;
                        break;
                    }
                    Err(_) => false,
                };
                self.open.remove(&link);
                crowd.handle_end(now(), link, in_order);
            }
        }
        Ok(Ok(()))
    }

    fn open(&mut self, link: LinkNumber) -> io::Result<()> {
        let stream = std::net::TcpStream::connect(self.broker)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        let token = Token(link.number());
        let registry = self.poll.registry();
        registry.register(&mut stream, token, Interest::READABLE)?;
        let socket = Socket {
            stream,
            last: None,
            is_ready: true,
        };
        self.open.insert(link, socket);
        Ok(())
    }
}

/// Writes what fits and removes it. That nobody takes it any more is for reading to find out.
fn write(stream: &mut TcpStream, bytes: &mut Vec<u8>) {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(count) if count > 0 => drop(bytes.drain(..count)),
            Ok(_) | Err(_) => return,
        }
    }
}
