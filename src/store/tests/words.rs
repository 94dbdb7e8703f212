//! Every word in a database, as it is spelled there. People's databases hold these for years: a line here is only ever
//! added.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::command::ClassId;
use crate::domain::device::{Device, DeviceKind, Habits, Inventory, LockState, SlowCheck};
use crate::domain::event::EventReason;
use crate::domain::ids::{NodeId, Slug};
use crate::domain::node::{
    Beam, ClassSupport, DoorLockSupport, InterviewStage, Joining, Node, NodeProtocol, ProductIds, SecurityClass, UserCodeSupport,
    WeakCodes,
};
use crate::domain::slot::{Dialect, Doing};

/// One word for each variant. A variant that has none here does not compile.
macro_rules! spelled {
    ($($type:ident { $($variant:ident = $word:literal,)* })*) => {$({
        let word = |value: &$type| match value {
            $($type::$variant => $word,)*
        };
        for value in [$($type::$variant),*] {
            is_written(&value, &json!(word(&value)));
        }
    })*};
}

/// The value is written as this JSON, and read back from it.
fn is_written<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, json: &Value) {
    assert_eq!(&serde_json::to_value(value).unwrap(), json);
    assert_eq!(&serde_json::from_value::<T>(json.clone()).unwrap(), value);
}

#[test]
fn a_variant_with_another_name_keeps_its_word_in_the_database() {
    spelled! {
        HoldKind {
            Rejected = "rejected",
            MissingFromLock = "missing_from_lock",
            ChangedAtLock = "changed_at_lock",
        }
        Status {
            Scheduled = "scheduled",
            Pending = "pending",
            Sending = "sending",
            Verifying = "verifying",
            Active = "active",
            Unconfirmed = "unconfirmed",
            Rejected = "rejected",
            Unreachable = "unreachable",
            MissingFromLock = "missing_from_lock",
            ChangedAtLock = "changed_at_lock",
            Removing = "removing",
            Removed = "removed",
            RemovalUnconfirmed = "removal_unconfirmed",
            Disabled = "disabled",
            Expired = "expired",
        }
        Reason {
            Queue = "queue",
            Interview = "interview",
            StickAbsent = "stick_absent",
            Backoff = "backoff",
            NoAnswer = "no_answer",
            LockFull = "lock_full",
            Duplicate = "duplicate",
            Length = "length",
            Unsupported = "unsupported",
            RefusedByLock = "refused_by_lock",
            Insecure = "insecure",
            Masked = "masked",
            ErasedAtLock = "erased_at_lock",
            OverwrittenAtLock = "overwritten_at_lock",
            PersonDisabled = "person_disabled",
            DeviceGone = "device_gone",
            CodeUnreadable = "code_unreadable",
            Damaged = "damaged",
            StoreDoubted = "store_doubted",
        }
        ConfirmedBy {
            Supervision = "supervision",
            Event = "event",
            Read = "read",
            Unseen = "unseen",
        }
        Dialect {
            UserCode = "user_code",
            UserCredential = "user_credential",
        }
        CredentialKind {
            Pin = "pin",
        }
        DeviceKind {
            Lock = "lock",
            Keypad = "keypad",
            Panel = "panel",
        }
        LockState {
            Locked = "locked",
            Unlocked = "unlocked",
            Jammed = "jammed",
            Unknown = "unknown",
        }
        EventType {
            CodeUsed = "code_used",
            CodeDenied = "code_denied",
            KeypadLockedOut = "keypad_locked_out",
            Locked = "locked",
            Unlocked = "unlocked",
            Jammed = "jammed",
            Tampered = "tampered",
            DoorOpened = "door_opened",
            DoorClosed = "door_closed",
            ForcedOpen = "forced_open",
            BatteryLow = "battery_low",
            CodeChangedAtLock = "code_changed_at_lock",
            ForeignCodeAdded = "foreign_code_added",
            CodesErasedAtLock = "codes_erased_at_lock",
        }
        Action {
            Unlock = "unlock",
            Lock = "lock",
            Disarm = "disarm",
            Arm = "arm",
        }
        Method {
            Keypad = "keypad",
            Rfid = "rfid",
            Manual = "manual",
            Remote = "remote",
            Auto = "auto",
        }
        EventReason {
            NotReported = "not_reported",
            UnmanagedSlot = "unmanaged_slot",
            SlotInDoubt = "slot_in_doubt",
            MasterCode = "master_code",
            WrongCode = "wrong_code",
            Disabled = "disabled",
            OutOfSchedule = "out_of_schedule",
        }
        Beam {
            Ms1000 = "Ms1000",
            Ms250 = "Ms250",
        }
        SecurityClass {
            None = "none",
            S0 = "s0",
            S2Unauthenticated = "s2_unauthenticated",
            S2Authenticated = "s2_authenticated",
            S2AccessControl = "s2_access_control",
        }
        InterviewStage {
            Listed = "listed",
            Protocol = "protocol",
            NodeInfo = "node_info",
            Security = "security",
            Versions = "versions",
            Identity = "identity",
            Lifeline = "lifeline",
            Capabilities = "capabilities",
            Complete = "complete",
        }
        Joining {
            Done = "done",
            UnderWay = "under_way",
            Refused = "refused",
        }
        WeakCodes {
            Unjudged = "unjudged",
            Refused = "refused",
            Kept = "kept",
        }
    }
}

#[test]
fn a_step_under_way_with_another_name_is_still_read() {
    let write = Doing::Write { generation: Generation(7), was_empty: true };
    let clear = Doing::Clear { generation: Generation(8) };
    let (write_word, clear_word) =
        (json!({ "what": "write", "generation": 7, "was_empty": true }), json!({ "what": "clear", "generation": 8 }));
    is_written(&Progress::Idle, &json!({ "state": "idle" }));
    is_written(&Progress::Sending { doing: write }, &json!({ "state": "sending", "doing": write_word }));
    let verifying = Progress::Verifying { doing: clear, acked: true };
    is_written(&verifying, &json!({ "state": "verifying", "doing": clear_word, "acked": true }));
    let doubted = Progress::Doubted { own_echo: true, deleted: false };
    is_written(&doubted, &json!({ "state": "doubted", "own_echo": true, "deleted": false }));
    is_written(&Progress::RowDoubted, &json!({ "state": "row_doubted" }));
}

#[test]
fn a_schedule_or_a_state_of_an_expected_device_with_another_name_is_still_read() {
    is_written(&Schedule::Always, &json!({ "kind": "always" }));
    is_written(&ProvisioningState::Waiting, &json!({ "state": "waiting" }));
    is_written(&ProvisioningState::Included { node: NodeId(5) }, &json!({ "state": "included", "node": 5 }));
    let failed = ProvisioningState::Failed { why: "no answer".into() };
    is_written(&failed, &json!({ "state": "failed", "why": "no answer" }));
    let product = ScannedProduct { generic: 1, specific: 2, manufacturer: 3, product_type: 4, product: 5 };
    is_written(&product, &json!({ "generic": 1, "specific": 2, "manufacturer": 3, "product_type": 4, "product": 5 }));
}

#[test]
fn a_field_with_another_name_keeps_its_word_in_the_database() {
    let contacts = Contacts { email: Some("ada@example.org".into()), mobile: Some("7".into()) };
    is_written(&contacts, &json!({ "email": "ada@example.org", "mobile": "7" }));

    let mut entropy = Entropy::from_number(2);
    let at = Timestamp::from_millis(9);
    let device = Device {
        id: DeviceId::new(&mut entropy),
        slug: Slug::from_name("front"),
        former_slugs: vec![Slug::from_name("old")],
        name: "Front".into(),
        kind: DeviceKind::Lock,
        node: Some(NodeId(5)),
        battery: Some(80),
        battery_low: true,
        lock_state: LockState::Locked,
        door_open: Some(false),
        takes_codes: false,
        inventory: Inventory { next: 12, done: true, began: at },
        habits: Habits { echoes: true, masks: false },
        check: SlowCheck { at: Some(at), next: 3, sum: Some(4) },
        last_seen: Some(at),
    };
    let json = json!({
        "id": device.id, "slug": "front", "former_slugs": ["old"], "name": "Front", "kind": "lock", "node": 5, "battery": 80,
        "battery_low": true, "lock_state": "locked", "door_open": false, "takes_codes": false,
        "inventory": { "next": 12, "done": true, "began": 9 }, "habits": { "echoes": true, "masks": false },
        "check": { "at": 9, "next": 3, "sum": 4 }, "last_seen": 9,
    });
    is_written(&device, &json);

    let person = PersonId::new(&mut entropy);
    let event = Event {
        reason: Some(EventReason::WrongCode),
        actor: Some("uid 1000".into()),
        ..event(device.id, Some(person), 9, &mut entropy)
    };
    let json = json!({
        "id": event.id, "kind": "code_used", "device": device.id, "person": { "id": person, "name": "Ada Lovelace" },
        "action": "unlock", "method": "keypad", "slot": 3, "allowed": true, "reason": "wrong_code", "at": 9, "actor": "uid 1000",
    });
    is_written(&event, &json);

    let node = Node {
        id: NodeId(5),
        stage: InterviewStage::Complete,
        protocol: Some(NodeProtocol { listening: false, beam: Some(Beam::Ms1000), basic: 4, generic: 64, specific: 3 }),
        security: SecurityClass::S0,
        security_known: true,
        joining: Joining::Done,
        insecure_allowed: true,
        class_settled: true,
        weak_codes: WeakCodes::Kept,
        classes: BTreeMap::from([(ClassId::USER_CODE, ClassSupport { version: 2, secure: true })]),
        product: Some(ProductIds { manufacturer: 1, product_type: 2, product: 3 }),
        firmware: Some((1, 2)),
        user_code: Some(UserCodeSupport {
            users: 30,
            multi_set: true,
            multi_report: true,
            checksum: true,
            admin_code: true,
            statuses: BTreeSet::from([0, 1]),
        }),
        door_lock: Some(DoorLockSupport { door: true, bolt: false, latch: true }),
        supervision_refused: true,
    };
    let json = json!({
        "id": 5, "stage": "complete",
        "protocol": { "listening": false, "beam": "Ms1000", "basic": 4, "generic": 64, "specific": 3 },
        "security": "s0", "security_known": true, "joining": "done", "insecure_allowed": true, "class_settled": true,
        "weak_codes": "kept", "classes": { "99": { "version": 2, "secure": true } },
        "product": { "manufacturer": 1, "product_type": 2, "product": 3 }, "firmware": [1, 2],
        "user_code": { "users": 30, "multi_set": true, "multi_report": true, "checksum": true, "admin_code": true,
            "statuses": [0, 1] },
        "door_lock": { "door": true, "bolt": false, "latch": true }, "supervision_refused": true,
    });
    is_written(&node, &json);
}
