//! Sizes and durations as resource documents write them.

/// Bytes: digits with an optional suffix, decimal (`10G`) or binary (`10Gi`, `10GiB`).
///
/// The published pattern is `^[0-9]+[KMGTPE]$`; the published samples use the binary forms too.
/// `None` if it is neither, or does not fit 64 bits.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let mut letters = suffix.chars();
    let exponent = match letters.next() {
        None => return Some(number),
        Some('K' | 'k') => 1,
        Some('M') => 2,
        Some('G') => 3,
        Some('T') => 4,
        Some('P') => 5,
        Some('E') => 6,
        Some(_) => return None,
    };
    let base: u64 = match letters.as_str() {
        "" | "B" => 1000,
        "i" | "iB" => 1024,
        _ => return None,
    };
    base.checked_pow(exponent)?.checked_mul(number)
}

/// Seconds of a Go duration such as `720h`, `1h30m` or `90s`; a fraction of a second is dropped.
///
/// `None` if it is none, is negative, or does not fit 64 bits.
pub(crate) fn go_duration_seconds(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut nanoseconds: u128 = 0;
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at_checked(digits)?;
        let number: u128 = number.parse().ok()?;
        let letters = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters)?;
        let scale: u128 = match unit {
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" | "µs" => 1_000,
            "ns" => 1,
            _ => return None,
        };
        nanoseconds = nanoseconds.checked_add(number.checked_mul(scale)?)?;
        rest = after;
    }
    u64::try_from(nanoseconds / 1_000_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let cases = [
            ("0", Some(0)),
            ("10", Some(10)),
            ("10K", Some(10_000)),
            ("10Ki", Some(10_240)),
            ("10GiB", Some(10 << 30)),
            ("10GB", Some(10_000_000_000)),
            ("15E", Some(15_000_000_000_000_000_000)),
            ("16Ei", None),
            ("99999999999999999999", None),
            ("", None),
            ("G", None),
            ("-1G", None),
            ("1.5G", None),
            ("1GG", None),
            ("1é", None),
        ];
        for (text, expected) in cases {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn durations() {
        let cases = [
            ("0", Some(0)),
            ("720h", Some(2_592_000)),
            ("1h30m", Some(5_400)),
            ("1500ms", Some(1)),
            ("", None),
            ("10", None),
            ("h", None),
            ("-1h", None),
            ("1d", None),
            ("99999999999999999999999999999999999999h", None),
        ];
        for (text, expected) in cases {
            assert_eq!(go_duration_seconds(text), expected, "{text}");
        }
    }
}
