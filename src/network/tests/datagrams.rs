//! Commands that do not fit a frame, on their way to a lock and from it.

use super::*;
use crate::command::transport_service::{
    FirstSegment, Offset, SegmentComplete, SegmentRequest, SegmentWait, SessionId as Session, SubsequentSegment, TransportService,
};
use crate::command::{Body, Command};

/// Configuration Bulk Report with values that make it long.
fn long(len: u8) -> Vec<u8> {
    [&[0x70, 0x09, 0, 1, len, 0, 1][..], &(0..len).collect::<Vec<u8>>()].concat()
}

fn segments(payload: &[u8], session: u8) -> Vec<Command> {
    let size = Offset::new(payload.len()).unwrap();
    let session_id = Session::new(session);
    let piece = |(n, bytes): (usize, &[u8])| {
        let partial_datagram = Body(bytes.to_vec());
        Command::TransportService(if n == 0 {
            TransportService::FirstSegment(FirstSegment {
                datagram_size: size,
                session_id,
                header_extension: None,
                partial_datagram,
            })
        } else {
            let datagram_offset = Offset::new(n * 39).unwrap();
            TransportService::SubsequentSegment(SubsequentSegment {
                datagram_size: size,
                datagram_offset,
                session_id,
                header_extension: None,
                partial_datagram,
            })
        })
    };
    payload.chunks(39).enumerate().map(piece).collect()
}

fn lock_with_transport() -> Peer {
    let mut peer = Peer { answers: |_| Vec::new(), airtime: Duration::from_millis(20), ..Peer::old_lock() };
    peer.classes.extend([ClassId::TRANSPORT_SERVICE, ClassId::CONFIGURATION]);
    peer
}

impl Bench {
    fn segments_to(&self, node: NodeId) -> Vec<TransportService> {
        let transport = |(_, command): (Instant, Command)| match command {
            Command::TransportService(said) => Some(said),
            _ => None,
        };
        self.sent_to(node).into_iter().filter_map(transport).collect()
    }

    /// The datagram that the lock could put together of what it got since `from`.
    fn put_together(&self, node: NodeId) -> Option<Vec<u8>> {
        let mut incoming = crate::network::segments::Incoming::default();
        let heard = self.segments_to(node).iter().filter_map(|said| incoming.hear(said, self.clock).datagram).last();
        heard.map(|body| body.0)
    }
}

fn session_of(sent: &[TransportService]) -> Session {
    match &sent[0] {
        TransportService::FirstSegment(first) => first.session_id,
        other => panic!("not a first segment: {other:?}"),
    }
}

#[test]
fn a_command_that_does_not_fit_a_frame_arrives_whole_and_the_job_ends_when_the_lock_has_it() {
    let mut bench = Bench::with_known(&[(LOCK, lock_with_transport())]);
    let command = Command::parse(&long(120)).unwrap();
    let job = bench.submit(LOCK, Priority::Write, command, Completion::Nothing);
    // Nobody else's command gets between its segments and their confirmation.
    let behind = bench.submit(LOCK, Priority::Write, read_code(1), Completion::Nothing);
    bench.run(600);
    let sent = bench.segments_to(LOCK);
    assert_eq!(sent.len(), 4);
    assert_eq!(bench.put_together(LOCK), Some(long(120)));
    assert_eq!((bench.outcome(job), bench.outcome(behind)), (None, None));
    let session_id = session_of(&sent);
    bench.hear(LOCK, &Command::TransportService(TransportService::SegmentComplete(SegmentComplete { session_id })));
    assert_eq!(bench.outcome(job), Some(&Outcome::Delivered));
    bench.run(600);
    assert_eq!(bench.outcome(behind), Some(&Outcome::Delivered));
}

#[test]
fn a_segment_that_was_lost_on_the_air_is_sent_again_when_the_lock_asks() {
    let mut bench = Bench::with_known(&[(LOCK, lock_with_transport())]);
    bench.controller.results.extend([Ok(TxStatus::OK), Ok(TxStatus::NO_ACK)]);
    let job = bench.submit(LOCK, Priority::Write, Command::parse(&long(120)).unwrap(), Completion::Nothing);
    bench.run(300);
    let session_id = session_of(&bench.segments_to(LOCK));
    let datagram_offset = Offset::new(39).unwrap();
    bench
        .hear(LOCK, &Command::TransportService(TransportService::SegmentRequest(SegmentRequest { session_id, datagram_offset })));
    bench.run(300);
    assert_eq!(bench.segments_to(LOCK).len(), 4 + 3, "from there to the end");
    bench.hear(LOCK, &Command::TransportService(TransportService::SegmentComplete(SegmentComplete { session_id })));
    assert_eq!(bench.outcome(job), Some(&Outcome::Delivered));
}

#[test]
fn a_long_command_without_confirmation_is_not_delivered() {
    let mut bench = Bench::with_known(&[(LOCK, lock_with_transport())]);
    let job = bench.submit(LOCK, Priority::Background, Command::parse(&long(60)).unwrap(), Completion::Nothing);
    bench.run(20_000);
    assert_eq!(bench.outcome(job), Some(&Outcome::NoReport));
    // A busy lock puts it off; the pause is the lock's to say.
    let job = bench.submit(LOCK, Priority::Write, Command::parse(&long(60)).unwrap(), Completion::Nothing);
    bench.run(100);
    let before = bench.segments_to(LOCK).len();
    bench.hear(LOCK, &Command::TransportService(TransportService::SegmentWait(SegmentWait { pending_segments: 20 })));
    bench.run(1_900);
    assert_eq!(bench.segments_to(LOCK).len(), before);
    bench.run(400);
    let sent = bench.segments_to(LOCK);
    assert!(sent.len() > before);
    let session_id = session_of(&sent[before..]);
    bench.hear(LOCK, &Command::TransportService(TransportService::SegmentComplete(SegmentComplete { session_id })));
    assert_eq!(bench.outcome(job), Some(&Outcome::Delivered));
}

#[test]
fn a_long_command_is_lost_with_the_controller_and_not_forgotten() {
    let mut bench = Bench::with_known(&[(LOCK, lock_with_transport())]);
    let job = bench.submit(LOCK, Priority::Write, Command::parse(&long(120)).unwrap(), Completion::Supervised);
    bench.run(60);
    bench.replug();
    assert_eq!(bench.outcome(job), Some(&Outcome::ControllerGone));
}

#[test]
fn an_event_in_segments_out_of_order_is_heard_once_and_confirmed() {
    let mut bench = Bench::with_known(&[(LOCK, lock_with_transport())]);
    let pieces = segments(&long(100), 5);
    for piece in pieces.iter().rev() {
        bench.hear(LOCK, piece);
    }
    bench.run(500);
    let told = || bench.events.iter().filter(|(_, event)| matches!(event, NetworkEvent::Received { .. })).count();
    assert_eq!(told(), 1);
    let complete = TransportService::SegmentComplete(SegmentComplete { session_id: Session::new(5) });
    assert_eq!(bench.segments_to(LOCK).last(), Some(&complete));
}

#[test]
fn a_segment_that_never_came_is_asked_for() {
    let mut bench = Bench::with_known(&[(LOCK, lock_with_transport())]);
    let pieces = segments(&long(100), 6);
    bench.hear(LOCK, &pieces[0]);
    bench.run(700);
    assert!(bench.segments_to(LOCK).is_empty());
    bench.run(300);
    let request = SegmentRequest { session_id: Session::new(6), datagram_offset: Offset::new(39).unwrap() };
    assert_eq!(bench.segments_to(LOCK), [TransportService::SegmentRequest(request)]);
    pieces[1..].iter().for_each(|piece| bench.hear(LOCK, piece));
    bench.run(500);
    assert!(bench.events.iter().any(|(_, event)| matches!(event, NetworkEvent::Received { .. })));
}

#[test]
fn segments_by_multicast_are_ignored() {
    let mut bench = Bench::with_known(&[(LOCK, lock_with_transport())]);
    for piece in segments(&long(60), 7) {
        bench.hear_with(LOCK, &piece, RxStatus(0x08));
    }
    bench.run(5_000);
    assert!(bench.segments_to(LOCK).is_empty());
    assert!(!bench.events.iter().any(|(_, event)| matches!(event, NetworkEvent::Received { .. })));
}
