//! What each client is put through. `clients/README.md` says what the scenarios demand.

/// A version of MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1.1.
    V3,
    /// MQTT 5.0.
    V5,
}

impl Version {
    /// As client programs take it.
    pub fn argument(self) -> &'static str {
        match self {
            Self::V3 => "3",
            Self::V5 => "5",
        }
    }
}

/// The name of one scenario, as client programs take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario(pub &'static str);

impl Scenario {
    /// All scenarios of a version, in the order in which they run.
    pub fn all(version: Version) -> impl Iterator<Item = Self> {
        let only_v5: &[Self] = match version {
            Version::V3 => &[],
            Version::V5 => ONLY_V5,
        };
        BOTH.iter().chain(only_v5).copied()
    }
}

const BOTH: &[Scenario] = &[
    Scenario("qos0"),
    Scenario("qos1"),
    Scenario("qos2"),
    Scenario("retained"),
    Scenario("will"),
    Scenario("unsubscribe"),
    Scenario("shared"),
    Scenario("resume"),
    Scenario("takeover"),
    Scenario("large"),
    Scenario("order"),
];

const ONLY_V5: &[Scenario] = &[Scenario("alias"), Scenario("properties")];
