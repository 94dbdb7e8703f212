use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::command::Command;
use crate::command::security_2::FailType;
use crate::domain::entropy::Entropy;
use crate::domain::node::SecurityClass;
use crate::domain::time::Deadline;
use crate::security::key_exchange::{DskPin, Failure, Grant, KeyExchange, KeyExchangeStep as Waited, KeyQuestion, Known, Output};
use crate::security::keys::{KeyId, KeyMask, NetworkKeys};
use crate::security::s0::inclusion::{self as s0, Inclusion};
use crate::security::s2::{Addressing, FrameKey, Opened, Received, S2Context, Sealing, Session};
use crate::serial::frame::{Decoder, Received as OnTheLine};
use crate::serial::node_info::{ApplicationUpdate, InclusionStatus, UpdateStatus};
use crate::serial::request::{AddNode, NodeCall, SmartStartIds};
use crate::serial::setup::SetupRequest;
use crate::serial::transmit::{SendData, TxOptions};
use crate::serial::{CallbackId, FunctionId, Message, NodeIdWidth, Request};
use crate::sim::blueprint::Blueprint;
use crate::sim::chip::Chip;
use crate::sim::device::Radio;
use crate::sim::joiner::{Failure as Theirs, Fault, JoinStep};
use crate::sim::model::Model;
use crate::sim::node::Faults;
use crate::sim::radio::Conditions;

mod host;

use host::Host;

const US: NodeId = NodeId(1);
const ROOM: usize = 46;

fn inclusion(of: FunctionId) -> impl Fn(&Message) -> Option<(CallbackId, InclusionStatus, NodeId)> {
    move |message| match message {
        Message::Inclusion(it) if it.function == of => Some((it.callback, it.status, it.node)),
        _ => None,
    }
}

fn call(node: NodeId) -> NodeCall {
    NodeCall { node, callback: CallbackId(7) }
}

/// A network with one S2 lock that was included, with its keys.
fn with_lock() -> (Host, DeviceId, NodeId, Session) {
    let mut host = Host::new(&Blueprint::empty());
    let device = host.world.offer(Device::new(Model::s2(), 7), host.now);
    let (node, _) = host.add(AddNode::ANY, None);
    let pin = host.world.dsk(device).unwrap().pin();
    let (keys, session) = host.bootstrap(node, None, &pin, device).unwrap();
    assert_eq!(keys, KeyMask::KNOWN);
    (host, device, node, session)
}

const ACCESS: SecurityClass = SecurityClass::S2AccessControl;

#[test]
fn a_lock_with_its_pin_gets_access_control_and_takes_a_code_under_it() {
    let (mut host, device, node, mut session) = with_lock();
    assert_eq!(host.world.node_of(device), Some(node));
    assert_eq!(host.world.node(node).unwrap().joined(), Some(Ok(KeyMask::KNOWN)));
    // Supervision, session 5, around Extended User Code Set: user 7, 4321.
    let said = host.tell(&mut session, ACCESS, b"\x6c\x01\x05\x0b\x63\x0b\x01\x00\x07\x01\x044321");
    let [report] = &said[..] else { panic!("{said:?}") };
    assert_eq!((report.protection, &report.command[..]), (FrameKey::Class(ACCESS), &[0x6C, 0x02, 0x05, 0xFF, 0x00][..]));
    let codes = &host.world.node(node).unwrap().memory.codes;
    assert_eq!(codes.user_of(b"4321"), Some(7));
}

#[test]
fn the_controller_reports_each_step_of_an_inclusion_and_waits_for_the_host() {
    let mut host = Host::new(&Blueprint::empty());
    host.world.offer(Device::new(Model::s2(), 7), host.now);
    let (node, statuses) = host.add(AddNode::ANY, None);
    assert_eq!((node, statuses), (NodeId(2), vec![1, 2, 3, 5, 6]));
    assert!(host.is_listed(node));

    // Without the stop there is no "done".
    host.world.offer(Device::new(Model::s2(), 8), host.now);
    host.ask(&Request::AddNode(AddNode { mode: 0xC1, callback: CallbackId(5), smart_start: None }));
    host.pass(Duration::from_secs(60));
    let told: Vec<_> = host.heard.iter().filter_map(inclusion(FunctionId::ADD_NODE_TO_NETWORK)).map(|it| it.1.0).collect();
    assert_eq!(told, [1, 2, 3, 5]);
    // Another mode does not begin meanwhile.
    host.heard.clear();
    host.ask(&Request::RemoveNode { mode: 0xC1, callback: CallbackId(8) });
    let refused = host.wait(1, inclusion(FunctionId::REMOVE_NODE_FROM_NETWORK));
    assert_eq!(refused, Some((CallbackId(8), InclusionStatus::FAILED, NodeId(0))));
    host.stop(CallbackId(6));
    let done = host.wait(1, inclusion(FunctionId::ADD_NODE_TO_NETWORK));
    assert_eq!(done, Some((CallbackId(6), InclusionStatus::DONE, NodeId(3))));
}

#[test]
fn a_stop_before_a_device_was_found_adds_nothing() {
    let mut host = Host::new(&Blueprint::empty());
    host.ask(&Request::AddNode(AddNode { mode: 0xC1, callback: CallbackId(5), smart_start: None }));
    host.stop(CallbackId(6));
    let device = host.world.offer(Device::new(Model::s2(), 7), host.now);
    host.pass(Duration::from_secs(60));
    let told: Vec<_> = host.heard.iter().filter_map(inclusion(FunctionId::ADD_NODE_TO_NETWORK)).collect();
    let [ready, done] = [(CallbackId(5), InclusionStatus::READY, NodeId(0)), (CallbackId(6), InclusionStatus::DONE, NodeId(0))];
    assert_eq!(told, [ready, done]);
    assert_eq!(host.world.node_of(device), None);
}

#[test]
fn a_lock_with_keys_reports_only_its_identity_in_clear() {
    let (mut host, device, node, mut session) = with_lock();
    let lock = host.world.device_node(device).unwrap();
    assert_eq!(lock.listed().iter().map(|class| class.0).collect::<Vec<_>>(), [0x5E, 0x55, 0x6C, 0x98, 0x9F]);
    let in_clear = |host: &mut Host, command: &[u8]| {
        host.heard.clear();
        host.queue.push_back((node, command.to_vec()));
        host.pass(Duration::from_secs(4));
        host.heard.drain(..).filter(|message| matches!(message, Message::ApplicationCommand(_))).count()
    };
    // Version Get, User Code Get, a supervised User Code Set: nothing. Z-Wave Plus Info Get: answered.
    assert_eq!(in_clear(&mut host, &[0x86, 0x11]), 0);
    assert_eq!(in_clear(&mut host, &[0x63, 0x02, 0x01]), 0);
    assert_eq!(in_clear(&mut host, b"\x6c\x01\x05\x0b\x63\x0b\x01\x00\x07\x01\x044321"), 0);
    assert_eq!(host.world.node(node).unwrap().memory.codes.user_of(b"4321"), None);
    assert_eq!(in_clear(&mut host, &[0x5E, 0x01]), 1);

    // Commands Supported: everything under the highest class, nothing under the others.
    let supported = |said: Vec<Opened>| said.first().map(|report| report.command.to_vec());
    let listed = supported(host.tell(&mut session, ACCESS, &[0x9F, 0x0D]));
    let secure = [0x4C, 0x59, 0x5A, 0x62, 0x63, 0x71, 0x72, 0x73, 0x80, 0x85, 0x86, 0x87, 0x8B, 0x8E];
    assert_eq!(listed, Some([&[0x9F, 0x0E][..], &secure].concat()));
    let listed = supported(host.tell(&mut session, SecurityClass::S2Authenticated, &[0x9F, 0x0D]));
    assert_eq!(listed.as_deref(), Some(&[0x9F, 0x0E][..]));
    // A code under a lower class is nothing to it.
    let said = host.tell(&mut session, SecurityClass::S2Unauthenticated, b"\x6c\x01\x06\x0b\x63\x0b\x01\x00\x07\x01\x044321");
    assert!(said.is_empty(), "{said:?}");
}

#[test]
fn a_class_that_was_not_granted_is_silent() {
    let mut host = Host::new(&Blueprint::empty());
    let device = host.world.offer(Device::new(Model { requests: KeyMask(0x04), ..Model::s2() }, 7), host.now);
    let (node, _) = host.add(AddNode::ANY, None);
    let pin = host.world.dsk(device).unwrap().pin();
    let (keys, mut session) = host.bootstrap(node, None, &pin, device).unwrap();
    assert_eq!(keys, KeyMask(0x04));
    assert!(host.tell(&mut session, SecurityClass::S2Authenticated, &[0x9F, 0x0D]).is_empty());
    assert_eq!(host.tell(&mut session, ACCESS, &[0x9F, 0x0D]).len(), 1);
}

#[test]
fn a_wrong_pin_ends_without_keys() {
    let mut host = Host::new(&Blueprint::empty());
    let device = host.world.offer(Device::new(Model::s2(), 7), host.now);
    let (node, _) = host.add(AddNode::ANY, None);
    let how = host.bootstrap(node, None, &DskPin::new(1), device);
    assert_eq!(how.map(|(keys, _)| keys), Err(Failure::WrongPin));
    let lock = host.world.node(node).unwrap();
    assert_eq!(lock.joined(), Some(Err(Theirs::Stopped(FailType::DECRYPT))));
    assert_eq!(lock.class(), SecurityClass::None);
    assert!(host.is_listed(node), "it is in the network all the same");
}

#[test]
fn a_device_without_label_has_the_code_typed_into_it() {
    let mut host = Host::new(&Blueprint::empty());
    let device = Device::new(Model::s2(), 7).without_label();
    let device = host.world.offer(device, host.now);
    let (node, _) = host.add(AddNode::ANY, None);
    let (keys, _) = host.bootstrap(node, None, &DskPin::new(0), device).unwrap();
    assert_eq!(keys, KeyMask::KNOWN);
}

/// Adds a device and gives it its key under S0.
fn bootstrap_s0(host: &mut Host, device: Device) -> (NodeId, Result<s0::Granted, s0::NotGranted>) {
    host.world.offer(device, host.now);
    let (node, _) = host.add(AddNode::ANY, None);
    let key = host.keys.network_key(KeyId::S0).clone();
    let (mut inclusion, first) = Inclusion::begin(US, node, &key, false, ROOM, host.now).unwrap();
    host.queue.push_back((node, first));
    let end = host.now + Duration::from_secs(60);
    loop {
        let turn = if let Some(message) = host.heard.pop_front() {
            let Message::ApplicationCommand(command) = message else { continue };
            let Ok(Command::Security(said)) = Command::parse(&command.payload) else { continue };
            inclusion.receive(said, host.now, &mut host.entropy)
        } else {
            assert!(host.step(end, inclusion.poll_deadline()), "not in a minute: {inclusion:?}");
            inclusion.handle_timeout(host.now)
        };
        host.queue.extend(turn.send.into_iter().map(|payload| (node, payload)));
        if let Some(outcome) = turn.outcome {
            return (node, outcome);
        }
    }
}

#[test]
fn a_lock_with_s0_gets_its_key_and_uses_it() {
    let mut host = Host::new(&Blueprint::empty());
    let (node, outcome) = bootstrap_s0(&mut host, Device::new(Model::s0(), 7));
    let classes = outcome.unwrap().classes.expect("its list came under the key");
    let listed: Vec<_> = classes.supported.iter().map(|class| class.0).collect();
    assert_eq!(listed, [0x59, 0x62, 0x63, 0x71, 0x72, 0x80, 0x85, 0x86]);
    assert_eq!(host.world.node(node).unwrap().class(), SecurityClass::S0);
}

#[test]
fn a_device_of_s0_that_stops_in_any_step_has_no_key() {
    for (step, waited_for) in [
        (JoinStep::SchemeReport, s0::S0Step::Scheme),
        (JoinStep::KeyNonce, s0::S0Step::Key),
        (JoinStep::KeyVerify, s0::S0Step::Verify),
    ] {
        let mut host = Host::new(&Blueprint::empty());
        let device = Device::new(Model::s0(), 7).with_fault(Fault::Silent(step));
        let (node, outcome) = bootstrap_s0(&mut host, device);
        assert_eq!(outcome, Err(s0::NotGranted::Silent(waited_for)), "{step:?}");
        assert_eq!(host.world.node(node).unwrap().class(), SecurityClass::None, "{step:?}");
    }
}

#[test]
fn smart_start_includes_the_device_whose_label_was_scanned_and_no_other() {
    let mut host = Host::new(&Blueprint::empty());
    let other = host.world.offer(Device::smart_start(Model::s2(), Radio::Classic, 8), host.now);
    host.pass(Duration::from_secs(3));
    let device = host.world.offer(Device::smart_start(Model::s2(), Radio::Classic, 7), host.now);
    let (node, statuses) = host.add_smart_start(device, false);
    assert_eq!((node, statuses), (NodeId(2), vec![1, 2, 3, 5, 6]));
    assert_eq!((host.world.node_of(device), host.world.node_of(other)), (Some(node), None));
    let dsk = host.world.dsk(device).unwrap();
    let known = Known { dsk: *dsk.reveal() };
    let (keys, mut session) = host.bootstrap(node, Some(known), &DskPin::new(0), device).unwrap();
    assert_eq!(keys, KeyMask::KNOWN);
    assert_eq!(host.tell(&mut session, ACCESS, &[0x63, 0x02, 0x01]).len(), 1);
}

#[test]
fn a_smart_start_device_that_gets_no_keys_leaves_and_asks_again() {
    let mut host = Host::new(&Blueprint::empty());
    let device = host.world.offer(Device::smart_start(Model::s2(), Radio::Classic, 7), host.now);
    let (node, _) = host.add_smart_start(device, false);
    // Nobody begins the bootstrapping.
    host.pass(Duration::from_secs(40));
    assert_eq!(host.world.node_of(device), None);
    assert!(host.is_listed(node), "the controller does not know");
    host.ping(node);
    assert_eq!(host.failed(&Request::RemoveFailedNode(call(node))), (0, vec![1]));
    assert!(!host.is_listed(node));
    let (again, _) = host.add_smart_start(device, false);
    assert_eq!(again, NodeId(3));
}

#[test]
fn long_range_takes_two_bytes_a_region_and_keys_of_its_own() {
    let mut host = Host::far();
    let device = host.world.offer(Device::smart_start(Model::s2(), Radio::Both, 7), host.now);
    let (node, statuses) = host.add_smart_start(device, true);
    assert_eq!((node, statuses), (NodeId(256), vec![1, 2, 3, 5, 6]));
    assert!(host.is_listed(node));
    let dsk = host.world.dsk(device).unwrap();
    let known = Known { dsk: *dsk.reveal() };
    let (keys, mut session) = host.bootstrap(node, Some(known), &DskPin::new(0), device).unwrap();
    assert_eq!(keys, KeyMask::LONG_RANGE);
    let said = host.tell(&mut session, ACCESS, &[0x63, 0x02, 0x01]);
    assert_eq!(said.len(), 1, "{said:?}");

    // The same with one byte, or in a region without Long Range: the controller refuses.
    let ids = Some(SmartStartIds { nwi_home_id: dsk.nwi_home_id(), auth_home_id: dsk.auth_home_id() });
    let mode = AddNode::SMART_START_HOME_ID | AddNode::LONG_RANGE;
    assert_eq!(Host::new(&Blueprint { chip: Chip::series_800(), ..Blueprint::empty() }).add(mode, ids).1, [7]);
    assert_eq!(Host::new(&Blueprint::empty()).add(mode, ids).1, [7]);
}

#[test]
fn a_device_that_stops_in_any_step_has_no_keys_and_can_be_excluded() {
    for (step, waited_for) in [
        (JoinStep::KexReport, Waited::KexReport),
        (JoinStep::PublicKey, Waited::PublicKey),
        (JoinStep::Echo, Waited::Echo),
        (JoinStep::KeyGet, Waited::KeyGet),
        (JoinStep::Verify, Waited::Verify),
        (JoinStep::TransferEnd, Waited::KeyGet),
    ] {
        let mut host = Host::new(&Blueprint::empty());
        let device = host.world.offer(Device::new(Model::s2(), 7).with_fault(Fault::Silent(step)), host.now);
        let (node, _) = host.add(AddNode::ANY, None);
        let pin = host.world.dsk(device).unwrap().pin();
        let how = host.bootstrap(node, None, &pin, device).map(|(keys, _)| keys);
        assert_eq!(how, Err(Failure::NoAnswer(waited_for)), "{step:?}");
        assert_eq!(host.world.node(node).unwrap().class(), SecurityClass::None, "{step:?}");
        exclude(&mut host, node);
        assert_eq!(host.world.node_of(device), None);
    }
}

/// Excludes a node, and gives the statuses that the controller told.
fn exclude(host: &mut Host, node: NodeId) {
    host.heard.clear();
    host.ask(&Request::RemoveNode { mode: 0xC1, callback: CallbackId(8) });
    host.world.leave(node, host.now);
    let mut told = Vec::new();
    while let Some((CallbackId(8), status, of)) = host.wait(5, inclusion(FunctionId::REMOVE_NODE_FROM_NETWORK)) {
        told.push((status.0, of));
    }
    assert_eq!(told, [(1, NodeId(0)), (2, NodeId(0)), (3, node), (6, node)]);
}

#[test]
fn excluding_a_device_without_network_reports_node_zero() {
    let mut host = Host::new(&Blueprint::empty());
    let device = host.world.offer(Device::new(Model::s2(), 7), host.now);
    host.ask(&Request::RemoveNode { mode: 0xC1, callback: CallbackId(8) });
    let mut told = Vec::new();
    while let Some((_, status, of)) = host.wait(5, inclusion(FunctionId::REMOVE_NODE_FROM_NETWORK)) {
        told.push((status.0, of));
    }
    assert_eq!(told, [1, 2, 3, 6].map(|status| (status, NodeId(0))));
    assert!(host.world.device_node(device).is_some(), "it is still there");
}

#[test]
fn a_long_range_node_gets_no_route() {
    let mut host = Host::far();
    let device = host.world.offer(Device::smart_start(Model::s2(), Radio::LongRange, 7), host.now);
    let (node, _) = host.add_smart_start(device, true);
    host.ask(&Request::AssignSucReturnRoute(call(node)));
    let function = FunctionId::ASSIGN_SUC_RETURN_ROUTE;
    let refused = host.wait(1, |message| (*message == Message::Response { function, ok: false }).then_some(()));
    assert_eq!(refused, Some(()));
}

#[test]
fn an_excluded_lock_forgets_its_keys_and_keeps_its_codes() {
    let (mut host, device, node, mut session) = with_lock();
    host.tell(&mut session, ACCESS, &[0x85, 0x01, 0x01, 0x01]);
    host.tell(&mut session, ACCESS, b"\x63\x0b\x01\x00\x07\x01\x044321");
    assert_eq!(host.world.node(node).unwrap().memory.lifeline, [1]);
    exclude(&mut host, node);
    assert!(!host.is_listed(node));
    let memory = &host.world.device_node(device).unwrap().memory;
    assert_eq!((memory.membership.clone(), memory.lifeline.clone()), (None, Vec::new()));
    assert_eq!(memory.codes.user_of(b"4321"), Some(7));

    // And comes back, with its code.
    host.world.press(device, host.now);
    let (node, _) = host.add(AddNode::ANY, None);
    assert_eq!(node, NodeId(3), "ids are not given twice in a row");
    let pin = host.world.dsk(device).unwrap().pin();
    let (_, mut session) = host.bootstrap(node, None, &pin, device).unwrap();
    let said = host.tell(&mut session, ACCESS, &[0x63, 0x02, 0x07]);
    assert_eq!(said.first().map(|it| it.command.to_vec()).as_deref(), Some(&b"\x63\x03\x07\x014321"[..]));
}

#[test]
fn a_node_that_answers_is_never_removed() {
    let (mut host, _, node, _) = with_lock();
    assert_eq!(host.failed(&Request::RemoveFailedNode(call(node))), (0x08, vec![]), "not on the list");
    host.world.visit(node, |lock| lock.faults = Faults { gone: true, ..Faults::default() });
    host.ping(node);
    host.world.visit(node, |lock| lock.faults = Faults::default());
    assert_eq!(host.failed(&Request::RemoveFailedNode(call(node))), (0, vec![0]));
    assert!(host.is_listed(node));
}

#[test]
fn a_dead_lock_is_replaced_under_its_id_without_a_node_information() {
    let (mut host, old, node, _) = with_lock();
    host.world.visit(node, |lock| lock.faults = Faults { gone: true, ..Faults::default() });
    host.ping(node);
    let new = host.world.offer(Device::new(Model::s2(), 8), host.now);
    assert_eq!(host.failed(&Request::ReplaceFailedNode(call(node))), (0, vec![3, 4]));
    assert_eq!((host.world.node_of(new), host.world.node_of(old)), (Some(node), None));
    let pin = host.world.dsk(new).unwrap().pin();
    let (keys, mut session) = host.bootstrap(node, None, &pin, new).unwrap();
    assert_eq!(keys, KeyMask::KNOWN);
    assert_eq!(host.tell(&mut session, ACCESS, &[0x63, 0x02, 0x01]).len(), 1);
}

#[test]
fn a_node_gets_its_route_and_an_unknown_node_does_not() {
    let (mut host, _, node, _) = with_lock();
    let answers = |host: &mut Host, node| {
        host.heard.clear();
        host.ask(&Request::AssignSucReturnRoute(call(node)));
        host.pass(Duration::from_secs(5));
        host.heard.drain(..).collect::<Vec<_>>()
    };
    let function = FunctionId::ASSIGN_SUC_RETURN_ROUTE;
    let done = Message::Callback { function, callback: CallbackId(7), status: Some(0) };
    assert_eq!(answers(&mut host, node), [Message::Response { function, ok: true }, done]);
    assert_eq!(answers(&mut host, NodeId(99)), [Message::Response { function, ok: false }]);
}

#[test]
fn a_lock_that_was_there_before_has_the_keys_of_the_network() {
    let mut entropy = Entropy::from_number(3);
    let keys = NetworkKeys::generate(&mut entropy);
    let nodes = [(NodeId(2), Model::s2())].into();
    let mut host = Host::new(&Blueprint { nodes, keys: Some(keys), ..Blueprint::two_locks() });
    let mut session = Session::new(NodeId(2), KeyMask::KNOWN, &mut host.entropy);
    let said = host.tell(&mut session, ACCESS, b"\x6c\x01\x05\x0b\x63\x0b\x01\x00\x07\x01\x044321");
    assert_eq!(said.len(), 1);
    // A power cut costs it its nonces, not its keys.
    host.world.visit(NodeId(2), Node::power_cut);
    let said = host.tell(&mut session, ACCESS, &[0x63, 0x02, 0x07]);
    assert_eq!(said.first().map(|it| it.command.to_vec()).as_deref(), Some(&b"\x63\x03\x07\x014321"[..]));
    assert!(host.world.device_of(NodeId(2)).and_then(|device| host.world.dsk(device)).is_some());
}

#[test]
fn a_lossy_key_exchange_ends_with_the_same_result_on_both_sides() {
    let mut believed = 0;
    for seed in 0..20 {
        let conditions = Conditions { loss: 25, ack_loss: 15, duplication: 10, ..Conditions::default() };
        let mut host = Host::new(&Blueprint::empty());
        let device = host.world.offer(Device::new(Model::s2(), seed), host.now);
        let (node, _) = host.add(AddNode::ANY, None);
        host.world.set_conditions(conditions);
        let pin = host.world.dsk(device).unwrap().pin();
        let how = host.bootstrap(node, None, &pin, device).map(|(keys, _)| keys);
        let lock = host.world.node(node).unwrap();
        // The other way round a lock may err: its last word can be lost.
        if how == Ok(KeyMask::KNOWN) {
            believed += 1;
            let theirs = lock.memory.membership.as_ref().expect("it is in the network");
            assert!(
                theirs.granted == KeyMask::KNOWN
                    && KeyId::ALL[..4].iter().all(|id| theirs.keys.network_key(*id) == host.keys.network_key(*id))
            );
        } else {
            assert!(matches!(how, Err(Failure::NoAnswer(_) | Failure::StoppedByNode(_))), "seed {seed}: {how:?}");
        }
    }
    assert!(believed > 5, "of 20 only {believed}");
}

/// What a host and a person may do, in any order.
#[derive(Clone, Debug)]
enum Act {
    Add,
    Stop,
    Listen,
    Remove,
    StopRemoving,
    Reset,
    Offer(bool),
    Press(u32),
    RemoveFailed(u16),
    Wait(u64),
}

proptest! {
    #[test]
    fn no_order_of_things_loses_a_device(acts in prop::collection::vec(prop_oneof![
        Just(Act::Add),
        Just(Act::Stop),
        Just(Act::Listen),
        Just(Act::Remove),
        Just(Act::StopRemoving),
        Just(Act::Reset),
        any::<bool>().prop_map(Act::Offer),
        (1..4_u32).prop_map(Act::Press),
        (2..4_u16).prop_map(Act::RemoveFailed),
        (0..60_u64).prop_map(Act::Wait),
    ], 0..30)) {
        let mut host = Host::new(&Blueprint::empty());
        let mut devices = Vec::new();
        for act in acts {
            let callback = CallbackId(5);
            match act {
                Act::Add => host.ask(&Request::AddNode(AddNode { mode: 0xC1, callback, smart_start: None })),
                Act::Stop => host.stop(callback),
                Act::Listen => host.ask(&Request::AddNode(AddNode { mode: 0x49, callback, smart_start: None })),
                Act::Remove => host.ask(&Request::RemoveNode { mode: 0xC1, callback }),
                Act::StopRemoving => host.ask(&Request::RemoveNode { mode: 0x05, callback }),
                Act::Reset => host.ask(&Request::SoftReset),
                Act::Offer(true) => devices.push(host.world.offer(Device::new(Model::s2(), 7), host.now)),
                Act::Offer(false) => {
                    let device = Device::smart_start(Model::s2(), Radio::Classic, 7);
                    devices.push(host.world.offer(device, host.now));
                }
                Act::Press(device) => host.world.press(DeviceId(device), host.now),
                Act::RemoveFailed(node) => host.ask(&Request::RemoveFailedNode(call(NodeId(node)))),
                Act::Wait(seconds) => host.pass(Duration::from_secs(seconds)),
            }
        }
        host.pass(Duration::from_secs(100));
        for device in devices {
            prop_assert!(host.world.device_node(device).is_some(), "{:?} is nowhere", device);
        }
    }
}
