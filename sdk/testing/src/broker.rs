//! A broker that runs until it is dropped.

use std::net::{Ipv4Addr, SocketAddr};

use catena::Running;
use catena_resources::{Overridden, Override, OverrideSource, Overrides, parse_with};
use tempfile::TempDir;

use crate::passwords;

/// A running broker. It ends when this is dropped.
#[derive(Debug)]
pub struct Broker {
    running: Running,
    address: SocketAddr,
    _passwords: Option<TempDir>,
}

/// Options of a broker.
#[derive(Clone, Debug, Default)]
#[must_use = "nothing happens before `start`"]
pub struct Builder {
    users: Vec<(String, String)>,
    settings: Vec<(String, String)>,
    address: Option<SocketAddr>,
}

/// Why a broker has not started.
#[derive(Debug, thiserror::Error)]
#[error("the broker cannot start: {0}")]
pub struct StartError(String);

impl Broker {
    /// Starts a broker that lets everybody in, and returns when clients may connect.
    ///
    /// # Errors
    ///
    /// The system has no port or thread left.
    pub fn start() -> Result<Self, StartError> {
        Self::builder().start()
    }

    /// Options for a broker.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where clients connect, as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }

    /// Says goodbye to all clients, and returns when they are gone.
    ///
    /// # Errors
    ///
    /// The broker had ended by itself.
    pub fn stop(self) -> Result<(), StartError> {
        self.running.stop().map_err(|error| told(&error))
    }
}

impl Builder {
    /// Lets only those in who have a name and password: this one, and others for which this is
    /// called.
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.users.push((name.into(), password.into()));
        self
    }

    /// Sets a field of the broker's own document, such as `spec.catena.workers`, to a value as a
    /// document would have it.
    pub fn set(mut self, path: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((path.into(), value.into()));
        self
    }

    /// Listens at this address: for a broker that is to come back where another one was.
    pub fn at(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// Starts the broker, and returns when clients may connect.
    ///
    /// # Errors
    ///
    /// A field or value that does not exist, or an address that is taken.
    pub fn start(self) -> Result<Broker, StartError> {
        let any_port = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
        let source = || OverrideSource::Flag("catena-sdk-testing".to_owned());
        let mut overrides = Overrides {
            listen: Some(Overridden {
                value: vec![self.address.unwrap_or(any_port)],
                source: source(),
            }),
            ..Overrides::default()
        };
        let quiet = ("spec.catena.adminAddress".to_owned(), "Off".to_owned());
        for (path, value) in self.settings.into_iter().chain([quiet]) {
            overrides.broker.push(Override {
                path,
                value,
                source: source(),
            });
        }
        let passwords = match &*self.users {
            [] => None,
            users => Some(passwords::write(users).map_err(|error| told(&error))?),
        };
        if let Some(folder) = &passwords {
            let value = folder.path().join("users").display().to_string();
            overrides.password_file = Some(Overridden {
                value,
                source: source(),
            });
        }
        let configuration = parse_with(&[], &overrides).map_err(|diagnostics| {
            let lines = diagnostics.iter().map(|diagnostic| diagnostic.render());
            StartError(lines.collect::<Vec<_>>().join("\n"))
        })?;
        // It waits for the broker's thread, which a thread of an async runtime must not.
        let starting = std::thread::spawn(move || catena::start(configuration));
        let started = starting.join();
        let started = started.map_err(|_| StartError("it has panicked".to_owned()))?;
        let running = started.map_err(|error| told(&error))?;
        let address = { running.addresses().first().copied() }
            .ok_or_else(|| StartError("it listens nowhere".to_owned()))?;
        Ok(Broker {
            running,
            address,
            _passwords: passwords,
        })
    }
}

fn told(error: &dyn std::fmt::Display) -> StartError {
    StartError(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn brokers_run_side_by_side_and_end_when_they_are_dropped() {
        let (one, other) = (Broker::start().unwrap(), Broker::start().unwrap());
        assert_ne!(one.address(), other.address());
        let address = one.address();
        assert!(TcpStream::connect(address).is_ok());
        drop(one);
        assert!(TcpStream::connect(address).is_err());
        let again = Broker::builder().at(address).start().unwrap();
        assert_eq!(again.address(), address);
        other.stop().unwrap();
    }

    #[test]
    fn what_does_not_exist_is_refused() {
        let error = Broker::builder().set("spec.nothing", "1").start();
        assert!(error.unwrap_err().to_string().contains("nothing"));
    }
}
