//! What has to hold, wherever the power went off.

use std::collections::{BTreeMap, BTreeSet};

use latchkey::bridge::ask;
use latchkey::domain::event::EventType;
use latchkey::domain::grant::{CodeInLock, OpensNow, Status};
use latchkey::domain::ids::NodeId;
use latchkey::view::{DeviceView, GrantView};

use super::run::Run;
use crate::support::house::told;

/// Whenever the daemon speaks.
pub fn always(run: &mut Run) -> Result<(), String> {
    strangers_are_left_alone(run)?;
    let nodes = nodes(run);
    let Some(grants) = run.house.grants() else { return Ok(()) };
    for (name, grant) in &grants {
        words_are_true(run, &nodes, name, grant).map_err(|why| format!("{why}: {}", told(name, grant)))?;
    }
    nobody_else_opens(run, &nodes, &grants)
}

/// Once it is quiet.
pub fn at_rest(run: &mut Run) -> Result<(), String> {
    always(run)?;
    let nodes = nodes(run);
    let grants = run.house.grants().ok_or("the store is not back")?;
    let all: Vec<_> = grants.iter().map(|(name, grant)| told(name, grant)).collect();
    for (slug, node) in &nodes {
        let ours = run.people.iter().filter(|person| person.may_open(slug)).map(|person| person.code().to_owned());
        let foreign = run.foreign.get(node).into_iter().flatten();
        let foreign = foreign.map(|(_, entry)| String::from_utf8_lossy(entry.code.reveal()).into_owned());
        let mut expected: Vec<String> = ours.chain(foreign).collect();
        let mut there: Vec<String> = run.house.codes(*node).into_iter().map(|(_, code)| code).collect();
        expected.sort();
        there.sort();
        if there != expected {
            return Err(format!("{slug} has {there:?} instead of {expected:?}; {all:?}"));
        }
    }
    for (name, grant) in &grants {
        if grant.status != Status::Active || grant.opens_now != OpensNow::Yes || grant.code_in_lock != CodeInLock::Current {
            return Err(format!("at rest: {}", told(name, grant)));
        }
    }
    let wanted: BTreeSet<(&str, &str)> = run
        .people
        .iter()
        .filter(|person| !person.removed)
        .flat_map(|person| person.on.iter().map(|slug| (person.name.as_str(), slug.as_str())))
        .collect();
    let there: BTreeSet<(&str, &str)> = grants.iter().map(|(name, grant)| (name.as_str(), device(grant))).collect();
    if wanted != there {
        return Err(format!("granted is {there:?}, and asked for was {wanted:?}"));
    }
    every_event_got_out(run)?;
    every_use_is_told(run)
}

/// Where each device is.
fn nodes(run: &mut Run) -> BTreeMap<String, NodeId> {
    let place = |device: DeviceView| Some((device.slug.to_string(), device.node?));
    run.view(&ask::Devices).items.into_iter().filter_map(place).collect()
}

/// The slug of a grant's device.
fn device(grant: &GrantView) -> &str {
    grant.device.as_ref().map(|device| device.as_str()).unwrap_or_default()
}

/// Every slot that was taken before is as it was, to the byte.
fn strangers_are_left_alone(run: &Run) -> Result<(), String> {
    for (node, slots) in &run.foreign {
        for (slot, entry) in slots {
            let there = run.house.node(*node).memory.codes.get(*slot);
            if there != Some(entry) {
                return Err(format!("a stranger's code in slot {slot} of node {node} was touched"));
            }
        }
    }
    Ok(())
}

/// What a grant says of the door is so.
fn words_are_true(run: &Run, nodes: &BTreeMap<String, NodeId>, name: &str, grant: &GrantView) -> Result<(), String> {
    let person = run.people.iter().find(|person| person.name == name).ok_or("nobody added them")?;
    let node = nodes.get(device(grant)).ok_or("it is nowhere")?;
    let opens = |code: &String| run.house.node(*node).memory.codes.user_of(code.as_bytes()).is_some();
    let (now, ever) = (person.codes.last().is_some_and(opens), person.codes.iter().any(opens));
    let (Some(status), Some(opens), Some(code)) = (grant.status.known(), grant.opens_now.known(), grant.code_in_lock.known())
    else {
        return Err("a word that nobody knows".into());
    };
    match (status, opens, code) {
        (Status::Active, _, _) if !now => Err("active, and the door stays shut".into()),
        (Status::Active, opens, _) if opens != OpensNow::Yes => Err("active, and nobody knows whether it opens".into()),
        (_, OpensNow::Yes, CodeInLock::Current) if !now => Err("a false yes".into()),
        (_, OpensNow::Yes, CodeInLock::Previous) if !ever => Err("a false yes about an earlier code".into()),
        (_, OpensNow::No, _) if ever => Err("a false no".into()),
        (_, OpensNow::Yes | OpensNow::No | OpensNow::Unknown, _) => Ok(()),
    }
}

/// Whoever has no grant on a lock, or none any more, does not open it.
fn nobody_else_opens(run: &Run, nodes: &BTreeMap<String, NodeId>, grants: &[(String, GrantView)]) -> Result<(), String> {
    for (slug, node) in nodes {
        let granted = |name: &str| grants.iter().any(|(other, grant)| other == name && device(grant) == slug);
        for person in run.people.iter().filter(|person| !granted(&person.name)) {
            for code in &person.codes {
                if run.house.node(*node).memory.codes.user_of(code.as_bytes()).is_some() {
                    return Err(format!("{} has no grant on {slug}, and {code} opens it", person.name));
                }
            }
        }
    }
    Ok(())
}

/// Every event of the journal reached the broker, in the journal's order.
fn every_event_got_out(run: &Run) -> Result<(), String> {
    let journal: Vec<_> = run.house.journal().into_iter().map(|event| event.id).collect();
    let mut seen = BTreeSet::new();
    let published: Vec<_> = run.house.published.iter().map(|(id, _)| *id).filter(|id| seen.insert(*id)).collect();
    if journal == published {
        return Ok(());
    }
    let lost = journal.iter().filter(|id| !seen.contains(id)).count();
    Err(format!("{} events in the journal, {} published, {lost} never, or not in order", journal.len(), published.len()))
}

/// Who came is said to have come, and nobody else; as often as they did, but where the daemon went down before the lock had
/// its answer: the lock tells it again, and the daemon that comes back can't know that it was told already.
fn every_use_is_told(run: &Run) -> Result<(), String> {
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for event in run.house.journal().into_iter().filter(|event| event.kind == EventType::CodeUsed) {
        *told.entry(event.person.map(|person| person.name).unwrap_or_default()).or_default() += 1;
    }
    let names: BTreeSet<&String> = told.keys().chain(run.uses.iter().map(|it| &it.name)).collect();
    for name in names {
        let came = run.uses.iter().filter(|it| it.name == *name).count();
        let certain = run.uses.iter().filter(|it| it.name == *name && !it.may_be_missed).count();
        let told = told.get(name).copied().unwrap_or_default();
        let again = run.uses.iter().filter(|it| it.name == *name && it.may_be_told_again).count();
        if !(certain..=came + again).contains(&told) {
            return Err(format!("{name} came {came} times, {certain} of them with the daemon there, and told was {told} times"));
        }
    }
    Ok(())
}
