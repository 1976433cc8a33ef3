//! Which part of a key decides where it lives.

/// The text of a key that is hashed to find its partition: of a key that contains `{…}` only what
/// stands between the first `{` and the next `}`, unless that is nothing. So `{order-7}/items` and
/// `{order-7}/total` meet in one partition and can be written as one group.
pub fn placement_text(key: &[u8]) -> &[u8] {
    // Nearly no key has any, and to look at all of its bytes is faster than to stop at one.
    if !key
        .iter()
        .fold(false, |found, byte| found | (*byte == b'{'))
    {
        return key;
    }
    let inside = || {
        let open = key.iter().position(|byte| *byte == b'{')?;
        let rest = key.get(open + 1..)?;
        let close = rest.iter().position(|byte| *byte == b'}')?;
        rest.get(..close).filter(|text| !text.is_empty())
    };
    inside().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_in_the_first_braces_decides() {
        for (key, text) in [
            ("plain", "plain"),
            ("{order-7}/items", "order-7"),
            ("a{order-7}{x}", "order-7"),
            ("foo{}{bar}", "foo{}{bar}"),
            ("foo{{bar}}zap", "{bar"),
            ("foo{bar", "foo{bar"),
            ("foo}bar{", "foo}bar{"),
            ("}{x}", "x"),
            ("", ""),
        ] {
            assert_eq!(placement_text(key.as_bytes()), text.as_bytes(), "{key}");
        }
    }
}
