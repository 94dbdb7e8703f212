//! A network that another controller looked after, as it is taken over: its keys, its nodes, and what is in its locks.

use std::collections::BTreeMap;

use super::ids::{HomeId, NodeId, Slug};
use super::node::Node;
use super::slot::Content;
use crate::security::key_file::KeyFile;
use crate::security::keys::KeyId;

/// What the other controller's files say. Its keys and codes show in no log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Takeover {
    /// The home id of the network.
    pub home: HomeId,
    /// Its keys, as far as they were found.
    pub keys: KeyFile,
    pub locks: Vec<LockTakeover>,
    /// The other nodes: they stay in the network, and nothing is sent to them.
    pub others: Vec<Node>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LockTakeover {
    pub node: Node,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// The slots that held a code when they were last looked at: [`Content::Known`] or [`Content::Unreadable`]. Those that
    /// seemed empty are not here: a memory of somebody else's is no reason to write without a look.
    pub taken: BTreeMap<u16, Content>,
}

/// What was taken over.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TakenOver {
    /// Something is new; `false`: everything was here already.
    pub changed: bool,
    /// The keys of the network that came along.
    pub keys: Vec<KeyId>,
    /// Locks and keypads, by the names they have here.
    pub locks: Vec<Slug>,
    /// Their slots that hold somebody's code. They are never written over and never cleared.
    pub occupied_slots: usize,
    pub others: usize,
    /// Nodes that the stick does not list any more: left out.
    pub absent: Vec<NodeId>,
}

/// Why nothing was taken over. Each says what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TakeoverRefusal {
    /// A device is getting its keys at this moment: they must not change under it.
    #[error(
        "an inclusion or exclusion is under way; wait for its end, or stop it with `latchkey network cancel`, and import again"
    )]
    ChangeUnderWay,
    /// The stick that is plugged in is another network's.
    #[error(
        "the stick belongs to network {stick}, and these files to {files}; plug in their stick, or give the files of {stick}"
    )]
    OtherStick { stick: HomeId, files: HomeId },
    /// There is no stick, and the locks that are known are another network's.
    #[error(
        "the locks known here belong to network {known}, and these files to {files}; plug in the stick of {files}, then import again"
    )]
    OtherLocks {
        /// The network of what is known.
        known: HomeId,
        files: HomeId,
    },
    /// A key file or credential says otherwise, and goes before whatever is in the store.
    #[error(
        "{setting} gives another {} than these files, and goes before them; take that setting away or correct the key, restart latchkey, and import again",
        key.name()
    )]
    KeyGiven { setting: &'static str, key: KeyId },
    /// A lock can't be spoken to without this one.
    #[error("node {node} needs the key {}, which is in none of the files; add it to them and import again", key.name())]
    KeyMissing { node: NodeId, key: KeyId },
    /// Locks that hold people's codes would never be reached again.
    #[error(
        "{} could not be reached any more: people have codes there under other keys than these files'; revoke those codes first, or exclude the locks",
        listed(locks)
    )]
    CutsOff { locks: Vec<Slug> },
}

impl TakeoverRefusal {
    /// The stable name of the case, for scripts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ChangeUnderWay => "change-under-way",
            Self::OtherStick { .. } | Self::OtherLocks { .. } => "other-network",
            Self::KeyGiven { .. } => "key-given",
            Self::KeyMissing { .. } => "key-missing",
            Self::CutsOff { .. } => "cuts-off-locks",
        }
    }
}

fn listed(locks: &[Slug]) -> String {
    locks.iter().map(Slug::as_str).collect::<Vec<_>>().join(", ")
}
