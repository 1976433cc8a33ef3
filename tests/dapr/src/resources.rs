//! The documents that sidecars are given.

use std::fmt::Write;
use std::path::PathBuf;

use crate::scene::Scene;

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
