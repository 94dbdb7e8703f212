//! The air between the stick and the nodes: one transmission at a time, seeded loss, beams that wake FLiRS receivers.

use std::time::Duration;

use crate::domain::entropy::Entropy;
use crate::domain::node::Beam;
use crate::domain::time::Instant;

/// How good the radio is. Percentages above 100 count as 100.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Conditions {
    /// Of a hundred frames, how many the receiver does not hear.
    pub loss: u8,
    /// Of a hundred acknowledgements, how many the sender does not hear: the receiver acted, the sender does not know.
    pub ack_loss: u8,
    /// Of a hundred frames, how many reach the receiver's application twice.
    pub duplication: u8,
    /// Divides beams, airtime and the search for routes: 1 is real, 10 is a demo in a hurry. Above 0.
    pub haste: f32,
}

impl Default for Conditions {
    fn default() -> Self {
        Self { loss: 0, ack_loss: 0, duplication: 0, haste: 1.0 }
    }
}

/// Who is to hear a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receiver {
    /// How often it listens for a beam; `None`: it always listens.
    pub beam: Option<Beam>,
    /// Until when it is awake without a beam.
    pub awake_until: Instant,
    /// Hears nothing at all: dropped, out of range, flat battery.
    pub deaf: bool,
}

/// What becomes of one transmission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flight {
    /// When the receiver's application gets the frame; `None`: never.
    pub heard: Option<Instant>,
    /// The application gets it a second time.
    pub twice: bool,
    /// When the sender knows the outcome.
    pub ends: Instant,
    /// Whether the sender got an acknowledgement.
    pub acked: bool,
    /// The beam that had to be sent first.
    pub beam: Option<Beam>,
    /// When the transmission began: the air may have been taken.
    pub began: Instant,
}

/// The shared medium.
#[derive(Debug)]
pub struct Air {
    conditions: Conditions,
    entropy: Entropy,
    busy_until: Instant,
}

/// The radio chip repeats a frame that is not acknowledged before it looks for another route.
const DIRECT_TRIES: u8 = 3;
/// How long routes and the explorer search take before the chip gives up (timing sheet §6: 2–8 s).
const SEARCH: Duration = Duration::from_secs(2);

impl Air {
    /// An air whose faults are determined by `entropy`.
    pub fn new(conditions: Conditions, entropy: Entropy) -> Self {
        Self { conditions, entropy, busy_until: Instant::ZERO }
    }

    /// Changes the radio's quality from now on.
    pub fn set_conditions(&mut self, conditions: Conditions) {
        self.conditions = conditions;
    }

    /// Sends `bytes` bytes of application payload as soon as the air is free.
    pub fn transmit(&mut self, bytes: usize, receiver: Receiver, now: Instant) -> Flight {
        let began = now.max(self.busy_until);
        let beam = receiver.beam.filter(|_| began >= receiver.awake_until);
        let mut at = began + self.hurried(beam.map_or(Duration::ZERO, beam_time));
        let (mut heard, mut acked) = (None, false);
        for _ in 0..DIRECT_TRIES {
            at = at + self.hurried(airtime(bytes));
            if receiver.deaf || self.happens(self.conditions.loss) {
                continue;
            }
            // The receiver's radio drops repetitions of a frame it has: the application hears the first only.
            heard = heard.or(Some(at));
            at = at + self.hurried(airtime(0));
            if !self.happens(self.conditions.ack_loss) {
                acked = true;
                break;
            }
        }
        if !acked {
            at = at + self.hurried(SEARCH);
        }
        self.busy_until = at;
        Flight { heard, twice: heard.is_some() && self.happens(self.conditions.duplication), ends: at, acked, beam, began }
    }

    /// The sender stops what it is doing.
    pub fn abort(&mut self, now: Instant) {
        self.busy_until = self.busy_until.min(now);
    }

    fn happens(&mut self, percent: u8) -> bool {
        percent > 0 && self.entropy.below(100) < u64::from(percent)
    }

    fn hurried(&self, real: Duration) -> Duration {
        real.div_f32(self.conditions.haste.max(0.01))
    }
}

/// Time of one frame at 40 kbit/s: preamble, start and header of 31 bytes (timing sheet §1), rounded up.
fn airtime(bytes: usize) -> Duration {
    Duration::from_micros(u64::try_from((31 + bytes) * 8 * 25).unwrap_or(u64::MAX)).max(Duration::from_millis(1))
}

/// A beam lasts slightly longer than the receiver's interval (timing sheet §2).
fn beam_time(beam: Beam) -> Duration {
    match beam {
        Beam::Ms1000 => Duration::from_millis(1_100),
        Beam::Ms250 => Duration::from_millis(300),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: Receiver = Receiver { beam: Some(Beam::Ms1000), awake_until: Instant::ZERO, deaf: false };

    #[test]
    fn a_sleeping_lock_costs_a_beam_and_an_awake_one_does_not() {
        let mut air = Air::new(Conditions::default(), Entropy::from_number(1));
        let first = air.transmit(8, LOCK, Instant::from_millis(1));
        assert_eq!(first.beam, Some(Beam::Ms1000));
        assert!(first.ends.since(first.began) >= Duration::from_millis(1_100));
        let awake = Receiver { awake_until: first.ends + Duration::from_millis(200), ..LOCK };
        let second = air.transmit(8, awake, first.ends);
        assert_eq!(second.beam, None);
        assert!(second.ends.since(second.began) < Duration::from_millis(30));
    }

    #[test]
    fn two_transmissions_never_share_the_air() {
        let mut air = Air::new(Conditions::default(), Entropy::from_number(1));
        let first = air.transmit(8, LOCK, Instant::ZERO);
        let second = air.transmit(8, LOCK, Instant::from_millis(5));
        assert_eq!(second.began, first.ends);
    }

    #[test]
    fn a_lost_acknowledgement_leaves_the_sender_wrong_about_a_frame_that_arrived() {
        let conditions = Conditions { ack_loss: 100, ..Conditions::default() };
        let flight = Air::new(conditions, Entropy::from_number(1)).transmit(8, LOCK, Instant::ZERO);
        assert!(flight.heard.is_some());
        assert!(!flight.acked);
    }

    #[test]
    fn the_same_seed_loses_the_same_frames() {
        let conditions = Conditions { loss: 40, ack_loss: 20, duplication: 10, haste: 1.0 };
        let run = |seed| {
            let mut air = Air::new(conditions, Entropy::from_number(seed));
            (0..50).map(|_| air.transmit(8, LOCK, Instant::ZERO)).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }
}
