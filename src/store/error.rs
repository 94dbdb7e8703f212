//! What can go wrong with the store: one enum per question, each sentence says what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

use rusqlite::{Error, ErrorCode};

use crate::files::NotAFile;

/// Where the store key came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeySource {
    /// The systemd credential `store.key`.
    Credential(PathBuf),
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

/// Why the store can't be opened. The daemon ends with exit code 2 and prints the one line.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory of the database or of the key file does not exist.
    #[error("the directory {0} does not exist; make it with `install -d -m 700 {0}`, or write another path into [store]")]
    DirectoryMissing(PathBuf),
    /// A file can't be created or written there.
    #[error("{path} can't be written; give the daemon's user that directory and mount it writable")]
    NotWritable {
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The card is full.
    #[error("no space is left for {0}; free some and start again")]
    DiskFull(PathBuf),
    /// Another daemon has this database open.
    #[error("another latchkey{} has {path} open; stop that one first, or write another path into [store]", pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    Held {
        path: PathBuf,
        /// The process that holds it, if its lock file says so.
        pid: Option<u32>,
    },
    /// The database was written by a later version of the daemon.
    #[error(
        "{path} has schema {found} and this version knows up to {known}; install the newer version again, or put {path}.v{known}.bak in its place"
    )]
    NewerSchema {
        path: PathBuf,
        found: u32,
        /// The newest schema this version knows.
        known: u32,
    },
    /// The database is damaged, or is no database.
    #[error("{path} is damaged ({what}); move it away with its -wal and -shm files, and put back your last backup")]
    Corrupt {
        path: PathBuf,
        /// The first thing that is wrong with it.
        what: String,
    },
    /// There are sealed codes and no key. A new key could never open them, so none is made.
    #[error(
        "the codes in {database} are sealed and their key {key_file} is missing; put the key back, or the systemd credential store.key"
    )]
    KeyMissing {
        database: PathBuf,
        /// Where the key should be.
        key_file: PathBuf,
    },
    /// The key is not the one the codes were sealed with.
    #[error("the key from {source_of_key} does not open {database}; put back the key this database was made with")]
    KeyWrong {
        database: PathBuf,
        /// Where the key came from.
        source_of_key: KeySource,
    },
    /// Other users of the machine can read the key.
    #[error("other users can read the key {path} (mode {mode:03o}); run `chmod 600 {path}`")]
    KeyExposed { path: PathBuf, mode: u32 },
    /// The file is there and holds something else.
    #[error("{0} holds no store key (32 bytes, or 64 hexadecimal digits); put back the key this database was made with")]
    KeyMalformed(PathBuf),
    /// The file system can't publish a file without the risk of overwriting one.
    #[error("the key can't be made safely at {path}; write a [store] key_file on a file system with hard links, such as ext4")]
    KeyUnbirthable {
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder, a pipe or a device.
    #[error("{0} is not a file; write the path of a file into [store]")]
    NotAFile(PathBuf),
    /// The system refused in some other way.
    #[error("{path} can't be used; look at the cause, then start again")]
    Io {
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// SQLite refused in some other way.
    #[error("the database {path} can't be opened; look at the cause, then start again")]
    Sqlite { path: PathBuf, source: Error },
}

impl OpenError {
    /// Whether somebody has to change a file or the configuration first. A disk that is full, failing or read-only may be
    /// well again by itself or by a reboot: then it is worth another try.
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::DiskFull(_) | Self::Io { .. } | Self::Sqlite { .. } => false,
            Self::NotWritable { source, .. } => source.kind() == io::ErrorKind::PermissionDenied,
            Self::DirectoryMissing(_)
            | Self::Held { .. }
            | Self::NewerSchema { .. }
            | Self::Corrupt { .. }
            | Self::KeyMissing { .. }
            | Self::KeyWrong { .. }
            | Self::KeyExposed { .. }
            | Self::KeyMalformed(_)
            | Self::NotAFile(_)
            | Self::KeyUnbirthable { .. } => true,
        }
    }

    /// Sorts what the system said about `path` into the cases that have a remedy of their own.
    pub(super) fn from_io(path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::InvalidInput if source.get_ref().is_some_and(|inner| inner.is::<NotAFile>()) => Self::NotAFile(path),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull(path),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::NotWritable { path, source },
            _ => Self::Io { path, source },
        }
    }

    /// Sorts what SQLite said about the database at `path`.
    pub(super) fn from_sqlite(path: impl Into<PathBuf>, source: Error) -> Self {
        let path = path.into();
        if let Error::FromSqlConversionFailure(..) | Error::IntegralValueOutOfRange(..) | Error::InvalidColumnType(..) = source {
            return Self::Corrupt { path, what: source.to_string() };
        }
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt { path, what: source.to_string() },
            Some(ErrorCode::DiskFull) => Self::DiskFull(path),
            Some(ErrorCode::ReadOnly) => Self::NotWritable { path, source: io::Error::other(source) },
            _ => Self::Sqlite { path, source },
        }
    }

    /// Sorts what went wrong while the database at `path` was read.
    pub(super) fn from_read(path: impl Into<PathBuf>, error: ReadError) -> Self {
        match error {
            ReadError::Row { .. } => Self::Corrupt { path: path.into(), what: error.to_string() },
            ReadError::Sqlite(source) => Self::from_sqlite(path, source),
        }
    }
}

/// Why a batch was not committed. Nothing of it is in the database.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The card is full.
    #[error("no space is left on the disk of the database; free some")]
    DiskFull,
    /// The file system became read-only, which cards do when they fail.
    #[error("the database can't be written any more; mount its file system writable, or replace a failing card")]
    ReadOnly,
    /// The disk refuses or fails. SQLite does not tell which.
    #[error("the disk of the database fails: mount its file system writable, or replace the card; the log has the cause")]
    Disk(#[source] Error),
    /// SQLite refused in some other way.
    #[error("the database refused the change; look at the cause in the log")]
    Sqlite(#[source] Error),
    /// What the change builds on can't be read.
    #[error("the database is damaged; restore a backup")]
    Unreadable(#[source] ReadError),
}

impl From<ReadError> for CommitError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Sqlite(error) => error.into(),
            ReadError::Row { .. } => Self::Unreadable(error),
        }
    }
}

impl From<Error> for CommitError {
    fn from(error: Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::SystemIoFailure) => Self::Disk(error),
            _ => Self::Sqlite(error),
        }
    }
}

/// Why the database can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A row holds what no version of the daemon wrote, or a sealed value that was changed or moved. Never shows the value.
    #[error("the {column} of {row} in the table {table} is missing, or not what was written there")]
    Row { table: &'static str, row: String, column: &'static str },
    #[error("the database can't be read; look at the cause in the log")]
    Sqlite(#[from] Error),
}
