//! What an old or damaged store means: an older copy puts every slot in doubt, and what can't be read any more is reported
//! until a person has dealt with it.

use std::time::Duration;

use super::context::Context;
use super::look::Look;
use super::problem::Problem;
use crate::domain::actor::Actor;
use crate::domain::audit::Act;
use crate::domain::batch::Damage;
use crate::domain::device::{Device, Inventory};
use crate::domain::slot::Progress;

/// An older copy is a problem for so long: an operator has to compare people and grants with what should be.
const OLDER_COPY_MATTERS: Duration = Duration::from_secs(7 * 24 * 3600);

/// Nothing an older copy says of the locks counts until each slot was looked at. Nothing is written to them before.
pub(super) fn doubt_older_copy(cx: &mut Context) {
    tracing::warn!("an older copy of the database is in use: every slot of every lock is looked at again");
    for device in cx.state.devices().cloned().collect::<Vec<_>>() {
        let id = device.id;
        let inventory = Inventory { next: 0, done: false, began: cx.state.look_begins(id, cx.now.wall) };
        cx.state.put_device(Device { inventory, ..device });
        cx.sync.doubt_all(id, &mut cx.state, cx.now);
        cx.touch(id);
    }
    cx.state.put_older_copy_found(cx.now.wall);
    cx.state.audit(&Actor::LATCHKEY, Act::OlderCopyFound, cx.now.wall);
}

/// Problems of the store.
pub(super) fn problems(look: &Look<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut problem = |what: String, fix: &str| problems.push(Problem::warning(what, fix));
    let found = look.state.older_copy_found();
    if found.is_some_and(|found| look.now.wall - found < OLDER_COPY_MATTERS) {
        problem(
            "an older copy of the database was put back: changes made since that copy are not known, and every lock is looked \
             at again"
                .into(),
            "compare `latchkey people list` with what should be: add or remove people again, and grant again what is missing",
        );
    }
    for person in look.state.without_readable_code() {
        let what = format!("the code of {} is damaged in the database and can't be read", person.name());
        problem(what, "set a new one: `latchkey people edit PERSON --code -`; the old one stays in the locks until then");
    }
    for damage in look.damage {
        match damage {
            Damage::Slot(key) => {
                let slot = look.state.slots(key.device).get(&key.index);
                if slot.is_some_and(|slot| slot.progress == Progress::RowDoubted) {
                    let device = look.state.device(key.device).map(|device| device.slug.to_string()).unwrap_or_default();
                    problem(
                        format!("what was known of {key} of {device} is damaged in the database"),
                        "wait: the slot is read from the lock again; make a backup soon and look after the card",
                    );
                }
            }
            Damage::Grant(id) => {
                if look.state.grant(*id).is_some_and(|grant| grant.reason == Some(crate::domain::grant::Reason::Damaged)) {
                    problem(
                        "a grant is damaged in the database".into(),
                        "see `latchkey people list`: grant it again, or revoke it",
                    );
                }
            }
            Damage::Contacts(id) => {
                let name = look.state.person(*id).map(crate::domain::person::Person::name).unwrap_or_default();
                problem(
                    format!("the e-mail address and mobile number of {name} are damaged in the database"),
                    "write them again: `latchkey people edit PERSON`",
                );
            }
            Damage::Label { name, .. } => {
                let name = name.as_deref().map_or_else(String::new, |name| format!(" ({name})"));
                problem(
                    format!("the label of an expected device{name} is damaged in the database"),
                    "scan it again: `latchkey network smartstart add`",
                );
            }
            Damage::Node(node) => problem(
                format!("what was known of node {node} is damaged in the database"),
                "wait: it is interviewed again; look at its security with `latchkey devices show`",
            ),
            Damage::WaitingEvent(id) => problem(
                format!("the event {id}, which waited for the broker, is damaged in the database and is lost"),
                "make a backup soon and look after the card",
            ),
            Damage::Fingerprints => problem(
                "the key by which codes in the locks are recognised was damaged in the database".into(),
                "wait: every code is read from its lock again; make a backup soon and look after the card",
            ),
            // Reported above until there is a new code.
            Damage::Code { .. } => {}
        }
    }
    problems
}
