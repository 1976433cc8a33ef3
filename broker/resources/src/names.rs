//! Names of resources, and of the folders and files that stand for secrets and config maps.

use std::fmt;

/// The name of a resource: letters, digits and hyphens.
///
/// GA names are lower-case and 3 to 63 long; seed-era names may have capitals.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceName(String);

impl ResourceName {
    /// What a diagnostic says is expected.
    pub(crate) const EXPECTED: &'static str = "a name of 3 to 63 letters, digits and hyphens that \
        neither begins nor ends with a hyphen";

    /// The name, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let ends = text.starts_with('-') || text.ends_with('-');
        (allowed && !ends && (3..=63).contains(&text.len())).then(|| Self(text.to_owned()))
    }

    /// A name written in this crate.
    pub(crate) fn constant(text: &'static str) -> Self {
        debug_assert!(Self::parse(text).is_some(), "{text} is a name");
        Self(text.to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a secret or config map. As the name of a folder it stays in the folder above.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MaterialName(String);

impl MaterialName {
    /// What a diagnostic says is expected.
    pub(crate) const EXPECTED: &'static str = "a name of 1 to 253 letters, digits, hyphens and \
        dots that begins and ends with a letter or digit";

    /// The name, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let valid = allowed && ends(text.chars().next()) && ends(text.chars().next_back());
        (valid && text.len() <= 253).then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MaterialName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something secret or public that a document names and the program reads.
///
/// Beside the documents there is a folder `secrets` and a folder `configmaps`; in them, one
/// folder for each secret or config map; in that, one file for each key. This is how Kubernetes
/// mounts them, too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Material {
    /// What it is.
    pub kind: MaterialKind,
    /// The folder.
    pub name: MaterialName,
    /// The file in the folder.
    pub key: MaterialKey,
}

/// What a [`Material`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MaterialKind {
    /// To be kept from other users of the host.
    Secret,
    /// Public.
    ConfigMap,
}

impl MaterialKind {
    /// The name of the folder that holds all materials of this kind.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::ConfigMap => "configmaps",
        }
    }
}

/// Which file of a [`Material`]'s folder is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MaterialKey {
    /// The file of this name.
    Named(&'static str),
    /// The only file, whatever its name.
    Only,
}

impl fmt::Display for Material {
    /// The path below the folder of the documents, with `*` for an only file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = match self.key {
            MaterialKey::Named(key) => key,
            MaterialKey::Only => "*",
        };
        write!(f, "{}/{}/{key}", self.kind.folder(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_names() {
        for right in ["abc", "a-b", "Seed-Era", &"a".repeat(63)] {
            assert!(ResourceName::parse(right).is_some(), "{right}");
        }
        for wrong in ["", "ab", "-ab", "ab-", "a_b", "a b", "ä-b", &"a".repeat(64)] {
            assert!(ResourceName::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn material_names_stay_in_their_folder() {
        for right in ["a", "tls.crt", "my-cert", &"a".repeat(253)] {
            assert!(MaterialName::parse(right).is_some(), "{right}");
        }
        for wrong in [
            "",
            ".",
            "..",
            "../a",
            "a/b",
            "a\\b",
            ".a",
            "a\0",
            &"a".repeat(254),
        ] {
            assert!(MaterialName::parse(wrong).is_none(), "{wrong}");
        }
    }
}
