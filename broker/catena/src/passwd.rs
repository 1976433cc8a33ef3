//! `catena passwd`: makes and changes password files.

mod file;
mod hash;
mod prompt;

use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};

use crate::exit::{Exit, UsageError};
use crate::{load, store};
pub(crate) use file::PasswordFile;

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
    file::check_user(user).map_err(|message| anyhow!(UsageError(message)))?;
    let existing = if arguments.create {
        None
    } else {
        load::optional_file(path).map_err(|message| anyhow!("{} {message}", path.display()))?
    };
    let exists = existing.is_some();
    let mut file = match PasswordFile::parse(&existing.unwrap_or_default()) {
        Ok(file) => file,
        Err(problems) => {
            for problem in &problems {
                let (line, message) = (problem.line, &problem.message);
                crate::cli::say(&format!("{}:{line}: {message}", path.display()));
            }
            bail!("{} is malformed and was not changed", path.display());
        }
    };
    if arguments.delete {
        if !exists {
            bail!("there is no file {}", path.display());
        }
        if !file.remove(user) {
            bail!("{} has no user {user:?}", path.display());
        }
    } else {
        file.insert(user, &hash::argon2id(&password(arguments)?)?);
    }
    store::replace(path, file.text().as_bytes())
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
