//! The radio channel between the controller and the nodes: one transmission at a time, links with a rate and repeaters,
//! faults from a seed, beams that wake FLiRS receivers, and statistics. Facts: docs/protocol/timing.md §1, §2, §4, §6.
//!
//! | file | what |
//! | --- | --- |
//! | `rate` | bit rates, and the airtime of a frame |
//! | `meter` | what was sent by whom, in total and in the last hour |

mod meter;
mod party;
mod rate;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::entropy::Entropy;
use crate::domain::ids::NodeId;
use crate::domain::node::Beam;
use crate::domain::time::Instant;

pub use meter::{Counts, DUTY_CYCLE_LIMIT, RadioStatistics};
use meter::{Emission, Kind, Meter};
pub use party::Party;
pub use rate::Rate;

/// The quality of the radio. Percentages above 100 count as 100.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Conditions {
    /// Percentage of frames that are lost, on each hop of a route.
    pub loss: u8,
    /// Percentage of acknowledgements that are lost: the receiver acted, the sender does not know.
    pub ack_loss: u8,
    /// Percentage of frames that reach the application of the receiver twice.
    pub duplication: u8,
    /// Percentage of frames that reach the application so late that others overtake them.
    pub reordering: u8,
    /// Maximum delay of a frame without reordering.
    pub delay: Duration,
    /// Divides beams, airtime and route searches: 1 is realistic, larger is faster. Above 0. Only the default
    /// conditions count.
    pub haste: f32,
}

impl Default for Conditions {
    fn default() -> Self {
        Self { loss: 0, ack_loss: 0, duplication: 0, reordering: 0, delay: Duration::ZERO, haste: 1.0 }
    }
}

/// The link between the controller and a node.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Link {
    /// Its rate. Long Range nodes always use their own rate.
    pub rate: Rate,
    /// The repeaters, beginning at the controller; at most four, and none for Long Range.
    pub repeaters: Vec<NodeId>,
    /// Its quality on each hop; `None`: the default conditions.
    pub conditions: Option<Conditions>,
}

impl Link {
    /// A link over these nodes.
    pub fn over(repeaters: impl IntoIterator<Item = NodeId>) -> Self {
        Self { repeaters: repeaters.into_iter().take(MOST_REPEATERS).collect(), ..Self::default() }
    }

    /// A direct link at this rate.
    pub fn at(rate: Rate) -> Self {
        Self { rate, ..Self::default() }
    }

    /// The same link with its own conditions.
    #[must_use]
    pub fn with(self, conditions: Conditions) -> Self {
        Self { conditions: Some(conditions), ..self }
    }
}

/// Direction of a frame; the controller is at the other end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Way {
    /// From the controller to a node.
    To(NodeId),
    /// From a node to the controller.
    From(NodeId),
    /// From a device outside to the controller.
    FromOutside,
}

/// How hard a sender tries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Effort {
    /// Sends it once and asks for no acknowledgement.
    Once,
    /// Repeats it until it is acknowledged.
    Repeat,
    /// Tries other routes, too.
    Search,
}

/// A frame to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sending {
    pub way: Way,
    /// Bytes of application payload.
    pub bytes: usize,
    /// How hard the sender tries.
    pub effort: Effort,
    /// A repeater on the route that does not work at the moment.
    pub broken: Option<NodeId>,
}

/// The receiver of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receiver {
    /// Its beam interval; `None`: it always listens.
    pub beam: Option<Beam>,
    /// It is awake until this time.
    pub awake_until: Instant,
    /// It receives nothing: out of range, or without power.
    pub deaf: bool,
}

/// The result of a transmission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flight {
    /// When the application of the receiver gets the frame; `None`: never.
    pub heard: Option<Instant>,
    /// When the application gets it a second time.
    pub again: Option<Instant>,
    /// When the sender has the result.
    pub ends: Instant,
    /// Whether it was acknowledged.
    pub acked: bool,
    /// The beam before it, if one was needed.
    pub beam: Option<Beam>,
    /// When the transmission began; the channel may have been busy before.
    pub began: Instant,
    /// How fast it was.
    pub rate: Rate,
    /// The repeaters, beginning at the controller; 0 for none.
    pub repeaters: [u8; MOST_REPEATERS],
    pub attempts: u8,
    /// The last link that failed, from and to.
    pub failed_link: Option<(Party, Party)>,
}

#[derive(Debug)]
pub struct RadioChannel {
    conditions: Conditions,
    links: BTreeMap<NodeId, Link>,
    entropy: Entropy,
    busy_until: Instant,
    /// Time of the last frame delivered in order.
    last_heard: BTreeMap<Way, Instant>,
    meter: Meter,
}

/// Maximum number of repeaters of a route.
pub const MOST_REPEATERS: usize = 4;

/// Number of direct tries before the controller looks for another route.
const DIRECT_TRIES: u8 = 3;
/// How long routes and the explorer search take before the chip gives up (docs/protocol/timing.md §6: 2–8 s).
const SEARCH: Duration = Duration::from_secs(2);
/// Pause before an acknowledgement, and in a repeater (docs/protocol/timing.md §3).
const TURN_AROUND: Duration = Duration::from_millis(1);
const REPEATING: Duration = Duration::from_millis(10);
/// Mask of receivers in a multicast frame, with its length byte.
const MULTICAST_HEADER: usize = 30;
/// Maximum delay of a frame that is overtaken.
const OVERTAKEN_MILLIS: u64 = 1_000;

impl RadioChannel {
    /// A channel whose faults are determined by `entropy`.
    pub fn new(conditions: Conditions, entropy: Entropy) -> Self {
        Self {
            conditions,
            links: BTreeMap::new(),
            entropy,
            busy_until: Instant::ZERO,
            last_heard: BTreeMap::new(),
            meter: Meter::default(),
        }
    }

    pub fn conditions(&self) -> Conditions {
        self.conditions
    }

    /// Changes the conditions, except for links with their own.
    pub fn set_conditions(&mut self, conditions: Conditions) {
        self.conditions = conditions;
    }

    /// Changes the link to a node.
    pub fn set_link(&mut self, node: NodeId, link: Link) {
        self.links.insert(node, link);
    }

    /// The link to a node: by default direct with 40 kbit/s, or Long Range.
    pub fn link(&self, node: NodeId) -> Link {
        let mut link = self.links.get(&node).cloned().unwrap_or_default();
        if node.is_long_range() {
            link.rate = Rate::LongRange;
            link.repeaters.clear();
        }
        link.repeaters.truncate(MOST_REPEATERS);
        link
    }

    /// The statistics so far.
    pub fn statistics(&self, now: Instant) -> RadioStatistics {
        self.meter.read(now)
    }

    /// Sends a frame as soon as the channel is free.
    pub fn transmit(&mut self, sending: Sending, receiver: Receiver, now: Instant) -> Flight {
        let (link, path) = self.path(sending.way);
        let conditions = link.conditions.unwrap_or(self.conditions);
        let began = now.max(self.busy_until);
        let asleep = receiver.beam.filter(|_| began >= receiver.awake_until);
        if matches!(sending.way, Way::To(_)) {
            self.meter.begin();
        }
        let mut run = Run { channel: self, sending, link: &link, conditions, began, took: Duration::ZERO };
        let (mut beam, mut arrived, mut acked, mut failed_link) = (None, None, false, None);
        let tries = if sending.effort == Effort::Once { 1 } else { DIRECT_TRIES };
        let mut attempts = 0;
        while attempts < tries && !acked {
            attempts += 1;
            let stuck = run.forward(&path, receiver, asleep, attempts > 1, &mut beam);
            failed_link = stuck.or(failed_link);
            if stuck.is_some() {
                continue;
            }
            // The receiver's radio drops repetitions: the application gets only the first copy.
            arrived = arrived.or(Some(run.took));
            if sending.effort != Effort::Once {
                let stuck = run.back(&path);
                failed_link = stuck.or(failed_link);
                acked = stuck.is_none();
            }
        }
        if !acked && sending.effort == Effort::Search {
            run.search(&path);
        }
        let took = run.took;
        let ends = began + self.hurried(took);
        self.busy_until = ends;
        let arrived = arrived.map(|took| began + self.hurried(took));
        let heard = arrived.map(|at| self.reaches_application(sending.way, at, conditions));
        let again = heard.filter(|_| self.happens(conditions.duplication)).map(|at| at + self.jitter(conditions.delay));
        let mut repeaters = [0; MOST_REPEATERS];
        for (place, node) in repeaters.iter_mut().zip(&link.repeaters) {
            *place = u8::try_from(node.0).unwrap_or(0);
        }
        Flight { heard, again, ends, acked, beam, began, rate: link.rate, repeaters, attempts, failed_link }
    }

    /// A multicast of the controller: every node in range that is awake receives it, and none acknowledges. Returns the
    /// receivers with their times, and the end.
    pub fn multicast(&mut self, bytes: usize, to: &[(NodeId, Receiver)], now: Instant) -> (Vec<(NodeId, Instant)>, Instant) {
        self.meter.begin();
        let began = now.max(self.busy_until);
        let rate = Rate::default();
        let lasts = rate.airtime(bytes + MULTICAST_HEADER);
        let kind = Kind::Frame { again: false };
        self.meter.sent(Emission { from: Party::Controller, at: began, lasts, limited: rate.is_limited(), kind }, true);
        self.busy_until = began + self.hurried(lasts);
        let mut heard = Vec::new();
        for (node, receiver) in to {
            let link = self.link(*node);
            let conditions = link.conditions.unwrap_or(self.conditions);
            let listens = !receiver.deaf && (receiver.beam.is_none() || began < receiver.awake_until);
            if listens && link.repeaters.is_empty() && !self.happens(conditions.loss) {
                heard.push((*node, self.reaches_application(Way::To(*node), self.busy_until, conditions)));
            }
        }
        (heard, self.busy_until)
    }

    /// Aborts the transmission under way.
    pub fn abort(&mut self, now: Instant) {
        self.busy_until = self.busy_until.min(now);
        self.meter.stop(now);
    }

    /// The link, and the hops from the sender to the receiver.
    fn path(&self, way: Way) -> (Link, Vec<Party>) {
        let (node, from_controller) = match way {
            Way::To(node) => (node, true),
            Way::From(node) => (node, false),
            Way::FromOutside => return (Link::default(), vec![Party::Outside, Party::Controller]),
        };
        let link = self.link(node);
        let repeaters = link.repeaters.iter().copied().map(Party::Node);
        let mut path: Vec<_> = [Party::Controller].into_iter().chain(repeaters).chain([Party::Node(node)]).collect();
        if !from_controller {
            path.reverse();
        }
        (link, path)
    }

    /// When the application gets what the radio received.
    fn reaches_application(&mut self, way: Way, at: Instant, conditions: Conditions) -> Instant {
        if self.happens(conditions.reordering) {
            let late = Duration::from_millis(1 + self.entropy.below(OVERTAKEN_MILLIS));
            return at + self.hurried(late);
        }
        let at = at + self.jitter(conditions.delay);
        let last = self.last_heard.entry(way).or_insert(at);
        *last = at.max(*last);
        *last
    }

    fn jitter(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX - 1);
        let drawn = if most == 0 { 0 } else { self.entropy.below(most + 1) };
        self.hurried(Duration::from_millis(drawn))
    }

    fn happens(&mut self, percent: u8) -> bool {
        percent > 0 && self.entropy.below(100) < u64::from(percent)
    }

    fn hurried(&self, real: Duration) -> Duration {
        real.div_f32(self.conditions.haste.max(0.01))
    }
}

/// A transmission under way.
struct Run<'a> {
    channel: &'a mut RadioChannel,
    sending: Sending,
    link: &'a Link,
    conditions: Conditions,
    began: Instant,
    /// Duration so far, not yet divided by `haste`.
    took: Duration,
}

impl Run<'_> {
    /// Sends the frame along the path. `Some`: the hop at which it was lost.
    fn forward(
        &mut self,
        path: &[Party],
        receiver: Receiver,
        asleep: Option<Beam>,
        again: bool,
        beam: &mut Option<Beam>,
    ) -> Option<(Party, Party)> {
        let bytes = self.sending.bytes + self.routing();
        for (n, (from, to)) in hops(path).enumerate() {
            let last = n + 2 == path.len();
            if n > 0 {
                self.took += REPEATING;
            }
            // The last hop wakes the receiver, once for all repetitions.
            if let (true, Some(asleep), None, Party::Node(node)) = (last, asleep, &beam, to) {
                *beam = Some(asleep);
                let kind = Kind::Beam { to: node, wakes: !receiver.deaf };
                self.emit(from, beam_time(asleep), self.link.rate != Rate::LongRange, kind);
            }
            self.emit(from, self.link.rate.airtime(bytes), self.link.rate.is_limited(), Kind::Frame { again });
            let deaf = if last { receiver.deaf } else { self.sending.broken.map(Party::Node) == Some(to) };
            if deaf || self.channel.happens(self.conditions.loss) {
                return Some((from, to));
            }
        }
        None
    }

    /// Sends the acknowledgement back, hop by hop. `Some`: the hop at which it was lost.
    fn back(&mut self, path: &[Party]) -> Option<(Party, Party)> {
        let bytes = self.routing();
        for (n, (to, from)) in hops(path).rev().enumerate() {
            self.took += if n > 0 { REPEATING } else { TURN_AROUND };
            self.emit(from, self.link.rate.airtime(bytes), self.link.rate.is_limited(), Kind::Acknowledgement);
            if self.channel.happens(self.conditions.ack_loss) {
                return Some((from, to));
            }
        }
        None
    }

    /// One explorer frame, which finds no other route.
    fn search(&mut self, path: &[Party]) {
        let Some(from) = path.first() else { return };
        let end = self.took + SEARCH;
        let kind = Kind::Frame { again: true };
        self.emit(*from, self.link.rate.airtime(self.sending.bytes), self.link.rate.is_limited(), kind);
        self.took = end;
    }

    /// Additional bytes of a routed frame.
    fn routing(&self) -> usize {
        if self.link.repeaters.is_empty() { 0 } else { 3 + self.link.repeaters.len() }
    }

    fn emit(&mut self, from: Party, lasts: Duration, limited: bool, kind: Kind) {
        let at = self.began + self.channel.hurried(self.took);
        let stoppable = matches!(self.sending.way, Way::To(_));
        self.channel.meter.sent(Emission { from, at, lasts, limited, kind }, stoppable);
        self.took += lasts;
    }
}

fn hops(path: &[Party]) -> impl DoubleEndedIterator<Item = (Party, Party)> + ExactSizeIterator {
    path.iter().copied().zip(path.iter().copied().skip(1))
}

/// A beam lasts slightly longer than the receiver's interval (docs/protocol/timing.md §2).
fn beam_time(beam: Beam) -> Duration {
    match beam {
        Beam::Ms1000 => Duration::from_millis(1_100),
        Beam::Ms250 => Duration::from_millis(300),
    }
}

#[cfg(test)]
mod tests;
