//! Locks that do not answer for a while.

use super::*;

#[test]
fn a_lock_that_does_not_answer_says_so_and_is_served_when_it_is_back() {
    let mut house = House::settled(6);
    house.world.visit(V2, |lock| lock.faults.gone = true);
    house.add("Ada", "48213", &["lock_2", "lock_3"]);
    house.run_for(Duration::from_secs(60));
    let statuses = house.statuses();
    assert!(statuses.contains(&"Unreachable Some(NoAnswer)".to_owned()), "{statuses:?}");
    assert!(statuses.contains(&"Active None".to_owned()), "one dead lock delays no other: {statuses:?}");
    house.world.visit(V2, |lock| lock.faults.gone = false);
    house.keypad(V2, "0000");
    house.run_for(Duration::from_secs(30));
    assert_eq!(house.statuses(), ["Active None", "Active None"]);
}

/// It came back without a message, and is not due to be tried for an hour: a code that is taken away must not open until then.
#[test]
fn a_revocation_is_tried_at_once_at_a_lock_that_is_taken_for_dead() {
    let mut house = House::settled(6);
    let ada = house.add("Ada", "48213", &["lock_2"]);
    house.run_for(Duration::from_secs(60));
    house.world.visit(V2, |lock| lock.faults.gone = true);
    house.add("Bob", "77213", &["lock_2"]);
    house.run_for(Duration::from_secs(24 * 3600));
    house.world.visit(V2, |lock| lock.faults.gone = false);
    house.intend(Intent::Revoke { person: ada, device: "lock_2".into() });
    house.run_for(Duration::from_secs(10));
    assert!(house.codes(V2).iter().all(|(_, code)| code != "48213"), "{:?}", house.codes(V2));
    // One that stays away is tried once, however much is changed.
    house.world.visit(V2, |lock| lock.faults.gone = true);
    house.run_for(Duration::from_secs(24 * 3600));
    let before = house.frames_sent;
    for name in ["A", "B", "C", "D", "E"] {
        house.add(name, &format!("9{}731", name.len() + house.statuses().len()), &["lock_2"]);
        house.run_for(Duration::from_secs(1));
    }
    assert!(house.frames_sent - before <= 4, "{} frames", house.frames_sent - before);
}

/// The tries for changes come on top: they do not make the pauses longer.
#[test]
fn changes_for_a_lock_that_is_away_do_not_put_off_its_next_try() {
    let mut house = House::settled(6);
    let ada = house.add("Ada", "48213", &["lock_2"]);
    house.run_for(Duration::from_secs(60));
    house.world.visit(V2, |lock| lock.faults.gone = true);
    house.intend(Intent::Revoke { person: ada, device: "lock_2".into() });
    for code in ["77213", "59321", "90517", "13579"] {
        house.run_for(Duration::from_secs(12));
        house.add("B", code, &["lock_2"]);
    }
    house.world.visit(V2, |lock| lock.faults.gone = false);
    house.run_for(Duration::from_secs(150));
    assert!(house.codes(V2).iter().all(|(_, code)| code != "48213"), "{:?}", house.codes(V2));
}

#[test]
fn a_lock_that_the_air_hid_for_a_moment_is_not_left_waiting() {
    let mut house = House::settled(6);
    house.world.visit(V2, |lock| lock.faults.gone = true);
    let before = house.frames_sent;
    house.add("Ada", "48213", &["lock_2"]);
    while house.frames_sent - before < 3 {
        house.run_for(Duration::from_millis(50));
    }
    // The last try is lost, too, and the ping is not.
    house.world.visit(V2, |lock| lock.faults.gone = false);
    while house.statuses() != ["Unreachable Some(NoAnswer)"] {
        house.run_for(Duration::from_millis(50));
    }
    // A beam for the ping, and the write while it listens.
    house.run_for(Duration::from_millis(1500));
    assert_eq!(house.statuses(), ["Active None"]);
}
