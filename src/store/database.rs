//! The open database of one daemon: opened, written to and read back.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::domain::actor::Actor;
use crate::domain::audit::Act;
use crate::domain::batch::{Batch, Damage, Retention, Snapshot, Write};
use crate::domain::entropy::Entropy;
use crate::domain::ids::HubId;
use crate::domain::time::{Now, Timestamp};
use crate::security::key_file::KeyFile;
use crate::security::keys::NetworkKeys;

use super::error::{CommitError, KeySource, OpenError, ReadError};
use super::keys::Canary;
use super::mark::{Found, Mark};
use super::reader::{Reader, Source};
use super::report::{SealReport, ThiefReadsCodes};
use super::seal::Sealer;
use super::store_key::StoreKey;
use super::tidy::{self, Tidied};
use super::{audit, entities, files, keys, meta, schema, slots};

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

/// What a test does to a commit.
type Hook = Box<dyn FnMut() -> Result<(), CommitError> + Send>;

/// The database of one daemon, open for writing.
pub struct Store {
    pub(super) connection: Connection,
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
        let stopped_uncleanly = files::with_suffix(database, "-wal").exists();
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
            None if entities::has_sealed_rows(&connection).map_err(error)? => {
                return Err(OpenError::KeyMissing { database: database.into(), key_file: place.key_file.clone() });
            }
            None => (StoreKey::bear(&place.key_file, entropy)?, KeySource::File(place.key_file.clone())),
        };
        let report = SealReport::new(source, database);
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
                    let stored = keys::network_keys(&transaction, &self.sealer)?;
                    let keys = NetworkKeys::from_fn(|id| match self.given_keys.get(id) {
                        Some(_) => stored.network_key(id).clone(),
                        None => keys.network_key(id).clone(),
                    });
                    keys::put_network_keys(&transaction, &mut self.sealer, &keys)?;
                }
                row => entities::write(&transaction, &mut self.sealer, row)?,
            }
        }
        // Until what an older copy says is in doubt, its number stays below the mark: a start after a crash has to see it, too.
        let counts = if self.is_older_copy {
            batch.writes.iter().any(|row| matches!(row, Write::OlderCopyFound(_)))
        } else {
            batch.writes.iter().any(entities::counts)
        };
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
        let mut snapshot = entities::snapshot(&self.connection, &self.sealer)?;
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

    /// One small step of housekeeping. `now` is a time to be trusted; without it nothing goes for its age.
    ///
    /// An event that waits for the broker stays, and of a slot's history what says whose it is.
    pub fn tidy(&mut self, keep: &Retention, now: Option<Timestamp>) -> Result<Tidied, CommitError> {
        let tidied = tidy::step(&mut self.connection, &self.source, keep, now)?;
        // The mark waits for a moment in which nothing else waits.
        if tidied == Tidied::Done
            && let Some(Err(error)) = self.mark.as_mut().map(Mark::sync)
        {
            tracing::warn!(%error, "the mark beside the database did not reach the card");
        }
        Ok(tidied)
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

        match keys::canary(&store.connection, &store.sealer).map_err(error)? {
            Canary::Opens => {}
            Canary::DoesNotOpen => {
                // A key that opens anything is the right one, and the canary is what is damaged.
                if !entities::opens_any(&store.connection, &store.sealer).map_err(error)? {
                    return Err(OpenError::KeyWrong { database: path, source_of_key: store.report.source });
                }
                tracing::warn!("the proof of the store's key was damaged; it is written anew");
                keys::put_canary(&store.connection, &mut store.sealer).map_err(error)?;
            }
            Canary::Missing if entities::has_sealed_rows(&store.connection).map_err(error)? => {
                return Err(OpenError::Corrupt { path, what: "the proof of its key is missing".into() });
            }
            Canary::Missing => store.found(at, entropy).map_err(error)?,
        }
        if !keys::has_network_keys(&store.connection).map_err(error)? {
            store.add_network_keys(at, entropy).map_err(error)?;
        }
        if keys::is_fingerprint_key_damaged(&store.connection, &store.sealer).map_err(error)? {
            store.replace_fingerprint_key(entropy).map_err(error)?;
        }
        let snapshot = store.load().map_err(|error| OpenError::from_read(path, error))?;
        Ok((store, snapshot))
    }

    /// Without their key, fingerprints are useless: another key is made, and every code that was confirmed is to be read
    /// again. In one transaction: old fingerprints under the new key would look like codes changed at the lock.
    fn replace_fingerprint_key(&mut self, entropy: &Entropy) -> rusqlite::Result<()> {
        tracing::warn!("the key of code fingerprints is damaged; another is made, and every code in a lock is read again");
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        keys::new_fingerprint_key(&transaction, &mut self.sealer, entropy)?;
        slots::doubt_confirmed(&transaction)?;
        transaction.commit()?;
        self.replaced.push(Damage::Fingerprints);
        Ok(())
    }

    /// Keys for a database from before there were any.
    fn add_network_keys(&mut self, at: Timestamp, entropy: &Entropy) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        keys::new_network_keys(&transaction, &mut self.sealer, entropy)?;
        audit::add(&transaction, &Actor::LATCHKEY, &Act::NetworkKeysMade, at)?;
        transaction.commit()
    }

    /// The first rows of a new database.
    fn found(&mut self, at: Timestamp, entropy: &Entropy) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        meta::put(&transaction, meta::HUB, &HubId::new(&mut entropy.child("store/hub")))?;
        meta::put(&transaction, meta::MADE_AT, &at)?;
        keys::put_canary(&transaction, &mut self.sealer)?;
        keys::new_fingerprint_key(&transaction, &mut self.sealer, entropy)?;
        keys::new_network_keys(&transaction, &mut self.sealer, entropy)?;
        audit::add(&transaction, &Actor::LATCHKEY, &Act::DatabaseMade, at)?;
        transaction.commit()
    }
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

/// After an unclean stop: a card that lost power may have torn more than its log can mend.
fn check(connection: &Connection, database: &Path) -> Result<(), OpenError> {
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| OpenError::from_sqlite(database, error))?;
    if verdict == "ok" { Ok(()) } else { Err(OpenError::Corrupt { path: database.into(), what: verdict }) }
}
