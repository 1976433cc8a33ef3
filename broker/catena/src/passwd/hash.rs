//! Hashes of passwords: makes argon2id, and knows which others can be verified.

use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// An argon2id hash with a new salt, as a PHC string.
///
/// # Errors
///
/// When the system has no random numbers.
pub(super) fn argon2id(password: &str) -> anyhow::Result<String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    let hash: PasswordHash = hash.map_err(|error| anyhow::anyhow!("cannot hash: {error}"))?;
    Ok(hash.to_string())
}

/// Whether the broker can verify passwords against this hash.
///
/// # Errors
///
/// What is wrong with it; never the hash itself, which is a secret.
pub(super) fn check(hash: &str) -> Result<(), String> {
    let fields: Vec<&str> = hash.split('$').collect();
    match fields.as_slice() {
        ["", "6", salt, sum] if decodes(salt) && decodes(sum) => Ok(()),
        ["", "7", rounds, salt, sum] if decodes(salt) && decodes(sum) => {
            let rounds: Option<u32> = rounds.parse().ok();
            match rounds {
                Some(1..=ROUNDS_MAX) => Ok(()),
                _ => Err(format!("expected 1 to {ROUNDS_MAX} rounds in a $7$ hash")),
            }
        }
        ["", "argon2id" | "argon2i" | "argon2d", ..] => argon2(hash),
        ["", ..] => Err("the hash is malformed or of a kind that is not known".to_owned()),
        _ => Err(
            "expected a hash that `catena passwd` or mosquitto_passwd makes; \
                  passwords in plain text are refused"
                .to_owned(),
        ),
    }
}

fn argon2(hash: &str) -> Result<(), String> {
    let hash = PasswordHash::new(hash).map_err(|_| "the argon2 hash is malformed".to_owned())?;
    let parameters = argon2::Params::try_from(&hash)
        .map_err(|_| "the argon2 hash has parameters that are not valid".to_owned())?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err("the argon2 hash has no salt or no sum".to_owned());
    }
    if parameters.m_cost() > MEMORY_KIB_MAX || parameters.t_cost() > PASSES_MAX {
        let limits = format!("{MEMORY_KIB_MAX} KiB and {PASSES_MAX} passes");
        return Err(format!("the argon2 hash needs more than {limits}"));
    }
    Ok(())
}

fn decodes(text: &str) -> bool {
    !text.is_empty() && (STANDARD.decode(text).is_ok() || STANDARD_NO_PAD.decode(text).is_ok())
}

/// One login must not take minutes.
const ROUNDS_MAX: u32 = 10_000_000;

/// One login must not take all memory.
const MEMORY_KIB_MAX: u32 = 1 << 20;

/// See [`ROUNDS_MAX`].
const PASSES_MAX: u32 = 64;

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordVerifier;

    use super::*;

    #[test]
    fn a_hash_verifies_its_password_only_and_has_its_own_salt() {
        let (first, second) = (argon2id("secret").unwrap(), argon2id("secret").unwrap());
        assert_ne!(first, second);
        assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        check(&first).unwrap();
        let verify =
            |password: &str| Argon2::default().verify_password(password.as_bytes(), &*first);
        assert!(verify("secret").is_ok());
        assert!(verify("Secret").is_err());
    }

    #[test]
    fn what_cannot_be_verified_is_refused() {
        for hash in [
            "$6$c2FsdA==$aGFzaA==",
            "$7$101$c2FsdA==$aGFzaA==",
            "$argon2id$v=19$m=16,t=2,p=1$c29tZXNhbHQ$8iIuixkI73Js3G1uMbezQXD0b8LG4SXGsOwoQkdAQIM",
        ] {
            assert_eq!(check(hash), Ok(()), "{hash}");
        }
        for hash in [
            "secret",
            "$6$c2FsdA==",
            "$6$!$aGFzaA==",
            "$7$0$c2FsdA==$aGFzaA==",
            "$7$x$c2FsdA==$aGFzaA==",
            "$2y$12$abc",
            "$argon2id$v=19$m=16,t=2,p=1$c29tZXNhbHQ",
            "$argon2id$v=19$m=99999999,t=2,p=1$c29tZXNhbHQ\
             $8iIuixkI73Js3G1uMbezQXD0b8LG4SXGsOwoQkdAQIM",
        ] {
            assert!(check(hash).is_err(), "{hash}");
        }
    }
}
