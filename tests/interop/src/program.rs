//! How each client program is found and, where it needs that, built.

use std::path::PathBuf;

use crate::tools;

/// How a client program is started; the arguments of `clients/README.md` go behind these.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// What is run.
    pub path: PathBuf,
    /// What stands before all other arguments.
    pub arguments: Vec<String>,
    /// Variables that it needs.
    pub variables: Vec<(&'static str, PathBuf)>,
}

impl Program {
    /// A program that needs nothing else.
    pub fn binary(path: impl Into<PathBuf>) -> anyhow::Result<Self> {
        let path = path.into();
        Ok(Self {
            path,
            ..Self::default()
        })
    }

    /// Mosquitto's command-line clients, driven by a shell script.
    ///
    /// # Errors
    ///
    /// How to bring them, if they are not there.
    pub fn mosquitto() -> anyhow::Result<Self> {
        tools::present("mosquitto_sub".into(), BRING)?;
        Self::binary(tools::clients().join("mosquitto/client.sh"))
    }

    /// A script of `clients/python`.
    ///
    /// # Errors
    ///
    /// How to bring Python and its libraries, if they are not there.
    pub fn python(script: &str) -> anyhow::Result<Self> {
        let path = tools::libraries().join("python/bin/python");
        let script = tools::clients().join("python").join(script);
        Ok(Self {
            path: tools::present(path, BRING)?,
            // No compiled files in the source tree.
            arguments: vec!["-B".to_owned(), script.display().to_string()],
            variables: Vec::new(),
        })
    }
}

/// The command that brings all tools.
const BRING: &str = ".ci/tools interop";
