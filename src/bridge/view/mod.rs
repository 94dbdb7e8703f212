//! Makes what people and scripts are shown ([`crate::view`]) of what the bridge knows.
//!
//! | file | what |
//! | --- | --- |
//! | `people` | people and their grants |
//! | `devices` | devices |
//! | `status` | how the daemon is |
//! | `network` | the controller, its nodes |
//!
//! What is shown of a change of the network is beside the change, in [`membership`](super::membership).

mod devices;
mod network;
mod people;
mod status;

use super::look::{Look, stamp};
use super::membership::view as changes;
use crate::domain::node::Node;
use crate::network::{RadioUse, Reach};
use crate::view::{CurrentChange, Page, ProvisionedView, RadioView, ReachView};

pub use devices::{device_named, device_names, devices};
pub use network::network;
pub use people::{grant, people, person};
pub use status::{Source, StoreTrouble, status};

/// The change of the network that is under way, or was the last.
pub fn change(look: &Look<'_>) -> CurrentChange {
    changes::change(look.membership, look.state, look.settings)
}

/// Every device that is expected or came that way, oldest first.
pub fn expected(look: &Look<'_>) -> Page<ProvisionedView> {
    changes::expected(look.state, look.settings)
}

/// The product's numbers, as device databases write them.
fn model(node: &Node) -> Option<String> {
    let ids = node.product?;
    Some(format!("{:04x}:{:04x}:{:04x}", ids.manufacturer, ids.product_type, ids.product))
}

fn reach(reach: Reach) -> ReachView {
    match reach {
        Reach::Unknown => ReachView::Unknown,
        Reach::Alive => ReachView::Alive,
        Reach::Asleep => ReachView::Asleep,
        Reach::Dead => ReachView::Dead,
    }
}

fn radio(used: RadioUse) -> RadioView {
    RadioView { frames: used.frames, wakeups: used.wakeups, airtime_ms: used.airtime_ms }
}
