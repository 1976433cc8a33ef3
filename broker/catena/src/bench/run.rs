//! Runs a scenario and tells the result.

use std::process;

use catena_mqtt::Version;

use super::args::{BenchArgs, Scenario};
use super::report::Report;
use super::{connect, offline, retained, state, traffic};
use crate::client::Failure;
use crate::clock;

/// Exit code of a run in which something went wrong.
const FAULTY: u8 = 1;

/// Runs `catena bench` and tells what the process is to exit with: 0 if nothing was lost or
/// doubled.
#[must_use]
pub fn run(args: &BenchArgs) -> u8 {
    match measure(args) {
        Ok(report) => {
            if args.json {
                println!("{}", report.json());
            } else {
                print!("{}", report.table());
            }
            u8::from(!report.is_clean()) * FAULTY
        }
        Err(failure) => failure.report(false),
    }
}

fn measure(args: &BenchArgs) -> Result<Report, Failure> {
    args.check()?;
    let mut report = Report::new(args.scenario.name());
    report.word(
        "protocol",
        match args.version {
            Version::V31 => "MQTT 3.1",
            Version::V311 => "MQTT 3.1.1",
            Version::V5 => "MQTT 5.0",
        },
    );
    let tag = tag();
    match args.scenario {
        Scenario::Connect => connect::run(args, &tag, &mut report)?,
        Scenario::Offline => offline::run(args, &tag, &mut report)?,
        Scenario::Retained => retained::run(args, &tag, &mut report)?,
        Scenario::State => state::run(args, &tag, &mut report)?,
        Scenario::StateExpiry => state::expiry::run(args, &tag, &mut report)?,
        Scenario::P2p
        | Scenario::FanIn
        | Scenario::FanOut
        | Scenario::Shared
        | Scenario::Latency
        | Scenario::Wildcards => traffic::run(args, &tag, &mut report)?,
    }
    Ok(report)
}

/// A short word that differs from run to run.
fn tag() -> String {
    format!(
        "{:x}{:04x}",
        process::id(),
        clock::wall().subsec_micros() & 0xFFFF
    )
}
