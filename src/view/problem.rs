//! Errors as RFC 9457 problem documents.

use serde::{Deserialize, Serialize};

/// Why a request was not carried out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProblemDocument {
    /// `urn:latchkey:duplicate-code`: stable, for scripts.
    #[serde(rename = "type")]
    pub kind: String,
    /// The reason phrase of `status`.
    pub title: String,
    /// The HTTP status again.
    pub status: u16,
    /// What is wrong and what to do, for people. Never holds a code.
    pub detail: String,
}
