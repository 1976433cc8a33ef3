//! What counts as an item, and what as a test.

use super::{ItemKind, Source};

#[track_caller]
fn names(text: &str) -> Vec<(String, usize, usize)> {
    let items = Source::parse(text).items;
    items
        .into_iter()
        .map(|item| (item.name, item.first, item.last))
        .collect()
}

#[test]
fn functions_are_measured_from_keyword_to_closing_brace() {
    let text = "/// {\npub fn a(x: [u8; 4]) -> &'static str\nwhere\n    T: B,\n{\n    \"}\"\n}\n";
    assert_eq!(names(text), [("a".to_owned(), 2, 7)]);
}

#[test]
fn signatures_and_function_pointers_are_no_functions() {
    assert!(names("trait T {\n    fn a(&self);\n}\ntype F = fn(u8) -> u8;\n").is_empty());
}

#[test]
fn constants_and_const_functions_are_told_apart() {
    let text = "const A: &[u8] = &[\n    1,\n];\nconst fn b() {\n}\nconst _: () = assert!(true);\n";
    let source = Source::parse(text);
    let found: Vec<_> = source
        .items
        .iter()
        .map(|i| (i.kind, i.name.as_str(), i.last))
        .collect();
    let expected = [
        (ItemKind::Value, "A", 3),
        (ItemKind::Function, "b", 5),
        (ItemKind::Value, "_", 6),
    ];
    assert_eq!(found, expected);
}

#[test]
fn lines_for_tests_only_are_known() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn b() {}\n}\nfn c() {}\n";
    let source = Source::parse(text);
    let lines: Vec<_> = (1..=7).filter(|&line| source.is_test_line(line)).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6]);
    let tests: Vec<_> = source.items.iter().filter(|item| item.is_test).collect();
    assert_eq!(tests.len(), 1);
    assert_eq!(tests[0].name, "b");
}

#[test]
fn conditions_that_mention_other_things_count_and_negated_ones_do_not() {
    let text =
        "#[cfg(any(test, feature = \"validate\"))]\nfn a() {}\n#[cfg(not(test))]\nfn b() {}\n";
    let source = Source::parse(text);
    assert!(source.is_test_line(2));
    assert!(!source.is_test_line(4));
}

#[test]
fn modules_for_tests_in_files_of_their_own_are_known() {
    let text = "#[cfg(test)]\n#[path = \"x.rs\"]\nmod cases;\nmod other;\n";
    assert_eq!(Source::parse(text).test_modules, ["cases"]);
}

#[test]
fn an_attribute_with_arguments_makes_a_test() {
    let text = "#[tokio::test(flavor = \"current_thread\")]\nasync fn a() {\n}\n";
    assert!(Source::parse(text).items[0].is_test);
}

#[test]
fn a_line_belongs_to_the_item_around_it_or_below_it() {
    let source = Source::parse("// x\nfn a() {\n    // y\n}\n// z\nconst B: u8 = 1;\n");
    let name = |line| source.item_of(line).map(|item| item.name.as_str());
    assert_eq!(
        [name(1), name(3), name(5), name(7)],
        [Some("a"), Some("a"), Some("B"), None]
    );
}
