//! What planning needs of one lock, taken out of state and network.

use std::collections::{BTreeMap, BTreeSet};

use super::ledger::{is_code_lost, is_wanted};
use super::locks::Patience;
use crate::bridge::dialect;
use crate::bridge::state::State;
use crate::domain::ids::{DeviceId, NodeId};
use crate::domain::node::{InterviewStage, Joining, Node};
use crate::domain::slot::Slot;
use crate::network::{ControllerStatus, Network};
use crate::reconcile::assess::Hindrance;
use crate::reconcile::plan::{Desired, LockView};

/// One lock that can be worked on.
pub(super) struct View {
    pub(super) device: DeviceId,
    pub(super) node: NodeId,
    pub(super) version: u8,
    pub(super) users: u16,
    pub(super) checksum: bool,
    pub(super) multi_report: bool,
    pub(super) multi_set: bool,
    pub(super) reserved: BTreeSet<u16>,
    masks: bool,
    confirms: bool,
    desired: Vec<Desired>,
}

impl View {
    pub(super) fn of(id: DeviceId, mute_supervision: bool, state: &State, network: &Network) -> Option<Self> {
        let device = state.device(id)?;
        let node = network.node(device.node?)?;
        let support = node.user_code.as_ref().filter(|_| is_interviewed(node) && may_be_told(node))?;
        // Nothing is planned for a grant whose code can't be read any more: the code stays in the lock until there is another.
        let desired = state.grants_on(id).filter(|grant| !is_code_lost(grant, state)).map(|grant| Desired {
            grant: grant.id,
            code: state.fingerprint(grant.credential).filter(|_| is_wanted(grant, state)),
            generation: grant.generation,
            held: grant.hold.is_some(),
        });
        Some(Self {
            device: id,
            node: node.id,
            version: dialect::version(node),
            users: support.users,
            checksum: support.checksum,
            multi_report: support.multi_report,
            multi_set: support.multi_set,
            reserved: dialect::reserved(node),
            masks: device.habits.masks,
            confirms: device.habits.echoes || node.supervises() && !mute_supervision,
            desired: desired.collect(),
        })
    }

    pub(super) fn lock<'a>(&'a self, slots: &'a BTreeMap<u16, Slot>) -> LockView<'a> {
        LockView {
            device: self.device,
            users: self.users,
            reserved: &self.reserved,
            slots,
            desired: &self.desired,
            masks: self.masks,
            confirms: self.confirms,
        }
    }
}

/// What stops a lock at this moment.
pub(super) fn hindrance(device: DeviceId, patience: Option<&Patience>, state: &State, network: &Network) -> Option<Hindrance> {
    let Some(node) = state.device(device).and_then(|device| device.node) else { return Some(Hindrance::DeviceGone) };
    if !matches!(network.controller(), ControllerStatus::Ready(_)) {
        return Some(Hindrance::StickAbsent);
    }
    // Also while the next try is under way: it is unreachable until it answers.
    if let Some(retry) = patience.and_then(|patience| patience.unreachable) {
        return Some(Hindrance::Unreachable { next_try: retry.wall });
    }
    // What is submitted for a dead node waits there, for an hour at last.
    if let Some(next_try) = network.next_try(node) {
        return Some(Hindrance::Unreachable { next_try });
    }
    match network.node(node) {
        // It got no keys, and nothing is sent to it.
        Some(node) if node.joining == Joining::Refused => Some(Hindrance::DeviceGone),
        Some(node) if !node.may_have_codes() => Some(Hindrance::Insecure),
        Some(node) if is_interviewed(node) => None,
        Some(_) => Some(Hindrance::Interview),
        None => Some(Hindrance::DeviceGone),
    }
}

/// Codes, and questions whose answers are codes, only go where nobody else can read them, or may.
fn may_be_told(node: &Node) -> bool {
    node.joining == Joining::Done && node.may_have_codes()
}

fn is_interviewed(node: &Node) -> bool {
    node.stage >= InterviewStage::Capabilities
}
