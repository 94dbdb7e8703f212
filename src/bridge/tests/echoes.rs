//! A lock repeats what nobody answered, also after the daemon was restarted: its word about an older change of ours is no
//! news about the slot.

use super::*;
use crate::domain::slot::{Progress, SlotKey};

impl House {
    fn slot_key(&self, node: NodeId, index: u16) -> SlotKey {
        SlotKey::user_code(self.bridge.state.device_of(node).unwrap().id, index)
    }

    /// The lock says that it was given a code there.
    fn added(&mut self, key: SlotKey) {
        let now = self.now();
        let finding = self.bridge.sync.added(key, &mut self.bridge.state, now);
        assert_eq!(finding, None);
        self.bridge.touch(key.device);
        self.turn(Input::Timeout);
    }
}

#[test]
fn a_masking_lock_that_repeats_itself_after_a_restart_was_not_written_over() {
    let mut blueprint = Blueprint::two_locks();
    blueprint.nodes.get_mut(&V2).unwrap().quirks.masks_codes = true;
    let mut house = House::new(&blueprint, 70);
    house.run_for(Duration::from_secs(3600));
    house.add("Ada", "48213", &["lock_2"]);
    house.run_for(Duration::from_secs(3));
    assert_eq!(house.statuses(), ["Active None"]);
    house.cut_power();
    house.run_for(Duration::from_secs(2));
    let key = house.slot_key(V2, 1);
    house.added(key);
    house.run_for(Duration::from_secs(60));
    assert_eq!(house.statuses(), ["Active None"], "nobody was at the lock");
    assert!(house.happened.iter().all(|event| event.kind != EventType::CodeChangedAtLock), "{:?}", house.happened);

    // After another start, much later, a minute is waited for what it may still repeat; then it is news.
    house.cut_power();
    house.run_for(Duration::from_secs(2));
    house.added(key);
    house.run_for(Duration::from_secs(60));
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
    house.turn(Input::Ask { ticket: Ticket(0), actor: Actor("uid 1".into()), ask: Ask::Intent(change) });
    house.cut_power();
    let key = house.slot_key(V2, 1);
    let slot = |house: &House| house.bridge.state.slots(key.device)[&1].clone();
    assert!(matches!(slot(&house).progress, Progress::Verifying { .. }), "{:?}", slot(&house));
    house.added(key);
    assert_eq!(slot(&house).confirmed, None, "the lock still has the old code");
    house.run_for(Duration::from_secs(60));
    assert_eq!((house.statuses(), house.codes(V2)), (vec!["Active None".into()], vec![(1, "59321".into())]));
}

#[test]
fn a_code_erased_while_it_is_written_is_not_active_on_the_word_of_the_write() {
    let mut house = House::settled(72);
    house.add("Ada", "48213", &["lock_2"]);
    assert_eq!(house.statuses(), ["Sending None"]);
    let (key, now, before) = (house.slot_key(V2, 1), house.now(), house.frames_sent);
    assert_eq!(house.bridge.sync.deleted(key, &mut house.bridge.state, now), None);
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
    assert!(house.bridge.state.device_of(V2).unwrap().inventory.done);
    assert_eq!(house.statuses(), ["Active None"]);
}
