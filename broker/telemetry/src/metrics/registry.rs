//! The registry: who is asked at scrape time. Must never be locked on the path of a message.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::exposition;
use super::samples::Samples;

/// A source of samples, asked at each scrape.
pub trait Collect: Send + Sync {
    /// Adds what this source knows. Called from the admin port's task: must not wait.
    fn collect(&self, samples: &mut Samples);
}

impl<F: Fn(&mut Samples) + Send + Sync> Collect for F {
    fn collect(&self, samples: &mut Samples) {
        self(samples);
    }
}

/// The metrics of one node.
pub struct Registry {
    options: RegistryOptions,
    sources: Mutex<Vec<Arc<dyn Collect>>>,
}

impl Registry {
    /// A registry without sources.
    pub fn new(options: RegistryOptions) -> Self {
        Self {
            options,
            sources: Mutex::default(),
        }
    }

    /// Adds a source for the life of the registry: one that went away would make counters fall.
    pub fn register(&self, source: Arc<dyn Collect>) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.push(source);
    }

    /// The samples of now in the Prometheus text format, version 0.0.4.
    pub fn render(&self) -> String {
        exposition::render(&self.options, self.collect())
    }

    fn collect(&self) -> Samples {
        // Sources run without the lock, so that one may register another.
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let sources = sources.clone();
        let mut samples = Samples::default();
        for source in &sources {
            source.collect(&mut samples);
        }
        samples
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Registry")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// What all samples of a node have in common.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// Value of the label `hostname` of the compatible metrics.
    pub hostname: String,
    /// Prefix of the compatible metrics.
    pub prefix: Prefix,
}

impl RegistryOptions {
    /// This host name and the default prefix.
    pub fn new(hostname: impl Into<String>) -> Self {
        Self {
            hostname: hostname.into(),
            prefix: Prefix::default(),
        }
    }
}

/// How the compatible metrics begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prefix {
    /// `aio_broker_`: what current boards read.
    #[default]
    AioBroker,
    /// `aio_mq_`: what older boards read.
    AioMq,
}

impl Prefix {
    /// The prefix with its underscore.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AioBroker => "aio_broker_",
            Self::AioMq => "aio_mq_",
        }
    }
}
