//! The mark beside the database: how many of its commits are known to have been made. A database with fewer is an older
//! copy that was put back.
//!
//! The mark is written after each commit that counts, into the page cache only: no commit waits for it, and the kernel
//! brings it to the card in its own time. So after a power cut it may lag behind the database and never runs ahead of it:
//! a lag is no alarm. It survives the death of the process at any moment.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::domain::ids::HubId;

use super::error::OpenError;
use super::files;

const FORM: &str = "latchkey 1";

/// What the mark said when the database was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    Nothing,
    /// So many commits of this hub's database.
    Commits(u64),
    /// Something else: of another hub, or damaged.
    Other,
}

/// The open mark of one database.
pub(super) struct Mark {
    path: PathBuf,
    hub: HubId,
    file: File,
    unsynced: bool,
    failures: u64,
}

impl Mark {
    /// Opens the mark of `database`, or makes an empty one.
    pub(super) fn open(database: &Path, hub: HubId) -> Result<(Self, Found), OpenError> {
        let path = database.with_added_extension("mark");
        let error = |error| OpenError::from_io(path.as_path(), error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(0o600);
        let opened = options.open(&path);
        let (mut file, is_new) = match opened {
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => (options.create(true).open(&path).map_err(error)?, true),
            opened => (opened.map_err(error)?, false),
        };
        let mut text = Vec::new();
        (&mut file).take(256).read_to_end(&mut text).map_err(error)?;
        let found = match parse(&text, hub) {
            Some(commits) => Found::Commits(commits),
            None if is_new => Found::Nothing,
            None => Found::Other,
        };
        Ok((Self { path, hub, file, unsynced: false, failures: 0 }, found))
    }

    /// Notes that so many commits are made, and waits until the card has it. For the start: later writes only replace these
    /// bytes, so that a power cut leaves either number.
    pub(super) fn begin(&self, commits: u64) -> Result<(), OpenError> {
        let text = self.text(commits);
        let written = self.file.set_len(len_of(&text)).and_then(|()| self.file.write_all_at(text.as_bytes(), 0));
        let error = |error| OpenError::from_io(self.path.as_path(), error);
        written.and_then(|()| self.file.sync_all()).map_err(error)?;
        files::sync_directory(&self.path).map_err(error)
    }

    /// The same for a database that took the place of another: the mark may have been of any length.
    pub(super) fn begin_again(&self, commits: u64) {
        if let Err(error) = self.begin(commits) {
            tracing::warn!(%error, "the mark can't be written; the next start doubts the database again");
        }
    }

    /// Notes that so many commits are made. That it fails undoes no commit: an older copy could go unnoticed, no more.
    pub(super) fn note(&mut self, commits: u64) {
        match self.file.write_all_at(self.text(commits).as_bytes(), 0) {
            Ok(()) => (self.unsynced, self.failures) = (true, 0),
            Err(error) => {
                self.failures += 1;
                if self.failures.is_power_of_two() {
                    tracing::warn!(%error, failures = self.failures, path = %self.path.display(), "the mark can't be written");
                }
            }
        }
    }

    /// Syncs the mark to the card, when nothing waits.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.unsynced) { self.file.sync_data() } else { Ok(()) }
    }

    /// Always of the same length, and far shorter than a sector.
    fn text(&self, commits: u64) -> String {
        format!("{FORM} {} {commits:020}\n", self.hub)
    }
}

fn len_of(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

fn parse(text: &[u8], hub: HubId) -> Option<u64> {
    let of_hub = str::from_utf8(text).ok()?.strip_suffix('\n')?.strip_prefix(FORM)?.strip_prefix(' ')?;
    let commits = of_hub.strip_prefix(&hub.to_string())?.strip_prefix(' ')?;
    commits.parse().ok().filter(|_| commits.len() == 20)
}
