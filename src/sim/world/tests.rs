mod controller;
mod host;

use super::*;
use crate::sim::chip::Chip;
use crate::sim::node::Faults;
use host::{Host, framed};

// The host here is hand-made: frames of real hosts, or payloads from docs/protocol/command-classes.md framed by
// `framed`.

const LOCK_2: NodeId = NodeId(2);
const LOCK_1: NodeId = NodeId(3);

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn a_real_hosts_start_up_is_answered_function_by_function() {
    // What OpenZWave and Z-Wave JS sent to real controllers at start-up.
    for (request, answer) in [
        ("01030015e9", "01155a2d5761766520372e31380007"),
        ("01030009f5", "01090007120300 01"),
        ("01030005f9", "01051c"),
        ("0104000b01f1", "010b01"),
        ("01030020dc", "0120c0ffee0101"),
        ("01030007fb", "0107"),
        ("01030056aa", "015601"),
        ("01030002fe", "01020a081d07"),
        ("0104004101bb", "0141d39601020207"),
    ] {
        let mut host = Host::new(&Blueprint::two_locks());
        host.send(&hex(request));
        host.settle();
        let answer = hex(&answer.replace(' ', ""));
        assert!(host.got.len() == 1 && host.got[0].starts_with(&answer), "{request}: {:02x?}", host.got);
    }
    // Functions this controller has not got are acknowledged, no more.
    let mut host = Host::new(&Blueprint::two_locks());
    host.send(&hex("01050006640f97"));
    host.send(&hex("01030029d5"));
    host.settle();
    assert_eq!(host.got, [vec![0x01, 0x06, 150, 15]]);
}

#[test]
fn an_old_controller_has_short_callbacks_and_is_silent_after_a_reset() {
    let mut host = Host::new(&Blueprint { chip: Chip::series_500(), ..Blueprint::two_locks() });
    assert_eq!(host.ask(&[0x00, 0x08]), Vec::<Vec<u8>>::new());
    let got = host.ask(&[0x00, 0x13, 2, 1, 0x00, 0x25, 9]);
    assert_eq!(got, [vec![0x01, 0x13, 1], vec![0x00, 0x13, 9, 0x00]]);
}

#[test]
fn a_write_by_radio_is_there_when_it_is_read_back() {
    let mut host = Host::new(&Blueprint::two_locks());
    assert_eq!(host.tell(3, b"\x63\x01\x01\x011234"), Vec::<Vec<u8>>::new(), "no lifeline yet, and no supervision");
    assert_eq!(host.tell(3, &[0x63, 0x02, 0x01]), [b"\x63\x03\x01\x011234"]);
    assert_eq!(host.tell(2, b"\x6c\x01\x05\x0b\x63\x0b\x01\x00\x07\x01\x044321"), [[0x6C, 0x02, 0x05, 0xFF, 0x00]]);
    assert_eq!(host.tell(2, &[0x63, 0x02, 0x07]), [b"\x63\x03\x07\x014321"]);
    host.tell(2, &[0x63, 0x0B, 0x01, 0x00, 0x07, 0x00, 0x00]);
    assert_eq!(host.tell(2, &[0x63, 0x02, 0x07]), [[0x63, 0x03, 0x07, 0, 0, 0, 0, 0]]);
    assert_eq!(host.world.node(LOCK_1).map(|lock| lock.memory.codes.entries().count()), Some(1));
}

#[test]
fn the_callback_reports_the_beam_if_transmit_reports_are_on() {
    let mut host = Host::new(&Blueprint::two_locks());
    assert_eq!(host.ask(&[0x00, 0x0B, 0x02, 0xFF]), [[0x01, 0x0B, 0x02, 0x01]]);
    let got = host.ask(&[0x00, 0x13, 2, 1, 0x00, 0x25, 9]);
    let [response, callback] = &got[..] else { panic!("{got:02x?}") };
    assert_eq!(response, &[0x01, 0x13, 1]);
    assert_eq!(callback[..4], [0x00, 0x13, 9, 0x00]);
    assert_eq!(callback[4 + 15] & 0x60, 0x40, "a beam of 1000 ms");
    assert!(u16::from_be_bytes([callback[4], callback[5]]) >= 110, "ticks of 10 ms, the beam included");
}

#[test]
fn a_second_transmission_is_refused_while_the_radio_is_busy() {
    let mut host = Host::new(&Blueprint::two_locks());
    host.send(&framed(&[0x00, 0x13, 2, 1, 0x00, 0x25, 9]));
    host.send(&framed(&[0x00, 0x13, 3, 1, 0x00, 0x25, 10]));
    assert_eq!(host.got, [vec![0x01, 0x13, 1], vec![0x01, 0x13, 0]]);
}

#[test]
fn an_aborted_transmission_still_calls_back() {
    let mut host = Host::new(&Blueprint::two_locks());
    host.send(&framed(&[0x00, 0x13, 2, 1, 0x00, 0x25, 9]));
    host.send(&framed(&[0x00, 0x16]));
    host.settle();
    assert_eq!(host.got, [vec![0x01, 0x13, 1], vec![0x00, 0x13, 9, 0x01]]);
}

#[test]
fn a_lock_out_of_range_is_no_ack_and_a_failed_node_info() {
    let mut host = Host::new(&Blueprint::two_locks());
    host.world.visit(LOCK_2, |lock| lock.faults = Faults { gone: true, ..Faults::default() });
    assert_eq!(host.ask(&[0x00, 0x13, 2, 1, 0x00, 0x25, 9]), [vec![0x01, 0x13, 1], vec![0x00, 0x13, 9, 0x01]]);
    assert_eq!(host.ask(&[0x00, 0x60, 2]), [vec![0x01, 0x60, 1], vec![0x00, 0x49, 0x81, 0x00, 0x00]]);
    // The next request is not refused: the radio is free again.
    assert_eq!(host.ask(&[0x00, 0x60, 3])[0], [0x01, 0x60, 1]);
}

#[test]
fn a_node_information_frame_names_the_classes_of_the_lock() {
    let mut host = Host::new(&Blueprint::two_locks());
    let got = host.ask(&[0x00, 0x60, 3]);
    let [_, update] = &got[..] else { panic!("{got:02x?}") };
    assert_eq!(update[..8], [0x00, 0x49, 0x84, 3, 12, 0x04, 0x40, 0x03]);
    assert_eq!(update[8..], [0x5E, 0x59, 0x62, 0x63, 0x71, 0x72, 0x80, 0x85, 0x86]);
}

#[test]
fn after_a_reset_node_ids_are_one_byte_again() {
    let mut host = Host::new(&Blueprint::two_locks());
    assert_eq!(host.ask(&[0x00, 0x0B, 0x80, 0x02]), [[0x01, 0x0B, 0x80, 0x01]]);
    assert_eq!(host.ask(&[0x00, 0x20]), [[0x01, 0x20, 0xC0, 0xFF, 0xEE, 0x01, 0x00, 0x01]]);
    let got = host.ask(&[0x00, 0x08]);
    assert_eq!(got, [[0x00, 0x0A, 7, 0, 1, 0x02, 0x07, 0, 0]]);
    assert_eq!(host.ask(&[0x00, 0x20]), [[0x01, 0x20, 0xC0, 0xFF, 0xEE, 0x01, 0x01]]);
}

#[test]
fn a_visitor_at_the_keypad_is_heard_of() {
    let mut host = Host::new(&Blueprint::two_locks());
    host.tell(3, &[0x85, 0x01, 0x01, 0x01]);
    host.tell(3, b"\x63\x01\x04\x0147110");
    let now = host.now;
    assert_eq!(host.world.keypad(LOCK_1, b"47110", now), Some(Typed::Opened(4)));
    host.settle();
    let heard = host.got.pop().expect("a notification");
    assert_eq!(heard[..6], [0x00, 0xA8, 0x00, 1, 3, 18]);
    assert_eq!(heard[6..24], *b"\x71\x05\x00\x00\x00\xff\x06\x06\x09\x63\x03\x04\x0147110");
    assert_eq!(host.world.keypad(NodeId(99), b"47110", now), None);
}

#[test]
fn a_lock_whose_report_was_delayed_listens_for_the_answer() {
    let mut host = Host::new(&Blueprint::two_locks());
    host.tell(3, &[0x85, 0x01, 0x01, 0x01]);
    host.tell(3, b"\x63\x01\x04\x0147110");
    // Both sleep by then; the beam for one blocks the channel for the other.
    let now = host.now + Duration::from_secs(2);
    host.now = now;
    host.send(&framed(&[0x00, 0x13, 2, 2, 0x80, 0x02, 0x25, 9]));
    host.world.keypad(LOCK_1, b"47110", now);
    let beams = |host: &Host| host.world.radio(host.now).controller.beams;
    while !host.got.iter().any(|it| it[1] == 0xA8 && it[4] == 3) {
        host.now = host.now.max(host.world.poll_deadline().expect("its notification is on the way").at);
        host.world.handle_timeout(host.now);
        host.read();
    }
    assert!(host.now >= now + Duration::from_millis(900), "it waited: {:?}", host.now.since(now));
    let before = beams(&host);
    assert_eq!(host.tell(3, &[0x80, 0x02]).len(), 1);
    assert_eq!(beams(&host), before);
}

#[test]
fn a_quirky_answer_reaches_the_host_before_the_callback() {
    let mut blueprint = Blueprint::two_locks();
    for model in blueprint.nodes.values_mut() {
        model.quirks.answers_before_callback = true;
    }
    let mut host = Host::new(&blueprint);
    let functions: Vec<u8> = host.ask(&[0x00, 0x13, 2, 2, 0x80, 0x02, 0x25, 9]).iter().map(|it| it[1]).collect();
    assert_eq!(functions, [0x13, 0xA8, 0x13]);
}

#[test]
fn codes_outlive_the_controller_being_pulled_out() {
    let mut host = Host::new(&Blueprint::two_locks());
    host.tell(3, b"\x63\x01\x01\x011234");
    host.world.replug(host.now);
    host.settle();
    assert_eq!(host.tell(3, &[0x63, 0x02, 0x01]), [b"\x63\x03\x01\x011234"]);
}

#[test]
fn the_same_seed_gives_the_same_day() {
    let conditions = Conditions {
        loss: 30,
        ack_loss: 20,
        duplication: 20,
        reordering: 10,
        delay: Duration::from_millis(40),
        ..Conditions::default()
    };
    let day = |seed| {
        let mut host = Host::new(&Blueprint { radio: conditions, ..Blueprint::two_locks() });
        host.world = World::new(&Blueprint { radio: conditions, ..Blueprint::two_locks() }, &Entropy::from_number(seed));
        host.world.set_link(LOCK_1, Link::over([LOCK_2]).with(Conditions { loss: 10, ..conditions }));
        let heard: Vec<_> = (1..20).map(|user| host.tell(3, &[0x63, 0x02, user])).collect();
        (heard, host.world.radio(host.now))
    };
    assert_eq!(day(4), day(4));
    assert_ne!(day(4), day(5));
}

#[test]
fn idle_locks_cost_nothing_per_step() {
    let nodes = (2..202).map(|node| (NodeId(node), crate::sim::model::Model::version_2())).collect();
    let mut host = Host::new(&Blueprint { nodes, ..Blueprint::two_locks() });
    host.tell(9, &[0x85, 0x01, 0x01, 0x01]);
    let now = host.now;
    host.world.keypad(NodeId(9), b"0000", now);
    let mut moments = 0;
    // Nobody answers its supervised report: it says it three times, and only that is ever due.
    while let Some(deadline) = host.world.poll_deadline() {
        assert!(host.world.node_alarms.due(deadline.at).iter().all(|node| *node == NodeId(9)));
        host.world.handle_timeout(deadline.at);
        host.now = deadline.at;
        host.read();
        moments += 1;
    }
    assert!((4..30).contains(&moments), "{moments}");
    assert!(host.got.iter().filter(|it| it[1] == 0xA8).count() >= 3);
}

proptest::proptest! {
    #[test]
    fn no_bytes_of_a_host_bring_the_world_down(chunks in proptest::collection::vec(proptest::collection::vec(0_u8.., 0..40), 0..8)) {
        let mut host = Host::new(&Blueprint::two_locks());
        for chunk in &chunks {
            host.send(chunk);
            host.send(&framed(&[&[0x00, 0x13, 2], &chunk[..]].concat()));
            host.send(&framed(&[&[0x00], &chunk[..]].concat()));
        }
        host.settle();
    }
}
