//! A line on standard error that tells how a run goes, where that is a terminal.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often the line changes.
const INTERVAL: Duration = Duration::from_millis(200);

/// The line.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    next: Option<Instant>,
}

impl Progress {
    /// A line that begins with this, or none if nobody watches.
    pub(crate) fn new(name: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            // The template is a constant; should it be wrong, the default does.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {msg}") {
                bar.set_style(style);
            }
            bar.set_prefix(name.to_owned());
            bar
        });
        Self { bar, next: None }
    }

    /// Shows what `text` says, unless the line is new enough.
    #[inline]
    pub(crate) fn show(&mut self, now: Instant, text: impl FnOnce() -> String) {
        let Some(bar) = &self.bar else {
            return;
        };
        if self.next.is_none_or(|next| now >= next) {
            self.next = Some(now + INTERVAL);
            bar.set_message(text());
            bar.tick();
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
