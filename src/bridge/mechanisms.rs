//! The mechanisms of the bridge and the context that they share, as questions and changes use them.

use super::announce::Announcer;
use super::bolts::Bolts;
use super::context::Context;
use super::import;
use super::inbound::Intake;
use super::intents::{self, Intents};
use super::look::Look;
use super::membership::{Membership, devices};
use crate::domain::actor::Actor;
use crate::domain::device::LockState;
use crate::domain::intent::{Accepted, Intent, Refusal};

/// One struct for each mechanism.
pub struct Mechanisms {
    pub(super) cx: Context,
    pub(super) intents: Intents,
    pub(super) bolts: Bolts,
    pub(super) intake: Intake,
    pub(super) membership: Membership,
    pub(super) announcer: Announcer,
}

impl Mechanisms {
    /// What can be shown.
    pub(super) fn look(&self) -> Look<'_> {
        let cx = &self.cx;
        Look {
            state: &cx.state,
            network: &cx.network,
            sync: &cx.sync,
            membership: &self.membership,
            announcer: &self.announcer,
            clock: &cx.clock,
            damage: cx.state.damage(),
            settings: &cx.settings,
            now: cx.now,
        }
    }

    /// Makes a change all at once, or not at all.
    pub(super) fn change(&mut self, actor: &Actor, intent: Intent) -> Result<Accepted, Refusal> {
        let cx = &mut self.cx;
        let accepted = match intent {
            Intent::AddPerson(new) => self.intents.by(actor, cx).add_person(new),
            Intent::EditPerson(id, change) => self.intents.by(actor, cx).edit_person(id, change),
            Intent::RemovePerson(id) => self.intents.by(actor, cx).remove_person(id),
            Intent::Grant { person, device, schedule } => self.intents.by(actor, cx).grant(person, &device, schedule),
            Intent::Revoke { person, device } => self.intents.by(actor, cx).revoke(person, &device),
            Intent::Rename { device, name, slug } => intents::rename(actor, &device, &name, slug.as_deref(), cx),
            Intent::Check(device) => intents::check(&device, cx),
            Intent::Lock(device) => self.bolts.operate(actor, &device, LockState::Locked, cx),
            Intent::Unlock(device) => self.bolts.operate(actor, &device, LockState::Unlocked, cx),
            Intent::ImportNetwork(takeover) => import::take_over(actor, *takeover, &mut self.membership.names, cx),
            Intent::ReplaceDevice { old, new } => self.membership.replace_device(actor, &old, &new, cx),
            Intent::RemoveDevice(device) => devices::remove_device(actor, &device, cx),
            Intent::AllowInsecure(device) => devices::allow_insecure(actor, &device, cx),
        }?;
        for id in &accepted.grants {
            let Some(grant) = cx.state.grant(*id) else { continue };
            let device = grant.device;
            if let Some(slot) = cx.state.slot_of(grant) {
                cx.sync.forget_failures(device, slot.key.index);
            }
            cx.touch(device);
            cx.sync.replan(device, &mut cx.network);
            if let Some(node) = cx.state.device(device).and_then(|device| device.node) {
                cx.network.urge(node, cx.now);
            }
        }
        cx.touch_each(accepted.device);
        Ok(accepted)
    }
}
