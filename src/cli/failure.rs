//! How a command can end other than well, and the exit code scripts rely on.

use std::process::ExitCode;

/// Why a command did not do what it was asked. Its text is the one line people see.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Failure {
    /// Exit code 1.
    #[error("{0}")]
    Refused(String),
    /// Exit code 2: wrong usage or configuration.
    #[error("{0}")]
    Usage(String),
    /// Exit code 3: the daemon can't be reached.
    #[error("{0}")]
    Unreachable(String),
    /// Exit code 4: `--wait` ran out, and the change goes on.
    #[error("{0}")]
    WaitRanOut(String),
}

impl From<&Failure> for ExitCode {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Refused(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Unreachable(_) => 3,
            Failure::WaitRanOut(_) => 4,
        }
        .into()
    }
}

/// What a command answers.
pub type Outcome = Result<(), Failure>;
