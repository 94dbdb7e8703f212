//! One telling of a story.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use latchkey::bridge::ask::{self, Question};
use latchkey::domain::ids::{NodeId, PersonId};
use latchkey::domain::intent::{CodeChoice, Intent, PersonChange, Refusal};
use latchkey::domain::pin::Pin;
use latchkey::domain::time::Instant;
use latchkey::sim::node::{Entry, Typed};
use latchkey::view::GrantView;

use super::truth;
use crate::support::house::{self, Cut, House};
use crate::support::nonces::Nonces;

const SECOND: Duration = Duration::from_secs(1);
/// The longest time between two tries of a lock that did not answer, and some.
const PATIENCE: Duration = Duration::from_secs(2 * 3600);

/// Within this, the daemon knows what a lock told.
const TOLD_WITHIN: Duration = Duration::from_secs(15);

/// What takes the daemon down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outage {
    /// The hub has no power, and the stick with it. Locks have batteries.
    Power { dark: Duration },
    /// The process dies, and is started again.
    Death,
}

/// Where it goes down, one time after the other.
#[derive(Clone, Default, Debug)]
pub struct Plan(VecDeque<(Cut, Outage)>);

impl Plan {
    pub fn of(outages: impl IntoIterator<Item = (Cut, Outage)>) -> Self {
        Self(outages.into_iter().collect())
    }
}

/// Somebody, as those who gave the codes know them.
#[derive(Clone, Debug)]
pub struct Person {
    pub name: String,
    pub id: PersonId,
    /// Every code they ever had, the present one last.
    pub codes: Vec<String>,
    pub on: BTreeSet<String>,
    pub removed: bool,
}

impl Person {
    pub fn code(&self) -> &str {
        self.codes.last().expect("everybody has a code")
    }

    pub fn may_open(&self, slug: &str) -> bool {
        !self.removed && self.on.contains(slug)
    }
}

/// Somebody typed their code.
#[derive(Clone, Debug)]
pub struct Use {
    pub name: String,
    at: Instant,
    /// The lock repeats its word until it is answered.
    repeated: bool,
    /// The daemon was away when the lock told of it.
    pub may_be_missed: bool,
    /// The daemon went down before it could answer the lock.
    pub may_be_told_again: bool,
}

/// A house in which a story is told, and the truth about it.
pub struct Run {
    pub house: House,
    pub people: Vec<Person>,
    /// What was in the locks before, by its place: nobody touches it.
    pub foreign: BTreeMap<NodeId, BTreeMap<u16, Entry>>,
    /// Codes that were typed.
    pub uses: Vec<Use>,
    nonces: Nonces,
    looked: usize,
    plan: Plan,
    cuts: usize,
}

impl Run {
    pub fn new((house, people): (House, Vec<Person>), plan: Plan) -> Self {
        let ours = |entry: &Entry| people.iter().any(|person| person.code().as_bytes() == entry.code.reveal());
        let taken = |node| {
            let codes = house.world.node(node)?.memory.codes.entries().filter(|(_, entry)| !ours(entry));
            Some((node, codes.map(|(slot, entry)| (slot, entry.clone())).collect()))
        };
        let foreign = (2..10).map(NodeId).filter_map(taken).collect();
        let run = Self { house, people, foreign, uses: vec![], nonces: Nonces::default(), looked: 0, plan, cuts: 0 };
        run.arm();
        run
    }

    fn arm(&self) {
        match self.plan.0.front() {
            Some((cut, _)) => self.house.arm(*cut),
            None => self.house.disarm(),
        }
    }

    /// If the daemon is down, it comes back. `true`: it was.
    pub fn power(&mut self) -> bool {
        if !self.house.is_dark() {
            return false;
        }
        self.cuts += 1;
        let now = self.house.now();
        let death = matches!(self.plan.0.front(), Some((_, Outage::Death)));
        for it in self.uses.iter_mut().filter(|it| now.since(it.at) < TOLD_WITHIN) {
            it.may_be_missed |= !(death && it.repeated);
            it.may_be_told_again |= it.repeated;
        }
        match self.plan.0.pop_front() {
            Some((_, Outage::Power { dark })) => {
                self.house.run_for(dark);
                let now = self.house.now();
                self.house.world.replug(now);
                self.house.cut_power();
            }
            _ => self.house.restart(),
        }
        self.arm();
        true
    }

    /// Whether the next outage is at a commit, and the commit is on the disk then.
    fn is_committed(&self) -> bool {
        matches!(self.plan.0.front(), Some((Cut::After(..), _)))
    }

    /// Time goes by, wherever the power goes off in it; and all is well afterwards.
    pub fn wait(&mut self, duration: Duration) -> Result<(), String> {
        let end = self.house.now() + duration;
        while self.house.now() < end || self.house.is_dark() {
            self.power();
            let left = end.since(self.house.now());
            self.house.run_until(left, |house| house.is_dark());
        }
        self.look()
    }

    /// Asks until there is an answer, or until it is certain that it was heard. `None`: it was, and nobody was told.
    pub fn ask<Q: Question>(&mut self, question: &Q) -> Result<Option<Q::Answer>, Refusal> {
        loop {
            self.power();
            match self.house.ask(question.clone()) {
                Some(answer) => return answer.map(Some),
                None if self.is_committed() => {
                    self.power();
                    return Ok(None);
                }
                None => drop(self.power()),
            }
        }
    }

    /// Changes something that has to be accepted.
    pub fn change(&mut self, intent: Intent) -> Result<(), String> {
        self.ask(&intent).map_err(|why| format!("refused: {why}"))?;
        self.look()
    }

    /// What somebody is shown, who looks again if the power goes off.
    pub fn view<Q: Question>(&mut self, question: &Q) -> Q::Answer {
        loop {
            self.power();
            if let Some(view) = self.house.view(question.clone()) {
                return view;
            }
        }
    }

    /// A new person.
    pub fn add(&mut self, name: &str, code: &str, on: &[&str]) -> Result<(), String> {
        let answer = self.ask(&Intent::AddPerson(house::person(name, code, on)));
        let answer = answer.map_err(|why| format!("{name} was refused: {why}"))?;
        let id = answer.and_then(|accepted| accepted.person).or_else(|| {
            let people = self.view(&ask::People).items;
            people.iter().find(|person| person.first_name == name).map(|person| person.id)
        });
        let id = id.ok_or_else(|| format!("{name} was committed and is not there"))?;
        let on = on.iter().map(|slug| (*slug).to_owned()).collect();
        self.people.push(Person { name: name.to_owned(), id, codes: vec![code.to_owned()], on, removed: false });
        self.look()
    }

    fn person(&mut self, name: &str) -> &mut Person {
        self.people.iter_mut().find(|person| person.name == name).expect("they were added")
    }

    pub fn new_code(&mut self, name: &str, code: &str) -> Result<(), String> {
        let id = self.person(name).id;
        // In the truth first: the old code or the new one may open until that is settled.
        self.person(name).codes.push(code.to_owned());
        let choice = CodeChoice::Given(Pin::parse(code).expect("a code"));
        self.change(Intent::EditPerson(id, PersonChange { code: Some(choice), ..PersonChange::default() }))
    }

    pub fn remove(&mut self, name: &str) -> Result<(), String> {
        let id = self.person(name).id;
        let answer = self.ask(&Intent::RemovePerson(id));
        answer.map_err(|why| format!("refused: {why}"))?;
        self.person(name).removed = true;
        self.look()
    }

    pub fn revoke(&mut self, name: &str, slug: &str) -> Result<(), String> {
        let id = self.person(name).id;
        let answer = self.ask(&Intent::Revoke { person: id, device: slug.to_owned() });
        answer.map_err(|why| format!("refused: {why}"))?;
        self.person(name).on.remove(slug);
        self.look()
    }

    /// Somebody types their code at a lock, where the daemon is up.
    pub fn type_code(&mut self, name: &str, node: NodeId) -> Result<(), String> {
        self.power();
        let code = self.person(name).code().to_owned();
        match self.house.keypad(node, &code) {
            Typed::Opened(_) => {
                let repeated = !self.house.node(node).model.quirks.no_supervision;
                let at = self.house.now();
                self.uses.push(Use { name: name.to_owned(), at, repeated, may_be_missed: false, may_be_told_again: false });
            }
            other => return Err(format!("{name} typed a code at node {node}, and {other:?}")),
        }
        Ok(())
    }

    /// What always has to hold.
    pub fn look(&mut self) -> Result<(), String> {
        for frame in &self.house.sent[self.looked..] {
            self.nonces.look(frame)?;
        }
        self.looked = self.house.sent.len();
        self.power();
        truth::always(self)
    }

    /// It gets quiet, and ends as it has to. The number of cuts there were.
    pub fn finish(mut self) -> Result<usize, String> {
        self.house.set_broker(true);
        self.settle()?;
        self.wait(60 * SECOND)?;
        // A second cut that was never reached is of no use to anybody any more.
        self.plan.0.clear();
        self.house.disarm();
        self.power();
        truth::at_rest(&mut self)?;
        let shown = self.shown();
        self.house.restart();
        self.wait(60 * SECOND)?;
        let again = self.shown();
        if shown != again {
            return Err(format!("shown before a restart: {shown:?}; after it: {again:?}"));
        }
        truth::at_rest(&mut self)?;
        Ok(self.cuts)
    }

    fn shown(&mut self) -> Vec<String> {
        let grants = self.house.grants().unwrap_or_default();
        grants.iter().map(|(name, grant)| house::told(name, grant)).collect()
    }

    /// Runs until every grant is settled.
    fn settle(&mut self) -> Result<(), String> {
        let end = self.house.now() + PATIENCE;
        loop {
            self.wait(10 * SECOND)?;
            let open = |(_, grant): &&(String, GrantView)| !grant.settled;
            let Some(grants) = self.house.grants() else { continue };
            let open: Vec<_> = grants.iter().filter(open).map(|(name, grant)| house::told(name, grant)).collect();
            if open.is_empty() {
                return Ok(());
            }
            if self.house.now() > end {
                return Err(format!("no exit within {PATIENCE:?}: {open:?}"));
            }
        }
    }
}
