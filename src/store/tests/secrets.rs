//! What a thief of the card, or a reader of the logs, finds.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::store::{KeySource, ThiefReadsCodes};

const CODE: &str = "4821739065";
const FOREIGN: &str = "7390654821";

#[test]
fn planted_codes_are_in_no_file_of_the_store() {
    let card = Card::new();
    let mut entropy = Entropy::from_number(2);
    let (mut store, state) = card.open().unwrap();
    let code = credential(PersonId::new(&mut entropy), CODE, &mut entropy);
    let foreign = slot(DeviceId::new(&mut entropy), 3, FOREIGN);
    let fingerprint = foreign.confirmed.as_ref().unwrap().code.unwrap();
    let key = std::fs::read_to_string(&card.place.key_file).unwrap();
    let raw_key = crate::domain::entropy::Entropy::from_number(1).child("store/key").bytes::<32>();
    assert_eq!(key.trim(), raw_key.map(|byte| format!("{byte:02x}")).concat(), "the needle is the key that is used");
    let secrets: [&[u8]; 6] =
        [CODE.as_bytes(), FOREIGN.as_bytes(), &fingerprint.0, &state.fingerprint_key.0, &raw_key, key.trim().as_bytes()];
    let look = |when: &str| {
        for file in card.files().iter().filter(|file| **file != card.place.key_file) {
            for (n, secret) in secrets.iter().enumerate() {
                assert!(!contains(file, secret), "secret {n} is in {} {when}", file.display());
            }
        }
    };

    store.apply(&batch([Write::PutCredential(code.clone()), Write::PutSlot(foreign.clone())])).unwrap();
    assert!(card.files().len() >= 5, "database, log, index, lock and key");
    assert!(contains(&card.file("latchkey.db-wal"), code.id.to_string().as_bytes()), "the log holds the row");
    look("after the write");
    store.apply(&batch([Write::DeleteCredential(code.id), Write::DeleteSlot(foreign.key)])).unwrap();
    look("after the delete");
    drop(store);
    look("after the end");
}

#[test]
fn a_deleted_person_is_not_left_in_the_free_pages() {
    let card = Card::new();
    let ada = Person { first_name: "Hypatia-of-Alexandria".into(), ..person(&mut Entropy::from_number(2)) };
    let (mut store, _) = card.open().unwrap();
    store.apply(&batch([Write::PutPerson(ada.clone())])).unwrap();
    drop(store);
    assert!(contains(&card.place.database, b"Hypatia-of-Alexandria"));
    let (mut store, _) = card.open().unwrap();
    store.apply(&batch([Write::DeletePerson(ada.id)])).unwrap();
    drop(store);
    assert!(!contains(&card.place.database, b"Hypatia-of-Alexandria"));
}

#[test]
fn a_code_copied_into_the_row_of_somebody_else_does_not_open_there() {
    let card = Card::new();
    let mut entropy = Entropy::from_number(2);
    let (mut store, _) = card.open().unwrap();
    let [guest, owner] = [CODE, FOREIGN].map(|code| credential(PersonId::new(&mut entropy), code, &mut entropy));
    store.apply(&batch([Write::PutCredential(guest.clone()), Write::PutCredential(owner.clone())])).unwrap();
    store
        .connection
        .execute("UPDATE credentials SET code = (SELECT code FROM credentials WHERE id = ?) WHERE id = ?", [owner.id, guest.id])
        .unwrap();
    let told = store.load().unwrap_err().to_string();
    assert!(told.contains(&guest.id.to_string()), "{told}");
    assert!(!told.contains(CODE) && !told.contains(FOREIGN));
    drop(store);
    assert!(matches!(card.refusal(), OpenError::Corrupt { .. }));
}

#[test]
fn no_other_user_can_read_any_file_of_the_store() {
    let card = Card::new();
    let (mut store, _) = card.open().unwrap();
    store.apply(&batch([Write::PutPerson(person(&mut Entropy::from_number(2)))])).unwrap();
    for file in card.files() {
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
    }
}

#[test]
fn the_report_does_not_claim_safety_for_a_key_beside_its_codes() {
    let card = Card::new();
    let (store, _) = card.open().unwrap();
    assert_eq!(store.seal_report().source, KeySource::File(card.place.key_file.clone()));
    assert_eq!(store.seal_report().thief_reads_codes, ThiefReadsCodes::Yes);
    drop(store);

    let mut sealed_elsewhere = Card::new();
    let credentials = tempfile::tempdir().unwrap();
    std::fs::write(credentials.path().join("store.key"), [7; 32]).unwrap();
    sealed_elsewhere.place.credentials = Some(credentials.path().into());
    let (store, _) = sealed_elsewhere.open().unwrap();
    assert_eq!(store.seal_report().thief_reads_codes, ThiefReadsCodes::Depends);
    assert!(!sealed_elsewhere.place.key_file.exists(), "no second key is made");
}
