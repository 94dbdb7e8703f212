//! The control port of the simulator: actions of people and faults, one command per line, one JSON answer per line.
//!
//! Command names follow those of other lock simulators. Answers contain codes, because the port exists to look into
//! locks; logs do not.

mod answer;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::command::entry_control::EventType;
use crate::domain::ids::NodeId;
use crate::domain::pin::CodeText;
use crate::domain::time::Instant;

use super::blueprint::{Blueprint, QUIRKS, Quirk, Waiting};
use super::device::{DeviceId, Start};
use super::node::{Charge, Entry, Node, Typed};
use super::radio::{Counts, DUTY_CYCLE_LIMIT, RadioStatistics};
use super::world::World;

pub use answer::Answer;
use answer::{CodeDump, Dump, FaultsDump, NodeDump, Place, Radio, Sent};
pub use words::{COMMANDS, Refused};

#[derive(Clone, Debug)]
pub enum Command {
    /// An action in the world: [`Control::carry_out`].
    World(Deed),
    /// An action on the clock.
    Clock(Clock),
    Help,
    Quit,
}

/// An action in the world.
#[derive(Clone, Debug)]
pub enum Deed {
    /// Show the content of every node.
    Dump,
    /// Show the radio statistics.
    Stats,
    /// An action at one node.
    At(NodeId, Act),
    /// A device is switched on, or its button is pressed again. `None`: the first that is not in the network.
    Join(Option<String>),
    /// The first two groups of the controller's DSK are typed into a device without a label.
    Enter(String, [u16; 2]),
}

/// An action at a node.
#[derive(Clone, Debug)]
pub enum Act {
    /// The keypad moves the bolt for a user id, without a code.
    Operate { user: u16, locked: bool },
    /// A code is typed.
    Type(CodeText),
    /// Keys are typed at the keypad of an alarm panel.
    Press {
        /// The button after the keys; `None`: no button.
        button: Option<EventType>,
        keys: CodeText,
    },
    /// The bolt is turned by hand.
    Turn { locked: bool },
    /// A code is programmed at the lock.
    SetCode {
        /// The slot, which is a user id.
        user: u16,
        code: CodeText,
        /// The lock does not report it.
        quiet: bool,
    },
    /// A code is deleted at the lock.
    DelCode {
        /// The slot, which is a user id.
        user: u16,
        /// The lock does not report it.
        quiet: bool,
    },
    /// All codes are deleted at the lock.
    DelAll {
        /// The lock does not report it.
        quiet: bool,
    },
    /// The battery level changes to this percentage; the lock reports it.
    Battery(u8),
    /// A fault begins or ends.
    Fault(Fault, bool),
    /// A percentage of its frames is lost.
    Loss {
        /// Of acknowledgements only, not of frames.
        acks: bool,
        percent: u8,
    },
    /// Time from a command to its answer.
    Delay(Duration),
    /// Its button is pressed to exclude it.
    Leave,
    /// A power cut: nonces and everything else outside its memory are lost.
    Forget,
    /// A factory reset that the controller does not notice.
    Reset,
}

/// A fault of a node.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Receives and sends nothing.
    Drop,
    /// Acknowledges, but sends no commands.
    Mute,
    /// Its bolt does not move.
    Jam,
    /// A quirk of its model.
    Quirk(&'static Quirk),
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Clock {
    /// Jumps ahead; everything due until then happens in order.
    Advance(Duration),
    /// Speed of the clock relative to real time.
    Speed(f64),
}

/// The devices that are not included, and which of them was switched on.
#[derive(Debug)]
pub struct Control {
    outside: BTreeMap<String, (Waiting, Option<DeviceId>)>,
}

impl Command {
    /// Parses a line. The error contains the right syntax.
    pub fn parse(line: &str) -> Result<Self, Refused> {
        words::parse(line)
    }
}

impl Control {
    /// The control port of a world made from `blueprint`. Devices that are switched on from the start are offered to
    /// the world.
    pub fn begin(blueprint: &Blueprint, world: &mut World, now: Instant) -> Self {
        let mut control =
            Self { outside: blueprint.devices.iter().map(|(name, device)| (name.clone(), (device.clone(), None))).collect() };
        for (name, (waiting, id)) in &mut control.outside {
            if waiting.from_the_start {
                *id = Some(world.offer(waiting.device(name), now));
            }
        }
        control
    }

    /// Does it, and answers what is to be answered.
    pub fn carry_out(&mut self, deed: Deed, world: &mut World, now: Instant) -> Result<Answer, Refused> {
        match deed {
            Deed::Dump => Ok(Answer::Dump(self.dump(world))),
            Deed::Stats => Ok(Answer::Stats {
                now_ms: now.as_millis(),
                nodes: world.nodes().count(),
                radio: radio(&world.radio(now)),
                outside: self.outside.values().filter(|(_, id)| id.is_none_or(|id| world.node_of(id).is_none())).count(),
            }),
            Deed::At(node, act) => at(node, act, world, now),
            Deed::Join(name) => self.join(name, world, now),
            Deed::Enter(name, code) => {
                let device = self.outside.get(&name).and_then(|(_, id)| *id);
                let taken = device.is_some_and(|device| world.type_into(device, code, now));
                let refused = || Refused(format!("{name} waits for no code; it does while it is included"));
                taken.then_some(Answer::Done {}).ok_or_else(refused)
            }
        }
    }

    fn join(&mut self, name: Option<String>, world: &mut World, now: Instant) -> Result<Answer, Refused> {
        let names = self.outside.keys().cloned().collect::<Vec<_>>().join(", ");
        let inside = |id: &Option<DeviceId>| id.and_then(|id| world.node_of(id));
        let chosen = match &name {
            Some(name) => self.outside.get_key_value(name).map(|(name, _)| name.clone()),
            None => self.outside.iter().find(|(_, (_, id))| inside(id).is_none()).map(|(name, _)| name.clone()),
        };
        let Some((name, (waiting, id))) = chosen.and_then(|name| Some((name.clone(), self.outside.get_mut(&name)?))) else {
            let which = name.map_or_else(|| "no device waits outside".to_owned(), |name| format!("there is no device {name:?}"));
            let remedy =
                if names.is_empty() { "add a [[device]] to the world file".to_owned() } else { format!("there are {names}") };
            return Err(Refused(format!("{which}; {remedy}")));
        };
        if let Some(node) = id.and_then(|id| world.node_of(id)) {
            return Err(Refused(format!("{name} is node {node} already; exclude it first, with `leave {node}`")));
        }
        let device = match id {
            Some(device) if waiting.start == Start::LearnMode => {
                world.press(*device, now);
                *device
            }
            Some(device) => *device,
            None => *id.insert(world.offer(waiting.device(&name), now)),
        };
        let dsk = world.dsk(device).ok_or_else(|| Refused("the device is gone".to_owned()))?;
        Ok(Answer::Label { device: name, dsk: dsk.text().to_owned(), pin: dsk.text().chars().take(5).collect() })
    }

    fn dump(&self, world: &World) -> Dump {
        let mut nodes: BTreeMap<String, NodeDump> = world.nodes().map(|(id, node)| (id.to_string(), describe(node))).collect();
        for (name, (_, id)) in &self.outside {
            let node = id.and_then(|id| world.node_of(id)).and_then(|node| nodes.get_mut(&node.to_string()));
            if let Some(node) = node {
                node.device = Some(name.clone());
            }
        }
        let place = |id: &Option<DeviceId>| match id {
            None => Place::Apart("in its box"),
            Some(id) => world.node_of(*id).map_or(Place::Apart("outside"), Place::Node),
        };
        Dump { nodes, devices: self.outside.iter().map(|(name, (_, id))| (name.clone(), place(id))).collect() }
    }
}

fn at(node: NodeId, act: Act, world: &mut World, now: Instant) -> Result<Answer, Refused> {
    let nobody = || Refused(format!("there is no node {node}; dump shows those there are"));
    let slots = world.node(node).ok_or_else(nobody)?.model.slots;
    let slot = |user: u16| {
        let fits = (1..=slots).contains(&user);
        fits.then_some(user).ok_or_else(|| Refused(format!("node {node} has no slot {user}; write 1 to {slots}")))
    };
    let mut answer = Answer::Done {};
    match act {
        Act::Leave => world.leave(node, now),
        Act::Reset => {
            world.visit(node, |lock| lock.factory_reset(now));
        }
        Act::Type(code) => {
            let (typed, user) = match world.keypad(node, code.reveal(), now).ok_or_else(nobody)? {
                Typed::Opened(user) => ("opened", Some(user)),
                Typed::Jammed(user) => ("jammed", Some(user)),
                Typed::Wrong => ("wrong", None),
                Typed::Denied(user) => ("denied", Some(user)),
                Typed::Message(user) => ("message", Some(user)),
                Typed::Admin => ("admin", None),
                Typed::KeypadDead => ("keypad dead", None),
            };
            answer = Answer::Typed { typed, user };
        }
        Act::Operate { user, locked } => {
            let user = slot(user)?;
            world.visit(node, |lock| {
                if locked {
                    lock.keypad_lock(Some(user), now);
                } else {
                    lock.keypad_unlock(user, now);
                }
            });
        }
        Act::Press { button, keys } => {
            world.visit(node, |keypad| match button {
                Some(button) => keypad.press(button, keys.reveal(), now),
                None => keypad.type_keys(keys.reveal(), now),
            });
        }
        Act::Turn { locked } => {
            world.visit(node, |lock| lock.turn_bolt(locked, now));
        }
        Act::SetCode { user, code, quiet } => {
            let user = slot(user)?;
            world.visit(node, |lock| set_code(lock, user, Some(code), quiet, now));
        }
        Act::DelCode { user, quiet } => {
            let user = slot(user)?;
            world.visit(node, |lock| set_code(lock, user, None, quiet, now));
        }
        Act::DelAll { quiet: false } => {
            world.visit(node, |lock| lock.erase_codes(now));
        }
        Act::DelAll { quiet: true } => {
            world.visit(node, |lock| lock.memory.codes = super::node::CodeTable::new(lock.model.slots));
        }
        Act::Battery(percent) => {
            world.visit(node, |lock| lock.charge(Charge::of_percent(percent), now));
        }
        Act::Fault(fault, on) => {
            world.visit(node, |lock| match fault {
                Fault::Drop => lock.faults.gone = on,
                Fault::Mute => lock.faults.mute = on,
                Fault::Jam => lock.faults.jammed = on,
                Fault::Quirk(quirk) => (quirk.set)(&mut lock.model.quirks, on),
            });
        }
        Act::Loss { acks, percent } => {
            let mut link = world.link(node);
            // Other conditions are the default ones.
            let conditions = link.conditions.get_or_insert_with(|| world.conditions());
            *(if acks { &mut conditions.ack_loss } else { &mut conditions.loss }) = percent;
            world.set_link(node, link);
        }
        Act::Delay(delay) => {
            world.visit(node, |lock| lock.model.thinking = delay);
        }
        Act::Forget => {
            world.visit(node, Node::power_cut);
        }
    }
    Ok(answer)
}

fn set_code(lock: &mut Node, user: u16, code: Option<CodeText>, quiet: bool, now: Instant) {
    match (code, quiet) {
        (code, false) => lock.program(user, code.as_ref().map(CodeText::reveal), now),
        (Some(code), true) => {
            lock.memory.codes.put(user, Entry::enabled(code.reveal()));
        }
        (None, true) => {
            lock.memory.codes.remove(user);
        }
    }
}

fn describe(node: &Node) -> NodeDump {
    let memory = &node.memory;
    let code =
        |entry: &Entry| CodeDump { status: entry.status.0, code: String::from_utf8_lossy(entry.code.reveal()).into_owned() };
    let classes = memory.membership.as_ref().map(|membership| membership.granted).unwrap_or_default().classes();
    NodeDump {
        security: classes.filter_map(|class| crate::security::keys::KeyId::of(class, NodeId(1))).map(|id| id.name()).collect(),
        slots: node.model.slots,
        codes: memory.codes.entries().map(|(user, entry)| (user.to_string(), code(entry))).collect(),
        door: if memory.locked { 0xFF } else { 0x00 },
        battery: memory.battery.percent(),
        lifeline: memory.lifeline.clone(),
        faults: FaultsDump { drop: node.faults.gone, mute: node.faults.mute, jam: node.faults.jammed },
        quirks: QUIRKS.iter().filter(|quirk| (quirk.is_on)(&node.model.quirks)).map(|quirk| quirk.name).collect(),
        device: None,
    }
}

fn radio(radio: &RadioStatistics) -> Radio {
    Radio {
        total: sent(&radio.total),
        stick: sent(&radio.controller),
        nodes: radio.nodes.iter().map(|(id, node)| (id.to_string(), sent(node))).collect(),
        duty_cycle: radio.duty_cycle(),
        duty_cycle_limit: DUTY_CYCLE_LIMIT,
    }
}

fn sent(counts: &Counts) -> Sent {
    Sent {
        airtime_us: counts.airtime_us,
        frames: counts.frames,
        retransmissions: counts.retransmissions,
        beams: counts.beams,
        wake_ups: counts.wake_ups,
    }
}
