//! Starts that must not happen, and what is said about them.

use std::error::Error;
use std::fs;

use proptest::prelude::*;

use super::*;
use crate::store::EventQuery;

#[test]
fn codes_without_their_key_are_an_error_and_never_a_new_key() {
    let card = Card::new();
    drop(card.open().unwrap());
    fs::remove_file(&card.place.key_file).unwrap();
    let error = card.refusal();
    assert!(matches!(error, OpenError::KeyMissing { .. }), "{error}");
    assert!(error.to_string().contains(card.place.key_file.to_str().unwrap()), "{error}");
    assert!(!card.place.key_file.exists());
}

#[test]
fn a_database_without_its_canary_but_with_codes_gets_no_new_key_either() {
    let card = Card::new();
    let mut entropy = Entropy::from_number(2);
    let (mut store, _) = card.open().unwrap();
    store.apply(&batch([Write::PutCredential(credential(PersonId::new(&mut entropy), "4821", &mut entropy))])).unwrap();
    store.connection.execute("DELETE FROM meta WHERE key IN ('canary', 'fingerprint_key')", []).unwrap();
    drop(store);
    assert!(matches!(card.refusal(), OpenError::Corrupt { .. }));
    fs::remove_file(&card.place.key_file).unwrap();
    assert!(matches!(card.refusal(), OpenError::KeyMissing { .. }));
}

#[test]
fn a_key_of_another_hub_is_refused_before_anything_is_sealed_with_it() {
    let card = Card::new();
    drop(card.open().unwrap());
    let before = fs::read(&card.place.database).unwrap();
    fs::write(&card.place.key_file, "ab".repeat(32)).unwrap();
    let error = card.refusal();
    assert!(matches!(error, OpenError::KeyWrong { .. }), "{error}");
    assert_eq!(fs::read(&card.place.database).unwrap(), before);
}

#[test]
fn a_start_cut_short_between_key_and_database_goes_on_with_that_key() {
    let card = Card::new();
    drop(card.open().unwrap());
    let key = fs::read(&card.place.key_file).unwrap();
    fs::remove_file(&card.place.database).unwrap();
    drop(card.open().unwrap());
    assert_eq!(fs::read(&card.place.key_file).unwrap(), key);
}

#[test]
fn a_second_daemon_is_kept_out_and_told_who_is_in() {
    let card = Card::new();
    let first = card.open().unwrap();
    let error = card.refusal();
    assert!(matches!(error, OpenError::Held { pid: Some(pid), .. } if pid == std::process::id()), "{error}");
    assert!(error.to_string().contains(&format!("pid {}", std::process::id())), "{error}");
    drop(first);
    card.open().unwrap();
}

#[test]
fn a_newer_schema_is_left_alone() {
    let card = Card::new();
    let (store, _) = card.open().unwrap();
    store.connection.pragma_update(None, "user_version", 99).unwrap();
    drop(store);
    let before = fs::read(&card.place.database).unwrap();
    let error = card.refusal();
    assert!(matches!(error, OpenError::NewerSchema { found: 99, known: 4, .. }), "{error}");
    assert_eq!(fs::read(&card.place.database).unwrap(), before);
}

/// What the version before smart start left on the card.
#[test]
fn a_database_from_before_devices_were_expected_is_brought_along_and_copied_first() {
    let card = Card::new();
    let mut entropy = Entropy::from_number(2);
    let (mut store, _) = card.open().unwrap();
    let code = credential(PersonId::new(&mut entropy), "4821", &mut entropy);
    store.apply(&batch([Write::PutCredential(code.clone())])).unwrap();
    let before = "DROP TABLE provisioning; DROP TABLE audit; PRAGMA user_version = 1;
        CREATE TABLE audit (seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL, what TEXT NOT NULL) STRICT;
        ALTER TABLE grants DROP COLUMN hold; ALTER TABLE grants DROP COLUMN hold_reason; ALTER TABLE grants DROP COLUMN hold_since";
    store.connection.execute_batch(before).unwrap();
    drop(store);
    let (mut store, state) = card.open().unwrap();
    assert_eq!((state.credentials, state.provisioning), (vec![code], vec![]));
    let expected = provisioned(&mut entropy);
    store.apply(&batch([Write::PutProvisioned(expected.clone())])).unwrap();
    drop(store);
    assert_eq!(card.open().unwrap().1.provisioning, [expected]);
    assert!(card.file("latchkey.db.v1.bak").exists());
}

#[test]
fn a_device_key_without_the_store_key_is_an_error_and_never_a_new_key() {
    let card = Card::new();
    let (mut store, _) = card.open().unwrap();
    store.apply(&batch([Write::PutProvisioned(provisioned(&mut Entropy::from_number(2)))])).unwrap();
    store.connection.execute("DELETE FROM meta WHERE key IN ('canary', 'fingerprint_key', 'network_keys')", []).unwrap();
    drop(store);
    fs::remove_file(&card.place.key_file).unwrap();
    assert!(matches!(card.refusal(), OpenError::KeyMissing { .. }));
}

#[test]
fn a_page_torn_by_a_power_cut_is_found_before_the_daemon_serves() {
    let card = Card::new();
    let mut entropy = Entropy::from_number(2);
    let (mut store, _) = card.open().unwrap();
    let lock = DeviceId::new(&mut entropy);
    store.apply(&batch((0..200).map(|at| Write::Event(event(lock, None, at, &mut entropy))))).unwrap();
    drop(store);
    let whole = fs::read(&card.place.database).unwrap();
    for page in (0..whole.len()).step_by(4096) {
        let mut torn = whole.clone();
        torn[page..page + 4096].fill(0xa5);
        fs::write(&card.place.database, torn).unwrap();
        fs::write(card.file("latchkey.db-wal"), "").unwrap();
        let error = card.refusal();
        assert!(matches!(error, OpenError::Corrupt { .. }), "page at {page}: {error}");
    }
}

#[test]
fn a_file_that_is_no_database_is_not_overwritten() {
    let card = Card::new();
    fs::write(&card.place.database, "A letter to my landlord, which must not be lost.\n".repeat(100)).unwrap();
    let before = fs::read(&card.place.database).unwrap();
    assert!(matches!(card.refusal(), OpenError::Corrupt { .. }));
    assert_eq!(fs::read(&card.place.database).unwrap(), before);
    assert!(!card.place.key_file.exists());
}

#[test]
fn a_missing_directory_and_one_that_can_not_be_written_have_their_own_remedies() {
    let mut card = Card::new();
    card.place.database = card.file("missing/latchkey.db");
    let error = card.refusal();
    assert!(matches!(&error, OpenError::DirectoryMissing(path) if *path == card.file("missing")), "{error}");

    let mut card = Card::new();
    card.place.key_file = card.file("missing/store.key");
    assert!(matches!(card.refusal(), OpenError::DirectoryMissing(_)));

    // sysfs takes no files from anybody, root included.
    let mut card = Card::new();
    card.place.database = "/sys/latchkey.db".into();
    assert!(matches!(card.refusal(), OpenError::NotWritable { .. }));
}

#[test]
fn each_refusal_is_one_line_that_does_not_repeat_its_cause() {
    let path = PathBuf::from("/var/lib/latchkey/latchkey.db");
    let io = |kind| OpenError::from_io(path.as_path(), std::io::Error::new(kind, "the cause itself"));
    let errors = [
        io(std::io::ErrorKind::StorageFull),
        io(std::io::ErrorKind::PermissionDenied),
        io(std::io::ErrorKind::Other),
        OpenError::NewerSchema { path: path.clone(), found: 2, known: 1 },
        OpenError::Held { path: path.clone(), pid: None },
        OpenError::KeyMissing { database: path.clone(), key_file: path.clone() },
    ];
    for error in errors {
        let line = error.to_string();
        assert!(line.contains(path.to_str().unwrap()) && !line.contains('\n'), "{line}");
        assert!(!line.contains("the cause itself"), "{line}");
    }
    assert!(io(std::io::ErrorKind::Other).source().is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_card_that_rots_anywhere_never_brings_the_daemon_down(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        unclean in any::<bool>(),
    ) {
        let card = Card::new();
        let mut entropy = Entropy::from_number(2);
        let (mut store, _) = card.open().unwrap();
        let rotten = slot(DeviceId::new(&mut entropy), 3, "4821");
        let used = event(rotten.key.device, None, 1_000, &mut entropy);
        store.apply(&batch([Write::PutSlot(rotten), Write::Event(used.clone()), Write::Outbox(used.id)])).unwrap();
        drop(store);

        let mut bytes = fs::read(&card.place.database).unwrap();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        fs::write(&card.place.database, bytes).unwrap();
        if unclean {
            fs::write(card.file("latchkey.db-wal"), "").unwrap();
        }
        // Damage in a free page goes unseen, and rightly; what is seen is an error with a sentence.
        if let Ok((mut store, _)) = card.open() {
            let _ = store.reader().events(&EventQuery::default());
            let _ = store.apply(&batch([Write::PutPerson(person(&mut entropy))]));
        }
    }
}
