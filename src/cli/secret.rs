//! Secrets on the command line.

use std::io::{BufRead, Read};

use zeroize::Zeroizing;

use super::failure::Failure;

/// A code, a PIN and the text of a QR code are far shorter.
const LONGEST: usize = 4096;

/// What was typed; `-` stands for one line of standard input, which no list of processes and no history shows.
pub fn secret(what: &str, typed: String) -> Result<Zeroizing<String>, Failure> {
    if typed != "-" {
        return Ok(Zeroizing::new(typed));
    }
    match line_of_input() {
        Ok(Some(line)) => Ok(line),
        Ok(None) => Err(Failure::Usage(format!("{what} found no line on standard input"))),
        Err(error) => Err(Failure::Usage(format!("{what} can't read standard input: {error}"))),
    }
}

/// One line of standard input; `None` if there is none any more.
pub fn line_of_input() -> std::io::Result<Option<Zeroizing<String>>> {
    let mut line = Zeroizing::new(String::with_capacity(LONGEST));
    // Standard input may have no end and no lines.
    let read = std::io::stdin().lock().take(LONGEST as u64).read_line(&mut line)?;
    Ok((read > 0).then_some(line))
}
