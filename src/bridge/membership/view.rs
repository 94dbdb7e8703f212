//! What people are shown of changes, of what is expected, and of what went wrong.

use serde_json::{Value, json};

use super::{Step, is_unprotected};
use crate::bridge::turn::Bridge;
use crate::bridge::vitals::Problem;
use crate::domain::node::{Joining, Node};
use crate::domain::provisioning::{Provisioned, ProvisioningState};
use crate::network::inclusion::{Question, Warning};

/// `{"change": …}`: the one that is under way, or the last.
pub(in crate::bridge) fn change(bridge: &Bridge) -> Value {
    let Some(change) = &bridge.membership.change else { return json!({ "change": null }) };
    let device = change.device.and_then(|id| bridge.state.device(id));
    let device = device.or_else(|| change.node.filter(|_| change.device.is_none()).and_then(|node| bridge.state.device_of(node)));
    let question = match &change.step {
        Step::Asked(Question::Pin { tail }) => Some(json!({ "kind": "pin", "dsk_tail": tail })),
        Step::Asked(Question::TypeIntoDevice { code: [first, second] }) => {
            Some(json!({ "kind": "type_into_device", "code": format!("{first:05}-{second:05}") }))
        }
        _ => None,
    };
    let failure = match &change.step {
        Step::Failed(failure) => Some(failure),
        _ => None,
    };
    json!({ "change": {
        "id": change.id,
        "kind": change.kind,
        "state": change.step.word(),
        "since": change.since.rfc3339(&bridge.settings.zone),
        "node": change.node,
        "device": device.map(|device| &device.slug),
        "question": question,
        "security": change.security,
        "warning": change.warning.as_ref().map(Warning::to_string),
        "why": failure.map(|failure| &failure.why),
        "advice": failure.map(|failure| failure.advice),
        "left_node": failure.and_then(|failure| failure.left),
    }})
}

/// The same for the broker, which has no business with the code that a device waits for.
pub(super) fn without_code(mut told: Value) -> Value {
    if let Some(question) = told.pointer_mut("/change/question").and_then(Value::as_object_mut) {
        question.remove("code");
    }
    told
}

/// Every device that is expected or came that way, oldest first.
pub(super) fn expected(bridge: &Bridge) -> Value {
    let mut all: Vec<&Provisioned> = bridge.state.provisioning().collect();
    all.sort_by_key(|expected| (expected.added_at, expected.id));
    let items: Vec<Value> = all.into_iter().map(|expected| provisioned(bridge, expected)).collect();
    json!({ "items": items, "next": null })
}

/// One of them. Without the first group of its key, which is the device's PIN.
pub(super) fn provisioned(bridge: &Bridge, expected: &Provisioned) -> Value {
    let label = &expected.label;
    let product = &label.product;
    let (state, node, why) = match &expected.state {
        ProvisioningState::Waiting => ("waiting", None, None),
        ProvisioningState::Included { node } => ("included", Some(*node), None),
        ProvisioningState::Failed { why } => ("failed", None, Some(why)),
    };
    json!({
        "id": expected.id,
        "name": expected.name,
        "dsk_tail": label.dsk.tail(),
        "kind": product.kind(),
        "model": format!("{:04x}:{:04x}:{:04x}", product.manufacturer, product.product_type, product.product),
        "long_range": label.long_range,
        "added_at": expected.added_at.rfc3339(&bridge.settings.zone),
        "state": state,
        "node": node,
        "device": node.and_then(|node| bridge.state.device_of(node)).map(|device| &device.slug),
        "why": why,
    })
}

/// What is wrong with who is in the network, and what to do.
pub(in crate::bridge) fn problems(bridge: &Bridge) -> Vec<Problem> {
    let mut problems: Vec<Problem> =
        bridge.network.nodes().filter(|node| is_left_behind(bridge, node)).map(left_behind).collect();
    let mut devices: Vec<_> = bridge.state.devices().collect();
    devices.sort_by_key(|device| &device.slug);
    for device in devices {
        if device.node.and_then(|node| bridge.network.node(node)).is_some_and(is_unprotected) {
            let slug = &device.slug;
            problems.push(Problem::warning(
                format!("{slug} has no security, so it is told no codes: everybody nearby could read them"),
                format!(
                    "exclude it and include it again, or bring its network's keys by `latchkey network import-zwave-js`, or let it \
                     have codes all the same by `latchkey devices allow-insecure {slug}`"
                ),
            ));
        }
    }
    problems
}

/// The stick lists it, and it never got its keys.
fn is_left_behind(bridge: &Bridge, node: &Node) -> bool {
    match node.joining {
        Joining::Done => false,
        Joining::Refused => true,
        Joining::UnderWay => !bridge.membership.is_busy_with(node.id),
    }
}

fn left_behind(node: &Node) -> Problem {
    Problem::warning(
        format!("node {} was added without keys", node.id),
        "put it into exclusion mode after `latchkey network exclude`",
    )
}
