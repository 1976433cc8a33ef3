//! Which web pages may connect over WebSocket. Browsers tell in `Origin` where the page comes from
//! (RFC 6454); other programs need not, and are not held to it: this protects a browser's user from
//! pages of strangers, not the broker from programs.

/// Web pages whose scripts may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// Those of any site.
    Any,
    /// Those of the host that the request names as its own, on any port.
    SameHost,
    /// Those of these sites, such as `https://plant.example` or `http://localhost:8080`.
    Listed(Vec<String>),
}

impl Origins {
    /// Whether a page of this origin may connect to a server of this name (the header `Host`).
    pub(crate) fn permit(&self, origin: &str, host: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::SameHost => {
                let from = origin.split_once("://").map(|(_, from)| host_name(from));
                let to = host.map(host_name);
                from.zip(to)
                    .is_some_and(|(from, to)| !from.is_empty() && from.eq_ignore_ascii_case(to))
            }
            Self::Listed(listed) => listed.iter().any(|one| one.eq_ignore_ascii_case(origin)),
        }
    }
}

/// The name in `name:port`; IPv6 addresses stand in brackets.
fn host_name(authority: &str) -> &str {
    let end = match authority.rfind(']') {
        Some(bracket) => bracket + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    authority.get(..end).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_host_may_on_any_port() {
        let permits = |origin, host| Origins::SameHost.permit(origin, Some(host));
        assert!(permits("https://plant.example", "plant.example:8084"));
        assert!(permits("http://Plant.example:8080", "plant.EXAMPLE"));
        assert!(permits("http://[::1]:8080", "[::1]:1884"));
        assert!(!permits("https://evil.example", "plant.example"));
        assert!(!permits(
            "https://plant.example.evil.example",
            "plant.example"
        ));
        // Pages without a site: files, sandboxed frames.
        assert!(!permits("null", "plant.example"));
        assert!(!permits("://", ""));
        assert!(!Origins::SameHost.permit("https://plant.example", None));
    }

    #[test]
    fn listed_sites_match_as_a_whole() {
        let listed = Origins::Listed(vec!["https://plant.example".into()]);
        assert!(listed.permit("https://PLANT.example", None));
        for other in [
            "http://plant.example",
            "https://plant.example:444",
            "null",
            "",
        ] {
            assert!(!listed.permit(other, Some("plant.example")), "{other}");
        }
        assert!(Origins::Any.permit("null", None));
    }
}
