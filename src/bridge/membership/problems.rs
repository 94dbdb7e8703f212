//! Problems of nodes: left behind by an inclusion, weak, or not interviewed.

use crate::bridge::look::Look;
use crate::bridge::problem::Problem;
use crate::domain::node::{InterviewStage, Joining, Node, SecurityClass, Weakness};
use crate::network::InterviewTrouble;

/// What is wrong with who is in the network, and what to do.
pub fn of(look: &Look<'_>) -> Vec<Problem> {
    let mut problems: Vec<Problem> = look.network.nodes().filter(|node| is_left_behind(look, node)).map(left_behind).collect();
    let mut devices: Vec<_> = look.state.devices().collect();
    devices.sort_by_key(|device| &device.slug);
    for device in devices {
        if let Some(node) = device.node.and_then(|node| look.network.node(node)) {
            problems.extend(weak(node, device.slug.as_str()));
        }
    }
    problems.extend(look.network.nodes().filter_map(|node| unfinished(look, node)));
    problems
}

/// What is weak about how a lock is protected, for as long as it is.
pub fn weakness(node: &Node) -> Option<String> {
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
fn unfinished(look: &Look<'_>, node: &Node) -> Option<Problem> {
    if node.joining != Joining::Done {
        return None;
    }
    let again = format!("it is tried again by itself; `latchkey network interview {}` tries at once", node.id);
    let who = match look.state.device_of(node.id) {
        Some(device) => format!("{} (node {})", device.slug, node.id),
        None => format!("node {}", node.id),
    };
    if node.stage < InterviewStage::Complete {
        let why = look.network.interview_trouble(node.id)?;
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
fn is_left_behind(look: &Look<'_>, node: &Node) -> bool {
    match node.joining {
        Joining::Done => false,
        Joining::Refused => true,
        Joining::UnderWay => !look.membership.is_busy_with(node.id),
    }
}

fn left_behind(node: &Node) -> Problem {
    Problem::warning(
        format!("node {} was added without keys", node.id),
        "put it into exclusion mode after `latchkey network exclude`",
    )
}
