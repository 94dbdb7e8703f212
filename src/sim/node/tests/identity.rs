use super::*;
use crate::command::ClassId;
use crate::domain::ids::{HomeId, NodeId};
use crate::security::crypto::Key;
use crate::security::keys::NetworkKeys;
use crate::sim::model::Kind;

fn numbers(classes: Vec<ClassId>) -> Vec<u16> {
    classes.into_iter().map(|class| class.0).collect()
}

fn member() -> Membership {
    let keys = NetworkKeys::from_fn(|_| Key::from_bytes([0; 16]));
    Membership { home: HomeId(1), own: NodeId(2), controller: NodeId(1), granted: KeyMask::NONE, keys }
}

#[test]
fn a_lock_of_today_shows_in_clear_only_what_works_in_clear() {
    let lock = Node::new(Model::s2());
    assert_eq!(numbers(lock.listed()), [0x5E, 0x55, 0x6C, 0x98, 0x9F]);
    let secure = [0x4C, 0x59, 0x5A, 0x62, 0x63, 0x71, 0x72, 0x73, 0x80, 0x85, 0x86, 0x87, 0x8B, 0x8E];
    assert_eq!(numbers(lock.secure_classes()), secure);
}

#[test]
fn without_keys_a_plug_accepts_commands_and_a_lock_does_not() {
    let nothing = Vec::<Vec<u8>>::new();
    let (mut plug, mut lock) = (Node::new(Model::plug()), Node::new(Model::s2()));
    assert_eq!(tell(&mut plug, &[0x20, 0x02]).len(), 1);
    assert!(plug.listed().contains(&ClassId::ASSOCIATION));
    assert_eq!(tell(&mut lock, &[0x62, 0x02]), nothing);
    plug.memory.membership = Some(Membership { granted: KeyMask(0x02), ..member() });
    plug.power_cut();
    assert_eq!((tell(&mut plug, &[0x20, 0x02]), numbers(plug.listed())), (nothing, vec![0x5E, 0x55, 0x6C, 0x9F]));
}

#[test]
fn listed_classes_report_their_version_and_others_report_none() {
    for model in [Model::version_2(), Model::version_1(), Model::plug(), Model::sensor()] {
        let mut node = Node::new(Model { requests: KeyMask::NONE, ..model });
        node.wake(NOW);
        for class in 0..=0xFF_u8 {
            let listed = node.listed().contains(&ClassId(class.into())) || class == 0x20;
            let told = tell(&mut node, &[0x86, 0x13, class]).pop().unwrap();
            let version = node.classes().get(&ClassId(class.into())).copied().unwrap_or_default();
            assert_eq!(told, [0x86, 0x14, class, version]);
            assert!(listed || version == 0, "{class:02x}");
        }
    }
}

#[test]
fn the_versions_are_those_of_a_certified_lock() {
    let versions = Node::new(Model::s2()).classes();
    let of = |class: u16| versions.get(&ClassId(class)).copied().unwrap_or_default();
    let expected = [
        (0x20, 2),
        (0x4C, 1),
        (0x55, 2),
        (0x59, 3),
        (0x5A, 1),
        (0x5E, 2),
        (0x62, 4),
        (0x63, 2),
        (0x6C, 1),
        (0x71, 8),
        (0x72, 2),
        (0x73, 1),
        (0x80, 1),
        (0x85, 2),
        (0x86, 3),
        (0x87, 3),
        (0x8B, 1),
        (0x8E, 3),
        (0x98, 1),
        (0x9F, 1),
    ];
    assert_eq!(expected.map(|(class, _)| (class, of(class))), expected);
    assert_eq!(versions.len(), expected.len());
}

#[test]
fn a_node_reports_its_identity() {
    let said = |model: Model| {
        let kind = model.kind;
        let mut node = Node::new(Model { requests: KeyMask::NONE, ..model });
        node.wake(NOW);
        let class = kind.device_class();
        (class.generic, class.specific, tell(&mut node, &[0x5E, 0x01]).pop().unwrap()[3])
    };
    // Device classes, and role: listens for beams, always on, sleeps.
    assert_eq!(said(Model::version_2()), (0x40, 0x03, 7));
    assert_eq!(said(Model::plug()), (0x10, 0x01, 5));
    assert_eq!(said(Model::sensor()), (0x07, 0x01, 6));
    assert_eq!(Kind::Keypad.device_class().specific, 0x0B);
}

#[test]
fn a_lock_of_today_answers_what_version_3_and_its_like_ask() {
    let mut lock = lock(Model::version_2());
    assert_eq!(tell(&mut lock, &[0x86, 0x15]), [[0x86, 0x16, 0x07]]);
    let software = tell(&mut lock, &[0x86, 0x17]).pop().unwrap();
    assert_eq!((software.len(), &software[..5]), (25, &[0x86, 0x18, 7, 18, 3][..]));
    assert_eq!(tell(&mut lock, &[0x72, 0x06, 0x00]).pop().unwrap()[..4], [0x72, 0x07, 0x01, 0x28]);
    assert_eq!(tell(&mut lock, &[0x85, 0x0B]), [[0x85, 0x0C, 0x00]]);
    assert_eq!(tell(&mut lock, &[0x73, 0x02]), [[0x73, 0x03, 0x00, 0x00]]);
    tell(&mut lock, &[0x73, 0x01, 0x05, 10]);
    lock.receive(&[0x73, 0x02], secs(4));
    lock.receive(&[0x73, 0x02], secs(10));
    assert_eq!(said(&mut lock), [[0x73, 0x03, 0x05, 6], [0x73, 0x03, 0x00, 0]]);
    assert_eq!(tell(&mut lock, &[0x73, 0x05]), [[0x73, 0x06, 0, 0, 0, 0]]);
    let mut old = super::lock(Model::version_1());
    for question in [&[0x86, 0x15][..], &[0x86, 0x17], &[0x72, 0x06, 0x00], &[0x73, 0x02], &[0x20, 0x02], &[0x4C, 0x01]] {
        assert_eq!(tell(&mut old, question), Vec::<Vec<u8>>::new(), "{question:02x?}");
    }
}

#[test]
fn no_two_nodes_have_the_same_serial_number_and_none_changes_it() {
    let mut a = Node::fresh(Model::version_2(), Entropy::from_number(1));
    let b = Node::fresh(Model::version_2(), Entropy::from_number(2));
    assert_ne!(a.memory.serial, b.memory.serial);
    let before = a.memory.serial;
    a.power_cut();
    assert_eq!((a.memory.serial, before.is_some()), (before, true));
}

#[test]
fn a_lock_that_is_asked_which_one_it_is_blinks_for_a_while() {
    let mut lock = lock(Model::version_2());
    assert_eq!(tell(&mut lock, &[0x87, 0x04, 0x00]), [[0x87, 0x05, 0x50, 0x00, 0x01, 0x38]]);
    // "Identify" (docs/protocol/command-classes.md 0x87): three times 0.8 s.
    tell(&mut lock, &[0x87, 0x01, 0x00, 0x03, 0x50, 0x03, 8, 0x50, 0x04, 3, 0x50, 0x05, 6]);
    let after = |millis| NOW + Duration::from_millis(millis);
    assert!(lock.is_identifying(after(2_399)) && !lock.is_identifying(after(2_400)));
    assert_eq!(tell(&mut lock, &[0x87, 0x02, 0x50]), [[0x87, 0x03, 0x00, 0x03, 0x50, 0x03, 8, 0x50, 0x04, 3, 0x50, 0x05, 6]]);
    let refused = tell(&mut lock, &[0x6C, 0x01, 0x05, 0x07, 0x87, 0x01, 0x00, 0x01, 0x0C, 0x01, 0x63]);
    assert_eq!(refused, [[0x6C, 0x02, 0x05, 0x02, 0x00]], "it has no alarm light");
}

#[test]
fn an_end_point_in_the_lifeline_gets_reports() {
    let mut lock = Node::new(Model::version_2());
    tell(&mut lock, &[0x8E, 0x01, 0x01, 0x00, 0x01, 0x00]);
    assert_eq!(tell(&mut lock, &[0x8E, 0x02, 0x01]), [[0x8E, 0x03, 0x01, 0x05, 0x00, 0x00, 0x01, 0x00]]);
    lock.turn_bolt(true, NOW);
    assert_eq!(own_words(&mut lock).len(), 1);
    tell(&mut lock, &[0x85, 0x01, 0x01, 0x01, 0x02, 0x03, 0x04]);
    let full = tell(&mut lock, &[0x6C, 0x01, 0x05, 0x04, 0x85, 0x01, 0x01, 0x05]);
    assert_eq!(full, [[0x6C, 0x02, 0x05, 0x02, 0x00]], "five is all there is room for");
    tell(&mut lock, &[0x8E, 0x04, 0x00]);
    assert_eq!((lock.memory.lifeline.len(), lock.memory.lifeline_points.len()), (0, 0));
}

#[test]
fn a_factory_reset_is_reported_and_erases_everything() {
    let mut lock = lock(Model::version_2());
    lock.memory.membership = Some(member());
    lock.program(1, Some(b"4711"), NOW);
    lock.turn_bolt(true, NOW);
    own_words(&mut lock);
    lock.factory_reset(NOW);
    assert_eq!(own_words(&mut lock), [[0x5A, 0x01]]);
    assert!(!lock.has_reset());
    later(&mut lock, secs(10));
    assert!(lock.receiver(secs(10)).deaf, "the network's frames are not for it any more");
    assert!(lock.has_reset() && lock.memory.membership.is_none() && lock.memory.lifeline.is_empty());
    assert_eq!((lock.memory.codes.entries().count(), lock.memory.log.record(0)), (0, None));
    assert!(lock.memory.locked, "the bolt is where it was");
}
