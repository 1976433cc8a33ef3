//! Changes one user of a password file's text; comments and order stay. Must never judge what the
//! text holds: the broker's own parser does.

/// The text with a new hash for a user, who is added if there is none of this name.
pub(super) fn with_user(text: &str, user: &str, hash: &str) -> String {
    let mut found = false;
    let mut changed = String::with_capacity(text.len() + user.len() + hash.len() + 2);
    for line in text.lines() {
        if is_of(line, user) {
            found = true;
            push(&mut changed, user, hash);
        } else {
            changed.push_str(line);
            changed.push('\n');
        }
    }
    if !found {
        push(&mut changed, user, hash);
    }
    changed
}

/// The text without a user; `None` if there is none of this name.
pub(super) fn without_user(text: &str, user: &str) -> Option<String> {
    let mut changed = String::with_capacity(text.len());
    let mut found = false;
    for line in text.lines() {
        if is_of(line, user) {
            found = true;
        } else {
            changed.push_str(line);
            changed.push('\n');
        }
    }
    found.then_some(changed)
}

fn is_of(line: &str, user: &str) -> bool {
    line.split_once(':').is_some_and(|(name, _)| name == user)
}

fn push(text: &mut String, user: &str, hash: &str) {
    text.push_str(user);
    text.push(':');
    text.push_str(hash);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_order_stay() {
        let text = "# users\n\nanna:1\n  \nbert:2\n#anna:3\n";
        let text = with_user(text, "anna", "new");
        let text = with_user(&text, "carl", "third");
        assert_eq!(without_user(&text, "ann"), None);
        let text = without_user(&text, "bert").unwrap();
        assert_eq!(text, "# users\n\nanna:new\n  \n#anna:3\ncarl:third\n");
    }

    #[test]
    fn a_file_begins_with_its_first_user() {
        assert_eq!(with_user("", "anna", "1"), "anna:1\n");
        assert_eq!(
            with_user("# no line end", "anna", "1"),
            "# no line end\nanna:1\n"
        );
        assert_eq!(without_user("anna:1", "anna").as_deref(), Some(""));
    }
}
