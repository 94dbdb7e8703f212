//! Radio statistics: airtime, frames and beams of each sender, and the duty cycle.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::domain::ids::NodeId;
use crate::domain::time::Instant;

use super::party::Party;

/// The share of an hour that a transmitter may send at 868.4 MHz in Europe: 1 % (docs/protocol/timing.md §4).
pub const DUTY_CYCLE_LIMIT: f64 = 0.01;

const HOUR: Duration = Duration::from_hours(1);
/// What is sent within this time is one entry of the last hour.
const GRAIN: u64 = 1_000;

/// Counts of one sender, or of all.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Microseconds of transmission: frames, acknowledgements and beams.
    pub airtime_us: u64,
    /// Frames, including repetitions and each hop of a route, without acknowledgements.
    pub frames: u64,
    /// Frames that were repeated without an acknowledgement.
    pub retransmissions: u64,
    /// Beams: for a node those that were sent to wake it, for the controller those that it sent.
    pub beams: u64,
    /// Beams that woke a receiver: for a node, how often it woke.
    pub wake_ups: u64,
}

/// Statistics since the start. Times are realistic, even if the world runs faster.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct RadioStatistics {
    pub total: Counts,
    pub controller: Counts,
    /// Each node that sent, or that a beam was sent to.
    pub nodes: BTreeMap<NodeId, Counts>,
    /// Microseconds that the controller sent in the last hour in the limited band.
    pub last_hour_us: u64,
}

impl RadioStatistics {
    /// The duty cycle of the controller in the limited band during the last hour: 1.0 is all of it.
    pub fn duty_cycle(&self) -> f64 {
        Duration::from_micros(self.last_hour_us).as_secs_f64() / HOUR.as_secs_f64()
    }

    /// Whether the controller sent more than European law allows.
    pub fn is_over_limit(&self) -> bool {
        self.duty_cycle() > DUTY_CYCLE_LIMIT
    }
}

/// Writes down what is sent.
#[derive(Debug, Default)]
pub(super) struct Meter {
    counted: RadioStatistics,
    /// Transmissions of the controller in the limited band, by second, oldest first.
    hour: VecDeque<(Instant, u64)>,
    /// Remaining emissions of the controller's last transmission, which an abort removes.
    stoppable: Vec<Emission>,
}

/// One emission: a frame, acknowledgement or beam.
#[derive(Clone, Copy, Debug)]
pub(super) struct Emission {
    pub(super) from: Party,
    pub(super) at: Instant,
    pub(super) lasts: Duration,
    pub(super) limited: bool,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Frame { again: bool },
    Acknowledgement,
    Beam { to: NodeId, wakes: bool },
}

impl Meter {
    /// A transmission of the controller begins: the previous one cannot be aborted any more.
    pub(super) fn begin(&mut self) {
        self.stoppable.clear();
    }

    pub(super) fn sent(&mut self, emission: Emission, stoppable: bool) {
        if stoppable {
            self.stoppable.push(emission);
        }
        let add = |counts: &mut Counts, by: &Counts| {
            counts.airtime_us += by.airtime_us;
            counts.frames += by.frames;
            counts.retransmissions += by.retransmissions;
            counts.beams += by.beams;
            counts.wake_ups += by.wake_ups;
        };
        self.book(emission, add);
        if emission.from == Party::Controller && emission.limited {
            let (second, lasts) = (second_of(emission.at), micros(emission.lasts));
            while self.hour.front().is_some_and(|(at, _)| *at + HOUR < second) {
                self.hour.pop_front();
            }
            match self.hour.back_mut() {
                Some((at, sum)) if *at == second => *sum += lasts,
                _ => self.hour.push_back((second, lasts)),
            }
        }
    }

    /// The controller's transmission was aborted: later emissions are removed.
    pub(super) fn stop(&mut self, now: Instant) {
        let take = |counts: &mut Counts, by: &Counts| {
            counts.airtime_us = counts.airtime_us.saturating_sub(by.airtime_us);
            counts.frames = counts.frames.saturating_sub(by.frames);
            counts.retransmissions = counts.retransmissions.saturating_sub(by.retransmissions);
            counts.beams = counts.beams.saturating_sub(by.beams);
            counts.wake_ups = counts.wake_ups.saturating_sub(by.wake_ups);
        };
        for emission in std::mem::take(&mut self.stoppable) {
            let unsent = emission.lasts.saturating_sub(now.since(emission.at));
            // An emission that has begun counts up to now.
            let kind = if emission.at < now { Kind::Acknowledgement } else { emission.kind };
            self.book(Emission { lasts: unsent, kind, ..emission }, take);
            let second = second_of(emission.at);
            if emission.from == Party::Controller && emission.limited {
                let entry = self.hour.iter_mut().rev().find(|(at, _)| *at == second);
                entry.into_iter().for_each(|(_, sum)| *sum = sum.saturating_sub(micros(unsent)));
            }
        }
    }

    /// The statistics so far.
    pub(super) fn read(&self, now: Instant) -> RadioStatistics {
        let recent = self.hour.iter().filter(|(at, _)| *at + HOUR >= now);
        RadioStatistics { last_hour_us: recent.map(|(_, sum)| sum).sum(), ..self.counted.clone() }
    }

    fn book(&mut self, emission: Emission, book: fn(&mut Counts, &Counts)) {
        let mut counts = Counts { airtime_us: micros(emission.lasts), ..Counts::default() };
        match emission.kind {
            Kind::Frame { again } => (counts.frames, counts.retransmissions) = (1, again.into()),
            Kind::Acknowledgement => {}
            Kind::Beam { to, wakes } => {
                let beam = Counts { beams: 1, wake_ups: wakes.into(), ..Counts::default() };
                book(self.counted.nodes.entry(to).or_default(), &beam);
                book(&mut self.counted.total, &beam);
                if emission.from == Party::Controller {
                    book(&mut self.counted.controller, &beam);
                }
            }
        }
        book(&mut self.counted.total, &counts);
        match emission.from {
            Party::Controller => book(&mut self.counted.controller, &counts),
            Party::Node(node) => book(self.counted.nodes.entry(node).or_default(), &counts),
            Party::Outside => {}
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn second_of(at: Instant) -> Instant {
    Instant::from_millis(at.as_millis() / GRAIN * GRAIN)
}
