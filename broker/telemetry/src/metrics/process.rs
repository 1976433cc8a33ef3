//! What the operating system says of this process, and which build it is.

use std::fs;

use super::registry::Collect;
use super::samples::Samples;
use super::table;
use crate::clock::Clock;

/// Tells version, uptime, memory, processor time and open files. What the system does not tell is
/// absent: on other systems than Linux all but version and uptime.
#[derive(Debug, Clone)]
pub struct ProcessSource {
    version: String,
    clock: Clock,
}

impl ProcessSource {
    /// A source for this process; the clock was started with it.
    pub fn new(version: impl Into<String>, clock: Clock) -> Self {
        let version = version.into();
        Self { version, clock }
    }

    /// Resident memory in bytes, where the system tells it.
    pub fn resident_bytes(&self) -> Option<u64> {
        parse_resident_bytes(&read("/proc/self/status")?)
    }
}

impl Collect for ProcessSource {
    fn collect(&self, samples: &mut Samples) {
        samples.add(&table::BUILD_INFO, [&self.version], 1);
        let uptime = self.clock.uptime().as_secs_f64();
        samples.add(&table::UPTIME_SECONDS, [], uptime);
        if let Some(bytes) = self.resident_bytes() {
            samples.add(&table::PROCESS_RESIDENT_BYTES, [], bytes);
        }
        if let Some(seconds) = read("/proc/self/stat")
            .as_deref()
            .and_then(parse_cpu_seconds)
        {
            samples.add(&table::PROCESS_CPU_SECONDS, [], seconds);
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            // The listing itself holds one open.
            let count = files.count().saturating_sub(1);
            samples.add(&table::PROCESS_OPEN_FILES, [], count as u64);
        }
        if let Some(max) = read("/proc/self/limits")
            .as_deref()
            .and_then(parse_files_max)
        {
            samples.add(&table::PROCESS_MAX_FILES, [], max);
        }
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// From `/proc/self/status`.
fn parse_resident_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// From `/proc/self/stat`: user and system time are the 14th and 15th word. The second is the
/// program's name in brackets and may hold anything, so counting starts after the last bracket.
fn parse_cpu_seconds(stat: &str) -> Option<f64> {
    let (_, after) = stat.rsplit_once(')')?;
    let mut words = after.split_ascii_whitespace().skip(11);
    let user: f64 = words.next()?.parse().ok()?;
    let system: f64 = words.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

/// From `/proc/self/limits`: the soft limit. `unlimited` has no number.
fn parse_files_max(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Linux tells processor time to programs in hundredths of a second on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::{ProcessSource, parse_cpu_seconds, parse_files_max, parse_resident_bytes};
    use crate::Clock;
    use crate::metrics::{Registry, RegistryOptions};
    use std::sync::Arc;

    #[test]
    fn memory_is_read_from_status() {
        let status = "Name:\tcatena\nVmHWM:\t   9000 kB\nVmRSS:\t    1234 kB\nThreads:\t3\n";
        assert_eq!(parse_resident_bytes(status), Some(1234 * 1024));
        assert_eq!(parse_resident_bytes("Name:\tcatena\n"), None);
        assert_eq!(parse_resident_bytes("VmRSS:\tmuch kB\n"), None);
    }

    #[test]
    fn processor_time_is_read_from_stat() {
        let stat = "7 (a) b) (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 99 1 1";
        assert_eq!(parse_cpu_seconds(stat), Some(3.0));
        assert_eq!(parse_cpu_seconds("7 (catena) S 1"), None);
    }

    #[test]
    fn the_limit_of_files_is_read_from_limits() {
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files   1024   4096   files\n";
        assert_eq!(parse_files_max(limits), Some(1024));
        assert_eq!(
            parse_files_max("Max open files  unlimited unlimited files"),
            None
        );
    }

    #[test]
    fn version_and_uptime_are_always_told() {
        let registry = Registry::new(RegistryOptions::new("h"));
        registry.register(Arc::new(ProcessSource::new("0.1.0", Clock::start())));
        let page = registry.render();
        assert!(
            page.contains("catena_build_info{version=\"0.1.0\"} 1\n"),
            "{page}"
        );
        assert!(page.contains("\ncatena_uptime_seconds "), "{page}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells_all_of_it() {
        let registry = Registry::new(RegistryOptions::new("h"));
        registry.register(Arc::new(ProcessSource::new("0.1.0", Clock::start())));
        let page = registry.render();
        for name in ["cpu_seconds_total", "resident_memory_bytes", "open_fds"] {
            assert!(
                page.contains(&format!("\nprocess_{name} ")),
                "{name}: {page}"
            );
        }
    }
}
