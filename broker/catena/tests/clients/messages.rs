//! `catena pub`, `sub` and `rr` with mosquitto as the broker.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

use super::mosquitto::Mosquitto;

/// The program with these words and no surroundings.
fn catena(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_catena"));
    command.args(words).env_clear();
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program to its end at the broker's plain port.
fn run(broker: &Mosquitto, words: &[&str]) -> Output {
    let port = broker.port.to_string();
    let words = [words, &["-h", "127.0.0.1", "-p", &port]].concat();
    catena(&words).output().unwrap()
}

#[track_caller]
fn check(output: &Output, code: i32, stdout: &str) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), stdout, "{errors}");
}

/// A subscriber whose subscription is acknowledged.
struct Subscriber(Child);

impl Subscriber {
    fn start(words: &[&str]) -> Self {
        let mut child = catena(&[&["sub", "-d", "-W", "60"], words].concat())
            .spawn()
            .unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut told = String::new();
        while !told.contains("SUBACK") {
            let count = errors.read_line(&mut told).unwrap();
            assert!(count > 0, "the subscriber ended: {told}");
        }
        std::thread::spawn(move || errors.read_to_end(&mut Vec::new()));
        Self(child)
    }

    fn output(self) -> Output {
        self.0.wait_with_output().unwrap()
    }
}

/// A subscriber at the broker's plain port.
fn subscribe(broker: &Mosquitto, words: &[&str]) -> Subscriber {
    let port = broker.port.to_string();
    Subscriber::start(&[words, &["-h", "127.0.0.1", "-p", &port]].concat())
}

#[test]
fn every_qos_and_version_brings_a_message_over() {
    let broker = Mosquitto::start();
    for qos in ["0", "1", "2"] {
        for version in ["mqttv31", "311", "5"] {
            let words = [
                "-t", "a/+", "-q", qos, "-V", version, "-C", "1", "-F", "%t %q %p",
            ];
            let subscriber = subscribe(&broker, &words);
            let words = ["pub", "-t", "a/b", "-q", qos, "-V", version, "-m", "-hi"];
            check(&run(&broker, &words), 0, "");
            check(&subscriber.output(), 0, &format!("a/b {qos} -hi\n"));
        }
    }
}

#[test]
fn any_bytes_pass_from_standard_input_to_standard_output() {
    let broker = Mosquitto::start();
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let subscriber = subscribe(&broker, &["-t", "bytes", "-q", "2", "-C", "1", "-N"]);
    let port = broker.port.to_string();
    let mut publisher = catena(&["pub", "-t", "bytes", "-q", "2", "-s", "-p", &port])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    publisher.stdin.take().unwrap().write_all(&bytes).unwrap();
    check(&publisher.wait_with_output().unwrap(), 0, "");
    let output = subscriber.output();
    assert!(output.stdout == bytes, "{} bytes", output.stdout.len());
}

#[test]
fn each_line_of_standard_input_is_a_message() {
    let broker = Mosquitto::start();
    let count = 5_000;
    for qos in ["0", "1", "2"] {
        let text = count.to_string();
        let subscriber = subscribe(&broker, &["-t", "lines", "-q", qos, "-C", &text]);
        let lines: String = (0..count).map(|number| format!("{number}\n")).collect();
        let port = broker.port.to_string();
        let mut publisher = catena(&["pub", "-t", "lines", "-q", qos, "-l", "-p", &port])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = publisher.stdin.take().unwrap();
        input.write_all(lines.trim_end().as_bytes()).unwrap();
        drop(input);
        check(&publisher.wait_with_output().unwrap(), 0, "");
        check(&subscriber.output(), 0, &lines);
    }
}

#[test]
fn properties_arrive() {
    let broker = Mosquitto::start();
    let format = "%C|%E|%F|%R|%D|%P|%S";
    let words = ["-t", "a", "-C", "1", "-F", format, "-D", "subscribe"];
    let words = [&words[..], &["subscription-identifier", "7"]].concat();
    let subscriber = subscribe(&broker, &words);
    let given = "-D publish content-type text -D publish message-expiry-interval 60 \
        -D publish payload-format-indicator 1 -D publish response-topic r/t \
        -D publish correlation-data c -D publish user-property k v -D publish user-property k w";
    let given: Vec<_> = given.split_whitespace().collect();
    let words = [&["pub", "-t", "a", "-m", "x"], given.as_slice()].concat();
    check(&run(&broker, &words), 0, "");
    check(&subscriber.output(), 0, "text|60|1|r/t|c|k:v k:w|7\n");
}

#[test]
fn retained_messages_are_told_apart_and_removed() {
    let broker = Mosquitto::start();
    for topic in ["r/1", "r/2", "r/3"] {
        let words = ["pub", "-t", topic, "-r", "-q", "1", "-m", topic];
        check(&run(&broker, &words), 0, "");
    }
    let words = ["sub", "-t", "r/#", "-T", "r/2", "-C", "2", "-F", "%r%t"];
    check(&run(&broker, &words), 0, "1r/1\n1r/3\n");
    let words = [
        "sub",
        "-t",
        "r/#",
        "-T",
        "r/2",
        "-C",
        "2",
        "--remove-retained",
    ];
    check(&run(&broker, &words), 0, "r/1\nr/3\n");
    let words = ["sub", "-t", "r/#", "-C", "1", "-v", "-R"];
    let subscriber = subscribe(&broker, &words[1..]);
    check(&run(&broker, &["pub", "-t", "r/4", "-n"]), 0, "");
    check(&subscriber.output(), 0, "r/4 \n");
    let subscriber = subscribe(&broker, &["-t", "r/#", "--retained-only"]);
    check(&run(&broker, &["pub", "-t", "r/4", "-m", "x"]), 0, "");
    check(&subscriber.output(), 0, "r/2\n");
}

#[test]
fn a_session_outlives_its_connection() {
    let broker = Mosquitto::start();
    let session = ["-i", "keeper", "-c", "-q", "1", "-t", "kept"];
    check(
        &run(&broker, &[&["sub", "-E"], &session[..]].concat()),
        0,
        "",
    );
    let words = ["pub", "-t", "kept", "-q", "1", "-m", "x", "--repeat", "3"];
    check(&run(&broker, &words), 0, "");
    let words = [&["sub", "-C", "2"], &session[..]].concat();
    check(&run(&broker, &words), 0, "x\nx\n");
    // What was not printed was not acknowledged.
    let words = [&["sub", "-C", "1"], &session[..]].concat();
    check(&run(&broker, &words), 0, "x\n");
}

#[test]
fn a_request_gets_its_response() {
    let broker = Mosquitto::start();
    let words = ["-t", "ask", "-C", "1", "-F", "%R %D %p"];
    let responder = subscribe(&broker, &words);
    let port = broker.port.to_string();
    let words = [
        "rr", "-t", "ask", "-e", "answer", "-m", "?", "-W", "60", "-p", &port,
    ];
    let requester = catena(&words).spawn().unwrap();
    let output = responder.output();
    let request = String::from_utf8(output.stdout).unwrap();
    let words: Vec<_> = request.split_whitespace().collect();
    let [response_topic, correlation, "?"] = words.as_slice() else {
        panic!("{request}");
    };
    assert_eq!(*response_topic, "answer");
    // Somebody else's response.
    let other = ["-D", "publish", "correlation-data", "other"];
    let words = [&["pub", "-t", "answer", "-m", "no"], &other[..]].concat();
    check(&run(&broker, &words), 0, "");
    let own = ["-D", "publish", "correlation-data", correlation];
    let words = [&["pub", "-t", "answer", "-m", "yes"], &own[..]].concat();
    check(&run(&broker, &words), 0, "");
    check(&requester.wait_with_output().unwrap(), 0, "yes\n");
}

#[test]
fn tls_websockets_and_unix_sockets_carry_the_same() {
    let broker = Mosquitto::start();
    let (tls, websocket) = (
        broker.tls_port.to_string(),
        broker.websocket_port.to_string(),
    );
    let authority = broker.path("authority.pem");
    let socket = broker.path("socket");
    let url = format!("ws://localhost:{websocket}/mqtt");
    let ways: [&[&str]; 5] = [
        &["--cafile", &authority, "-h", "localhost", "-p", &tls],
        &[
            "--cafile",
            &authority,
            "-h",
            "127.0.0.1",
            "--insecure",
            "-p",
            &tls,
        ],
        &["--ws", "-h", "localhost", "-p", &websocket],
        &["-L", &url],
        &["--unix", &socket],
    ];
    let payload = "x".repeat(100_000);
    for way in ways {
        let subscriber = Subscriber::start(&[way, &["-t", "way", "-q", "1", "-C", "1"]].concat());
        let words = [way, &["-t", "way", "-q", "1", "-m", &payload]].concat();
        let output = catena(&[&["pub"], words.as_slice()].concat())
            .output()
            .unwrap();
        check(&output, 0, "");
        check(&subscriber.output(), 0, &format!("{payload}\n"));
    }
    // The certificate is for localhost.
    let words = [
        "pub",
        "--cafile",
        &authority,
        "-h",
        "127.0.0.1",
        "-p",
        &tls,
        "-t",
        "a",
        "-n",
    ];
    let output = catena(&words).output().unwrap();
    assert_eq!(output.status.code(), Some(8));
}

#[test]
fn failures_have_their_codes() {
    let broker = Mosquitto::start();
    check(&run(&broker, &["sub", "-t", "never", "-W", "0.1"]), 27, "");
    check(
        &run(&broker, &["rr", "-t", "never", "-m", "?", "-W", "0.1"]),
        27,
        "",
    );
    check(&run(&broker, &["sub", "-t", "a/#/b"]), 2, "");
    check(&run(&broker, &["pub", "-t", "a/#", "-m", "x"]), 2, "");
    check(&run(&broker, &["pub", "-t", "a"]), 2, "");
    check(
        &run(
            &broker,
            &["pub", "-t", "a", "-m", "x", "-V", "311", "-x", "5"],
        ),
        2,
        "",
    );
}

/// What the standard forbids is told before a connection is made.
#[track_caller]
fn check_refused(broker: &Mosquitto, line: &str, what: &str) {
    let words: Vec<_> = line.split(' ').collect();
    let output = run(broker, &[words.as_slice(), &["-d"]].concat());
    check(&output, 2, "");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains(what), "{told}");
    assert!(!told.contains("sends CONNECT"), "{told}");
}

/// [MQTT-3.3.2-14] [MQTT-3.8.3-4] [MQTT-4.7.1-1]
#[test]
fn what_the_standard_forbids_is_not_sent() {
    let broker = Mosquitto::start();
    let wildcard = "wildcard in a topic name";
    check_refused(&broker, "rr -t a -m x -W 20 -e a/+", wildcard);
    let line = "rr -t a -m x -W 20 -D publish response-topic a/+";
    check_refused(&broker, line, wildcard);
    let line = "pub -t a -m x -D publish response-topic a/#";
    check_refused(&broker, line, wildcard);
    let line = "sub -t b -t $share/g/a --no-local -E";
    check_refused(&broker, line, "'$share/g/a': --no-local");
    check_refused(&broker, "sub -t a -U a# -E", "unsubscribe from 'a#'");
    check_refused(&broker, "pub -t a -m x --repeat 0", "--repeat");
    // Each is right without the other.
    check(&run(&broker, &["sub", "-t", "$share/g/a", "-E"]), 0, "");
    check(
        &run(&broker, &["sub", "-t", "a", "--no-local", "-E"]),
        0,
        "",
    );
}

/// [MQTT-3.3.2-9]
#[test]
fn a_topic_alias_above_the_maximum_is_not_sent() {
    for (connack, alias, code) in [
        // Topic Alias Maximum 32, then PUBACK.
        (
            b"\x20\x06\x00\x00\x03\x22\x00\x20\x40\x02\x00\x01".as_slice(),
            "32",
            0,
        ),
        (b"\x20\x06\x00\x00\x03\x22\x00\x20", "33", 2),
        // None.
        (b"\x20\x03\x00\x00\x00", "1", 2),
    ] {
        for qos in ["1", "0"] {
            let port = answer(connack);
            let line = format!(
                "pub -h 127.0.0.1 -p {port} -q {qos} -t a -m x -D publish topic-alias {alias} -d"
            );
            let words: Vec<_> = line.split(' ').collect();
            let output = catena(&words).output().unwrap();
            check(&output, code, "");
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(told.contains("sends PUBLISH"), code == 0, "{told}");
            assert_eq!(told.contains("topic aliases"), code == 2, "{told}");
        }
    }
}

#[test]
fn nobody_listening_is_told_with_what_to_do() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    let output = catena(&["pub", "-t", "a", "-m", "x", "-h", "127.0.0.1", "-p", &port])
        .output()
        .unwrap();
    check(&output, 1, "");
    let expected = format!(
        "error: cannot connect to 127.0.0.1:{port}: connection refused; is a broker running? \
         `catena run` starts one\n"
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), expected);
    let words = [
        "pub",
        "--quiet",
        "-t",
        "a",
        "-m",
        "x",
        "-h",
        "127.0.0.1",
        "-p",
        &port,
    ];
    assert!(catena(&words).output().unwrap().stderr.is_empty());
}

/// A broker of one answer, for the refusals that mosquitto does not give.
fn answer(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 1_024];
        assert!(stream.read(&mut buffer).unwrap() > 0);
        stream.write_all(bytes).unwrap();
        // Until the client hangs up.
        while stream.read(&mut buffer).is_ok_and(|count| count > 0) {}
    });
    port
}

#[test]
fn a_refusal_is_the_exit_code() {
    for (version, bytes, code) in [
        ("5", b"\x20\x03\x00\x87\x00".as_slice(), 0x87),
        ("311", b"\x20\x02\x00\x05", 5),
        // Accepted, then DISCONNECT: server busy.
        ("5", b"\x20\x03\x00\x00\x00\xE0\x02\x89\x00", 0x89),
        // Accepted, then PUBACK: quota exceeded.
        ("5", b"\x20\x03\x00\x00\x00\x40\x03\x00\x01\x97", 0x97),
    ] {
        let port = answer(bytes);
        let words = [
            "pub",
            "-p",
            &port,
            "-h",
            "127.0.0.1",
            "-V",
            version,
            "-q",
            "1",
        ];
        let words = [&words[..], &["-t", "a", "-m", "x"]].concat();
        check(&catena(&words).output().unwrap(), code, "");
    }
}

#[test]
fn surroundings_give_defaults() {
    let broker = Mosquitto::start();
    let mut command = catena(&["sub", "-t", "a", "-E", "-d"]);
    command.env("CATENA_HOST", "127.0.0.1");
    command.env("CATENA_PORT", broker.port.to_string());
    command.env("CATENA_ID", "surrounded");
    let output = command.output().unwrap();
    check(&output, 0, "");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.starts_with("surrounded sends CONNECT"), "{told}");
}

#[test]
fn an_interrupted_subscriber_says_goodbye() {
    let broker = Mosquitto::start();
    let watcher = subscribe(&broker, &["-t", "will", "-C", "1"]);
    let will = ["-t", "a", "--will-topic", "will", "--will-payload", "lost"];
    let subscriber = subscribe(&broker, &will);
    let id = subscriber.0.id().to_string();
    let status = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(status.success());
    check(&subscriber.output(), 0, "");
    // Had the will been published, it would come first.
    check(&run(&broker, &["pub", "-t", "will", "-m", "none"]), 0, "");
    check(&watcher.output(), 0, "none\n");
}

/// A client that has nothing to say sends PINGREQ in time [MQTT-3.1.2-20], and gives up a broker
/// that does not answer.
#[test]
fn silence_is_broken_in_time() {
    let port = answer(b"\x20\x03\x00\x00\x00");
    let words = [
        "sub",
        "-p",
        &port,
        "-h",
        "127.0.0.1",
        "-k",
        "1",
        "-t",
        "a",
        "-d",
    ];
    let output = catena(&words).output().unwrap();
    check(&output, 1, "");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("sends PINGREQ"), "{told}");
    assert!(told.contains("does not answer PINGREQ"), "{told}");
}
