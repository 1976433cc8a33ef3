//! The arithmetic of the report.

/// The middle of the numbers, or the mean of the two in the middle.
#[must_use]
pub fn median(numbers: &[f64]) -> Option<f64> {
    let mut sorted: Vec<f64> = numbers
        .iter()
        .copied()
        .filter(|it| it.is_finite())
        .collect();
    sorted.sort_by(f64::total_cmp);
    let high = *sorted.get(sorted.len() / 2)?;
    if !sorted.len().is_multiple_of(2) {
        return Some(high);
    }
    let low = *sorted.get(sorted.len() / 2 - 1)?;
    Some(f64::midpoint(low, high))
}

/// How many times the second number goes into the first.
#[must_use]
pub fn ratio(ours: Option<f64>, theirs: Option<f64>) -> Option<f64> {
    let ratio = ours? / theirs?;
    ratio.is_finite().then_some(ratio)
}

/// A number with three digits that count, and a comma for every thousand.
#[must_use]
pub fn three_digits(number: f64) -> String {
    let decimals = match number.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    let text = format!("{number:.decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let (sign, digits) = match whole.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", whole),
    };
    let mut grouped = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if !fraction.is_empty() {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_found_whatever_the_order() {
        for (numbers, expected) in [
            (&[][..], None),
            (&[5.0], Some(5.0)),
            (&[9.0, 1.0], Some(5.0)),
            (&[9.0, 1.0, 2.0], Some(2.0)),
            (&[4.0, 1.0, 100.0, 2.0], Some(3.0)),
            (&[f64::NAN, 1.0, 2.0, 3.0], Some(2.0)),
        ] {
            assert_eq!(median(numbers), expected, "{numbers:?}");
        }
    }

    #[test]
    fn a_ratio_needs_both_numbers() {
        assert_eq!(ratio(Some(1.0), Some(4.0)), Some(0.25));
        assert_eq!(ratio(None, Some(4.0)), None);
        assert_eq!(ratio(Some(1.0), None), None);
        assert_eq!(ratio(Some(1.0), Some(0.0)), None);
    }

    #[test]
    fn numbers_have_three_digits_that_count() {
        for (number, expected) in [
            (0.0, "0.000"),
            (0.123_45, "0.123"),
            (1.234_5, "1.23"),
            (12.345, "12.3"),
            (123.45, "123"),
            (1_234_567.0, "1,234,567"),
            (-1_234.0, "-1,234"),
            (-0.5, "-0.500"),
        ] {
            assert_eq!(three_digits(number), expected);
        }
    }
}
