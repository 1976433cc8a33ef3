//! One stored password, in the forms that are in use: argon2id as `catena passwd` writes it, and
//! the two forms of mosquitto's password files.

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha512};

/// Rounds of PBKDF2 above which a line is refused: checking it would take minutes.
const ROUNDS_MAX: u32 = 10_000_000;
/// Memory of argon2id above which a line is refused: one login must not take all there is.
const MEMORY_KIB_MAX: u32 = 1 << 20;
/// Passes of argon2id above which a line is refused, as for [`ROUNDS_MAX`].
const PASSES_MAX: u32 = 64;
/// The longest salt, in bytes; mosquitto has 12 or 64.
const SALT_BYTES_MAX: usize = 64;
const SHA512_BYTES: usize = 64;

/// A stored password.
#[derive(Clone)]
pub(crate) enum StoredPassword {
    /// `$argon2id$v=19$m=..,t=..,p=..$salt$hash`
    Argon2(PasswordHash),
    /// `$7$rounds$salt$hash`: PBKDF2 with HMAC-SHA-512.
    Pbkdf2 {
        rounds: u32,
        salt: Vec<u8>,
        hash: [u8; SHA512_BYTES],
    },
    /// `$6$salt$hash`: SHA-512 of password and salt. Fast, so weak; only read, never written.
    Sha512 {
        salt: Vec<u8>,
        hash: [u8; SHA512_BYTES],
    },
}

/// Why a text is no stored password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Neither of the known forms.
    #[error(
        "expected a hash that `catena passwd` or mosquitto_passwd makes ($argon2id$, $7$ or \
         $6$); passwords in plain text are refused"
    )]
    UnknownForm,
    /// An argon2 hash that cannot be used.
    #[error("malformed or incomplete argon2id hash")]
    Argon2,
    /// An argon2 hash that takes too much to check.
    #[error("argon2id hash that needs more than {MEMORY_KIB_MAX} KiB or {PASSES_MAX} passes")]
    Costly,
    /// A number of rounds that is none, or too large.
    #[error("number of rounds must be 1 to {ROUNDS_MAX}")]
    Rounds,
    /// Salt or hash are no base64, or of a wrong length.
    #[error("salt or hash is not base64 of the right length")]
    Encoding,
    /// The system has no random numbers, or the password is too long.
    #[error("cannot hash this password")]
    Hashing,
}

/// Hashes a password with argon2id and a random salt, as it is written to a password file.
///
/// # Errors
/// [`HashError::Hashing`].
pub fn hash_password(password: &[u8]) -> Result<String, HashError> {
    let hash = Argon2::default()
        .hash_password(password)
        .map_err(|_| HashError::Hashing)?;
    Ok(hash.to_string())
}

impl StoredPassword {
    /// Reads a stored password.
    pub(crate) fn parse(text: &str) -> Result<Self, HashError> {
        if text.starts_with("$argon2id$") {
            let hash = PasswordHash::new(text).map_err(|_| HashError::Argon2)?;
            let costs = argon2::Params::try_from(&hash).map_err(|_| HashError::Argon2)?;
            if costs.m_cost() > MEMORY_KIB_MAX || costs.t_cost() > PASSES_MAX {
                return Err(HashError::Costly);
            }
            let is_complete = hash.salt.is_some() && hash.hash.is_some();
            return if is_complete {
                Ok(Self::Argon2(hash))
            } else {
                Err(HashError::Argon2)
            };
        }
        let parts: Vec<&str> = text.split('$').collect();
        match parts[..] {
            ["", "7", rounds, salt, hash] => {
                let rounds = rounds.parse().map_err(|_| HashError::Rounds)?;
                if !(1..=ROUNDS_MAX).contains(&rounds) {
                    return Err(HashError::Rounds);
                }
                Ok(Self::Pbkdf2 {
                    rounds,
                    salt: decode_salt(salt)?,
                    hash: decode_hash(hash)?,
                })
            }
            ["", "6", salt, hash] => Ok(Self::Sha512 {
                salt: decode_salt(salt)?,
                hash: decode_hash(hash)?,
            }),
            _ => Err(HashError::UnknownForm),
        }
    }

    /// Whether this is the password. Takes as long for a wrong one.
    pub(crate) fn matches(&self, password: &[u8]) -> bool {
        match self {
            Self::Argon2(hash) => Argon2::default().verify_password(password, hash).is_ok(),
            Self::Pbkdf2 { rounds, salt, hash } => {
                let mut computed = [0; SHA512_BYTES];
                pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, *rounds, &mut computed);
                is_equal(&computed, hash)
            }
            Self::Sha512 { salt, hash } => {
                let computed = Sha512::new()
                    .chain_update(password)
                    .chain_update(salt)
                    .finalize();
                is_equal(&computed, hash)
            }
        }
    }
}

impl fmt::Debug for StoredPassword {
    /// Shows the form only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Argon2(_) => "argon2id",
            Self::Pbkdf2 { .. } => "pbkdf2-sha512",
            Self::Sha512 { .. } => "sha512",
        })
    }
}

fn decode_salt(text: &str) -> Result<Vec<u8>, HashError> {
    let salt = STANDARD.decode(text).map_err(|_| HashError::Encoding)?;
    if salt.is_empty() || salt.len() > SALT_BYTES_MAX {
        return Err(HashError::Encoding);
    }
    Ok(salt)
}

fn decode_hash(text: &str) -> Result<[u8; SHA512_BYTES], HashError> {
    let hash = STANDARD.decode(text).map_err(|_| HashError::Encoding)?;
    hash.try_into().map_err(|_| HashError::Encoding)
}

/// Compares in a time that does not tell where the first difference is.
fn is_equal(a: &[u8], b: &[u8; SHA512_BYTES]) -> bool {
    let difference = a
        .iter()
        .zip(b)
        .fold(0, |difference, (a, b)| difference | (a ^ b));
    a.len() == b.len() && std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with Python's hashlib, salt 0 to 11.
    const PBKDF2: &str = concat!(
        "$7$101$AAECAwQFBgcICQoL$lp0Cm29zl+CI/RXyXDKvLye7OxM3OuE6RMzgXTX/f3imS/",
        "pFh2Ur7yarLDpKRUKpB0tOj6l0UrRv41zqxmD4tg==",
    );
    const SHA512: &str = concat!(
        "$6$AAECAwQFBgcICQoL$ar+XH3NNTNOUpS6HxT7wJQ7ds+ZxqyYJ2zfKHmhw8h+qJlh3Mm",
        "HmNhRmlAxyoX090FBK4cSkvxTvZBcCvT6LMQ==",
    );

    #[test]
    fn mosquittos_hashes_are_understood() {
        let stored = StoredPassword::parse(PBKDF2).unwrap();
        assert!(stored.matches(b"correct horse") && !stored.matches(b"correct hors"));
        let stored = StoredPassword::parse(SHA512).unwrap();
        assert!(stored.matches(b"battery staple") && !stored.matches(b""));
    }

    #[test]
    fn our_own_hash_is_salted_and_verifies() {
        let (first, second) = (
            hash_password(b"secret").unwrap(),
            hash_password(b"secret").unwrap(),
        );
        assert_ne!(first, second);
        let stored = StoredPassword::parse(&first).unwrap();
        assert!(stored.matches(b"secret") && !stored.matches(b"Secret"));
        assert_eq!(format!("{stored:?}"), "argon2id");
    }

    #[test]
    fn anything_else_is_refused() {
        let check = |text: &str, error| {
            assert_eq!(StoredPassword::parse(text).err(), Some(error), "{text}");
        };
        check("", HashError::UnknownForm);
        check("secret", HashError::UnknownForm);
        check("$1$abc$def", HashError::UnknownForm);
        check("$7$101$AAAA", HashError::UnknownForm);
        check("$7$0$AAAA$AAAA", HashError::Rounds);
        check("$7$99999999$AAAA$AAAA", HashError::Rounds);
        check("$7$101$AAAA$AAAA", HashError::Encoding);
        check("$6$$AAAA", HashError::Encoding);
        check(&SHA512[..SHA512.len() - 4], HashError::Encoding);
        check(
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ",
            HashError::Argon2,
        );
        check(
            "$argon2id$v=19$m=1,t=0,p=1$c2FsdHNhbHQ$AAAA",
            HashError::Argon2,
        );
        let sum = "c2FsdHNhbHQ$8iIuixkI73Js3G1uMbezQXD0b8LG4SXGsOwoQkdAQIM";
        let costly = |costs: &str| format!("$argon2id$v=19${costs}${sum}");
        check(&costly("m=99999999,t=2,p=1"), HashError::Costly);
        check(&costly("m=16,t=65,p=1"), HashError::Costly);
    }
}
