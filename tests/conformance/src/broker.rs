//! The broker as a process of its own, on ports that nobody else has.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use crate::names::Folder;

/// How long the broker may take to start. Generous: many start at once on few cores.
const START_MAX: Duration = Duration::from_secs(30);

/// How long the broker may be silent when something has to come. Generous: a test that fails
/// waits for so long, others never do.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// Ends the broker, and removes its folder, once the shell's own input ends: so also if the test
/// is killed, and for the shared broker, which nobody drops.
const SCRIPT: &str = "\"$@\" </dev/null & broker=$!
    cat >/dev/null
    kill $broker
    wait $broker
    rm -rf \"$0\"";

/// A running broker. It ends when this is dropped, or when the test's process ends in any way.
#[derive(Debug)]
pub struct Broker {
    addresses: Vec<SocketAddr>,
    process: Option<Process>,
}

#[derive(Debug)]
struct Process {
    shell: Child,
    folder: Folder,
}

impl Broker {
    /// The broker that most tests share: with nothing configured. `CATENA_CONFORMANCE_BROKER`
    /// names another one that listens already, to compare with.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Broker> = OnceLock::new();
        SHARED.get_or_init(|| match env::var_os("CATENA_CONFORMANCE_BROKER") {
            Some(address) => Self {
                addresses: vec![
                    address
                        .to_string_lossy()
                        .parse()
                        .expect("an address with a port"),
                ],
                process: None,
            },
            None => Self::start(&[]),
        })
    }

    /// A broker with some fields of its Broker resource set, each as `PATH=VALUE`.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    #[track_caller]
    pub fn start(settings: &[&str]) -> Self {
        let listen = ["--listen", "127.0.0.1:0"].map(str::to_owned);
        let set = settings.iter().flat_map(|setting| ["--set", setting]);
        let arguments: Vec<String> = listen.into_iter().chain(set.map(str::to_owned)).collect();
        Self::run(Folder::new(), &arguments)
    }

    /// A broker with resource documents, `configuration.yaml` in `folder`.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    #[track_caller]
    pub fn configured(folder: Folder, documents: &str) -> Self {
        let path = folder.write("configuration.yaml", documents);
        let arguments = ["--config".to_owned(), path.display().to_string()];
        Self::run(folder, &arguments)
    }

    /// A network connection to its first listener.
    ///
    /// # Panics
    /// If it refuses.
    #[must_use]
    #[track_caller]
    pub fn dial(&self) -> TcpStream {
        self.dial_listener(0)
    }

    /// A network connection to a listener, in the order in which the broker tells of them.
    ///
    /// # Panics
    /// If it refuses, or if there is none.
    #[must_use]
    #[track_caller]
    pub fn dial_listener(&self, index: usize) -> TcpStream {
        let address = self.addresses.get(index).expect("so many listeners");
        let stream = TcpStream::connect(address).expect("the broker accepts");
        let set = stream.set_read_timeout(Some(SILENCE_MAX));
        set.expect("a time limit for reading");
        // Each packet leaves when it is written: tests depend on the order between clients.
        stream.set_nodelay(true).expect("no delay");
        stream
    }

    #[track_caller]
    fn run(folder: Folder, arguments: &[String]) -> Self {
        let ports = folder.path().join("ports");
        let log = fs::File::create(folder.path().join("log")).expect("a file for the log");
        let errors = log.try_clone().expect("the same file for errors");
        let shell = Command::new("sh")
            .args(["-c", SCRIPT])
            .arg(folder.path())
            .arg(program())
            .args(["run", "--admin", "off", "--port-file"])
            .arg(&ports)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .expect("a shell");
        let process = Process { shell, folder };
        let addresses = await_addresses(&ports, &process);
        Self {
            addresses,
            process: Some(process),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // It was told to end; how it does is for other tests.
        let _ = self.shell.wait();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.process.take());
    }
}

/// Waits for the file that names the ports, which comes when all listeners listen.
#[track_caller]
#[expect(
    clippy::disallowed_methods,
    reason = "tests have no clock of their own"
)]
fn await_addresses(ports: &Path, process: &Process) -> Vec<SocketAddr> {
    let deadline = Instant::now() + START_MAX;
    loop {
        // The file appears as a whole: `listener NAME ADDRESS` for each.
        let text = fs::read_to_string(ports).unwrap_or_default();
        let listeners = text.lines().filter(|line| line.starts_with("listener "));
        let addresses: Vec<SocketAddr> = listeners
            .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
            .collect();
        if !addresses.is_empty() {
            return addresses;
        }
        if Instant::now() > deadline {
            let log = fs::read_to_string(process.folder.path().join("log"));
            panic!("the broker does not start: {}", log.unwrap_or_default());
        }
        // Nothing tells when a file has come.
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// The program: the one that `CATENA_BIN` names, or else the workspace's, which is built first.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(path) = env::var_os("CATENA_BIN") {
            return PathBuf::from(path);
        }
        let test = env::current_exe().expect("the test's own path");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "catena"])
            .status();
        assert!(built.is_ok_and(|status| status.success()), "catena builds");
        let folder = test.ancestors().nth(2).expect("the folder of builds");
        folder.join("catena")
    })
}

/// A port that was free a moment ago, for listeners that need one in a document.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}
