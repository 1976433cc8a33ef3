//! A line on standard error that tells how a sitting goes.

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

/// The line: one that changes on a terminal, one for each run elsewhere. It changes between runs
/// only, since drawing it would take time from what is measured.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    count: usize,
    done: usize,
}

impl Progress {
    pub(crate) fn new(count: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(count as u64);
            // The template is a constant; should it be wrong, the default does.
            if let Ok(style) =
                ProgressStyle::with_template("{bar:20} {pos}/{len} {msg} ({eta} left)")
            {
                bar.set_style(style);
            }
            bar
        });
        let done = 0;
        Self { bar, count, done }
    }

    /// A run begins.
    pub(crate) fn begin(&mut self, text: &str) {
        self.done += 1;
        match &self.bar {
            Some(bar) => {
                bar.set_message(text.to_owned());
                bar.tick();
            }
            None => self.say(&format!("{}/{} {text}", self.done, self.count)),
        }
    }

    /// A run is over.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// Something that must not be missed.
    pub(crate) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            // Where standard error cannot be written to, nobody is there to tell.
            None => {
                let _ = writeln!(std::io::stderr().lock(), "{line}");
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
