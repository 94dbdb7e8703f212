//! Adopting the network of another controller software. The peer has the keys of that network.

use super::secure::{Far, keyed};
use super::*;
use crate::domain::node::{DoorLockSupport, UserCodeSupport};
use crate::security::keys::KeyId;

const THEIRS: HomeId = HomeId(0x7e57_0001);

fn other_keys() -> NetworkKeys {
    NetworkKeys::from_fn(|id| Key::from_bytes([id as u8 + 0x70; 16]))
}

/// The lock as another controller knew it.
fn brought(class: SecurityClass) -> Node {
    let peer = keyed(if class == SecurityClass::S0 { ClassId::SECURITY } else { ClassId::SECURITY_2 });
    Node { security: class, security_known: true, stage: InterviewStage::Complete, ..known(LOCK, &peer) }
}

/// A lock under keys that are not ours, which we took for one without.
fn unopened(class: SecurityClass) -> Far {
    let taken_for = Node { security: SecurityClass::None, ..brought(class) };
    let peer = keyed(if class == SecurityClass::S0 { ClassId::SECURITY } else { ClassId::SECURITY_2 });
    let mut bench = Bench::new(&[(LOCK, peer)], vec![taken_for], Some(HOME), Options::default());
    bench.start();
    let mut far = Far::of(bench, class);
    far.keys = other_keys();
    far
}

#[test]
fn a_lock_gets_commands_under_imported_keys_at_once() {
    for class in [SecurityClass::S2AccessControl, SecurityClass::S0] {
        let mut far = unopened(class);
        let adopted = far.bench.adopt(HOME, &far.keys, vec![brought(class)]);
        assert_eq!(adopted, Adopted { removed: vec![], changed: vec![LOCK] });
        let job = far.bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
        far.run(3000);
        assert_eq!(far.bench.outcome(job), Some(&Outcome::Accepted), "{class:?}");
        assert!(far.opened.iter().all(|(send_as, _)| *send_as == class) && far.in_clear().is_empty(), "{:?}", far.in_clear());
        assert_eq!(far.opened.len(), 1, "no class was tried out, and nothing asked twice: {:?}", far.opened);
        let again = far.bench.adopt(HOME, &far.keys, vec![brought(class)]);
        assert_eq!(again, Adopted::default(), "the second time nothing is new");
    }
}

/// In the middle of trying out classes under the wrong keys, too.
#[test]
fn an_imported_lock_is_only_asked_for_lifeline_and_state() {
    for pause in (0..400).step_by(20).chain([1500, 60_000]) {
        let peer = keyed(ClassId::SECURITY_2);
        let unknown = Node { stage: InterviewStage::NodeInfo, security_known: false, ..known(LOCK, &peer) };
        let mut bench = Bench::new(&[(LOCK, peer)], vec![unknown], Some(HOME), Options::default());
        bench.now(Input::LinkUp);
        bench.run(400);
        let mut far = Far::of(bench, SecurityClass::S2AccessControl);
        far.keys = other_keys();
        far.run(pause);
        assert!(far.opened.iter().all(|(send_as, _)| *send_as == SecurityClass::None), "opened under the wrong keys");
        far.opened.clear();

        let mut lock = Node { stage: InterviewStage::Identity, ..brought(SecurityClass::S2AccessControl) };
        for (class, version) in
            [(ClassId::USER_CODE, 2), (ClassId::DOOR_LOCK, 4), (ClassId::ASSOCIATION, 2), (ClassId::BATTERY, 1)]
        {
            lock.classes.insert(class, ClassSupport { version, secure: true });
        }
        lock.user_code = Some(UserCodeSupport { users: 20, statuses: [0, 1].into(), ..UserCodeSupport::default() });
        lock.door_lock = Some(DoorLockSupport::default());
        far.bench.adopt(HOME, &far.keys, vec![lock]);
        far.run(60_000);
        let node = far.bench.network.node(LOCK).unwrap();
        assert_eq!((node.security, node.stage), (SecurityClass::S2AccessControl, InterviewStage::Complete), "{pause}");
        let count = |class: ClassId| far.opened.iter().filter(|(_, command)| command.class() == class).count();
        // Who is in the lifeline, before and after we were put into it.
        let members = far.opened.iter().filter(|(_, command)| command.write().starts_with(&[0x85, 0x02])).count();
        assert!(members == 2 && count(ClassId::DOOR_LOCK) == 1, "{pause}: {:?}", far.opened);
        // One question for a class may have been on its way.
        assert!(count(ClassId::USER_CODE) == 0 && count(ClassId::SECURITY_2) <= 1, "{pause}: {:?}", far.opened);
    }
}

#[test]
fn unsolicited_reports_under_imported_keys_are_accepted() {
    for class in [SecurityClass::S2AccessControl, SecurityClass::S0] {
        let mut far = unopened(class);
        far.bench.adopt(HOME, &far.keys, vec![brought(class)]);
        far.say(&event());
        far.run(2000);
        let believed = far
            .bench
            .events
            .iter()
            .any(|(_, event)| matches!(event, NetworkEvent::Received { security, .. } if *security == class));
        assert!(believed, "{class:?}");
    }
}

#[test]
fn a_lock_outside_the_import_is_tried_under_the_new_keys() {
    let mut far = unopened(SecurityClass::S2Authenticated);
    far.bench.adopt(HOME, &far.keys, vec![]);
    far.run(60_000);
    assert_eq!(far.bench.network.node(LOCK).unwrap().security, SecurityClass::S2Authenticated);
}

#[test]
fn a_job_under_way_ends_once_and_under_the_new_keys() {
    for pause in [0, 5, 25, 60] {
        let mut far = unopened(SecurityClass::S2AccessControl);
        far.bench.adopt(HOME, &other_keys(), vec![brought(SecurityClass::S2AccessControl)]);
        let question = far.bench.submit(LOCK, Priority::Write, read_code(1), Completion::Reply);
        far.run(pause);
        // The keys change with the first question on its way.
        far.keys = NetworkKeys::from_fn(|id| Key::from_bytes([id as u8 + 0x50; 16]));
        far.bench.adopt(HOME, &far.keys, vec![brought(SecurityClass::S2AccessControl)]);
        far.run(20_000);
        assert!(matches!(far.bench.outcome(question), Some(Outcome::Reply(_))), "{pause}: {:?}", far.bench.outcome(question));
        assert!(far.in_clear().is_empty());
    }
}

#[test]
fn what_we_learnt_under_keys_that_still_hold_is_not_forgotten() {
    let mut far = Far::granted(SecurityClass::S2AccessControl);
    let stale = Node { stage: InterviewStage::Identity, classes: BTreeMap::new(), ..brought(SecurityClass::S2AccessControl) };
    let unchanged = far.bench.network.node(LOCK).cloned();
    assert_eq!(far.bench.adopt(HOME, &far.keys, vec![stale]), Adopted::default());
    assert_eq!(far.bench.network.node(LOCK), unchanged.as_ref());
    assert_eq!(far.bench.network.keys().network_key(KeyId::AccessControl), far.keys.network_key(KeyId::AccessControl));
}

#[test]
fn a_node_the_controller_does_not_list_and_the_controller_itself_are_left_out() {
    let mut far = unopened(SecurityClass::S0);
    let gone = Node::listed(OTHER);
    let us = Node::listed(NodeId(1));
    let adopted = far.bench.adopt(HOME, &far.keys, vec![gone, us, brought(SecurityClass::S0)]);
    assert_eq!(adopted.changed, [LOCK]);
    assert!(far.bench.network.node(OTHER).is_none() && far.bench.network.node(NodeId(1)).is_none());
}

#[test]
fn a_controller_that_was_left_alone_as_a_stranger_is_set_up_when_its_network_comes() {
    let mut bench = Bench::new(&[(LOCK, keyed(ClassId::SECURITY_2))], vec![Node::listed(OTHER)], Some(HOME), Options::default());
    bench.controller.home = THEIRS;
    bench.now(Input::LinkUp);
    bench.run(3000);
    assert_eq!(bench.network.stranger(), Some(THEIRS));
    let mut far = Far::of(bench, SecurityClass::S2AccessControl);
    far.keys = other_keys();
    let adopted = far.bench.adopt(THEIRS, &far.keys, vec![brought(SecurityClass::S2AccessControl)]);
    assert_eq!(adopted, Adopted { removed: vec![OTHER], changed: vec![LOCK] });
    assert_eq!(far.bench.network.stranger(), None);
    assert!(matches!(far.bench.network.controller(), ControllerStatus::Ready(info) if info.home == THEIRS));
}

#[test]
fn a_controller_pulled_out_after_it_was_refused_is_not_taken_when_its_network_comes() {
    let mut bench = Bench::new(&[], vec![Node::listed(OTHER)], Some(HOME), Options::default());
    bench.controller.home = THEIRS;
    bench.now(Input::LinkUp);
    bench.run(3000);
    bench.now(Input::LinkDown { why: "unplugged".into() });
    assert_eq!(bench.network.stranger(), None);
    bench.adopt(THEIRS, &other_keys(), vec![brought(SecurityClass::S0)]);
    assert!(matches!(bench.network.controller(), ControllerStatus::Absent { .. }));
    assert!(bench.network.node(LOCK).is_some(), "kept for when its controller comes");
}
