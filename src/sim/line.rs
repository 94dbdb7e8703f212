//! The controller's side of the serial line: it acknowledges frames of the host and repeats its own
//! (docs/protocol/serial-api.md §1).

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::time::{Deadline, Instant};
use crate::serial::frame::{ACK, CAN, Decoder, Frame, NAK, Received};

/// Time-out for the host's ACK (host guide: 1.5 s), and the number of tries for each frame.
const ACK_WAIT: Duration = Duration::from_millis(1_500);
const SHORTEST_WAIT: Duration = Duration::from_millis(10);
const TRIES: u8 = 4;
/// An incomplete frame of the host is dropped after this time.
const FRAME_TIME: Duration = Duration::from_millis(1_500);
/// Maximum number of frames queued for the host; later ones are lost.
const MOST_WAITING: usize = 64;

/// The frame of the controller that waits for its ACK.
#[derive(Debug)]
struct OnTheLine {
    bytes: Vec<u8>,
    tries: u8,
    due: Instant,
}

/// The controller's side of the line.
#[derive(Debug)]
pub struct Line {
    ack_wait: Duration,
    decoder: Decoder,
    unfinished_since: Option<Instant>,
    waiting: VecDeque<Frame>,
    on_the_line: Option<OnTheLine>,
    transmit: VecDeque<Vec<u8>>,
    received: VecDeque<Frame>,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            ack_wait: ACK_WAIT,
            decoder: Decoder::default(),
            unfinished_since: None,
            waiting: VecDeque::new(),
            on_the_line: None,
            transmit: VecDeque::new(),
            received: VecDeque::new(),
        }
    }
}

impl Line {
    /// Sets the time-out for the host's ACK (0x06).
    pub fn set_ack_wait(&mut self, wait: Duration) {
        self.ack_wait = wait.max(SHORTEST_WAIT);
    }

    /// Handles bytes from the host.
    pub fn bytes(&mut self, bytes: &[u8], now: Instant) {
        self.decoder.push(bytes);
        while let Some(received) = self.decoder.next() {
            match received {
                Received::Ack => self.on_the_line = None,
                Received::Nak | Received::Can => self.repeat(now),
                // A controller that waits for an ACK drops frames of the host: this is the meaning of CAN.
                Received::Frame(_) if self.on_the_line.is_some() => self.transmit.push_back(vec![CAN]),
                Received::Frame(frame) => {
                    self.transmit.push_back(vec![ACK]);
                    self.received.push_back(frame);
                }
                Received::BadChecksum => self.transmit.push_back(vec![NAK]),
                Received::Garbage(_) => {}
            }
        }
        let since = self.unfinished_since.unwrap_or(now);
        self.unfinished_since = self.decoder.is_mid_frame().then_some(since);
        self.send_next(now);
    }

    /// Queues a frame for the host.
    pub fn send(&mut self, frame: Frame, now: Instant) {
        if self.waiting.len() < MOST_WAITING {
            self.waiting.push_back(frame);
        }
        self.send_next(now);
    }

    /// The next frame from the host, which has been acknowledged.
    pub fn poll_received(&mut self) -> Option<Frame> {
        self.received.pop_front()
    }

    /// Bytes for the host.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.transmit.pop_front()
    }

    /// Whether no frame waits for the host or for its ACK.
    pub fn is_quiet(&self) -> bool {
        self.on_the_line.is_none() && self.transmit.is_empty()
    }

    /// Repeats a frame without ACK, and drops an incomplete frame.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.on_the_line.as_ref().is_some_and(|own| own.due <= now) {
            self.repeat(now);
        }
        if self.unfinished_since.is_some_and(|since| since + FRAME_TIME <= now) {
            self.decoder.reset();
            self.unfinished_since = None;
        }
        self.send_next(now);
    }

    /// When a frame has to be repeated or dropped.
    pub fn poll_deadline(&self) -> Option<Deadline> {
        let ack = self.on_the_line.as_ref().map(|own| Deadline { at: own.due, why: "the host acknowledges" });
        let frame = self.unfinished_since.map(|since| Deadline { at: since + FRAME_TIME, why: "the host's frame ends" });
        Deadline::earliest(ack, frame)
    }

    fn repeat(&mut self, now: Instant) {
        let Some(own) = &mut self.on_the_line else { return };
        if own.tries >= TRIES {
            self.on_the_line = None;
            return;
        }
        own.tries += 1;
        own.due = now + self.ack_wait;
        self.transmit.push_back(own.bytes.clone());
    }

    fn send_next(&mut self, now: Instant) {
        if self.on_the_line.is_some() {
            return;
        }
        let Some(frame) = self.waiting.pop_front() else { return };
        let bytes = frame.encode();
        self.transmit.push_back(bytes.clone());
        self.on_the_line = Some(OnTheLine { bytes, tries: 1, due: now + self.ack_wait });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serial::FunctionId;

    /// Get Version, byte for byte from docs/protocol/serial-api.md §1.
    const GET_VERSION: [u8; 5] = [0x01, 0x03, 0x00, 0x15, 0xE9];
    const NOW: Instant = Instant::from_millis(10);

    fn started() -> Frame {
        Frame::request(FunctionId::SERIAL_API_STARTED, vec![7])
    }

    fn drain(line: &mut Line) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| line.poll_transmit()).collect()
    }

    #[test]
    fn a_good_frame_is_acknowledged_and_a_damaged_one_is_not_taken() {
        let mut line = Line::default();
        line.bytes(&GET_VERSION, NOW);
        assert_eq!(drain(&mut line), [[ACK]]);
        assert_eq!(line.poll_received().map(|frame| frame.function), Some(FunctionId::GET_CONTROLLER_VERSION));
        line.bytes(&[0x01, 0x03, 0x00, 0x15, 0xE8], NOW);
        assert_eq!(drain(&mut line), [[NAK]]);
        assert_eq!(line.poll_received(), None);
    }

    #[test]
    fn a_frame_that_collides_with_the_controllers_own_is_cancelled() {
        let mut line = Line::default();
        line.send(started(), NOW);
        line.bytes(&GET_VERSION, NOW);
        assert_eq!(drain(&mut line), [started().encode(), vec![CAN]]);
        assert_eq!(line.poll_received(), None);
    }

    #[test]
    fn a_host_that_does_not_acknowledge_gets_the_frame_again_and_then_no_more() {
        let mut line = Line::default();
        line.send(started(), NOW);
        let mut sent = drain(&mut line).len();
        while let Some(deadline) = line.poll_deadline() {
            line.handle_timeout(deadline.at);
            sent += drain(&mut line).len();
        }
        assert_eq!(sent, usize::from(TRIES));
    }

    #[test]
    fn half_a_frame_does_not_swallow_the_next_one() {
        let mut line = Line::default();
        line.bytes(&GET_VERSION[..3], NOW);
        let deadline = line.poll_deadline().expect("a frame has begun");
        line.handle_timeout(deadline.at);
        line.bytes(&GET_VERSION, deadline.at);
        assert_eq!(drain(&mut line), [[ACK]]);
    }
}
