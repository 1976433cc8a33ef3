//! One request on a connection of its own.

use std::fmt::Write as _;
use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context;

use crate::http::Response;

/// Asks the server at a port of 127.0.0.1.
///
/// # Errors
///
/// That it cannot be reached, or does not answer within `patience`.
pub fn request(
    port: u16,
    (method, target): (&str, &str),
    headers: &[(&str, &str)],
    body: &[u8],
    patience: Duration,
) -> anyhow::Result<Response> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let asked = || format!("{method} {target}");
    let mut stream = TcpStream::connect_timeout(&address, patience).with_context(asked)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {address}\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n")?;
    }
    let length = body.len();
    write!(
        head,
        "content-length: {length}\r\nconnection: close\r\n\r\n"
    )?;
    stream.write_all(head.as_bytes()).with_context(asked)?;
    stream.write_all(body).with_context(asked)?;
    Response::read(&mut BufReader::new(stream)).with_context(asked)
}
