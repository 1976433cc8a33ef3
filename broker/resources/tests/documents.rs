//! Documents of every era, and what becomes of each of their fields.

use catena_resources::{Configuration, Origin, Source, parse};

fn read(name: &str, text: &str) -> Configuration {
    let source = Source {
        name: name.into(),
        text: text.into(),
    };
    match parse(&[source]) {
        Ok(configuration) => configuration,
        Err(diagnostics) => {
            let lines: Vec<String> = diagnostics.iter().map(|one| one.render()).collect();
            assert_eq!(lines, Vec::<String>::new());
            Configuration::default()
        }
    }
}

/// Every setting that is not a default, then the notes.
fn summary(configuration: &Configuration) -> String {
    let settings = configuration.explain();
    let said = settings
        .iter()
        .filter(|setting| setting.origin != Origin::Default);
    let said = said.map(|one| format!("{} = {} ({})", one.path, one.value, one.origin));
    let notes = configuration.notes.iter().map(|note| note.render());
    said.chain(notes).collect::<Vec<String>>().join("\n")
}

#[test]
fn seed_era() {
    let configuration = read("seed.yaml", include_str!("documents/seed.yaml"));
    let said = summary(&configuration);
    insta::assert_snapshot!(said);
}

#[test]
fn before_the_seed_era() {
    let configuration = read("early.yaml", include_str!("documents/early.yaml"));
    let said = summary(&configuration);
    insta::assert_snapshot!(said);
}

#[test]
fn current_with_every_field() {
    let configuration = read("current.yaml", include_str!("documents/current.yaml"));
    let said = summary(&configuration);
    insta::assert_snapshot!(said);
    let materials: Vec<String> = configuration
        .materials()
        .iter()
        .map(|m| m.to_string())
        .collect();
    insta::assert_snapshot!(materials.join("\n"), @"
    secrets/factory-server-cert/tls.crt
    secrets/factory-server-cert/tls.key
    secrets/made-by-the-cluster/tls.crt
    secrets/made-by-the-cluster/tls.key
    secrets/more-passwords/*
    ");
}

#[test]
fn documents_may_stand_in_several_files_in_any_order() {
    let text = include_str!("documents/current.yaml");
    let mut sources: Vec<Source> = text
        .split("\n---\n")
        .enumerate()
        .map(|(index, text)| Source {
            name: format!("{index}.yaml"),
            text: text.into(),
        })
        .collect();
    let one = read("current.yaml", text);
    sources.reverse();
    let several = parse(&sources).unwrap();
    assert_eq!(several.broker, one.broker);
    assert_eq!(several.authentications[0].methods.len(), 2);
    let endpoints = |configuration: &Configuration| -> Vec<String> {
        let listeners = configuration.listeners.iter();
        listeners
            .map(|listener| listener.endpoint.to_string())
            .collect()
    };
    assert_eq!(endpoints(&several), endpoints(&one));
}
