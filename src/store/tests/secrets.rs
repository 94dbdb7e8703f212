//! What a thief of the card, or a reader of the logs, finds.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::domain::batch::Damage;
use crate::security::key_file::KeyFile;
use crate::security::keys::{KeyId, NetworkKeys};
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
    let mut secrets: Vec<Vec<u8>> = vec![
        CODE.into(),
        FOREIGN.into(),
        fingerprint.0.into(),
        state.fingerprint_key.0.into(),
        raw_key.into(),
        key.trim().into(),
    ];
    let planted = NetworkKeys::generate(&mut entropy);
    for network_key in [&state.network_keys, &planted].into_iter().flat_map(|keys| KeyId::ALL.map(|id| keys.network_key(id))) {
        let hex = network_key.reveal().map(|byte| format!("{byte:02x}")).concat();
        secrets.extend([network_key.reveal().to_vec(), hex.to_uppercase().into(), hex.into()]);
    }
    let expected = provisioned(&mut entropy);
    let dsk = expected.label.dsk.clone();
    let digits = dsk.text().replace('-', "");
    let hex = dsk.reveal().map(|byte| format!("{byte:02x}")).concat();
    secrets.extend([dsk.reveal().to_vec(), dsk.text().into(), digits.into(), hex.into(), dsk.tail().into()]);
    let look = |when: &str| {
        for file in card.files().iter().filter(|file| **file != card.place.key_file) {
            for (n, secret) in secrets.iter().enumerate() {
                assert!(!contains(file, secret), "secret {n} is in {} {when}", file.display());
            }
        }
    };

    let keys = Write::NetworkKeys(Box::new(planted.clone()));
    let expecting = Write::PutProvisioned(expected.clone());
    store.apply(&batch([Write::PutCredential(code.clone()), Write::PutSlot(foreign.clone()), keys, expecting])).unwrap();
    assert!(card.files().len() >= 5, "database, log, index, lock and key");
    assert!(contains(&card.file("latchkey.db-wal"), code.id.to_string().as_bytes()), "the log holds the row");
    look("after the write");
    assert_eq!(store.load().unwrap().provisioning, std::slice::from_ref(&expected));
    let gone = [Write::DeleteCredential(code.id), Write::DeleteSlot(foreign.key), Write::DeleteProvisioned(expected.id)];
    store.apply(&batch(gone)).unwrap();
    look("after the delete");
    drop(store);
    look("after the end");
    assert_eq!(card.open().unwrap().1.network_keys, planted);
}

#[test]
fn network_keys_are_made_once_and_stay() {
    let card = Card::new();
    let first = card.open().unwrap().1.network_keys;
    let other_randomness = Store::open(&card.place, NOW, &Entropy::from_number(9)).unwrap().1.network_keys;
    assert_eq!(other_randomness, first);
    let another_hub = Store::open(&Card::new().place, NOW, &Entropy::from_number(9)).unwrap().1.network_keys;
    assert_ne!(another_hub, first);
}

#[test]
fn a_database_from_before_there_were_network_keys_gets_its_own() {
    let card = Card::new();
    let (store, _) = card.open().unwrap();
    store.connection.execute("DELETE FROM meta WHERE key = 'network_keys'", []).unwrap();
    drop(store);
    let made = card.open().unwrap().1.network_keys;
    assert_eq!(card.open().unwrap().1.network_keys, made);
}

#[test]
fn network_keys_that_were_tampered_with_are_no_reason_to_make_others() {
    let card = Card::new();
    let (store, _) = card.open().unwrap();
    let tampered = "UPDATE meta SET value = (SELECT value FROM meta WHERE key = 'fingerprint_key') WHERE key = 'network_keys'";
    store.connection.execute(tampered, []).unwrap();
    drop(store);
    let error = card.refusal();
    assert!(matches!(error, OpenError::Corrupt { .. }) && error.to_string().contains("network_keys"), "{error}");
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
    let state = store.load().unwrap();
    assert_eq!(state.credentials, [owner]);
    assert_eq!(state.damage, [Damage::Code { credential: guest.id, person: guest.person }]);
}

#[test]
fn a_device_key_copied_into_the_row_of_another_device_does_not_open_there() {
    let card = Card::new();
    let mut entropy = Entropy::from_number(2);
    let (mut store, _) = card.open().unwrap();
    let [ours, theirs] = [provisioned(&mut entropy), provisioned(&mut entropy)];
    store.apply(&batch([Write::PutProvisioned(ours.clone()), Write::PutProvisioned(theirs.clone())])).unwrap();
    let copy = "UPDATE provisioning SET dsk = (SELECT dsk FROM provisioning WHERE id = ?) WHERE id = ?";
    store.connection.execute(copy, [theirs.id, ours.id]).unwrap();
    let state = store.load().unwrap();
    assert_eq!(state.provisioning, [theirs]);
    assert_eq!(state.damage, [Damage::Label { id: ours.id, name: ours.name }]);
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

#[test]
fn keys_an_operator_brings_go_before_those_of_the_store_and_are_not_written_down() {
    let card = Card::new();
    let (mut store, state) = card.open().unwrap();
    let hex = "5ec2e75ec2e75ec2e75ec2e75ec2e75e";
    let brought = KeyFile::parse(&format!("{{\"S0_Legacy\": \"{hex}\"}}")).unwrap();
    store.prefer_network_keys(brought.clone());
    let loaded = store.load().unwrap().network_keys;
    assert_eq!(Some(loaded.network_key(KeyId::S0)), brought.get(KeyId::S0));
    assert_eq!(loaded.network_key(KeyId::AccessControl), state.network_keys.network_key(KeyId::AccessControl));
    store.apply(&batch([Write::PutPerson(person(&mut Entropy::from_number(2)))])).unwrap();
    // Another network's keys come, and the same key among them.
    let others = NetworkKeys::generate(&mut Entropy::from_number(77));
    let taken_over = brought.or(&others);
    store.apply(&batch([Write::NetworkKeys(Box::new(taken_over.clone()))])).unwrap();
    assert_eq!(store.load().unwrap().network_keys, taken_over);
    drop(store);
    let stored = card.open().unwrap().1.network_keys;
    assert_eq!(stored.network_key(KeyId::S0), state.network_keys.network_key(KeyId::S0), "the one that was brought");
    assert_eq!(stored.network_key(KeyId::AccessControl), others.network_key(KeyId::AccessControl));
}
