//! The controller and its nodes.

use super::parts::{model, radio, reach};
use crate::bridge::look::Look;
use crate::domain::node::Node;
use crate::network::{ControllerStatus, Interviewing};
use crate::view::{ControllerView, NetworkView, NodeView};

/// The controller and its nodes.
pub fn network(look: &Look<'_>) -> NetworkView {
    let nodes = look.network.nodes().map(|node| of_node(look, node)).collect();
    NetworkView { controller: controller(look.network.controller()), nodes, change: super::changes::change(look).change }
}

fn controller(status: &ControllerStatus) -> ControllerView {
    match status {
        ControllerStatus::Ready(info) => ControllerView::Ready {
            home_id: info.home.to_string(),
            node: info.own,
            library: info.library.clone(),
            firmware: format!("{}.{}", info.firmware.0, info.firmware.1),
            manufacturer: info.manufacturer,
            product_type: info.product_type,
            product: info.product,
            region: info.region.map(|region| region.0),
        },
        ControllerStatus::Starting { step } => ControllerView::Starting { step: (*step).to_owned() },
        ControllerStatus::Absent { why } => ControllerView::Absent { why: why.clone() },
    }
}

fn of_node(look: &Look<'_>, node: &Node) -> NodeView {
    NodeView {
        node: node.id,
        device: look.state.device_of(node.id).map(|device| device.slug.clone()),
        interview: node.stage.into(),
        joining: node.joining.into(),
        security: node.security.into(),
        class_settled: node.is_class_certain(),
        interviewing: look.network.interviewing(node.id) == Interviewing::UnderWay,
        trouble: look.network.interview_trouble(node.id).map(|trouble| trouble.to_string()),
        model: model(node),
        reach: reach(look.network.reach(node.id)).into(),
        radio: radio(look.network.radio(node.id)),
    }
}
