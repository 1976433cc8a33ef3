//! Who may import whom, read from the manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use catena_tidy::findings::Findings;
use catena_tidy::manifest::{Entry, Manifest, members};
use catena_tidy::tree::root;

/// The place of a crate: a crate imports lower layers only, and the siblings named here.
struct Place {
    folder: &'static str,
    layer: u8,
    siblings: &'static [&'static str],
}

const fn place(folder: &'static str, layer: u8, siblings: &'static [&'static str]) -> Place {
    Place {
        folder,
        layer,
        siblings,
    }
}

/// Layer 0 wire, 1 ground, 2 cores, 3 shells, 4 programs, 5 tests.
const PLACES: &[Place] = &[
    place("proto/hlc", 0, &[]),
    place("proto/mqtt", 0, &[]),
    place("proto/rpc", 0, &["catena-hlc"]),
    place("proto/store", 0, &["catena-hlc"]),
    place("proto/dapr", 0, &[]),
    place("broker/types", 1, &[]),
    place("statestore", 1, &["catena-types"]),
    place("broker/connection", 2, &[]),
    place("broker/routing", 2, &[]),
    place("broker/partition", 2, &[]),
    place("broker/resources", 2, &[]),
    place("broker/transport", 3, &[]),
    place("broker/frontend", 3, &["catena-transport"]),
    place("broker/backend", 3, &["catena-transport"]),
    place("broker/telemetry", 3, &[]),
    place("broker/catena", 4, &[]),
    // Beside the broker. Its tests have one.
    place("sdk", 3, &["catena-sdk-testing"]),
    place("samples", 4, &["catena-sdk-testing"]),
    place("dapr-components", 4, &["catena-sdk-testing"]),
];

const TESTS_LAYER: u8 = 5;

/// Generated: what generated code needs is not a matter of ours.
const GENERATED: &str = "proto/dapr";

/// What a crate of layers 0 to 2 may take from others: nothing that waits, locks or asks the
/// machine. A new line here is a decision, with its reason in ARCHITECTURE.md.
const CORE_DEPENDENCIES: &[&str] = &[
    "bytes",
    "foldhash",
    "hashbrown",
    "serde",
    "serde-saphyr",
    "slab",
    "thiserror",
    "tracing",
];

/// Cargo features that may exist: both only add checks, for tests.
const FEATURES: &[&str] = &["validate", "arbitrary"];

#[test]
fn every_crate_has_a_place_and_the_name_of_its_folder() {
    each_manifest(|manifest, findings| {
        let name = manifest.name();
        let folder = manifest.folder.rsplit('/').next().unwrap_or_default();
        if layer_of(manifest).is_none() {
            findings.add(
                &manifest.path(),
                1,
                "give the crate a layer in tests/tidy/tests/layers.rs",
            );
        }
        // What stands in the folder of another crate carries its name as well.
        let path = manifest.folder.replace('/', "-");
        // Two folders would have the same name, or a longer one than their program.
        let named = match &*manifest.folder {
            "proto/dapr" => name == "catena-dapr-proto",
            "dapr-components" => name == "catena-dapr",
            _ => {
                name == folder
                    || name == format!("catena-{folder}")
                    || name == format!("catena-{path}")
            }
        };
        if !named {
            findings.add(
                &manifest.path(),
                1,
                format!("name the crate `catena-{folder}`"),
            );
        }
    });
}

#[test]
fn imports_point_down() {
    let all = members().expect("the manifests are readable");
    let place = |name: &str| all.iter().find(|m| m.name() == name).and_then(layer_of);
    each_manifest(|manifest, findings| {
        let Some(own) = layer_of(manifest) else {
            return;
        };
        let siblings = PLACES
            .iter()
            .find(|p| p.folder == manifest.folder)
            .map(|p| p.siblings);
        for entry in manifest
            .entries
            .iter()
            .filter(|e| e.is_dependency() || e.is_dev_dependency())
        {
            let Some(other) = place(&entry.key) else {
                continue;
            };
            let sibling = siblings.unwrap_or_default().contains(&entry.key.as_str());
            let same_for_tests = entry.is_dev_dependency() && other == own;
            let allowed = other < own || sibling || same_for_tests || own == TESTS_LAYER;
            if !allowed {
                let text = format!(
                    "layer {own} imports `{}` of layer {other}; values come back, calls go down",
                    entry.key
                );
                findings.add(&manifest.path(), entry.line, text);
            }
        }
    });
}

#[test]
fn the_sdk_knows_the_wire_and_not_the_broker() {
    let all = members().expect("the manifests are readable");
    let wire = |name: &str| { all.iter().find(|m| m.name() == name) }.and_then(layer_of) == Some(0);
    each_manifest(|manifest, findings| {
        if manifest.folder != "sdk" {
            return;
        }
        for entry in manifest.entries.iter().filter(|e| e.is_dependency()) {
            if entry.key.starts_with("catena") && !wire(&entry.key) {
                let text = format!("`{}` in the SDK; it knows layer 0 only", entry.key);
                findings.add(&manifest.path(), entry.line, text);
            }
        }
    });
}

#[test]
fn cores_depend_on_nothing_that_waits_or_asks_the_machine() {
    each_manifest(|manifest, findings| {
        if layer_of(manifest).is_none_or(|layer| layer > 2) || manifest.folder == GENERATED {
            return;
        }
        for entry in manifest.entries.iter().filter(|e| e.is_dependency()) {
            let key = entry.key.as_str();
            let ours = key.starts_with("catena-");
            if !ours && !CORE_DEPENDENCIES.contains(&key) {
                let text = format!("`{key}` in a core; move what needs it into a shell");
                findings.add(&manifest.path(), entry.line, text);
            }
        }
    });
}

#[test]
fn the_wire_needs_next_to_nothing() {
    each_manifest(|manifest, findings| {
        if layer_of(manifest) != Some(0) || manifest.folder == GENERATED {
            return;
        }
        for entry in manifest.entries.iter().filter(|e| e.is_dependency()) {
            let ours = entry.key.starts_with("catena-");
            if !ours && !matches!(entry.key.as_str(), "bytes" | "thiserror") {
                let text = format!("`{}` in layer 0; it knows bytes only", entry.key);
                findings.add(&manifest.path(), entry.line, text);
            }
        }
    });
}

#[test]
fn manifests_inherit_from_the_workspace() {
    const INHERITED: &[&str] = &[
        "version",
        "edition",
        "rust-version",
        "license",
        "repository",
        "publish",
    ];
    each_manifest(|manifest, findings| {
        for key in INHERITED {
            let of_key = |e: &&_| is_package_key(e, key);
            match manifest.entries.iter().find(of_key) {
                Some(entry) if entry.is_inherited() => {}
                Some(entry) => {
                    findings.add(
                        &manifest.path(),
                        entry.line,
                        format!("{key}.workspace = true"),
                    );
                }
                None => findings.add(&manifest.path(), 1, format!("add {key}.workspace = true")),
            }
        }
        if !manifest
            .entries
            .iter()
            .any(|e| e.section == "lints" && e.key == "workspace")
        {
            findings.add(&manifest.path(), 1, "add [lints] workspace = true");
        }
        for entry in manifest
            .entries
            .iter()
            .filter(|e| e.is_dependency() || e.is_dev_dependency())
        {
            if !entry.is_inherited() {
                let text = format!("`{}`: name the version in the root manifest", entry.key);
                findings.add(&manifest.path(), entry.line, text);
            }
        }
    });
}

#[test]
fn features_only_add_checks() {
    each_manifest(|manifest, findings| {
        for entry in manifest.entries.iter().filter(|e| e.section == "features") {
            if !FEATURES.contains(&entry.key.as_str()) {
                let text = format!("feature `{}`; one build behaves one way", entry.key);
                findings.add(&manifest.path(), entry.line, text);
            }
        }
        for entry in manifest.entries.iter().filter(|e| e.is_dependency()) {
            let checks =
                entry.value.contains("\"validate\"") || entry.value.contains("\"arbitrary\"");
            if checks && layer_of(manifest).is_some_and(|layer| layer < TESTS_LAYER) {
                let text = "checks are switched on by [dev-dependencies] only";
                findings.add(&manifest.path(), entry.line, text);
            }
        }
    });
}

#[test]
fn every_dependency_is_defended() {
    const PAGE: &str = "ARCHITECTURE.md";
    let page = fs::read_to_string(root().join(PAGE)).unwrap_or_default();
    let rows = page
        .lines()
        .enumerate()
        .skip_while(|(_, line)| *line != "## Dependencies");
    let mut defended = BTreeMap::new();
    for (number, row) in rows.filter(|(_, line)| line.starts_with("| `")) {
        let names = row.split('|').nth(1).unwrap_or_default();
        defended.extend(
            names
                .split('`')
                .skip(1)
                .step_by(2)
                .map(|name| (name, number + 1)),
        );
    }
    let mut findings = Findings::default();
    let mut used = BTreeSet::new();
    for manifest in members().expect("the manifests are readable") {
        for entry in manifest.entries.iter().filter(|e| {
            e.is_dependency() || e.is_dev_dependency() || e.section == "build-dependencies"
        }) {
            used.insert(entry.key.clone());
            let ours = entry.key == "catena" || entry.key.starts_with("catena-");
            if !ours && !defended.contains_key(entry.key.as_str()) {
                let text = format!("`{}`: say in {PAGE} why it is needed", entry.key);
                findings.add(&manifest.path(), entry.line, text);
            }
        }
    }
    for (name, line) in defended.iter().filter(|(name, _)| !used.contains(**name)) {
        findings.add(PAGE, *line, format!("`{name}`: nothing depends on it"));
    }
    assert!(findings.is_empty(), "\n{findings}");
}

fn is_package_key(entry: &Entry, key: &str) -> bool {
    entry.section == "package" && entry.key == key
}

fn layer_of(manifest: &Manifest) -> Option<u8> {
    if manifest.folder.starts_with("tests/") || manifest.folder == "sdk/testing" {
        return Some(TESTS_LAYER);
    }
    PLACES
        .iter()
        .find(|place| place.folder == manifest.folder)
        .map(|place| place.layer)
}

#[expect(
    clippy::expect_used,
    reason = "a tree that cannot be read fails the test"
)]
#[track_caller]
fn each_manifest(rule: impl Fn(&Manifest, &mut Findings)) {
    let mut findings = Findings::default();
    for manifest in members().expect("the manifests are readable") {
        rule(&manifest, &mut findings);
    }
    assert!(findings.is_empty(), "\n{findings}");
}
