//! A frontend on a thread of its own, and a client of few words.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use catena_frontend::{Address, Clock, Error, Handle, ListenerOptions, Options, Service};
use catena_types::Moment;
use tokio::sync::oneshot;

use crate::hub::Hub;

/// How long anything may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A frontend that runs until it is dropped.
pub(crate) struct Running {
    pub(crate) hub: Arc<Hub>,
    pub(crate) handle: Handle,
    shutdown: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), Error>>>,
}

pub(crate) fn options() -> Options {
    #[expect(clippy::disallowed_methods, reason = "a test of a shell has a clock")]
    let start = Instant::now();
    let clock: Clock = Arc::new(move || Moment::ZERO.plus(start.elapsed()));
    Options {
        workers: 2,
        ..Options::new(clock, [1, 2])
    }
}

pub(crate) fn listener(name: &str) -> ListenerOptions {
    ListenerOptions::new(name, Address::Tcp(([127, 0, 0, 1], 0).into()))
}

impl Running {
    pub(crate) fn plain() -> Self {
        Self::with(listener("plain"))
    }

    pub(crate) fn with(listener: ListenerOptions) -> Self {
        Self::start(Options {
            listeners: vec![listener],
            ..options()
        })
    }

    pub(crate) fn start(options: Options) -> Self {
        let hub = Arc::new(Hub::default());
        let service = Service::bind(options, Arc::clone(&hub)).unwrap();
        for (frontend, wake) in service.wakes() {
            hub.register(frontend, wake);
        }
        let handle = service.handle();
        let (shutdown, wanted) = oneshot::channel();
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(service.run(async {
                let _ = wanted.await;
            }))
        };
        let thread = Some(std::thread::spawn(run));
        Self {
            hub,
            handle,
            shutdown: Some(shutdown),
            thread,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address_of(0)
    }

    fn address_of(&self, listener: usize) -> SocketAddr {
        match self.handle.listeners()[listener].address {
            Address::Tcp(address) => address,
            Address::Unix(_) => panic!("not TCP"),
        }
    }

    /// A TCP connection that has sent nothing.
    pub(crate) fn dial(&self) -> TcpStream {
        self.dial_at(0)
    }

    /// The same to another than the first listener.
    pub(crate) fn dial_at(&self, listener: usize) -> TcpStream {
        let stream = TcpStream::connect(self.address_of(listener)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    pub(crate) fn connect(&self, client_id: &str) -> Client<TcpStream> {
        self.connect_at(0, client_id)
    }

    pub(crate) fn connect_at(&self, listener: usize, client_id: &str) -> Client<TcpStream> {
        Client::connect(self.dial_at(listener), client_id)
    }

    pub(crate) fn shut_down(&mut self) {
        if let Some(shutdown) = self.shutdown.take() {
            let _ = shutdown.send(());
        }
    }

    /// Waits until the frontend has ended.
    pub(crate) fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shut_down();
        if !std::thread::panicking() {
            self.join();
        }
    }
}

/// An MQTT 5.0 client over any stream.
pub(crate) struct Client<S> {
    pub(crate) stream: S,
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn connect(stream: S, client_id: &str) -> Self {
        let mut client = Self { stream };
        client.send(&connect(client_id));
        assert_eq!(client.packet()[0], 0x20, "CONNACK");
        client
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.stream.flush().unwrap();
    }

    /// Subscribes and waits for SUBACK.
    pub(crate) fn subscribe(&mut self, topic: &str) {
        let length = topic.len() as u8;
        let head = [0x82, 6 + length, 0, 1, 0, 0, length];
        self.send(&[head.as_slice(), topic.as_bytes(), &[0]].concat());
        assert_eq!(self.packet()[0], 0x90, "SUBACK");
    }

    /// The next packet; its Remaining Length must fit one or two bytes.
    pub(crate) fn packet(&mut self) -> Vec<u8> {
        let mut packet = vec![0; 2];
        self.stream.read_exact(&mut packet).unwrap();
        let mut length = usize::from(packet[1] & 0x7F);
        if packet[1] & 0x80 != 0 {
            let mut more = [0];
            self.stream.read_exact(&mut more).unwrap();
            packet.extend(more);
            length |= usize::from(more[0]) << 7;
        }
        let head = packet.len();
        packet.resize(head + length, 0);
        self.stream.read_exact(&mut packet[head..]).unwrap();
        packet
    }

    /// Sends PINGREQ and expects PINGRESP.
    pub(crate) fn ping(&mut self) {
        self.send(&[0xC0, 0]);
        assert_eq!(self.packet(), [0xD0, 0]);
    }

    /// A message goes from here to here.
    pub(crate) fn echo(&mut self, topic: &str) {
        self.subscribe(topic);
        self.send(&publish(topic, b"hello"));
        let packet = self.packet();
        assert_eq!(
            (packet[0], &packet[packet.len() - 5..]),
            (0x30, b"hello".as_slice())
        );
    }

    /// Nothing more comes.
    pub(crate) fn expect_end(&mut self) {
        assert_end(&mut self.stream);
    }
}

pub(crate) fn assert_end(stream: &mut impl Read) {
    match stream.read(&mut [0]) {
        Ok(count) => assert_eq!(count, 0, "closed without another byte"),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
}

pub(crate) fn connect(client_id: &str) -> Vec<u8> {
    let length = client_id.len() as u8;
    let head = [
        0x10,
        13 + length,
        0,
        4,
        b'M',
        b'Q',
        b'T',
        b'T',
        5,
        2,
        0,
        60,
        0,
        0,
        length,
    ];
    [head.as_slice(), client_id.as_bytes()].concat()
}

/// QoS 0; at most 16 KiB.
pub(crate) fn publish(topic: &str, payload: &[u8]) -> Vec<u8> {
    let length = 3 + topic.len() + payload.len();
    let low = (length & 0x7F) as u8;
    let mut packet = vec![0x30];
    if length > 0x7F {
        packet.extend([low | 0x80, (length >> 7) as u8]);
    } else {
        packet.push(low);
    }
    packet.extend([0, topic.len() as u8]);
    packet.extend_from_slice(topic.as_bytes());
    packet.push(0);
    packet.extend_from_slice(payload);
    packet
}

/// Waits for what other threads do.
pub(crate) fn eventually(mut condition: impl FnMut() -> bool) {
    #[expect(clippy::disallowed_methods, reason = "the limit of a test's patience")]
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "in time");
        std::thread::yield_now();
    }
}
