//! Where the store key comes from, and how it is born.

use std::fmt;
use std::path::PathBuf;

/// Where the store key came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeySource {
    /// The systemd credential `store.key`.
    Credential(PathBuf),
    /// The key file.
    File(PathBuf),
    /// Made for this process only: tests.
    Memory,
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential(path) => write!(f, "the systemd credential {}", path.display()),
            Self::File(path) => path.display().fmt(f),
            Self::Memory => f.write_str("memory"),
        }
    }
}
