//! Which world there is to be: the controller, the nodes of its network, and the devices that wait outside. As data, and as a
//! world file.

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

/// The worlds that come with the program, by the names that may stand where a file is asked for.
pub const BUILT_IN: [(&str, &str); 4] = [
    ("home", include_str!("../../config/worlds/home.toml")),
    ("house-40", include_str!("../../config/worlds/house-40.toml")),
    ("building-200", include_str!("../../config/worlds/building-200.toml")),
    ("demo", include_str!("../../config/worlds/demo.toml")),
];

/// Which controller and which nodes there are.
#[derive(Clone, Debug)]
pub struct Blueprint {
    pub chip: Chip,
    /// The network's home id.
    pub home: HomeId,
    /// Nodes that are included in the network.
    pub nodes: BTreeMap<NodeId, Model>,
    /// What is in them; a node that is not named here is as it comes from its box.
    pub contents: BTreeMap<NodeId, Contents>,
    /// The keys of the network: its locks have those that they ask for. `None`: they have none.
    pub keys: Option<NetworkKeys>,
    /// Devices that wait outside, by name. The world does not offer them by itself.
    pub devices: BTreeMap<String, Waiting>,
    pub radio: Conditions,
    /// The ways to nodes that are not like everybody's.
    pub links: BTreeMap<NodeId, Link>,
}

/// What is in a node when the world begins.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Contents {
    /// Its codes, by user id.
    pub codes: BTreeMap<u16, Entry>,
    /// Its battery in percent, where it is not the usual.
    pub battery: Option<u8>,
    /// Its bolt is extended.
    pub locked: bool,
}

/// A device that someone may take out of its box.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    pub model: Model,
    /// How it asks to be included.
    pub start: Start,
    /// It takes part from the first moment; else someone has to press its button.
    pub from_the_start: bool,
    /// It has no label: the controller's code is to be typed into it.
    pub without_label: bool,
}

impl Blueprint {
    /// Reads the text of a world file; `file` is its name in errors.
    pub fn parse(file: &str, text: &str) -> Result<Self, InvalidWorld> {
        file::read(file, text)
    }

    /// A modern controller with one lock of User Code version 2 (node 2) and an older one of version 1 (node 3).
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

    /// A modern controller with nobody in its network yet.
    pub fn empty() -> Self {
        Self { nodes: BTreeMap::new(), ..Self::two_locks() }
    }
}

impl Waiting {
    /// The device called `name`. Its label follows from the name alone: it stays the same from run to run.
    pub fn device(&self, name: &str) -> Device {
        let label = Entropy::from_number(0).child(&format!("sim/label {name}"));
        let mut device = Device::with_key(self.model.clone(), &label);
        (device.start, device.client_side_authentication) = (self.start, self.without_label);
        device
    }
}
