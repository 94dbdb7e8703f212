//! What people want: whom they add and remove, and which lock is to open for whom.

use latchkey::bridge::ask;
use latchkey::domain::grant::{Schedule, Status};
use latchkey::domain::ids::NodeId;
use latchkey::domain::intent::{Accepted, CodeChoice, Intent, PersonChange};
use latchkey::domain::pin::Pin;

use super::agenda::Later;
use super::check;
use super::model::{Person, REVOKED, REVOKED_EACH, WRITTEN};
use super::stage::{SECOND, Stage, slug};
use super::steps::What;
use crate::support::house::{self, Cut};

impl Stage {
    pub fn want(&mut self, what: What) -> Result<(), String> {
        match what {
            What::Add { on } => {
                let on = self.nodes.iter().enumerate().filter(|(n, _)| on & (1 << n) != 0).map(|(_, node)| *node).collect();
                self.add(on);
            }
            What::AddTwin { of, on } => return self.add_twin(of, on),
            What::NewCode { who } => self.new_code(who),
            What::Enable { who, on } => {
                let change = PersonChange { enabled: Some(on), ..PersonChange::default() };
                self.edit(who, |person| Intent::EditPerson(person.id, change), |person| person.enabled = on);
            }
            What::Remove { who } => self.edit(who, |person| Intent::RemovePerson(person.id), |person| person.removed = true),
            What::Grant { who, lock } => {
                let node = self.lock(lock);
                let intent = move |person: &Person| grant(person, node);
                self.edit(who, intent, |person| _ = person.on.insert(node));
            }
            What::Revoke { who, lock } => {
                let node = self.lock(lock);
                let intent = move |person: &Person| Intent::Revoke { person: person.id, device: slug(node) };
                self.edit(who, intent, |person| _ = person.on.remove(&node));
            }
            What::Bolt { lock, locked } => {
                let device = slug(self.lock(lock));
                self.change(if locked { Intent::Lock(device) } else { Intent::Unlock(device) });
            }
            What::Check { lock } => drop(self.change(Intent::Check(slug(self.lock(lock))))),
            _ => {}
        }
        Ok(())
    }

    pub fn move_bolt(&mut self, node: NodeId) {
        self.change(Intent::Lock(slug(node)));
    }

    /// Asks for a change. `Some`: it is committed, and with the answer if that came out before the power went off.
    fn change(&mut self, intent: Intent) -> Option<Option<Accepted>> {
        let answer = match self.house.change(intent) {
            Some(Ok(accepted)) => Some(Some(accepted)),
            Some(Err(_)) => None,
            // The power went off in this very turn: before the commit, after it, or after one that failed.
            None => (matches!(self.armed, Some(Cut::After(..))) && !self.disk_fails).then_some(None),
        };
        self.watch();
        answer
    }

    fn add(&mut self, on: Vec<NodeId>) -> Option<String> {
        if self.model.present().count() >= 12 {
            return None;
        }
        let name = format!("P{}", self.model.people.len() + self.forgot);
        let code = self.model.fresh_code();
        let slugs: Vec<String> = on.iter().map(|node| slug(*node)).collect();
        let slugs: Vec<&str> = slugs.iter().map(String::as_str).collect();
        let answer = self.change(Intent::AddPerson(house::person(&name, &code, &slugs)))?;
        let id = answer.and_then(|accepted| accepted.person).or_else(|| {
            // The answer was lost with the power: who it is shows in the list.
            self.power();
            let people = self.house.view(ask::People)?.items;
            people.iter().find(|person| person.first_name == name).map(|person| person.id)
        });
        let id = id.unwrap_or_else(|| panic!("{name} was committed and is not there"));
        let on = on.into_iter().collect();
        self.model.people.push(Person { name: name.clone(), id, codes: vec![code], enabled: true, on, removed: false });
        self.decided(&name);
        Some(name)
    }

    fn add_twin(&mut self, of: u8, on: u8) -> Result<(), String> {
        let Some(of) = self.who(of) else { return Ok(()) };
        let code = self.model.people[of].code().to_owned();
        let node = slug(self.lock(on));
        match self.house.change(Intent::AddPerson(house::person("Twin", &code, &[&node]))) {
            Some(Ok(_)) => Err("two people have one code".into()),
            Some(Err(_)) | None => Ok(()),
        }
    }

    /// Somebody is let in, and at once they are not. A neighbour interferes in between.
    pub fn reverse(&mut self, who: u8, lock: u8, after: u16) {
        let node = self.lock(lock);
        let Some(name) = self.add(vec![node]) else { return };
        let other = self.nodes[(usize::from(lock) + 1 + usize::from(who) % 2) % self.nodes.len()];
        self.neighbour.trap(node, other, name, after);
    }

    pub fn take_away(&mut self, name: &str) {
        // Nobody can ask a hub without power: they wait until it is back.
        self.power();
        let found = self.model.people.iter().position(|person| person.name == name && !person.removed);
        let Some(who) = found else { return };
        self.edit_one(who, |person| Intent::RemovePerson(person.id), |person| person.removed = true);
    }

    /// Whoever finds that their code does not open is given another.
    pub fn give_new_code(&mut self, name: &str) {
        let found = self.model.people.iter().position(|person| person.name == name && !person.removed);
        if let Some(who) = found {
            self.change_code(who);
        }
    }

    fn new_code(&mut self, who: u8) {
        if let Some(who) = self.who(who) {
            self.change_code(who);
        }
    }

    fn change_code(&mut self, who: usize) {
        let code = self.model.fresh_code();
        let choice = CodeChoice::Given(Pin::parse(&code).expect("a code"));
        let change = PersonChange { code: Some(choice), ..PersonChange::default() };
        self.edit_one(who, |person| Intent::EditPerson(person.id, change), |person| person.codes.push(code));
    }

    /// Somebody who is there.
    fn who(&self, n: u8) -> Option<usize> {
        let present: Vec<usize> = (0..self.model.people.len()).filter(|who| !self.model.people[*who].removed).collect();
        (!present.is_empty()).then(|| present[usize::from(n) % present.len()])
    }

    fn edit(&mut self, who: u8, intent: impl FnOnce(&Person) -> Intent, done: impl FnOnce(&mut Person)) {
        if let Some(who) = self.who(who) {
            self.edit_one(who, intent, done);
        }
    }

    fn edit_one(&mut self, who: usize, intent: impl FnOnce(&Person) -> Intent, done: impl FnOnce(&mut Person)) {
        let intent = intent(&self.model.people[who]);
        if self.change(intent).is_some() {
            let person = &mut self.model.people[who];
            done(person);
            let name = person.name.clone();
            self.decided(&name);
        }
    }

    /// Something else is wanted of somebody's grants: in time it is so.
    fn decided(&mut self, name: &str) {
        let now = self.house.now();
        self.model.decided(name, now);
        let waiting = |lock: &super::model::Lock| u32::try_from(lock.leaving.len() + lock.coming.len()).unwrap_or(u32::MAX);
        let others: u32 = self.model.locks.values().map(waiting).sum();
        for node in self.nodes.clone() {
            if self.model.locks[&node].leaving.get(name) == Some(&now) {
                let due = now + REVOKED + REVOKED_EACH * others.saturating_sub(1);
                self.agenda.at(due, Later::Revoked { name: name.to_owned(), node, since: now });
            }
        }
    }

    /// Where somebody edited one of our slots the daemon waits for a person's word: they tick the lock again. Nobody has to
    /// decide about a code that nobody touched.
    pub fn decide(&mut self) -> Result<(), String> {
        let grants = self.house.grants().ok_or("the store is not back")?;
        for (name, shown) in grants {
            let node = check::node_of(&shown);
            let Some(person) = self.model.present().find(|person| person.name == name).cloned() else { continue };
            let is_there = self.house.node(node).memory.codes.user_of(person.code().as_bytes()).is_some();
            let waits = matches!(shown.status.known(), Some(Status::MissingFromLock | Status::ChangedAtLock));
            if !waits && (is_there || !person.may_open(node)) {
                continue;
            }
            let lock = &self.model.locks[&node];
            if lock.ours.is_empty() && !lock.hearsay {
                return Err(format!("nobody touched that slot: {}", house::told(&name, &shown)));
            }
            if waits {
                self.house.intend(grant(&person, node));
                self.decided(&name);
            }
        }
        self.run(WRITTEN + SECOND)?;
        for lock in self.model.locks.values_mut() {
            lock.ours.clear();
        }
        Ok(())
    }
}

fn grant(person: &Person, node: NodeId) -> Intent {
    Intent::Grant { person: person.id, device: slug(node), schedule: Schedule::Always }
}
