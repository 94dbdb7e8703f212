//! The list of devices that are expected: scanned now, included when they are switched on.

use super::view;
use crate::bridge::context::Context;
use crate::bridge::intents::one_line;
use crate::domain::actor::Actor;
use crate::domain::audit::Act;
use crate::domain::ids::{NodeId, ProvisioningId};
use crate::domain::intent::Refusal;
use crate::domain::provisioning::{Label, Provisioned, ProvisioningState};
use crate::network::inclusion::ExpectedDevice;
use crate::view::ProvisionedView;

pub fn expect(actor: &Actor, label: Label, name: Option<String>, cx: &mut Context) -> Result<ProvisionedView, Refusal> {
    let name = name.map(|name| one_line("the name", &name)).transpose()?;
    if let Some(known) = cx.state.provisioning().find(|known| known.label.dsk == label.dsk) {
        return Err(Refusal::AlreadyExpected(known.id));
    }
    let id = ProvisioningId::new(&mut cx.entropy);
    let expected = Provisioned { id, label, name, added_at: cx.now.wall, state: ProvisioningState::Waiting };
    cx.state.audit(actor, Act::DeviceExpected(id), cx.now.wall);
    let shown = view::provisioned(&expected, &cx.state, &cx.settings);
    cx.state.put_provisioned(expected);
    expect_devices(cx);
    Ok(shown)
}

/// Takes a device off the list, and shows it as it was. One that is in the network stays there.
pub fn unexpect(actor: &Actor, id: ProvisioningId, cx: &mut Context) -> Option<ProvisionedView> {
    let shown = view::provisioned(cx.state.provisioned(id)?, &cx.state, &cx.settings);
    cx.state.audit(actor, Act::DeviceUnexpected(id), cx.now.wall);
    cx.state.delete_provisioned(id);
    expect_devices(cx);
    Some(shown)
}

/// Tells the network whom to let in.
pub fn expect_devices(cx: &mut Context) {
    let expected = cx.state.provisioning().filter(|it| it.is_expected()).map(|it| ExpectedDevice {
        dsk: it.label.dsk.clone(),
        keys: it.label.keys,
        long_range: it.label.long_range,
    });
    let expected = expected.collect();
    cx.network.expect_devices(expected, cx.now);
}

/// The stick belongs to another network now: whoever came with the old one may come again.
pub fn expect_all_again(cx: &mut Context) {
    let gone: Vec<Provisioned> = cx.state.provisioning().filter(|it| !it.is_expected()).cloned().collect();
    for entry in gone {
        cx.state.put_provisioned(Provisioned { state: ProvisioningState::Waiting, ..entry });
    }
}

pub fn set_entry(id: ProvisioningId, state: ProvisioningState, cx: &mut Context) {
    if let Some(entry) = cx.state.provisioned(id).cloned() {
        cx.state.put_provisioned(Provisioned { state, ..entry });
    }
}

/// Who left shall not come again by itself.
pub fn forget_entry_of(node: NodeId, cx: &mut Context) {
    let gone: Vec<ProvisioningId> = cx.state.provisioning().filter(|it| it.is_included_as(node)).map(|it| it.id).collect();
    for id in gone {
        cx.state.audit(&Actor::SMART_START, Act::ExpectedDeviceLeft { entry: id, node }, cx.now.wall);
        cx.state.delete_provisioned(id);
    }
}
