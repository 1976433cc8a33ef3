//! `docs/reference/configuration.md` tells what the program does.

use std::collections::BTreeSet;

use catena_resources::Configuration;

const PAGE: &str = include_str!("../../../../docs/reference/configuration.md");

#[test]
fn every_field_stands_on_the_page_with_its_default() {
    let settings = Configuration::default().explain().into_iter();
    let expected: BTreeSet<(String, String)> = settings
        .map(|setting| {
            let path = setting.path.trim_start_matches("Broker.");
            let port = "BrokerListener/default.spec.ports[0].";
            (path.trim_start_matches(port).to_owned(), setting.value)
        })
        .collect();
    assert_eq!(rows("| Field"), expected);
}

#[test]
fn every_variable_stands_on_the_page_with_its_flag() {
    let tree = catena::cli::Cli::tree();
    let run = tree.find_subcommand("run").unwrap();
    let expected: BTreeSet<(String, String)> = run
        .get_arguments()
        .filter_map(|argument| {
            let flag = format!("--{}", argument.get_long()?);
            Some((flag, argument.get_env()?.to_str()?.to_owned()))
        })
        .collect();
    assert_eq!(rows("| Flag"), expected);
}

/// The first two columns of the tables that begin so.
fn rows(head: &str) -> BTreeSet<(String, String)> {
    let tables = PAGE.split("\n\n").filter(|part| part.starts_with(head));
    let rows = tables.flat_map(|table| table.lines().skip(2));
    rows.map(|row| {
        let mut columns = row.split('|').map(|column| column.trim().trim_matches('`'));
        let (_, first, second) = (columns.next(), columns.next(), columns.next());
        (first.unwrap().to_owned(), second.unwrap().to_owned())
    })
    .collect()
}
