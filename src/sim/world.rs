//! The world around the daemon: a stick on a serial line, the air, and the locks, driven by one clock from outside.

mod joining;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::entropy::Entropy;
use crate::domain::ids::{HomeId, NodeId};
use crate::domain::time::{Deadline, Instant};

use super::air::{Air, Conditions, Receiver};
use super::chip::Chip;
use super::device::{Call, Device, DeviceId, Outside};
use super::line::Line;
use super::model::Model;
use super::node::{Membership, Memory, Node, Typed};
use super::stick::{Effect, OWN, Outcome, Stick, Transmission};
use crate::security::keys::{KeyMask, NetworkKeys};

/// Which stick and which nodes there are.
#[derive(Clone, Debug)]
pub struct Blueprint {
    /// The stick's make.
    pub chip: Chip,
    /// The network's home id.
    pub home: HomeId,
    /// Nodes that are included in the network.
    pub nodes: BTreeMap<NodeId, Model>,
    /// The keys of the network: its locks have those that they ask for. `None`: they have none.
    pub keys: Option<NetworkKeys>,
    /// The radio's quality.
    pub air: Conditions,
}

impl Blueprint {
    /// A modern stick with one lock of User Code version 2 (node 2) and an older one of version 1 (node 3).
    pub fn two_locks() -> Self {
        Self {
            chip: Chip::series_700(),
            home: HomeId(0xC0FF_EE01),
            nodes: BTreeMap::from([(NodeId(2), Model::version_2()), (NodeId(3), Model::version_1())]),
            keys: None,
            air: Conditions::default(),
        }
    }

    /// A modern stick with nobody in its network yet.
    pub fn empty() -> Self {
        Self { nodes: BTreeMap::new(), ..Self::two_locks() }
    }
}

/// What is to happen at some moment.
#[derive(Debug)]
enum Due {
    /// The stick is up after a reset.
    StickStarts,
    /// A node's application gets a frame.
    NodeHears { node: NodeId, payload: Vec<u8> },
    /// A node's radio is asked for its node information frame.
    NodeIsAsked { node: NodeId },
    /// The stick knows what became of its transmission.
    Transmitted { number: u64, outcome: Outcome },
    /// A node wants to send.
    NodeSpeaks { node: NodeId, payload: Vec<u8> },
    /// The stick gets a frame of a node.
    StickHears { node: NodeId, payload: Vec<u8> },
    /// A node's radio gets a frame of the protocol.
    NodeIsReached { node: NodeId },
    /// The stick gets the call of a device outside.
    StickIsCalled { device: DeviceId, call: Call },
    /// A node's button was pressed.
    NodeLeaves { node: NodeId, until: Instant },
    /// A node leaves by itself.
    NodeGivesUp { node: NodeId },
    /// The stick goes on with an inclusion or exclusion.
    StickProceeds,
}

/// A stick, the air and the locks. The verbs are those of every machine of the project.
#[derive(Debug)]
pub struct World {
    line: Line,
    stick: Stick,
    air: Air,
    nodes: BTreeMap<NodeId, Node>,
    devices: BTreeMap<DeviceId, Device>,
    inside: BTreeMap<NodeId, DeviceId>,
    outside: BTreeMap<DeviceId, Outside>,
    entropy: Entropy,
    agenda: BTreeMap<(Instant, u64), Due>,
    scheduled: u64,
}

/// How long a stick takes to start.
const STICK_STARTS_IN: Duration = Duration::from_millis(250);
/// The late callback of a quirky lock's stick comes this long after the lock's answer.
const LATE_CALLBACK: Duration = Duration::from_millis(100);

impl World {
    /// A world in which everything random follows from `entropy`.
    pub fn new(blueprint: &Blueprint, entropy: &Entropy) -> Self {
        let mut world = Self {
            line: Line::default(),
            stick: Stick::new(blueprint.chip.clone(), blueprint.home, &BTreeMap::new()),
            air: Air::new(blueprint.air, entropy.child("sim/air")),
            nodes: BTreeMap::new(),
            devices: BTreeMap::new(),
            inside: BTreeMap::new(),
            outside: BTreeMap::new(),
            entropy: entropy.clone(),
            agenda: BTreeMap::new(),
            scheduled: 0,
        };
        for (node, model) in &blueprint.nodes {
            let entropy = entropy.child(&format!("sim/lock {node}"));
            let device = Device::with_key(model.clone(), &entropy);
            let mut memory = Memory::fresh(model);
            memory.membership = blueprint.keys.as_ref().map(|keys| Membership {
                home: blueprint.home,
                own: *node,
                controller: OWN,
                granted: model.requests & if node.is_long_range() { KeyMask::LONG_RANGE } else { KeyMask::KNOWN },
                keys: keys.clone(),
            });
            world.nodes.insert(*node, Node::with_memory(model.clone(), memory, entropy));
            let id = world.next_device();
            world.devices.insert(id, device);
            world.inside.insert(*node, id);
        }
        world.stick = Stick::new(blueprint.chip.clone(), blueprint.home, &world.nodes);
        world
    }

    /// Bytes the host wrote to the port.
    pub fn bytes_from_host(&mut self, bytes: &[u8], now: Instant) {
        self.line.bytes(bytes, now);
        while let Some(frame) = self.line.poll_received() {
            let effects = self.stick.request(&frame);
            self.carry_out(effects, now);
        }
    }

    /// Bytes for the host to read.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.line.poll_transmit()
    }

    /// Lets everything happen that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(entry) = self.agenda.first_entry() {
            let (at, _) = *entry.key();
            if at > now {
                break;
            }
            let due = entry.remove();
            self.happen(due, at);
        }
        self.line.handle_timeout(now);
        let nodes: Vec<NodeId> = self.nodes.keys().copied().collect();
        for node in nodes {
            self.visit(node, |lock| lock.handle_timeout(now));
            self.watch(node, now);
        }
        self.call_out(now);
    }

    /// When something will happen next.
    pub fn poll_deadline(&self) -> Option<Deadline> {
        let agenda = self.agenda.first_key_value().map(|((at, _), _)| Deadline { at: *at, why: "something happens on the air" });
        let locks = self.nodes.values().filter_map(Node::poll_deadline).map(Some);
        let outside = self.outside.values().filter_map(Outside::poll_deadline).map(Some);
        locks.chain(outside).fold(Deadline::earliest(agenda, self.line.poll_deadline()), Deadline::earliest)
    }

    /// Somebody types a code at a lock's keypad. `None`: there is no such lock.
    pub fn keypad(&mut self, node: NodeId, code: &[u8], now: Instant) -> Option<Typed> {
        self.visit(node, |lock| lock.type_code(code, now))
    }

    /// Does something to a lock; what the lock has to say about it goes out.
    pub fn visit<T>(&mut self, node: NodeId, act: impl FnOnce(&mut Node) -> T) -> Option<T> {
        let lock = self.nodes.get_mut(&node)?;
        let result = act(lock);
        while let Some(spoken) = lock.poll_transmit() {
            self.scheduled += 1;
            self.agenda.insert((spoken.at, self.scheduled), Due::NodeSpeaks { node, payload: spoken.payload });
        }
        Some(result)
    }

    /// A lock as it is, for those who look at the world from outside.
    pub fn node(&self, node: NodeId) -> Option<&Node> {
        self.nodes.get(&node)
    }

    /// Changes the radio's quality from now on.
    pub fn set_conditions(&mut self, conditions: Conditions) {
        self.air.set_conditions(conditions);
    }

    /// Pulls the stick out and plugs it in again: its settings and transmissions are lost, the network is not.
    pub fn replug(&mut self, now: Instant) {
        self.line = Line::default();
        self.carry_out(vec![Effect::Restart], now);
    }

    /// The host closed the port: what was for it is lost.
    pub fn host_left(&mut self) {
        self.line = Line::default();
    }

    fn happen(&mut self, due: Due, now: Instant) {
        match due {
            Due::StickStarts => {
                let effects = self.stick.start();
                self.carry_out(effects, now);
            }
            Due::NodeHears { node, payload } => {
                self.visit(node, |lock| lock.receive(&payload, now));
                self.watch(node, now);
            }
            Due::NodeIsAsked { node } => {
                let Some(lock) = self.nodes.get_mut(&node) else { return };
                lock.wake(now);
                let effects = self.stick.node_information(node, lock);
                self.carry_out(effects, now);
            }
            Due::Transmitted { number, outcome } => {
                let effects = self.stick.transmitted(number, outcome);
                self.carry_out(effects, now);
            }
            Due::NodeSpeaks { node, payload } => {
                let Some(lock) = self.nodes.get(&node) else { return };
                if lock.is_gone() || lock.faults.mute {
                    return;
                }
                let stick = Receiver { beam: None, awake_until: now, deaf: false };
                let flight = self.air.transmit(payload.len(), stick, now);
                let Some(heard) = flight.heard else { return };
                if flight.twice {
                    self.schedule(heard, Due::StickHears { node, payload: payload.clone() });
                }
                self.schedule(heard, Due::StickHears { node, payload });
            }
            Due::StickHears { node, payload } => {
                let effects = self.stick.hear(node, payload);
                self.carry_out(effects, now);
            }
            Due::NodeIsReached { node } => {
                self.visit(node, |lock| lock.wake(now));
            }
            Due::StickIsCalled { device, call } => self.called(device, call, now),
            Due::NodeGivesUp { node } => self.gives_up(node, now),
            Due::NodeLeaves { node, until } => self.node_leaves(node, until, now),
            Due::StickProceeds => {
                let effects = self.stick.proceed();
                self.carry_out(effects, now);
            }
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>, now: Instant) {
        for effect in effects {
            match effect {
                Effect::ToHost(frame) => self.line.send(frame, now),
                Effect::Transmit(transmission) => self.transmit(transmission, now),
                Effect::AskNodeInfo { node, number } => self.ask_node_info(node, number, now),
                Effect::Reach { node, number } => self.reach(node, number, now),
                Effect::Proceed { after } => self.schedule(now + after, Due::StickProceeds),
                Effect::Joined { device, node } => self.joined(device, node, now),
                Effect::Left { node } => self.left(node, now),
                Effect::Abort => {
                    self.air.abort(now);
                    self.agenda.retain(|_, due| !matches!(due, Due::Transmitted { .. } | Due::NodeHears { .. }));
                }
                Effect::Restart => {
                    self.air.abort(now);
                    let lost = |due: &Due| matches!(due, Due::Transmitted { .. } | Due::StickStarts | Due::StickProceeds);
                    self.agenda.retain(|_, due| !lost(due));
                    self.schedule(now + STICK_STARTS_IN, Due::StickStarts);
                }
            }
        }
    }

    fn transmit(&mut self, transmission: Transmission, now: Instant) {
        let Transmission { node, number, payload } = transmission;
        let flight = self.air.transmit(payload.len(), self.receiver(node, now), now);
        let late = self.nodes.get(&node).filter(|lock| lock.model.quirks.answers_before_callback);
        let known = flight.ends + late.map_or(Duration::ZERO, |lock| lock.model.thinking + LATE_CALLBACK);
        if let Some(heard) = flight.heard {
            if flight.twice {
                self.schedule(heard, Due::NodeHears { node, payload: payload.clone() });
            }
            self.schedule(heard, Due::NodeHears { node, payload });
        }
        self.schedule(known, Due::Transmitted { number, outcome: Outcome::of(&flight) });
    }

    fn ask_node_info(&mut self, node: NodeId, number: u64, now: Instant) {
        let flight = self.air.transmit(1, self.receiver(node, now), now);
        match flight.heard {
            Some(heard) => self.schedule(heard, Due::NodeIsAsked { node }),
            None => self.schedule(flight.ends, Due::Transmitted { number, outcome: Outcome::of(&flight) }),
        }
    }

    fn reach(&mut self, node: NodeId, number: u64, now: Instant) {
        let flight = self.air.transmit(1, self.receiver(node, now), now);
        if let Some(heard) = flight.heard {
            self.schedule(heard, Due::NodeIsReached { node });
        }
        self.schedule(flight.ends, Due::Transmitted { number, outcome: Outcome::of(&flight) });
    }

    /// How the air reaches a node, if there is one.
    fn receiver(&self, node: NodeId, now: Instant) -> Receiver {
        let nobody = Receiver { beam: None, awake_until: now, deaf: true };
        self.nodes.get(&node).map_or(nobody, |lock| lock.receiver(now))
    }

    fn schedule(&mut self, at: Instant, due: Due) {
        self.scheduled += 1;
        self.agenda.insert((at, self.scheduled), due);
    }
}

#[cfg(test)]
mod tests;
