//! The simulated world as data, and as a world file: the controller, the nodes of its network, and devices that are not
//! included yet.

mod file;
mod presets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::domain::entropy::Entropy;
use crate::domain::ids::{HomeId, NodeId};
use crate::security::keys::NetworkKeys;

use super::chip::Chip;
use super::device::{Device, Start};
use super::model::Model;
use super::node::Entry;
use super::radio::{Conditions, Link};

pub use file::InvalidWorld;
pub use presets::{PRESETS, Preset, QUIRKS, Quirk};

/// The built-in worlds, by the names that may be given in place of a file.
pub const BUILT_IN: [(&str, &str); 4] = [
    ("home", include_str!("../../config/worlds/home.toml")),
    ("house-40", include_str!("../../config/worlds/house-40.toml")),
    ("building-200", include_str!("../../config/worlds/building-200.toml")),
    ("demo", include_str!("../../config/worlds/demo.toml")),
];

/// A world: controller and nodes.
#[derive(Clone, Debug)]
pub struct Blueprint {
    pub chip: Chip,
    /// The network's home id.
    pub home: HomeId,
    /// Nodes of the network.
    pub nodes: BTreeMap<NodeId, Model>,
    /// Initial content of nodes; others are as delivered.
    pub contents: BTreeMap<NodeId, Contents>,
    /// The network keys: locks have those that they request. `None`: no node has keys.
    pub keys: Option<NetworkKeys>,
    /// Devices that are not included yet, by name. The world does not start them by itself.
    pub devices: BTreeMap<String, Waiting>,
    pub radio: Conditions,
    /// Links that differ from the default.
    pub links: BTreeMap<NodeId, Link>,
}

/// The initial content of a node.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Contents {
    /// Its codes, by user id.
    pub codes: BTreeMap<u16, Entry>,
    /// Its battery in percent, if not the default.
    pub battery: Option<u8>,
    /// Its bolt is locked.
    pub locked: bool,
}

/// A device that can be included.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    pub model: Model,
    /// How it asks to be included.
    pub start: Start,
    /// It is switched on from the start; otherwise its button has to be pressed.
    pub from_the_start: bool,
    /// It has no label: the controller's code is typed into it (CSA).
    pub without_label: bool,
}

impl Blueprint {
    /// Parses a world file; `file` is its name in errors.
    pub fn parse(file: &str, text: &str) -> Result<Self, InvalidWorld> {
        file::read(file, text)
    }

    /// A current controller with one lock of User Code version 2 (node 2) and an older one of version 1 (node 3).
    pub fn two_locks() -> Self {
        Self {
            chip: Chip::series_700(),
            home: HomeId(0xC0FF_EE01),
            nodes: BTreeMap::from([(NodeId(2), Model::version_2()), (NodeId(3), Model::version_1())]),
            contents: BTreeMap::new(),
            keys: None,
            devices: BTreeMap::new(),
            radio: Conditions::default(),
            links: BTreeMap::new(),
        }
    }

    /// A current controller without nodes.
    pub fn empty() -> Self {
        Self { nodes: BTreeMap::new(), ..Self::two_locks() }
    }
}

impl Waiting {
    /// The device called `name`. Its label depends on the name only, so it is the same in every run.
    pub fn device(&self, name: &str) -> Device {
        let label = Entropy::from_number(0).child(&format!("sim/label {name}"));
        let mut device = Device::with_key(self.model.clone(), &label);
        (device.start, device.client_side_authentication) = (self.start, self.without_label);
        device
    }
}
