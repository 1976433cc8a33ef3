//! Checks user names and passwords against password files.

use std::collections::BTreeMap;

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use catena_frontend::worker::Verdict;
use catena_frontend::{Applicant, Authenticator};
use catena_mqtt::ReasonCode;
use sha2::{Digest, Sha512};

use crate::passwd::PasswordFile;

/// The methods of one authentication, all of which are password files. The first decides about
/// whoever sends a user name: later ones are never relevant. The default lets nobody in.
#[derive(Debug, Default)]
pub(crate) struct Login {
    hashes: BTreeMap<String, String>,
}

impl Login {
    pub(crate) fn new(files: Vec<PasswordFile>) -> Self {
        let first = files.into_iter().next().unwrap_or_default();
        let users = first.users();
        let hashes = users.map(|(name, hash)| (name.to_owned(), hash.to_owned()));
        Self {
            hashes: hashes.collect(),
        }
    }

    fn admits(&self, user: Option<&str>, password: Option<&[u8]>) -> bool {
        let (Some(user), Some(password)) = (user, password) else {
            return false;
        };
        match self.hashes.get(user) {
            Some(hash) => verify(hash, password),
            None => {
                // An unknown name takes as long as a known one: names are not to be found out by
                // the time that the answer takes.
                let like = self.hashes.values().next();
                let _ = verify(like.map_or(ANY_HASH, String::as_str), password);
                false
            }
        }
    }
}

impl Authenticator for Login {
    fn authenticate(&self, applicant: &Applicant<'_>) -> Verdict {
        let connect = applicant.connect;
        if self.admits(connect.username.as_deref(), connect.password.as_deref()) {
            Verdict::Accepted
        } else {
            Verdict::Refused(ReasonCode::BadUserNameOrPassword)
        }
    }
}

/// Whether the password is the one of the hash. A hash that is not understood has none.
fn verify(hash: &str, password: &[u8]) -> bool {
    let fields: Vec<&str> = hash.split('$').collect();
    match fields.as_slice() {
        ["", "6", salt, sum] => match (decode(salt), decode(sum)) {
            (Some(salt), Some(sum)) => {
                let made = Sha512::new().chain_update(password).chain_update(salt);
                same(&made.finalize(), &sum)
            }
            _ => false,
        },
        ["", "7", rounds, salt, sum] => match (rounds.parse(), decode(salt), decode(sum)) {
            (Ok(rounds), Some(salt), Some(sum)) => {
                let mut made = vec![0; sum.len()];
                pbkdf2::pbkdf2_hmac::<Sha512>(password, &salt, rounds, &mut made);
                same(&made, &sum)
            }
            _ => false,
        },
        _ => Argon2::default().verify_password(password, hash).is_ok(),
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let padded = STANDARD.decode(text);
    padded.or_else(|_| STANDARD_NO_PAD.decode(text)).ok()
}

/// Compares all bytes, whatever the first ones say.
fn same(left: &[u8], right: &[u8]) -> bool {
    let different = left.iter().zip(right).fold(0, |all, (a, b)| all | (a ^ b));
    !left.is_empty() && left.len() == right.len() && different == 0
}

/// Nobody's.
const ANY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGF0IGFsbA\
                        $nAtP7bNbYR5gZxUpF2CMsDzGCEtAjBPK/s2BSBBW8qY";

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by mosquitto_passwd's algorithms, in Python.
    const SHA512: &str = "$6$MTIzNDU2Nzg5MDEy$\
        bZfv+whQZ/1yDdVb4P8BlqyS8z1Prbr7t+3w6UFsmNp85Hwi9Z3NMZAjHkW9\
        nrd/yW54ZokD+1OkposE5KV3SA==";
    const PBKDF2: &str = "$7$101$MTIzNDU2Nzg5MDEy$\
        h3OGTDkrPBc1IDrkvFUXjghw4dN9103fBdTZDvDSOC4EJPkNbHi3fY2BTXXd\
        1fmFkTQ4lpBRhpsAUEy+yj0eSQ==";

    #[test]
    fn each_kind_of_hash_admits_its_password_only() {
        let text = format!("anna:{SHA512}\nbert:{PBKDF2}\n");
        let login = Login::new(vec![PasswordFile::parse(text.as_bytes()).unwrap()]);
        for user in ["anna", "bert"] {
            assert!(login.admits(Some(user), Some(b"secret")), "{user}");
            assert!(!login.admits(Some(user), Some(b"Secret")), "{user}");
            assert!(!login.admits(Some(user), Some(b"")), "{user}");
            assert!(!login.admits(Some(user), None), "{user}");
        }
        assert!(!login.admits(Some("carl"), Some(b"secret")));
        assert!(!login.admits(None, Some(b"secret")));
        assert!(!login.admits(None, None));
    }

    #[test]
    fn without_a_file_nobody_is_admitted() {
        assert!(!Login::default().admits(Some("anna"), Some(b"secret")));
        assert!(!verify("", b""));
        assert!(!verify("$6$$", b""));
        assert!(!verify("$7$1$$", b""));
    }
}
