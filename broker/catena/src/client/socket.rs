//! A TCP or Unix domain socket of the tokio runtime.

use std::io;

use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

use super::failure::{Failure, GENERAL};
use super::target::Place;

/// A connected socket.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Connects.
    pub(crate) async fn open(place: &Place) -> Result<Self, Failure> {
        match Self::connect(place).await {
            Ok(socket) => Ok(socket),
            Err(error) => Err(cannot_connect(place, &error)),
        }
    }

    async fn connect(place: &Place) -> io::Result<Self> {
        match place {
            Place::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }
            Place::Unix(path) => UnixStream::connect(path).await.map(Self::Unix),
        }
    }

    /// Waits until it can be read, or also written.
    pub(crate) async fn ready(&self, writing: bool) -> io::Result<()> {
        let interest = if writing {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        };
        match self {
            Self::Tcp(stream) => stream.ready(interest).await.map(drop),
            Self::Unix(stream) => stream.ready(interest).await.map(drop),
        }
    }

    /// Waits until it can be written.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.writable().await,
            Self::Unix(stream) => stream.writable().await,
        }
    }

    /// Reads what is there: `None` if nothing is, 0 at the end of the stream.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        would_block(match self {
            Self::Tcp(stream) => stream.try_read(buffer),
            Self::Unix(stream) => stream.try_read(buffer),
        })
    }

    /// Writes what fits now: `None` if nothing does.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<Option<usize>> {
        would_block(match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            Self::Unix(stream) => stream.try_write(bytes),
        })
    }

    /// Tells the peer that nothing more comes.
    pub(crate) fn finish(&self) -> io::Result<()> {
        let write = std::net::Shutdown::Write;
        match self {
            Self::Tcp(stream) => socket2::SockRef::from(stream).shutdown(write),
            Self::Unix(stream) => socket2::SockRef::from(stream).shutdown(write),
        }
    }
}

fn would_block(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Says what went wrong and what may help.
pub(crate) fn cannot_connect(place: &Place, error: &io::Error) -> Failure {
    let (what, advice) = match error.kind() {
        io::ErrorKind::ConnectionRefused => (
            "connection refused".to_owned(),
            "; is a broker running? `catena run` starts one",
        ),
        io::ErrorKind::NotFound => (
            "no such socket".to_owned(),
            "; is a broker running? `catena run` starts one",
        ),
        io::ErrorKind::TimedOut => ("no answer in time".to_owned(), ""),
        _ => (error.to_string(), ""),
    };
    Failure::new(
        GENERAL,
        format!("cannot connect to {place}: {what}{advice}"),
    )
}
