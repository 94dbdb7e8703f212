//! What the mechanisms of the bridge share during a turn.

use std::collections::BTreeSet;

use super::actors::Actors;
use super::clock::ClockWatch;
use super::state::State;
use super::sync::Sync;
use super::words::{After, Settings};
use crate::domain::device::Device;
use crate::domain::entropy::Entropy;
use crate::domain::event::Event;
use crate::domain::ids::{DeviceId, NodeId, Slug};
use crate::domain::tally::Tallies;
use crate::domain::time::Now;
use crate::mqtt::topic::Message;
use crate::network::Network;

/// State, network and effects of the current turn. Each mechanism gets it together with its input.
pub struct Context {
    /// Everything that outlives a turn, and the batch of this one.
    pub state: State,
    pub network: Network,
    /// Brings each lock to the desired state.
    pub sync: Sync,
    /// How far the wall clock can be trusted.
    pub clock: ClockWatch,
    /// Who requested the last operation of each bolt.
    pub actors: Actors,
    /// What this turn causes outside.
    pub out: Effects,
    /// For ids and delays.
    pub entropy: Entropy,
    pub settings: Settings,
    /// The time of this turn, corrected by [`Context::clock`].
    pub now: Now,
}

/// What a turn causes: released after the commit, in order. Empty between turns, but for the tallies.
#[derive(Default)]
pub struct Effects {
    /// Frames, answers and messages.
    pub after: Vec<After>,
    /// Devices whose locks are compared with the desired state before the turn ends.
    touched: BTreeSet<DeviceId>,
    /// Events of this turn, for the broker.
    recorded: Vec<Event>,
    /// Names that no device has any more, for the broker.
    former: Vec<FormerName>,
    /// Messages for the broker that are not retained: without a connection they are lost.
    passing: Vec<Message>,
    /// Log lines that others can cause as often as they like, by their text.
    tallies: Tallies<String>,
}

/// A name whose retained messages go off the broker.
pub struct FormerName {
    pub slug: Slug,
    /// Also where this run published nothing under it: an earlier run may have.
    pub by_earlier_runs: bool,
}

impl Effects {
    /// The next device that was touched.
    pub fn pop_touched(&mut self) -> Option<DeviceId> {
        self.touched.pop_first()
    }

    /// The events of this turn.
    pub fn take_recorded(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.recorded)
    }

    /// Takes retained messages of this name off the broker.
    pub fn forget_name(&mut self, name: FormerName) {
        self.former.push(name);
    }

    /// The names to take off the broker.
    pub fn take_former_names(&mut self) -> Vec<FormerName> {
        std::mem::take(&mut self.former)
    }

    /// Publishes a message that nobody needs later.
    pub fn pass(&mut self, message: Message) {
        self.passing.push(message);
    }

    /// The messages that are not retained.
    pub fn take_passing(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.passing)
    }

    /// Counts a log line. `Some`: it is worth writing, and so many times it happened.
    pub fn tally(&mut self, line: String) -> Option<u64> {
        self.tallies.hit(line)
    }
}

impl Context {
    /// Compares the lock with the desired state before the turn ends.
    pub fn touch(&mut self, device: DeviceId) {
        self.out.touched.insert(device);
    }

    /// The same for several.
    pub fn touch_each(&mut self, devices: impl IntoIterator<Item = DeviceId>) {
        self.out.touched.extend(devices);
    }

    /// The same for every device.
    pub fn touch_all(&mut self) {
        self.out.touched.extend(self.state.devices().map(|device| device.id));
    }

    /// The same for the device behind a node.
    pub fn touch_at(&mut self, node: NodeId) {
        self.out.touched.extend(self.device_at(node));
    }

    /// The device behind a node.
    pub fn device_at(&self, node: NodeId) -> Option<DeviceId> {
        self.state.device_of(node).map(|device| device.id)
    }

    /// Changes a device's row.
    pub fn change_device(&mut self, id: DeviceId, change: impl FnOnce(&mut Device)) {
        let Some(mut device) = self.state.device(id).cloned() else { return };
        change(&mut device);
        self.state.put_device(device);
    }

    /// Notes an event: journal, broker, live listeners. One commit with everything else of the turn.
    pub fn record(&mut self, event: Event) {
        let event = Event { actor: self.actors.of(&event, self.now.mono), ..event };
        if let Some(device) = self.state.device(event.device) {
            self.out.after.push(After::Live(event.clone(), device.slug.clone()));
        }
        let for_broker = self.settings.mqtt.is_some();
        self.state.put_event(event.clone(), for_broker);
        if for_broker {
            self.out.recorded.push(event);
        }
    }

    /// A frame of the device was received: a lock that was waited for is tried at once.
    pub fn seen(&mut self, device: DeviceId) {
        self.state.seen(device, self.now);
        if self.sync.heard(device) {
            self.touch(device);
        }
    }
}
