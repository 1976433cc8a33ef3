//! How far long work is, on a terminal.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A line on standard error, gone when this is dropped.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Counts keys. `is_quiet`: it would stand in the way, or nobody wants it.
    pub(super) fn of_keys(is_quiet: bool) -> Self {
        Self::new(ProgressBar::no_length(), KEYS, is_quiet)
    }

    /// Counts lines: the bytes of a file of this length, or of what has no known length.
    pub(super) fn of_lines(bytes: Option<u64>, is_quiet: bool) -> Self {
        match bytes {
            Some(bytes) => Self::new(ProgressBar::new(bytes), FILE, is_quiet),
            None => Self::new(ProgressBar::no_length(), PIPE, is_quiet),
        }
    }

    fn new(bar: ProgressBar, template: &str, is_quiet: bool) -> Self {
        if is_quiet || !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Goes on by one key.
    pub(super) fn key(&self) {
        self.0.inc(1);
    }

    /// Goes on by a line of so many bytes, to so many keys.
    pub(super) fn line(&self, bytes: usize, keys: u64) {
        // The end of the line is a byte as well.
        self.0.inc(bytes as u64 + 1);
        self.0.set_message(keys.to_string());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

const KEYS: &str = "{spinner} {human_pos} keys, {per_sec}, {elapsed}";
const FILE: &str = "{wide_bar} {msg} keys, {bytes} of {total_bytes}, {eta} left";
const PIPE: &str = "{spinner} {msg} keys, {bytes}, {elapsed}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_understood() {
        for template in [KEYS, FILE, PIPE] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
        let progress = Progress::of_lines(Some(10), true);
        progress.line(3, 1);
        progress.line(3, 2);
        assert_eq!(
            (progress.0.position(), progress.0.message()),
            (8, "2".to_owned())
        );
    }
}
