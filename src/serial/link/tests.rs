//! A scripted controller at the other end of the line, in virtual time.

use proptest::prelude::*;

use super::*;
use crate::serial::frame::CAN;

const HOST: &str = "01030015e9";
const RESPONSE: &str = "011001155a2d5761766520342e3534000193";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn frame(text: &str) -> Frame {
    Frame::parse(&hex(text)).unwrap()
}

/// A link, a clock, and what the link wrote and told so far.
struct Line {
    link: Link,
    now: Instant,
    written: Vec<(u64, Vec<u8>)>,
    events: Vec<LinkEvent>,
}

impl Line {
    fn open() -> Self {
        let mut line = Self { link: Link::new(), now: Instant::ZERO, written: Vec::new(), events: Vec::new() };
        line.drain();
        assert_eq!(line.written, [(0, vec![NAK])], "a NAK clears half a frame in the controller");
        line.written.clear();
        line
    }

    fn drain(&mut self) {
        while let Some(bytes) = self.link.poll_transmit(self.now) {
            self.written.push((self.now.as_millis(), bytes));
        }
        self.events.extend(std::iter::from_fn(|| self.link.poll_event()));
    }

    fn send(&mut self, id: u64, text: &str) {
        self.link.send(SendId(id), frame(text));
        self.drain();
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.link.bytes(bytes, self.now);
        self.drain();
    }

    /// Lets time pass, deadline by deadline.
    fn wait(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while let Some(deadline) = self.link.poll_deadline().filter(|deadline| deadline.at <= end) {
            self.now = deadline.at.max(self.now);
            self.link.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn frames(&self) -> Vec<&Frame> {
        let events = self.events.iter();
        events.filter_map(|event| if let LinkEvent::Frame(frame) = event { Some(frame) } else { None }).collect()
    }

    /// When the host's frame went out.
    fn transmissions(&self, text: &str) -> Vec<u64> {
        self.written.iter().filter(|(_, bytes)| *bytes == hex(text)).map(|(at, _)| *at).collect()
    }
}

#[test]
fn a_good_frame_is_acknowledged_at_once_and_delivered() {
    let mut line = Line::open();
    line.receive(&hex(RESPONSE));
    assert_eq!(line.written, [(0, vec![ACK])]);
    assert_eq!(line.frames(), [&frame(RESPONSE)]);
}

#[test]
fn only_one_host_frame_is_under_way() {
    let mut line = Line::open();
    line.send(1, HOST);
    line.send(2, "01030020dc");
    assert_eq!(line.written.len(), 1);
    line.receive(&[ACK]);
    assert_eq!(line.events, [LinkEvent::Sent(SendId(1))]);
    assert_eq!(line.written[1].1, hex("01030020dc"));
}

#[test]
fn silence_is_met_with_three_retransmissions_and_a_call_for_a_reset() {
    let mut line = Line::open();
    line.send(1, HOST);
    line.wait(60_000);
    // 1.6 s for each ACK, then 0.1, 1.1 and 2.1 s.
    assert_eq!(line.transmissions(HOST), [0, 1_700, 4_400, 8_100]);
    assert_eq!(line.events, [LinkEvent::Failed(SendId(1), SendFailure::NoAck), LinkEvent::Unresponsive]);
}

#[test]
fn a_controller_that_collides_again_and_again_is_not_reset() {
    let mut line = Line::open();
    line.send(1, HOST);
    // Each try is refused at once: the repetitions go out after 0.1, 1.1 and 2.1 s.
    for pause in [0, 150, 1_150, 2_150] {
        line.wait(pause);
        line.receive(&[CAN]);
        line.receive(&hex("0104011301e8"));
    }
    assert!(line.events.contains(&LinkEvent::Failed(SendId(1), SendFailure::Refused)));
    assert!(!line.events.contains(&LinkEvent::Unresponsive));
    assert_eq!(line.frames().len(), 4, "the controller's own frames are not lost in the collisions");
    assert_eq!(line.transmissions(HOST).len(), 4);
}

/// The ACK of the first try got lost: the controller may be carrying the frame out, and collides with its repetitions.
#[test]
fn a_frame_that_met_silence_once_does_not_pass_for_one_that_never_arrived() {
    let mut line = Line::open();
    line.send(1, HOST);
    line.wait(1_650);
    for _ in 0..3 {
        line.wait(2_000);
        line.receive(&[CAN]);
    }
    line.wait(10_000);
    assert!(line.events.contains(&LinkEvent::Failed(SendId(1), SendFailure::NoAck)), "{:?}", line.events);
}

#[test]
fn a_collision_is_followed_by_the_same_frame_after_100_ms() {
    let mut line = Line::open();
    line.send(1, HOST);
    line.wait(3);
    line.receive(&[CAN]);
    line.wait(1_000);
    line.receive(&[ACK]);
    assert_eq!(line.transmissions(HOST), [0, 103]);
    assert_eq!(line.events, [LinkEvent::Sent(SendId(1))]);
}

#[test]
fn a_frame_that_arrives_before_our_ack_does_is_acknowledged_and_kept() {
    let mut line = Line::open();
    line.send(1, HOST);
    line.receive(&hex("0104011301e8"));
    assert_eq!(line.written.last(), Some(&(0, vec![ACK])));
    line.receive(&[ACK]);
    assert_eq!(line.events, [LinkEvent::Frame(frame("0104011301e8")), LinkEvent::Sent(SendId(1))]);
}

#[test]
fn a_lost_ack_does_not_repeat_a_request_whose_response_came() {
    let mut line = Line::open();
    line.send(1, HOST);
    line.receive(&hex(RESPONSE));
    assert_eq!(line.events, [LinkEvent::Sent(SendId(1)), LinkEvent::Frame(frame(RESPONSE))]);
    line.wait(60_000);
    assert_eq!(line.transmissions(HOST), [0]);
}

#[test]
fn a_late_ack_stops_the_retransmission() {
    let mut line = Line::open();
    line.send(1, HOST);
    line.wait(1_650);
    line.receive(&[ACK]);
    line.wait(60_000);
    assert_eq!(line.transmissions(HOST), [0]);
    assert_eq!(line.events, [LinkEvent::Sent(SendId(1))]);
}

#[test]
fn an_unexpected_ack_does_not_acknowledge_the_next_frame() {
    let mut line = Line::open();
    line.receive(&[ACK]);
    line.send(1, HOST);
    assert_eq!(line.events, []);
}

#[test]
fn a_damaged_frame_is_refused_and_the_second_copy_is_delivered_once() {
    let mut line = Line::open();
    let mut damaged = hex(RESPONSE);
    damaged[6] ^= 0x20;
    line.receive(&damaged);
    assert_eq!(line.written, [(0, vec![NAK])]);
    line.receive(&hex(RESPONSE));
    assert_eq!(line.frames(), [&frame(RESPONSE)]);
}

#[test]
fn half_a_frame_is_given_up_silently_after_a_second_and_a_half() {
    let mut line = Line::open();
    line.receive(&hex(RESPONSE)[..9]);
    line.wait(1_499);
    line.receive(&[]);
    assert!(line.link.poll_deadline().is_some());
    line.wait(1);
    assert_eq!(line.link.poll_deadline(), None);
    line.receive(&hex(RESPONSE));
    assert_eq!((line.frames().len(), line.written.len()), (1, 1), "no NAK, and the frame that follows is whole");
}

#[test]
fn a_host_frame_waits_for_the_frame_of_the_controller() {
    let mut line = Line::open();
    let (head, tail) = (&hex(RESPONSE)[..9], &hex(RESPONSE)[9..]);
    line.receive(head);
    line.send(1, HOST);
    assert_eq!(line.written, []);
    line.receive(tail);
    assert_eq!(line.written, [(0, vec![ACK]), (0, hex(HOST))]);
}

#[test]
fn a_stalled_host_hears_a_callback_once_although_the_controller_sent_it_four_times() {
    let callback = hex("010500133c01d4");
    let mut line = Line::open();
    line.receive(&callback.repeat(2));
    line.wait(700);
    line.receive(&callback);
    line.wait(700);
    line.receive(&callback);
    assert_eq!(line.frames().len(), 1);
    assert_eq!(line.written.iter().map(|(_, bytes)| bytes.len()).sum::<usize>(), 4, "each copy is acknowledged");
}

#[test]
fn a_repeat_during_a_stall_is_dropped_but_two_equal_reports_are_kept() {
    // trouble_outofframe: a controller starts to talk before the host is up, and repeats itself.
    let report = hex("0111000400160b7105000000ff070800000073");
    let mut line = Line::open();
    line.receive(&report.repeat(3));
    assert_eq!(line.frames().len(), 1);
    line.wait(50);
    line.receive(&report);
    assert_eq!(line.frames().len(), 2, "our ACK had left: this may be another event");
}

#[test]
fn a_soft_reset_whose_ack_was_lost_is_not_sent_twice() {
    let mut line = Line::open();
    line.send(1, "01030008f4");
    line.wait(900);
    line.receive(&hex("0116000a07000102010c5e22855970565a7273989f8600b6"));
    assert_eq!(line.events.first(), Some(&LinkEvent::Sent(SendId(1))));
    line.wait(60_000);
    assert_eq!(line.transmissions("01030008f4"), [0]);
}

#[test]
fn a_lost_port_fails_what_was_under_way_and_what_waited() {
    let mut line = Line::open();
    line.send(1, HOST);
    line.send(2, HOST);
    line.link.close();
    line.drain();
    let lost = |id| LinkEvent::Failed(SendId(id), SendFailure::PortLost);
    assert_eq!(line.events, [lost(1), lost(2)]);
    assert_eq!(line.link.poll_deadline(), None);
}

/// Replays a recorded dialogue: the controller's bytes at their times, host frames as the log has them.
fn replay(name: &str) -> (Line, Vec<Frame>) {
    let path = format!("{}/tests/data/frames/sequences/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let millis = |row: &serde_json::Value| {
        let time = row["ts"].as_str().unwrap().rsplit(' ').next().unwrap().replace('.', ":");
        let parts: Vec<u64> = time.split(':').map(|part| part.parse().unwrap()).collect();
        ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * 1000 + parts[3]
    };
    let start = millis(&rows[0]);
    let (mut line, mut good) = (Line::open(), Vec::<Frame>::new());
    for (number, row) in rows.iter().enumerate() {
        line.wait((millis(row) - start).saturating_sub(line.now.as_millis()));
        let note = row["note"].as_str().unwrap_or_default();
        match row["direction"].as_str().unwrap() {
            "rx" => {
                let bytes = hex(row["hex"].as_str().unwrap());
                good.extend(Frame::parse(&bytes));
                line.receive(&bytes);
            }
            "tx" if row["wire"].is_null() => line.link.send(SendId(number as u64), frame(row["hex"].as_str().unwrap())),
            _ if note.starts_with("CAN received") => line.receive(&[CAN]),
            _ if note.starts_with("NAK received") => line.receive(&[NAK]),
            // A byte that belongs to no frame.
            _ => {
                if let Some((_, byte)) = note.split_once("byte 0x") {
                    line.receive(&hex(byte));
                }
            }
        }
        line.drain();
    }
    (line, good)
}

#[test]
fn no_good_frame_of_a_troubled_line_is_lost() {
    for name in [
        "trouble_can_3",
        "trouble_checksum_1",
        "trouble_checksum_2",
        "trouble_checksum_3",
        "trouble_dead_3",
        "trouble_drop3_2",
        "trouble_mac_1",
        "trouble_nak_1",
        "trouble_outofframe_1",
        "trouble_outofframe_2",
        "trouble_outofframe_3",
    ] {
        let (line, good) = replay(name);
        assert_eq!(line.frames(), good.iter().collect::<Vec<_>>(), "{name}");
    }
}

/// Something that happens on the line.
#[derive(Clone, Debug)]
enum Happening {
    Send,
    Bytes(Vec<u8>),
    Wait(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    let bytes = prop_oneof![
        Just(vec![ACK]),
        Just(vec![NAK]),
        Just(vec![CAN]),
        Just(hex(RESPONSE)),
        Just(hex(RESPONSE)[..7].to_vec()),
        Just(hex("010500133c01d4")),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop_oneof![Just(Happening::Send), bytes.prop_map(Happening::Bytes), (0_u64..3_000).prop_map(Happening::Wait)]
}

proptest! {
    #[test]
    fn every_frame_meets_exactly_one_fate_whatever_the_controller_says(happenings in prop::collection::vec(happening(), 0..60)) {
        let mut line = Line::open();
        let mut sent = 0;
        for happening in happenings {
            match happening {
                Happening::Send => {
                    line.send(sent, HOST);
                    sent += 1;
                }
                Happening::Bytes(bytes) => line.receive(&bytes),
                Happening::Wait(millis) => line.wait(millis),
            }
        }
        line.wait(u64::from(u16::MAX) * 100);
        line.link.close();
        line.drain();
        let fates = line.events.iter().filter_map(|event| match event {
            LinkEvent::Sent(id) | LinkEvent::Failed(id, _) => Some(id.0),
            LinkEvent::Frame(_) | LinkEvent::Unresponsive => None,
        });
        prop_assert_eq!(fates.collect::<Vec<_>>(), (0..sent).collect::<Vec<_>>(), "in order, each once");
    }
}
