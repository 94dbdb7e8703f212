//! What people are shown of changes, of what is expected, and of what went wrong.

use serde_json::{Value, json};

use super::{Membership, Step};
use crate::bridge::context::Context;
use crate::bridge::state::State;
use crate::bridge::vitals::Problem;
use crate::bridge::words::Settings;
use crate::domain::node::{InterviewStage, Joining, Node, SecurityClass, Weakness};
use crate::domain::provisioning::{Provisioned, ProvisioningState};
use crate::network::InterviewTrouble;
use crate::network::inclusion::{JoinQuestion, Warning};

/// Shown with the question for the keys of a lock.
const NOT_FOR_DOORS: &str = "none of these keys is good enough for a door: whoever has the same key can read the lock's codes and \
                             open it";
/// The same, for a device that asks for no key that would prove it.
const UNPROVEN: &str = "nothing proves which device this is: it may be another one that was quicker, and keeps the keys";

/// `{"change": …}`: the one that is under way, or the last.
pub(in crate::bridge) fn change(membership: &Membership, cx: &Context) -> Value {
    let Some(change) = &membership.change else { return json!({ "change": null }) };
    let device = change.device.and_then(|id| cx.state.device(id));
    let device = device.or_else(|| change.node.filter(|_| change.device.is_none()).and_then(|node| cx.state.device_of(node)));
    let question = match &change.step {
        Step::Asked(JoinQuestion::Pin { tail }) => Some(json!({ "kind": "pin", "dsk_tail": tail })),
        Step::Asked(JoinQuestion::Keys { requested, for_door }) => Some(json!({
            "kind": "keys",
            "keys": requested.classes().collect::<Vec<_>>(),
            "warning": if *for_door { NOT_FOR_DOORS } else { UNPROVEN },
        })),
        Step::Asked(JoinQuestion::TypeIntoDevice { code: [first, second] }) => {
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
        "since": change.since.rfc3339(&cx.settings.zone),
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
pub(super) fn expected(state: &State, settings: &Settings) -> Value {
    let mut all: Vec<&Provisioned> = state.provisioning().collect();
    all.sort_by_key(|expected| (expected.added_at, expected.id));
    let items: Vec<Value> = all.into_iter().map(|expected| provisioned(state, settings, expected)).collect();
    json!({ "items": items, "next": null })
}

/// One of them. Without the first group of its key, which is the device's PIN.
pub(super) fn provisioned(state: &State, settings: &Settings, expected: &Provisioned) -> Value {
    let label = &expected.label;
    let product = &label.product;
    let (word, node, why) = match &expected.state {
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
        "added_at": expected.added_at.rfc3339(&settings.zone),
        "state": word,
        "node": node,
        "device": node.and_then(|node| state.device_of(node)).map(|device| &device.slug),
        "why": why,
    })
}

/// What is wrong with who is in the network, and what to do.
pub(in crate::bridge) fn problems(membership: &Membership, cx: &Context) -> Vec<Problem> {
    let mut problems: Vec<Problem> =
        cx.network.nodes().filter(|node| is_left_behind(membership, node)).map(left_behind).collect();
    let mut devices: Vec<_> = cx.state.devices().collect();
    devices.sort_by_key(|device| &device.slug);
    for device in devices {
        if let Some(node) = device.node.and_then(|node| cx.network.node(node)) {
            problems.extend(weak(node, device.slug.as_str()));
        }
    }
    problems.extend(cx.network.nodes().filter_map(|node| unfinished(cx, node)));
    problems
}

/// What is weak about how a lock is protected, for as long as it is.
pub(in crate::bridge) fn weakness(node: &Node) -> Option<String> {
    let text = match node.weakness()? {
        Weakness::NoSecurity => "it has no security: everybody nearby can read its codes and open it".into(),
        Weakness::NoKeys => "it has no key, though it could have: everybody nearby can read what it is told".into(),
        Weakness::BelowAccessControl => format!(
            "it has {} and not S2 Access Control: whoever has the keys of lamps and sensors can read what it is told",
            class_name(node.security)
        ),
        Weakness::S0InsteadOfS2 => "it has the old S0 security although it lists S2: somebody may have come between".into(),
        Weakness::S0Only => "it has the old S0 security: who listened in when it joined can read its codes".into(),
    };
    Some(text)
}

fn weak(node: &Node, slug: &str) -> Option<Problem> {
    let weakness = node.weakness()?;
    let what = weakness_of(node, slug);
    let again = "exclude it and include it again with the PIN on its label (`latchkey network include --pin -`)";
    let fix = match weakness {
        Weakness::NoKeys | Weakness::BelowAccessControl if node.may_have_codes() => again.to_owned(),
        Weakness::NoKeys => format!(
            "exclude it and include it again, or bring its network's keys by `latchkey network import-zwave-js`, or let it have \
             codes all the same by `latchkey devices allow-insecure {slug}`"
        ),
        Weakness::BelowAccessControl => {
            format!("{again}, or let it have codes all the same by `latchkey devices allow-insecure {slug}`")
        }
        Weakness::S0InsteadOfS2 => again.to_owned(),
        Weakness::S0Only => format!("if there is a PIN on its label, it has S2: {again}"),
        Weakness::NoSecurity => "a lock with S2 is better; nothing can be done about this one".to_owned(),
    };
    Some(match weakness {
        Weakness::S0Only | Weakness::NoSecurity => Problem::info(what, fix),
        Weakness::NoKeys | Weakness::BelowAccessControl | Weakness::S0InsteadOfS2 => Problem::warning(what, fix),
    })
}

fn weakness_of(node: &Node, slug: &str) -> String {
    let weakness = weakness(node).unwrap_or_default();
    let and_so = match node.weakness() {
        Some(Weakness::NoKeys | Weakness::BelowAccessControl) if node.may_have_codes() => "; it gets codes all the same",
        Some(Weakness::NoKeys | Weakness::BelowAccessControl) => "; so it is told no codes",
        _ => "",
    };
    format!("{slug}: {weakness}{and_so}")
}

/// An interview that does not get on, or that has not found out the class of a lock.
fn unfinished(cx: &Context, node: &Node) -> Option<Problem> {
    if node.joining != Joining::Done {
        return None;
    }
    let again = format!("it is tried again by itself; `latchkey network interview {}` tries at once", node.id);
    let who = match cx.state.device_of(node.id) {
        Some(device) => format!("{} (node {})", device.slug, node.id),
        None => format!("node {}", node.id),
    };
    if node.stage < InterviewStage::Complete {
        let why = cx.network.interview_trouble(node.id)?;
        let remedy = match why {
            InterviewTrouble::Unreachable => "check its battery and its distance",
            InterviewTrouble::NoClassAnswers => {
                "bring it nearer; if that does not help, it was added without keys or under others: exclude it and include it \
                 again, or bring the keys by `latchkey network import-zwave-js`"
            }
            InterviewTrouble::NoSlots => "restart the lock (take its batteries out for a moment)",
        };
        return Some(Problem::warning(format!("{who}: its interview is not finished: {why}"), format!("{remedy}; {again}")));
    }
    let is_open = node.is_lock() && node.security > SecurityClass::None && !node.is_class_certain();
    is_open.then(|| {
        let class = class_name(node.security);
        let what = format!("{who}: it answers under {class}, and left the questions for higher classes unanswered");
        Problem::warning(what, format!("{again}; if it never answers, exclude it and include it again with its PIN"))
    })
}

fn class_name(class: SecurityClass) -> &'static str {
    match class {
        SecurityClass::None => "no security",
        SecurityClass::S0 => "S0",
        SecurityClass::S2Unauthenticated => "S2 Unauthenticated",
        SecurityClass::S2Authenticated => "S2 Authenticated",
        SecurityClass::S2AccessControl => "S2 Access Control",
    }
}

/// The stick lists it, and it never got its keys.
fn is_left_behind(membership: &Membership, node: &Node) -> bool {
    match node.joining {
        Joining::Done => false,
        Joining::Refused => true,
        Joining::UnderWay => !membership.is_busy_with(node.id),
    }
}

fn left_behind(node: &Node) -> Problem {
    Problem::warning(
        format!("node {} was added without keys", node.id),
        "put it into exclusion mode after `latchkey network exclude`",
    )
}
