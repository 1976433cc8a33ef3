//! Processor time and memory of processes on this machine, from `/proc`.

use std::fs;
use std::time::Duration;

/// Clock ticks of `/proc/PID/stat` in a second, the same on every Linux of today.
const TICKS_PER_SECOND: u32 = 100;

/// The processes of a broker.
#[derive(Clone, Debug)]
pub(crate) struct Processes(Vec<u32>);

impl Processes {
    pub(crate) fn new(ids: &[u32]) -> Self {
        Self(ids.to_vec())
    }

    /// This process.
    pub(crate) fn own() -> Self {
        Self(vec![std::process::id()])
    }

    /// Processor time that all threads have used so far. `None`: no process is known, or one is
    /// gone.
    pub(crate) fn processor_time(&self) -> Option<Duration> {
        self.sum(|id| {
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
            ticks(&stat)
        })
        .map(|ticks| Duration::from_secs(ticks) / TICKS_PER_SECOND)
    }

    /// Memory in use, in bytes. `None` as above.
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        self.sum(|id| {
            let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
            resident(&status)
        })
    }

    fn sum(&self, of: impl Fn(u32) -> Option<u64>) -> Option<u64> {
        if self.0.is_empty() {
            return None;
        }
        self.0.iter().map(|id| of(*id)).sum()
    }
}

/// utime and stime: the 14th and 15th field, after a name that may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_the_kernel_are_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 9 0 0 0 123 45 0 0 20 0 1 0 6 1 1";
        assert_eq!(ticks(stat), Some(168));
        assert_eq!(resident("Name:\ta\nVmRSS:\t    12 kB\n"), Some(12_288));
    }

    #[test]
    fn this_process_uses_memory() {
        let own = Processes::own();
        assert!(own.resident_bytes().unwrap() > 0);
        assert!(own.processor_time().is_some());
        assert_eq!(Processes::new(&[]).resident_bytes(), None);
    }
}
