//! What tests measured: for whoever runs them, and for the list at the end of `tests/run`.

use std::io::Write as _;
use std::path::Path;

/// One line.
pub fn figure(line: &str) {
    println!("{line}");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("figures.txt");
    let mut out = std::fs::OpenOptions::new().create(true).append(true).open(path).expect("a file");
    writeln!(out, "{line}").expect("a line");
}
