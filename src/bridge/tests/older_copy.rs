//! A store that is not what it was: an older copy, or one with damage.

use super::*;
use crate::domain::batch::{Damage, Snapshot};
use crate::domain::grant::{OpensNow, Reason, Status};
use crate::domain::pin::CodeText;
use crate::domain::slot::{Content, Progress, Slot};
use crate::sim::node::Entry;

impl House {
    /// The daemon starts again with this in its store.
    fn start_with(&mut self, snapshot: Snapshot) {
        self.world.host_left();
        self.entropy = self.entropy.child("another life");
        self.bridge = Bridge::new(snapshot, self.settings.clone(), &self.entropy);
        self.plug_in();
    }

    fn standing_of(&self, name: &str) -> Vec<(Status, Option<Reason>, OpensNow)> {
        let state = &self.bridge.parts.cx.state;
        let grants = state.grants().filter(|grant| state.person(grant.person).is_some_and(|person| person.first_name == name));
        let opens = |grant| self.bridge.parts.cx.sync.standing(grant, state, &self.bridge.parts.cx.network).opens_now;
        grants.map(|grant| (grant.status, grant.reason, opens(grant))).collect()
    }

    pub(super) fn told_problems(&mut self) -> String {
        self.read_clock();
        format!("{:?}", super::super::vitals::Vitals::of(&self.bridge.look()).problems)
    }
}

/// Otherwise it stays in the lock as a foreign code, and still opens when the person is removed.
#[test]
fn a_code_that_was_written_after_the_copy_was_made_is_known_again_and_leaves_with_its_person() {
    let mut house = House::settled(5);
    house.unplug();
    let ann = house.add("Ann", "482913", &["lock_2", "lock_3"]);
    let older = Snapshot { is_older_copy: true, ..house.store.load().unwrap() };
    house.plug_in();
    house.run_for(Duration::from_secs(600));
    let there = (house.codes(V2), house.codes(V1));
    assert_eq!(there.0.len() + there.1.len(), 2, "{there:?}");

    house.happened.clear();
    house.start_with(older);
    house.run_for(Duration::from_secs(3600));
    assert_eq!((house.codes(V2), house.codes(V1)), there);
    let active = (Status::Active, None, OpensNow::Yes);
    assert_eq!(house.standing_of("Ann"), [active, active]);
    assert!(house.happened.iter().all(|event| event.kind != EventType::ForeignCodeAdded), "{:?}", house.happened);
    house.intend(Intent::RemovePerson(ann));
    house.run_for(Duration::from_secs(600));
    assert_eq!((house.codes(V2), house.codes(V1)), (vec![], vec![]));
}

#[test]
fn an_older_copy_claims_nothing_overwrites_nobody_and_revives_nobody() {
    let mut house = House::settled(1);
    house.add("Ann", "482913", &["lock_2"]);
    let bob = house.add("Bob", "739164", &["lock_2", "lock_3"]);
    house.run_for(Duration::from_secs(600));
    let older = Snapshot { is_older_copy: true, ..house.store.load().unwrap() };
    house.intend(Intent::RemovePerson(bob));
    house.run_for(Duration::from_secs(600));
    house.add("Cid", "615274", &["lock_2", "lock_3"]);
    house.run_for(Duration::from_secs(600));
    let (v2, v1) = (house.codes(V2), house.codes(V1));
    assert!(v2.len() == 2 && v1.len() == 1, "{v2:?} {v1:?}");

    house.happened.clear();
    house.start_with(older);
    assert!(house.statuses().iter().all(|status| !status.starts_with("Active")), "{:?}", house.statuses());
    assert!(house.told_problems().contains("older copy"), "{}", house.told_problems());
    house.run_for(Duration::from_secs(3600));
    assert_eq!((house.codes(V2), house.codes(V1)), (v2, v1), "nothing is written on the word of an older copy");
    assert_eq!(house.standing_of("Ann"), [(Status::Active, None, OpensNow::Yes)]);
    let missing = (Status::MissingFromLock, Some(Reason::StoreDoubted), OpensNow::No);
    assert_eq!(house.standing_of("Bob"), [missing, missing]);
    let foreign = house.happened.iter().filter(|event| event.kind == EventType::ForeignCodeAdded).count();
    assert_eq!(foreign, 2, "a code at each lock that this copy does not know");
    house.happened.clear();
    house.keypad(V1, "615274");
    let used = house.happened.iter().find(|event| event.kind == EventType::CodeUsed).unwrap();
    assert_eq!((&used.person, used.reason), (&None, Some(EventReason::UnmanagedSlot)), "nobody is named who was not there");
    // A person decides, and it goes where there is room.
    house.intend(Intent::Grant { person: bob, device: "lock_3".into(), schedule: Schedule::Always });
    house.run_for(Duration::from_secs(600));
    let codes = house.codes(V1);
    assert!(codes.len() == 2 && codes.iter().any(|(_, code)| code == "615274"), "{codes:?}");
}

#[test]
fn a_grant_that_an_older_copy_still_has_to_write_waits_for_a_person() {
    let mut house = House::settled(2);
    house.unplug();
    house.add("Ann", "482913", &["lock_2"]);
    let older = Snapshot { is_older_copy: true, ..house.store.load().unwrap() };
    house.world.replug(house.now);
    house.start_with(older);
    house.run_for(Duration::from_secs(3600));
    assert_eq!(house.codes(V2), []);
    assert_eq!(house.standing_of("Ann"), [(Status::MissingFromLock, Some(Reason::StoreDoubted), OpensNow::No)]);
}

#[test]
fn a_crash_in_the_middle_of_the_looks_believes_nothing_either() {
    let mut house = House::settled(3);
    house.add("Ann", "482913", &["lock_2"]);
    house.run_for(Duration::from_secs(600));
    let older = Snapshot { is_older_copy: true, ..house.store.load().unwrap() };
    house.world.visit(V2, |lock| lock.memory.codes.remove(1));
    house.start_with(older);
    house.unplug();
    // What is on the disk now is all that the next start knows.
    let doubted = house.store.load().unwrap();
    assert!(!doubted.is_older_copy && doubted.slots.iter().all(|slot| slot.progress == Progress::RowDoubted));
    house.world.replug(house.now);
    house.start_with(doubted);
    assert!(house.standing_of("Ann").iter().all(|standing| standing.0 != Status::Active));
    house.run_for(Duration::from_secs(3600));
    assert_eq!(house.standing_of("Ann"), [(Status::MissingFromLock, Some(Reason::StoreDoubted), OpensNow::No)]);
}

#[test]
fn a_masking_lock_gets_ours_once_more_where_something_is_and_nothing_where_nothing_is() {
    let mut blueprint = Blueprint::two_locks();
    blueprint.nodes.get_mut(&V2).unwrap().quirks.masks_codes = true;
    let mut house = House::new(&blueprint, 7);
    house.run_for(Duration::from_secs(3600));
    house.add("Ann", "482913", &["lock_2"]);
    house.add("Bob", "739164", &["lock_2"]);
    house.run_for(Duration::from_secs(600));
    let older = Snapshot { is_older_copy: true, ..house.store.load().unwrap() };
    assert_eq!(house.codes(V2), [(1, "482913".into()), (2, "739164".into())]);
    house.world.visit(V2, |lock| lock.memory.codes.remove(2));
    house.start_with(older);
    house.run_for(Duration::from_secs(3600));
    assert_eq!(house.codes(V2), [(1, "482913".into())]);
    assert_eq!(house.standing_of("Ann"), [(Status::Active, None, OpensNow::Yes)]);
    assert_eq!(house.standing_of("Bob"), [(Status::MissingFromLock, Some(Reason::StoreDoubted), OpensNow::No)]);
}

#[test]
fn a_code_that_can_not_be_read_stays_in_the_lock_until_there_is_another() {
    let mut house = House::settled(4);
    let ann = house.add("Ann", "482913", &["lock_2"]);
    house.run_for(Duration::from_secs(600));
    let mut snapshot = house.store.load().unwrap();
    let lost = snapshot.credentials.remove(0);
    snapshot.damage = vec![Damage::Code { credential: lost.id, person: ann }];
    house.start_with(snapshot);
    house.run_for(Duration::from_secs(3600));
    assert_eq!(house.codes(V2), [(1, "482913".into())], "nothing is cleared because of it");
    assert_eq!(house.standing_of("Ann"), [(Status::Rejected, Some(Reason::CodeUnreadable), OpensNow::Yes)]);
    assert!(house.told_problems().contains("the code of Ann is damaged"), "{}", house.told_problems());
    let code = Some(CodeChoice::Given(Pin::parse("739164").unwrap()));
    house.intend(Intent::EditPerson(ann, PersonChange { code, ..PersonChange::default() }));
    house.run_for(Duration::from_secs(600));
    assert_eq!(house.codes(V2), [(1, "739164".into())]);
    assert_eq!(house.standing_of("Ann"), [(Status::Active, None, OpensNow::Yes)]);
    assert!(!house.told_problems().contains("damaged"), "{}", house.told_problems());
}

#[test]
fn somebody_whose_code_can_not_be_read_can_be_removed() {
    let mut house = House::settled(5);
    let ann = house.add("Ann", "482913", &["lock_2"]);
    house.run_for(Duration::from_secs(600));
    let mut snapshot = house.store.load().unwrap();
    let lost = snapshot.credentials.remove(0);
    snapshot.damage = vec![Damage::Code { credential: lost.id, person: ann }];
    house.start_with(snapshot);
    house.run_for(Duration::from_secs(60));
    house.intend(Intent::RemovePerson(ann));
    house.run_for(Duration::from_secs(600));
    assert_eq!(house.codes(V2), []);
    assert!(house.bridge.parts.cx.state.person(ann).is_none());
    let deleted = |batch: &Batch| batch.writes.contains(&Write::DeleteCredential(lost.id));
    assert!(house.committed.iter().any(deleted), "the damaged row goes with her");
}

#[test]
fn a_slot_whose_row_is_damaged_is_read_before_anything_is_written() {
    for (there, status) in [("482913", Status::Active), ("615274", Status::MissingFromLock)] {
        let mut house = House::settled(6);
        house.add("Ann", "482913", &["lock_2"]);
        house.run_for(Duration::from_secs(600));
        let mut snapshot = house.store.load().unwrap();
        for slot in snapshot.slots.iter_mut().filter(|slot| slot.owner.is_some()) {
            *slot = Slot { owner: slot.owner, progress: Progress::RowDoubted, ..Slot::unseen(slot.key) };
        }
        house.bridge = Bridge::new(house.store.load().unwrap(), house.settings.clone(), &house.entropy);
        house.world.visit(V2, |lock| lock.memory.codes.put(1, Entry::enabled(there.as_bytes())));
        house.start_with(snapshot);
        house.run_for(Duration::from_secs(600));
        assert_eq!(house.codes(V2), [(1, there.to_owned())]);
        assert_eq!(house.standing_of("Ann")[0].0, status);
        let slot = &house.bridge.parts.cx.state.slots(house.bridge.parts.cx.state.device_of(V2).unwrap().id)[&1];
        assert_eq!(slot.content, Content::Known(CodeText::new(there)));
    }
}

/// A row of an older copy is read first, also if a report comes that looks like the answer to an earlier read.
#[test]
fn a_late_answer_does_not_make_a_row_of_an_older_copy_count() {
    let mut blueprint = Blueprint::two_locks();
    blueprint.nodes.get_mut(&V2).unwrap().quirks.masks_codes = true;
    let mut house = House::new(&blueprint, 6);
    house.run_for(Duration::from_secs(3600));
    house.add("Ann", "48213", &["lock_2"]);
    house.run_for(Duration::from_secs(600));
    let device = house.bridge.parts.cx.state.device_of(V2).unwrap().id;
    let (now, bridge) = (house.now(), &mut house.bridge);
    bridge.parts.cx.sync.doubt_all(device, &mut bridge.parts.cx.state, now);
    let key = crate::domain::slot::SlotKey::user_code(device, 1);
    bridge.parts.cx.sync.answered_again(key, &crate::reconcile::observe::Sighting::Masked, true, &mut bridge.parts.cx.state, now);
    assert_eq!(house.bridge.parts.cx.state.slots(device)[&1].progress, Progress::RowDoubted);
}
