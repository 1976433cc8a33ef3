//! `docs/reference/configuration.md` and `cli-state.md` tell what the program does.

use std::collections::BTreeSet;

use catena_resources::Configuration;

const STATE_PAGE: &str = include_str!("../../../../docs/reference/cli-state.md");
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

/// The flags that all clients have stand on a page of their own.
#[test]
fn every_command_of_the_store_has_examples_and_its_flags_on_the_page() {
    let tree = catena::cli::Cli::tree();
    let state = tree.find_subcommand("state").unwrap();
    let general: BTreeSet<_> = tree
        .find_subcommand("rr")
        .unwrap()
        .get_arguments()
        .collect();
    let is_own = |flag: &clap::Arg| !general.iter().any(|it| it.get_long() == flag.get_long());
    let mut count = 0;
    for command in state.get_subcommands() {
        let name = command.get_name();
        let examples = command.get_after_help().unwrap().to_string();
        let expected = format!("Examples:\n  catena state {name}");
        assert!(examples.contains(&expected), "{name}");
        assert!(STATE_PAGE.contains(&format!("\n| `{name} ")), "{name}");
        for flag in command.get_arguments().filter(|flag| is_own(flag)) {
            let Some(long) = flag.get_long() else {
                continue;
            };
            assert!(
                STATE_PAGE.contains(&format!("`--{long}")),
                "{name} --{long}"
            );
            count += 1;
        }
    }
    assert!(count > 10, "{count}");
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
