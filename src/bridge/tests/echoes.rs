//! What a lock reports of a slot is looked at, unless it is its own report of our change: it may be late, repeated, or of
//! a person at the keypad.

use super::*;
use crate::domain::slot::{Progress, SlotKey};
use crate::reconcile::evidence::SlotReport;

impl House {
    fn slot_key(&self, node: NodeId, index: u16) -> SlotKey {
        SlotKey::user_code(self.bridge.parts.cx.state.device_of(node).unwrap().id, index)
    }

    /// The lock reports that a code was added there.
    fn added(&mut self, key: SlotKey) {
        self.reported(key, SlotReport::Occupied);
    }

    fn reported(&mut self, key: SlotKey, report: SlotReport) {
        let (now, bridge) = (self.now(), &mut self.bridge);
        assert_eq!(bridge.parts.cx.sync.reported(key, report, &mut bridge.parts.cx.state, &bridge.parts.cx.network, now), None);
        self.bridge.parts.cx.touch(key.device);
        self.turn(Input::Timeout);
    }

    /// A person programs a code over ours at the keypad.
    fn overwrite(&mut self, node: NodeId, slot: u16, code: &[u8]) {
        let now = self.now;
        self.world.visit(node, |lock| lock.program(slot, Some(code), now));
        self.exchange_bytes();
    }

    fn changed_at_lock(&self) -> usize {
        self.happened.iter().filter(|event| event.kind == EventType::CodeChangedAtLock).count()
    }
}

fn masking(quirks: impl Fn(&mut crate::sim::model::Quirks)) -> Blueprint {
    let mut blueprint = Blueprint::two_locks();
    for node in [V2, V1] {
        let of = &mut blueprint.nodes.get_mut(&node).unwrap().quirks;
        of.masks_codes = true;
        quirks(of);
    }
    blueprint
}

/// At once after our write, seconds after it, and long after it: at locks that show codes, and at locks that mask them.
#[test]
fn a_code_programmed_over_ours_is_never_called_active() {
    for masks in [false, true] {
        for wait in [0_u64, 100, 1_000, 4_000, 9_000, 30_000, 90_000] {
            for restarts in [false, true] {
                let blueprint = if masks { masking(|_| {}) } else { Blueprint::two_locks() };
                let mut house = House::new(&blueprint, 75);
                house.run_for(Duration::from_secs(3600));
                house.add("Ada", "48213", &["lock_2", "lock_3"]);
                while house.statuses().iter().any(|status| status != "Active None") {
                    house.run_for(Duration::from_millis(50));
                }
                house.run_for(Duration::from_millis(wait));
                if restarts {
                    house.cut_power();
                    house.run_for(Duration::from_secs(5));
                }
                let before = house.changed_at_lock();
                for node in [V2, V1] {
                    house.overwrite(node, 1, b"90517");
                }
                house.run_for(Duration::from_secs(60));
                let case = format!("masks: {masks}, {wait} ms, restarts: {restarts}: {:?}", house.statuses());
                for (node, status) in [V2, V1].into_iter().zip(house.statuses()) {
                    let ours = house.codes(node) == [(1, "48213".into())];
                    assert_eq!(status == "Active None", ours, "node {node}, {case}");
                    assert!(ours || status == "ChangedAtLock Some(OverwrittenAtLock)", "node {node}, {case}");
                }
                let changed = house.statuses().iter().filter(|status| *status != "Active None").count();
                assert_eq!(house.changed_at_lock() - before, changed, "{case}");
                let may_be_ours = masks && (wait < 60_000 || restarts);
                assert!(changed == 2 || may_be_ours, "only what may be our own write is settled by writing: {case}");
            }
        }
    }
}

#[test]
fn the_use_of_a_code_that_was_written_over_ours_is_not_taken_for_ours() {
    let mut house = House::settled(76);
    house.add("Ada", "48213", &["lock_2"]);
    house.run_for(Duration::from_secs(120));
    house.overwrite(V2, 1, b"90517");
    house.run_for(Duration::from_secs(10));
    house.keypad(V2, "90517");
    let used = house.happened.iter().rfind(|event| event.kind == EventType::CodeUsed).unwrap();
    assert_eq!((used.person.as_ref(), used.reason), (None, Some(EventReason::SlotInDoubt)));
}

/// Typed just before the removal reached the lock, and reported just after.
#[test]
fn a_late_report_of_a_code_that_was_just_taken_out_names_its_person() {
    let mut house = House::settled(87);
    let ada = house.add("Ada", "48213", &["lock_3"]);
    house.run_for(Duration::from_secs(30));
    house.intend(Intent::RemovePerson(ada));
    house.run_for(Duration::from_secs(8));
    assert_eq!((house.codes(V1), house.statuses()), (vec![], vec![]));
    let used = |house: &mut House| {
        house.hear(V1, &[0x71, 0x05, 0, 0, 0, 0xFF, 6, 6, 1, 1]);
        let used = house.happened.iter().rfind(|event| event.kind == EventType::CodeUsed).unwrap();
        (used.person.as_ref().map(|person| person.name.clone()), used.reason)
    };
    assert_eq!(used(&mut house), (Some("Ada".into()), None));
    house.run_for(Duration::from_secs(60));
    assert_eq!(used(&mut house), (None, Some(EventReason::UnmanagedSlot)));
}

#[test]
fn a_forged_report_does_not_confirm_a_removal_at_a_lock_that_acknowledges_nothing() {
    let mut house = House::settled(88);
    let mut lock = house.bridge.parts.cx.state.device_of(V1).unwrap().clone();
    lock.habits.echoes = true;
    house.bridge.parts.cx.state.put_device(lock);
    let ada = house.add("Ada", "48213", &["lock_3"]);
    house.run_for(Duration::from_secs(60));
    house.world.visit(V1, |lock| lock.faults.gone = true);
    house.intend(Intent::Revoke { person: ada, device: "lock_3".into() });
    house.run_for(Duration::from_secs(600));
    for _ in 0..5 {
        house.hear(V1, &[0x71, 0x05, 0, 0, 0, 0xFF, 6, 13, 1, 1]);
        house.run_for(Duration::from_millis(700));
    }
    house.run_for(Duration::from_secs(60));
    assert_eq!(house.codes(V1), [(1, "48213".into())]);
    assert_eq!(house.statuses(), ["RemovalUnconfirmed Some(NoAnswer)"]);
}

/// User 0 with bytes in the code field: an unknown tag was presented.
#[test]
fn an_unknown_tag_leaves_every_slot_as_it_was() {
    let mut house = House::settled(77);
    house.program(V1, 1, Some(b"2468"));
    house.add("Ada", "48213", &["lock_3"]);
    house.run_for(Duration::from_secs(60));
    let (slots, before) = (house.slots(V1), house.frames_sent);
    house.hear(V1, &[0x63, 0x03, 0, 0, 0x8F, 0x21, 0x4A, 0x10, 0x3D, 0x50, 0x01, 0x04, 0, 0]);
    house.run_for(Duration::from_secs(600));
    assert_eq!((house.slots(V1), house.frames_sent), (slots, before));
    let denied = house.happened.last().unwrap();
    assert_eq!((denied.kind, denied.reason), (EventType::CodeDenied, Some(EventReason::WrongCode)));
    assert_eq!(house.statuses(), ["Active None"]);
}

#[test]
fn a_report_that_all_codes_are_erased_is_looked_at_before_anything_is_written() {
    let mut house = House::settled(78);
    house.program(V1, 1, Some(b"2468"));
    house.add("Ada", "48213", &["lock_3"]);
    house.run_for(Duration::from_secs(60));
    house.hear(V1, &[0x63, 0x03, 0, 0, 0, 0, 0, 0]);
    house.add("Bob", "77213", &["lock_3"]);
    house.run_for(Duration::from_secs(600));
    assert_eq!(house.happened.iter().filter(|event| event.kind == EventType::CodesErasedAtLock).count(), 1);
    let codes = house.codes(V1);
    assert!(codes.contains(&(1, "2468".into())) && codes.len() == 3, "another's code was written over: {codes:?}");
    assert_eq!(house.statuses(), ["Active None", "Active None"], "the lock had said what is not so");
    // A code that is erased after that is news.
    house.program(V1, 3, None);
    house.run_for(Duration::from_secs(60));
    assert_eq!(house.changed_at_lock(), 1);
    house.happened.clear();
    let bob = house.bridge.parts.cx.state.people().find(|person| person.first_name == "Bob").unwrap().id;
    house.intend(Intent::Grant { person: bob, device: "lock_3".into(), schedule: Schedule::Always });
    house.run_for(Duration::from_secs(600));
    // This time it is so.
    house.world.visit(V1, |lock| (1..=30).for_each(|slot| _ = lock.memory.codes.remove(slot)));
    house.hear(V1, &[0x63, 0x03, 0, 0]);
    house.run_for(Duration::from_secs(600));
    assert_eq!(house.statuses(), ["MissingFromLock Some(ErasedAtLock)", "MissingFromLock Some(ErasedAtLock)"]);
    assert_eq!(house.changed_at_lock(), 0, "one event speaks of all");
}

#[test]
fn a_slot_that_is_not_available_is_neither_free_nor_foreign() {
    let mut house = House::settled(79);
    let counts = |house: &mut House| {
        let view = house.view(ask::Device("lock_3".into()));
        [&view["slots"]["free"], &view["slots"]["foreign"]].map(|count| count.as_u64().unwrap())
    };
    let [free, _] = counts(&mut house);
    house.world.visit(V1, |lock| lock.faults.mute = true);
    house.hear(V1, &[0x63, 0x03, 1, 0, 0, 0, 0, 0]);
    house.hear(V1, &[0x63, 0x03, 1, 0xFE]);
    assert_eq!(counts(&mut house), [free - 1, 0]);
    house.run_for(Duration::from_secs(30));
    assert!(house.happened.iter().all(|event| event.kind != EventType::ForeignCodeAdded), "{:?}", house.happened);
    // A read shows what is there.
    house.world.visit(V1, |lock| lock.faults.mute = false);
    house.run_for(Duration::from_secs(7200));
    assert_eq!(counts(&mut house), [free, 0]);
}

#[test]
fn a_jam_is_not_over_because_the_lock_does_not_know_its_bolt() {
    let mut house = House::settled(80);
    let bolt = |house: &House| house.bridge.parts.cx.state.device_of(V2).unwrap().lock_state;
    house.hear(V2, &[0x71, 0x05, 0, 0, 0, 0xFF, 6, 11, 0]);
    house.hear(V2, &[0x62, 0x03, 0xFE, 0, 2, 0xFE, 0xFE]);
    assert_eq!(bolt(&house), LockState::Jammed);
    house.hear(V2, &[0x62, 0x03, 0x7F, 0, 2, 0xFE, 0xFE]);
    assert_eq!(bolt(&house), LockState::Jammed);
    house.hear(V2, &[0x71, 0x05, 0, 0, 0, 0xFF, 6, 0, 1, 0x16]);
    assert_eq!(bolt(&house), LockState::Jammed, "the door's state is over, not the jam");
    house.hear(V2, &[0x71, 0x05, 0, 0, 0, 0xFF, 6, 0, 1, 11]);
    assert_eq!(bolt(&house), LockState::Unknown);
    house.run_for(Duration::from_secs(10));
    assert_ne!(bolt(&house), LockState::Unknown, "the lock is asked");
}

#[test]
fn a_changed_code_at_a_lock_that_masks_and_confirms_nothing_is_settled() {
    let mut house = House::new(&masking(|quirks| (quirks.silent_writes, quirks.no_supervision) = (true, true)), 81);
    house.run_for(Duration::from_secs(3600));
    let ada = house.add("Ada", "48213", &["lock_2", "lock_3"]);
    house.run_for(Duration::from_secs(60));
    let code = Some(CodeChoice::Given(Pin::parse("59321").unwrap()));
    house.intend(Intent::EditPerson(ada, PersonChange { code, ..PersonChange::default() }));
    house.run_for(Duration::from_secs(60));
    assert_eq!(house.statuses(), ["Active None", "Active None"]);
    assert_eq!((house.codes(V2), house.codes(V1)), (vec![(1, "59321".into())], vec![(1, "59321".into())]));
}

#[test]
fn a_masking_lock_whose_reports_are_late_is_not_written_for_each_of_them() {
    let mut house = House::new(&masking(|quirks| quirks.silent_writes = true), 82);
    house.run_for(Duration::from_secs(3600));
    house.add("Ada", "48213", &["lock_2"]);
    house.run_for(Duration::from_secs(5));
    let (key, before) = (house.slot_key(V2, 1), house.frames_sent);
    for _ in 0..200 {
        house.added(key);
        house.run_for(Duration::from_secs(3));
    }
    assert!(house.frames_sent - before < 12, "{} frames in ten minutes", house.frames_sent - before);
    assert_ne!(house.statuses(), ["Active None"], "as long as it reports, what it holds is in doubt");
    house.run_for(Duration::from_secs(7200));
    // What it reported long after our last write can't be a report of that.
    assert_eq!(house.statuses(), ["ChangedAtLock Some(OverwrittenAtLock)"]);
}

#[test]
fn a_masking_lock_that_repeats_itself_after_a_restart_was_not_written_over() {
    let mut blueprint = Blueprint::two_locks();
    blueprint.nodes.get_mut(&V2).unwrap().quirks.masks_codes = true;
    let mut house = House::new(&blueprint, 70);
    house.run_for(Duration::from_secs(3600));
    house.add("Ada", "48213", &["lock_2"]);
    house.run_for(Duration::from_secs(10));
    assert_eq!(house.statuses(), ["Active None"]);
    house.cut_power();
    house.run_for(Duration::from_secs(2));
    let key = house.slot_key(V2, 1);
    house.added(key);
    house.run_for(Duration::from_secs(60));
    assert_eq!(house.statuses(), ["Active None"], "nobody was at the lock");
    assert!(house.happened.iter().all(|event| event.kind != EventType::CodeChangedAtLock), "{:?}", house.happened);

    // After another start, much later, it may still be late; then it is news.
    house.cut_power();
    house.run_for(Duration::from_secs(2));
    house.added(key);
    house.run_for(Duration::from_secs(120));
    assert_eq!(house.statuses(), ["Active None"], "it may be very late");
    house.added(key);
    house.run_for(Duration::from_secs(60));
    assert_eq!(house.statuses(), ["ChangedAtLock Some(OverwrittenAtLock)"]);
}

#[test]
fn an_echo_of_the_old_code_after_a_restart_does_not_pass_for_the_new_one() {
    let mut house = House::settled(71);
    let ada = house.add("Ada", "48213", &["lock_2"]);
    house.run_for(Duration::from_secs(5));
    let code = Some(CodeChoice::Given(Pin::parse("59321").unwrap()));
    let change = Intent::EditPerson(ada, PersonChange { code, ..PersonChange::default() });
    // The power goes off before the new code leaves.
    house.fuse = Some(1);
    let _ = house.ask(change);
    house.cut_power();
    let key = house.slot_key(V2, 1);
    let slot = |house: &House| house.bridge.parts.cx.state.slots(key.device)[&1].clone();
    assert!(matches!(slot(&house).progress, Progress::Verifying { .. }), "{:?}", slot(&house));
    house.added(key);
    assert_eq!(slot(&house).confirmed, None, "the lock still has the old code");
    house.run_for(Duration::from_secs(60));
    assert_eq!((house.statuses(), house.codes(V2)), (vec!["Active None".into()], vec![(1, "59321".into())]));
}

#[test]
fn a_code_erased_while_it_is_written_is_not_active_on_the_word_of_the_write() {
    let mut house = House::settled(72);
    let mut lock = house.bridge.parts.cx.state.device_of(V2).unwrap().clone();
    lock.habits.echoes = true;
    house.bridge.parts.cx.state.put_device(lock);
    house.add("Ada", "48213", &["lock_2"]);
    assert_eq!(house.statuses(), ["Sending None"]);
    let (key, before) = (house.slot_key(V2, 1), house.frames_sent);
    house.reported(key, SlotReport::Empty);
    house.run_for(Duration::from_secs(30));
    assert_eq!(house.statuses(), ["Active None"]);
    assert_eq!(house.frames_sent - before, 1, "the write had left already: what came after it is one look");
}

#[test]
fn an_added_code_in_the_middle_of_a_removal_is_looked_at() {
    let mut house = House::settled(73);
    let ada = house.add("Ada", "48213", &["lock_2"]);
    house.run_for(Duration::from_secs(30));
    let before = house.frames_sent;
    house.intend(Intent::Revoke { person: ada, device: "lock_2".into() });
    let key = house.slot_key(V2, 1);
    house.added(key);
    house.run_for(Duration::from_secs(30));
    assert_eq!(house.statuses().len(), 0, "the removal is over");
    assert_eq!(house.frames_sent - before, 2, "the clear, and one look at who is there now");
}

/// One set of codes in 65,536 has the sum that means "none".
#[test]
fn a_code_whose_checksum_is_that_of_no_codes_is_not_missing() {
    let mut house = House::settled(74);
    house.add("Ada", "207690", &["lock_2"]);
    house.run_for(Duration::from_secs(30));
    house.intend(Intent::Check("lock_2".into()));
    house.run_for(Duration::from_secs(3600));
    assert!(house.bridge.parts.cx.state.device_of(V2).unwrap().inventory.done);
    assert_eq!(house.statuses(), ["Active None"]);
}

#[test]
fn an_answer_that_the_air_doubles_is_no_change_at_a_masking_lock_without_keys() {
    let mut house = House::new(&masking(|_| {}), 83);
    house.run_for(Duration::from_secs(3600));
    house.add("Ada", "48213", &["lock_3"]);
    house.run_for(Duration::from_secs(3600));
    house.intend(Intent::Check("lock_3".into()));
    let answers = |house: &House| house.bridge.parts.cx.state.device_of(V1).unwrap().inventory.next > 1;
    while !answers(&house) {
        house.run_for(Duration::from_millis(20));
    }
    house.hear(V1, b"\x63\x03\x01\x01*****");
    house.run_for(Duration::from_secs(60));
    assert_eq!(house.changed_at_lock(), 0);
    assert_eq!(house.statuses(), ["Active None"]);
    // Later the same bytes are news: nothing shows that it is ours.
    house.hear(V1, b"\x63\x03\x01\x01*****");
    house.run_for(Duration::from_secs(60));
    assert_eq!(house.changed_at_lock(), 1);
}

#[test]
fn an_answer_that_comes_after_its_read_was_given_up_is_no_change_at_a_masking_lock() {
    let mut house = House::new(&masking(|_| {}), 86);
    house.run_for(Duration::from_secs(3600));
    house.add("Ada", "48213", &["lock_3"]);
    house.run_for(Duration::from_secs(3600));
    house.world.visit(V1, |lock| lock.faults.mute = true);
    let before = house.frames_sent;
    house.intend(Intent::Check("lock_3".into()));
    house.run_for(Duration::from_secs(5));
    assert!(house.frames_sent > before);
    house.world.visit(V1, |lock| lock.faults.mute = false);
    house.hear(V1, b"\x63\x03\x01\x01*****");
    house.run_for(Duration::from_secs(600));
    assert!(house.bridge.parts.cx.state.device_of(V1).unwrap().inventory.done);
    assert_eq!((house.changed_at_lock(), house.statuses()), (0, vec!["Active None".into()]));
    house.hear(V1, b"\x63\x03\x01\x01*****");
    house.run_for(Duration::from_secs(60));
    assert_eq!(house.changed_at_lock(), 1, "it was not asked for");
}

/// A person deletes the code while the lock still stores it: its report of the deletion comes before that of our write.
#[test]
fn a_code_deleted_while_the_lock_stores_it_is_not_active_by_the_report_of_our_write() {
    let mut house = House::settled(84);
    for code in ["48213", "77213"] {
        house.add("P", code, &["lock_3"]);
        house.run_for(Duration::from_secs(30));
    }
    house.add("Eve", "90517", &["lock_3"]);
    house.run_for(Duration::from_millis(120));
    let (now, slot) = (house.now, 3);
    house.world.visit(V1, |lock| lock.program(slot, None, now));
    house.exchange_bytes();
    house.run_for(Duration::from_secs(60));
    let gone = house.codes(V1).iter().all(|(_, code)| code != "90517");
    assert_eq!(house.statuses().last().is_some_and(|status| status == "Active None"), !gone, "{:?}", house.statuses());
}

/// A person typed at the keypad twice, right after writes of ours: it seems to report our writes, and does not.
#[test]
fn a_masking_lock_that_was_wrongly_taken_to_report_our_writes_is_not_written_without_end() {
    let mut house = House::new(&masking(|quirks| (quirks.silent_writes, quirks.no_supervision) = (true, true)), 85);
    house.run_for(Duration::from_secs(3600));
    let ada = house.add("Ada", "48213", &["lock_3"]);
    house.run_for(Duration::from_secs(60));
    let mut lock = house.bridge.parts.cx.state.device_of(V1).unwrap().clone();
    lock.habits.echoes = true;
    house.bridge.parts.cx.state.put_device(lock);
    let before = house.frames_sent;
    let code = Some(CodeChoice::Given(Pin::parse("59321").unwrap()));
    house.intend(Intent::EditPerson(ada, PersonChange { code, ..PersonChange::default() }));
    house.run_for(Duration::from_secs(12 * 3600));
    assert_eq!((house.statuses(), house.codes(V1)), (vec!["Active None".into()], vec![(1, "59321".into())]));
    assert!(house.frames_sent - before < 12, "{} frames", house.frames_sent - before);
}
