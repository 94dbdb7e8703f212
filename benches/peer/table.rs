//! The table of the budgets, with what was measured.

/// One row.
pub struct Row {
    pub work: String,
    pub peer: Peer,
    pub here: String,
    /// Here, of what it was there.
    pub ratio: Option<f64>,
    pub budget: &'static str,
    pub met: bool,
}

/// What Z-Wave JS needs.
pub enum Peer {
    /// In this run.
    Measured(String),
    /// It has no such thing.
    Nothing,
}

impl Peer {
    fn text(&self) -> String {
        match self {
            Self::Measured(text) => text.clone(),
            Self::Nothing => "-".into(),
        }
    }
}

/// Prints it as Markdown, in columns.
pub fn print(rows: &[Row]) {
    let head = ["work", "Z-Wave JS", "Latchkey", "ratio", "budget", "met"].map(String::from);
    let body = rows.iter().map(|row| {
        let ratio = row.ratio.map_or_else(|| "-".into(), |ratio| format!("{ratio:.3}"));
        let met = if row.met { "yes" } else { "NO" };
        [row.work.clone(), row.peer.text(), row.here.clone(), ratio, row.budget.into(), met.into()]
    });
    let lines: Vec<[String; 6]> = std::iter::once(head).chain(body).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3, 4, 5].map(width);
    for (n, line) in lines.iter().enumerate() {
        let cells: Vec<_> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        println!("| {} |", cells.join(" | "));
        if n == 0 {
            println!("|{}|", widths.map(|width| "-".repeat(width + 2)).join("|"));
        }
    }
}
