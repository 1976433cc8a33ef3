//! etcd under puts and gets over its HTTP gateway: one request under way on each connection, since
//! the gateway answers them one after the other.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{CONNECTIONS, Load, Operation, Used};
use crate::broker::Running;
use crate::clock;

/// How long a request may take.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Measures a server that has just been started.
///
/// # Errors
///
/// If it does not answer, or refuses.
pub fn measure(server: &Running, load: &Load) -> anyhow::Result<Map<String, Value>> {
    ensure!(load.window == 1, "one request under way is all there is");
    let id = server.child.id();
    let empty = Used::by(id)?;
    let next = AtomicU32::new(0);
    all(server.port, |connection, _| {
        let key = next.fetch_add(1, Ordering::Relaxed);
        if key >= load.keys {
            return Ok(false);
        }
        connection.ask(Operation::Set, key, load)?;
        Ok(true)
    })?;
    let full = Used::by(id)?;
    let begin = Used::by(id)?;
    let began = clock::monotonic();
    let mut took = all(server.port, |connection, number| {
        if clock::monotonic() - began >= load.time {
            return Ok(false);
        }
        // Keys in an order of no meaning, another one for each connection.
        let key = number
            .wrapping_mul(2_654_435_761)
            .wrapping_add(connection.number);
        connection.ask(load.operation, key % load.keys, load)?;
        Ok(true)
    })?;
    let time = clock::monotonic() - began;
    let end = Used::by(id)?;
    ensure!(!took.is_empty(), "nothing was answered");
    took.sort_unstable();
    let within = |share: usize| {
        let index = (took.len() * share / 1_000).min(took.len() - 1);
        took.get(index).map_or(0.0, |it| it.as_secs_f64() * 1e6)
    };
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    let count = took.len() as f64;
    let Value::Object(result) = json!({
        "operations_per_second": count / time.as_secs_f64(),
        "broker_cpu_s_per_million": (end.seconds - begin.seconds) * 1e6 / count,
        "latency_p50_us": within(500),
        "latency_p99_us": within(990),
        "latency_max_us": within(1_000),
        "broker_bytes_per_key": (full.bytes - empty.bytes) / f64::from(load.keys),
        "faults": [],
    }) else {
        bail!("no result");
    };
    Ok(result)
}

/// Asks on all connections at once, on each until `ask`, which gets the number of the request,
/// says that it was the last. Tells how long each took.
fn all(
    port: u16,
    ask: impl Fn(&mut Connection, u32) -> anyhow::Result<bool> + Sync,
) -> anyhow::Result<Vec<Duration>> {
    let ask = &ask;
    let one = |number| {
        let mut connection = Connection::open(port, number)?;
        let mut took = Vec::new();
        for request in 0.. {
            let began: Instant = clock::monotonic();
            if !ask(&mut connection, request)? {
                break;
            }
            took.push(clock::monotonic() - began);
        }
        anyhow::Ok(took)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|number| scope.spawn(move || one(number)))
            .collect();
        let mut took = Vec::new();
        for thread in threads {
            let of_one = thread.join().ok().context("a client has failed")?;
            took.extend(of_one?);
        }
        Ok(took)
    })
}

/// A connection that is kept.
#[derive(Debug)]
struct Connection {
    number: u32,
    stream: BufReader<TcpStream>,
}

impl Connection {
    fn open(port: u16, number: u32) -> anyhow::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        let stream = BufReader::new(stream);
        Ok(Self { number, stream })
    }

    fn ask(&mut self, operation: Operation, key: u32, load: &Load) -> anyhow::Result<()> {
        let request = request(operation, key, load);
        self.stream.get_mut().write_all(request.as_bytes())?;
        let body = answer(&mut self.stream)?;
        if operation == Operation::Get {
            let text = String::from_utf8_lossy(&body);
            ensure!(text.contains("\"value\""), "etcd has lost a key: {text}");
        }
        Ok(())
    }
}

fn request(operation: Operation, key: u32, load: &Load) -> String {
    let key = STANDARD.encode(format!("bench:{key:010}"));
    let (path, body) = match operation {
        Operation::Set => {
            let value = STANDARD.encode(vec![b'x'; load.value_bytes]);
            ("put", json!({ "key": key, "value": value }).to_string())
        }
        Operation::Get => ("range", json!({ "key": key }).to_string()),
    };
    format!(
        "POST /v3/kv/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads an answer, which must be 200, and gives its body.
fn answer(stream: &mut impl BufRead) -> anyhow::Result<Vec<u8>> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    ensure!(line.starts_with("HTTP/1.1 200"), "etcd answered {line:?}");
    let mut length = None;
    loop {
        line.clear();
        ensure!(stream.read_line(&mut line)? > 0, "etcd hung up");
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse()?);
        }
    }
    // The gateway sends answers as short as these in one piece.
    let mut body = vec![0; length.context("an answer without length")?];
    stream.read_exact(&mut body)?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_to_its_end_and_no_further() {
        let mut stream: &[u8] =
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}HTTP";
        assert_eq!(answer(&mut stream).unwrap(), b"{}");
        assert_eq!(stream, b"HTTP");
        let mut refusal: &[u8] = b"HTTP/1.1 404 Not Found\r\n\r\n";
        assert!(answer(&mut refusal).is_err());
    }

    #[test]
    fn keys_and_values_are_in_base_64() {
        let load = Load::of("state --payload 3", Duration::ZERO).unwrap();
        let put = request(Operation::Set, 7, &load);
        assert!(put.ends_with("\r\n\r\n{\"key\":\"YmVuY2g6MDAwMDAwMDAwNw==\",\"value\":\"eHh4\"}"));
        assert!(put.starts_with("POST /v3/kv/put HTTP/1.1\r\n"), "{put}");
    }
}
