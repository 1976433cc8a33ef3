//! The commands of `docs/guides` and of the README's tour, run as they stand there. Only addresses
//! are others: ports that are free, so that tests do not meet.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use tempfile::tempdir;

/// Stands in for a reader: a broker goes to the background until its page ends, whoever waits for
/// messages or changes is sent one, and passwords come from a pipe.
const READER: &str = r#"
set -eu
catena() {
    local word=$1
    shift
    case $word in
        run)
            if [[ -n ${broker-} ]]; then kill "$broker"; wait "$broker"; fi
            if [[ " $* " != *' --listen '* ]]; then set -- $LISTEN "$@"; fi
            rm -f log && mkfifo log
            "$CATENA" run --log-format json --admin "$ADMIN" "$@" >log &
            broker=$!
            exec 3<log
            until read -r line <&3 && [[ $line == *'component ready'* ]]; do :; done
            ;;
        sub)
            local topic
            for topic in "$@"; do [[ $topic == -* ]] || break; done
            "$CATENA" sub -p "$PORT" -W 20 -C 1 "$@" >received &
            heard=$!
            if [[ $topic != '$SYS'* ]]; then
                "$CATENA" pub -p "$PORT" -r -q 1 -t "${topic%/#}" -m known
            fi
            wait "$heard"
            [[ -s received ]]
            ;;
        pub)
            local port=$PORT
            if [[ " $* " == *' --cafile '* ]]; then port=$TLS_PORT; fi
            "$CATENA" pub -p "$port" "$@"
            ;;
        state)
            local verb=$1
            shift
            if [[ $verb != watch ]]; then "$CATENA" state "$verb" -p "$PORT" "$@"; return; fi
            "$CATENA" state watch -p "$PORT" "$@" >changes &
            heard=$!
            for turn in {1..200}; do
                if [[ -s changes ]]; then break; fi
                "$CATENA" state set -p "$PORT" "$1" "$turn"
            done
            kill "$heard"
            [[ -s changes ]]
            ;;
        passwd)
            if [[ " $* " == *' -b '* ]]; then "$CATENA" passwd "$@"
            else echo secret | "$CATENA" passwd --stdin "$@"; fi
            ;;
        *) "$CATENA" "$word" "$@" ;;
    esac
}
cargo() { :; }
curl() { command curl --fail --silent --show-error "$@" >/dev/null; }
trap 'if [[ -n ${broker-} ]]; then kill "$broker"; fi' EXIT
"#;

#[test]
fn getting_started() {
    follow("docs/guides/getting-started.md", &[]);
}

#[test]
fn passwords() {
    follow("docs/guides/passwords.md", &[]);
}

#[test]
fn tls() {
    follow("docs/guides/tls.md", &[]);
}

#[test]
fn the_tour_of_the_readme() {
    // The sample has tests of its own, in `tests/dapr`.
    follow("README.md", &["./tests/run", "cargo run", "samples/dapr"]);
}

/// Runs the blocks of a page in order, in an empty folder. Blocks with one of these words are left
/// out.
#[track_caller]
fn follow(page: &str, left_out: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join(page)).unwrap();
    let [plain, admin, tls, websocket] = free_ports();
    let mut script = READER.to_owned();
    let mut blocks = 0;
    for block in text.split("```sh\n").skip(1) {
        let (block, _) = block.split_once("```").unwrap();
        if left_out.iter().any(|word| block.contains(word)) {
            continue;
        }
        script.push_str(block);
        blocks += 1;
    }
    assert!(blocks > 1, "{page} has no commands");
    // Documents with listeners are not to be overruled.
    let has_listeners = text.contains("port: 8883");
    let listen = format!("--listen 127.0.0.1:{plain}");
    let script = script
        .replace("port: 8883", &format!("port: {tls}"))
        .replace("port: 8084", &format!("port: {websocket}"))
        .replace("127.0.0.1:9600", &format!("127.0.0.1:{admin}"))
        .replace("0.0.0.0:1883", &format!("127.0.0.1:{plain}"));
    let folder = tempdir().unwrap();
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("CATENA", env!("CARGO_BIN_EXE_catena"))
        .env("ADMIN", format!("127.0.0.1:{admin}"))
        .env("LISTEN", if has_listeners { "" } else { &listen })
        .env("PORT", plain.to_string())
        .env("TLS_PORT", tls.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{page}:\n{said}\n{script}");
}

/// Ports that nobody listens on, all different.
fn free_ports() -> [u16; 4] {
    let listeners = [0; 4].map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
