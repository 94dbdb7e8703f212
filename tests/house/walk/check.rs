//! What has to hold: always, and once it is quiet.

use std::collections::BTreeSet;
use std::time::Duration;

use latchkey::domain::grant::{CodeInLock, OpensNow, Status};
use latchkey::domain::ids::NodeId;
use latchkey::domain::node::SecurityClass;
use latchkey::serial::{Frame, FunctionId};
use latchkey::view::GrantView;

use super::model::{Person, Stranger};
use super::stage::{Stage, slug};
use super::watch::now_minus;
use crate::support::house::told;

/// Every slot of a lock is checked again within this, as many as fit a day.
const CHECKED: Duration = Duration::from_secs(50 * 3600);

/// The longest time between two tries of a lock that did not answer, and some.
pub const LONGEST_BACKOFF: Duration = Duration::from_secs(2 * 3600);
/// How often a lock may be woken on a day on which nothing happens: once to look whether its codes are what they were, and
/// once more where that begins anew.
pub const IDLE_WAKEUPS_A_DAY: u64 = 2;
/// What it may hear on such a day: a look at each of thirty slots, under S0 with a nonce before and one after.
pub const IDLE_FRAMES_A_DAY: u64 = 30 * 3 + 8;

/// How often a lock may be woken in so many steps and so much time: by what people want of it, by what goes wrong with
/// its radio, and by tries of one that does not answer, of which there is one an hour in the end.
pub fn wakeups(steps: u64, time: Duration) -> u64 {
    250 + steps * 40 + time.as_secs() / 3600 * 6
}

/// After each step, and when something is to be true.
pub fn always(stage: &mut Stage) -> Result<(), String> {
    strangers_are_left_alone(stage)?;
    // While nothing can be saved nothing is shown, either.
    let grants = match stage.house.grants() {
        Some(grants) => grants,
        None if !stage.has_store() => return Ok(()),
        None => return Err("nothing is shown although the disk works".into()),
    };
    for (name, grant) in &grants {
        words_are_true(stage, name, grant).map_err(|why| format!("{why}: {}", told(name, grant)))?;
    }
    nobody_else_opens(stage, &grants)
}

/// Once everything was mended and left alone for long enough: each lock has what it is to have, and that is said.
pub fn at_rest(stage: &mut Stage) -> Result<(), String> {
    stage.look()?;
    let grants = stage.house.grants().ok_or("the store is not back")?;
    for node in stage.nodes.clone() {
        let lock = stage.house.node(node);
        let strangers = stage.model.locks[&node].strangers.values().map(|stranger| stranger.code.clone());
        let ours = stage.model.people.iter().filter(|person| person.may_open(node)).map(|person| person.code().to_owned());
        let expected: BTreeSet<String> = ours.chain(strangers).collect();
        let loose = &stage.model.locks[&node].loose;
        let there = stage.house.codes(node).into_iter().map(|(_, code)| code).filter(|code| !loose.contains(code));
        let there: BTreeSet<String> = there.collect();
        if there != expected {
            let lock = format!("{:?} {:?}", lock.model.requests, lock.model.quirks);
            return Err(format!("node {node} ({lock}) has {there:?} instead of {expected:?}; {}", all(&grants)));
        }
    }
    for (name, grant) in &grants {
        let person = stage.model.person(name).ok_or_else(|| format!("who is {name}?"))?;
        let node = node_of(grant);
        let masks = stage.house.node(node).model.quirks.masks_codes;
        let right: &[Status] = match person.may_open(node) {
            // A code that was written and can't be seen is there, and need not be said to be.
            true if masks => &[Status::Active, Status::Unconfirmed],
            true => &[Status::Active],
            false if person.removed => &[],
            false => &[Status::Disabled],
        };
        if !grant.status.known().is_some_and(|status| right.contains(&status)) {
            let Person { enabled, removed, .. } = person;
            return Err(format!("at rest: {}, enabled: {enabled}, removed: {removed}", told(name, grant)));
        }
    }
    every_event_got_out(stage)
}

/// Foreign codes are where they were.
fn strangers_are_left_alone(stage: &Stage) -> Result<(), String> {
    for (node, lock) in &stage.model.locks {
        let there = stage.house.codes(*node);
        for (slot, Stranger { code, .. }) in lock.strangers.iter().filter(|(_, stranger)| stranger.stays) {
            let found = there.iter().find(|(at, _)| at == slot).map(|(_, code)| code);
            if found != Some(code) {
                return Err(format!("a stranger's code {code} in slot {slot} of node {node} became {found:?}"));
            }
        }
    }
    Ok(())
}

/// What a grant says of the door is so.
fn words_are_true(stage: &Stage, name: &str, grant: &GrantView) -> Result<(), String> {
    let node = node_of(grant);
    let Some(lock) = stage.model.locks.get(&node) else { return Ok(()) };
    if lock.excuses(name, stage.house.now()) {
        return Ok(());
    }
    let person = stage.model.person(name).ok_or("nobody added them")?;
    let opens = |code: &String| stage.house.node(node).memory.codes.user_of(code.as_bytes()).is_some();
    // A code that an older store knows nothing of is foreign to it, also a person's own.
    let known = |code: &&String| !lock.loose.contains(*code);
    let (now, ever) = (opens(&person.codes[person.codes.len() - 1]), person.codes.iter().filter(known).any(opens));
    let is_open = stage.house.node(node).class() == SecurityClass::None;
    if grant.status == Status::Active && !now {
        return Err(format!("active, and the door stays shut to {:?}; it has {:?}", person.codes, stage.house.codes(node)));
    }
    let (Some(opens), Some(code)) = (grant.opens_now.known(), grant.code_in_lock.known()) else {
        return Err("a word that nobody knows".into());
    };
    match (opens, code) {
        (OpensNow::Yes, CodeInLock::Current) if !now => Err("a false yes".into()),
        // What a stranger wrote over theirs is in their slot, and counts as theirs until it left, too.
        (OpensNow::Yes, CodeInLock::Previous) if !ever && lock.strangers.is_empty() && lock.loose.is_empty() => {
            Err("a false yes about an earlier code".into())
        }
        // Where there are no keys, a forged report may answer our read, and nothing tells until the next check.
        (OpensNow::No, _) if ever && is_open && !lock.was_left_alone(now_minus(stage.house.now(), CHECKED)) => Ok(()),
        (OpensNow::No, _) if ever => Err("a false no".into()),
        (OpensNow::Yes | OpensNow::No | OpensNow::Unknown, _) => Ok(()),
    }
}

/// Whoever has no grant on a lock, or none any more, does not open it.
fn nobody_else_opens(stage: &Stage, grants: &[(String, GrantView)]) -> Result<(), String> {
    for node in &stage.nodes {
        let slug = slug(*node);
        let lock = &stage.model.locks[node];
        let granted: BTreeSet<&str> =
            grants.iter().filter(|(_, grant)| is_on(grant, &slug)).map(|(name, _)| name.as_str()).collect();
        let others = stage.model.people.iter().filter(|person| !granted.contains(person.name.as_str()));
        for person in others.filter(|person| !lock.blind.contains(&person.name)) {
            // One that an older store knows nothing of is foreign to it.
            for code in person.codes.iter().filter(|code| !lock.loose.contains(*code)) {
                if stage.house.node(*node).memory.codes.user_of(code.as_bytes()).is_some() {
                    return Err(format!("{} has no grant on {slug}, and {code} opens it", person.name));
                }
            }
        }
    }
    Ok(())
}

/// Every event of the journal reached the broker, in the journal's order; and what reached it is in the journal.
fn every_event_got_out(stage: &Stage) -> Result<(), String> {
    let journal: Vec<_> = stage.house.journal().into_iter().map(|event| event.id).collect();
    let mut seen = stage.joining.forgotten.clone();
    let published: Vec<_> = stage.house.published.iter().map(|(id, _)| *id).filter(|id| seen.insert(*id)).collect();
    if journal == published {
        return Ok(());
    }
    let lost: Vec<_> = journal.iter().filter(|id| !seen.contains(id)).collect();
    Err(format!("{} events in the journal, {} published, {} never, or not in order", journal.len(), published.len(), lost.len()))
}

/// Whether a grant is on the device of that slug.
fn is_on(grant: &GrantView, slug: &str) -> bool {
    grant.device.as_ref().is_some_and(|device| device.as_str() == slug)
}

fn all(grants: &[(String, GrantView)]) -> String {
    grants.iter().map(|(name, grant)| told(name, grant)).collect::<Vec<_>>().join("; ")
}

/// Which node a grant is about.
pub fn node_of(grant: &GrantView) -> NodeId {
    let slug = grant.device.as_ref().expect("a device").as_str();
    NodeId(slug.trim_start_matches("lock_").parse().expect("a lock's slug"))
}

/// Whether a frame makes the stick transmit.
pub fn goes_to_a_node(frame: &Frame) -> bool {
    [FunctionId::SEND_DATA, FunctionId::SEND_DATA_BRIDGE, FunctionId::REQUEST_NODE_INFO].contains(&frame.function)
}
