//! What people do at the locks themselves, and odd things that locks say.

use std::time::Duration;

use latchkey::command::Command;
use latchkey::domain::ids::NodeId;
use latchkey::sim::node::Typed;

use super::agenda::Later;
use super::model::{ARRIVED, DOUBTED, Edit, MAY_BE_ECHO, Stranger, Visit, WRITTEN};
use super::stage::Stage;
use super::steps::{Forged, Odd, What};
use super::{check, watch};

impl Stage {
    pub fn touch(&mut self, what: What) {
        match what {
            What::Type { who, code, lock } => {
                if self.model.people.is_empty() {
                    return;
                }
                let person = &self.model.people[usize::from(who) % self.model.people.len()];
                let code = person.codes[usize::from(code) % person.codes.len()].clone();
                let name = person.name.clone();
                self.type_at(self.lock(lock), &code, Some(name));
            }
            What::Come { who, lock, times, each, called } => {
                let node = self.lock(lock);
                let there: Vec<String> = self.model.present().filter(|it| it.may_open(node)).map(|it| it.name.clone()).collect();
                if !there.is_empty() {
                    let name = there[usize::from(who) % there.len()].clone();
                    let now = self.house.now();
                    self.agenda.at(now, Later::Visit { name, node, left: times, each });
                    if called {
                        let first = now + Duration::from_millis(u64::from(each) / 2);
                        let until = now + Duration::from_millis(u64::from(each) * u64::from(times));
                        self.agenda.at(first, Later::Forge { node, what: Forged::NonceGet, each, until });
                    }
                }
            }
            What::TypeForeign { lock, slot } => {
                let node = self.lock(lock);
                let codes: Vec<String> = self.model.locks[&node].strangers.values().map(|it| it.code.clone()).collect();
                if !codes.is_empty() {
                    self.type_at(node, &codes[usize::from(slot) % codes.len()].clone(), None);
                }
            }
            What::TypeWrong { lock } => drop(self.house.keypad(self.lock(lock), "999111")),
            What::Turn { lock, locked } => {
                let (node, now) = (self.lock(lock), self.house.now());
                self.house.visit(node, |lock| lock.turn_bolt(locked, now));
            }
            What::Program { lock, slot } => {
                let node = self.lock(lock);
                let slot = u16::from(slot) % self.house.node(node).model.slots + 1;
                self.program(node, slot);
            }
            What::Overwrite { lock, slot } => {
                let node = self.lock(lock);
                if let Some(slot) = self.taken(node, slot) {
                    self.program(node, slot);
                }
            }
            What::Erase { lock, slot } => {
                let node = self.lock(lock);
                if let Some(slot) = self.taken(node, slot) {
                    self.erase(node, slot);
                }
            }
            What::Odd { lock, report } => self.say_odd(self.lock(lock), report),
            _ => {}
        }
        self.watch();
    }

    /// One of the slots of a lock that have a code.
    fn taken(&self, node: NodeId, n: u8) -> Option<u16> {
        let taken = self.house.codes(node);
        (!taken.is_empty()).then(|| taken[usize::from(n) % taken.len()].0)
    }

    /// Somebody types a code. Where nothing is in the way, the use is told with the right name, once.
    pub fn type_at(&mut self, node: NodeId, code: &str, name: Option<String>) {
        self.figures.uses += 1;
        let Typed::Opened(slot) = self.house.keypad(node, code) else { return };
        let (at, heard) = (self.house.now(), self.hears(node));
        self.model.visits.push(Visit { node, slot, at, name, heard, told: 0, told_at: at, settled: false });
        self.agenda.at(at + ARRIVED, Later::Look);
        self.watch();
    }

    /// A stranger programs a code. Nobody waits for that: neither for the hub's work nor for its echo.
    fn program(&mut self, node: NodeId, slot: u16) {
        let (code, now) = (self.model.fresh_code(), self.house.now());
        let was = watch::code_of(&self.model.locks[&node].table, slot);
        let over = was.as_ref().and_then(|was| self.model.present().find(|person| person.code() == was)).cloned();
        let calm = self.is_calm(node) && !self.may_be_echo(node, slot);
        self.house.visit(node, |lock| lock.program(slot, Some(code.as_bytes()), now));
        if !self.edited(node, slot, false, over.as_ref().is_some_and(|it| calm && it.may_open(node))) {
            return;
        }
        let lock = self.model.lock(node);
        // Over one that a person decided about since: that decision holds for this one, too.
        let is_decided = was.is_some_and(|was| lock.loose.contains(&was));
        // Over one that is to leave anyway.
        let unwanted = over.as_ref().is_some_and(|it| !it.may_open(node));
        // Over a stranger's that was written over ours, or where ours was erased unheard, it is as if over ours.
        let over = match (over.map(|it| it.name), lock.strangers.remove(&slot)) {
            (None, Some(stranger)) => stranger.over,
            (None, None) => lock.vacated.get(&slot).cloned(),
            (over, _) => over,
        };
        if over.is_some() {
            lock.ours.insert(slot);
        }
        let would_stay = calm && !unwanted && !is_decided;
        lock.strangers.insert(slot, Stranger { code, over, stays: false, would_stay, at: now, replaced: None });
    }

    fn erase(&mut self, node: NodeId, slot: u16) {
        let now = self.house.now();
        let was = watch::code_of(&self.model.locks[&node].table, slot);
        let wanted =
            was.and_then(|was| self.model.present().find(|person| person.code() == was)).is_some_and(|it| it.may_open(node));
        let is_told = wanted && self.is_calm(node);
        self.house.visit(node, |lock| lock.program(slot, None, now));
        if !self.edited(node, slot, true, is_told) {
            return;
        }
        let lock = self.model.lock(node);
        if lock.strangers.remove(&slot).is_none() {
            lock.ours.insert(slot);
        }
    }

    /// A slot was edited at the lock: in doubt until the lock's word has arrived for certain. `false`: nothing changed.
    fn edited(&mut self, node: NodeId, slot: u16, erased: bool, is_told: bool) -> bool {
        let (heard, now) = (self.hears(node), self.house.now());
        let table = self.house.node(node).memory.codes.clone();
        let before = std::mem::replace(&mut self.model.lock(node).table, table.clone());
        if before == table {
            return false;
        }
        let owner = watch::code_of(&before, slot).and_then(|code| self.model.owner(&code).cloned());
        let lock = self.model.lock(node);
        lock.touched.insert(slot);
        let whose = owner.as_ref().map(|person| person.name.clone());
        lock.edits.push(Edit { at: now, slot, whose, erased, heard, arrived: false, is_told });
        if let Some(owner) = owner {
            lock.follow(&owner, node, now);
        }
        self.agenda.at(now + ARRIVED, Later::Look);
        self.agenda.at(now + DOUBTED, Later::Look);
        true
    }

    /// Whether the hub has nothing to do at a lock: for long enough nothing was in the way, nobody interfered, and nothing
    /// else was wanted.
    fn is_calm(&self, node: NodeId) -> bool {
        let (lock, now) = (&self.model.locks[&node], self.house.now());
        let begins = |since| since <= self.mended_at || now.since(since) >= check::LONGEST_BACKOFF;
        let undisturbed = lock.good_since.is_some_and(begins);
        let alone = lock.attacked_at.is_none_or(begins);
        undisturbed && alone && now.since(lock.wanted_at) >= WRITTEN && !lock.hearsay && !lock.is_old
    }

    /// Whether what a lock says of a slot now may be the echo of a write of ours, as far as its bytes tell.
    fn may_be_echo(&self, node: NodeId, slot: u16) -> bool {
        if !self.house.node(node).model.quirks.masks_codes {
            return false;
        }
        let Some(written) = self.model.locks[&node].written.get(&slot) else { return false };
        // A hub that just started does not know how long ago it wrote, where the clock does not tell.
        self.house.now().since(*written.max(&self.up_since)) < MAY_BE_ECHO
    }

    /// The lock says something odd under its own keys. None of it changes a slot.
    fn say_odd(&mut self, node: NodeId, report: Odd) {
        let now = self.house.now();
        let slots = self.house.node(node).model.slots;
        let slot = |n: u8| u8::try_from(u16::from(n) % slots + 1).unwrap_or(1);
        let bytes = match report {
            Odd::UnknownTag => vec![0x63, 0x03, 0x00, 0x00, 0x04, 0xA1, 0x9B, 0x77, 0x20],
            Odd::AllZero => vec![0x63, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
            Odd::NotAvailable { slot: n } => vec![0x63, 0x03, slot(n), 0xFE],
            Odd::Battery => vec![0x80, 0x03, 0xFE],
            Odd::Level { level } => vec![0x71, 0x05, 0x16, level, 0x00, 0xFF, 0x06, 0x02, 0x00],
            Odd::UnknownMode => vec![0x62, 0x03, 0xFE, 0x00, 0x02, 0xFE, 0xFE],
        };
        let lock = self.model.lock(node);
        match report {
            // It seems to say that all codes are gone: that may be told, and every slot has to be looked at.
            Odd::AllZero => (lock.erased, lock.wanted_at) = (true, now),
            Odd::NotAvailable { .. } => lock.wanted_at = now,
            _ => {}
        }
        let command = Command::parse(&bytes).expect("a command");
        self.house.visit(node, |lock| lock.tell_lifeline(command, now));
    }
}
