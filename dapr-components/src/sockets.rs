//! Socket files: there when somebody listens, and gone afterwards.
//!
//! A sidecar waits for ever at a socket file that nobody listens to, and looks for files once. So a
//! file appears under its name when the server behind it is ready, and is removed however the
//! process ends. What another process listens to is never taken away from it.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::Gid;
use tokio::net::UnixListener;

/// The longest path of a socket, in bytes: the kernel has 108 for it and its final NUL.
pub const PATH_BYTES_MAX: usize = 107;

/// For temporary names.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A socket that listens under a temporary name, and shows its own when it is asked to.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
    temporary: PathBuf,
    listener: Option<UnixListener>,
}

/// A socket file under its own name. Dropping it removes the file.
#[derive(Debug)]
pub struct Shown {
    path: PathBuf,
    /// Device and inode: the file of another process is left alone.
    identity: (u64, u64),
}

/// Who may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// The permission bits of the file.
    pub mode: u32,
    /// The group of the file; that of the process by default.
    pub group: Option<u32>,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Longer than a socket's path can be.
    #[error(
        "the socket path {path} has {bytes} bytes, and {PATH_BYTES_MAX} is the most that the \
         system allows: choose a shorter folder (--sockets-folder)"
    )]
    TooLong {
        /// The path.
        path: String,
        /// Its length.
        bytes: usize,
    },
    /// Another process is there.
    #[error("another process listens to {0}: stop it, or choose another name or folder")]
    Taken(PathBuf),
    /// Something that is no socket is there.
    #[error("{0} is there and is no socket: remove it, or choose another name or folder")]
    NoSocket(PathBuf),
    /// The system refuses.
    #[error("cannot {what} {path} (--sockets-folder, --socket-group)")]
    Io {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl Socket {
    /// Listens under a temporary name in the same folder.
    ///
    /// # Errors
    ///
    /// A path that is too long, a name that is taken, or what the system says.
    pub fn bind(folder: &Path, name: &str, access: Access) -> Result<Self, Error> {
        let path = folder.join(name);
        // A sidecar does not look into folders.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let temporary = folder.join(format!(".{}", std::process::id()));
        let temporary = temporary.join(number.to_string());
        let longest = path.as_os_str().len().max(temporary.as_os_str().len());
        if longest > PATH_BYTES_MAX {
            return Err(Error::TooLong {
                path: path.display().to_string(),
                bytes: longest,
            });
        }
        check_free(&path)?;
        let parent = temporary.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(io_error("make the folder", parent))?;
        let bound = Self::listen(&path, &temporary, access);
        if bound.is_err() {
            // What was made is taken back as far as that goes.
            let _ = fs::remove_file(&temporary);
            let _ = fs::remove_dir(parent);
        }
        bound
    }

    fn listen(path: &Path, temporary: &Path, access: Access) -> Result<Self, Error> {
        match fs::remove_file(temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io_error("remove", temporary)(error));
            }
            _ => {}
        }
        let listener = UnixListener::bind(temporary).map_err(io_error("listen to", temporary))?;
        if let Some(group) = access.group {
            rustix::fs::chown(temporary, None, Some(Gid::from_raw(group)))
                .map_err(|error| io_error("give to the group", temporary)(error.into()))?;
        }
        fs::set_permissions(temporary, fs::Permissions::from_mode(access.mode))
            .map_err(io_error("set the permissions of", temporary))?;
        Ok(Self {
            path: path.to_owned(),
            temporary: temporary.to_owned(),
            listener: Some(listener),
        })
    }

    /// The name that it will have.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Shows it under its own name, in place of a file that nobody listens to.
    ///
    /// # Errors
    ///
    /// A name that is taken by now, or what the system says.
    pub fn show(mut self) -> Result<(UnixListener, Shown), Error> {
        check_free(&self.path)?;
        let metadata = fs::metadata(&self.temporary).map_err(io_error("see", &self.temporary))?;
        fs::rename(&self.temporary, &self.path).map_err(io_error("make", &self.path))?;
        let shown = Shown {
            path: self.path.clone(),
            identity: (metadata.dev(), metadata.ino()),
        };
        match self.listener.take() {
            Some(listener) => Ok((listener, shown)),
            None => Err(Error::Taken(self.path.clone())),
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // After `show` there is no such file, and the folder is empty.
        let _ = fs::remove_file(&self.temporary);
        if let Some(folder) = self.temporary.parent() {
            // Another socket of this process may be in it.
            let _ = fs::remove_dir(folder);
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let is_ours = |found: fs::Metadata| (found.dev(), found.ino()) == self.identity;
        if fs::symlink_metadata(&self.path).is_ok_and(is_ours)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "socket file stays");
        }
    }
}

/// Whether a name is free: nothing is there, or a socket that nobody listens to.
fn check_free(path: &Path) -> Result<(), Error> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error("see", path)(error)),
    };
    if !found.file_type().is_socket() {
        return Err(Error::NoSocket(path.to_owned()));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // Somebody listens, or somebody else's socket cannot be told from that.
        Ok(_) | Err(_) => Err(Error::Taken(path.to_owned())),
    }
}

fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { what, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCESS: Access = Access {
        mode: 0o660,
        group: None,
    };

    #[tokio::test]
    async fn a_file_is_there_while_somebody_listens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let socket = Socket::bind(folder.path(), "a.sock", ACCESS).unwrap();
        assert!(!path.exists());
        let (listener, shown) = socket.show().unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        UnixStream::connect(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        drop((listener, shown));
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_stale_file_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let socket = Socket::bind(folder.path(), "a.sock", ACCESS).unwrap();
        let (_listener, _shown) = socket.show().unwrap();
        let second = Socket::bind(folder.path(), "a.sock", ACCESS);
        assert!(matches!(second, Err(Error::Taken(_))));
        UnixStream::connect(&path).unwrap();
    }

    #[tokio::test]
    async fn the_file_of_a_successor_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let socket = Socket::bind(folder.path(), "a.sock", ACCESS).unwrap();
        let (listener, shown) = socket.show().unwrap();
        drop(listener);
        let successor = Socket::bind(folder.path(), "a.sock", ACCESS).unwrap();
        let (_listener, _shown) = successor.show().unwrap();
        drop(shown);
        UnixStream::connect(&path).unwrap();
    }

    #[tokio::test]
    async fn what_cannot_be_is_said_clearly() {
        let folder = tempfile::tempdir().unwrap();
        let long = "x".repeat(100);
        let error = Socket::bind(folder.path(), &long, ACCESS).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("107") && text.contains("--sockets-folder"),
            "{text}"
        );
        fs::write(folder.path().join("file"), "").unwrap();
        let error = Socket::bind(folder.path(), "file", ACCESS).unwrap_err();
        assert!(matches!(error, Error::NoSocket(_)));
        let missing = Socket::bind(Path::new("/proc/none"), "a.sock", ACCESS);
        assert!(matches!(missing, Err(Error::Io { .. })));
    }
}
