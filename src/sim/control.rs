//! The control port of the simulator: actions of people and faults, one command per line, one JSON answer per line.
//!
//! Command names follow those of other lock simulators. Answers contain codes, because the port exists to look into
//! locks; logs do not.

#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::command::entry_control::EventType;
use crate::domain::ids::NodeId;
use crate::domain::pin::CodeText;
use crate::domain::time::Instant;

use super::blueprint::{Blueprint, QUIRKS, Quirk, Waiting};
use super::device::{DeviceId, Start};
use super::node::{Charge, Entry, Node, Typed};
use super::radio::{Counts, DUTY_CYCLE_LIMIT, RadioStatistics};
use super::world::World;

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

    /// Carries out an action and returns the answer.
    pub fn carry_out(&mut self, deed: Deed, world: &mut World, now: Instant) -> Result<Value, Refused> {
        match deed {
            Deed::Dump => Ok(self.dump(world)),
            Deed::Stats => Ok(json!({
                "now_ms": now.as_millis(),
                "nodes": world.nodes().count(),
                "radio": radio(&world.radio(now)),
                "outside": self.outside.values().filter(|(_, id)| id.is_none_or(|id| world.node_of(id).is_none())).count(),
            })),
            Deed::At(node, act) => at(node, act, world, now),
            Deed::Join(name) => self.join(name, world, now),
            Deed::Enter(name, code) => {
                let device = self.outside.get(&name).and_then(|(_, id)| *id);
                let taken = device.is_some_and(|device| world.type_into(device, code, now));
                taken.then(|| json!({})).ok_or_else(|| Refused(format!("{name} waits for no code; it does while it is included")))
            }
        }
    }

    fn join(&mut self, name: Option<String>, world: &mut World, now: Instant) -> Result<Value, Refused> {
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
        Ok(json!({ "device": name, "dsk": dsk.text(), "pin": dsk.text().chars().take(5).collect::<String>() }))
    }

    fn dump(&self, world: &World) -> Value {
        let mut nodes: Map<String, Value> = world.nodes().map(|(id, node)| (id.to_string(), describe(node))).collect();
        for (name, (_, id)) in &self.outside {
            let node = id.and_then(|id| world.node_of(id)).and_then(|node| nodes.get_mut(&node.to_string()));
            if let Some(Value::Object(node)) = node {
                node.insert("device".to_owned(), json!(name));
            }
        }
        let place = |id: &Option<DeviceId>| match id {
            None => json!("in its box"),
            Some(id) => world.node_of(*id).map_or_else(|| json!("outside"), |node| json!(node)),
        };
        let devices: Map<String, Value> = self.outside.iter().map(|(name, (_, id))| (name.clone(), place(id))).collect();
        nodes.insert("devices".to_owned(), Value::Object(devices));
        Value::Object(nodes)
    }
}

fn at(node: NodeId, act: Act, world: &mut World, now: Instant) -> Result<Value, Refused> {
    let nobody = || Refused(format!("there is no node {node}; dump shows those there are"));
    let slots = world.node(node).ok_or_else(nobody)?.model.slots;
    let slot = |user: u16| {
        let fits = (1..=slots).contains(&user);
        fits.then_some(user).ok_or_else(|| Refused(format!("node {node} has no slot {user}; write 1 to {slots}")))
    };
    let mut answer = json!({});
    match act {
        Act::Leave => world.leave(node, now),
        Act::Reset => {
            world.visit(node, |lock| lock.factory_reset(now));
        }
        Act::Type(code) => {
            answer = match world.keypad(node, code.reveal(), now).ok_or_else(nobody)? {
                Typed::Opened(user) => json!({ "typed": "opened", "user": user }),
                Typed::Jammed(user) => json!({ "typed": "jammed", "user": user }),
                Typed::Wrong => json!({ "typed": "wrong" }),
                Typed::Denied(user) => json!({ "typed": "denied", "user": user }),
                Typed::Message(user) => json!({ "typed": "message", "user": user }),
                Typed::Admin => json!({ "typed": "admin" }),
                Typed::KeypadDead => json!({ "typed": "keypad dead" }),
            };
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

/// The state of a node. `door` is the mode of the Door Lock class: 255 is secured.
fn describe(node: &Node) -> Value {
    let memory = &node.memory;
    let code = |entry: &Entry| json!({ "status": entry.status.0, "code": String::from_utf8_lossy(entry.code.reveal()) });
    let codes: Map<String, Value> = memory.codes.entries().map(|(user, entry)| (user.to_string(), code(entry))).collect();
    let quirks: Vec<&str> = QUIRKS.iter().filter(|quirk| (quirk.is_on)(&node.model.quirks)).map(|quirk| quirk.name).collect();
    let classes = memory.membership.as_ref().map(|membership| membership.granted).unwrap_or_default().classes();
    let security: Vec<&str> =
        classes.filter_map(|class| crate::security::keys::KeyId::of(class, NodeId(1))).map(|id| id.name()).collect();
    json!({
        "security": security,
        "slots": node.model.slots,
        "codes": codes,
        "door": if memory.locked { 0xFF } else { 0x00 },
        "battery": memory.battery.percent(),
        "lifeline": memory.lifeline,
        "faults": { "drop": node.faults.gone, "mute": node.faults.mute, "jam": node.faults.jammed },
        "quirks": quirks,
    })
}

/// Radio statistics: airtime in microseconds, and the duty cycle of the controller in the last hour.
fn radio(radio: &RadioStatistics) -> Value {
    let counts = |counts: &Counts| {
        json!({
            "airtime_us": counts.airtime_us,
            "frames": counts.frames,
            "retransmissions": counts.retransmissions,
            "beams": counts.beams,
            "wake_ups": counts.wake_ups,
        })
    };
    let nodes: Map<String, Value> = radio.nodes.iter().map(|(id, node)| (id.to_string(), counts(node))).collect();
    json!({
        "total": counts(&radio.total),
        "stick": counts(&radio.controller),
        "nodes": nodes,
        "duty_cycle": radio.duty_cycle(),
        "duty_cycle_limit": DUTY_CYCLE_LIMIT,
    })
}
