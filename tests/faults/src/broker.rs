//! The broker as a process of its own that can be watched, limited and killed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use std::{env, fs, thread};

use catena_conformance::{Client, Folder, Link, Options};
use catena_mqtt::Version;

use crate::wait::Waiting;

/// How long a client waits for what has to come. Generous: only a test that fails waits so long.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Runs the broker and ends it once the shell's own input ends: so also if the test is killed.
/// `$0` is the folder, `$1` the limit of open files if there is one.
const SCRIPT: &str = "[ -z \"$1\" ] || ulimit -n \"$1\"
    shift
    \"$@\" </dev/null & broker=$!
    echo $broker >\"$0/pid\"
    cat >/dev/null
    kill -9 $broker
    wait $broker
    rm -rf \"$0\"";

/// What a broker is started with.
#[derive(Debug, Default)]
pub struct Setup {
    /// Fields of the Broker resource, each as `PATH=VALUE`.
    pub settings: Vec<String>,
    /// Other arguments of `catena run`.
    pub arguments: Vec<String>,
    /// Files that it may have open; as many as this process if nothing is said.
    pub files_max: Option<u32>,
    /// Where documents and what belongs to them stand.
    pub folder: Folder,
    /// Whether it listens where the documents say, and not on a port that the system chooses.
    pub listens_as_documented: bool,
}

impl Setup {
    /// With these fields of the Broker resource, each as `PATH=VALUE`.
    #[must_use]
    pub fn with(settings: &[&str]) -> Self {
        Self {
            settings: settings.iter().map(|&one| one.to_owned()).collect(),
            ..Self::default()
        }
    }

    /// With resource documents, which say where it listens.
    #[must_use]
    pub fn documents(folder: Folder, documents: &str) -> Self {
        let path = folder.write("configuration.yaml", documents);
        Self {
            arguments: vec!["--config".to_owned(), path.display().to_string()],
            folder,
            listens_as_documented: true,
            ..Self::default()
        }
    }
}

/// A running broker. When it is dropped, it must have logged neither panics nor errors.
#[derive(Debug)]
pub struct Broker {
    shell: Child,
    folder: Folder,
    listeners: Vec<SocketAddr>,
    admin: SocketAddr,
}

impl Broker {
    /// A broker with some fields of its Broker resource set, each as `PATH=VALUE`.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    #[track_caller]
    pub fn start(settings: &[&str]) -> Self {
        Self::run(Setup::with(settings))
    }

    /// A broker as described.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    #[track_caller]
    pub fn run(setup: Setup) -> Self {
        let folder = setup.folder;
        let ports = folder.path().join("ports");
        let log = fs::File::create(folder.path().join("log")).expect("a file for the log");
        let errors = log.try_clone().expect("the same file for errors");
        let files_max = setup.files_max.map(|files| files.to_string());
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT]).arg(folder.path());
        command.arg(files_max.unwrap_or_default());
        command
            .arg(program())
            .args(["run", "--admin", "127.0.0.1:0"]);
        command.arg("--port-file").arg(&ports);
        if !setup.listens_as_documented && !setup.arguments.iter().any(|one| one == "--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.args(setup.settings.iter().flat_map(|one| ["--set", one]));
        command.args(&setup.arguments);
        let command = command.stdin(Stdio::piped()).stdout(log).stderr(errors);
        let mut broker = Self {
            shell: command.spawn().expect("a shell"),
            folder,
            listeners: Vec::new(),
            admin: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let text = broker.await_ports(&ports);
        for line in text.lines() {
            let address = line.rsplit(' ').next().and_then(|text| text.parse().ok());
            let address = address.expect("an address in each line");
            if line.starts_with("admin") {
                broker.admin = address;
            } else {
                broker.listeners.push(address);
            }
        }
        broker
    }

    /// Where its first listener is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listeners[0]
    }

    /// A network connection to its first listener.
    ///
    /// # Panics
    /// If it refuses.
    #[must_use]
    #[track_caller]
    pub fn dial(&self) -> TcpStream {
        dial(self.address())
    }

    /// A client that has sent nothing yet.
    #[must_use]
    #[track_caller]
    pub fn open(&self, version: Version) -> Client {
        Client::over(Box::new(self.dial()), version)
    }

    /// An accepted client.
    #[must_use]
    #[track_caller]
    pub fn connect(&self, options: &Options) -> Client {
        self.log_in_over(self.dial(), options)
    }

    /// An accepted client over a connection that stands.
    #[must_use]
    #[track_caller]
    pub fn log_in_over(&self, link: impl Link + 'static, options: &Options) -> Client {
        let mut client = Client::over(Box::new(link), options.version);
        client.login(options);
        client
    }

    /// Resident memory, in bytes.
    ///
    /// # Panics
    /// If the broker has ended.
    #[must_use]
    #[track_caller]
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("a running broker");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        let kib: Option<u64> = kib.and_then(|kib| kib.parse().ok());
        kib.expect("resident memory") * 1_024
    }

    /// Waits until resident memory is at most so many bytes. The allocator returns what was freed
    /// step by step, over ten seconds.
    #[track_caller]
    pub fn await_resident_bytes(&self, bytes_max: u64) {
        if let Err(bytes) = self.settled_bytes(bytes_max) {
            panic!("{bytes} bytes stay above {bytes_max}");
        }
    }

    /// Waits like [`Broker::await_resident_bytes`].
    ///
    /// # Errors
    /// The bytes that stay resident.
    pub fn settled_bytes(&self, bytes_max: u64) -> Result<(), u64> {
        let waiting = Waiting::start();
        loop {
            let bytes = self.resident_bytes();
            if bytes <= bytes_max {
                return Ok(());
            }
            if !waiting.goes_on() {
                return Err(bytes);
            }
        }
    }

    /// Files that it has open.
    ///
    /// # Panics
    /// If the broker has ended.
    #[must_use]
    #[track_caller]
    pub fn open_files(&self) -> usize {
        let files = fs::read_dir(format!("/proc/{}/fd", self.pid()));
        files.expect("a running broker").count()
    }

    /// Sends it a signal, such as `-HUP`.
    ///
    /// # Panics
    /// If there is nobody to send it to.
    #[track_caller]
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.pid()]).status();
        assert!(status.is_ok_and(|status| status.success()), "{signal}");
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Everything at the admin port's `/metrics`.
    ///
    /// # Panics
    /// If it does not answer.
    #[must_use]
    #[track_caller]
    pub fn metrics(&self) -> String {
        let mut stream = dial(self.admin);
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer
    }

    /// The sum of all samples of a metric whose labels hold `labels`.
    #[must_use]
    #[track_caller]
    pub fn metric(&self, name: &str, labels: &str) -> u64 {
        sum(&self.metrics(), name, labels)
    }

    /// The first line of its log that must not be there, if there is one.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        // A reload that is refused is an error of whoever asked for it.
        let is_error = |line: &str| line.contains("ERROR") && !line.contains("reload");
        let is_bad = |line: &&str| line.contains("panicked") || is_error(line);
        self.log().lines().find(is_bad).map(str::to_owned)
    }

    /// Waits until a metric has a value that `is_meant`.
    #[track_caller]
    pub fn await_metric(&self, name: &str, labels: &str, is_meant: impl Fn(u64) -> bool) {
        Waiting::until(name, || is_meant(self.metric(name, labels)).then_some(()));
    }

    fn pid(&self) -> String {
        let pid = fs::read_to_string(self.folder.path().join("pid"));
        pid.unwrap_or_default().trim().to_owned()
    }

    /// Waits for the file that names the ports, which appears as a whole.
    #[track_caller]
    fn await_ports(&self, ports: &Path) -> String {
        let waiting = Waiting::start();
        loop {
            if let Ok(text) = fs::read_to_string(ports) {
                return text;
            }
            assert!(
                waiting.goes_on(),
                "the broker does not start: {}",
                self.log()
            );
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let complaint = self.complaint();
        drop(self.shell.stdin.take());
        // It was killed; there is nothing to learn.
        let _ = self.shell.wait();
        if let (Some(bad), false) = (complaint, thread::panicking()) {
            panic!("the broker logged: {bad}");
        }
    }
}

/// The sum of all samples of a metric whose labels hold `labels`, in what `/metrics` tells.
pub(crate) fn sum(text: &str, name: &str, labels: &str) -> u64 {
    let samples = text.lines().filter(|line| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with([' ', '{']) && rest.contains(labels))
    });
    let values = samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum::<f64>() as u64
}

/// A TCP connection that gives up reading when nothing comes for long.
#[track_caller]
fn dial(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the broker accepts");
    let set = stream.set_read_timeout(Some(SILENCE_MAX));
    set.expect("a time limit for reading");
    // Each packet leaves when it is written: tests depend on the order between clients.
    stream.set_nodelay(true).expect("no delay");
    stream
}

/// The program: the one that `CATENA_BIN` names, or else the workspace's, which is built first.
///
/// # Panics
/// If it does not build.
#[must_use]
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(path) = env::var_os("CATENA_BIN") {
            return PathBuf::from(path);
        }
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "-p", "catena", "--bin", "catena"])
            .status();
        assert!(built.is_ok_and(|status| status.success()), "catena builds");
        let own = env::current_exe().expect("the path of this program");
        let mut folders = own.ancestors().map(|folder| folder.join("catena"));
        let found = folders.find(|path| path.is_file());
        found.expect("the program that was built")
    })
}
