//! Processor time and memory of a process, from `/proc`.

use std::fs;

use anyhow::Context;

/// What a process has used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Used {
    /// Seconds of processor time, of all its threads, in user code and kernel.
    pub seconds: f64,
    /// Resident bytes.
    pub bytes: f64,
}

/// Clock ticks of `/proc/PID/stat` in a second, the same on every Linux of today.
const TICKS_PER_SECOND: f64 = 100.0;

impl Used {
    /// What it has used so far.
    ///
    /// # Errors
    ///
    /// If there is no such process.
    pub fn by(process: u32) -> anyhow::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        Self::read(&stat, &status).context("/proc tells nothing")
    }

    fn read(stat: &str, status: &str) -> Option<Self> {
        // After a name that may hold anything, utime and stime are the 12th and 13th.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(11);
        let user: f64 = fields.next()?.parse().ok()?;
        let system: f64 = fields.next()?.parse().ok()?;
        let mut lines = status.lines();
        let resident = lines.find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kibibytes: f64 = resident.split_whitespace().next()?.parse().ok()?;
        Some(Self {
            seconds: (user + system) / TICKS_PER_SECOND,
            bytes: kibibytes * 1_024.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_the_kernel_are_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 9 0 0 0 123 45 0 0 20 0 1 0 6 1 1";
        let used = Used::read(stat, "Name:\ta\nVmRSS:\t    12 kB\n").unwrap();
        assert_eq!((used.seconds, used.bytes), (1.68, 12_288.0));
        assert!(Used::by(std::process::id()).unwrap().bytes > 0.0);
    }
}
