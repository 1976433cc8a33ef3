//! rumqttc against a running broker. The command line is that of `clients/README.md`.

mod peer;
mod scenarios;
mod v3;
mod v5;

use std::process::ExitCode;

use anyhow::{Context, bail};

/// Where to connect, and how.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    host: String,
    port: u16,
    v5: bool,
    scenarios: Vec<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let options = options(std::env::args().skip(1))?;
    let mut code = ExitCode::SUCCESS;
    for name in &options.scenarios {
        match scenarios::run(&options, name).await {
            Ok(()) => println!("ok {name}"),
            Err(error) => {
                println!("failed {name}: {error:#}");
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn options(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<Options> {
    let mut options = Options {
        host: "127.0.0.1".to_owned(),
        port: 1883,
        v5: true,
        scenarios: Vec::new(),
    };
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--host" => options.host = value,
            "--port" => options.port = value.parse().context("no such port")?,
            "--version" => options.v5 = value == "5",
            "--scenario" => options.scenarios = value.split(',').map(str::to_owned).collect(),
            other => bail!("no such option here: {other}"),
        }
    }
    Ok(options)
}
