//! The whole effective configuration where no document says anything.

use catena_resources::{Configuration, Origin, parse};

#[test]
fn the_default_configuration() {
    let settings = Configuration::default().explain();
    let lines: Vec<String> = settings
        .iter()
        .map(|setting| format!("{} = {}", setting.path, setting.value))
        .collect();
    let said = lines.join("\n");
    insta::assert_snapshot!(said);
    assert!(
        settings
            .iter()
            .all(|setting| setting.origin == Origin::Default)
    );
}

#[test]
fn no_documents_are_the_default_configuration() {
    let configuration = parse(&[]).unwrap();
    assert_eq!(configuration.explain(), Configuration::default().explain());
    assert_eq!(configuration.listeners.len(), 1);
    let addresses = configuration.listeners[0].endpoint.addresses();
    let expected = [
        "127.0.0.1:1883".parse().unwrap(),
        "[::1]:1883".parse().unwrap(),
    ];
    assert_eq!(addresses, expected);
}
