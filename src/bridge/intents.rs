//! A change somebody asks for: checked against everything it touches, then made all at once or not at all.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::context::{Context, FormerName};
use super::state::State;
use crate::domain::actor::Actor;
use crate::domain::audit::Act;
use crate::domain::device::{Device, Inventory};
use crate::domain::entropy::Entropy;
use crate::domain::grant::{Grant, Reason, Schedule, Status};
use crate::domain::ids::{CredentialId, DeviceId, Generation, GrantId, PersonId, Slug};
use crate::domain::intent::{Accepted, CodeChoice, NewPerson, PersonChange, Refusal};
use crate::domain::person::{Contacts, Credential, CredentialKind, Person};
use crate::domain::pin::{CodeText, Pin};
use crate::domain::slot::Content;
use crate::domain::time::{Instant, Now};
use crate::reconcile::rules::{self, DeviceRule, Rules, Unfit};

/// So many earlier names of a device are remembered.
pub(super) const FORMER_SLUGS: usize = 16;

/// Changes of people and what they may open.
#[derive(Default)]
pub struct Intents {
    refusals: Refusals,
}

impl Intents {
    /// Makes changes in the name of this actor.
    pub fn by<'a>(&'a mut self, actor: &'a Actor, cx: &'a mut Context) -> Changes<'a> {
        Changes { state: &mut cx.state, entropy: &mut cx.entropy, refusals: &mut self.refusals, actor, now: cx.now }
    }
}

/// The changes that one actor makes in one turn.
pub struct Changes<'a> {
    state: &'a mut State,
    entropy: &'a mut Entropy,
    refusals: &'a mut Refusals,
    actor: &'a Actor,
    now: Now,
}

impl Changes<'_> {
    /// Adds a person with a code and grants.
    pub fn add_person(&mut self, new: NewPerson) -> Result<Accepted, Refusal> {
        let first_name = one_line("the first name", &new.first_name)?;
        let last_name = if new.last_name.trim().is_empty() { String::new() } else { one_line("the last name", &new.last_name)? };
        self.check_external_id(new.external_id.as_deref(), None)?;
        let contacts = Contacts { email: contact(new.contacts.email)?, mobile: contact(new.contacts.mobile)? };
        let devices = new.on.iter().map(|name| self.lock_named(name)).collect::<Result<BTreeSet<_>, _>>()?;
        if new.code.is_none() && !devices.is_empty() {
            return Err(Refusal::NoCode);
        }
        let code = new.code.map(|choice| self.choose_code(&choice, &devices, None)).transpose()?;
        self.check_room(&devices)?;

        let generation = self.state.next_generation();
        let person = Person {
            id: PersonId::new(self.entropy),
            external_id: new.external_id,
            first_name,
            last_name,
            enabled: true,
            contacts,
            added_at: self.now.wall,
            removed_at: None,
        };
        let mut accepted = Accepted { generation, person: Some(person.id), ..Accepted::default() };
        if let Some((pin, generated)) = code {
            let credential = self.put_code(person.id, None, pin.clone(), generation);
            accepted.generated = generated.then_some(pin);
            for device in devices {
                accepted.grants.push(self.new_grant(person.id, credential, device, new.schedule.clone(), generation));
            }
        }
        self.audit(Act::PersonAdded(person.id));
        self.state.put_person(person);
        Ok(accepted)
    }

    /// Changes a person; a new code goes to every lock they may open.
    pub fn edit_person(&mut self, id: PersonId, change: PersonChange) -> Result<Accepted, Refusal> {
        let mut person = self.person(id)?;
        if let Some(first) = &change.first_name {
            person.first_name = one_line("the first name", first)?;
        }
        if let Some(last) = &change.last_name {
            person.last_name = if last.trim().is_empty() { String::new() } else { one_line("the last name", last)? };
        }
        if let Some(external_id) = change.external_id {
            self.check_external_id(external_id.as_deref(), Some(id))?;
            person.external_id = external_id;
        }
        if change.email.is_some() {
            person.contacts.email = contact(change.email)?;
        }
        if change.mobile.is_some() {
            person.contacts.mobile = contact(change.mobile)?;
        }
        let grants: Vec<Grant> = self.state.grants_of(id).filter(|grant| grant.wanted).cloned().collect();
        let devices: BTreeSet<DeviceId> = grants.iter().map(|grant| grant.device).collect();
        let code = change.code.map(|choice| self.choose_code(&choice, &devices, Some(id))).transpose()?;
        let toggled = change.enabled.is_some_and(|enabled| enabled != person.enabled);
        person.enabled = change.enabled.unwrap_or(person.enabled);

        let generation = self.state.next_generation();
        let mut accepted = Accepted { generation, person: Some(id), ..Accepted::default() };
        let changes_code = code.is_some();
        if let Some((pin, generated)) = code {
            let existing = self.state.credentials_of(id).next().map(|credential| credential.id);
            // The grants of a code that can't be read any more go on with the new one.
            let existing = existing.or_else(|| self.state.lost_code_of(id));
            self.put_code(id, existing, pin.clone(), generation);
            accepted.generated = generated.then_some(pin);
        }
        if changes_code || toggled {
            for mut grant in grants {
                renew(&mut grant, generation, self.now);
                accepted.grants.push(grant.id);
                self.state.put_grant(grant);
            }
        }
        self.audit(Act::PersonChanged(id));
        self.state.put_person(person);
        Ok(accepted)
    }

    /// Takes every code of a person out of every lock; the record goes when the last one is out.
    pub fn remove_person(&mut self, id: PersonId) -> Result<Accepted, Refusal> {
        let mut person = self.person(id)?;
        let generation = self.state.next_generation();
        let mut accepted = Accepted { generation, person: Some(id), ..Accepted::default() };
        for grant in self.state.grants_of(id).map(|grant| grant.id).collect::<Vec<_>>() {
            accepted.grants.push(grant);
            self.take_back(grant, generation);
        }
        self.audit(Act::PersonRemoved(id));
        if accepted.grants.is_empty() {
            self.state.delete_person(id);
        } else {
            person.removed_at = Some(self.now.wall);
            self.state.put_person(person);
        }
        Ok(accepted)
    }

    /// Ticks a device for a person. Ticking it again tries again what was refused, erased or changed at the lock.
    pub fn grant(&mut self, id: PersonId, device: &str, schedule: Schedule) -> Result<Accepted, Refusal> {
        self.person(id)?;
        let device = self.lock_named(device)?;
        let credential = self.state.credentials_of(id).next().cloned().ok_or(Refusal::NoCode)?;
        let devices = BTreeSet::from([device]);
        let existing = self.state.grants_of(id).find(|grant| grant.device == device).cloned();
        if existing.as_ref().is_none_or(|grant| !grant.wanted) {
            self.choose_code(&CodeChoice::Given(credential.pin.clone()), &devices, Some(id))?;
            self.check_room(&devices)?;
        }
        let generation = self.state.next_generation();
        let grant = match existing {
            Some(mut grant) => {
                grant.wanted = true;
                grant.schedule = schedule;
                renew(&mut grant, generation, self.now);
                let id = grant.id;
                self.state.put_grant(grant);
                id
            }
            None => self.new_grant(id, credential.id, device, schedule, generation),
        };
        self.audit(Act::Granted { person: id, device, grant });
        Ok(Accepted { generation, grants: vec![grant], person: Some(id), device: Some(device), ..Accepted::default() })
    }

    /// Unticks a device for a person.
    pub fn revoke(&mut self, id: PersonId, device: &str) -> Result<Accepted, Refusal> {
        self.person(id)?;
        let device = device_named(device, self.state)?.id;
        let grant = self.state.grants_of(id).find(|grant| grant.device == device).map(|grant| grant.id);
        let generation = self.state.next_generation();
        if let Some(grant) = grant {
            self.take_back(grant, generation);
        }
        self.audit(Act::Revoked { person: id, device, grant });
        let grants = grant.into_iter().collect();
        Ok(Accepted { generation, grants, person: Some(id), device: Some(device), ..Accepted::default() })
    }

    fn person(&self, id: PersonId) -> Result<Person, Refusal> {
        let person = self.state.person(id).filter(|person| person.removed_at.is_none());
        person.cloned().ok_or_else(|| Refusal::UnknownPerson(id.to_string()))
    }

    fn lock_named(&self, name: &str) -> Result<DeviceId, Refusal> {
        let device = device_named(name, self.state)?;
        if device.takes_codes { Ok(device.id) } else { Err(Refusal::NotALock(device.slug.to_string())) }
    }

    fn check_external_id(&self, id: Option<&str>, own: Option<PersonId>) -> Result<(), Refusal> {
        let Some(id) = id else { return Ok(()) };
        one_line("the external id", id)?;
        let taken = self.state.people().any(|p| p.external_id.as_deref() == Some(id) && Some(p.id) != own);
        if taken { Err(Refusal::ExternalIdTaken(id.to_owned())) } else { Ok(()) }
    }

    /// A lock whose every slot is taken by us or by others refuses before anything is sent.
    fn check_room(&self, devices: &BTreeSet<DeviceId>) -> Result<(), Refusal> {
        for id in devices {
            let Some(device) = self.state.device(*id).filter(|device| device.inventory.done) else { continue };
            let waiting = self.state.grants_on(*id).filter(|g| g.wanted && self.state.slot_of(g).is_none()).count();
            let slots = self.state.slots(*id).values();
            let free = slots.filter(|slot| slot.owner.is_none() && slot.content == Content::Empty).count();
            if free <= waiting {
                return Err(Refusal::LockFull(device.slug.to_string()));
            }
        }
        Ok(())
    }

    /// Takes the typed code or draws one, through the rules of every device and every other code. Tells whether it
    /// was drawn.
    fn choose_code(
        &mut self,
        choice: &CodeChoice,
        devices: &BTreeSet<DeviceId>,
        own: Option<PersonId>,
    ) -> Result<(Pin, bool), Refusal> {
        if matches!(choice, CodeChoice::Given(_)) && self.refusals.exhausted(self.actor, self.now.mono) {
            return Err(Refusal::TooManyRefusals);
        }
        let chosen = {
            let rules = rules_for(self.state, devices, own);
            match choice {
                CodeChoice::Given(pin) => rules::judge(pin, &rules).map(|()| (pin.clone(), false)),
                CodeChoice::Generate(digits) => rules::generate(*digits, &rules, self.entropy).map(|pin| (pin, true)),
            }
        };
        chosen.map_err(|unfit| match unfit {
            Unfit::Weak => Refusal::WeakCode,
            Unfit::Duplicate => {
                // The refusal tells that somebody has this code: it is rationed and on record.
                self.refusals.count(self.actor, self.now.mono);
                self.audit(Act::CodeRefused(own));
                Refusal::DuplicateCode
            }
            Unfit::Length(device) => Refusal::CodeLength { device: device.slug, min: device.min, max: device.max },
            Unfit::NothingFits => Refusal::NoSuitableCode,
        })
    }

    fn put_code(&mut self, person: PersonId, existing: Option<CredentialId>, pin: Pin, generation: Generation) -> CredentialId {
        let id = existing.unwrap_or_else(|| CredentialId::new(self.entropy));
        self.state.put_credential(Credential { id, person, kind: CredentialKind::Pin, pin, generation });
        id
    }

    fn new_grant(
        &mut self,
        person: PersonId,
        credential: CredentialId,
        device: DeviceId,
        schedule: Schedule,
        generation: Generation,
    ) -> GrantId {
        let id = GrantId::new(self.entropy);
        self.state.put_grant(Grant {
            id,
            person,
            credential,
            device,
            schedule,
            wanted: true,
            generation,
            hold: None,
            status: Status::Pending,
            reason: Some(Reason::Queue),
            since: self.now.wall,
            next_try: None,
            attempts: 0,
            confirmed: None,
        });
        id
    }

    fn take_back(&mut self, id: GrantId, generation: Generation) {
        let Some(mut grant) = self.state.grant(id).cloned() else { return };
        grant.wanted = false;
        renew(&mut grant, generation, self.now);
        self.state.put_grant(grant);
    }

    fn audit(&mut self, act: Act) {
        self.state.audit(self.actor, act, self.now.wall);
    }
}

/// Gives a device another name.
pub fn rename(actor: &Actor, device: &str, name: &str, slug: Option<&str>, cx: &mut Context) -> Result<Accepted, Refusal> {
    let mut device = device_named(device, &cx.state)?.clone();
    device.name = one_line("the name", name)?;
    let slug = match slug {
        Some(slug) => slug.parse().map_err(|_| Refusal::BadSlug(slug.to_owned()))?,
        None => Slug::from_name(&device.name),
    };
    if cx.state.devices().any(|other| other.id != device.id && other.slug == slug) {
        return Err(Refusal::BadSlug(slug.to_string()));
    }
    if device.slug != slug {
        let former = std::mem::replace(&mut device.slug, slug);
        cx.out.forget_name(FormerName { slug: former.clone(), by_earlier_runs: false });
        device.former_slugs.retain(|old| *old != former && *old != device.slug);
        device.former_slugs.push(former);
        let surplus = device.former_slugs.len().saturating_sub(FORMER_SLUGS);
        device.former_slugs.drain(..surplus);
    }
    let generation = cx.state.next_generation();
    cx.state.audit(actor, Act::DeviceRenamed(device.id), cx.now.wall);
    let accepted = Accepted { generation, device: Some(device.id), ..Accepted::default() };
    cx.state.put_device(device);
    Ok(accepted)
}

/// Reads every slot of a lock again, in the background.
pub fn check(name: &str, cx: &mut Context) -> Result<Accepted, Refusal> {
    let device = device_named(name, &cx.state)?.clone();
    let (id, generation) = (device.id, cx.state.next_generation());
    let inventory = Inventory { next: 0, done: false, began: cx.state.look_begins(id, cx.now.wall) };
    cx.state.put_device(Device { inventory, ..device });
    Ok(Accepted { generation, device: Some(id), ..Accepted::default() })
}

fn device_named<'s>(name: &str, state: &'s State) -> Result<&'s Device, Refusal> {
    state.device_named(name).ok_or_else(|| Refusal::UnknownDevice(name.to_owned()))
}

/// What the devices, everybody else's codes and the foreign codes in those locks allow.
fn rules_for<'s>(state: &'s State, devices: &BTreeSet<DeviceId>, own: Option<PersonId>) -> Rules<'s> {
    let others = state.credentials().filter(|c| Some(c.person) != own).map(|c| c.pin.reveal().as_bytes());
    let foreign = devices.iter().flat_map(|device| state.slots(*device).values()).filter_map(|slot| match &slot.content {
        Content::Known(code) if slot.owner.is_none() => Some(code.reveal()),
        Content::Known(_) | Content::Unknown | Content::Empty | Content::Unreadable => None,
    });
    let devices = devices.iter().filter_map(|id| state.device(*id)).map(|device| DeviceRule {
        slug: device.slug.to_string(),
        min: 4,
        max: 10,
        five_buttons: false,
    });
    // A replaced code still opens where it was not written over yet: nobody else gets it.
    let in_locks = state.codes_of_others(own).map(CodeText::reveal);
    Rules { devices: devices.collect(), taken: others.chain(foreign).chain(in_locks).collect() }
}

/// A new intent forgets what stopped the old one. The status follows before the turn ends.
pub(super) fn renew(grant: &mut Grant, generation: Generation, now: Now) {
    grant.generation = generation;
    grant.hold = None;
    grant.since = now.wall;
}

pub(super) fn one_line(field: &'static str, text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    let fits = (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(Refusal::BadText(field)) }
}

/// An empty contact takes it away.
fn contact(text: Option<String>) -> Result<Option<String>, Refusal> {
    match text {
        Some(text) if !text.trim().is_empty() => one_line("a contact", &text).map(Some),
        Some(_) | None => Ok(None),
    }
}

/// Refused codes per account: "that code is taken" is an oracle, so nobody may ask it often (threats: all codes).
#[derive(Default)]
pub struct Refusals {
    by_actor: BTreeMap<Actor, VecDeque<Instant>>,
}

impl Refusals {
    const PER_HOUR: usize = 5;

    fn count(&mut self, actor: &Actor, now: Instant) {
        self.by_actor.entry(actor.clone()).or_default().push_back(now);
    }

    fn exhausted(&mut self, actor: &Actor, now: Instant) -> bool {
        for times in self.by_actor.values_mut() {
            times.retain(|at| now.since(*at) < Duration::from_secs(3600));
        }
        self.by_actor.retain(|_, times| !times.is_empty());
        self.by_actor.get(actor).is_some_and(|times| times.len() >= Self::PER_HOUR)
    }
}

#[cfg(test)]
mod tests;
