//! What the control port answers, in the JSON that its clients know.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::ids::NodeId;

/// The answer to a command that was carried out.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// There is nothing to say.
    Done {},
    /// What a lock did when a code was typed.
    Typed {
        typed: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<u16>,
    },
    /// What the label of a device says.
    Label {
        device: String,
        dsk: String,
        /// The first group of the key.
        pin: String,
    },
    Stats {
        now_ms: u64,
        nodes: usize,
        radio: Radio,
        /// Devices that are not in the network.
        outside: usize,
    },
    Dump(Dump),
}

/// The whole world: each node by its id, and where the devices of the world file are.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Dump {
    #[serde(flatten)]
    pub nodes: BTreeMap<String, NodeDump>,
    pub devices: BTreeMap<String, Place>,
}

/// Where a device is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Place {
    /// `in its box`, or `outside`.
    Apart(&'static str),
    Node(NodeId),
}

/// A node for those who look into it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct NodeDump {
    /// The network keys that it was granted, by their names in key files.
    pub security: Vec<&'static str>,
    pub slots: u16,
    pub codes: BTreeMap<String, CodeDump>,
    /// Mode of the Door Lock class: 255 is secured.
    pub door: u8,
    pub battery: u8,
    pub lifeline: Vec<u8>,
    pub faults: FaultsDump,
    pub quirks: Vec<&'static str>,
    /// Its name in the world file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

/// A code in a slot.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CodeDump {
    pub status: u8,
    pub code: String,
}

/// What is wrong with a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct FaultsDump {
    pub drop: bool,
    pub mute: bool,
    pub jam: bool,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Radio {
    pub total: Sent,
    pub stick: Sent,
    pub nodes: BTreeMap<String, Sent>,
    /// The share of the last hour in which the controller transmitted.
    pub duty_cycle: f64,
    pub duty_cycle_limit: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Sent {
    pub airtime_us: u64,
    pub frames: u64,
    pub retransmissions: u64,
    pub beams: u64,
    pub wake_ups: u64,
}
