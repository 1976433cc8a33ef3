//! No text whatever makes the parser panic, and what it accepts can be explained.

use catena_resources::{Override, OverrideSource, Overrides, Source, parse, parse_with};
use proptest::prelude::*;

const DOCUMENTS: [&str; 3] = [
    include_str!("documents/seed.yaml"),
    include_str!("documents/early.yaml"),
    include_str!("documents/current.yaml"),
];

/// One change to a text. Places are fractions of the text, since it changes its length.
#[derive(Clone, Debug)]
enum Mutation {
    Remove { at: f64, characters: usize },
    Insert { at: f64, text: String },
    CopyLine { from: f64, to: f64 },
    RemoveLine { at: f64 },
    ReplaceValue { at: f64, value: String },
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let place = || 0.0..1.0_f64;
    let value = prop_oneof![
        Just("-1".to_owned()),
        Just("0".to_owned()),
        Just("18446744073709551616".to_owned()),
        Just("340282366920938463463374607431768211456".to_owned()),
        Just(".inf".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just("~".to_owned()),
        Just("&a [*a]".to_owned()),
        Just("!!binary aGk=".to_owned()),
        Just("{ 1: 2, [a]: b }".to_owned()),
        Just("é\u{0}\u{fffd}".to_owned()),
        any::<String>(),
    ];
    prop_oneof![
        (place(), 1..20_usize).prop_map(|(at, characters)| Mutation::Remove { at, characters }),
        (place(), ".{0,12}").prop_map(|(at, text)| Mutation::Insert { at, text }),
        (place(), place()).prop_map(|(from, to)| Mutation::CopyLine { from, to }),
        place().prop_map(|at| Mutation::RemoveLine { at }),
        (place(), value).prop_map(|(at, value)| Mutation::ReplaceValue { at, value }),
    ]
}

fn index(length: usize, at: f64) -> usize {
    ((length as f64 * at) as usize).min(length.saturating_sub(1))
}

fn mutate(text: &str, mutation: &Mutation) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut characters: Vec<char> = text.chars().collect();
    if lines.is_empty() {
        return "a: b".to_owned();
    }
    match mutation {
        Mutation::Remove {
            at,
            characters: count,
        } => {
            let start = index(characters.len(), *at);
            let end = (start + count).min(characters.len());
            characters.drain(start..end);
            return characters.into_iter().collect();
        }
        Mutation::Insert { at, text } => {
            let start = index(characters.len(), *at);
            characters.splice(start..start, text.chars());
            return characters.into_iter().collect();
        }
        Mutation::CopyLine { from, to } => {
            let line = lines[index(lines.len(), *from)].clone();
            lines.insert(index(lines.len(), *to), line);
        }
        Mutation::RemoveLine { at } => {
            lines.remove(index(lines.len(), *at));
        }
        Mutation::ReplaceValue { at, value } => {
            let start = index(lines.len(), *at);
            if let Some((name, _)) = lines[start].split_once(':') {
                lines[start] = format!("{name}: {value}");
            }
        }
    }
    lines.join("\n")
}

fn check(text: String) {
    let source = Source {
        name: "mutated.yaml".into(),
        text,
    };
    match parse(std::slice::from_ref(&source)) {
        Ok(configuration) => {
            assert!(!configuration.explain().is_empty());
            assert!(!configuration.listeners.is_empty());
        }
        Err(diagnostics) => {
            assert!(!diagnostics.is_empty());
            for diagnostic in diagnostics {
                let line = diagnostic.render();
                assert!(line.starts_with("mutated.yaml"), "{line}");
                assert!(!line.contains('\n'), "{line}");
            }
        }
    }
    let overrides = Overrides {
        broker: vec![Override {
            path: "spec.catena.limits.connections".into(),
            value: "5".into(),
            source: OverrideSource::Flag("--set".into()),
        }],
        ..Overrides::default()
    };
    let _ = parse_with(&[source], &overrides);
}

proptest! {
    #[test]
    fn mutated_documents(
        document in 0..DOCUMENTS.len(),
        mutations in prop::collection::vec(mutation(), 1..6),
    ) {
        let text = DOCUMENTS[document].to_owned();
        check(mutations.iter().fold(text, |text, mutation| mutate(&text, mutation)));
    }

    #[test]
    fn any_text(text in any::<String>()) {
        check(text);
    }
}
