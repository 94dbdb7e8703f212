//! The radio network on the simulated stick, in virtual time: start-up, interview, codes in and out, trouble on the air.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that panics has said what is wrong")]

mod joining;

use std::collections::VecDeque;

use latchkey::command::user_code::{UserCode, UserId, UserIdStatus};
use latchkey::command::{ClassId, Command};
use latchkey::domain::entropy::Entropy;
use latchkey::domain::ids::NodeId;
use latchkey::domain::node::{Node, SecurityClass};
use latchkey::domain::pin::CodeText;
use latchkey::domain::time::{Deadline, Instant, Now, Timestamp};
use latchkey::network::{Completion, ControllerStatus, Input, Job, Network, NetworkEvent, Options, Outcome, Output, Priority};
use latchkey::security::keys::NetworkKeys;
use latchkey::serial::link::{SendFailure, SendId};
use latchkey::serial::{Decoder, Received};
use latchkey::sim::chip::Chip;
use latchkey::sim::model::Model;
use latchkey::sim::node::{Node as SimNode, Typed};
use latchkey::sim::radio::Conditions;
use latchkey::sim::{Blueprint, World};

const V2: NodeId = NodeId(2);
const V1: NodeId = NodeId(3);

/// A network and a world with a plain line between them: every frame is acknowledged, a cancelled one fails.
struct House {
    network: Network,
    world: World,
    now: Instant,
    decoder: Decoder,
    sending: Option<SendId>,
    inputs: VecDeque<Input>,
    events: Vec<NetworkEvent>,
}

impl House {
    fn new(blueprint: &Blueprint, seed: u64) -> Self {
        let entropy = Entropy::from_number(seed);
        let mut house = Self {
            network: Network::new(
                Vec::new(),
                None,
                NetworkKeys::generate(&mut entropy.child("keys")),
                Options::default(),
                entropy.child("network"),
            ),
            world: World::new(blueprint, &entropy),
            now: Instant::from_millis(1),
            decoder: Decoder::new(),
            sending: None,
            inputs: VecDeque::from([Input::LinkUp]),
            events: Vec::new(),
        };
        house.drive();
        house
    }

    fn now(&self) -> Now {
        Now { mono: self.now, wall: Timestamp::from_millis(0), trusted: true }
    }

    /// Moves bytes and events until nothing is left to move at this moment.
    fn drive(&mut self) {
        loop {
            if let Some(input) = self.inputs.pop_front() {
                self.network.handle(input, self.now());
            } else if let Some(output) = self.network.poll_output() {
                match output {
                    Output::Send { id, frame } => {
                        self.sending = Some(id);
                        self.world.bytes_from_host(&frame.encode(), self.now);
                    }
                    Output::Reopen => self.inputs.push_back(Input::LinkUp),
                    Output::Event(event) => self.events.push(event),
                }
            } else if let Some(bytes) = self.world.poll_transmit() {
                self.decoder.push(&bytes);
                while let Some(received) = self.decoder.next() {
                    match received {
                        Received::Ack => self.inputs.extend(self.sending.take().map(Input::Sent)),
                        Received::Nak | Received::Can => {
                            self.inputs.extend(self.sending.take().map(|id| Input::Failed(id, SendFailure::Refused)));
                        }
                        Received::Frame(frame) => {
                            self.world.bytes_from_host(&[0x06], self.now);
                            self.inputs.push_back(Input::Frame(frame));
                        }
                        Received::BadChecksum | Received::Garbage(_) => panic!("the stick sends whole frames"),
                    }
                }
            } else {
                break;
            }
        }
    }

    /// Lets time pass until `done`, at most `seconds` from now.
    fn until(&mut self, seconds: u64, mut done: impl FnMut(&Self) -> bool) {
        let end = self.now + std::time::Duration::from_secs(seconds);
        self.drive();
        while !done(self) {
            let next = Deadline::earliest(self.network.poll_deadline(), self.world.poll_deadline());
            let next = next.unwrap_or_else(|| panic!("nothing will ever happen again; so far {:?}", self.events));
            assert!(next.at <= end, "not within {seconds} s, next is {next}; so far {:#?}", self.events);
            self.now = self.now.max(next.at);
            self.world.handle_timeout(self.now);
            self.network.handle_timeout(self.now());
            self.drive();
        }
    }

    fn interview(&mut self, seconds: u64) {
        self.until(seconds, |house| {
            let interviewed = house.events.iter().filter(|event| matches!(event, NetworkEvent::Interviewed(_)));
            interviewed.count() == 2
        });
    }

    /// Submits a job and gives its outcome.
    fn outcome(&mut self, node: NodeId, command: Command, expect: Completion) -> Outcome {
        let job = Job { node, priority: Priority::Write, command, expect, deadline: None };
        let now = self.now();
        let id = self.network.submit(job, now);
        let done = |house: &Self| {
            house.events.iter().find_map(|event| match event {
                NetworkEvent::JobDone { id: done, outcome, .. } if *done == id => Some(outcome.clone()),
                _ => None,
            })
        };
        self.until(300, |house| done(house).is_some());
        done(self).expect("it is done")
    }

    fn write(&mut self, node: NodeId, user: u16, code: &str) -> Outcome {
        let version = self.network.node(node).and_then(|node| node.version_of(ClassId::USER_CODE)).expect("a lock");
        let user = UserId::new(user).expect("from 1");
        let set = UserCode::write_code(user, UserIdStatus::ENABLED, CodeText::new(code), version).expect("below 256");
        self.outcome(node, Command::UserCode(set), Completion::Supervised)
    }

    fn code_in(&self, node: NodeId, user: u16) -> Option<&[u8]> {
        self.world.node(node)?.memory.codes.get(user).map(|entry| entry.code.reveal())
    }
}

fn node(house: &House, id: NodeId) -> &Node {
    house.network.node(id).expect("it was found")
}

#[test]
fn both_locks_are_interviewed_to_the_end_on_either_stick() {
    for chip in [Chip::series_700(), Chip::series_500()] {
        let mut house = House::new(&Blueprint { chip, ..Blueprint::two_locks() }, 1);
        house.interview(60);
        assert!(matches!(house.network.controller(), ControllerStatus::Ready(_)), "{:?}", house.network.controller());
        assert_eq!(node(&house, V2).user_code.as_ref().map(|it| (it.users, it.checksum)), Some((30, true)));
        assert_eq!(node(&house, V1).user_code.as_ref().map(|it| (it.users, it.checksum)), Some((30, false)));
        assert_eq!(node(&house, V1).version_of(ClassId::USER_CODE), Some(1));
        assert!(node(&house, V2).supervises() && !node(&house, V1).supervises());
        for id in [V1, V2] {
            assert_eq!(house.world.node(id).map(|lock| lock.memory.lifeline.clone()), Some(vec![1]), "{id:?}");
        }
    }
}

#[test]
fn a_lock_is_woken_for_its_interview_and_not_for_each_question() {
    let mut house = House::new(&Blueprint::two_locks(), 1);
    house.interview(15);
    for id in [V1, V2] {
        let radio = house.network.radio(id);
        assert!(radio.frames > 12 && radio.wakeups <= 2, "{id:?}: {radio:?}");
    }
}

#[test]
fn a_code_goes_in_and_its_use_is_heard_of() {
    let mut house = House::new(&Blueprint::two_locks(), 2);
    house.interview(60);
    assert_eq!(house.write(V2, 4, "4711"), Outcome::Accepted);
    assert_eq!(house.write(V1, 5, "471100"), Outcome::Delivered);
    assert_eq!((house.code_in(V2, 4), house.code_in(V1, 5)), (Some(&b"4711"[..]), Some(&b"471100"[..])));
    for (id, code, user) in [(V2, "4711", 4), (V1, "471100", 5)] {
        house.events.clear();
        let now = house.now;
        assert_eq!(house.world.keypad(id, code.as_bytes(), now), Some(Typed::Opened(user)));
        house.until(10, |house| {
            let heard = |event: &NetworkEvent| matches!(event, NetworkEvent::Received { node, command: Command::Notification(_), .. } if *node == id);
            house.events.iter().any(heard)
        });
    }
}

#[test]
fn a_duplicate_refused_by_the_lock_is_an_outcome_and_not_a_time_out() {
    let mut blueprint = Blueprint::two_locks();
    for model in blueprint.nodes.values_mut() {
        model.quirks.refuses_duplicates = true;
    }
    let mut house = House::new(&blueprint, 3);
    house.interview(60);
    assert_eq!(house.write(V2, 1, "4711"), Outcome::Accepted);
    assert_eq!(house.write(V2, 2, "4711"), Outcome::Refused);
    assert_eq!(house.code_in(V2, 2), None);
}

#[test]
fn codes_arrive_through_bad_air() {
    for seed in 1..=5 {
        let conditions = Conditions { loss: 25, ack_loss: 10, duplication: 10, ..Conditions::default() };
        let mut house = House::new(&Blueprint { radio: conditions, ..Blueprint::two_locks() }, seed);
        house.interview(1_200);
        for user in 1..=5 {
            let code = format!("77{user}0");
            // Who is not told yes asks again, as the bridge does.
            let mut tries = 0;
            while house.code_in(V2, user) != Some(code.as_bytes()) {
                house.write(V2, user, &code);
                tries += 1;
                assert!(tries < 10, "seed {seed}: user {user} never got in");
            }
        }
    }
}

#[test]
fn an_answer_that_overtakes_the_callback_is_not_lost() {
    let mut blueprint = Blueprint::two_locks();
    for model in blueprint.nodes.values_mut() {
        model.quirks.answers_before_callback = true;
    }
    let mut house = House::new(&blueprint, 4);
    house.interview(60);
    assert_eq!(house.write(V2, 1, "4711"), Outcome::Accepted);
}

/// A modern lock of S2 (node 2) and an older one of S0 (node 3), with the keys of [`House::new`].
fn secured(seed: u64) -> Blueprint {
    let keys = NetworkKeys::generate(&mut Entropy::from_number(seed).child("keys"));
    let nodes = [(V2, Model::s2()), (V1, Model::s0())].into();
    Blueprint { nodes, keys: Some(keys), ..Blueprint::two_locks() }
}

#[test]
fn secured_locks_are_interviewed_and_written_under_their_class() {
    let mut house = House::new(&secured(1), 1);
    house.interview(300);
    let classes = [V2, V1].map(|id| node(&house, id).security);
    assert_eq!(classes, [SecurityClass::S2AccessControl, SecurityClass::S0]);
    assert_eq!(house.write(V2, 4, "4711004711"), Outcome::Accepted);
    assert_eq!(house.write(V1, 5, "471100"), Outcome::Delivered);
    assert_eq!((house.code_in(V2, 4), house.code_in(V1, 5)), (Some(&b"4711004711"[..]), Some(&b"471100"[..])));
}

#[test]
fn a_visitor_at_a_secured_lock_is_heard_of_under_its_class_and_once() {
    let mut house = House::new(&secured(2), 2);
    house.interview(300);
    assert_eq!(house.write(V2, 4, "4711004711"), Outcome::Accepted);
    assert_eq!(house.write(V1, 5, "471100"), Outcome::Delivered);
    for (id, code, user, class) in [(V2, "4711004711", 4, SecurityClass::S2AccessControl), (V1, "471100", 5, SecurityClass::S0)] {
        let end = house.now + std::time::Duration::from_secs(30);
        house.until(31, |house| house.now >= end || house.world.poll_deadline().is_none_or(|next| next.at > end));
        house.events.clear();
        let now = house.now;
        assert_eq!(house.world.keypad(id, code.as_bytes(), now), Some(Typed::Opened(user)));
        let heard = |house: &House| -> Vec<SecurityClass> {
            let under = |event: &NetworkEvent| match event {
                NetworkEvent::Received { node, command: Command::Notification(_), security, .. } if *node == id => {
                    Some(*security)
                }
                _ => None,
            };
            house.events.iter().filter_map(under).collect()
        };
        // The lock waits for the answer to its supervised report, and is content with it.
        house.until(20, |house| {
            !heard(house).is_empty() && house.world.node(id).is_some_and(|lock| lock.poll_deadline().is_none())
        });
        assert_eq!(heard(&house), [class], "{id:?}");
    }
}

#[test]
fn a_secured_lock_that_lost_its_nonces_is_written_all_the_same() {
    let mut house = House::new(&secured(3), 3);
    house.interview(300);
    assert_eq!(house.write(V2, 4, "4711"), Outcome::Accepted);
    house.world.visit(V2, SimNode::power_cut);
    house.world.visit(V1, SimNode::power_cut);
    assert_eq!(house.write(V2, 6, "8888"), Outcome::Accepted);
    assert_eq!(house.write(V1, 6, "8888"), Outcome::Delivered);
    assert_eq!((house.code_in(V2, 6), house.code_in(V1, 6)), (Some(&b"8888"[..]), Some(&b"8888"[..])));
}

#[test]
fn codes_arrive_under_keys_through_bad_air() {
    for seed in 1..=3 {
        let conditions = Conditions { loss: 20, ack_loss: 10, duplication: 10, ..Conditions::default() };
        let mut house = House::new(&Blueprint { radio: conditions, ..secured(seed) }, seed);
        house.interview(2_400);
        for (id, user) in [(V2, 1), (V2, 2), (V1, 1)] {
            let mut tries = 0;
            while house.code_in(id, user) != Some(b"775500") {
                house.write(id, user, "775500");
                tries += 1;
                assert!(tries < 10, "seed {seed}: user {user} of {id:?} never got in");
                assert!(node(&house, id).security > SecurityClass::None, "seed {seed}: {id:?}");
            }
        }
    }
}
