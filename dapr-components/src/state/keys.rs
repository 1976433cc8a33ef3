//! Under which name the store keeps a Dapr key: what shares a name's leading braces lives in one
//! partition, and only such names can change in one transaction.
//!
//! `docs/reference/dapr-state.md` has the rules and why they are so. What must always hold: two
//! different keys never get the same name, whatever partition keys come with them and however
//! the components that ask are configured.

use std::borrow::Cow;

/// What daprd puts between the parts of a key.
const SEPARATOR: &str = "||";

/// Where a key without `partitionKey` belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartitionBy {
    /// To the text before its first `||`, which is the app ID: an application's keys stay
    /// together.
    Prefix,
    /// To itself, with its name unchanged: keys spread over all partitions.
    Key,
}

/// The name of a key. An empty partition key counts as none.
pub(crate) fn name<'a>(key: &'a str, partition_key: Option<&str>, by: PartitionBy) -> Cow<'a, str> {
    let given = partition_key.filter(|partition| !partition.is_empty());
    let prefix = || key.split_once(SEPARATOR).map(|(prefix, _)| prefix);
    let of_prefix = || prefix().filter(|prefix| !prefix.is_empty());
    match (given, by) {
        (Some(partition), _) => Cow::Owned(placed(partition, key)),
        (None, PartitionBy::Key) => unplaced(key),
        (None, PartitionBy::Prefix) => match of_prefix() {
            Some(prefix) => Cow::Owned(placed(prefix, key)),
            None => unplaced(key),
        },
    }
}

/// A key that begins with its partition is `{partition}||rest`, any other
/// `{partition}||||key`. What begins with `||` is no rest, so that nothing is both.
fn placed(partition: &str, key: &str) -> String {
    let inside = braceless(partition);
    let rest = key.strip_prefix(partition);
    let rest = rest.and_then(|rest| rest.strip_prefix(SEPARATOR));
    match rest.filter(|rest| !rest.starts_with(SEPARATOR)) {
        Some(rest) => format!("{{{inside}}}{SEPARATOR}{rest}"),
        None => format!("{{{inside}}}{SEPARATOR}{SEPARATOR}{key}"),
    }
}

/// A key is its own name, unless it looks like a name that another key has; then it is kept
/// beside that one.
fn unplaced(key: &str) -> Cow<'_, str> {
    match braced(key) {
        Some((inside, _)) => Cow::Owned(format!("{{{inside}}}{SEPARATOR}{SEPARATOR}{key}")),
        None => Cow::Borrowed(key),
    }
}

/// What is inside the braces, and after them, of a text like `{inside}||after`.
fn braced(text: &str) -> Option<(&str, &str)> {
    let (inside, after) = text.strip_prefix('{')?.split_once('}')?;
    let after = after.strip_prefix(SEPARATOR)?;
    (!inside.is_empty()).then_some((inside, after))
}

/// A partition without what would end its braces too early.
fn braceless(partition: &str) -> Cow<'_, str> {
    if partition.contains(['}', '%']) {
        Cow::Owned(partition.replace('%', "%25").replace('}', "%7D"))
    } else {
        Cow::Borrowed(partition)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::PartitionBy::{Key, Prefix};
    use super::*;

    /// The key that has this name: that there is such a function is what makes names unique.
    fn key_of(name: &str) -> String {
        let Some((inside, after)) = braced(name) else {
            return name.to_owned();
        };
        match after.strip_prefix(SEPARATOR) {
            Some(key) => key.to_owned(),
            None => {
                let partition = inside.replace("%7D", "}").replace("%25", "%");
                format!("{partition}{SEPARATOR}{after}")
            }
        }
    }

    /// The store's rule, as docs/reference/state-store.md has it.
    fn place(name: &str) -> &str {
        let inside = |name| {
            let (_, after): (&str, &str) = str::split_once(name, '{')?;
            let (inside, _) = after.split_once('}')?;
            (!inside.is_empty()).then_some(inside)
        };
        inside(name).unwrap_or(name)
    }

    #[track_caller]
    fn check(key: &str, partition_key: Option<&str>, by: PartitionBy, expected: &str) {
        let name = name(key, partition_key, by);
        assert_eq!(name, expected);
        assert_eq!(key_of(&name), key);
    }

    #[test]
    fn names_are_as_the_reference_says() {
        for by in [Prefix, Key] {
            let actor = Some("shop||cart||7");
            check("shop||cart||7||total", actor, by, "{shop||cart||7}||total");
            check("shop||cart||7||a||b", actor, by, "{shop||cart||7}||a||b");
            check("shop||total", Some("shop"), by, "{shop}||total");
            check("total", Some("myPartition"), by, "{myPartition}||||total");
            check("shop||total", Some("7"), by, "{7}||||shop||total");
            check("shop", Some("shop"), by, "{shop}||||shop");
            check("shops||total", Some("shop"), by, "{shop}||||shops||total");
        }
        check("shop||total", None, Prefix, "{shop}||total");
        check("shop||total", Some(""), Prefix, "{shop}||total");
        check(
            "shop||cart||7||total",
            None,
            Prefix,
            "{shop}||cart||7||total",
        );
        check("total", None, Prefix, "total");
        check("||total", None, Prefix, "||total");
        check("shop||total", None, Key, "shop||total");
        check("shop||{7}/total", None, Key, "shop||{7}/total");
        check("{7}/total", None, Key, "{7}/total");
    }

    #[test]
    fn a_key_that_looks_like_the_name_of_another_is_kept_beside_it() {
        check("{shop}||total", None, Key, "{shop}||||{shop}||total");
        check("{shop}||||total", None, Key, "{shop}||||{shop}||||total");
        check("{}||total", None, Key, "{}||total");
        check("shop||||total", None, Prefix, "{shop}||||shop||||total");
        check("shop|||total", None, Prefix, "{shop}|||total");
        check("shop|||total", Some("shop|"), Prefix, "{shop|}||total");
    }

    #[test]
    fn braces_in_a_partition_do_not_move_it() {
        check("x", Some("a}b"), Key, "{a%7Db}||||x");
        check("x", Some("a%7Db"), Key, "{a%257Db}||||x");
        check("a}||b||x", Some("a}||b"), Key, "{a%7D||b}||x");
        check("x", Some("{a"), Key, "{{a}||||x");
        check("x", Some("}"), Key, "{%7D}||||x");
    }

    /// Texts that are made of what the rules look at.
    fn text() -> impl Strategy<Value = String> {
        let part = prop::sample::select(vec![
            "a", "b", "{", "}", "|", "||", "%", "%7D", "%25", "{a}", "{a}||", "{b}||||", "a||b",
        ]);
        prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
    }

    fn request() -> impl Strategy<Value = (String, Option<String>, PartitionBy)> {
        let by = prop::sample::select(vec![Prefix, Key]);
        (text(), prop::option::of(text()), by)
    }

    fn name_of((key, partition_key, by): &(String, Option<String>, PartitionBy)) -> String {
        name(key, partition_key.as_deref(), *by).into_owned()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// So no two keys share a name, with whatever they are asked for.
        #[test]
        fn a_name_tells_its_key(request in request()) {
            prop_assert_eq!(key_of(&name_of(&request)), request.0);
        }

        #[test]
        fn different_keys_have_different_names(one in request(), other in request()) {
            prop_assert_eq!(name_of(&one) == name_of(&other) && one.0 != other.0, false);
        }

        #[test]
        fn keys_of_one_partition_key_share_a_partition(
            partition in text().prop_filter("given", |text| !text.is_empty()),
            one in text(),
            other in text(),
            by in prop::sample::select(vec![Prefix, Key]),
        ) {
            let under = format!("{partition}||{other}");
            let names = [&*one, &*other, &*under].map(|key| name(key, Some(&partition), by));
            prop_assert_eq!(place(&names[0]), place(&names[1]));
            prop_assert_eq!(place(&names[0]), place(&names[2]));
        }

        #[test]
        fn different_partition_keys_have_different_places(one in text(), other in text()) {
            prop_assume!(one != other && !one.is_empty() && !other.is_empty());
            let (one, other) = (name("k", Some(&one), Key), name("k", Some(&other), Key));
            prop_assert_ne!(place(&one), place(&other));
        }
    }
}
