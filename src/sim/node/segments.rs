//! Transport Service (docs/protocol/command-classes.md 0x55). Time-outs are those of the controller: a lock requests
//! missing segments after the last one arrived, and repeats segments on request.

use std::time::Duration;

use crate::command::transport_service::{
    FirstSegment, Offset, SegmentComplete, SegmentRequest, SessionId, SubsequentSegment, TransportService,
};
use crate::command::{Body, Command};

/// Maximum payload of a frame, and of a segment.
const ROOM: usize = 46;
const SEGMENT: usize = 39;
/// Pause between two segments, so that others can use the channel.
pub(super) const GAP: Duration = Duration::from_millis(35);

/// Datagrams in both directions.
#[derive(Debug, Default)]
pub(super) struct Segments {
    incoming: Option<(SessionId, Vec<Option<u8>>)>,
    /// The last complete datagram: its last segment may be repeated.
    done: Option<(SessionId, usize)>,
    outgoing: Option<(SessionId, Vec<u8>)>,
    session: SessionId,
}

/// The result of a segment.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// To be sent in this order.
    pub(super) frames: Vec<Vec<u8>>,
    pub(super) datagram: Option<Vec<u8>>,
}

impl Segments {
    /// The frames of a payload: itself, or its segments.
    pub(super) fn cut(&mut self, payload: Vec<u8>) -> Vec<Vec<u8>> {
        if payload.len() <= ROOM {
            return vec![payload];
        }
        self.session = self.session.next();
        let frames = segments(self.session, &payload, 0);
        self.outgoing = Some((self.session, payload));
        frames
    }

    /// Handles a frame of the class.
    pub(super) fn hear(&mut self, said: &TransportService) -> Heard {
        match said {
            TransportService::FirstSegment(it) => self.piece(it.session_id, it.datagram_size, 0, &it.partial_datagram.0),
            TransportService::SubsequentSegment(it) => {
                self.piece(it.session_id, it.datagram_size, it.datagram_offset.bytes(), &it.partial_datagram.0)
            }
            TransportService::SegmentRequest(it) => match &self.outgoing {
                Some((session, payload)) if *session == it.session_id => {
                    Heard { frames: segments(*session, payload, it.datagram_offset.bytes()), datagram: None }
                }
                _ => Heard::default(),
            },
            TransportService::SegmentComplete(it) => {
                self.outgoing.take_if(|(session, _)| *session == it.session_id);
                Heard::default()
            }
            TransportService::SegmentWait(_) => Heard::default(),
        }
    }

    fn piece(&mut self, session: SessionId, size: Offset, offset: usize, bytes: &[u8]) -> Heard {
        let (size, end) = (size.bytes(), offset + bytes.len());
        if offset > 0 && self.done == Some((session, size)) {
            let frames = if end == size { vec![complete(session)] } else { Vec::new() };
            return Heard { frames, datagram: None };
        }
        if offset == 0 {
            // Session ids are reused.
            self.done.take_if(|(done, _)| *done == session);
        }
        let (_, gathered) = match &mut self.incoming {
            Some(incoming) if incoming.0 == session && incoming.1.len() == size && offset > 0 => incoming,
            incoming => incoming.insert((session, vec![None; size])),
        };
        let Some(place) = gathered.get_mut(offset..end) else { return Heard::default() };
        place.iter_mut().zip(bytes).for_each(|(to, from)| *to = Some(*from));
        match gathered.iter().position(Option::is_none) {
            None => {
                let datagram = gathered.iter().copied().flatten().collect();
                (self.incoming, self.done) = (None, Some((session, size)));
                Heard { frames: vec![complete(session)], datagram: Some(datagram) }
            }
            Some(missing) if end == size => {
                let asked = Offset::new(missing).map(|datagram_offset| SegmentRequest { session_id: session, datagram_offset });
                let frames = asked.map(|asked| written(TransportService::SegmentRequest(asked)));
                Heard { frames: frames.into_iter().collect(), datagram: None }
            }
            Some(_) => Heard::default(),
        }
    }
}

/// The segments of a payload from an offset on.
fn segments(session: SessionId, payload: &[u8], from: usize) -> Vec<Vec<u8>> {
    let Some(datagram_size) = Offset::new(payload.len()) else { return Vec::new() };
    let pieces = payload.chunks(SEGMENT).enumerate().map(|(n, piece)| (n * SEGMENT, piece));
    pieces
        .filter(|(offset, _)| offset + SEGMENT > from)
        .filter_map(|(offset, piece)| {
            let (header_extension, partial_datagram) = (None, Body(piece.to_vec()));
            Some(written(match offset {
                0 => TransportService::FirstSegment(FirstSegment {
                    datagram_size,
                    session_id: session,
                    header_extension,
                    partial_datagram,
                }),
                _ => TransportService::SubsequentSegment(SubsequentSegment {
                    datagram_size,
                    datagram_offset: Offset::new(offset)?,
                    session_id: session,
                    header_extension,
                    partial_datagram,
                }),
            }))
        })
        .collect()
}

fn complete(session_id: SessionId) -> Vec<u8> {
    written(TransportService::SegmentComplete(SegmentComplete { session_id }))
}

fn written(said: TransportService) -> Vec<u8> {
    Command::TransportService(said).write()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(frame: &[u8]) -> TransportService {
        match Command::parse(frame) {
            Ok(Command::TransportService(said)) => said,
            other => panic!("{other:?}"),
        }
    }

    fn long() -> Vec<u8> {
        (0..100).collect()
    }

    #[test]
    fn what_fits_is_sent_as_it_is_and_the_rest_in_frames_that_fit() {
        let mut segments = Segments::default();
        assert_eq!(segments.cut(vec![7; 46]), [vec![7; 46]]);
        let frames = segments.cut(long());
        assert_eq!(frames.len(), 3);
        assert!(frames.iter().all(|frame| frame.len() <= ROOM));
    }

    #[test]
    fn a_datagram_is_delivered_once_and_confirmed_again_for_a_repeat() {
        let frames = Segments::default().cut(long());
        let mut heard = Segments::default();
        let told: Vec<_> = frames.iter().map(|frame| heard.hear(&parse(frame)).datagram).collect();
        assert_eq!(told, [None, None, Some(long())]);
        let again = heard.hear(&parse(&frames[2]));
        assert_eq!((again.frames, again.datagram), (vec![vec![0x55, 0xE8, 0x10]], None));
    }

    #[test]
    fn a_datagram_under_an_id_that_came_around_is_heard() {
        let mut heard = Segments::default();
        for first in [0, 100] {
            // A sender that was restarted begins with the same session id.
            let datagram: Vec<u8> = (first..first + 100).collect();
            let frames = Segments::default().cut(datagram.clone());
            let told: Vec<_> = frames.iter().filter_map(|frame| heard.hear(&parse(frame)).datagram).collect();
            assert_eq!(told, [datagram]);
        }
    }

    #[test]
    fn a_segment_that_was_lost_is_asked_for_and_sent_again() {
        let mut sender = Segments::default();
        let frames = sender.cut(long());
        let mut heard = Segments::default();
        heard.hear(&parse(&frames[0]));
        let asked = heard.hear(&parse(&frames[2])).frames;
        // Segment Request: session 1, from byte 39 on.
        assert_eq!(asked, [[0x55, 0xC8, 0x10, 39]]);
        let again = sender.hear(&parse(&asked[0])).frames;
        assert_eq!(again, frames[1..]);
        let told = again.iter().filter_map(|frame| heard.hear(&parse(frame)).datagram).collect::<Vec<_>>();
        assert_eq!(told, [long()]);
    }
}
