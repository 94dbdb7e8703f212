//! Aligned columns for people.

/// Rows under a heading, each column as wide as its widest cell.
#[derive(Clone, Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with nothing but its heading.
    pub fn new<const N: usize>(heading: [&str; N]) -> Self {
        Self { rows: vec![heading.map(str::to_owned).into()] }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| printable(&cell)).into());
    }

    /// The table, or `nothing` where it has no rows.
    pub fn show(&self, nothing: &str) -> String {
        if self.rows.len() < 2 {
            return nothing.to_owned();
        }
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// A text that can't move the cursor or colour the terminal: names come from outside.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_escape_sequences_does_not_repaint_the_terminal() {
        let mut table = Table::new(["NAME", "ID"]);
        table.row(["Ada\u{1b}[2J".into(), "1".into()]);
        assert_eq!(table.show("nobody"), "NAME     ID\nAda\u{fffd}[2J  1");
    }

    #[test]
    fn an_empty_list_says_so() {
        assert_eq!(Table::new(["NAME"]).show("nobody"), "nobody");
    }
}
