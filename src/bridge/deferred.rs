//! Rows that can wait: they are written with the next commit, or after a short time, so that an event costs one commit and
//! not two.

use std::time::Duration;

use crate::domain::batch::Write;
use crate::domain::time::{Deadline, Instant};

/// The longest wait for another commit.
const WAIT: Duration = Duration::from_secs(2);
/// So many rows do not wait.
const ROWS: usize = 32;

/// The rows that wait.
#[derive(Default)]
pub struct Deferred {
    rows: Vec<Write>,
    due: Option<Instant>,
}

impl Deferred {
    /// Goes with the next commit, whenever that is.
    pub fn add(&mut self, row: Write) {
        self.rows.push(row);
    }

    /// Goes with the next commit, or soon without one.
    pub fn add_soon(&mut self, row: Write, now: Instant) {
        self.rows.push(row);
        let wait = if self.rows.len() < ROWS { WAIT } else { Duration::ZERO };
        self.due = Some(self.due.map_or(now + wait, |due| due.min(now + wait)));
    }

    /// Whether the rows have waited long enough.
    pub fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Takes the rows out, for a commit.
    pub fn take(&mut self) -> Vec<Write> {
        self.due = None;
        std::mem::take(&mut self.rows)
    }

    /// When the rows are written without another commit.
    pub fn deadline(&self) -> Option<Deadline> {
        self.due.map(|at| Deadline { at, why: "deferred rows are written" })
    }
}
