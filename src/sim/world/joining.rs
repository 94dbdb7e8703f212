//! Actions with devices at the edge of the network: switch on, learn mode, typing, exclusion.

use std::time::Duration;

use super::{Due, Plug, World};
use crate::domain::ids::NodeId;
use crate::domain::time::Instant;
use crate::security::dsk::Dsk;
use crate::sim::controller::OWN;
use crate::sim::device::{Call, Device, DeviceId, Outside, Start};
use crate::sim::joiner::Place;
use crate::sim::node::Node;
use crate::sim::radio::{Effort, Receiver, Way};

/// Bytes of a node information frame.
const NODE_INFORMATION: usize = 12;
/// Interval and duration of the frames after the button was pressed.
const CALLS_EACH: Duration = Duration::from_secs(1);
const LEARN_MODE: Duration = Duration::from_secs(30);
/// Time from a failure until the device leaves by itself.
const GIVES_UP_IN: Duration = Duration::from_secs(1);

impl World {
    /// Switches a device on: with SmartStart it asks to be included from then on, otherwise its button is pressed, as
    /// by [`World::press`].
    pub fn offer(&mut self, device: Device, now: Instant) -> DeviceId {
        let id = self.next_device();
        let lock = Node::fresh(device.model.clone(), self.entropy.child(&format!("sim/device {}", id.0)));
        let mut outside = Outside::new(lock, &device, now);
        if device.start == Start::LearnMode {
            outside.learn(now);
        }
        self.put_outside(id, outside);
        self.devices.insert(id, device);
        id
    }

    /// Presses the button of a device: for 30 s it can be included, or excluded if it is in a network.
    pub fn press(&mut self, device: DeviceId, now: Instant) {
        if let Some(outside) = self.outside.get_mut(&device) {
            outside.learn(now);
            self.device_alarms.set(device, outside.poll_deadline());
        } else if let Some(node) = self.node_of(device) {
            self.leave(node, now);
        }
    }

    /// Presses the button of a node to exclude it.
    pub fn leave(&mut self, node: NodeId, now: Instant) {
        self.schedule(now, Due::NodeLeaves { node, until: now + LEARN_MODE });
    }

    /// The DSK on the label of a device.
    pub fn dsk(&self, device: DeviceId) -> Option<Dsk> {
        self.devices.get(&device).map(Device::dsk)
    }

    /// Types the first two groups of the controller's DSK into a device. `false`: it does not wait for them.
    pub fn type_into(&mut self, device: DeviceId, code: [u16; 2], now: Instant) -> bool {
        let Some(node) = self.node_of(device) else { return false };
        let typed = self.visit(node, |lock| lock.type_dsk(code, now));
        self.watch(node, now);
        typed.unwrap_or_default()
    }

    /// The node id of a device; `None` while it is not included.
    pub fn node_of(&self, device: DeviceId) -> Option<NodeId> {
        self.inside.iter().find(|(_, inside)| **inside == device).map(|(node, _)| *node)
    }

    /// The device that a node is.
    pub fn device_of(&self, node: NodeId) -> Option<DeviceId> {
        self.inside.get(&node).copied()
    }

    /// A device's lock, wherever it is.
    pub fn device_node(&self, device: DeviceId) -> Option<&Node> {
        let outside = self.outside.get(&device).map(|outside| &outside.lock);
        outside.or_else(|| self.nodes.get(&self.node_of(device)?))
    }

    /// Changes a device: the fault of its next inclusion.
    pub fn device_mut(&mut self, device: DeviceId) -> Option<&mut Device> {
        self.devices.get_mut(&device)
    }

    pub(super) fn next_device(&self) -> DeviceId {
        DeviceId(self.devices.keys().next_back().map_or(1, |last| last.0 + 1))
    }

    /// Sends the frames of devices outside the network.
    pub(super) fn call_out(&mut self, now: Instant) {
        let mut calls = Vec::new();
        for id in self.device_alarms.due(now) {
            let (Some(outside), Some(device)) = (self.outside.get_mut(&id), self.devices.get(&id)) else { continue };
            calls.extend(outside.handle_timeout(device, now).map(|call| (id, call)));
            self.device_alarms.set(id, outside.poll_deadline());
        }
        for (device, call) in calls {
            let controller = Receiver { beam: None, awake_until: now, deaf: self.plug != Plug::In };
            let sending = self.sending(Way::FromOutside, NODE_INFORMATION, Effort::Search);
            if let Some(heard) = self.channel.transmit(sending, controller, now).heard {
                self.schedule(heard, Due::ControllerIsCalled { device, call });
            }
        }
    }

    pub(super) fn called(&mut self, device: DeviceId, call: Call, now: Instant) {
        let (Some(outside), Some(dsk)) = (self.outside.get(&device), self.dsk(device)) else { return };
        let effects = self.controller.called(device, call, &dsk, &outside.lock);
        self.carry_out(effects, now);
    }

    pub(super) fn node_leaves(&mut self, node: NodeId, until: Instant, now: Instant) {
        let Some(lock) = self.nodes.get(&node).filter(|lock| !lock.is_gone()) else { return };
        let ours = self.homes.get(&node) == Some(&self.controller.home());
        let effects = self.controller.leaving(node, lock, ours);
        if effects.is_empty() && now + CALLS_EACH < until {
            self.schedule(now + CALLS_EACH, Due::NodeLeaves { node, until });
        }
        self.carry_out(effects, now);
    }

    /// A device was included. If it replaces a node, the device of that node is gone.
    pub(super) fn joined(&mut self, device: DeviceId, node: NodeId, now: Instant) {
        let (Some(Outside { mut lock, .. }), Some(joins)) = (self.outside.remove(&device), self.devices.get(&device)) else {
            return;
        };
        let place = Place { home: self.controller.home(), own: node, controller: OWN };
        lock.join(joins.wishes(node.is_long_range()), place, now);
        self.device_alarms.set(device, None);
        self.nodes.insert(node, lock);
        self.homes.insert(node, place.home);
        self.set_alarm(node);
        self.inside.insert(node, device);
    }

    /// A device was excluded and forgets its network.
    pub(super) fn left(&mut self, node: NodeId, now: Instant) {
        let (Some(mut lock), Some(id)) = (self.nodes.remove(&node), self.inside.remove(&node)) else { return };
        self.homes.remove(&node);
        self.set_alarm(node);
        let Some(device) = self.devices.get(&id) else { return };
        lock.forget();
        let outside = Outside::new(lock, device, now);
        self.put_outside(id, outside);
    }

    fn put_outside(&mut self, id: DeviceId, outside: Outside) {
        self.device_alarms.set(id, outside.poll_deadline());
        self.outside.insert(id, outside);
    }

    /// A SmartStart device without keys leaves by itself after it reported the failure (docs/protocol/security.md B11),
    /// and so does every device that was reset. The controller does not notice.
    pub(super) fn watch(&mut self, node: NodeId, now: Instant) {
        let scheduled = |due: &Due| matches!(due, Due::NodeGivesUp { node: other } if *other == node);
        if self.has_left(node) && !self.agenda.values().any(scheduled) {
            self.schedule(now + GIVES_UP_IN, Due::NodeGivesUp { node });
        }
    }

    pub(super) fn gives_up(&mut self, node: NodeId, now: Instant) {
        if self.has_left(node) {
            self.left(node, now);
        }
    }

    fn has_left(&self, node: NodeId) -> bool {
        if self.nodes.get(&node).is_some_and(Node::has_reset) {
            return true;
        }
        let failed = self.nodes.get(&node).and_then(Node::joined).is_some_and(|how| how.is_err());
        failed && self.device_of(node).and_then(|id| self.devices.get(&id)).is_some_and(Device::needs_keys)
    }
}

#[cfg(test)]
mod tests;
