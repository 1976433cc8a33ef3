//! Which subscriptions match a topic, and how several of one session become one.

use super::*;
use crate::{GroupId, Own};

/// One session per filter, numbered from 0.
fn table(filters: &[&str]) -> Routing {
    let mut routing = Routing::new(1);
    for (number, filter) in (0..).zip(filters) {
        subscribe(&mut routing, number, filter);
        routing.validate().unwrap();
    }
    routing
}

/// [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT3-4.7.1-2] [MQTT3-4.7.1-3]: the examples of 4.7.1.
#[test]
fn wildcards_match_as_the_standard_shows() {
    let filters = [
        "sport/tennis/player1/#",
        "sport/#",
        "#",
        "sport/tennis/+",
        "sport/+",
        "+",
        "+/+",
        "/+",
        "+/tennis/#",
        "sport/+/player1",
    ];
    let routing = table(&filters);
    assert_eq!(
        recipients(&routing, "sport/tennis/player1"),
        [0, 1, 2, 3, 8, 9]
    );
    assert_eq!(
        recipients(&routing, "sport/tennis/player1/ranking"),
        [0, 1, 2, 8]
    );
    assert_eq!(recipients(&routing, "sport"), [1, 2, 5]);
    assert_eq!(recipients(&routing, "sport/"), [1, 2, 4, 6]);
    assert_eq!(recipients(&routing, "/finance"), [2, 6, 7]);
    assert_eq!(recipients(&routing, "finance/tennis"), [2, 6, 8]);
}

/// The filter that has no node of its own, alone in the table.
#[test]
fn everything_matches_everything() {
    let routing = table(&["#"]);
    for topic in ["a", "a/b", "/", ""] {
        assert_eq!(recipients(&routing, topic), [0]);
    }
    assert_eq!(recipients(&routing, "$a"), [0u32; 0]);
}

/// [MQTT-4.7.2-1] [MQTT3-4.7.2-1]
#[test]
fn topics_with_a_dollar_are_hidden_from_leading_wildcards() {
    let filters = ["#", "+/a", "+/#", "$SYS/#", "$SYS/+", "$SYS/a", "a/+", "+"];
    let routing = table(&filters);
    assert_eq!(recipients(&routing, "$SYS/a"), [3, 4, 5]);
    assert_eq!(recipients(&routing, "$SYS"), [3]);
    assert_eq!(recipients(&routing, "a/$SYS"), [0, 2, 6]);
}

/// [MQTT-4.7.3-4] [MQTT3-4.7.3-4]
#[test]
fn nothing_is_normalised() {
    let filters = [
        "a",
        "A",
        "/a",
        "a/",
        "a//",
        "é/+",
        "e\u{301}/+",
        " a",
        "a/./b",
        "+//b",
    ];
    let routing = table(&filters);
    assert_eq!(recipients(&routing, "a"), [0]);
    assert_eq!(recipients(&routing, "A"), [1]);
    assert_eq!(recipients(&routing, "/a"), [2]);
    assert_eq!(recipients(&routing, "a/"), [3]);
    assert_eq!(recipients(&routing, "a//"), [4]);
    assert_eq!(recipients(&routing, "é/x"), [5]);
    assert_eq!(recipients(&routing, "e\u{301}/x"), [6]);
    assert_eq!(recipients(&routing, "a/b"), [0u32; 0]);
    assert_eq!(recipients(&routing, "x//b"), [9]);
}

/// [MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT3-3.3.5-1]
#[test]
fn a_session_is_one_recipient_with_all_its_subscriptions() {
    let mut routing = Routing::new(1);
    let options = |qos, retain_as_published| SubscriptionOptions {
        qos,
        no_local: false,
        retain_as_published,
    };
    let low = options(Qos::AtMostOnce, true);
    subscribe_with(&mut routing, 5, "a/+", low, Some(300));
    subscribe_with(
        &mut routing,
        5,
        "a/b",
        options(Qos::ExactlyOnce, false),
        Some(4),
    );
    subscribe_with(
        &mut routing,
        5,
        "a/#",
        options(Qos::AtLeastOnce, false),
        Some(4),
    );
    subscribe_with(&mut routing, 5, "#", options(Qos::AtLeastOnce, false), None);
    subscribe_with(&mut routing, 5, "x/#", low, Some(9));
    subscribe_with(&mut routing, 2, "+/b", low, None);
    let mut matches = Matches::default();
    routing.matching("a/b", &mut matches);
    let all: Vec<_> = matches.recipients().collect();
    assert_eq!(matches.recipients().len(), 2);
    assert_eq!((all[0].session, all[0].qos), (session(2), Qos::AtMostOnce));
    assert!(all[0].subscription_ids.is_empty());
    assert_eq!((all[1].session, all[1].qos), (session(5), Qos::ExactlyOnce));
    assert!(all[1].retain_as_published);
    assert_eq!(all[1].subscription_ids, [4, 4, 300]);
    assert_eq!(all[1].own, Own::Same);
}

/// [MQTT-3.8.3-3]
#[test]
fn no_local_subscriptions_do_not_count_for_the_sessions_own_publishes() {
    let mut routing = Routing::new(1);
    let no_local = SubscriptionOptions {
        qos: Qos::ExactlyOnce,
        no_local: true,
        retain_as_published: true,
    };
    subscribe_with(&mut routing, 1, "a/+", no_local, Some(1));
    subscribe_with(&mut routing, 1, "a/b", QOS_1, Some(2));
    subscribe_with(&mut routing, 2, "a/b", no_local, None);
    subscribe_with(&mut routing, 2, "#", no_local, None);
    let mut matches = Matches::default();
    routing.matching("a/b", &mut matches);
    let own: Vec<_> = matches
        .recipients()
        .map(|recipient| recipient.own)
        .collect();
    let merge = Own::Merge {
        qos: Qos::AtLeastOnce,
        retain_as_published: false,
        subscription_ids: &[2],
    };
    assert_eq!(own, [merge, Own::Excluded]);
    let first = matches.recipients().next().unwrap();
    assert_eq!(
        (first.qos, first.subscription_ids),
        (Qos::ExactlyOnce, &[1, 2][..])
    );
}

/// Name and filter together make a group (MQTT 5.0, 4.8.2); a group's copy is beside the plain one.
#[test]
fn share_groups_are_listed_by_name_and_filter_with_their_members() {
    let mut routing = Routing::new(1);
    subscribe_with(&mut routing, 3, "$share/b/t/+", QOS_1, Some(8));
    subscribe(&mut routing, 2, "$share/b/t/+");
    subscribe(&mut routing, 3, "$share/b/#");
    subscribe(&mut routing, 3, "$share/a/t/1");
    subscribe(&mut routing, 3, "$share/a/t/2");
    subscribe(&mut routing, 3, "t/1");
    routing.validate().unwrap();
    let mut matches = Matches::default();
    routing.matching("t/1", &mut matches);
    let groups: Vec<_> = matches.shared().collect();
    let names: Vec<_> = groups
        .iter()
        .map(|g| (g.name, g.filter, g.group.number()))
        .collect();
    assert_eq!(names, [("a", "t/1", 3), ("b", "#", 2), ("b", "t/+", 1)]);
    let members: Vec<_> = groups[2].members.iter().map(|m| m.session).collect();
    assert_eq!(members, [session(2), session(3)]);
    assert_eq!(groups[2].members[1].subscription_id, Some(8));
    assert_eq!(recipients(&routing, "t/1"), [3]);
    assert!(!matches.is_empty());
    routing.matching("$SYS/1", &mut matches);
    assert!(matches.is_empty());
}

#[test]
fn a_groups_number_is_never_used_again() {
    let mut routing = Routing::new(1);
    let group_of = |routing: &Routing| {
        let mut matches = Matches::default();
        routing.matching("t", &mut matches);
        matches.shared().next().map(|group| group.group)
    };
    subscribe(&mut routing, 1, "$share/g/t");
    assert_eq!(group_of(&routing), Some(GroupId::new(1)));
    subscribe(&mut routing, 2, "$share/g/t");
    unsubscribe(&mut routing, 1, "$share/g/t");
    assert_eq!(group_of(&routing), Some(GroupId::new(1)));
    end(&mut routing, 2);
    assert_eq!(group_of(&routing), None);
    subscribe(&mut routing, 1, "$share/g/t");
    assert_eq!(group_of(&routing), Some(GroupId::new(2)));
}

/// However filters overlap, a node is looked at once: no walk grows with the number of ways.
#[test]
fn overlapping_wildcards_cost_no_more_than_the_nodes_there_are() {
    let depth = 128;
    let topic = vec!["a"; depth].join("/");
    let mut filters: Vec<String> = (0..depth).map(|plus| "+/".repeat(plus) + "#").collect();
    // All ways to mix literals and wildcards in the first levels, and a last level that fails.
    for mix in 0..1024u32 {
        let level = |bit: u32| if mix >> bit & 1 == 1 { "a" } else { "+" };
        let mut levels: Vec<&str> = (0..10).map(level).collect();
        levels.resize(depth - 1, "+");
        filters.push(levels.join("/") + "/a");
        filters.push(levels.join("/") + "/b");
    }
    let mut routing = Routing::new(1);
    for (number, filter) in (0..).zip(&filters) {
        subscribe(&mut routing, number, filter);
    }
    routing.validate().unwrap();
    let mut matches = Matches::default();
    routing.matching(&topic, &mut matches);
    assert_eq!(matches.recipients().len(), depth + 1024);
    assert!(matches.visited() <= routing.filters.trie.node_count());
    assert!(routing.filters.trie.node_count() <= 2 * filters.len());
}

/// The cost of a match does not grow with what does not match.
#[test]
fn filters_of_others_are_not_looked_at() {
    let mut routing = Routing::new(1);
    for number in 0..2_000 {
        subscribe(&mut routing, number, &format!("w/{number}/+/t"));
        subscribe(&mut routing, number, &format!("w/{number}/#"));
        subscribe(&mut routing, number, &format!("+/w/{number}/d/t"));
        subscribe(&mut routing, number, &format!("w/{number}/d/+"));
    }
    let mut matches = Matches::default();
    routing.matching("w/77/d/t", &mut matches);
    assert_eq!(matches.recipients().len(), 1);
    assert!(matches.visited() <= 6, "{}", matches.visited());
    routing.matching("x/w/77/d/t", &mut matches);
    assert_eq!(matches.recipients().len(), 1);
    assert!(matches.visited() <= 3, "{}", matches.visited());
}

/// The longest filters there can be, with 65,535 levels.
#[test]
fn the_deepest_filters_neither_overflow_a_stack_nor_branch() {
    let deep = "+/".repeat(32_767) + "#";
    let empty = "/".repeat(65_534) + "+";
    let mut routing = table(&[&deep, &empty, "+/#"]);
    assert_eq!(recipients(&routing, &"/".repeat(65_534)), [0, 1, 2]);
    assert_eq!(recipients(&routing, &"/".repeat(32_766)), [0, 2]);
    assert_eq!(recipients(&routing, &"/".repeat(32_765)), [2]);
    for number in 0..3 {
        end(&mut routing, number);
        routing.validate().unwrap();
    }
    assert!(routing.filters.trie.is_empty());
}
