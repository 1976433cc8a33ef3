//! Tells code from what only looks like code: strings, characters and comments become blanks.
//!
//! Line breaks stay where they are, and each character is replaced by one blank, so that lines and
//! columns of the mask are those of the source.

/// The source with the inside of strings, characters and comments blanked.
#[must_use]
pub fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut mask = Mask {
        chars: &chars,
        at: 0,
        out: String::with_capacity(text.len()),
    };
    while mask.at < chars.len() {
        mask.step();
    }
    mask.out
}

struct Mask<'a> {
    chars: &'a [char],
    at: usize,
    out: String,
}

impl Mask<'_> {
    fn step(&mut self) {
        match (self.peek(0), self.peek(1)) {
            ('/', '/') => self.blank_while(|c| c != '\n'),
            ('/', '*') => self.block_comment(),
            ('"', _) => self.string(),
            ('\'', _) => self.quote(),
            (c, _) if is_word(c) => self.word(),
            _ => self.keep(),
        }
    }

    /// A word; one of the prefixes of a literal if a quote or hash follows.
    fn word(&mut self) {
        let start = self.at;
        while is_word(self.peek(0)) {
            self.keep();
        }
        let word: String = self.chars[start..self.at].iter().collect();
        if matches!(word.as_str(), "r" | "br" | "cr") && matches!(self.peek(0), '"' | '#') {
            self.raw_string();
        }
    }

    fn raw_string(&mut self) {
        let mut hashes = 0;
        while self.peek(hashes) == '#' {
            hashes += 1;
        }
        if self.peek(hashes) != '"' {
            return; // A raw identifier such as r#type.
        }
        self.blank(hashes + 1);
        while self.at < self.chars.len() {
            let closes = self.peek(0) == '"' && (1..=hashes).all(|i| self.peek(i) == '#');
            if closes {
                return self.blank(hashes + 1);
            }
            self.blank(1);
        }
    }

    fn string(&mut self) {
        self.blank(1);
        while self.at < self.chars.len() {
            match self.peek(0) {
                '\\' => self.blank(2),
                '"' => return self.blank(1),
                _ => self.blank(1),
            }
        }
    }

    /// A character, or the tick of a lifetime.
    fn quote(&mut self) {
        if self.peek(1) == '\\' {
            self.blank(3);
            self.blank_while(|c| c != '\'');
            self.blank(1);
        } else if self.peek(2) == '\'' {
            self.blank(3);
        } else {
            self.keep();
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while self.at < self.chars.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => {
                    depth += 1;
                    self.blank(2);
                }
                ('*', '/') => {
                    depth -= 1;
                    self.blank(2);
                    if depth == 0 {
                        return;
                    }
                }
                _ => self.blank(1),
            }
        }
    }

    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn keep(&mut self) {
        self.out.push(self.peek(0));
        self.at += 1;
    }

    fn blank(&mut self, count: usize) {
        for _ in 0..count.min(self.chars.len() - self.at) {
            self.out.push(if self.peek(0) == '\n' { '\n' } else { ' ' });
            self.at += 1;
        }
    }

    fn blank_while(&mut self, inside: impl Fn(char) -> bool) {
        while self.at < self.chars.len() && inside(self.peek(0)) {
            self.blank(1);
        }
    }
}

/// Whether the character can be part of an identifier.
#[must_use]
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::code_only;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(code_only(text), expected);
    }

    #[test]
    fn strings_are_blanked() {
        check(r#"a("x{") {"#, "a(    ) {");
        check(r#"a("\"{") {"#, "a(     ) {");
        check("a(r#\"{\"#) {", "a(r     ) {");
        check("br\"\\\" {", "br    {");
    }

    #[test]
    fn characters_are_blanked_and_lifetimes_are_not() {
        check("'{' 'a' '\\'' '\\u{7f}' x", &format!("{}x", " ".repeat(22)));
        check("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)");
    }

    #[test]
    fn comments_are_blanked_with_their_nesting() {
        check("a // {\nb", "a     \nb");
        check("a /* { /* } */ \n */ b", "a              \n    b");
    }

    #[test]
    fn raw_identifiers_are_code() {
        check("r#type {", "r#type {");
    }
}
