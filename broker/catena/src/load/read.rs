//! Reads one file, up to a limit, and says what hinders that.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The content of a file, and whether everybody on the host may read it.
///
/// # Errors
///
/// What hinders it, in words that go behind the file's name.
pub(super) fn read(path: &Path, bytes_max: u64) -> Result<(Vec<u8>, bool), String> {
    let cannot = |error: io::Error| format!("cannot be read: {}", plain(&error));
    let file = File::open(path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    if metadata.is_dir() {
        return Err("is a folder, expected a file".to_owned());
    }
    let mut bytes = Vec::new();
    let mut limited = file.take(bytes_max + 1);
    limited.read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("is larger than {bytes_max} bytes"));
    }
    Ok((bytes, metadata.permissions().mode() & 0o004 != 0))
}

/// The error without the number that the standard library puts behind it.
pub(crate) fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
