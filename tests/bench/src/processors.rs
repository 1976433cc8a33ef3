//! Which processors broker and generator get, and the program that each of them begins as.
//!
//! A process is pinned, and tied to the life of the one that started it, by a step of its own: this
//! program starts itself with [`STEP`], which sets both and becomes the program that was meant. So
//! its number stays the same, and it ends with this program in whatever way that ends.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, ensure};
use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The first argument of this program when it is to become another one.
pub const STEP: &str = "__become";

/// What stands for any processor.
const ANY: &str = "any";

/// The processors of a sitting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processors {
    /// A processor each.
    Pinned {
        /// That of the broker.
        broker: usize,
        /// That of the generator.
        generator: usize,
    },
    /// So many for both.
    Unpinned(usize),
}

impl Processors {
    /// The first and the last that this process may use.
    ///
    /// # Errors
    ///
    /// If there are not two, or if the system does not tell.
    pub fn pinned() -> anyhow::Result<Self> {
        let usable = usable()?;
        match usable.as_slice() {
            [broker, .., generator] => Ok(Self::Pinned {
                broker: *broker,
                generator: *generator,
            }),
            _ => anyhow::bail!(
                "broker and generator need a processor each, and there is one: \
                 --unpinned measures all the same, but the figures mix both"
            ),
        }
    }

    /// All that this process may use, for both.
    ///
    /// # Errors
    ///
    /// If the system does not tell.
    pub fn unpinned() -> anyhow::Result<Self> {
        Ok(Self::Unpinned(usable()?.len()))
    }
}

fn usable() -> anyhow::Result<Vec<usize>> {
    let set = sched_getaffinity(None).context("cannot tell which processors there are")?;
    Ok((0..CpuSet::MAX_CPU)
        .filter(|cpu| set.is_set(*cpu))
        .collect())
}

/// The arguments with which this program becomes another one on a processor, or on any.
#[must_use]
pub fn step(processor: Option<usize>) -> [String; 3] {
    let processor = processor.map_or_else(|| ANY.to_owned(), |number| number.to_string());
    [STEP.to_owned(), processor, std::process::id().to_string()]
}

/// Another command in its place, which runs it on any processor, and no longer than this process.
///
/// # Errors
///
/// If this program cannot find itself.
pub fn tied(command: &Command) -> anyhow::Result<Command> {
    let own = std::env::current_exe().context("cannot find the program itself")?;
    let mut tied = Command::new(own);
    tied.args(step(None)).arg(command.get_program());
    tied.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => tied.env(name, value),
            None => tied.env_remove(name),
        };
    }
    Ok(tied)
}

/// Does what [`step`] asks for. Returns only if that fails.
///
/// # Errors
///
/// If a processor is not there, the program cannot be started, or who wanted it is gone.
pub fn become_other(arguments: &[OsString]) -> anyhow::Result<()> {
    let [processor, parent, program, arguments @ ..] = arguments else {
        anyhow::bail!("{STEP} is for {} itself", env!("CARGO_PKG_NAME"));
    };
    set_parent_process_death_signal(Some(Signal::KILL)).context("cannot be tied to its parent")?;
    // It may have ended before it was tied to.
    let actual = getppid().map(|id| id.as_raw_nonzero().get().to_string());
    ensure!(
        actual.is_some_and(|id| *parent == *id),
        "who started this is gone"
    );
    if processor != ANY {
        let number = processor.to_string_lossy().parse()?;
        ensure!(number < CpuSet::MAX_CPU, "no processor {number}");
        let mut set = CpuSet::new();
        set.set(number);
        sched_setaffinity(None, &set).with_context(|| format!("cannot use processor {number}"))?;
    }
    let error = Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_may_use_a_processor() {
        assert!(matches!(
            Processors::unpinned(),
            Ok(Processors::Unpinned(1..))
        ));
    }

    #[test]
    fn a_step_without_its_parent_goes_nowhere() {
        let words = ["any", "0", "true"].map(OsString::from);
        let error = become_other(&words).unwrap_err();
        assert_eq!(error.to_string(), "who started this is gone");
        assert!(become_other(&[]).is_err());
    }
}
