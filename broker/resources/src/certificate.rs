//! What documents say about certificates that a cluster makes: checked, and otherwise unused.

use crate::choice::choice;
use crate::fields::{Fields, Report};
use crate::quantity;

choice! {
    /// The algorithm of a private key.
    KeyAlgorithm {
        /// ECDSA P-256.
        Ec256 = "Ec256",
        /// ECDSA P-384.
        Ec384 = "Ec384",
        /// ECDSA P-521.
        Ec521 = "Ec521",
        /// Ed25519.
        Ed25519 = "Ed25519",
        /// RSA, 2048 bits.
        Rsa2048 = "Rsa2048",
        /// RSA, 4096 bits.
        Rsa4096 = "Rsa4096",
        /// RSA, 8192 bits.
        Rsa8192 = "Rsa8192",
    }
}

choice! {
    /// Whether a private key is renewed with its certificate.
    RotationPolicy {
        /// It is.
        Always = "Always",
        /// It is not.
        Never = "Never",
    }
}

/// `duration` and `renewBefore`.
pub(crate) fn lifetime(fields: &mut Fields<'_>, report: &mut Report) {
    for name in ["duration", "renewBefore"] {
        if let Some(field) = fields.take(name) {
            let expected = "a duration such as 720h";
            field.parsed(report, expected, quantity::go_duration_seconds);
        }
    }
}

/// `privateKey`.
pub(crate) fn private_key(fields: &mut Fields<'_>, report: &mut Report) {
    if let Some(mut key) = fields.inner("privateKey", report) {
        if let Some(field) = key.take("algorithm") {
            field.choice::<KeyAlgorithm>(report);
        }
        if let Some(field) = key.take("rotationPolicy") {
            field.choice::<RotationPolicy>(report);
        }
        key.finish(report);
    }
}
