//! Changes of the network, and devices that are expected.

use crate::bridge::look::Look;
use crate::bridge::membership::view;
use crate::view::{CurrentChange, Page, ProvisionedView};

/// The change of the network that is under way, or was the last.
pub fn change(look: &Look<'_>) -> CurrentChange {
    view::change(look.membership.change.as_ref(), look.state, look.settings)
}

/// Every device that is expected or came that way, oldest first.
pub fn expected(look: &Look<'_>) -> Page<ProvisionedView> {
    view::expected(look.state, look.settings)
}
