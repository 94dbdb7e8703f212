//! The schema, as the list of steps that led to it. `user_version` counts the steps a database has taken.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, TransactionBehavior};

use super::error::OpenError;
use super::files;

/// Step N brings a database from version N-1 to N. Steps that were released never change.
pub(super) const STEPS: &[&str] =
    &[include_str!("schema/v1.sql"), include_str!("schema/v2.sql"), include_str!("schema/v3.sql"), include_str!("schema/v4.sql")];

/// Brings the database to the newest schema; one that has data is copied to `<database>.v<N>.bak` first.
pub(super) fn migrate(connection: &mut Connection, database: &Path, steps: &[&str]) -> Result<(), OpenError> {
    let error = |error| OpenError::from_sqlite(database, error);
    let known = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(error)?;
    if found > known {
        return Err(OpenError::NewerSchema { path: database.into(), found, known });
    }
    if found == known {
        return Ok(());
    }
    if found == 0 {
        let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(error)?;
        if tables != 0 {
            return Err(OpenError::Corrupt { path: database.into(), what: "it is the database of another program".into() });
        }
    } else {
        back_up(connection, database, found)?;
    }

    // All steps in one transaction: a power cut leaves the old schema or the new one.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(error)?;
    for step in steps.iter().skip(usize::try_from(found).unwrap_or(usize::MAX)) {
        transaction.execute_batch(step).map_err(error)?;
    }
    transaction.pragma_update(None, "user_version", known).map_err(error)?;
    transaction.commit().map_err(error)
}

fn back_up(connection: &Connection, database: &Path, version: u32) -> Result<(), OpenError> {
    let copy = database.with_added_extension(format!("v{version}.bak"));
    let unfinished = copy.with_added_extension("new");
    let error = |error| OpenError::from_io(&copy, error);
    if unfinished.exists() {
        fs::remove_file(&unfinished).map_err(error)?;
    }
    let file = files::create_private(&unfinished).map_err(error)?;

    let sqlite_error = |error| OpenError::from_sqlite(&copy, error);
    let mut target = Connection::open(&unfinished).map_err(sqlite_error)?;
    Backup::new(connection, &mut target)
        .and_then(|backup| backup.run_to_completion(1000, Duration::from_millis(10), None))
        .map_err(sqlite_error)?;
    target.close().map_err(|(_, error)| sqlite_error(error))?;

    file.sync_all().and_then(|()| fs::rename(&unfinished, &copy)).and_then(|()| files::sync_directory(&copy)).map_err(error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const FIRST: &str = "CREATE TABLE t (a TEXT) STRICT; INSERT INTO t VALUES ('old');";

    #[test]
    fn a_database_is_copied_before_its_schema_changes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("latchkey.db");
        let mut connection = Connection::open(&path).unwrap();
        migrate(&mut connection, &path, &[FIRST]).unwrap();
        migrate(&mut connection, &path, &[FIRST, "UPDATE t SET a = 'new'"]).unwrap();
        assert_eq!(word_in(&path), "new");

        let copy = dir.path().join("latchkey.db.v1.bak");
        assert_eq!(word_in(&copy), "old");
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_step_that_fails_leaves_the_old_schema() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("latchkey.db");
        let mut connection = Connection::open(&path).unwrap();
        migrate(&mut connection, &path, &[FIRST]).unwrap();
        let steps = [FIRST, "UPDATE t SET a = 'half'", "UPDATE no_such_table SET a = 1"];
        migrate(&mut connection, &path, &steps).unwrap_err();
        assert_eq!(word_in(&path), "old");
        migrate(&mut connection, &path, &[FIRST, "UPDATE t SET a = 'new'"]).unwrap();
        assert_eq!(word_in(&path), "new");
    }

    #[test]
    fn the_database_of_another_program_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("other.db");
        let mut connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE t (a TEXT)").unwrap();
        assert!(matches!(migrate(&mut connection, &path, STEPS), Err(OpenError::Corrupt { .. })));
    }

    #[test]
    fn a_grant_that_waited_for_a_decision_still_waits_after_an_upgrade() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, Path::new(":memory:"), &STEPS[..2]).unwrap();
        let rows = [
            ("refused", "'rejected', 'duplicate', 7, NULL"),
            ("erased", "'missing_from_lock', 'erased_at_lock', 7, NULL"),
            ("tried_again", "'rejected', 'refused_by_lock', 7, 9"),
            ("insecure", "'rejected', 'insecure', 7, NULL"),
            ("active", "'active', NULL, 7, NULL"),
        ];
        for (id, standing) in rows {
            let columns =
                "id, person, credential, device, schedule, wanted, generation, attempts, status, reason, since, next_try";
            let row = format!("INSERT INTO grants ({columns}) VALUES ('{id}', 'p', 'c', 'd', '{{}}', 1, 1, 0, {standing})");
            connection.execute_batch(&row).unwrap();
        }
        for step in &STEPS[2..] {
            connection.execute_batch(step).unwrap();
        }
        let mut held =
            connection.prepare("SELECT id, hold, hold_reason, hold_since FROM grants WHERE hold IS NOT NULL ORDER BY id");
        let held = held.as_mut().unwrap().query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get::<_, i64>(3)?))
        });
        let expected = [("erased", "missing_from_lock", "erased_at_lock", 7), ("refused", "rejected", "duplicate", 7)];
        let expected = expected.map(|(id, hold, reason, since)| (id.to_owned(), hold.to_owned(), reason.to_owned(), since));
        assert_eq!(held.unwrap().collect::<Result<Vec<_>, _>>().unwrap(), expected);
    }

    fn word_in(path: &Path) -> String {
        Connection::open(path).unwrap().query_row("SELECT a FROM t", [], |row| row.get(0)).unwrap()
    }
}
