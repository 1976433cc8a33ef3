//! Reads as much of a `Cargo.toml` as the rules ask about: sections, keys and their lines.

use std::fs;
use std::io;

use crate::tree;

/// One `key = value` of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The header above it, without brackets.
    pub section: String,
    /// The first part of the key: `tokio` of `tokio.workspace = true`.
    pub key: String,
    /// The rest of the key and the value: `workspace = true`.
    pub value: String,
    /// Its line, from one.
    pub line: usize,
}

impl Entry {
    /// Whether it stands in a section of dependencies that ship with the crate.
    #[must_use]
    pub fn is_dependency(&self) -> bool {
        self.section == "dependencies" || self.section.ends_with(".dependencies")
    }

    /// Whether it stands in a section of dependencies of tests and benches.
    #[must_use]
    pub fn is_dev_dependency(&self) -> bool {
        self.section == "dev-dependencies" || self.section.ends_with(".dev-dependencies")
    }

    /// Whether it takes its value from the workspace.
    #[must_use]
    pub fn is_inherited(&self) -> bool {
        let value: String = self.value.split_whitespace().collect();
        value == "workspace=true" || value.contains("{workspace=true")
    }
}

/// The manifest of one member of the workspace.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The folder from the root of the project.
    pub folder: String,
    /// What it says, in order.
    pub entries: Vec<Entry>,
}

impl Manifest {
    /// The path of the file from the root of the project.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }

    /// The name of the package.
    #[must_use]
    pub fn name(&self) -> &str {
        let name = |e: &&Entry| e.section == "package" && e.key == "name";
        self.entries
            .iter()
            .find(name)
            .map_or("", |e| e.value.trim_matches(['=', ' ', '"']))
    }
}

/// The manifests of all members that the root manifest names.
///
/// # Errors
///
/// When one of them cannot be read.
pub fn members() -> io::Result<Vec<Manifest>> {
    let root = fs::read_to_string(tree::root().join("Cargo.toml"))?;
    let list = root
        .split("members = [")
        .nth(1)
        .and_then(|s| s.split(']').next());
    let folders = list.unwrap_or_default().split('"').skip(1).step_by(2);
    folders
        .map(|folder| {
            let text = fs::read_to_string(tree::root().join(folder).join("Cargo.toml"))?;
            Ok(Manifest {
                folder: folder.to_owned(),
                entries: entries(&text),
            })
        })
        .collect()
}

/// Splits a manifest into its entries.
#[must_use]
pub fn entries(text: &str) -> Vec<Entry> {
    let mut section = String::new();
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            line.trim_matches(['[', ']']).clone_into(&mut section);
        } else if !line.starts_with('#')
            && let Some(end) = line.find(['.', ' ', '='])
        {
            found.push(Entry {
                section: section.clone(),
                key: line[..end].trim_matches('"').to_owned(),
                value: line[end..]
                    .trim_matches(['.', ' '])
                    .trim_start_matches("= ")
                    .to_owned(),
                line: number + 1,
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::entries;

    #[test]
    fn keys_and_sections_are_told_apart() {
        let text = "[package]\nname = \"a\"\nedition.workspace = true\n\n[dependencies]\n# b\n\
                    c = { workspace = true, features = [\"d\"] }\ne = \"1\"\n";
        let found = entries(text);
        let keys: Vec<_> = found.iter().map(|e| (e.key.as_str(), e.line)).collect();
        assert_eq!(keys, [("name", 2), ("edition", 3), ("c", 7), ("e", 8)]);
        let inherited: Vec<_> = found.iter().map(super::Entry::is_inherited).collect();
        assert_eq!(inherited, [false, true, true, false]);
        assert!(found[2].is_dependency() && !found[1].is_dependency());
    }
}
