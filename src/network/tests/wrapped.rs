//! Commands that come wrapped in others, questions to us, and nodes that are busy or say goodbye.

use super::*;
use crate::command::crc16_encapsulation::{self, Crc16Encapsulation};
use crate::domain::ids::NodeId;

fn raw(payload: &[u8]) -> Command {
    Command::parse(payload).unwrap()
}

fn crc16(command: Command) -> Command {
    let encapsulation = crc16_encapsulation::CommandEncapsulation { command: Box::new(command) };
    Command::Crc16Encapsulation(Crc16Encapsulation::CommandEncapsulation(encapsulation))
}

impl Bench {
    /// What was sent to a node, as bytes.
    fn bytes_to(&self, node: NodeId) -> Vec<Vec<u8>> {
        self.sent_to(node).iter().map(|(_, command)| command.write()).collect()
    }

    /// Commands that were told to the owner, and of which end point.
    fn told(&self) -> Vec<(u8, String)> {
        let told = self.events.iter().filter_map(|(_, event)| match event {
            NetworkEvent::Received { endpoint, command, .. } => Some((*endpoint, command.to_string())),
            _ => None,
        });
        told.collect()
    }

    fn has_removed(&self, node: NodeId) -> bool {
        self.events.iter().any(|(_, event)| *event == NetworkEvent::NodeRemoved(node))
    }
}

#[test]
fn an_event_in_a_checksum_several_commands_or_a_channel_is_heard_once() {
    let mut bench = Bench::with_known(&[(LOCK, Peer::lock())]);
    let unlock = "Notification Report".to_owned();
    bench.hear(LOCK, &crc16(event()));
    assert_eq!(bench.told(), [(0, unlock.clone())]);
    // Multi Command: Battery Report, then the event.
    bench.hear(LOCK, &raw(&[0x8F, 0x01, 2, 3, 0x80, 0x03, 0x5A, 10, 0x71, 0x05, 0, 0, 0, 0xFF, 6, 6, 1, 3]));
    assert_eq!(bench.told()[1..], [(0, "Battery Report".into()), (0, unlock.clone())]);
    // Multi Channel, from the node itself.
    bench.hear(LOCK, &raw(&[0x60, 0x0D, 0, 0, 0x71, 0x05, 0, 0, 0, 0xFF, 6, 6, 1, 3]));
    assert_eq!(bench.told()[3..], [(0, unlock)]);
}

#[test]
fn a_doorbell_in_the_same_housing_does_not_answer_for_the_lock() {
    let mut bench = Bench::with_known(&[(LOCK, Peer { answers: |_| Vec::new(), ..Peer::old_lock() })]);
    let job = bench.submit(LOCK, Priority::Background, raw(&[0x80, 0x02]), Completion::Reply);
    bench.run(1200);
    bench.hear(LOCK, &raw(&[0x60, 0x0D, 2, 0, 0x80, 0x03, 0x5A]));
    assert_eq!(bench.told(), [(2, "Battery Report".into())]);
    assert_eq!(bench.outcome(job), None, "asked was the node, not its end point");
    bench.hear(LOCK, &raw(&[0x80, 0x03, 0x5A]));
    assert!(matches!(bench.outcome(job), Some(Outcome::Reply(_))));
}

#[test]
fn several_supervised_commands_happen_once_and_get_one_answer() {
    let mut bench = Bench::with_known(&[(LOCK, Peer::lock())]);
    let inner = [0x8F, 0x01, 2, 3, 0x80, 0x03, 0x5A, 10, 0x71, 0x05, 0, 0, 0, 0xFF, 6, 6, 1, 3];
    let frame = raw(&[&[0x6C, 0x01, 5, 18][..], &inner].concat());
    bench.hear(LOCK, &frame);
    bench.run(2000);
    bench.hear(LOCK, &frame);
    bench.run(2000);
    assert_eq!(bench.told().len(), 2);
    assert_eq!(bench.bytes_to(LOCK), [[0x6C, 0x02, 5, 0xFF, 0], [0x6C, 0x02, 5, 0xFF, 0]], "a repeat is answered again");
    // One part of it is no command of ours.
    bench.hear(LOCK, &raw(&[0x6C, 0x01, 6, 11, 0x8F, 0x01, 2, 3, 0x80, 0x03, 0x5A, 3, 0x79, 0x01, 0]));
    bench.run(2000);
    assert_eq!(bench.bytes_to(LOCK)[2], [0x6C, 0x02, 6, 0x00, 0]);
}

#[test]
fn a_keypad_gets_the_time_in_the_wrapping_it_asked_in() {
    let mut bench = Bench::with_known(&[(LOCK, Peer::lock())]);
    let get = || raw(&[0x8A, 0x01]);
    bench.hear(LOCK, &get());
    bench.run(2000);
    bench.hear(LOCK, &crc16(get()));
    bench.run(2000);
    bench.hear(LOCK, &raw(&[0x60, 0x0D, 1, 0, 0x8A, 0x01]));
    bench.run(2000);
    // Under Supervision it gets the report and nothing else.
    bench.hear(LOCK, &raw(&[0x6C, 0x01, 7, 2, 0x8A, 0x01]));
    bench.run(2000);
    let report = [0x8A, 0x02, 0, 0, 0];
    let wrapped = crc16(raw(&report)).write();
    assert_eq!(bench.bytes_to(LOCK), [&report[..], &wrapped, &[0x60, 0x0D, 0, 1, 0x8A, 0x02, 0, 0, 0], &report]);
    bench.hear_with(LOCK, &get(), RxStatus(0x08));
    bench.run(2000);
    assert_eq!(bench.bytes_to(LOCK).len(), 4, "nobody answers what was said to everybody");
}

#[test]
fn a_damaged_frame_is_not_obeyed() {
    let mut bench = Bench::with_known(&[(LOCK, Peer::lock())]);
    let mut payload = crc16(event()).write();
    payload[7] ^= 0x04;
    assert!(Command::parse(&payload).is_err());
    let frame = Message::ApplicationCommand(ApplicationCommand {
        rx: RxStatus(0),
        destination: Some(NodeId(1)),
        source: LOCK,
        payload: payload.into(),
        multicast_mask: Default::default(),
        rssi: None,
        trailing: Default::default(),
    });
    let frame = frame.write(bench.controller.width);
    bench.now(Input::Frame(frame));
    assert!(bench.told().is_empty());
}

#[test]
fn a_busy_lock_is_asked_again_after_its_wait_time() {
    fn busy(command: &Command) -> Vec<Command> {
        match command {
            Command::UserCode(_) => vec![Command::parse(&[0x22, 0x01, 1, 5]).unwrap()],
            _ => Vec::new(),
        }
    }
    let mut bench = Bench::with_known(&[(LOCK, Peer { answers: busy, ..Peer::old_lock() })]);
    let job = bench.submit(LOCK, Priority::Write, read_code(3), Completion::Reply);
    bench.run(3000);
    assert_eq!(bench.bytes_to(LOCK).len(), 1);
    bench.controller.nodes.get_mut(&LOCK).unwrap().answers = lock_answers;
    bench.run(2000);
    assert_eq!(bench.bytes_to(LOCK).len(), 1, "not before the five seconds are over");
    bench.run(4000);
    assert_eq!(bench.bytes_to(LOCK).len(), 2);
    assert!(matches!(bench.outcome(job), Some(Outcome::Reply(_))));
}

#[test]
fn a_lock_that_is_busy_for_ever_is_not_asked_for_ever_and_a_refusal_is_the_end() {
    fn busy(_: &Command) -> Vec<Command> {
        vec![Command::parse(&[0x22, 0x01, 0, 0]).unwrap()]
    }
    let mut bench = Bench::with_known(&[(LOCK, Peer { answers: busy, ..Peer::old_lock() })]);
    let job = bench.submit(LOCK, Priority::Write, read_code(3), Completion::Reply);
    bench.run(60_000);
    assert_eq!((bench.outcome(job), bench.bytes_to(LOCK).len()), (Some(&Outcome::NoReport), 3));
    bench.controller.nodes.get_mut(&LOCK).unwrap().answers = |_| vec![Command::parse(&[0x22, 0x02, 0]).unwrap()];
    let job = bench.submit(LOCK, Priority::Write, read_code(3), Completion::Reply);
    bench.run(5000);
    assert_eq!(bench.outcome(job), Some(&Outcome::Refused));
}

#[test]
fn a_late_busy_report_does_not_end_another_command() {
    let mut bench = Bench::with_known(&[(LOCK, Peer { answers: |_| Vec::new(), ..Peer::old_lock() })]);
    let job = bench.submit(LOCK, Priority::Write, write_code(3), Completion::Supervised);
    bench.run(2500);
    assert_eq!(bench.outcome(job), Some(&Outcome::Delivered));
    bench.hear(LOCK, &raw(&[0x22, 0x02, 0]));
    bench.run(1000);
    assert_eq!(bench.bytes_to(LOCK).len(), 1);
}

#[test]
fn a_lock_that_was_reset_leaves_the_list_within_seconds() {
    let mut bench = Bench::with_known(&[(LOCK, Peer::lock()), (OTHER, Peer::lock())]);
    bench.hear(LOCK, &raw(&[0x5A, 0x01]));
    bench.controller.nodes.get_mut(&LOCK).unwrap().listens = false;
    bench.run(10_000);
    let removals = bench.requests.iter().filter(|(_, request)| matches!(request, Request::RemoveFailedNode(_))).count();
    assert_eq!(removals, 1);
    assert!(bench.has_removed(LOCK));
    assert!(bench.network.node(LOCK).is_none() && bench.network.node(OTHER).is_some());
}

#[test]
fn a_flood_of_reset_notifications_does_not_fill_the_log() {
    let mut bench = Bench::with_known(&[(LOCK, Peer::lock())]);
    let lines = super::logged::warnings(|| {
        for _ in 0..64 {
            bench.hear(LOCK, &raw(&[0x5A, 0x01]));
            bench.run(10_000);
        }
    });
    assert!(!bench.has_removed(LOCK));
    assert_eq!(bench.bytes_to(LOCK).len(), 64, "each is looked into");
    assert_eq!(lines, 14, "the 1st, 2nd, 4th … 64th, said and answered");
}

#[test]
fn a_forged_reset_notification_removes_no_lock() {
    let mut bench = Bench::with_known(&[(LOCK, Peer::lock())]);
    for _ in 0..5 {
        bench.hear(LOCK, &raw(&[0x5A, 0x01]));
    }
    bench.run(20_000);
    assert!(!bench.has_removed(LOCK));
    assert_eq!(bench.bytes_to(LOCK), [[0x00]], "one ping, however often it was said");
    assert!(!bench.requests.iter().any(|(_, request)| matches!(request, Request::RemoveFailedNode(_))));
}

#[test]
fn a_lock_that_answers_the_controller_after_all_stays() {
    let mut bench = Bench::with_known(&[(LOCK, Peer::lock())]);
    bench.hear(LOCK, &raw(&[0x5A, 0x01]));
    // The ping is lost; the controller's own look is not.
    bench.controller.results.push_back(Ok(TxStatus::NO_ACK));
    bench.run(10_000);
    assert!(!bench.has_removed(LOCK));
    assert_eq!(bench.network.reach(LOCK), Reach::Alive);
}
