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

/// The first of a hundred ports that no other call gives, for a script that looks itself which of
/// them are free.
///
/// # Errors
///
/// That there is none.
pub(crate) fn hundred() -> anyhow::Result<u16> {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(STRIDE);
    let place = start.wrapping_add(ASKED.fetch_add(1, Ordering::Relaxed)) % HUNDREDS;
    Ok(u16::try_from(FIRST_HUNDRED + place * 100)?)
}

const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

const FIRST_HUNDRED: u32 = 4_000;
const HUNDREDS: u32 = 160;

/// Lets test programs that run at once begin at different places.
const STRIDE: u32 = 97;
