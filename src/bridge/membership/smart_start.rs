//! The list of devices that are expected: scanned now, included when they are switched on.

use serde_json::Value;

use super::view;
use crate::bridge::ask::Actor;
use crate::bridge::intents::one_line;
use crate::bridge::turn::Bridge;
use crate::domain::ids::{NodeId, ProvisioningId};
use crate::domain::intent::Refusal;
use crate::domain::provisioning::{Label, Provisioned, ProvisioningState};
use crate::domain::time::Now;
use crate::network::inclusion::Expected;

impl Bridge {
    pub(super) fn expect(&mut self, actor: &Actor, label: Label, name: Option<String>, now: Now) -> Result<Value, Refusal> {
        let name = name.map(|name| one_line("the name", &name)).transpose()?;
        if let Some(known) = self.state.provisioning().find(|known| known.label.dsk == label.dsk) {
            return Err(Refusal::AlreadyExpected(known.id));
        }
        let id = ProvisioningId::new(&mut self.entropy);
        let expected = Provisioned { id, label, name, added_at: now.wall, state: ProvisioningState::Waiting };
        self.state.audit(&actor.0, format!("expects a device (smart start {id})"), now.wall);
        let shown = view::provisioned(self, &expected);
        self.state.put_provisioned(expected);
        self.expect_devices(now);
        Ok(shown)
    }

    /// Takes a device off the list, and shows it as it was. One that is in the network stays there.
    pub(super) fn unexpect(&mut self, actor: &Actor, id: ProvisioningId, now: Now) -> Option<Value> {
        let shown = view::provisioned(self, self.state.provisioned(id)?);
        self.state.audit(&actor.0, format!("does not expect a device any more (smart start {id})"), now.wall);
        self.state.delete_provisioned(id);
        self.expect_devices(now);
        Some(shown)
    }

    /// Tells the network whom to let in.
    pub(in crate::bridge) fn expect_devices(&mut self, now: Now) {
        let expected = self.state.provisioning().filter(|it| it.is_expected()).map(|it| Expected {
            dsk: it.label.dsk.clone(),
            keys: it.label.keys,
            long_range: it.label.long_range,
        });
        let expected = expected.collect();
        self.network.expect_devices(expected, now);
    }

    /// The stick belongs to another network now: whoever came with the old one may come again.
    pub(in crate::bridge) fn expect_all_again(&mut self) {
        let gone: Vec<Provisioned> = self.state.provisioning().filter(|it| !it.is_expected()).cloned().collect();
        for entry in gone {
            self.state.put_provisioned(Provisioned { state: ProvisioningState::Waiting, ..entry });
        }
    }

    pub(super) fn set_entry(&mut self, id: ProvisioningId, state: ProvisioningState) {
        if let Some(entry) = self.state.provisioned(id).cloned() {
            self.state.put_provisioned(Provisioned { state, ..entry });
        }
    }

    /// Who left shall not come again by itself.
    pub(super) fn forget_entry_of(&mut self, node: NodeId, now: Now) {
        let gone: Vec<ProvisioningId> = self.state.provisioning().filter(|it| it.is_included_as(node)).map(|it| it.id).collect();
        for id in gone {
            self.state.audit("smart start", format!("node {node} left: its entry {id} is off the list"), now.wall);
            self.state.delete_provisioned(id);
        }
    }
}
