//! Who is in the network: the controller is scripted, the joining device is as honest as its fields.

mod demands;

use super::*;
use crate::command::security::{NonceReport, Schemes, Security};
use crate::command::security_2::{FailType, Security2};
use crate::domain::node::Joining;
use crate::network::inclusion::{
    CannotBegin, Change, Ended, ExpectedDevice, Failed, JoinInputRejected, JoinQuestion, JoinSecurity, Progress, Reason, Terms,
    Warning,
};
use crate::security::dsk::Dsk;
use crate::security::key_exchange::tests::joiner::Joiner;
use crate::security::key_exchange::{self, DskPin, KeyExchangeStep};
use crate::security::keys::{KeyId, KeyMask};
use crate::security::s0::S0Keys;
use crate::security::s0::inclusion::NotGranted;
use crate::security::s0::peer::{Next, Peer as Talk, Said};
use crate::serial::node_info::SmartStart;

const NEW: NodeId = NodeId(9);
const FAR: NodeId = NodeId(256);

impl Controller {
    fn tells(&self, function: FunctionId, callback: CallbackId, status: InclusionStatus, node: NodeId) -> Frame {
        let info = self.joins.as_ref().filter(|_| status == InclusionStatus::END_NODE).map(|(_, info)| info.clone());
        Message::Inclusion(InclusionCallback { function, callback, status, node, info }).write(self.width)
    }

    /// The callbacks in this order, up to the one that it stops after.
    fn steps(&self, function: FunctionId, callback: CallbackId, steps: &[(InclusionStatus, NodeId)]) -> Vec<(u64, Frame)> {
        let last = steps.iter().position(|(status, _)| self.stops_after == Some(*status)).map_or(steps.len(), |at| at + 1);
        let told = steps[..last].iter().map(|(status, node)| self.tells(function, callback, *status, *node));
        (1..).map(|n| 20 * n).zip(told).collect()
    }

    pub(super) fn add_node(&mut self, add: AddNode) -> Vec<(u64, Frame)> {
        use InclusionStatus as S;
        let function = FunctionId::ADD_NODE_TO_NETWORK;
        let silent = add.callback == CallbackId::NONE;
        match (add.mode & 0x0F, self.moving) {
            (AddNode::STOP, Moving::Adding(joined)) => {
                self.moving = Moving::Idle;
                let status = if joined.is_some() { S::DONE } else { S::FAILED };
                let told = self.tells(function, add.callback, status, joined.unwrap_or(NodeId(0)));
                if let Some(id) = joined {
                    self.joins = None;
                    let peer = Peer { answers: |_| Vec::new(), airtime: Duration::from_millis(20), ..Peer::lock() };
                    if id.is_long_range() {
                        self.long_range.insert(id);
                    }
                    self.nodes.insert(id, peer);
                }
                if silent { Vec::new() } else { vec![(2, told)] }
            }
            (AddNode::STOP, _) => {
                self.moving = Moving::Idle;
                Vec::new()
            }
            (AddNode::SMART_START_LISTEN, _) => {
                self.moving = Moving::Calling;
                Vec::new()
            }
            (_, Moving::Idle) => {
                let node = self.joins.as_ref().map(|(id, _)| *id);
                self.moving = Moving::Adding(node);
                let Some(node) = node else { return self.steps(function, add.callback, &[(S::READY, NodeId(0))]) };
                let none = NodeId(0);
                let all = [(S::READY, none), (S::NODE_FOUND, none), (S::END_NODE, node), (S::PROTOCOL_DONE, none)];
                self.steps(function, add.callback, &all)
            }
            (_, Moving::Adding(_) | Moving::Removing(_) | Moving::Calling) => {
                vec![(2, self.tells(function, add.callback, S::FAILED, NodeId(0)))]
            }
        }
    }

    pub(super) fn remove_node(&mut self, mode: u8, callback: CallbackId) -> Vec<(u64, Frame)> {
        use InclusionStatus as S;
        let function = FunctionId::REMOVE_NODE_FROM_NETWORK;
        match (mode & 0x0F, self.moving) {
            (AddNode::STOP, _) => {
                self.moving = Moving::Idle;
                vec![(2, self.tells(function, callback, S::DONE, NodeId(0)))]
            }
            (_, Moving::Idle) => {
                let node = self.leaves.take();
                self.moving = Moving::Removing(node);
                let Some(node) = node else { return self.steps(function, callback, &[(S::READY, NodeId(0))]) };
                let none = NodeId(0);
                self.steps(function, callback, &[(S::READY, none), (S::NODE_FOUND, none), (S::END_NODE, node), (S::DONE, node)])
            }
            _ => vec![(2, self.tells(function, callback, S::FAILED, NodeId(0)))],
        }
    }

    pub(super) fn replace_failed(&mut self, node: NodeId, callback: CallbackId) -> Vec<(u64, Frame)> {
        let function = FunctionId::REPLACE_FAILED_NODE;
        let response = Message::FailedNodeResponse { function, flags: 0 }.write(self.width);
        let told = |status| Message::Callback { function, callback, status: Some(status) }.write(self.width);
        if let Some(peer) = self.nodes.get_mut(&node) {
            peer.listens = true;
            peer.answers = |_| Vec::new();
            peer.airtime = Duration::from_millis(20);
        }
        vec![(2, response), (50, told(3)), (90, told(4))]
    }
}

/// What a device that joins says, and what comes of it.
struct Scene {
    bench: Bench,
    device: Device,
    at: NodeId,
    heard: usize,
    /// It falls silent after so many frames of its own.
    says: usize,
    echo_at: Instant,
}

#[allow(clippy::large_enum_variant)]
enum Device {
    S2(Joiner),
    S0 { talk: Talk, keys: S0Keys, entropy: Entropy, verifies: bool },
    Silent,
}

fn joiner(at: NodeId, keys: KeyMask) -> Joiner {
    let mut joiner = Joiner::new(at, keys);
    joiner.home = HOME;
    joiner
}

fn lock_info(classes: &[ClassId]) -> NodeInformation {
    NodeInformation { basic: 4, generic: 0x40, specific: 3, supported: classes.to_vec(), controlled: Vec::new() }
}

impl Scene {
    fn of(device: Device, at: NodeId, classes: &[ClassId]) -> Self {
        let mut bench = Bench::with_known(&[(LOCK, Peer::lock())]);
        bench.controller.joins = Some((at, lock_info(classes)));
        Self { bench, device, at, heard: 0, says: usize::MAX, echo_at: Instant::ZERO }
    }

    /// A lock that asks for all classes.
    fn s2() -> Self {
        Self::s2_with(KeyMask::KNOWN, NEW)
    }

    fn s2_with(keys: KeyMask, at: NodeId) -> Self {
        Self::of(Device::S2(joiner(at, keys)), at, &[ClassId::Z_WAVE_PLUS_INFO, ClassId::SECURITY, ClassId::SECURITY_2])
    }

    fn s0(verifies: bool) -> Self {
        let keys = S0Keys::of(&Key::from_bytes([0; 16]));
        let device = Device::S0 { talk: Talk::new(NEW, NodeId(1)).unwrap(), keys, entropy: Entropy::from_number(5), verifies };
        Self::of(device, NEW, &[ClassId::SECURITY])
    }

    fn joiner(&mut self) -> &mut Joiner {
        match &mut self.device {
            Device::S2(joiner) => joiner,
            _ => panic!("no S2 device"),
        }
    }

    fn include(&mut self, terms: Terms) {
        self.begin(Change::Include(terms)).unwrap();
    }

    fn begin(&mut self, change: Change) -> Result<(), CannotBegin> {
        let time = self.bench.time();
        let begun = self.bench.network.begin(change, time);
        self.bench.drain();
        begun
    }

    fn pin(&mut self, pin: &DskPin) -> Result<(), JoinInputRejected> {
        let time = self.bench.time();
        let entered = self.bench.network.enter_pin(pin, time);
        self.bench.drain();
        entered
    }

    fn grant(&mut self, keys: KeyMask) -> Result<(), JoinInputRejected> {
        let time = self.bench.time();
        let granted = self.bench.network.grant_keys(keys, time);
        self.bench.drain();
        granted
    }

    fn cancel(&mut self) -> Result<(), JoinInputRejected> {
        let time = self.bench.time();
        let cancelled = self.bench.network.cancel_change(time);
        self.bench.drain();
        cancelled
    }

    /// Lets time pass in small steps, in which the device takes in what it was sent.
    fn run(&mut self, ms: u64) {
        for _ in 0..ms.div_ceil(10) {
            self.bench.run(10);
            self.repeat_echo();
            let sent = self.bench.sent_to(self.at);
            let news: Vec<Command> = sent[self.heard..].iter().map(|(_, command)| command.clone()).collect();
            self.heard = sent.len();
            for command in news {
                for said in self.device.hear(&command, self.bench.clock) {
                    if self.says == 0 {
                        continue;
                    }
                    self.says -= 1;
                    self.bench.hear(self.at, &Command::parse(&said).unwrap());
                }
            }
        }
    }

    /// Until it is answered the device repeats its echo every ten seconds (docs/protocol/security.md B4).
    fn repeat_echo(&mut self) {
        let now = self.bench.clock;
        let Device::S2(joiner) = &mut self.device else { return };
        if joiner.heard.is_none() || !joiner.learnt.is_empty() || joiner.failed.is_some() || now < self.echo_at {
            return;
        }
        self.echo_at = now + Duration::from_secs(10);
        for said in joiner.say_again(now) {
            self.bench.hear(self.at, &Command::parse(&said).unwrap());
        }
    }

    fn progress(&self) -> Vec<Progress> {
        let progress = self.bench.events.iter().filter_map(|(_, event)| match event {
            NetworkEvent::Change(progress) => Some(progress.clone()),
            _ => None,
        });
        progress.collect()
    }

    fn ended(&self) -> Option<Result<Ended, Failed>> {
        let mut ends = self.progress().into_iter().filter_map(|progress| match progress {
            Progress::Ended(ended) => Some(ended),
            _ => None,
        });
        let ended = ends.next();
        assert!(ends.next().is_none(), "a change ends once");
        ended
    }

    fn node(&self, id: NodeId) -> Option<&Node> {
        self.bench.network.node(id)
    }

    /// The controller takes nobody in any more.
    fn is_closed(&self) -> bool {
        self.bench.controller.moving == Moving::Idle
    }
}

impl Device {
    fn hear(&mut self, command: &Command, now: Instant) -> Vec<Vec<u8>> {
        match self {
            Self::S2(joiner) => joiner.hear(&command.write(), now),
            Self::Silent => Vec::new(),
            Self::S0 { talk, keys, entropy, verifies } => {
                let say = |said: Security| Command::Security(said).write();
                let Command::Security(said) = command else { return Vec::new() };
                match said {
                    Security::SchemeGet(_) => vec![say(Security::SchemeReport(Schemes::ZERO_KEY))],
                    Security::NonceGet => {
                        vec![say(Security::NonceReport(NonceReport { nonce: talk.nonce_asked(now, entropy).unwrap() }))]
                    }
                    Security::NonceReport(report) => {
                        talk.nonce_told(report.nonce.clone(), now);
                        match talk.next(keys, now, entropy) {
                            Next::Send { payload, .. } => vec![payload],
                            _ => Vec::new(),
                        }
                    }
                    Security::CommandEncapsulation(frame) => {
                        let Said::Command(inner) = talk.open(frame, false, keys, now, entropy).said else { return Vec::new() };
                        let reply = match Command::parse(&inner) {
                            Ok(Command::Security(Security::NetworkKeySet(set))) => {
                                *keys = S0Keys::of(&set.key);
                                if !*verifies {
                                    return Vec::new();
                                }
                                say(Security::NetworkKeyVerify)
                            }
                            Ok(Command::Security(Security::CommandsSupportedGet)) => vec![0x98, 0x03, 0x00, 0x62, 0x63],
                            _ => return Vec::new(),
                        };
                        talk.begin(&reply, 46).unwrap();
                        assert_eq!(talk.next(keys, now, entropy), Next::AskNonce);
                        vec![say(Security::NonceGet)]
                    }
                    _ => Vec::new(),
                }
            }
        }
    }
}

fn best(pin: Option<DskPin>) -> Terms {
    Terms { security: JoinSecurity::Best, pin }
}

#[test]
fn a_lock_that_is_included_with_its_pin_has_the_class_of_doors() {
    let mut scene = Scene::s2();
    scene.include(best(None));
    scene.run(3_000);
    let tail = Dsk::new(scene.joiner().dsk()).tail();
    assert_eq!(scene.progress().last(), Some(&Progress::Asked(JoinQuestion::Pin { tail })), "{:?}", scene.progress());
    assert_eq!(scene.node(NEW).unwrap().joining, Joining::UnderWay);

    let pin = scene.joiner().pin();
    scene.pin(&pin).unwrap();
    scene.run(12_000);
    let included = Ended::Included { node: NEW, security: SecurityClass::S2AccessControl, warning: None };
    assert_eq!(scene.ended(), Some(Ok(included)));
    let node = scene.node(NEW).unwrap();
    assert_eq!((node.joining, node.security_known), (Joining::Done, true));
    assert!(scene.is_closed(), "the controller still takes devices in");
    let steps = scene.progress();
    let named: Vec<&Progress> = steps.iter().filter(|it| !matches!(it, Progress::Asked(_))).collect();
    assert_eq!(named[..4], [&Progress::Ready, &Progress::Found, &Progress::Joined(NEW), &Progress::Exchanging]);
    // Every key that it asked for, each of them ours.
    let ours = keys();
    let learnt = scene.joiner().learnt.clone();
    assert_eq!(learnt.len(), 4);
    assert!(learnt.iter().all(|(id, key)| key == ours.network_key(*id)));
}

#[test]
fn nothing_else_is_sent_to_a_device_before_it_has_its_keys() {
    let mut scene = Scene::s2();
    let pin = scene.joiner().pin();
    scene.include(best(Some(pin)));
    scene.run(8_000);
    assert!(matches!(scene.ended(), Some(Ok(_))));
    let sent = scene.bench.sent_to(NEW);
    let last_key = sent.iter().rposition(|(_, command)| matches!(command, Command::Security2(_))).unwrap();
    assert!(sent[..last_key].iter().all(|(_, command)| command.class() == ClassId::SECURITY_2), "{sent:?}");
}

#[test]
fn a_pin_that_is_at_hand_is_not_asked_for() {
    let mut scene = Scene::s2();
    let pin = scene.joiner().pin();
    scene.include(best(Some(pin)));
    scene.run(8_000);
    assert!(!scene.progress().iter().any(|it| matches!(it, Progress::Asked(_))));
    assert!(matches!(scene.ended(), Some(Ok(_))));
}

#[test]
fn a_wrong_pin_grants_no_key_and_is_reported_to_the_device() {
    let mut scene = Scene::s2();
    scene.include(best(Some(DskPin::new(1))));
    scene.run(60_000);
    let failed = Failed { why: Reason::S2(key_exchange::Failure::WrongPin), left: Some(NEW) };
    assert_eq!(scene.ended(), Some(Err(failed)));
    assert_eq!(scene.joiner().failed, Some(FailType::DECRYPT));
    assert!(scene.joiner().learnt.is_empty());
    let node = scene.node(NEW).unwrap();
    assert_eq!((node.joining, node.security), (Joining::Refused, SecurityClass::None));
    assert!(scene.is_closed());
}

#[test]
fn nothing_is_sent_to_a_refused_device() {
    let mut scene = Scene::s2();
    scene.include(best(Some(DskPin::new(1))));
    scene.run(60_000);
    let before = scene.bench.sent_to(NEW).len();
    scene.run(600_000);
    assert_eq!(scene.bench.sent_to(NEW).len(), before);
}

#[test]
fn a_device_that_stops_in_any_step_ends_the_inclusion_by_its_own_time() {
    // Four keys take it some twenty frames; with all of them it owes us nothing any more.
    for says in 0.. {
        let mut scene = Scene::s2();
        scene.says = says;
        let pin = scene.joiner().pin();
        scene.include(best(Some(pin)));
        scene.run(60_000);
        match scene.ended() {
            Some(Err(Failed { why: Reason::S2(key_exchange::Failure::NoAnswer(_)), left: Some(NEW) })) => {}
            Some(Ok(_)) if scene.joiner().wants.is_empty() => {
                assert!(says > 15, "all keys in {says} frames");
                break;
            }
            other => panic!("stops after {says} frames: {other:?}"),
        }
        assert!(scene.is_closed());
    }
}

#[test]
fn a_missing_pin_ends_the_inclusion_after_four_minutes() {
    let mut scene = Scene::s2();
    scene.include(best(None));
    scene.run(200_000);
    assert_eq!(scene.ended(), None);
    scene.run(60_000);
    let why = Reason::S2(key_exchange::Failure::NobodyAnswered);
    assert_eq!(scene.ended(), Some(Err(Failed { why, left: Some(NEW) })));
    assert_eq!(scene.pin(&DskPin::new(1)), Err(JoinInputRejected::NothingUnderWay));
}

#[test]
fn an_s0_lock_gets_the_key_and_its_owner_is_warned() {
    let mut scene = Scene::s0(true);
    scene.include(best(None));
    scene.run(10_000);
    let warning = Some(Warning::OnlyS0);
    assert_eq!(scene.ended(), Some(Ok(Ended::Included { node: NEW, security: SecurityClass::S0, warning })));
    assert_eq!(scene.node(NEW).unwrap().security, SecurityClass::S0);
}

#[test]
fn an_s0_lock_that_never_proves_its_key_is_not_taken_for_one_that_has_it() {
    let mut scene = Scene::s0(false);
    scene.include(best(None));
    scene.run(30_000);
    let Some(Err(Failed { why: Reason::S0(NotGranted::Silent(_)), left: Some(NEW) })) = scene.ended() else {
        panic!("{:?}", scene.ended())
    };
    assert_eq!(scene.node(NEW).unwrap().joining, Joining::Refused);
}

#[test]
fn a_device_that_fails_at_s2_is_not_given_s0_instead() {
    let mut scene = Scene::s2();
    scene.device = Device::Silent;
    scene.include(best(None));
    scene.run(30_000);
    let why = Reason::S2(key_exchange::Failure::NoAnswer(KeyExchangeStep::KexReport));
    assert_eq!(scene.ended(), Some(Err(Failed { why, left: Some(NEW) })));
    let s0 = scene.bench.sent_to(NEW).iter().filter(|(_, command)| command.class() == ClassId::SECURITY).count();
    assert_eq!(s0, 0);
}

#[test]
fn a_lock_without_security_is_refused_unless_allowed() {
    let plain = [ClassId::DOOR_LOCK, ClassId::USER_CODE];
    let mut scene = Scene::of(Device::Silent, NEW, &plain);
    scene.include(best(None));
    scene.run(3_000);
    assert_eq!(scene.ended(), Some(Err(Failed { why: Reason::Insecure, left: Some(NEW) })));
    assert_eq!(scene.node(NEW).unwrap().joining, Joining::Refused);

    let mut scene = Scene::of(Device::Silent, NEW, &plain);
    scene.include(Terms { security: JoinSecurity::Insecure, pin: None });
    scene.run(3_000);
    let warning = Some(Warning::Insecure);
    assert_eq!(scene.ended(), Some(Ok(Ended::Included { node: NEW, security: SecurityClass::None, warning })));
    assert!(scene.node(NEW).unwrap().insecure_allowed);
}

#[test]
fn a_lamp_without_security_may_join() {
    let mut scene = Scene::of(Device::Silent, NEW, &[ClassId::BASIC]);
    scene.bench.controller.joins.as_mut().unwrap().1.generic = 0x10;
    scene.include(best(None));
    scene.run(3_000);
    assert!(matches!(scene.ended(), Some(Ok(Ended::Included { node: NEW, .. }))));
}

#[test]
fn add_mode_ends_if_no_device_is_found() {
    let mut scene = Scene::s2();
    scene.bench.controller.joins = None;
    scene.include(best(None));
    scene.run(110_000);
    assert_eq!(scene.progress(), [Progress::Ready]);
    scene.run(20_000);
    assert_eq!(scene.ended(), Some(Err(Failed { why: Reason::NoDevice, left: None })));
    assert!(scene.is_closed());
}

#[test]
fn cancelling_ends_the_listening_at_once() {
    let mut scene = Scene::s2();
    scene.bench.controller.joins = None;
    scene.include(best(None));
    scene.run(500);
    scene.cancel().unwrap();
    scene.run(100);
    assert_eq!(scene.ended(), Some(Err(Failed { why: Reason::Cancelled, left: None })));
    assert!(scene.is_closed());
    assert_eq!(scene.cancel(), Err(JoinInputRejected::NothingUnderWay));
}

#[test]
fn cancelling_at_the_pin_question_is_reported_to_the_device() {
    let mut scene = Scene::s2();
    scene.include(best(None));
    scene.run(3_000);
    scene.cancel().unwrap();
    scene.run(1_000);
    let why = Reason::S2(key_exchange::Failure::Cancelled);
    assert_eq!(scene.ended(), Some(Err(Failed { why, left: Some(NEW) })));
    assert_eq!(scene.joiner().failed, Some(FailType::CANCEL));
}

#[test]
fn a_controller_that_falls_silent_in_any_step_ends_the_inclusion() {
    use InclusionStatus as S;
    for (last, left) in [(S::READY, None), (S::NODE_FOUND, None), (S::END_NODE, Some(NEW))] {
        let mut scene = Scene::s2();
        scene.bench.controller.stops_after = Some(last);
        scene.include(best(None));
        scene.run(200_000);
        let Some(Err(Failed { left: found, .. })) = scene.ended() else { panic!("{last:?}: {:?}", scene.ended()) };
        assert_eq!(found, left, "{last:?}");
        assert!(scene.is_closed(), "{last:?}");
    }
}

#[test]
fn a_controller_in_another_mode_is_stopped_and_asked_again() {
    let mut scene = Scene::s2();
    scene.bench.controller.moving = Moving::Removing(None);
    let pin = scene.joiner().pin();
    scene.include(best(Some(pin)));
    scene.run(8_000);
    assert!(matches!(scene.ended(), Some(Ok(_))), "{:?}", scene.ended());
}

#[test]
fn one_change_at_a_time() {
    let mut scene = Scene::s2();
    scene.include(best(None));
    assert_eq!(scene.begin(Change::Exclude), Err(CannotBegin::Busy));
    assert_eq!(scene.begin(Change::RemoveFailed(NodeId(77))), Err(CannotBegin::Busy));
}

#[test]
fn a_change_needs_a_controller_that_can() {
    let mut scene = Scene::s2();
    assert_eq!(scene.begin(Change::RemoveFailed(NodeId(77))), Err(CannotBegin::UnknownNode(NodeId(77))));
    scene.bench.now(Input::LinkDown { why: "unplugged".into() });
    assert_eq!(scene.begin(Change::Exclude), Err(CannotBegin::NoController));
}

#[test]
fn an_excluded_lock_is_out() {
    let mut scene = Scene::s2();
    scene.bench.controller.leaves = Some(LOCK);
    scene.begin(Change::Exclude).unwrap();
    scene.run(10_000);
    assert_eq!(scene.ended(), Some(Ok(Ended::Excluded(Some(LOCK)))));
    assert!(scene.node(LOCK).is_none());
    assert!(scene.bench.events.iter().any(|(_, event)| *event == NetworkEvent::NodeRemoved(LOCK)));
    assert!(scene.is_closed());
}

#[test]
fn a_device_of_another_network_can_be_made_to_forget_it() {
    let mut scene = Scene::s2();
    scene.bench.controller.leaves = Some(NodeId(0));
    scene.begin(Change::Exclude).unwrap();
    scene.run(10_000);
    assert_eq!(scene.ended(), Some(Ok(Ended::Excluded(None))));
    assert!(scene.node(LOCK).is_some());
}

#[test]
fn a_node_that_answers_is_neither_removed_nor_replaced() {
    for change in [Change::RemoveFailed(LOCK), Change::ReplaceFailed(LOCK, best(None))] {
        let mut scene = Scene::s2();
        scene.begin(change).unwrap();
        scene.run(10_000);
        assert_eq!(scene.ended(), Some(Err(Failed { why: Reason::Answers, left: None })));
        assert!(scene.node(LOCK).is_some());
    }
}

#[test]
fn a_failed_node_is_forgotten_at_once_and_not_after_its_next_try() {
    let mut scene = Scene::s2();
    scene.bench.controller.nodes.get_mut(&LOCK).unwrap().listens = false;
    // It is known to be dead, and is left alone for half a minute.
    scene.bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    scene.run(15_000);
    assert_eq!(scene.bench.network.reach(LOCK), Reach::Dead);
    scene.begin(Change::RemoveFailed(LOCK)).unwrap();
    scene.run(4_000);
    assert_eq!(scene.ended(), Some(Ok(Ended::Removed(LOCK))));
    assert!(scene.node(LOCK).is_none());
}

#[test]
fn a_new_lock_takes_the_place_of_a_failed_one_under_its_id() {
    let mut scene = Scene::s2_with(KeyMask::KNOWN, LOCK);
    scene.bench.controller.joins = None;
    scene.bench.controller.nodes.get_mut(&LOCK).unwrap().listens = false;
    let pin = scene.joiner().pin();
    scene.begin(Change::ReplaceFailed(LOCK, best(Some(pin)))).unwrap();
    scene.heard = scene.bench.sent_to(LOCK).len();
    scene.run(12_000);
    let included = Ended::Included { node: LOCK, security: SecurityClass::S2AccessControl, warning: None };
    assert_eq!(scene.ended(), Some(Ok(included)));
    // What was known of the old one is not trusted of the new one.
    assert_eq!(scene.node(LOCK).unwrap().user_code, None);
}

/// A device that waits to call, and its label was scanned.
fn expected(scene: &mut Scene, long_range: bool) -> ExpectedDevice {
    ExpectedDevice { dsk: Dsk::new(scene.joiner().dsk()), keys: KeyMask::KNOWN, long_range }
}

fn call(scene: &mut Scene, dsk: &Dsk, long_range: bool) {
    let status = if long_range { UpdateStatus::SMART_START_PRIME_LONG_RANGE } else { UpdateStatus::SMART_START_PRIME };
    let smart_start = Some(SmartStart { rx_status: 0, nwi_home_id: dsk.nwi_home_id() });
    let info = Some(lock_info(&[ClassId::SECURITY_2]));
    let update = ApplicationUpdate { status, node: NodeId(0), smart_start, info };
    let frame = Message::ApplicationUpdate(update).write(scene.bench.controller.width);
    scene.bench.now(Input::Frame(frame));
}

fn expect(scene: &mut Scene, devices: Vec<ExpectedDevice>) {
    let time = scene.bench.time();
    scene.bench.network.expect_devices(devices, time);
    scene.bench.drain();
    scene.run(100);
}

#[test]
fn a_device_whose_label_was_scanned_joins_by_itself() {
    for (at, long_range) in [(NEW, false), (FAR, true)] {
        let mut scene = Scene::s2_with(KeyMask(0x06), at);
        scene.bench.controller.region = Region::EU_LONG_RANGE;
        scene.bench.replug();
        scene.run(3_000);
        let device = expected(&mut scene, long_range);
        let dsk = device.dsk.clone();
        expect(&mut scene, vec![device]);
        assert_eq!(scene.bench.controller.moving, Moving::Calling);
        call(&mut scene, &dsk, long_range);
        scene.run(8_000);
        let included = Ended::Included { node: at, security: SecurityClass::S2AccessControl, warning: None };
        assert_eq!(scene.ended(), Some(Ok(included)));
        assert_eq!(scene.progress()[0], Progress::Calls(dsk.clone()));
        let asked = scene.bench.requests.iter().find_map(|(_, request)| match request {
            Request::AddNode(AddNode { mode, smart_start: Some(ids), .. }) => Some((*mode, *ids)),
            _ => None,
        });
        let (mode, ids) = asked.unwrap();
        assert_eq!((mode & 0x0F, mode & AddNode::LONG_RANGE != 0), (AddNode::SMART_START_HOME_ID, long_range));
        assert_eq!((ids.nwi_home_id, ids.auth_home_id), (dsk.nwi_home_id(), dsk.auth_home_id()));
        // A key of its own where it is far: what listens there knows nothing of the mesh.
        assert!(
            scene
                .joiner()
                .learnt
                .keys()
                .all(|id| matches!(id, KeyId::AuthenticatedLongRange | KeyId::AccessControlLongRange) == long_range)
        );
    }
}

#[test]
fn a_device_for_long_range_joins_the_mesh_of_a_controller_that_has_none() {
    let mut scene = Scene::s2_with(KeyMask(0x06), NEW);
    let device = expected(&mut scene, true);
    let dsk = device.dsk.clone();
    expect(&mut scene, vec![device]);
    call(&mut scene, &dsk, false);
    scene.run(8_000);
    assert!(matches!(scene.ended(), Some(Ok(Ended::Included { node: NEW, .. }))), "{:?}", scene.ended());
}

#[test]
fn an_unknown_smart_start_device_is_not_included() {
    let mut scene = Scene::s2();
    let device = expected(&mut scene, false);
    expect(&mut scene, vec![device.clone()]);
    call(&mut scene, &Dsk::new([7; 16]), false);
    // The right device, but over the other radio.
    call(&mut scene, &device.dsk, true);
    scene.run(3_000);
    assert_eq!(scene.progress(), []);
}

#[test]
fn a_device_that_took_anothers_place_in_the_air_gets_no_key_and_is_forgotten() {
    let mut scene = Scene::s2();
    let right = expected(&mut scene, false);
    expect(&mut scene, vec![right.clone()]);
    // Another key answers to the call.
    *scene.joiner() = joiner(NEW, KeyMask::KNOWN);
    let other = crate::security::crypto::x25519::PrivateKey::from_bytes([0x5A; 32]);
    scene.joiner().private = other;
    call(&mut scene, &right.dsk, false);
    scene.run(500);
    scene.bench.controller.nodes.get_mut(&NEW).unwrap().listens = false;
    scene.run(10_000);
    let Some(Err(Failed { why: Reason::S2(key_exchange::Failure::OtherDevice), .. })) = scene.ended() else {
        panic!("{:?}", scene.ended())
    };
    assert!(scene.node(NEW).is_none(), "it leaves by itself, and so does its row");
    assert_eq!(scene.bench.controller.moving, Moving::Calling, "and the next call is heard");
}

#[test]
fn a_kill_in_the_middle_leaves_a_device_that_is_known_to_have_no_keys() {
    let mut scene = Scene::s2();
    scene.include(best(None));
    scene.run(3_000);
    let rows: Vec<Node> = scene.bench.network.nodes().cloned().collect();
    assert_eq!(rows.iter().find(|row| row.id == NEW).unwrap().joining, Joining::UnderWay);

    for gone in [true, false] {
        let peers: Vec<(NodeId, Peer)> = [(LOCK, Peer::lock()), (NEW, Peer { listens: !gone, ..Peer::lock() })].into();
        let mut bench = Bench::new(&peers, rows.clone(), Some(HOME), Options::default());
        bench.start();
        bench.run(15_000);
        let joining = bench.network.node(NEW).map(|node| node.joining);
        assert_eq!(joining, if gone { None } else { Some(Joining::Refused) });
    }
}

#[test]
fn a_controller_that_is_pulled_out_in_the_middle_ends_it() {
    let mut scene = Scene::s2();
    scene.include(best(None));
    scene.run(3_000);
    scene.bench.replug();
    scene.bench.run(15_000);
    assert_eq!(scene.ended(), Some(Err(Failed { why: Reason::ControllerGone, left: Some(NEW) })));
    assert_eq!(scene.node(NEW).unwrap().joining, Joining::Refused);
}

#[test]
fn a_controller_stops_listening_when_the_daemon_ends() {
    let mut scene = Scene::s2();
    scene.bench.controller.joins = None;
    scene.include(best(None));
    scene.run(500);
    let time = scene.bench.time();
    scene.bench.network.stop(time);
    scene.bench.drain();
    assert!(scene.is_closed());
}

#[test]
fn a_code_is_revoked_while_the_controller_waits_for_a_device() {
    let mut scene = Scene::s2();
    scene.bench.controller.joins = None;
    scene.include(best(None));
    scene.run(500);
    let revoke = scene.bench.submit(LOCK, Priority::Revoke, write_code(1), Completion::Supervised);
    let background = scene.bench.submit(LOCK, Priority::Background, read_code(1), Completion::Reply);
    scene.run(3_000);
    assert_eq!(scene.bench.outcome(revoke), Some(&Outcome::Accepted));
    assert_eq!(scene.bench.outcome(background), None, "the controller has no time for that");
    scene.cancel().unwrap();
    scene.run(3_000);
    assert!(scene.bench.outcome(background).is_some());
}

#[test]
fn the_s0_key_is_not_shouted_where_s0_was_asked_for() {
    for (security, loud) in [(JoinSecurity::S0, false), (JoinSecurity::Best, true)] {
        let mut scene = Scene::s0(true);
        scene.include(Terms { security, pin: None });
        scene.run(10_000);
        assert!(matches!(scene.ended(), Some(Ok(_))));
        let mode = scene.bench.requests.iter().find_map(|(_, request)| match request {
            Request::AddNode(AddNode { mode, .. }) => Some(*mode),
            _ => None,
        });
        assert_eq!(mode.unwrap() & AddNode::NORMAL_POWER != 0, loud, "{security:?}");
    }
}

#[test]
fn a_failed_node_that_vanishes_while_it_is_looked_after_holds_up_no_other_change() {
    let mut scene = Scene::s2();
    scene.bench.controller.nodes.get_mut(&LOCK).unwrap().listens = false;
    scene.begin(Change::RemoveFailed(LOCK)).unwrap();
    // Another controller was quicker.
    let status = UpdateStatus::NODE_REMOVED;
    let update = ApplicationUpdate { status, node: LOCK, smart_start: None, info: None };
    let frame = Message::ApplicationUpdate(update).write(scene.bench.controller.width);
    scene.bench.now(Input::Frame(frame));
    scene.run(130_000);
    assert!(scene.ended().is_some());
    assert_eq!(scene.begin(Change::Exclude), Ok(()));
}
