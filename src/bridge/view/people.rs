//! People and their grants. Never a code.

use crate::bridge::look::Look;
use crate::domain::grant::{Grant, Schedule};
use crate::domain::ids::{GrantId, PersonId};
use crate::domain::person::Person;
use crate::view::{ContactsView, GrantView, Open, Page, PersonView, ScheduleKind, ScheduleView};

pub fn people(look: &Look<'_>) -> Page<PersonView> {
    let mut people: Vec<&Person> = look.state.people().collect();
    people.sort_by_key(|person| (person.last_name.to_lowercase(), person.first_name.to_lowercase(), person.id));
    Page::whole(people.into_iter().map(|person| of_person(look, person)).collect())
}

pub fn person(look: &Look<'_>, id: PersonId) -> Option<PersonView> {
    look.state.person(id).map(|person| of_person(look, person))
}

pub fn grant(look: &Look<'_>, id: GrantId) -> Option<GrantView> {
    look.state.grant(id).map(|grant| of_grant(look, grant))
}

fn of_person(look: &Look<'_>, person: &Person) -> PersonView {
    let mut grants: Vec<&Grant> = look.state.grants_of(person.id).collect();
    grants.sort_by_key(|grant| look.state.device(grant.device).map(|device| &device.slug));
    PersonView {
        id: person.id,
        external_id: person.external_id.clone(),
        first_name: person.first_name.clone(),
        last_name: person.last_name.clone(),
        enabled: person.enabled,
        removing: person.removed_at.is_some(),
        has_code: look.state.credentials_of(person.id).next().is_some(),
        contacts: ContactsView { email: person.contacts.email.clone(), mobile: person.contacts.mobile.clone() },
        grants: grants.into_iter().map(|grant| of_grant(look, grant)).collect(),
    }
}

fn of_grant(look: &Look<'_>, grant: &Grant) -> GrantView {
    let standing = look.sync.standing(grant, look.state, look.network);
    GrantView {
        id: grant.id,
        person: grant.person,
        device: look.state.device(grant.device).map(|device| device.slug.clone()),
        device_id: grant.device,
        status: grant.status.into(),
        settled: grant.status.is_settled(),
        reason: grant.reason.map(Open::from),
        since: look.stamp(grant.since),
        next_try: grant.next_try.map(|at| look.stamp(at)),
        attempts: grant.attempts,
        generation: grant.generation,
        confirmed_by: grant.confirmed.map(|confirmed| confirmed.by.into()),
        confirmed_at: grant.confirmed.map(|confirmed| look.stamp(confirmed.at)),
        opens_now: standing.opens_now.into(),
        code_in_lock: standing.code_in_lock.into(),
        schedule: schedule(&grant.schedule),
    }
}

fn schedule(schedule: &Schedule) -> ScheduleView {
    let kind = match schedule {
        Schedule::Always => ScheduleKind::Always,
    };
    ScheduleView { kind: kind.into() }
}
