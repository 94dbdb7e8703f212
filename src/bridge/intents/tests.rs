use super::*;
use crate::domain::batch::{Dropped, Snapshot, Write};
use crate::domain::device::{DeviceKind, Habits, Inventory, LockState, SlowCheck};
use crate::domain::grant::{Hold, HoldKind};
use crate::domain::ids::HubId;
use crate::domain::pin::{CodeText, FingerprintKey};
use crate::domain::slot::{Slot, SlotKey};
use crate::domain::time::Timestamp;
use crate::security::keys::NetworkKeys;

struct House {
    state: State,
    entropy: Entropy,
    refusals: Refusals,
    actor: Actor,
    now: Now,
}

impl House {
    fn new() -> Self {
        let mut entropy = Entropy::from_number(1);
        let snapshot = Snapshot {
            is_older_copy: false,
            older_copy_found: None,
            damage: Vec::new(),
            high_water: None,
            boot: None,
            dropped: Dropped::default(),
            hub: HubId::new(&mut entropy),
            fingerprint_key: FingerprintKey([1; 32]),
            generation: Generation(0),
            home: None,
            network_keys: NetworkKeys::generate(&mut entropy),
            people: vec![],
            credentials: vec![],
            devices: ["front", "back"].map(|slug| lock(slug, &mut entropy)).to_vec(),
            grants: vec![],
            slots: vec![],
            nodes: vec![],
            provisioning: vec![],
            outbox: vec![],
        };
        let now = Now { mono: Instant::ZERO, wall: Timestamp::from_millis(1_000), trusted: true };
        Self { state: State::new(snapshot), entropy, refusals: Refusals::default(), actor: Actor::Uid(1), now }
    }

    fn changes(&mut self) -> Changes<'_> {
        let Self { state, entropy, refusals, actor, now } = self;
        Changes { state, entropy, refusals, actor, now: *now }
    }

    fn add(&mut self, name: &str, code: &str, on: &[&str]) -> Result<Accepted, Refusal> {
        let code = (!code.is_empty()).then(|| CodeChoice::Given(Pin::parse(code).unwrap()));
        self.changes().add_person(NewPerson {
            external_id: None,
            first_name: name.into(),
            last_name: String::new(),
            contacts: Contacts::default(),
            code,
            on: on.iter().map(|slug| (*slug).to_owned()).collect(),
            schedule: Schedule::Always,
        })
    }

    fn set_code(&mut self, person: PersonId, code: &str) -> Result<Accepted, Refusal> {
        let code = Some(CodeChoice::Given(Pin::parse(code).unwrap()));
        self.changes().edit_person(person, PersonChange { code, ..PersonChange::default() })
    }
}

fn lock(slug: &str, entropy: &mut Entropy) -> Device {
    Device {
        former_slugs: vec![],
        id: DeviceId::new(entropy),
        slug: slug.parse().unwrap(),
        name: slug.into(),
        kind: DeviceKind::Lock,
        node: None,
        battery: None,
        battery_low: false,
        lock_state: LockState::Unknown,
        door_open: None,
        takes_codes: true,
        inventory: Inventory::default(),
        habits: Habits::default(),
        check: SlowCheck::default(),
        last_seen: None,
    }
}

#[test]
fn a_refused_change_leaves_nothing_behind() {
    let mut house = House::new();
    assert_eq!(house.add("Ada", "48213", &["front", "cellar"]), Err(Refusal::UnknownDevice("cellar".into())));
    assert_eq!(house.add("", "48213", &["front"]), Err(Refusal::BadText("the first name")));
    assert_eq!(house.add("Ada", "", &["front"]), Err(Refusal::NoCode));
    assert!(house.state.take_batch().is_empty());
    assert_eq!(house.state.generation, Generation(0));
}

#[test]
fn a_code_stays_reserved_until_it_is_out_of_every_lock() {
    let mut house = House::new();
    let ada = house.add("Ada", "48213", &["front"]).unwrap().person.unwrap();
    house.changes().remove_person(ada).unwrap();
    assert_eq!(house.add("Eve", "48213", &["back"]), Err(Refusal::DuplicateCode));
    assert!(house.state.person(ada).is_some(), "the record waits for the lock");
}

#[test]
fn a_code_somebody_set_at_the_keypad_is_refused_for_that_lock_only() {
    let mut house = House::new();
    let front = house.state.device_named("front").unwrap().id;
    let mut slot = Slot::unseen(SlotKey::user_code(front, 2));
    slot.content = Content::Known(CodeText::new("2468"));
    house.state.put_slot(slot, house.now.wall);
    assert_eq!(house.add("Ada", "2468", &["front"]), Err(Refusal::DuplicateCode));
    assert!(house.add("Ada", "2468", &["back"]).is_ok());
}

#[test]
fn a_code_that_still_opens_a_door_goes_to_nobody_else() {
    let mut house = House::new();
    let ann = house.add("Ann", "482913", &["front"]).unwrap();
    let device = house.state.device_named("front").unwrap().id;
    let code = |code: &str| Content::Known(CodeText::new(code));
    let mut slot = Slot { owner: Some(ann.grants[0]), content: code("482913"), ..Slot::unseen(SlotKey::user_code(device, 1)) };
    house.state.put_slot(slot.clone(), house.now.wall);
    house.set_code(ann.person.unwrap(), "570284").unwrap();
    assert_eq!(house.add("Ben", "482913", &["back"]).err(), Some(Refusal::DuplicateCode), "not written over yet");
    house.set_code(ann.person.unwrap(), "482913").expect("it is hers");
    house.set_code(ann.person.unwrap(), "570284").unwrap();
    slot.content = code("570284");
    house.state.put_slot(slot, house.now.wall);
    let ben = house.add("Ben", "482913", &["back"]).expect("nothing opens with it");
    // Of a lock that is not there any more, nothing is known.
    let slot = Slot { owner: Some(ben.grants[0]), content: code("639174"), ..Slot::unseen(SlotKey::user_code(device, 2)) };
    house.state.put_slot(slot, house.now.wall);
    assert_eq!(house.add("Cem", "639174", &[]).err(), Some(Refusal::DuplicateCode));
    house.state.drop_slots(device, house.now.wall);
    house.add("Cem", "639174", &[]).unwrap();
}

#[test]
fn asking_for_taken_codes_is_rationed_and_on_record() {
    let mut house = House::new();
    house.add("Ada", "48213", &[]).unwrap();
    house.state.take_batch();
    for _ in 0..5 {
        assert_eq!(house.add("Eve", "48213", &[]), Err(Refusal::DuplicateCode));
    }
    assert_eq!(house.add("Eve", "77331", &[]), Err(Refusal::TooManyRefusals), "even a free code");
    let audits = house.state.take_batch().writes.into_iter().filter(|write| matches!(write, Write::Audit { .. }));
    assert_eq!(audits.count(), 5);
    house.actor = Actor::Uid(2);
    assert!(house.add("Bob", "77331", &[]).is_ok(), "another account is not punished");
    house.actor = Actor::Uid(1);
    house.now.mono = Instant::from_millis(3_600_001);
    assert!(house.add("Eve", "55662", &[]).is_ok(), "an hour later it is over");
}

#[test]
fn a_new_code_goes_to_every_lock_and_forgets_old_refusals() {
    let mut house = House::new();
    let added = house.add("Ada", "48213", &["front", "back"]).unwrap();
    let refused = house.state.grant(added.grants[0]).cloned().unwrap();
    let hold = Hold { kind: HoldKind::Rejected, reason: Reason::Duplicate, since: house.now.wall };
    house.state.put_grant(Grant { hold: Some(hold), ..refused });
    let changed = house.set_code(added.person.unwrap(), "59321").unwrap();
    assert_eq!(changed.grants.len(), 2);
    assert!(house.state.grants().all(|grant| grant.hold.is_none() && grant.generation == changed.generation));
}

#[test]
fn keeping_one_s_own_code_is_no_duplicate() {
    let mut house = House::new();
    let ada = house.add("Ada", "48213", &["front"]).unwrap().person.unwrap();
    assert!(house.set_code(ada, "48213").is_ok());
    assert!(house.changes().grant(ada, "back", Schedule::Always).is_ok());
}

#[test]
fn a_full_lock_says_so_before_anything_is_sent() {
    let mut house = House::new();
    let mut front = house.state.device_named("front").unwrap().clone();
    let id = front.id;
    front.inventory.done = true;
    house.state.put_device(front);
    let mut slot = Slot::unseen(SlotKey::user_code(id, 1));
    slot.content = Content::Empty;
    house.state.put_slot(slot, house.now.wall);
    assert!(house.add("Ada", "48213", &["front"]).is_ok());
    assert_eq!(house.add("Bob", "77331", &["front"]), Err(Refusal::LockFull("front".into())));
}

#[test]
fn a_generated_code_is_told_once_and_a_typed_one_never() {
    let mut house = House::new();
    assert_eq!(house.add("Ada", "48213", &[]).unwrap().generated, None);
    let new = PersonChange { code: Some(CodeChoice::Generate(Some(6))), ..PersonChange::default() };
    let ada = house.state.people().next().unwrap().id;
    let generated = house.changes().edit_person(ada, new).unwrap().generated.unwrap();
    assert_eq!(generated.digits(), 6);
    assert_eq!(house.state.credentials_of(ada).next().unwrap().pin, generated);
}
