//! How each client program is found and, where it needs that, built.

use std::path::PathBuf;
use std::process::Command;

use crate::tools::{self, Once};

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

    /// Eclipse Paho for C, compiled here.
    ///
    /// # Errors
    ///
    /// How to bring the library, if it is not there, or what the compiler says.
    pub fn c() -> anyhow::Result<Self> {
        static BUILT: Once = Once::new();
        tools::present("/usr/include/MQTTClient.h".into(), BRING)?;
        let built = tools::built(&BUILT, "paho-c", |output| {
            let mut compiler = Command::new(tools::present("cc".into(), BRING)?);
            let folder = tools::clients().join("c");
            compiler.args([
                "-std=c11",
                "-D_GNU_SOURCE",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-O1",
            ]);
            compiler.arg("-o").arg(output);
            compiler
                .arg(folder.join("main.c"))
                .arg(folder.join("peer.c"));
            compiler.args(["-lpaho-mqtt3cs", "-lpthread", "-rdynamic"]);
            Ok(compiler)
        })?;
        Self::binary(built)
    }

    /// Eclipse Paho for Go, compiled here.
    ///
    /// # Errors
    ///
    /// How to bring Go and the libraries, if they are not there, or what the compiler says.
    pub fn go() -> anyhow::Result<Self> {
        static BUILT: Once = Once::new();
        let built = tools::built(&BUILT, "paho-go", |output| {
            let mut go = Command::new(tools::present("go".into(), BRING)?);
            go.current_dir(tools::clients().join("go"));
            go.args(["build", "-mod=readonly", "-o"])
                .arg(output)
                .arg(".");
            go.env("GOPATH", tools::libraries().join("go"))
                .env("GOTOOLCHAIN", "auto");
            Ok(go)
        })?;
        Self::binary(built)
    }

    /// HiveMQ's Java client, compiled here.
    ///
    /// # Errors
    ///
    /// How to bring Java and the library, if they are not there, or what the compiler says.
    pub fn java() -> anyhow::Result<Self> {
        static BUILT: Once = Once::new();
        let libraries = tools::libraries().join("java");
        tools::present(libraries.clone(), BRING)?;
        let libraries = libraries.join("*").display().to_string();
        let classes = tools::built(&BUILT, "hivemq", |output| {
            let mut javac = Command::new(tools::present("javac".into(), BRING)?);
            let folder = tools::clients().join("java");
            // The other sources are found from this one.
            javac
                .arg("-cp")
                .arg(&libraries)
                .arg("-sourcepath")
                .arg(&folder);
            javac
                .arg("-d")
                .arg(output)
                .arg(folder.join("Scenarios.java"));
            Ok(javac)
        })?;
        let path = format!("{}:{libraries}", classes.display());
        let arguments = ["-XX:TieredStopAtLevel=1", "-cp", &path, "Scenarios"];
        Ok(Self {
            path: tools::present("java".into(), BRING)?,
            arguments: arguments.map(str::to_owned).into(),
            variables: Vec::new(),
        })
    }

    /// MQTT.js.
    ///
    /// # Errors
    ///
    /// How to bring Node.js and the library, if they are not there.
    pub fn node() -> anyhow::Result<Self> {
        let modules = tools::libraries().join("node/node_modules");
        tools::present(modules.join("mqtt"), BRING)?;
        let script = tools::clients().join("node/client.js");
        Ok(Self {
            path: tools::present("node".into(), BRING)?,
            arguments: vec![script.display().to_string()],
            variables: vec![("NODE_PATH", modules)],
        })
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
