//! Password files for a broker that has users.

use std::fmt::Write as _;
use std::fs;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

/// Rounds of hashing: few, for tests are to be quick, and their passwords are no secrets.
const ROUNDS: u32 = 1;

/// Writes a file for these users and passwords, in the form of mosquitto_passwd.
pub(crate) fn write(users: &[(String, String)]) -> io::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let mut text = String::new();
    for (user, password) in users {
        let salt = user.as_bytes();
        let mut hash = [0; 64];
        pbkdf2::pbkdf2_hmac::<sha2::Sha512>(password.as_bytes(), salt, ROUNDS, &mut hash);
        let (salt, hash) = (STANDARD.encode(salt), STANDARD.encode(hash));
        // Writing into a string does not fail.
        let _ = writeln!(text, "{user}:$7${ROUNDS}${salt}${hash}");
    }
    fs::write(folder.path().join("users"), text)?;
    Ok(folder)
}
