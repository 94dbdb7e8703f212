//! The hub as a node: what others ask of it, and what the controller is told about it. Questions and answers are those of
//! docs/protocol/gateway.md §2.3, in bytes.

use super::secure::Far;
use super::*;
use crate::security::keys::KeyMask;

const EVERYWHERE: [SecurityClass; 3] = [SecurityClass::None, SecurityClass::S0, SecurityClass::S2AccessControl];
/// The secure list of docs/protocol/gateway.md §2.1, without classes that the hub does not support.
const SECURE_LIST: [u8; 8] = [0x85, 0x59, 0x5A, 0x87, 0x72, 0x8E, 0x73, 0x86];

fn raw(payload: &[u8]) -> Command {
    Command::parse(payload).unwrap()
}

/// Another controller, say, that was granted `class`. It has nothing to say by itself.
fn peer(class: SecurityClass) -> Far {
    let silent = Peer { answers: |_| Vec::new(), airtime: Duration::from_millis(20), ..Peer::lock() };
    let mut far = match class {
        SecurityClass::None => Far::of(Bench::with_known(&[(LOCK, silent)]), class),
        class => Far::granted(class),
    };
    far.replies = |_| Vec::new();
    far
}

impl Far {
    /// Says something, and hears what comes back under its class.
    fn ask(&mut self, payload: &[u8]) -> Vec<Vec<u8>> {
        self.opened.clear();
        self.say(&raw(payload));
        // Under S0 each question costs a nonce, of which there is one a second.
        self.run(if self.granted == SecurityClass::S0 { 1_100 } else { 500 });
        let granted = self.granted;
        assert!(self.opened.iter().all(|(send_as, _)| *send_as == granted), "{:?}", self.opened);
        self.opened.drain(..).map(|(_, command)| command.write()).collect()
    }

    /// The result of a supervised command.
    fn supervise(&mut self, session: u8, payload: &[u8]) -> u8 {
        let frame = [&[0x6C, 0x01, session, u8::try_from(payload.len()).unwrap()][..], payload].concat();
        let answers = self.ask(&frame);
        let [answer] = answers.as_slice() else { panic!("{answers:02x?} to {payload:02x?}") };
        let [0x6C, 0x02, about, status, 0] = *answer.as_slice() else { panic!("{answer:02x?} to {payload:02x?}") };
        assert_eq!(about, session);
        status
    }

    fn identified(&self) -> Vec<Option<Blink>> {
        let blinks = self.bench.events.iter().filter_map(|(_, event)| match event {
            NetworkEvent::Identify { by: LOCK, blink } => Some(*blink),
            _ => None,
        });
        blinks.collect()
    }
}

const SUCCESS: u8 = 0xFF;
const FAIL: u8 = 0x02;
const NO_SUPPORT: u8 = 0x00;

#[test]
fn every_class_reports_the_version_of_the_certification_form() {
    let lifeline = [&[0x59, 0x02, 1, 8][..], b"Lifeline"].concat();
    let rows: [(&[u8], &[u8]); 31] = [
        // Protocol 7.18 and firmware 1.2 of the controller; Latchkey is firmware 1.
        (&[0x86, 0x11], &[0x86, 0x12, 0x01, 7, 18, 1, 2, 0, 1, 0, 1]),
        (&[0x86, 0x13, 0x85], &[0x86, 0x14, 0x85, 4]),
        (&[0x86, 0x13, 0x8E], &[0x86, 0x14, 0x8E, 5]),
        (&[0x86, 0x13, 0x86], &[0x86, 0x14, 0x86, 3]),
        // Controlled.
        (&[0x86, 0x13, 0x62], &[0x86, 0x14, 0x62, 4]),
        (&[0x86, 0x13, 0x63], &[0x86, 0x14, 0x63, 2]),
        // Hail, Manufacturer Proprietary, the protocol's own, Basic.
        (&[0x86, 0x13, 0x82], &[0x86, 0x14, 0x82, 0]),
        (&[0x86, 0x13, 0x91], &[0x86, 0x14, 0x91, 0]),
        (&[0x86, 0x13, 0x01], &[0x86, 0x14, 0x01, 0]),
        (&[0x86, 0x13, 0x20], &[0x86, 0x14, 0x20, 0]),
        (&[0x86, 0x15], &[0x86, 0x16, 0x03]),
        (&[0x72, 0x04], &[0x72, 0x05, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
        (&[0x72, 0x06, 0], &[0x72, 0x07, 2, 0x24, 0xC0, 0xFF, 0xEE, 0x01]),
        (&[0x5E, 0x01], &[0x5E, 0x02, 2, 0x00, 0x00, 0x05, 0x00, 0x05, 0x00]),
        (&[0x85, 0x05], &[0x85, 0x06, 1]),
        (&[0x85, 0x02, 1], &[0x85, 0x03, 1, 5, 0]),
        (&[0x85, 0x02, 200], &[0x85, 0x03, 1, 5, 0]),
        (&[0x85, 0x0B], &[0x85, 0x0C, 0]),
        (&[0x8E, 0x05], &[0x8E, 0x06, 1]),
        (&[0x8E, 0x02, 7], &[0x8E, 0x03, 1, 5, 0]),
        (&[0x59, 0x01, 1], &lifeline),
        (&[0x59, 0x03, 0x00, 1], &[0x59, 0x04, 0x01, 1, 0, 0x00, 0x01, 0, 0, 0]),
        (&[0x59, 0x03, 0x40, 0], &[0x59, 0x04, 0x81, 1, 0, 0x00, 0x01, 0, 0, 0]),
        (&[0x59, 0x05, 0x80, 1], &[0x59, 0x06, 1, 2, 0x5A, 0x01]),
        (&[0x87, 0x04, 0x00], &[0x87, 0x05, 0x50, 0, 1, 0x38]),
        (&[0x87, 0x04, 0x50], &[0x87, 0x05, 0x50, 0, 1, 0x38]),
        (&[0x87, 0x04, 0x20], &[0x87, 0x05, 0, 0, 0]),
        (&[0x87, 0x06, 0x50], &[0x87, 0x07, 0x50, 0]),
        (&[0x87, 0x02, 0x50], &[0x87, 0x03, 0, 3, 0x50, 3, 0, 0x50, 4, 0, 0x50, 5, 0]),
        (&[0x73, 0x02], &[0x73, 0x03, 0, 0]),
        (&[0x8A, 0x03], &[0x8A, 0x04, 0x07, 0xB2, 1, 1]),
    ];
    for class in EVERYWHERE {
        let mut far = peer(class);
        for (question, answer) in rows {
            assert_eq!(far.ask(question), [answer], "{class:?} {question:02x?}");
        }
        // Under Supervision it gets the report and nothing else.
        assert_eq!(far.ask(&[0x6C, 0x01, 9, 2, 0x86, 0x15]), [[0x86, 0x16, 0x03]], "{class:?}");
        assert!(class == SecurityClass::None || far.bench.received().is_empty(), "none of it is the owner's");
    }
}

#[test]
fn what_the_hub_is_not_it_does_not_answer_for() {
    for class in EVERYWHERE {
        let mut far = peer(class);
        // Basic Get, Z-Wave Software Get, the group there is not, the codes, a class nobody knows.
        for question in [&[0x20, 0x02][..], &[0x86, 0x17], &[0x59, 0x01, 2], &[0x63, 0x02, 1], &[0x79, 0x01]] {
            assert!(far.ask(question).is_empty(), "{class:?} {question:02x?}");
            assert_eq!(far.supervise(3, question), NO_SUPPORT, "{class:?} {question:02x?}");
        }
        // Basic Set, Door Lock Operation Set, User Code Set, an Association command that does not exist.
        for set in [&[0x20, 0x01, 0xFF][..], &[0x62, 0x01, 0], &[0x63, 0x01, 1, 1, 0x31, 0x32, 0x33, 0x34], &[0x85, 0x7F]] {
            assert_eq!(far.supervise(4, set), NO_SUPPORT, "{class:?} {set:02x?}");
        }
    }
}

#[test]
fn a_supervised_report_of_a_lock_is_always_answered() {
    let reports: [&[u8]; 6] = [
        &[0x71, 0x05, 0, 0, 0, 0xFF, 6, 6, 1, 3],
        &[0x63, 0x03, 4, 1, 0x34, 0x37, 0x31, 0x31],
        &[0x62, 0x03, 0xFF, 0, 2, 0xFE, 0xFE],
        &[0x80, 0x03, 0x5A],
        &[0x85, 0x03, 1, 5, 0, 1],
        &[0x86, 0x14, 0x63, 2],
    ];
    for class in EVERYWHERE {
        let mut far = peer(class);
        for (session, report) in (1..).zip(reports) {
            assert_eq!(far.supervise(session, report), SUCCESS, "{class:?} {report:02x?}");
        }
        let told: Vec<Vec<u8>> = far.bench.received().iter().map(|(_, command)| command.write()).collect();
        assert_eq!(told, reports, "{class:?}");
    }
}

#[test]
fn a_member_of_the_lifeline_is_listed_and_a_full_group_is_refused() {
    for class in EVERYWHERE {
        let mut far = peer(class);
        let mut session = 0;
        let mut set = |far: &mut Far, payload: &[u8]| {
            session += 1;
            far.supervise(session, payload)
        };
        assert_eq!(set(&mut far, &[0x85, 0x01, 1, 2, 3]), SUCCESS);
        assert_eq!(set(&mut far, &[0x85, 0x01, 1, 3]), SUCCESS, "twice is once");
        assert_eq!(set(&mut far, &[0x8E, 0x01, 1, 0, 4, 1]), SUCCESS);
        assert_eq!(set(&mut far, &[0x8E, 0x01, 1, 0, 4, 1]), SUCCESS);
        assert_eq!(far.ask(&[0x85, 0x02, 1]), [[0x85, 0x03, 1, 5, 0, 2, 3]]);
        assert_eq!(far.ask(&[0x8E, 0x02, 1]), [[0x8E, 0x03, 1, 5, 0, 2, 3, 0, 4, 1]]);
        // Three more is one too many, and none of them gets in; end points 1 to 3 of one node as well.
        assert_eq!(set(&mut far, &[0x85, 0x01, 1, 6, 7, 8]), FAIL);
        assert_eq!(set(&mut far, &[0x8E, 0x01, 1, 0, 9, 0x87]), FAIL);
        assert_eq!(set(&mut far, &[0x85, 0x01, 2, 6]), FAIL, "there is no group 2");
        assert_eq!(set(&mut far, &[0x85, 0x01, 0, 6]), FAIL);
        assert_eq!(set(&mut far, &[0x8E, 0x01, 1, 0, 9, 0x83]), SUCCESS);
        assert_eq!(far.ask(&[0x8E, 0x02, 1]), [[0x8E, 0x03, 1, 5, 0, 2, 3, 0, 4, 1, 9, 1, 9, 2]]);
        assert_eq!(set(&mut far, &[0x85, 0x04, 1, 77]), SUCCESS, "who is not there can leave");
        assert_eq!(set(&mut far, &[0x85, 0x04, 3, 2]), FAIL);
        assert_eq!(set(&mut far, &[0x85, 0x04, 0, 2]), SUCCESS, "out of all groups");
        assert_eq!(set(&mut far, &[0x8E, 0x04, 1, 3, 0, 4, 1]), SUCCESS);
        assert_eq!(far.ask(&[0x8E, 0x02, 1]), [[0x8E, 0x03, 1, 5, 0, 0, 9, 1, 9, 2]]);
        assert_eq!(set(&mut far, &[0x8E, 0x04, 0]), SUCCESS, "everybody");
        assert_eq!(far.ask(&[0x8E, 0x02, 1]), [[0x8E, 0x03, 1, 5, 0]]);
        // Without Supervision it happens as well.
        assert!(far.ask(&[0x85, 0x01, 1, 5]).is_empty());
        assert_eq!(far.ask(&[0x85, 0x02, 1]), [[0x85, 0x03, 1, 5, 0, 5]]);
        assert!(far.ask(&[0x85, 0x04, 1]).is_empty());
        assert_eq!(far.ask(&[0x85, 0x02, 1]), [[0x85, 0x03, 1, 5, 0]]);
        assert!(far.bench.received().is_empty(), "no business of the owner's");
    }
}

#[test]
fn a_refusal_that_is_asked_for_again_is_still_a_refusal() {
    let mut far = peer(SecurityClass::None);
    assert_eq!(far.supervise(5, &[0x85, 0x01, 2, 6]), FAIL);
    assert_eq!(far.supervise(5, &[0x85, 0x01, 2, 6]), FAIL);
    let power = [0x73, 0x01, 7, 20];
    assert_eq!(far.supervise(6, &power), SUCCESS);
    far.run(5_000);
    assert_eq!(far.supervise(6, &power), SUCCESS);
    let left = far.ask(&[0x73, 0x02])[0][3];
    assert!(left <= 15, "a repeat starts nothing anew: {left} s");
}

#[test]
fn each_get_of_a_multi_command_is_answered_and_a_failure_is_reported() {
    for class in EVERYWHERE {
        let mut far = peer(class);
        let six = [0x8F, 0x01, 6, 2, 0x86, 0x15, 2, 0x72, 0x04, 2, 0x5E, 0x01, 2, 0x85, 0x05, 2, 0x8E, 0x05, 2, 0x73, 0x02];
        let answers = far.ask(&six);
        let classes: Vec<u8> = answers.iter().map(|answer| answer[0]).collect();
        assert_eq!(classes, [0x86, 0x72, 0x5E, 0x85, 0x8E, 0x73], "{class:?}");
        assert_eq!(far.supervise(1, &[0x8F, 0x01, 2, 4, 0x85, 0x01, 1, 2, 4, 0x73, 0x01, 3, 9]), SUCCESS);
        assert_eq!(far.supervise(2, &[0x8F, 0x01, 2, 4, 0x85, 0x01, 1, 3, 4, 0x73, 0x01, 20, 9]), FAIL);
        assert_eq!(far.supervise(3, &[0x8F, 0x01, 2, 4, 0x85, 0x01, 2, 3, 3, 0x20, 0x01, 0]), NO_SUPPORT);
    }
}

#[test]
fn an_identify_command_makes_the_hub_show_itself() {
    for class in EVERYWHERE {
        let mut far = peer(class);
        let script = [[10, 3, 5], [10, 3, 0], [9, 3, 0], [10, 4, 8], [20, 2, 10], [20, 2, 0], [4, 7, 1]];
        for (session, [period, cycles, on]) in (1..).zip(script) {
            let set = [0x87, 0x01, 0, 3, 0x50, 3, period, 0x50, 4, cycles, 0x50, 5, on];
            assert_eq!(far.supervise(session, &set), SUCCESS);
            let report = [0x87, 0x03, 0, 3, 0x50, 3, period, 0x50, 4, cycles, 0x50, 5, on];
            assert_eq!(far.ask(&[0x87, 0x02, 0x50]), [report], "{class:?}");
        }
        assert_eq!(far.identified().len(), script.len());
        assert!(far.identified().iter().flatten().all(|blink| blink.times.is_some()));
        // Another light, or a property that this one does not have.
        assert_eq!(far.supervise(20, &[0x87, 0x01, 0, 1, 0x20, 1, 99]), FAIL);
        assert_eq!(far.supervise(21, &[0x87, 0x01, 0, 1, 0x50, 9, 99]), FAIL);
        assert_eq!(far.supervise(22, &[0x87, 0x01, 0xFF]), FAIL);
        assert_eq!(far.identified().len(), script.len());
        assert_eq!(far.supervise(23, &[0x87, 0x01, 0, 1, 0x50, 4, 0]), SUCCESS);
        assert_eq!(far.identified().last(), Some(&None), "told to stop");
    }
}

#[test]
fn a_power_for_twenty_seconds_counts_down_and_is_over_after_them() {
    let mut far = peer(SecurityClass::S2AccessControl);
    assert_eq!(far.supervise(1, &[0x73, 0x01, 7, 20]), SUCCESS);
    far.run(9_000);
    let report = far.ask(&[0x73, 0x02]).remove(0);
    assert!(report[..3] == [0x73, 0x03, 7] && (9..=12).contains(&report[3]), "{report:?}");
    assert_eq!(far.supervise(2, &[0x73, 0x01, 20, 20]), FAIL, "there is no such power");
    assert_eq!(far.ask(&[0x73, 0x02])[0][2], 7);
    far.run(12_000);
    assert_eq!(far.ask(&[0x73, 0x02]), [[0x73, 0x03, 0, 0]]);
    assert!(far.ask(&[0x73, 0x01, 7, 200]).is_empty());
    assert_eq!(far.supervise(3, &[0x73, 0x01, 0, 200]), SUCCESS);
    assert_eq!(far.ask(&[0x73, 0x02]), [[0x73, 0x03, 0, 0]], "normal has no end");
    // Test frames to node 6 are not sent, and that is said.
    let before = far.bench.requests.len();
    assert_eq!(far.supervise(4, &[0x73, 0x04, 6, 3, 0, 10]), FAIL);
    assert!(far.bench.sent_to(OTHER).is_empty() && far.bench.requests.len() > before);
    assert_eq!(far.ask(&[0x73, 0x05]), [[0x73, 0x06, 0, 1, 0, 0]]);
}

#[test]
fn multicast_is_not_answered() {
    let mut far = peer(SecurityClass::None);
    let frames: [&[u8]; 5] =
        [&[0x86, 0x11], &[0x5E, 0x01], &[0x8A, 0x01], &[0x6C, 0x01, 1, 2, 0x20, 0x02], &[0x6C, 0x01, 2, 4, 0x85, 0x01, 1, 2]];
    for frame in frames {
        // Broadcast and multicast.
        for rx in [RxStatus(0x04), RxStatus(0x08)] {
            far.bench.hear_with(LOCK, &raw(frame), rx);
            far.run(500);
        }
    }
    assert!(far.opened.is_empty(), "{:?}", far.opened);
}

#[test]
fn the_hub_has_no_end_points_to_answer_for() {
    let mut far = peer(SecurityClass::None);
    assert!(far.ask(&[0x60, 0x0D, 0, 1, 0x86, 0x11]).is_empty());
    assert!(far.ask(&[0x60, 0x0D, 0, 1, 0x85, 0x01, 1, 2]).is_empty());
    // But an end point of the peer may ask.
    assert_eq!(far.ask(&[0x60, 0x0D, 2, 0, 0x85, 0x02, 1]), [[0x60, 0x0D, 0, 2, 0x85, 0x03, 1, 5, 0]]);
}

#[test]
fn unencrypted_commands_in_the_name_of_a_node_with_keys_have_no_effect() {
    // A node under S0 may ask in clear for what is open to all, and for no more.
    let mut far = peer(SecurityClass::S0);
    let hear = |far: &mut Far, frame: &[u8]| {
        far.opened.clear();
        far.bench.hear(LOCK, &raw(frame));
        far.run(500);
        std::mem::take(&mut far.opened)
    };
    assert_eq!(hear(&mut far, &[0x5E, 0x01]).len(), 1);
    for secret in [&[0x86, 0x11][..], &[0x72, 0x04], &[0x85, 0x02, 1], &[0x87, 0x02, 0x50], &[0x98, 0x02], &[0x9F, 0x0D]] {
        assert!(hear(&mut far, secret).is_empty(), "{secret:02x?}");
    }
    for set in [&[0x85, 0x01, 1, 66][..], &[0x6C, 0x01, 1, 4, 0x85, 0x01, 1, 66], &[0x73, 0x01, 9, 255]] {
        assert!(hear(&mut far, set).is_empty());
    }
    assert_eq!(far.ask(&[0x85, 0x02, 1]), [[0x85, 0x03, 1, 5, 0]]);
    assert_eq!(far.ask(&[0x73, 0x02]), [[0x73, 0x03, 0, 0]]);
    let mut far = peer(SecurityClass::S2AccessControl);
    for frame in [&[0x5E, 0x01][..], &[0x8A, 0x01], &[0x86, 0x11], &[0x85, 0x01, 1, 66], &[0x98, 0x02], &[0x9F, 0x0D]] {
        assert!(hear(&mut far, frame).is_empty(), "{frame:02x?}");
    }
    assert_eq!(far.ask(&[0x85, 0x02, 1]), [[0x85, 0x03, 1, 5, 0]]);
}

#[test]
fn a_node_whose_keys_were_not_tried_out_yet_is_not_taken_for_one_without() {
    let silent = Peer { answers: |_| Vec::new(), ..Peer::lock() };
    let mut node = known(LOCK, &silent);
    node.classes.insert(ClassId::SECURITY_2, ClassSupport::default());
    let mut bench = Bench::new(&[(LOCK, silent)], vec![node], Some(HOME), Options::default());
    bench.start();
    let mut far = Far::of(bench, SecurityClass::None);
    far.bench.hear(LOCK, &raw(&[0x85, 0x01, 1, 66]));
    far.bench.hear(LOCK, &raw(&[0x85, 0x02, 1]));
    far.bench.run(60_000);
    let sent = far.bench.sent_to(LOCK);
    assert!(sent.iter().all(|(_, command)| command.class() != ClassId::ASSOCIATION), "{sent:?}");
}

#[test]
fn the_secure_list_is_complete_at_the_highest_class_only() {
    let s2_list = [&[0x9F, 0x0E][..], &SECURE_LIST].concat();
    for class in [SecurityClass::S2Unauthenticated, SecurityClass::S2Authenticated, SecurityClass::S2AccessControl] {
        assert_eq!(peer(class).ask(&[0x9F, 0x0D]), [&s2_list[..]], "{class:?}");
    }
    assert_eq!(peer(SecurityClass::S0).ask(&[0x98, 0x02]), [[&[0x98, 0x03, 0][..], &SECURE_LIST].concat()]);
    let mut clear = peer(SecurityClass::None);
    assert!(clear.ask(&[0x9F, 0x0D]).is_empty() && clear.ask(&[0x98, 0x02]).is_empty());
    // A peer that holds a lower key, too, and speaks under that.
    let mut far = peer(SecurityClass::S2AccessControl);
    let both = KeyMask::of(SecurityClass::S2AccessControl) | KeyMask::of(SecurityClass::S2Unauthenticated);
    far.bench.network.nodes.get_mut(&LOCK).unwrap().s2.grant(both);
    far.s2.grant(both);
    far.granted = SecurityClass::S2Unauthenticated;
    assert_eq!(far.ask(&[0x9F, 0x0D]), [[0x9F, 0x0E]]);
    for frame in [&[0x86, 0x11][..], &[0x5E, 0x01], &[0x85, 0x01, 1, 66], &[0x6C, 0x01, 1, 4, 0x85, 0x01, 1, 66]] {
        assert!(far.ask(frame).is_empty(), "{frame:02x?}");
    }
}

/// What the controller was asked or told at a start-up, from the port's opening to its readiness.
fn start_up(controller: impl FnOnce(&mut Controller)) -> (Bench, Vec<Request>) {
    let mut bench = Bench::new(&[(LOCK, Peer::lock())], vec![known(LOCK, &Peer::lock())], Some(HOME), Options::default());
    controller(&mut bench.controller);
    bench.now(Input::LinkUp);
    bench.run(15_000);
    assert!(matches!(bench.network.controller(), ControllerStatus::Ready(_)), "{:?}", bench.network.controller());
    let requests = bench.requests.iter().map(|(_, request)| request.clone()).collect();
    (bench, requests)
}

fn functions(requests: &[Request]) -> Vec<FunctionId> {
    requests.iter().map(Request::function).collect()
}

const ROLE: [FunctionId; 3] = [FunctionId::GET_SUC_NODE_ID, FunctionId::SET_SUC_NODE_ID, FunctionId::GET_CONTROLLER_CAPABILITIES];

#[test]
fn the_node_information_is_set_once_per_start() {
    let (mut bench, requests) = start_up(|controller| {
        controller.functions.insert(FunctionId::APPLICATION_NODE_INFORMATION);
    });
    let announced: Vec<Frame> = requests
        .iter()
        .filter(|request| request.function() == FunctionId::APPLICATION_NODE_INFORMATION)
        .map(|request| request.write(NodeIdWidth::Bits16).unwrap())
        .collect();
    let [announced] = announced.as_slice() else { panic!("{announced:?}") };
    // Listening, with options; a generic controller; Z-Wave Plus Info first.
    assert_eq!(announced.params[..], [0x03, 0x01, 0x00, 8, 0x5E, 0x98, 0x9F, 0x55, 0x6C, 0x56, 0x8F, 0x8A]);
    // The controller restarts by itself, and may have forgotten.
    bench.requests.clear();
    bench.controller.width = NodeIdWidth::Bits8;
    let started = bench.controller.started(3).unwrap();
    bench.now(Input::Frame(started));
    bench.run(2_000);
    let again = bench.requests.iter().filter(|(_, request)| matches!(request, Request::SetNodeInformation(_))).count();
    assert_eq!(again, 1);
}

#[test]
fn a_network_without_a_sis_gets_one_and_one_that_has_it_keeps_it() {
    let with = |suc: u16, secondary: bool, flags: &'static [FunctionId]| {
        start_up(move |controller| {
            controller.functions.extend(flags);
            (controller.suc, controller.secondary) = (NodeId(suc), secondary);
        })
    };
    let (bench, requests) = with(0, false, &ROLE);
    let made: Vec<&Request> = requests.iter().filter(|request| matches!(request, Request::SetSucNodeId { .. })).collect();
    let [Request::SetSucNodeId { node: NodeId(1), suc: true, sis: true, callback: CallbackId::NONE, .. }] = made.as_slice()
    else {
        panic!("{made:?}")
    };
    assert_eq!(bench.controller.suc, NodeId(1));
    assert_eq!(with(1, false, &ROLE).0.controller.suc, NodeId(1));
    for (suc, secondary) in [(1, false), (9, false), (9, true), (0, true)] {
        let (bench, requests) = with(suc, secondary, &ROLE);
        assert!(!functions(&requests).contains(&FunctionId::SET_SUC_NODE_ID), "{suc} {secondary}");
        assert_eq!(bench.controller.suc, NodeId(suc));
    }
    // One that cannot say who is the SUC, or what it is itself, is left as it is.
    for lacks in [FunctionId::GET_SUC_NODE_ID, FunctionId::GET_CONTROLLER_CAPABILITIES] {
        let (_, requests) = start_up(|controller| {
            controller.functions.extend(ROLE);
            controller.functions.remove(&lacks);
            controller.suc = NodeId(0);
        });
        assert!(!functions(&requests).contains(&FunctionId::SET_SUC_NODE_ID), "{lacks}");
    }
}

#[test]
fn a_controller_of_another_network_is_not_changed() {
    let mut bench = Bench::new(&[(LOCK, Peer::lock())], vec![known(LOCK, &Peer::lock())], Some(HOME), Options::default());
    bench.controller.functions.extend(ROLE);
    bench.controller.functions.insert(FunctionId::APPLICATION_NODE_INFORMATION);
    (bench.controller.home, bench.controller.suc) = (HomeId(0xD00D_0002), NodeId(0));
    bench.now(Input::LinkUp);
    bench.run(15_000);
    assert!(matches!(bench.network.controller(), ControllerStatus::Absent { .. }));
    let changes = |request: &Request| matches!(request, Request::SetSucNodeId { .. } | Request::SetNodeInformation(_));
    assert!(!bench.requests.iter().any(|(_, request)| changes(request)), "{:?}", bench.requests);
}

#[test]
fn a_controller_without_these_functions_starts_as_ever_and_one_that_does_not_answer_them_starts_too() {
    let (_, plain) = start_up(|_| {});
    assert!(functions(&plain).iter().all(|function| !ROLE.contains(function) && function.0 != 0x03));
    let (_, all) = start_up(|controller| {
        controller.functions.extend(ROLE);
        controller.functions.insert(FunctionId::APPLICATION_NODE_INFORMATION);
    });
    assert_eq!(all.len(), plain.len() + 2, "two more, in a network that has its SIS");
    for silent in ROLE {
        let (_, requests) = start_up(|controller| {
            controller.functions.extend(ROLE);
            controller.suc = NodeId(0);
            controller.mute.insert(silent);
        });
        let asked = functions(&requests).iter().filter(|function| **function == silent).count();
        assert!(asked <= 1, "{silent} was asked {asked} times");
    }
}
