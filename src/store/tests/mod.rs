//! The store from outside: what survives, what is refused, what a thief finds.

mod audit;
mod damage;
mod journal;
mod opening;
mod rows;
mod secrets;
mod tidy;
mod words;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::domain::actor::Actor;
use crate::domain::audit::Act;
use crate::domain::batch::{Batch, Snapshot, Write};
use crate::domain::entropy::Entropy;
use crate::domain::event::{Action, Event, EventType, Method, PersonAtEvent};
use crate::domain::grant::{Confirmation, Grant, Hold, HoldKind, Reason, Schedule, Status};
use crate::domain::ids::{CredentialId, DeviceId, EventId, Generation, GrantId, PersonId, ProvisioningId};
use crate::domain::person::{Contacts, Credential, CredentialKind, Person};
use crate::domain::pin::{CodeText, Fingerprint, FingerprintKey, Pin};
use crate::domain::provisioning::{Label, Provisioned, ProvisioningState, ScannedProduct};
use crate::domain::slot::{Confirmed, ConfirmedBy, Content, Progress, Slot, SlotKey};
use crate::domain::time::{Instant, Now, Timestamp};
use crate::security::dsk::Dsk;
use crate::security::keys::KeyMask;

use super::{AuditQuery, OpenError, Place, Store};

const NOW: Now = Now { mono: Instant::ZERO, wall: Timestamp::from_millis(1_795_453_445_123), trusted: true };

/// A directory with a database in it, which can be opened again and again.
struct Card {
    dir: TempDir,
    place: Place,
}

impl Card {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let place = Place { database: at("latchkey.db"), key_file: at("store.key"), credentials: None };
        Self { dir, place }
    }

    fn open(&self) -> Result<(Store, Snapshot), OpenError> {
        Store::open(&self.place, NOW, &Entropy::from_number(1))
    }

    fn refusal(&self) -> OpenError {
        match self.open() {
            Ok(_) => panic!("the store was opened"),
            Err(error) => error,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn files(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

/// What a power cut leaves of the card at `files`: its files as they are now, elsewhere.
fn power_cut(files: &Path) -> Card {
    let after = Card::new();
    for file in std::fs::read_dir(files).unwrap().map(|entry| entry.unwrap().path()) {
        std::fs::copy(&file, after.dir.path().join(file.file_name().unwrap())).unwrap();
    }
    after
}

fn batch(writes: impl IntoIterator<Item = Write>) -> Batch {
    Batch { writes: writes.into_iter().collect() }
}

fn contains(path: &Path, needle: &[u8]) -> bool {
    std::fs::read(path).unwrap().windows(needle.len()).any(|window| window == needle)
}

fn person(entropy: &mut Entropy) -> Person {
    Person {
        id: PersonId::new(entropy),
        external_id: Some("crm-7".into()),
        first_name: "Ada".into(),
        last_name: "Lovelace".into(),
        enabled: true,
        contacts: Contacts { email: Some("ada@example.org".into()), mobile: None },
        added_at: Timestamp::from_millis(1_000),
        removed_at: None,
    }
}

fn credential(person: PersonId, code: &str, entropy: &mut Entropy) -> Credential {
    Credential {
        id: CredentialId::new(entropy),
        person,
        kind: CredentialKind::Pin,
        pin: Pin::parse(code).unwrap(),
        generation: Generation(3),
    }
}

fn grant(credential: &Credential, device: DeviceId, entropy: &mut Entropy) -> Grant {
    Grant {
        id: GrantId::new(entropy),
        person: credential.person,
        credential: credential.id,
        device,
        schedule: Schedule::Always,
        wanted: true,
        generation: Generation(3),
        hold: Some(Hold { kind: HoldKind::Rejected, reason: Reason::Duplicate, since: Timestamp::from_millis(1_450) }),
        status: Status::Unreachable,
        reason: Some(Reason::Backoff),
        since: Timestamp::from_millis(1_500),
        next_try: Some(Timestamp::from_millis(9_000)),
        attempts: 4,
        confirmed: Some(Confirmation { by: ConfirmedBy::Read, at: Timestamp::from_millis(1_400) }),
    }
}

fn provisioned(entropy: &mut Entropy) -> Provisioned {
    let product = ScannedProduct { generic: 0x40, specific: 3, manufacturer: 0x0109, product_type: 1, product: 2 };
    let label = Label { dsk: Dsk::new(entropy.bytes()), keys: KeyMask(0x87), long_range: true, product };
    Provisioned {
        id: ProvisioningId::new(entropy),
        label,
        name: Some("Front door".into()),
        added_at: Timestamp::from_millis(500),
        state: ProvisioningState::Failed { why: "the device never sent its key".into() },
    }
}

fn slot(device: DeviceId, index: u16, code: &str) -> Slot {
    let fingerprint = Fingerprint::of(code.as_bytes(), &FingerprintKey([9; 32]));
    Slot {
        content: Content::Known(CodeText::new(code.as_bytes())),
        seen_at: Some(Timestamp::from_millis(2_000)),
        confirmed: Some(Confirmed {
            code: Some(fingerprint),
            generation: Generation(3),
            by: ConfirmedBy::Supervision,
            at: Timestamp::from_millis(2_000),
        }),
        progress: Progress::Idle,
        ..Slot::unseen(SlotKey::user_code(device, index))
    }
}

fn event(device: DeviceId, person: Option<PersonId>, at: i64, entropy: &mut Entropy) -> Event {
    let at = Timestamp::from_millis(at);
    Event {
        id: EventId::new(at, entropy),
        kind: EventType::CodeUsed,
        device,
        person: person.map(|id| PersonAtEvent { id, name: "Ada Lovelace".into() }),
        action: Some(Action::Unlock),
        method: Some(Method::Keypad),
        slot: Some(3),
        allowed: Some(true),
        reason: None,
        actor: None,
        at,
    }
}
