//! What a stolen storage device gives away.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::error::KeySource;

/// Whether somebody who takes the card, and nothing else, can read the codes on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ThiefReadsCodes {
    /// The key lies beside the codes.
    Yes,
    /// The key is nowhere on the card.
    No,
    /// It depends on where the key is kept, which can't be seen from here.
    Depends,
}

/// The truth about the sealing, for `latchkey status`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealReport {
    /// Where the key came from.
    pub source: KeySource,
    /// Whether a stolen card gives the codes away.
    pub thief_reads_codes: ThiefReadsCodes,
}

impl SealReport {
    /// The report for a database whose key came from `source`.
    pub(super) fn new(source: KeySource, database: &Path) -> Self {
        Self { thief_reads_codes: thief_reads_codes(&source, database), source }
    }

    /// The sentence for people.
    pub fn sentence(&self) -> &'static str {
        match (self.thief_reads_codes, &self.source) {
            (ThiefReadsCodes::Yes, _) => {
                "whoever takes this card can read the codes: their key lies on it; give the daemon a systemd credential store.key"
            }
            (ThiefReadsCodes::No, _) => "a stolen card does not give the codes away: their key is not on it",
            (ThiefReadsCodes::Depends, KeySource::Credential(_)) => {
                "a stolen card does not give the codes away if the credential store.key is bound to this machine's TPM"
            }
            (ThiefReadsCodes::Depends, _) => "a stolen card does not give the codes away if the key file is on another one",
        }
    }
}

fn thief_reads_codes(source: &KeySource, database: &Path) -> ThiefReadsCodes {
    match source {
        KeySource::Memory => ThiefReadsCodes::No,
        KeySource::Credential(_) => ThiefReadsCodes::Depends,
        KeySource::File(key_file) => match (fs::metadata(key_file), fs::metadata(database)) {
            // Another file system may be another partition of the same card.
            (Ok(key), Ok(codes)) if key.dev() != codes.dev() => ThiefReadsCodes::Depends,
            _ => ThiefReadsCodes::Yes,
        },
    }
}
