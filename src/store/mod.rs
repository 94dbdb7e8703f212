//! The durable floor: SQLite, synchronous. Applies a batch as one transaction, loads a state.
//!
//! - **One writer.** [`Store`] belongs to the task that owns the bridge; a lock file keeps a second daemon out.
//!   [`Reader`]s answer questions about the past on connections of their own and never delay a turn.
//! - **Durable.** WAL with `synchronous=FULL`: when [`Store::apply`] returns, the batch is on the card. When it fails,
//!   nothing of it is there, and [`Store::load`] gives the state to go on from.
//! - **Sealed.** Codes and network keys never reach SQLite in clear. Each is encrypted for the one cell it lies in, under a key from a
//!   systemd credential or a key file. Where there are sealed rows and no key, opening fails: a new key is made only
//!   for a database that has nothing to open.
//! - **Forms that last.** `columns` says how each word of the domain is written down, `schema/` has the tables.

mod columns;
mod error;
mod files;
mod journal;
mod key;
mod load;
mod mark;
mod meta;
mod schema;
mod seal;
mod tidy;
mod write;

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::domain::batch::{Batch, Damage, Snapshot, Write};
use crate::domain::entropy::Entropy;
use crate::domain::ids::HubId;
use crate::domain::slot::{Progress, SlotKey};
use crate::domain::time::{Now, Timestamp};
use crate::security::key_file::KeyFile;
use crate::security::keys::NetworkKeys;

use journal::Source;
use key::StoreKey;
use mark::{Found, Mark};
use seal::{Cell, Sealer};

pub use error::{CommitError, KeySource, OpenError, ReadError};
pub use journal::{AuditEntry, EventQuery, Order, PAGE_LIMIT, Page, Reader};
pub use tidy::Tidied;

/// Where the store lives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The database: `[store] path`.
    pub database: PathBuf,
    /// The key file: `[store] key_file`.
    pub key_file: PathBuf,
    /// systemd's `$CREDENTIALS_DIRECTORY`; a credential named `store.key` in it goes before the key file.
    pub credentials: Option<PathBuf>,
}

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

/// What a test does to a commit.
type Hook = Box<dyn FnMut() -> Result<(), CommitError> + Send>;

/// The database of one daemon, open for writing.
pub struct Store {
    connection: Connection,
    sealer: Sealer,
    /// Keys that go before those in the database, and are never written into it.
    given_keys: KeyFile,
    source: Source,
    report: SealReport,
    before_commit: Option<Hook>,
    /// Beside a database on disk.
    mark: Option<Mark>,
    /// Commits so far that changed what is wanted or known.
    commits: u64,
    /// The database is an older copy, and its content was not doubted yet.
    is_older_copy: bool,
    /// What was found damaged, and replaced, when the database was opened.
    replaced: Vec<Damage>,
    // Last, so that it is let go of only once the database is closed.
    _lock: Option<File>,
}

impl Store {
    /// Opens the store, or makes one, and reads the state in it. Where there is no key yet and nothing that is sealed,
    /// one is made.
    pub fn open(place: &Place, now: Now, entropy: &Entropy) -> Result<(Self, Snapshot), OpenError> {
        let database = place.database.as_path();
        let lock = files::hold(database)?;
        // SQLite takes its log away when it closes in peace.
        let stopped_uncleanly = with_suffix(database, "-wal").exists();
        files::require_database(database)?;

        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let error = |error| OpenError::from_sqlite(database, error);
        let mut connection = Connection::open_with_flags(database, flags).map_err(error)?;
        if connection.pragma_query_value(None, "page_count", |row| row.get::<_, u32>(0)).map_err(error)? == 0 {
            connection.execute_batch(SHRINKS).map_err(error)?;
        }
        connection.execute_batch(PRAGMAS).map_err(error)?;
        if stopped_uncleanly {
            check(&connection, database)?;
        }
        schema::migrate(&mut connection, database, schema::STEPS)?;

        let (key, source) = match StoreKey::find(place.credentials.as_deref(), &place.key_file)? {
            Some(found) => found,
            None if load::has_sealed_rows(&connection).map_err(error)? => {
                return Err(OpenError::KeyMissing { database: database.into(), key_file: place.key_file.clone() });
            }
            None => (StoreKey::bear(&place.key_file, entropy)?, KeySource::File(place.key_file.clone())),
        };
        let report = SealReport { thief_reads_codes: thief_reads_codes(&source, database), source };
        let source = Source::File(database.into());
        let (mut store, mut snapshot) = Self::unseal(connection, source, &key, report, Some(lock), now.wall, entropy)?;
        store.let_shrink();
        store.compare_with_mark(database, snapshot.hub)?;
        snapshot.is_older_copy = store.is_older_copy;
        Ok((store, snapshot))
    }

    /// A store that lives as long as this value: tests.
    pub fn in_memory(entropy: &Entropy) -> Result<(Self, Snapshot), OpenError> {
        static NAMES: AtomicU64 = AtomicU64::new(0);
        // A name of its own lets readers open the same memory.
        let uri = format!("file:/latchkey-{}?vfs=memdb", NAMES.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(&uri);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_URI;
        let mut connection = Connection::open_with_flags(path, flags).map_err(|error| OpenError::from_sqlite(path, error))?;
        connection.execute_batch(PRAGMAS).map_err(|error| OpenError::from_sqlite(path, error))?;
        schema::migrate(&mut connection, path, schema::STEPS)?;

        let key = StoreKey::from_bytes(entropy.child("store/key").bytes());
        let report = SealReport { source: KeySource::Memory, thief_reads_codes: ThiefReadsCodes::No };
        Self::unseal(connection, Source::Memory(uri.clone()), &key, report, None, Timestamp::default(), entropy)
    }

    /// Commits a batch as one transaction. On success it survives a power cut; on failure nothing of it is there.
    pub fn apply(&mut self, batch: &Batch) -> Result<(), CommitError> {
        if batch.is_empty() {
            return Ok(());
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for row in &batch.writes {
            match row {
                // Keys that were given are never written: those in the database stay what they were.
                Write::NetworkKeys(keys) if !self.given_keys.is_empty() => {
                    let stored = load::network_keys(&transaction, &self.sealer)?;
                    let keys = NetworkKeys::from_fn(|id| match self.given_keys.get(id) {
                        Some(_) => stored.network_key(id).clone(),
                        None => keys.network_key(id).clone(),
                    });
                    write::write(&transaction, &mut self.sealer, &Write::NetworkKeys(Box::new(keys)))?;
                }
                row => write::write(&transaction, &mut self.sealer, row)?,
            }
        }
        // Until what an older copy says is in doubt, its number stays below the mark: a start after a crash has to see it, too.
        let counts = if self.is_older_copy { ends_older_copy(batch) } else { batch.writes.iter().any(counts) };
        let commits = self.commits + u64::from(counts);
        if counts {
            meta::put(&transaction, meta::COMMITS, &commits.cast_signed())?;
        }
        if let Some(hook) = &mut self.before_commit {
            hook()?;
        }
        transaction.commit()?;
        if counts {
            self.commits = commits;
            let was_older_copy = std::mem::take(&mut self.is_older_copy);
            // Only now: a mark that is ahead of the database would be a false alarm.
            if let Some(mark) = &mut self.mark {
                if was_older_copy { mark.begin_again(commits) } else { mark.note(commits) }
            }
        }
        Ok(())
    }

    /// Reads the whole state, as after a start: what was being sent is now to be verified.
    pub fn load(&mut self) -> Result<Snapshot, ReadError> {
        let mut snapshot = load::snapshot(&self.connection, &self.sealer)?;
        snapshot.network_keys = self.given_keys.or(&snapshot.network_keys);
        snapshot.is_older_copy = self.is_older_copy;
        snapshot.damage.extend(self.replaced.iter().cloned());
        Ok(snapshot)
    }

    /// From the next load on, these keys go before those in the database. They stay where they came from: whoever keeps
    /// them off the card finds them nowhere on it.
    pub fn prefer_network_keys(&mut self, given: KeyFile) {
        self.given_keys = given;
    }

    /// Answers questions about the past on connections of its own.
    pub fn reader(&self) -> Reader {
        Reader::new(self.source.clone())
    }

    /// Where the key came from, and what a stolen card gives away.
    pub fn seal_report(&self) -> &SealReport {
        &self.report
    }

    /// Calls `hook` in each commit, just before it becomes durable: tests stall the disk with it, and let it fail.
    pub fn before_commit(&mut self, hook: impl FnMut() -> Result<(), CommitError> + Send + 'static) {
        self.before_commit = Some(Box::new(hook));
    }

    /// Finds out whether this is the database that was here last. One from before there were marks is taken as it is, and so
    /// is one that nothing was written to yet.
    fn compare_with_mark(&mut self, database: &Path, hub: HubId) -> Result<(), OpenError> {
        let error = |error| OpenError::from_sqlite(database, error);
        let counted = meta::value::<i64>(&self.connection, meta::COMMITS).map_err(error)?;
        let made = counted.map_or(0, i64::cast_unsigned);
        let (mark, found) = Mark::open(database, hub)?;
        let (is_older_copy, known) = match found {
            Found::Nothing => (made > 0, made),
            Found::Commits(known) => (made < known, made.max(known)),
            Found::Other => (made > 0, made),
        };
        (self.commits, self.is_older_copy) = (known, is_older_copy);
        if is_older_copy {
            tracing::error!("the database is an older copy: every slot of every lock is looked at again");
        } else {
            if counted.is_none() {
                meta::put(&self.connection, meta::COMMITS, &made.cast_signed()).map_err(error)?;
            }
            mark.begin(made)?;
        }
        self.mark = Some(mark);
        Ok(())
    }

    /// A database made before pages could go back to the card is written anew, once. Where that fails it stays as it is.
    fn let_shrink(&self) {
        let mode = self.connection.pragma_query_value(None, "auto_vacuum", |row| row.get::<_, u32>(0));
        let rewritten = mode.and_then(|mode| match mode {
            0 => self.connection.execute_batch(SHRINKS).and_then(|()| self.connection.execute_batch("VACUUM")),
            _ => Ok(()),
        });
        if let Err(error) = rewritten {
            tracing::warn!(%error, "the database can't be made to shrink; it works all the same");
        }
    }

    /// Proves the key on the canary, or gives a new database its first rows; then loads.
    fn unseal(
        connection: Connection,
        source: Source,
        key: &StoreKey,
        report: SealReport,
        lock: Option<File>,
        at: Timestamp,
        entropy: &Entropy,
    ) -> Result<(Self, Snapshot), OpenError> {
        let path = match &source {
            Source::File(path) => path.clone(),
            Source::Memory(uri) => uri.into(),
        };
        let error = |error| OpenError::from_sqlite(path.as_path(), error);
        let sealer = Sealer::new(key, entropy.child("store/nonce"));
        let mut store = Self {
            connection,
            sealer,
            given_keys: KeyFile::default(),
            source,
            report,
            before_commit: None,
            mark: None,
            commits: 0,
            is_older_copy: false,
            replaced: Vec::new(),
            _lock: lock,
        };

        match meta::value::<Vec<u8>>(&store.connection, meta::CANARY).map_err(error)? {
            Some(canary) if store.sealer.open(CANARY, &canary).is_none() => {
                // A key that opens anything is the right one, and the canary is what is damaged.
                if !load::opens_any(&store.connection, &store.sealer).map_err(error)? {
                    return Err(OpenError::KeyWrong { database: path, source_of_key: store.report.source });
                }
                tracing::warn!("the proof of the store's key was damaged; it is written anew");
                let canary = store.sealer.seal(CANARY, b"latchkey").map_err(error)?;
                meta::put(&store.connection, meta::CANARY, &canary).map_err(error)?;
            }
            Some(_) => {}
            None if load::has_sealed_rows(&store.connection).map_err(error)? => {
                return Err(OpenError::Corrupt { path, what: "the proof of its key is missing".into() });
            }
            None => store.found(at, entropy).map_err(error)?,
        }
        if meta::value::<Vec<u8>>(&store.connection, meta::NETWORK_KEYS).map_err(error)?.is_none() {
            store.add_network_keys(at, entropy).map_err(error)?;
        }
        if load::is_fingerprint_key_damaged(&store.connection, &store.sealer).map_err(error)? {
            store.replace_fingerprint_key(entropy).map_err(error)?;
        }
        let snapshot = store.load().map_err(|error| OpenError::from_read(path, error))?;
        Ok((store, snapshot))
    }

    /// Without their key, fingerprints are useless: another key is made, and every code that was confirmed is to be read
    /// again. In one transaction: old fingerprints under the new key would look like codes changed at the lock.
    fn replace_fingerprint_key(&mut self, entropy: &Entropy) -> rusqlite::Result<()> {
        tracing::warn!("the key of code fingerprints is damaged; another is made, and every code in a lock is read again");
        let cell = Cell { row: meta::FINGERPRINT_KEY, ..CANARY };
        let sealed = self.sealer.seal(cell, &entropy.child("store/fingerprint").bytes::<32>())?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        meta::put(&transaction, meta::FINGERPRINT_KEY, &sealed)?;
        transaction.execute(
            "UPDATE slots SET confirmed_code = NULL, confirmed_generation = NULL, confirmed_by = NULL, confirmed_at = NULL,
                              progress = ?
             WHERE confirmed_code IS NOT NULL",
            [Progress::RowDoubted],
        )?;
        transaction.commit()?;
        self.replaced.push(Damage::Fingerprints);
        Ok(())
    }

    /// Keys for a database from before there were any.
    fn add_network_keys(&mut self, at: Timestamp, entropy: &Entropy) -> rusqlite::Result<()> {
        let made = Write::Audit { actor: "latchkey".into(), what: "made network keys".into(), at };
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        write::write(&transaction, &mut self.sealer, &new_network_keys(entropy))?;
        write::write(&transaction, &mut self.sealer, &made)?;
        transaction.commit()
    }

    /// The first rows of a new database.
    fn found(&mut self, at: Timestamp, entropy: &Entropy) -> rusqlite::Result<()> {
        let canary = self.sealer.seal(CANARY, b"latchkey")?;
        let fingerprint_cell = Cell { row: meta::FINGERPRINT_KEY, ..CANARY };
        let fingerprint_key = self.sealer.seal(fingerprint_cell, &entropy.child("store/fingerprint").bytes::<32>())?;
        let founded = Write::Audit { actor: "latchkey".into(), what: "made the database".into(), at };

        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        meta::put(&transaction, meta::HUB, &HubId::new(&mut entropy.child("store/hub")))?;
        meta::put(&transaction, meta::MADE_AT, &at)?;
        meta::put(&transaction, meta::CANARY, &canary)?;
        meta::put(&transaction, meta::FINGERPRINT_KEY, &fingerprint_key)?;
        write::write(&transaction, &mut self.sealer, &new_network_keys(entropy))?;
        write::write(&transaction, &mut self.sealer, &founded)?;
        transaction.commit()
    }
}

/// Whether a row changes what is wanted or known. History and bolt positions are the same in an older copy as far as
/// anything relies on them: an event costs no page more.
fn counts(row: &Write) -> bool {
    match row {
        Write::PutPerson(_)
        | Write::DeletePerson(_)
        | Write::PutCredential(_)
        | Write::DeleteCredential(_)
        | Write::DeleteDevice(_)
        | Write::PutGrant(_)
        | Write::DeleteGrant(_)
        | Write::PutSlot(_)
        | Write::DeleteSlot(_)
        | Write::SlotOwner { .. }
        | Write::PutNode(_)
        | Write::DeleteNode(_)
        | Write::PutProvisioned(_)
        | Write::DeleteProvisioned(_)
        | Write::Generation(_)
        | Write::Home(_)
        | Write::NetworkKeys(_)
        | Write::OlderCopyFound(_) => true,
        Write::PutDevice(_)
        | Write::Event(_)
        | Write::Outbox(_)
        | Write::OutboxDone(_)
        | Write::HighWater(_)
        | Write::Boot(_)
        | Write::Dropped(_)
        | Write::Audit { .. } => false,
    }
}

fn ends_older_copy(batch: &Batch) -> bool {
    batch.writes.iter().any(|row| matches!(row, Write::OlderCopyFound(_)))
}

/// `busy_timeout` bounds what somebody with a `sqlite3` shell can cost a turn; `secure_delete` overwrites what was deleted;
/// the cache is small because the whole state is in memory anyway. The log is copied when the daemon is idle; that it grows
/// beyond 2000 pages is for days without such a moment.
const PRAGMAS: &str = "
    PRAGMA busy_timeout = 1000;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 2000;
    PRAGMA foreign_keys = ON;
    PRAGMA secure_delete = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -512;
    PRAGMA mmap_size = 0;
    PRAGMA trusted_schema = OFF;
";

/// Free pages can go back to the card. Has to be said before the first page is written.
const SHRINKS: &str = "PRAGMA auto_vacuum = INCREMENTAL";

const CANARY: Cell<'static> = Cell { table: "meta", row: meta::CANARY, column: "value" };

/// After an unclean stop: a card that lost power may have torn more than its log can mend.
fn check(connection: &Connection, database: &Path) -> Result<(), OpenError> {
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| OpenError::from_sqlite(database, error))?;
    if verdict == "ok" { Ok(()) } else { Err(OpenError::Corrupt { path: database.into(), what: verdict }) }
}

/// Keys for a new network. They are made once; after that they only change if an operator brings others.
fn new_network_keys(entropy: &Entropy) -> Write {
    Write::NetworkKeys(Box::new(NetworkKeys::generate(&mut entropy.child("store/network keys"))))
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

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The identity of a slot as one text, for what is sealed in its row.
fn slot_row(key: &SlotKey) -> rusqlite::Result<String> {
    let (dialect, kind) = (columns::word(&key.dialect)?, columns::word(&key.kind)?);
    Ok(format!("{}/{dialect}/{}/{kind}/{}", key.device, key.user, key.index))
}
