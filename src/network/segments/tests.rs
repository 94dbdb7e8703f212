use std::collections::BTreeMap;

use proptest::prelude::*;

use super::incoming::Heard;
use super::*;
use crate::command::transport_service::{Offset, SegmentComplete, SegmentRequest, SegmentWait};
use crate::command::{Body, Command};
use crate::domain::entropy::Entropy;
use crate::domain::time::Instant;

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// A datagram in which no two segments are alike.
fn datagram(len: usize) -> Vec<u8> {
    (0..len).map(|index| u8::try_from(index * 7 % 251).unwrap()).collect()
}

fn session(number: u8) -> SessionId {
    SessionId::new(number)
}

fn from_hex(hex: &str) -> TransportService {
    let bytes: Vec<u8> =
        hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect();
    let Command::TransportService(said) = Command::parse(&bytes).unwrap() else { panic!("{hex}") };
    said
}

fn request(number: u8, offset: usize) -> TransportService {
    let datagram_offset = Offset::new(offset).unwrap();
    TransportService::SegmentRequest(SegmentRequest { session_id: session(number), datagram_offset })
}

fn complete(number: u8) -> TransportService {
    TransportService::SegmentComplete(SegmentComplete { session_id: session(number) })
}

/// All segments of a datagram, as its sender hands them out.
fn segments(payload: &[u8], number: u8) -> Vec<TransportService> {
    let mut outgoing = Outgoing::new(payload.to_vec(), session(number)).unwrap();
    let mut segments = Vec::new();
    let mut now = at(0);
    while segments.len() < payload.len().div_ceil(SEGMENT) {
        now = now.max(outgoing.deadline().unwrap().at);
        let Some(SendStep::Send(segment)) = outgoing.poll(now) else { panic!("nothing to send") };
        segments.push(segment);
        outgoing.sent(now);
    }
    segments
}

/// Both machines and a line between them, until neither waits for anything.
struct Run {
    /// How the last datagram ended, and all of them.
    ended: Ended,
    all_ended: Vec<Ended>,
    delivered: Vec<Vec<u8>>,
    /// What the sender sent, and when.
    sent: Vec<(Instant, TransportService)>,
    received_all: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum To {
    Receiver,
    Sender,
}

/// `fate` says after how long each copy of a frame arrives: none, if the frame is lost.
fn run(payload: &[u8], fate: impl FnMut(To, &TransportService) -> Vec<u64>) -> Run {
    run_all(&[payload.to_vec()], fate)
}

/// The same for several datagrams: the next one begins when the sender knows the result of the one before.
fn run_all(payloads: &[Vec<u8>], mut fate: impl FnMut(To, &TransportService) -> Vec<u64>) -> Run {
    let mut datagrams = (5..).zip(payloads).map(|(number, payload)| Outgoing::new(payload.clone(), session(number)).unwrap());
    let mut outgoing = datagrams.next().unwrap();
    let mut incoming = Incoming::default();
    let mut line: BTreeMap<(Instant, usize), (To, Vec<u8>)> = BTreeMap::new();
    let (mut delivered, mut sent, mut ended, mut frames, mut now) = (Vec::new(), Vec::new(), Vec::new(), 0, at(0));
    loop {
        let mut said = Vec::new();
        while ended.len() < payloads.len()
            && let Some(step) = outgoing.poll(now)
        {
            match step {
                SendStep::Send(segment) => {
                    sent.push((now, segment.clone()));
                    said.push((To::Receiver, segment));
                    outgoing.sent(now);
                }
                SendStep::Ended(how) => {
                    ended.push(how);
                    outgoing = datagrams.next().unwrap_or(outgoing);
                }
            }
        }
        said.extend(incoming.handle_timeout(now).map(|request| (To::Sender, request)));
        let arrived = line.first_entry().filter(|entry| entry.key().0 <= now);
        let quiet = arrived.is_none();
        if let Some(entry) = arrived {
            let (to, bytes) = entry.remove();
            let Command::TransportService(arriving) = Command::parse(&bytes).unwrap() else { panic!("not Transport Service") };
            match to {
                To::Receiver => {
                    let heard = incoming.hear(&arriving, now);
                    delivered.extend(heard.datagram.map(|Body(bytes)| bytes));
                    said.extend(heard.reply.map(|reply| (To::Sender, reply)));
                }
                To::Sender => outgoing.hear(&arriving, now),
            }
        }
        for (to, said) in said {
            for delay in fate(to, &said) {
                frames += 1;
                let bytes = Command::TransportService(said.clone()).write();
                line.insert((now + Duration::from_millis(delay), frames), (to, bytes));
            }
        }
        if !quiet {
            continue;
        }
        let deadlines = outgoing.deadline().filter(|_| ended.len() < payloads.len()).into_iter().chain(incoming.deadline());
        let next = deadlines.map(|deadline| deadline.at).chain(line.keys().next().map(|(at, _)| *at)).min();
        let Some(next) = next else { break };
        now = now.max(next);
        assert!(now < at(600_000), "neither side gives up");
    }
    Run {
        ended: *ended.last().expect("the sender learns what became of it"),
        all_ended: ended,
        delivered,
        sent,
        received_all: incoming.deadline().is_none(),
    }
}

#[test]
fn every_size_arrives_whole_over_a_line_that_loses_nothing() {
    for len in [1_usize, 38, 39, 40, 78, 79, 117, 118, 300, 1279, LONGEST] {
        let run = run(&datagram(len), |_, _| vec![10]);
        assert_eq!((run.ended, run.delivered.as_slice()), (Ended::Complete, &[datagram(len)][..]), "{len}");
        assert_eq!(run.sent.len(), len.div_ceil(SEGMENT), "{len}: nothing is sent twice");
    }
}

#[test]
fn a_datagram_that_is_empty_or_too_long_is_refused_at_once() {
    assert!(Outgoing::new(Vec::new(), session(0)).is_none());
    assert!(Outgoing::new(datagram(LONGEST + 1), session(0)).is_none());
}

#[test]
fn whichever_one_frame_is_lost_the_datagram_arrives() {
    for len in [39, 60, 78, 118, 400_usize] {
        for lost in 0..=len.div_ceil(SEGMENT) {
            let mut frame = 0;
            let run = run(&datagram(len), |_, _| {
                frame += 1;
                // The last index is that of Segment Complete.
                if frame == lost + 1 { vec![] } else { vec![10] }
            });
            assert_eq!((run.ended, run.delivered), (Ended::Complete, vec![datagram(len)]), "{len} bytes without frame {lost}");
        }
    }
}

#[test]
fn a_request_that_is_lost_is_made_again() {
    let (mut segments, mut requests) = (0, 0);
    let run = run(&datagram(200), |to, said| {
        segments += usize::from(to == To::Receiver);
        let is_request = matches!(said, TransportService::SegmentRequest(_));
        requests += usize::from(is_request);
        if to == To::Receiver && segments == 2 || is_request && requests == 1 { vec![] } else { vec![10] }
    });
    assert_eq!((run.ended, run.delivered), (Ended::Complete, vec![datagram(200)]));
}

#[test]
fn other_nodes_get_their_turn_between_the_segments_of_a_long_datagram() {
    let paced = run(&datagram(300), |_, _| vec![10]).sent;
    assert!(paced.windows(2).all(|pair| pair[1].0.since(pair[0].0) >= Duration::from_millis(35)));
    let two = run(&datagram(78), |_, _| vec![10]).sent;
    assert_eq!(two[0].0, two[1].0, "two segments go one after the other");
}

#[test]
fn a_node_that_never_answers_gets_the_last_segment_twice_and_no_more() {
    let run = run(&datagram(100), |to, _| if to == To::Receiver { vec![10] } else { vec![] });
    assert_eq!(run.ended, Ended::Failed(Failure::Unanswered));
    assert_eq!(run.delivered, [datagram(100)], "what the node heard, it told once");
    let (ends, rest): (Vec<_>, Vec<_>) = run.sent.iter().partition(|(_, said)| Piece::of(said).unwrap().is_last());
    assert_eq!((rest.len(), ends.len()), (2, 2));
    assert_eq!(ends[1].0.since(ends[0].0), Duration::from_secs(1));
}

#[test]
fn segments_in_any_order_and_twice_make_one_datagram() {
    let payload = datagram(200);
    let mut shuffled = segments(&payload, 5);
    shuffled.reverse();
    shuffled.extend(shuffled.clone());
    let mut incoming = Incoming::default();
    let heard: Vec<_> = shuffled.iter().map(|segment| incoming.hear(segment, at(0))).collect();
    let told: Vec<_> = heard.iter().filter_map(|heard| heard.datagram.clone()).collect();
    assert_eq!(told, [Body(payload)]);
    assert_eq!(heard[0].reply, Some(request(5, 0)), "the end came first");
    assert_eq!(heard[6].reply, Some(complete(5)), "the end came again");
    assert_eq!(incoming.deadline(), None);
}

#[test]
fn a_repeated_last_segment_is_confirmed_again_and_delivered_once() {
    let payload = datagram(100);
    let segments = segments(&payload, 7);
    let mut incoming = Incoming::default();
    for segment in &segments {
        incoming.hear(segment, at(100));
    }
    let again = incoming.hear(&segments[2], at(1_100));
    assert_eq!(again, Heard { reply: Some(complete(7)), datagram: None });
    assert_eq!(incoming.hear(&segments[0], at(1_200)), Heard::default(), "a late copy of another one");
    // Long after, the same session and size is another datagram, whose content may be the same.
    assert_eq!(incoming.hear(&segments[2], at(60_000)).reply, Some(request(7, 0)));
}

#[test]
fn a_new_datagram_under_a_used_session_is_not_confirmed_early() {
    let (old, new) = (datagram(100), datagram(160)[60..].to_vec());
    let mut incoming = Incoming::default();
    for segment in &segments(&old, 0) {
        incoming.hear(segment, at(0));
    }
    let mut replies: Vec<_> = segments(&new, 0).iter().map(|segment| incoming.hear(segment, at(500))).collect();
    assert_eq!(replies.pop().unwrap().reply, Some(request(0, 0)));
    let again: Vec<_> = segments(&new, 0).iter().filter_map(|segment| incoming.hear(segment, at(600)).datagram).collect();
    assert_eq!(again, [Body(new)]);
}

#[test]
fn half_of_one_datagram_and_half_of_another_never_become_one() {
    let (old, new) = (datagram(100), datagram(160)[60..].to_vec());
    let mut incoming = Incoming::default();
    incoming.hear(&segments(&old, 0)[0], at(0));
    let told: Vec<_> = segments(&new, 0).iter().filter_map(|segment| incoming.hear(segment, at(500)).datagram).collect();
    assert_eq!(told, [Body(new)]);
}

#[test]
fn a_node_in_the_midst_of_a_datagram_puts_the_next_one_off_until_the_first_is_given_up() {
    let (first, second) = (segments(&datagram(200), 1), segments(&datagram(120), 2));
    let mut incoming = Incoming::default();
    incoming.hear(&first[0], at(0));
    let Some(TransportService::SegmentWait(wait)) = incoming.hear(&second[0], at(100)).reply else { panic!("no wait") };
    assert_eq!(wait.pending_segments, 7, "when the pause is over, so is the patience with the first one");
    assert_eq!(incoming.hear(&second[1], at(110)), Heard::default());
    assert_eq!(incoming.hear(&second[0], at(800)), Heard::default(), "the first one was silent: now it is the second one's turn");
    assert_eq!(incoming.hear(&second[1], at(835)), Heard::default());
    assert_eq!(incoming.hear(&second[2], at(870)), Heard::default());
    assert_eq!(incoming.hear(&second[3], at(905)).reply, Some(complete(2)));
}

#[test]
fn a_datagram_whose_sender_is_gone_does_not_stay_in_memory() {
    let mut incoming = Incoming::default();
    incoming.hear(&segments(&datagram(200), 1)[1], at(0));
    let mut requests = Vec::new();
    while let Some(deadline) = incoming.deadline() {
        requests.extend(incoming.handle_timeout(deadline.at).map(|said| (deadline.at.as_millis(), said)));
    }
    let expected: Vec<_> = (1..=5).map(|nth| (nth * 800, request(1, 0))).collect();
    assert_eq!(requests, expected);
}

#[test]
fn a_segment_that_lies_about_its_place_is_dropped() {
    let mut incoming = Incoming::default();
    let mut segment = |size, offset, len| {
        let said = TransportService::SubsequentSegment(crate::command::transport_service::SubsequentSegment {
            datagram_size: Offset::new(size).unwrap(),
            datagram_offset: Offset::new(offset).unwrap(),
            session_id: session(1),
            header_extension: None,
            partial_datagram: Body(vec![1; len]),
        });
        (incoming.hear(&said, at(0)), incoming.deadline())
    };
    for (size, offset, len) in [(100, 90, 11), (100, 200, 1), (0, 0, 0), (0, 0, 5), (100, 0, 0), (1281, 0, 39), (2047, 2047, 39)]
    {
        assert_eq!(segment(size, offset, len), (Heard::default(), None), "{size} {offset} {len}");
    }
}

#[test]
fn a_busy_node_gets_its_pause_and_is_tried_again() {
    let mut outgoing = Outgoing::new(datagram(100), session(3)).unwrap();
    let Some(SendStep::Send(first)) = outgoing.poll(at(0)) else { panic!("nothing to send") };
    outgoing.hear(&from_hex("55f004"), at(10));
    outgoing.sent(at(20));
    assert_eq!(outgoing.poll(at(409)), None);
    assert_eq!(outgoing.deadline().map(|deadline| deadline.at), Some(at(410)));
    assert_eq!(outgoing.poll(at(410)), Some(SendStep::Send(first)), "from the beginning");
    outgoing.sent(at(420));
    for _ in 0..5 {
        outgoing.hear(&TransportService::SegmentWait(SegmentWait { pending_segments: 0 }), at(430));
    }
    assert_eq!(outgoing.poll(at(1_000)), Some(SendStep::Ended(Ended::Failed(Failure::Busy))));
}

#[test]
fn the_vectors_are_processed_as_described() {
    // A last segment out of nothing: 27 bytes of 300, from 273 on.
    let mut incoming = Incoming::default();
    let last = from_hex("55e12cf1110102030405060708090a0b0c0d0e0f101112131415161718191a1b1e71");
    assert_eq!(incoming.hear(&last, at(0)).reply, Some(request(15, 0)));

    let mut outgoing = Outgoing::new(datagram(100), session(3)).unwrap();
    for now in [0, 100, 200] {
        assert!(matches!(outgoing.poll(at(now)), Some(SendStep::Send(_))));
        outgoing.sent(at(now));
    }
    // Segment Request for byte 39: the second segment goes again, and all after it.
    outgoing.hear(&from_hex("55c83027"), at(300));
    let mut again = Vec::new();
    for now in [300, 400] {
        let Some(SendStep::Send(segment)) = outgoing.poll(at(now)) else { panic!("nothing to send") };
        again.push(Piece::of(&segment).unwrap().offset);
        outgoing.sent(at(now));
    }
    assert_eq!((again, outgoing.poll(at(500))), (vec![39, 78], None));
    // Complete: first for a session of someone else's, then for this one.
    outgoing.hear(&complete(4), at(500));
    assert_eq!(outgoing.poll(at(500)), None);
    outgoing.hear(&from_hex("55e830"), at(500));
    assert_eq!(outgoing.poll(at(500)), Some(SendStep::Ended(Ended::Complete)));
    assert_eq!(outgoing.deadline(), None);
}

#[test]
fn a_confirmation_of_an_earlier_datagram_does_not_end_this_one() {
    let mut outgoing = Outgoing::new(datagram(100), session(3)).unwrap();
    assert!(outgoing.poll(at(0)).is_some());
    outgoing.sent(at(0));
    outgoing.hear(&complete(3), at(10));
    assert!(matches!(outgoing.poll(at(100)), Some(SendStep::Send(_))));
}

#[test]
fn the_bytes_of_a_datagram_do_not_get_into_a_log() {
    let payload = b"\x63\x01\x05\x01471147114711".repeat(8);
    let mut incoming = Incoming::default();
    let segments = segments(&payload, 1);
    let outgoing = Outgoing::new(payload, session(1)).unwrap();
    let mut said = format!("{outgoing:?} {:?}", SendStep::Send(segments[0].clone()));
    for segment in &segments {
        said += &format!("{:?} {incoming:?}", incoming.hear(segment, at(0)));
    }
    assert!(!said.contains("52") && !said.contains("55, 49") && !said.contains("4711"), "{said}");
}

proptest! {
    /// Loss, copies and changed order, as the seed has it: the datagram arrives once and whole, or its sender knows that
    /// it may not have.
    #[test]
    fn what_the_sender_believes_is_true_whatever_the_line_does(seed: u64, len in 1..=LONGEST, loss in 0..60u64, copies in 0..30u64) {
        let mut entropy = Entropy::from_number(seed);
        let payload = datagram(len);
        let run = run(&payload, |_, _| {
            let mut arrivals = Vec::new();
            for chance in [100, copies] {
                if entropy.below(100) < chance && entropy.below(100) >= loss {
                    arrivals.push(5 + entropy.below(80));
                }
            }
            arrivals
        });
        prop_assert!(run.delivered.len() <= 1 && run.delivered.iter().all(|told| *told == payload));
        if run.ended == Ended::Complete {
            prop_assert_eq!(run.delivered.len(), 1);
        }
        prop_assert!(run.received_all, "the receiver forgets what it can't finish");
        let paced = len <= 2 * SEGMENT || run.sent.windows(2).all(|pair| pair[1].0.since(pair[0].0) >= Duration::from_millis(35));
        prop_assert!(paced);
    }

    /// The same for one datagram after the other, of which some are given up: none becomes part of another, and a late copy
    /// is not another one.
    #[test]
    fn datagrams_that_follow_each_other_do_not_get_mixed_up(
        seed: u64, lens in prop::collection::vec(1..200usize, 2..6), loss in 0..60u64, copies in 0..60u64,
    ) {
        let mut entropy = Entropy::from_number(seed);
        let payloads: Vec<_> = (0..).zip(&lens).map(|(index, len)| [&[index][..], &datagram(*len)].concat()).collect();
        let run = run_all(&payloads, |_, _| {
            let mut arrivals = Vec::new();
            for chance in [100, copies] {
                if entropy.below(100) < chance && entropy.below(100) >= loss {
                    arrivals.push(5 + entropy.below(80));
                }
            }
            arrivals
        });
        prop_assert!(run.delivered.iter().all(|told| payloads.contains(told)));
        for (payload, ended) in payloads.iter().zip(&run.all_ended) {
            let told = run.delivered.iter().filter(|told| *told == payload).count();
            prop_assert!(told == 1 || told == 0 && *ended != Ended::Complete, "{} times, {:?}", told, ended);
        }
        prop_assert!(run.received_all);
    }

    /// A line that swallows a tenth of the segments, though never two in a row, still carries everything. Answers arrive:
    /// of two confirmations lost, the sender can only say that it does not know.
    #[test]
    fn a_tenth_of_the_segments_may_be_lost(seed: u64, len in 1..=400usize) {
        let mut entropy = Entropy::from_number(seed);
        let payload = datagram(len);
        let mut lost = false;
        let run = run(&payload, |to, _| {
            lost = to == To::Receiver && !lost && entropy.below(10) == 0;
            if lost { vec![] } else { vec![10] }
        });
        prop_assert_eq!((run.ended, run.delivered), (Ended::Complete, vec![payload]));
    }

    #[test]
    fn no_segments_of_a_stranger_can_panic(said in prop::collection::vec((0..4u8, 0..2048usize, 0..2048usize, 0..60usize, 0..2000u64), 0..60)) {
        let mut incoming = Incoming::default();
        let mut outgoing = Outgoing::new(datagram(100), session(1)).unwrap();
        let mut now = at(0);
        for (number, size, offset, len, pause) in said {
            now = now + Duration::from_millis(pause);
            let said = TransportService::SubsequentSegment(crate::command::transport_service::SubsequentSegment {
                datagram_size: Offset::new(size % 200).unwrap(),
                datagram_offset: Offset::new(offset % 200).unwrap(),
                session_id: session(number),
                header_extension: None,
                partial_datagram: Body(vec![number; len]),
            });
            let _ = (incoming.hear(&said, now), incoming.handle_timeout(now), outgoing.poll(now));
            outgoing.hear(&request(1, offset), now);
            outgoing.sent(now);
        }
    }
}
