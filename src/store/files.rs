//! Files around the database: private from their first byte, and one daemon at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::OpenError;

/// Makes sure that `database` is there, 0600 from the start. SQLite gives its -wal and -shm files the same permissions.
pub(super) fn require_database(database: &Path) -> Result<(), OpenError> {
    match create_private(database) {
        Ok(_) => sync_directory(database).map_err(|error| OpenError::from_io(database, error)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(OpenError::from_io(database, error)),
    }
}

/// Holds `<database>.lock` as long as the returned file is open, so that two daemons never write the same locks.
/// The file itself stays: taking it away would let a third daemon in.
pub(super) fn hold(database: &Path) -> Result<File, OpenError> {
    require_directory(database)?;
    let path = database.with_added_extension("lock");
    let error = |error| OpenError::from_io(&path, error);
    let mut options = OpenOptions::new();
    let mut file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(error)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let read = file.take(16).read_to_string(&mut pid);
            return Err(OpenError::Held { path: database.into(), pid: read.ok().and_then(|_| pid.trim().parse().ok()) });
        }
        Err(TryLockError::Error(source)) => return Err(error(source)),
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(error)?;
    Ok(file)
}

/// Creates a file that nobody else can read; fails if it is there.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes a new name in `path`'s directory survive a power cut.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}

/// Tells a missing directory from other trouble, because its remedy is another.
pub(super) fn require_directory(path: &Path) -> Result<(), OpenError> {
    let directory = directory(path);
    if directory.is_dir() { Ok(()) } else { Err(OpenError::DirectoryMissing(directory.into())) }
}

/// The file beside `path` that SQLite names with this suffix.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}
