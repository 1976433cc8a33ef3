//! Sets `tracing` up. Must never decide by itself where lines go.

use std::io;

use tracing::Subscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layered, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use super::filter::Filter;

/// Starts logging for the whole process.
///
/// # Errors
///
/// [`Error::AlreadyStarted`] when it was started before.
pub fn start(options: &Options) -> Result<Handle, Error> {
    let started = match options.output {
        Output::Stdout => init(options, io::stdout),
        Output::Stderr => init(options, io::stderr),
    };
    started.ok_or(Error::AlreadyStarted)
}

/// A subscriber that writes to `writer`, and the handle that changes its filter. For tests and
/// for programs that set it up for one thread only.
pub fn subscriber<W>(
    options: &Options,
    writer: W,
) -> (impl Subscriber + Send + Sync + 'static, Handle)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, reload) = reload::Layer::new(options.filter.targets());
    let lines = lines(options, writer);
    let subscriber = Registry::default().with(filter).with(lines);
    (subscriber, Handle { reload })
}

/// Changes what is logged while the process runs; cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    reload: reload::Handle<Targets, Registry>,
}

impl Handle {
    /// Lines are filtered by this from now on.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] when the subscriber is gone.
    pub fn set_filter(&self, filter: &Filter) -> Result<(), Error> {
        let reloaded = self.reload.reload(filter.targets());
        reloaded.map_err(|_| Error::Ended)
    }
}

/// How lines look and which are written.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Text or JSON.
    pub format: Format,
    /// Which lines are written.
    pub filter: Filter,
    /// Colours in text: only where the output is a terminal and `NO_COLOR` is not set, which the
    /// program finds out.
    pub colours: bool,
    /// Where lines go.
    pub output: Output,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people: time, level, part of the program, message, fields.
    #[default]
    Text,
    /// For machines: one object per line; the fields of an event stand beside `message`.
    Json,
}

/// Where lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Output {
    /// What container platforms and journals collect.
    #[default]
    Stdout,
    /// For programs whose standard output is their result.
    Stderr,
}

/// Why logging cannot be started or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A process has one global subscriber.
    #[error("logging was started before in this process")]
    AlreadyStarted,
    /// The subscriber was dropped.
    #[error("logging has ended")]
    Ended,
}

fn init<W>(options: &Options, writer: W) -> Option<Handle>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (subscriber, handle) = subscriber(options, writer);
    subscriber.try_init().ok().map(|()| handle)
}

fn lines<W>(options: &Options, writer: W) -> Box<dyn Layer<Filtered> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_writer(writer);
    match options.format {
        Format::Text => layer.with_ansi(options.colours).boxed(),
        Format::Json => layer
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed(),
    }
}

type Filtered = Layered<reload::Layer<Targets, Registry>, Registry>;

#[cfg(test)]
mod tests;
