//! The names that mean something, so that of others the user is told. They are not refused: a
//! sidecar passes on all there are, its own among them.

use super::Properties;

/// What both kinds of components know: where the broker is, and how to connect.
pub(crate) const CONNECTION: &[&str] = &[
    "url",
    "hostname",
    "tcpPort",
    "port",
    "tlsEnabled",
    "useTls",
    "tls",
    "caCertPath",
    "caFile",
    "caCert",
    "clientCert",
    "clientKey",
    "username",
    "password",
    "passwordFile",
    "satTokenPath",
    "satAuthFile",
    "clientId",
    "consumerID",
    "keepAlive",
    "connectPolicy",
    "connectTimeout",
    "logLevel",
];

/// What a sidecar reads itself.
const OF_SIDECARS: &[&str] = &[
    "actorStateStore",
    "allowedTopics",
    "keyPrefix",
    "outboxDiscardWhenMissingState",
    "outboxPublishPubsub",
    "outboxPublishTopic",
    "outboxPubsub",
    "primaryEncryptionKey",
    "protectedTopics",
    "publishingScopes",
    "secondaryEncryptionKey",
    "subscriptionScopes",
];

/// Names that are further apart than so many letters are not meant for each other.
const TYPING_ERRORS: usize = 2;

/// The names that mean nothing to a component which knows `own`, each with the one that may be
/// meant.
pub(crate) fn unknown<'a>(
    properties: &'a Properties,
    own: &[&'static str],
) -> Vec<(&'a str, Option<&'static str>)> {
    let known = || CONNECTION.iter().chain(own);
    let is_known =
        |name: &str| { known().chain(OF_SIDECARS) }.any(|known| known.eq_ignore_ascii_case(name));
    let meant = |name: &str| {
        let name = name.to_ascii_lowercase();
        let distance =
            |known: &str| strsim::damerau_levenshtein(&known.to_ascii_lowercase(), &name);
        let near = known().map(|known| (distance(known), *known));
        let nearest = near.min_by_key(|(distance, _)| *distance);
        nearest.filter(|(distance, _)| *distance <= TYPING_ERRORS)
    };
    let unknown = properties.iter().filter(|(name, _)| !is_known(name));
    unknown
        .map(|(name, _)| (name, meant(name).map(|(_, known)| known)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::instances::Component as _;

    #[test]
    fn names_that_mean_nothing_are_found_with_those_that_are_meant() {
        let given = ["URL", "ulr", "keyPrefix", "sharedSubscripton", "maxRetries"];
        let given = given.map(|name| (name.to_owned(), String::new()));
        let properties = Properties::new(given.into());
        let unknown = unknown(&properties, &["sharedSubscription"]);
        let expected = [
            ("maxRetries", None),
            ("sharedSubscripton", Some("sharedSubscription")),
            ("ulr", Some("url")),
        ];
        assert_eq!(unknown, expected);
    }

    /// The names in the first column of the tables of the reference's chapter on metadata.
    fn documented(page: &str) -> BTreeSet<String> {
        let chapter = page.split("\n## ").find(|it| it.starts_with("Metadata"));
        let rows = chapter
            .unwrap()
            .lines()
            .filter(|line| line.starts_with("| `"));
        let columns = rows.filter_map(|row| row.split('|').nth(1));
        let names = columns.flat_map(|column| column.split('`').skip(1).step_by(2));
        names.map(str::to_owned).collect()
    }

    #[test]
    fn the_reference_tells_all_names_and_no_others() {
        let page = include_str!("../../../docs/reference/dapr-pubsub.md");
        let known = CONNECTION.iter().chain(crate::pubsub::Instance::NAMES);
        let known: BTreeSet<_> = known.map(|name| (*name).to_owned()).collect();
        assert_eq!(documented(page), known);
    }
}
