//! Something that is wrong, and what to do about it.

use crate::view::Severity;

/// Something that needs action, or is worth knowing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// How much it matters.
    pub severity: Severity,
    pub what: String,
    /// What to do about it.
    pub fix: String,
}

impl Problem {
    /// Something that needs action.
    pub fn warning(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, what: what.into(), fix: fix.into() }
    }

    pub fn info(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { severity: Severity::Info, what: what.into(), fix: fix.into() }
    }
}
