//! Ports for programs that must be told theirs.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::bail;

/// A port on 127.0.0.1 that is free now and that no other call gives.
///
/// It is outside of what systems choose from for outgoing connections: what is ended and started
/// again finds its port free.
///
/// # Errors
///
/// That there is none.
pub fn free() -> anyhow::Result<u16> {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(STRIDE);
    for _ in 0..COUNT {
        let place = start.wrapping_add(ASKED.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + place)?;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port")
}

const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

/// Lets test programs that run at once begin at different places.
const STRIDE: u32 = 97;
