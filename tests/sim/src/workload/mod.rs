//! What clients do, and what the world is like: all of it drawn from the seed.

mod actions;
mod profile;

pub(crate) use actions::{Action, Script};
pub(crate) use profile::Profile;

/// Messages that a client wants to publish and cannot yet.
pub(crate) const BACKLOG_MAX: usize = 50;

/// Topics that plain subscriptions match; some messages on them are retained.
pub(crate) const TOPICS: &[&str] = &["a/0", "a/1", "b/0", "b/1/x", "r/0", "r/1"];

/// Topics that only share groups match.
pub(crate) const SHARED_TOPICS: &[&str] = &["s/x/0", "s/x/1"];

/// Filters of plain subscriptions; `w` is where wills go.
pub(crate) const FILTERS: &[&str] = &[
    "a/0", "a/+", "a/#", "b/0", "b/#", "+/0", "r/0", "r/+", "w/x/+", "w/#",
];

/// Filters of share groups, without the group.
pub(crate) const SHARED_FILTERS: &[&str] = &["s/x/+", "s/#"];
