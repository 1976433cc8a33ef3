//! Tables of words and numbers, for terminals and for pages.

/// A table. The first columns hold words, the others numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) heads: Vec<String>,
    /// As many cells each as there are heads.
    pub(crate) rows: Vec<Vec<String>>,
    /// How many columns hold words.
    pub(crate) words: usize,
}

impl Table {
    /// In the form of Markdown, aligned so that it reads well as it stands, too.
    pub(crate) fn markdown(&self) -> String {
        let widths = self.widths();
        let mut text = String::new();
        let mut line = |cells: &[String]| {
            text.push('|');
            for (cell, (width, is_word)) in cells.iter().zip(&widths) {
                let padding = " ".repeat(width - cell.chars().count().min(*width));
                match is_word {
                    true => text.extend([" ", cell, &padding, " |"]),
                    false => text.extend([" ", &padding, cell, " |"]),
                }
            }
            text.push('\n');
        };
        line(&self.heads);
        let rules = widths.iter().map(|(width, is_word)| match is_word {
            true => "-".repeat(*width),
            false => "-".repeat(width - 1) + ":",
        });
        line(&rules.collect::<Vec<_>>());
        for row in &self.rows {
            line(row);
        }
        text
    }

    /// In columns.
    pub(crate) fn text(&self) -> String {
        let widths = self.widths();
        let mut text = String::new();
        for row in std::iter::once(&self.heads).chain(&self.rows) {
            let mut line = String::new();
            for (cell, (width, is_word)) in row.iter().zip(&widths) {
                let padding = " ".repeat(width - cell.chars().count().min(*width));
                match is_word {
                    true => line.extend(["  ", cell, &padding]),
                    false => line.extend(["  ", &padding, cell]),
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// The width of each column in characters, and whether it holds words.
    fn widths(&self) -> Vec<(usize, bool)> {
        let columns = self.heads.iter().enumerate();
        columns
            .map(|(index, head)| {
                let cells = self.rows.iter().filter_map(|row| row.get(index));
                let width = cells.chain([head]).map(|cell| cell.chars().count()).max();
                // A rule of Markdown has three characters at least.
                (width.unwrap_or_default().max(3), index < self.words)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let table = Table {
            heads: row(["scenario", "a", "µs"]),
            rows: vec![row(["p2p", "1,234", "5.00"]), row(["fan-out-q1", "-", "1"])],
            words: 1,
        };
        let markdown = "\
| scenario   |     a |   µs |
| ---------- | ----: | ---: |
| p2p        | 1,234 | 5.00 |
| fan-out-q1 |     - |    1 |
";
        assert_eq!(table.markdown(), markdown);
        let text = "  scenario        a    µs
  p2p         1,234  5.00
  fan-out-q1      -     1
";
        assert_eq!(table.text(), text);
    }
}
