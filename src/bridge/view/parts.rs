//! Parts that several views have.

use crate::domain::node::Node;
use crate::network::{RadioUse, Reach};
use crate::view::{RadioView, ReachView};

/// The product's numbers, as device databases write them.
pub(super) fn model(node: &Node) -> Option<String> {
    let ids = node.product?;
    Some(format!("{:04x}:{:04x}:{:04x}", ids.manufacturer, ids.product_type, ids.product))
}

pub(super) fn reach(reach: Reach) -> ReachView {
    match reach {
        Reach::Unknown => ReachView::Unknown,
        Reach::Alive => ReachView::Alive,
        Reach::Asleep => ReachView::Asleep,
        Reach::Dead => ReachView::Dead,
    }
}

pub(super) fn radio(used: RadioUse) -> RadioView {
    RadioView { frames: used.frames, wakeups: used.wakeups, airtime_ms: used.airtime_ms }
}
