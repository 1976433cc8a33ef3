//! One Rust file: its code without strings and comments, its items, and which lines are tests.

use std::ops::Range;

use crate::mask::{code_only, is_word};

/// What kind of item it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    /// A function with a body.
    Function,
    /// A constant or static, such as a table of cases.
    Value,
}

/// A function or a constant. Lines count from one.
#[derive(Debug, Clone)]
pub struct Item {
    /// Function or value.
    pub kind: ItemKind,
    /// Its name.
    pub name: String,
    /// The line of its keyword.
    pub first: usize,
    /// The line where it ends.
    pub last: usize,
    /// Whether an attribute above it makes it a test.
    pub is_test: bool,
}

/// A parsed file.
#[derive(Debug)]
pub struct Source {
    /// Its lines with strings, characters and comments blanked.
    pub code: Vec<String>,
    /// Functions and constants in the order of their keywords.
    pub items: Vec<Item>,
    /// Line ranges (from one) of what is compiled only for tests.
    pub test_lines: Vec<Range<usize>>,
    /// Modules in files of their own that are compiled only for tests.
    pub test_modules: Vec<String>,
}

impl Source {
    /// Reads a file.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mask = code_only(text);
        let tokens = tokens(&mask);
        let mut source = Self {
            code: mask.lines().map(str::to_owned).collect(),
            items: Vec::new(),
            test_lines: Vec::new(),
            test_modules: Vec::new(),
        };
        for at in 0..tokens.len() {
            source.note_item(&tokens, at);
            source.note_test_only(&tokens, at);
        }
        source
    }

    /// Whether the line (from one) is compiled only for tests.
    #[must_use]
    pub fn is_test_line(&self, line: usize) -> bool {
        self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    /// The innermost item around the line, or else the next one below it.
    #[must_use]
    pub fn item_of(&self, line: usize) -> Option<&Item> {
        let around = |item: &&Item| item.first <= line && line <= item.last;
        let inner = self
            .items
            .iter()
            .filter(around)
            .min_by_key(|item| item.last - item.first);
        inner.or_else(|| self.items.iter().find(|item| item.first > line))
    }

    fn note_item(&mut self, tokens: &[Token<'_>], at: usize) {
        let kind = match tokens[at].text {
            "fn" => ItemKind::Function,
            "const" | "static" => ItemKind::Value,
            _ => return,
        };
        let named = at + 1 + usize::from(tokens.get(at + 1).is_some_and(|t| t.text == "mut"));
        let Some(name) = tokens.get(named).filter(|t| t.text.starts_with(is_word)) else {
            return;
        };
        if matches!(name.text, "fn" | "unsafe" | "extern" | "async") {
            return; // `const fn`: the function is the item.
        }
        let Some(end) = item_end(tokens, at) else {
            return;
        };
        if kind == ItemKind::Function && tokens[end].text != "}" {
            return; // A signature in a trait.
        }
        self.items.push(Item {
            kind,
            name: name.text.to_owned(),
            first: tokens[at].line,
            last: tokens[end].line,
            is_test: self.has_test_attribute(tokens[at].line),
        });
    }

    /// Looks at the attributes on the lines right above a keyword.
    fn has_test_attribute(&self, line: usize) -> bool {
        let above = self.code[..line.saturating_sub(1)].iter().rev();
        let mut near = above.take_while(|l| {
            let l = l.trim();
            l.is_empty() || l.starts_with('#') || l.ends_with(']')
        });
        near.any(|l| {
            let l: String = l.split_whitespace().collect();
            l.contains("#[test]") || l.contains("::test]") || l.contains("::test(")
        })
    }

    /// At the `#` of a test-only attribute: notes the lines of what it stands on.
    fn note_test_only(&mut self, tokens: &[Token<'_>], at: usize) {
        let texts = |n: usize| tokens.get(at + n).map_or("", |t| t.text);
        if texts(0) != "#" || texts(1) != "[" || texts(2) != "cfg" {
            return;
        }
        let Some(close) = group_end(tokens, at + 1) else {
            return;
        };
        let condition = &tokens[at + 3..close];
        let named = |word| condition.iter().any(|t| t.text == word);
        if !named("test") || named("not") {
            return;
        }
        let mut start = close + 1;
        while tokens.get(start).is_some_and(|t| t.text == "#") {
            let Some(next) = group_end(tokens, start + 1) else {
                return;
            };
            start = next + 1;
        }
        let Some(end) = item_end(tokens, start) else {
            return;
        };
        self.test_lines.push(tokens[at].line..tokens[end].line + 1);
        let module = (start..end).find(|&i| tokens[i].text == "mod");
        if let Some(module) = module.filter(|_| tokens[end].text == ";") {
            self.test_modules.push(tokens[module + 1].text.to_owned());
        }
    }
}

#[derive(Debug)]
struct Token<'a> {
    text: &'a str,
    line: usize,
}

/// Words and single punctuation marks of the mask.
fn tokens(mask: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    for (number, line) in mask.lines().enumerate() {
        let mut rest = line;
        while let Some(start) = rest.find(|c: char| !c.is_whitespace()) {
            rest = &rest[start..];
            let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            let first = rest.chars().next().map_or(1, char::len_utf8);
            let (text, tail) = rest.split_at(word.max(first));
            found.push(Token {
                text,
                line: number + 1,
            });
            rest = tail;
        }
    }
    found
}

/// The token that ends the item which starts at `at`: its closing brace or its semicolon.
fn item_end(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let is_value = matches!(tokens.get(at)?.text, "const" | "static");
    let mut i = at;
    while let Some(token) = tokens.get(i) {
        match token.text {
            ";" => return Some(i),
            "{" if !is_value => return group_end(tokens, i),
            "(" | "[" | "{" => i = group_end(tokens, i)?,
            ")" | "]" | "}" => return None,
            _ => {}
        }
        i += 1;
    }
    None
}

/// The token that closes the bracket at `at`.
fn group_end(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (i, token) in tokens.iter().enumerate().skip(at) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(i);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests;
