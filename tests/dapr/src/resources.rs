//! The documents that sidecars are given.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, ensure};

use crate::scene::Scene;
use crate::tools;

/// Writes a component of `samples/dapr/components` into a folder of resources, with another port of
/// the broker and nothing else changed, and gives the folder.
///
/// # Errors
///
/// That there is no such component, or it names no port.
pub fn of_samples(
    scene: &Scene,
    (folder, name): (&str, &str),
    port: u16,
) -> anyhow::Result<PathBuf> {
    let file = format!("{name}.yaml");
    let path = tools::project().join("samples/dapr/components").join(&file);
    let text = fs::read_to_string(&path);
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    let broker = "localhost:1883";
    ensure!(text.contains(broker), "no {broker} in {}", path.display());
    let text = text.replace(broker, &format!("localhost:{port}"));
    scene.write(&format!("{folder}/{file}"), &text)?;
    Ok(scene.path().join(folder))
}

/// A component, as a document.
#[derive(Clone, Debug)]
pub struct Component {
    name: String,
    kind: String,
    metadata: Vec<(String, String)>,
}

impl Component {
    /// A component with a name and a type.
    #[must_use]
    pub fn new(name: &str, kind: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            metadata: Vec::new(),
        }
    }

    /// With a field of metadata.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.metadata.push((name.to_owned(), value.into()));
        self
    }

    /// Writes it into a folder of resources, and gives the folder.
    ///
    /// # Errors
    ///
    /// Whatever hinders writing it.
    pub fn write(&self, scene: &Scene, folder: &str) -> anyhow::Result<PathBuf> {
        let mut text = format!(
            "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{ name: {} }}\n\
             spec:\n  type: {}\n  version: v1\n  metadata:\n",
            self.name, self.kind
        );
        for (name, value) in &self.metadata {
            writeln!(text, "    - {{ name: {name}, value: {value:?} }}")?;
        }
        scene.write(&format!("{folder}/{}.yaml", self.name), &text)?;
        Ok(scene.path().join(folder))
    }
}
