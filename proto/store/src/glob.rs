//! Patterns over bytes: `*` any run, `?` exactly one, `[0-9]` one from a set; all else is literal.
//!
//! A bracket that is never closed, and an empty one, stand for themselves.

/// Whether the pattern matches the whole text.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    matches_counted(pattern, text, &mut 0)
}

/// As [`matches()`], adding the number of comparisons to `steps`: at most pattern times text.
pub fn matches_counted(pattern: &[u8], text: &[u8], steps: &mut u64) -> bool {
    let (mut at, mut seen) = (0, 0);
    // After a star: where the pattern goes on, and the text that the star does not cover yet.
    // Only the last star needs to be tried again: what earlier ones cover can stay as it is.
    let mut star: Option<(usize, usize)> = None;
    loop {
        *steps += 1;
        if pattern.get(at) == Some(&b'*') {
            at += 1;
            star = Some((at, seen));
            continue;
        }
        if seen == text.len() && at == pattern.len() {
            return true;
        }
        let step = text.get(seen).and_then(|byte| one(&pattern[at..], *byte));
        if let Some(width) = step {
            at += width;
            seen += 1;
        } else if let Some((after, from)) = star.filter(|(_, from)| *from < text.len()) {
            star = Some((after, from + 1));
            at = after;
            seen = from + 1;
        } else {
            return false;
        }
    }
}

/// How much of the pattern matches this one byte; `None` if it does not.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern.first()? {
        b'?' => Some(1),
        b'[' => match set(pattern) {
            Some(set) => contains(set, byte).then_some(set.len() + 2),
            None => (byte == b'[').then_some(1),
        },
        literal => (*literal == byte).then_some(1),
    }
}

/// What stands between `[` at the start and the next `]`, if that is something.
fn set(pattern: &[u8]) -> Option<&[u8]> {
    let inside = pattern.get(1..)?;
    let close = inside.iter().position(|byte| *byte == b']')?;
    inside.get(..close).filter(|set| !set.is_empty())
}

fn contains(mut set: &[u8], byte: u8) -> bool {
    loop {
        match set {
            [first, b'-', last, rest @ ..] => {
                if (*first..=*last).contains(&byte) {
                    return true;
                }
                set = rest;
            }
            [single, rest @ ..] => {
                if *single == byte {
                    return true;
                }
                set = rest;
            }
            [] => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        for text in yes {
            assert!(
                matches(pattern.as_bytes(), text.as_bytes()),
                "{pattern} {text}"
            );
        }
        for text in no {
            assert!(
                !matches(pattern.as_bytes(), text.as_bytes()),
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn patterns_match_whole_texts() {
        check("*", &["", "a", "a/b"], &[]);
        check(
            "colors/*",
            &["colors/", "colors/a/b"],
            &["colors", "xcolors/a"],
        );
        check("char?", &["chars"], &["char", "charss"]);
        check(
            "number[0-9]",
            &["number0", "number9"],
            &["number", "numbera", "number10"],
        );
        check("[a-cx]z", &["az", "cz", "xz"], &["dz", "-z", "z"]);
        check(
            "a*b*c",
            &["abc", "aXbYbZc", "abbcc"],
            &["ab", "acb", "abcd"],
        );
        check("*a", &["a", "aaa", "ba"], &["", "ab"]);
        check("", &[""], &["a"]);
    }

    #[test]
    fn a_bracket_without_a_set_stands_for_itself() {
        check("a[b", &["a[b"], &["ab"]);
        check("a[]", &["a[]"], &["a"]);
        check("[-a]", &["-", "a"], &["b"]);
        check("[a-]", &["-", "a"], &["b"]);
        check("[z-a]", &[], &["z", "a", "m", "-"]);
        check("[*]", &["*"], &["a"]);
    }

    #[test]
    fn the_worst_pattern_takes_no_more_than_pattern_times_text() {
        let pattern = b"*a".repeat(100);
        let text = [b"a".repeat(1_000), b"b".to_vec()].concat();
        let mut steps = 0;
        assert!(!matches_counted(&pattern, &text, &mut steps));
        assert!(steps <= (pattern.len() * text.len()) as u64, "{steps}");
    }

    /// By trying everything.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', rest @ ..] => (0..=text.len()).any(|end| naive(rest, &text[end..])),
            _ => text.split_first().is_some_and(|(byte, others)| {
                one(pattern, *byte).is_some_and(|width| naive(&pattern[width..], others))
            }),
        }
    }

    proptest! {
        #[test]
        fn it_finds_what_trying_everything_finds(
            pattern in "[ab*?\\[\\]-]{0,8}",
            text in "[ab\\[-]{0,8}",
        ) {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(matches(pattern, text), naive(pattern, text));
        }
    }
}
