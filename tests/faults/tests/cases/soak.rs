//! R21, but for its length: clients with a will of their own, and everything back to where it was.

use std::time::Duration;

use catena_faults::Soak;

/// R21: one round of a few seconds instead of 72 hours; `cargo run -p catena-faults --bin soak` has
/// more.
#[test]
fn r21_soak_in_short() {
    let soak = Soak {
        seed: 1,
        duration: Duration::ZERO,
        trouble: Duration::from_secs(3),
        clients: 24,
    };
    let mut deliveries = 0;
    let outcome = soak.run(|figures| deliveries += figures.tally.deliveries);
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    assert!(deliveries > 100, "{deliveries} deliveries");
}
