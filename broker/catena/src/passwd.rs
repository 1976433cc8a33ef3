//! `catena passwd`: makes and changes password files.

mod file;
mod prompt;

use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use catena_frontend::{PasswordFile, hash_password};

use crate::exit::{Exit, UsageError};
use crate::{load, store};

/// Add, change or delete a user of a password file
///
/// Without -b and --stdin the password is asked for. It is stored as an argon2id hash; hashes that
/// mosquitto_passwd made ($6$ and $7$) stay as they are.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The password file; made if it is not there
    file: PathBuf,
    /// The user
    user: String,
    /// The password, with -b
    #[arg(requires = "batch", conflicts_with_all = ["stdin", "delete"])]
    password: Option<String>,
    /// Take the password from the command line, where other users of the host may see it
    #[arg(short, long, requires = "password")]
    batch: bool,
    /// Read the password from standard input, up to the first line end
    #[arg(long, conflicts_with_all = ["batch", "delete"])]
    stdin: bool,
    /// Delete the user
    #[arg(short = 'D', long, conflicts_with_all = ["batch", "create"])]
    delete: bool,
    /// Begin with an empty file, whatever it held
    #[arg(short, long)]
    create: bool,
}

pub(crate) fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let path = &arguments.file;
    let user = arguments.user.as_str();
    PasswordFile::check_name(user).map_err(|error| anyhow!(UsageError(error.to_string())))?;
    let existing = if arguments.create {
        None
    } else {
        load::optional_file(path).map_err(|message| anyhow!("{} {message}", path.display()))?
    };
    if arguments.delete && existing.is_none() {
        bail!("there is no file {}", path.display());
    }
    let existing = existing.unwrap_or_default();
    if let Err(errors) = PasswordFile::parse(&existing) {
        for error in errors {
            let message = format!("{}:{}: {}", path.display(), error.line, error.problem);
            crate::cli::say(&message);
        }
        bail!("{} is malformed and was not changed", path.display());
    }
    let existing = String::from_utf8(existing)?;
    let changed = if arguments.delete {
        let changed = file::without_user(&existing, user);
        changed.ok_or_else(|| anyhow!("{} has no user {user:?}", path.display()))?
    } else {
        let hash = hash_password(password(arguments)?.as_bytes())?;
        file::with_user(&existing, user, &hash)
    };
    store::replace(path, changed.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Exit::OK)
}

fn password(arguments: &Arguments) -> anyhow::Result<String> {
    let password = match &arguments.password {
        Some(password) => password.clone(),
        None if arguments.stdin => prompt::first_line()?,
        None => prompt::twice()?,
    };
    if password.is_empty() {
        return Err(anyhow!(UsageError("the password is empty".to_owned())));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        let message = format!("the password is longer than {PASSWORD_BYTES_MAX} bytes");
        return Err(anyhow!(UsageError(message)));
    }
    Ok(password)
}

/// What the password field of CONNECT has room for.
const PASSWORD_BYTES_MAX: usize = 65_535;
