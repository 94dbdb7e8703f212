//! The simulated world: a controller on a serial line, the radio channel, and the locks, driven by a clock that is an
//! argument.

mod alarms;
mod joining;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::entropy::Entropy;
use crate::domain::ids::{HomeId, NodeId};
use crate::domain::time::{Deadline, Instant};

use super::blueprint::Blueprint;
use super::controller::{Controller, ControllerMemory, Effect, OWN, Outcome, Transmission, Wake};
use super::device::{Call, Device, DeviceId, Outside};
use super::line::Line;
use super::node::{Membership, Memory, Node, Typed};
use super::radio::{Conditions, Effort, Link, RadioChannel, RadioStatistics, Receiver, Sending, Way};
use crate::security::keys::KeyMask;
use alarms::Alarms;

#[derive(Debug)]
enum Due {
    /// The controller is up after a reset.
    ControllerStarts,
    /// The application of a node gets a frame of that transmission.
    NodeHears { node: NodeId, number: u64, payload: Vec<u8> },
    /// A node is asked for its node information frame.
    NodeIsAsked { node: NodeId, number: u64 },
    /// The controller gets the node information frame of a node.
    ControllerIsNotified { node: NodeId },
    /// The result of a transmission of the controller.
    Transmitted { number: u64, outcome: Outcome },
    /// A node wants to send.
    NodeSpeaks { node: NodeId, payload: Vec<u8> },
    /// The controller gets a frame of a node.
    ControllerReceives { node: NodeId, payload: Vec<u8> },
    /// A node receives a protocol frame.
    NodeIsReached { node: NodeId },
    /// The controller gets a frame of a device outside the network.
    ControllerIsCalled { device: DeviceId, call: Call },
    /// The button of a node was pressed.
    NodeLeaves { node: NodeId, until: Instant },
    /// A node leaves by itself.
    NodeGivesUp { node: NodeId },
    /// The watchdog restarts a hanging controller.
    WatchdogReset,
    /// The next step of an inclusion or exclusion.
    ControllerProceeds,
}

/// The state of the controller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Plug {
    /// Plugged in and working.
    In,
    /// Plugged in and hanging: not even an ACK is sent.
    Hanging,
    /// Pulled out of the host.
    Out,
}

/// The controller, the radio channel and the locks.
#[derive(Debug)]
pub struct World {
    line: Line,
    controller: Controller,
    plug: Plug,
    channel: RadioChannel,
    nodes: BTreeMap<NodeId, Node>,
    /// The home id that each node uses.
    homes: BTreeMap<NodeId, HomeId>,
    devices: BTreeMap<DeviceId, Device>,
    inside: BTreeMap<NodeId, DeviceId>,
    outside: BTreeMap<DeviceId, Outside>,
    node_alarms: Alarms<NodeId>,
    device_alarms: Alarms<DeviceId>,
    entropy: Entropy,
    agenda: BTreeMap<(Instant, u64), Due>,
    scheduled: u64,
}

/// Start-up time of a controller.
const CONTROLLER_START_DELAY: Duration = Duration::from_millis(250);
/// Time until the watchdog restarts a hanging controller.
const WATCHDOG_RESET_DELAY: Duration = Duration::from_secs(1);
/// Length of a node information frame without its classes.
const NODE_INFORMATION: usize = 8;
/// Delay of a late callback after the answer of a lock with that quirk.
const LATE_CALLBACK: Duration = Duration::from_millis(100);

impl World {
    /// A world in which everything random comes from `entropy`.
    pub fn new(blueprint: &Blueprint, entropy: &Entropy) -> Self {
        let mut world = Self {
            line: Line::default(),
            controller: Controller::new(blueprint.chip.clone(), blueprint.home, &BTreeMap::new(), entropy.child("sim/stick")),
            plug: Plug::In,
            channel: RadioChannel::new(blueprint.radio, entropy.child("sim/air")),
            nodes: BTreeMap::new(),
            homes: blueprint.nodes.keys().map(|node| (*node, blueprint.home)).collect(),
            devices: BTreeMap::new(),
            inside: BTreeMap::new(),
            outside: BTreeMap::new(),
            node_alarms: Alarms::default(),
            device_alarms: Alarms::default(),
            entropy: entropy.clone(),
            agenda: BTreeMap::new(),
            scheduled: 0,
        };
        for (node, model) in &blueprint.nodes {
            let entropy = entropy.child(&format!("sim/lock {node}"));
            let device = Device::with_key(model.clone(), &entropy);
            let mut memory = Memory::fresh(model);
            if let Some(contents) = blueprint.contents.get(node) {
                contents.fill(&mut memory);
            }
            memory.membership = blueprint.keys.as_ref().map(|keys| Membership {
                home: blueprint.home,
                own: *node,
                controller: OWN,
                granted: model.requests & if node.is_long_range() { KeyMask::LONG_RANGE } else { KeyMask::KNOWN },
                keys: keys.clone(),
            });
            world.nodes.insert(*node, Node::with_memory(model.clone(), memory, entropy));
            world.set_alarm(*node);
            if let Some(link) = blueprint.links.get(node) {
                world.set_link(*node, link.clone());
            }
            let id = world.next_device();
            world.devices.insert(id, device);
            world.inside.insert(*node, id);
        }
        world.controller = Controller::new(blueprint.chip.clone(), blueprint.home, &world.nodes, entropy.child("sim/stick"));
        world
    }

    /// Bytes the host wrote to the port.
    pub fn bytes_from_host(&mut self, bytes: &[u8], now: Instant) {
        if self.plug != Plug::In {
            return;
        }
        self.line.bytes(bytes, now);
        while let Some(frame) = self.line.poll_received() {
            let effects = self.controller.request(&frame);
            self.carry_out(effects, now);
        }
    }

    /// Bytes for the host to read.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.line.poll_transmit()
    }

    /// Whether the host has read and acknowledged everything.
    pub fn is_heard_out(&self) -> bool {
        self.line.is_quiet()
    }

    /// Processes everything that is due.
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
        for node in self.node_alarms.due(now) {
            self.visit(node, |lock| lock.handle_timeout(now));
            self.watch(node, now);
        }
        self.call_out(now);
    }

    /// When the next event is due.
    pub fn poll_deadline(&self) -> Option<Deadline> {
        let agenda = self.agenda.first_key_value().map(|((at, _), _)| Deadline { at: *at, why: "radio event" });
        let alarms = Deadline::earliest(self.node_alarms.earliest(), self.device_alarms.earliest());
        Deadline::earliest(Deadline::earliest(agenda, self.line.poll_deadline()), alarms)
    }

    /// A code is typed at the keypad of a lock. `None`: there is no such lock.
    pub fn keypad(&mut self, node: NodeId, code: &[u8], now: Instant) -> Option<Typed> {
        self.visit(node, |lock| lock.type_code(code, now))
    }

    /// Calls `act` with a lock, and sends what the lock reports because of it.
    pub fn visit<T>(&mut self, node: NodeId, act: impl FnOnce(&mut Node) -> T) -> Option<T> {
        let lock = self.nodes.get_mut(&node)?;
        let result = act(lock);
        while let Some(spoken) = lock.poll_transmit() {
            self.scheduled += 1;
            self.agenda.insert((spoken.at, self.scheduled), Due::NodeSpeaks { node, payload: spoken.payload });
        }
        self.set_alarm(node);
        Some(result)
    }

    /// The controller receives a forged frame in the name of a node.
    pub fn forge(&mut self, node: NodeId, payload: Vec<u8>, now: Instant) {
        self.schedule(now, Due::ControllerReceives { node, payload });
    }

    /// A lock, for inspection.
    pub fn node(&self, node: NodeId) -> Option<&Node> {
        self.nodes.get(&node)
    }

    /// The nodes of the network.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().map(|(id, node)| (*id, node))
    }

    /// Changes the conditions of the radio.
    pub fn set_conditions(&mut self, conditions: Conditions) {
        self.channel.set_conditions(conditions);
    }

    /// The default conditions of the radio.
    pub fn conditions(&self) -> Conditions {
        self.channel.conditions()
    }

    /// Changes the link to a node: rate, repeaters, quality.
    pub fn set_link(&mut self, node: NodeId, link: Link) {
        self.controller.set_way(node, &link.repeaters);
        self.channel.set_link(node, link);
    }

    /// The link to a node.
    pub fn link(&self, node: NodeId) -> Link {
        self.channel.link(node)
    }

    /// Radio statistics so far: airtime, frames, beams, and the controller's duty cycle.
    pub fn radio(&self, now: Instant) -> RadioStatistics {
        self.channel.statistics(now)
    }

    /// Unplugs the controller and plugs it in again: settings and transmissions are lost, the network is not.
    pub fn replug(&mut self, now: Instant) {
        self.pull_controller(now);
        self.plug_controller_in(now);
    }

    pub fn pull_controller(&mut self, now: Instant) {
        self.stops(Plug::Out, now);
    }

    /// Plugs it in again.
    pub fn plug_controller_in(&mut self, now: Instant) {
        self.starts_by(Wake::PowerUp, now);
    }

    /// The controller hangs: it sends nothing and acknowledges nothing until its watchdog, if it is on, restarts it, or
    /// it is replugged.
    pub fn hang_controller(&mut self, now: Instant) {
        self.stops(Plug::Hanging, now);
        if self.controller.is_watched() {
            self.schedule(now + WATCHDOG_RESET_DELAY, Due::WatchdogReset);
        }
    }

    /// The non-volatile memory of the controller, which another controller can be given.
    pub fn controller_memory(&self) -> &ControllerMemory {
        self.controller.memory()
    }

    /// Replaces the controller by one with that memory.
    pub fn set_controller_memory(&mut self, memory: ControllerMemory, now: Instant) {
        self.pull_controller(now);
        self.controller.set_memory(memory);
        self.plug_controller_in(now);
    }

    /// The host closed the port: bytes for it are lost.
    pub fn host_left(&mut self) {
        self.line = Line::default();
    }

    fn happen(&mut self, due: Due, now: Instant) {
        match due {
            Due::ControllerStarts => {
                let effects = self.controller.start();
                self.carry_out(effects, now);
            }
            Due::NodeHears { node, payload, .. } => {
                self.visit(node, |lock| lock.receive(&payload, now));
                self.watch(node, now);
            }
            Due::NodeIsAsked { node, number } => {
                self.visit(node, |lock| lock.wake(now));
                let Some(lock) = self.nodes.get(&node) else { return };
                let bytes = NODE_INFORMATION + lock.listed().len();
                let sending = self.sending(Way::From(node), bytes, Effort::Search);
                let flight = self.channel.transmit(sending, self.controller_receives(node, now), now);
                match flight.heard {
                    Some(heard) => self.schedule(heard, Due::ControllerIsNotified { node }),
                    None => {
                        let outcome = Outcome { acked: false, ..Outcome::of(&flight) };
                        self.schedule(flight.ends, Due::Transmitted { number, outcome });
                    }
                }
            }
            Due::ControllerIsNotified { node } => {
                let Some(lock) = self.nodes.get(&node).filter(|_| self.controller_listens(node)) else { return };
                let effects = self.controller.node_information(node, lock);
                self.carry_out(effects, now);
            }
            Due::Transmitted { number, outcome } => {
                let effects = self.controller.transmitted(number, outcome);
                self.carry_out(effects, now);
            }
            Due::NodeSpeaks { node, payload } => {
                let Some(lock) = self.nodes.get(&node) else { return };
                if lock.is_gone() || lock.faults.mute {
                    return;
                }
                let sending = self.sending(Way::From(node), payload.len(), Effort::Search);
                let flight = self.channel.transmit(sending, self.controller_receives(node, now), now);
                for at in flight.heard.into_iter().chain(flight.again) {
                    self.schedule(at, Due::ControllerReceives { node, payload: payload.clone() });
                }
                if let Some(lock) = self.nodes.get_mut(&node) {
                    lock.has_spoken(flight.ends);
                }
            }
            Due::ControllerReceives { node, payload } => {
                if !self.controller_listens(node) {
                    return;
                }
                let effects = self.controller.hear(node, payload);
                self.carry_out(effects, now);
            }
            Due::NodeIsReached { node } => {
                self.visit(node, |lock| lock.wake(now));
            }
            Due::ControllerIsCalled { device, call } => self.called(device, call, now),
            Due::NodeGivesUp { node } => self.gives_up(node, now),
            Due::NodeLeaves { node, until } => self.node_leaves(node, until, now),
            Due::WatchdogReset => {
                if self.plug == Plug::Hanging {
                    self.starts_by(Wake::Watchdog, now);
                }
            }
            Due::ControllerProceeds => {
                let effects = self.controller.proceed();
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
                Effect::Proceed { after } => self.schedule(now + after, Due::ControllerProceeds),
                Effect::Joined { device, node } => self.joined(device, node, now),
                Effect::Left { node } => self.left(node, now),
                Effect::Multicast { number, nodes, payload } => self.multicast(number, nodes, &payload, now),
                Effect::AckWait(wait) => self.line.set_ack_wait(wait),
                Effect::Abort { number: stopped } => {
                    self.channel.abort(now);
                    let of_it = |due: &Due| match due {
                        Due::Transmitted { number, .. } | Due::NodeHears { number, .. } => *number == stopped,
                        _ => false,
                    };
                    self.agenda.retain(|_, due| !of_it(due));
                }
                Effect::Restart => self.restart(now),
            }
        }
    }

    fn restart(&mut self, now: Instant) {
        self.channel.abort(now);
        let lost = |due: &Due| matches!(due, Due::Transmitted { .. } | Due::ControllerStarts | Due::ControllerProceeds);
        self.agenda.retain(|_, due| !lost(due));
        self.schedule(now + CONTROLLER_START_DELAY, Due::ControllerStarts);
    }

    fn stops(&mut self, plug: Plug, now: Instant) {
        self.plug = plug;
        self.line = Line::default();
        self.restart(now);
        self.agenda.retain(|_, due| !matches!(due, Due::ControllerStarts));
    }

    fn starts_by(&mut self, wake: Wake, now: Instant) {
        self.plug = Plug::In;
        self.controller.wake_by(wake);
        self.line = Line::default();
        self.restart(now);
    }

    fn transmit(&mut self, transmission: Transmission, now: Instant) {
        let Transmission { node, number, payload, effort } = transmission;
        let sending = self.sending(Way::To(node), payload.len(), effort);
        let flight = self.channel.transmit(sending, self.receiver(node, now), now);
        let late = self.nodes.get(&node).filter(|lock| lock.model.quirks.answers_before_callback);
        let known = flight.ends + late.map_or(Duration::ZERO, |lock| lock.model.thinking + LATE_CALLBACK);
        for at in flight.heard.into_iter().chain(flight.again) {
            self.schedule(at, Due::NodeHears { node, number, payload: payload.clone() });
        }
        self.schedule(known, Due::Transmitted { number, outcome: Outcome::of(&flight) });
    }

    fn ask_node_info(&mut self, node: NodeId, number: u64, now: Instant) {
        let sending = self.sending(Way::To(node), 1, Effort::Search);
        let flight = self.channel.transmit(sending, self.receiver(node, now), now);
        match flight.heard {
            Some(heard) => self.schedule(heard, Due::NodeIsAsked { node, number }),
            None => self.schedule(flight.ends, Due::Transmitted { number, outcome: Outcome::of(&flight) }),
        }
    }

    fn reach(&mut self, node: NodeId, number: u64, now: Instant) {
        let sending = self.sending(Way::To(node), 1, Effort::Search);
        let flight = self.channel.transmit(sending, self.receiver(node, now), now);
        if let Some(heard) = flight.heard {
            self.schedule(heard, Due::NodeIsReached { node });
        }
        self.schedule(flight.ends, Due::Transmitted { number, outcome: Outcome::of(&flight) });
    }

    /// A multicast; an empty one is a protocol frame without an application payload.
    fn multicast(&mut self, number: u64, nodes: Vec<NodeId>, payload: &[u8], now: Instant) {
        let receivers: Vec<_> = nodes.into_iter().map(|node| (node, self.receiver(node, now))).collect();
        let (heard, ends) = self.channel.multicast(payload.len(), &receivers, now);
        for (node, at) in heard {
            self.schedule(at, Due::NodeHears { node, number, payload: payload.to_vec() });
        }
        let outcome = Outcome::of_multicast(ends.since(now));
        self.schedule(ends, Due::Transmitted { number, outcome });
    }

    fn sending(&self, way: Way, bytes: usize, effort: Effort) -> Sending {
        let repeaters = match way {
            Way::To(node) | Way::From(node) => self.channel.link(node).repeaters,
            Way::FromOutside => Vec::new(),
        };
        let silent = |node: &NodeId| self.nodes.get(node).is_none_or(|lock| lock.faults.gone);
        Sending { way, bytes, effort, broken: repeaters.into_iter().find(silent) }
    }

    /// How the radio reaches a node, if it exists.
    fn receiver(&self, node: NodeId, now: Instant) -> Receiver {
        let nobody = Receiver { beam: None, awake_until: now, deaf: true };
        let is_ours = |_: &&Node| self.homes.get(&node) == Some(&self.controller.home()) && self.controller.covers(node);
        self.nodes.get(&node).filter(is_ours).map_or(nobody, |node| node.receiver(now))
    }

    /// How the radio reaches the controller from a node.
    fn controller_receives(&self, node: NodeId, now: Instant) -> Receiver {
        Receiver { beam: None, awake_until: now, deaf: !self.controller_listens(node) }
    }

    /// Whether the controller is plugged in, listening, and in the same network as the node.
    fn controller_listens(&self, node: NodeId) -> bool {
        self.plug == Plug::In && self.controller.hears(node) && self.homes.get(&node) == Some(&self.controller.home())
    }

    /// Updates the deadline of a node after a change.
    fn set_alarm(&mut self, node: NodeId) {
        self.node_alarms.set(node, self.nodes.get(&node).and_then(Node::poll_deadline));
    }

    fn schedule(&mut self, at: Instant, due: Due) {
        self.scheduled += 1;
        self.agenda.insert((at, self.scheduled), due);
    }
}

#[cfg(test)]
mod tests;
