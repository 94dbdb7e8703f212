//! What the locks themselves show, and what the hub tells, from one moment to the next.

use std::time::Duration;

use latchkey::domain::event::{Event, EventType, Method};
use latchkey::domain::ids::NodeId;
use latchkey::domain::node::SecurityClass;
use latchkey::domain::time::Instant;
use latchkey::sim::node::CodeTable;

use super::model::{ARRIVED, DOUBTED, Edit};
use super::stage::Stage;

/// A lock that a neighbour calls seals its last report anew. That waits for a free radio, behind a lock that does not answer
/// for example; what comes more than two seconds after the first may be reported as another visit.
const CALLED_FOR: Duration = Duration::from_secs(10);

impl Stage {
    /// Takes in what changed since the last look.
    pub fn watch(&mut self) {
        if self.house.sent.len() > self.seen.sent {
            self.look_at_sent();
        }
        for node in self.nodes.clone() {
            if self.house.node(node).memory.codes != self.model.locks[&node].table {
                self.changed_by_radio(node);
            }
            self.listen(node);
        }
        while let Some(event) = self.house.live.get(self.seen.live).cloned() {
            self.seen.live += 1;
            self.told(&event);
        }
    }

    fn look_at_sent(&mut self) {
        while let Some(frame) = self.house.sent.get(self.seen.sent) {
            self.seen.sent += 1;
            if let Err(why) = self.nonces.look(frame) {
                self.is_wrong(why);
                continue;
            }
            if let Some((node, payload)) = super::neighbour::carried(frame) {
                self.overhear(node, &payload);
            }
        }
    }

    pub fn is_wrong(&mut self, why: String) {
        self.house.trace(|| format!("## {why}"));
        self.wrong.get_or_insert(why);
    }

    /// How well a lock can be heard now, and what that means for what it said.
    fn listen(&mut self, node: NodeId) {
        let (good, now) = (self.hears(node), self.house.now());
        let lock = self.model.lock(node);
        lock.good_since = if good { lock.good_since.or(Some(now)) } else { None };
        let due = |at: Instant, wait: Duration| now.since(at) >= wait;
        let mut heard = Vec::new();
        let mut over = Vec::new();
        for edit in &mut lock.edits {
            edit.heard &= good;
            if !edit.arrived && due(edit.at, ARRIVED) {
                edit.arrived = true;
                heard.push(edit.clone());
            }
        }
        lock.edits.retain(|edit| {
            let done = edit.arrived && due(edit.at, DOUBTED);
            if done {
                over.push(edit.clone());
            }
            !done
        });
        heard.iter().for_each(|edit| self.edit_arrived(node, edit));
        over.iter().for_each(|edit| self.edit_is_over(node, edit));
        let mut missed = None;
        for visit in self.model.visits.iter_mut().filter(|visit| visit.node == node && !visit.settled) {
            visit.heard &= good;
            if due(visit.at, ARRIVED) {
                visit.settled = true;
                if visit.heard && visit.told == 0 {
                    missed = Some(visit.clone());
                }
            }
        }
        if let Some(visit) = missed {
            let who = visit.name.as_deref().unwrap_or("a stranger");
            self.is_wrong(format!("a visit was not told: {who} used slot {} of node {node}", visit.slot));
        }
    }

    /// The report of an edit arrived, or it may be lost.
    fn edit_arrived(&mut self, node: NodeId, edit: &Edit) {
        let masks = self.house.node(node).model.quirks.masks_codes;
        let lock = self.model.lock(node);
        let slot = edit.slot;
        if edit.heard {
            let Some(stranger) = lock.strangers.get_mut(&slot).filter(|stranger| stranger.at == edit.at) else { return };
            if !stranger.would_stay {
                lock.loose.extend(lock.strangers.remove(&slot).map(|stranger| stranger.code));
                return;
            }
            stranger.stays = true;
            if let Some(by) = stranger.replaced.clone() {
                let code = stranger.code.clone();
                self.is_wrong(format!("a stranger's code {code} in slot {slot} of node {node} became {by}"));
            }
            return;
        }
        lock.unheard.insert(slot);
        lock.blind.extend(edit.whose.clone());
        if lock.strangers.get(&slot).is_some_and(|stranger| stranger.at == edit.at) {
            lock.loose.extend(lock.strangers.remove(&slot).map(|stranger| stranger.code));
        }
        if edit.erased {
            lock.vacated.extend(edit.whose.clone().map(|whose| (slot, whose)));
        } else if masks {
            lock.unseen.extend(edit.whose.clone().or_else(|| lock.vacated.remove(&slot)));
        }
    }

    /// An edit that was heard has been told of by now, where it took a code that is wanted.
    fn edit_is_over(&mut self, node: NodeId, edit: &Edit) {
        let Some(whose) = edit.whose.as_ref().filter(|_| edit.heard && edit.is_told) else { return };
        let lock = &self.model.locks[&node];
        let person = self.model.person(whose);
        let back = person.is_some_and(|person| lock.table.user_of(person.code().as_bytes()).is_some());
        let told = lock.told.get(&edit.slot).is_some_and(|at| *at >= edit.at);
        if !told && !back && lock.was_left_alone(edit.at) {
            let what = if edit.erased { "erased" } else { "written over" };
            self.is_wrong(format!("{whose}'s code in slot {} of node {node} was {what}, and nobody was told", edit.slot));
        }
    }

    /// The radio changed codes in a lock.
    fn changed_by_radio(&mut self, node: NodeId) {
        let now = self.house.now();
        let table = self.house.node(node).memory.codes.clone();
        let before = std::mem::replace(&mut self.model.lock(node).table, table.clone());
        let slots: std::collections::BTreeSet<u16> = before
            .entries()
            .chain(table.entries())
            .map(|(slot, _)| slot)
            .filter(|slot| before.get(*slot) != table.get(*slot))
            .collect();
        for slot in slots {
            let (old, new) = (code_of(&before, slot), code_of(&table, slot));
            self.house.trace(|| format!("## node {node}, slot {slot}: {old:?} became {new:?}"));
            self.model.lock(node).written.insert(slot, now);
            self.stranger_replaced(node, slot, old.as_deref(), new.clone());
            if let Some(who) = new.as_ref().and_then(|code| self.model.owner(code)).map(|person| person.name.clone()) {
                self.removals_go_first(node, &who);
                self.model.lock(node).blind.remove(&who);
            } else if let Some(code) = new.clone().filter(|_| self.model.locks[&node].is_old) {
                // A frame of before, of somebody whom an older store does not know.
                self.model.lock(node).loose.insert(code);
            }
            for code in old.iter().chain(&new) {
                if let Some(person) = self.model.owner(code).cloned() {
                    self.model.lock(node).follow(&person, node, now);
                }
            }
        }
    }

    fn stranger_replaced(&mut self, node: NodeId, slot: u16, old: Option<&str>, new: Option<String>) {
        let lock = self.model.lock(node);
        let Some(stranger) = lock.strangers.get_mut(&slot).filter(|stranger| Some(stranger.code.as_str()) == old) else { return };
        let by = new.unwrap_or_else(|| "nothing".into());
        if !stranger.stays {
            stranger.replaced = Some(by);
            return;
        }
        let code = stranger.code.clone();
        lock.strangers.remove(&slot);
        self.is_wrong(format!("a stranger's code {code} in slot {slot} of node {node} became {by}"));
    }

    /// No code goes into a lock while one that was taken away before still waits to leave it, unless it was on its way
    /// already, or the lock could not be spoken with in between.
    fn removals_go_first(&mut self, node: NodeId, comes: &str) {
        let lock = &self.model.locks[&node];
        let Some(asked) = lock.coming.get(comes) else { return };
        let waits = |since: &Instant| since < asked && lock.was_good(*since) && lock.was_left_alone(*since) && !lock.hearsay;
        // One that came just before it was to leave may have to be found out first.
        let knows = |name: &String, since: &Instant| {
            let codes = self.model.person(name).into_iter().flat_map(|person| &person.codes);
            let came = codes.filter_map(|code| lock.written.get(&lock.table.user_of(code.as_bytes())?)).max();
            came.is_none_or(|came| since.since(*came) >= ARRIVED)
        };
        let first = lock.leaving.iter().find(|(name, since)| *name != comes && waits(since) && knows(name, since));
        if let Some((leaver, since)) = first {
            let waited = self.house.now().since(*since);
            let why = format!("{comes} goes into node {node} before {leaver} left it, who has waited for {waited:?}");
            self.is_wrong(why);
        }
    }

    /// A code that was to leave so long ago has left, if the hub could speak with everybody all the time.
    pub fn revoked_in_time(&self, name: &str, node: NodeId, since: Instant) -> Result<(), String> {
        let still = self.model.locks[&node].leaving.get(name) == Some(&since);
        let fine = self.model.locks.values().all(|lock| lock.was_good(since) && lock.was_left_alone(since) && !lock.hearsay);
        if still && fine && !self.house.is_dark() {
            let waited = self.house.now().since(since);
            return Err(format!("{name}'s code was revoked {waited:?} ago, and still opens node {node}"));
        }
        Ok(())
    }

    fn told(&mut self, event: &Event) {
        let Some(node) = self.devices.get(&event.device).copied() else { return };
        let (now, it) = (self.house.now(), self.house.node(node));
        let called = it.model.quirks.masks_codes && it.class() > SecurityClass::S0;
        let lock = self.model.lock(node);
        match event.kind {
            EventType::CodeUsed => self.visit_told(node, event),
            EventType::CodesErasedAtLock if !lock.erased && !lock.hearsay => {
                self.is_wrong(format!("nobody erased the codes of node {node}, and that was told"));
            }
            EventType::CodeChangedAtLock | EventType::ForeignCodeAdded => {
                let Some(slot) = event.slot else { return };
                lock.told.insert(slot, now);
                // Called by a neighbour, a lock says its last word once more, which may be that a code was added; where codes
                // are masked no look tells that from an edit, and a person has to.
                lock.hearsay |= called && !lock.was_left_alone(now_minus(now, DOUBTED));
                if !lock.touched.contains(&slot) && !lock.hearsay && !lock.is_old {
                    self.is_wrong(format!("{:?} was told of slot {slot} of node {node}, which nobody touched", event.kind));
                }
            }
            EventType::Locked | EventType::Unlocked if event.method == Some(Method::Manual) && event.slot.is_some() => {
                self.is_wrong(format!("slot {:?} of node {node} was told for a bolt that was turned by hand", event.slot));
            }
            _ => {}
        }
    }

    fn visit_told(&mut self, node: NodeId, event: &Event) {
        let Some(slot) = event.slot else { return };
        let now = self.house.now();
        let name = event.person.as_ref().map(|person| person.name.clone());
        let there = |visit: &&mut super::model::Visit| visit.node == node && visit.slot == slot;
        let (model, lock) = (&self.house.node(node).model, &self.model.locks[&node]);
        let (bare, class) = (model.quirks.no_supervision, self.house.node(node).class());
        // One of long ago may be told only now: a store that was away kept it. What is to be told soon goes before it.
        let untold: Vec<_> = self.model.visits.iter_mut().filter(there).filter(|visit| visit.told == 0).collect();
        if let Some(visit) = untold.into_iter().min_by_key(|visit| (visit.settled, !visit.heard)) {
            (visit.told, visit.told_at) = (1, now);
            // Where a neighbour's word, or an older store, put the slot in doubt, nobody need be named.
            let is_doubted = name.is_none() && (lock.hearsay || lock.is_old);
            if visit.heard && visit.name != name && !is_doubted {
                let visit = visit.clone();
                let (who, told) = (visit.name.as_deref().unwrap_or("a stranger"), name.as_deref().unwrap_or("nobody"));
                self.is_wrong(format!("wrong name: {who} used slot {slot} of node {node}, and told was {told}"));
            }
            return;
        }
        // In clear and without Supervision a frame that the air doubles is as good as two visits.
        let doubled = bare && class == SecurityClass::None && self.air.duplication > 0;
        // A lock that a neighbour calls says its last word once more, under fresh nonces: nothing tells how old it is.
        let called = class > SecurityClass::S0 && !lock.was_left_alone(now_minus(now, CALLED_FOR));
        let last = self.model.visits.iter().rev().find(|visit| visit.node == node && visit.slot == slot);
        let explained = last.is_some_and(|visit| !lock.was_good(visit.at)) || doubled || called || lock.hearsay;
        if !explained {
            self.is_wrong(match last {
                Some(visit) => format!("a visit was told again: slot {slot} of node {node}, after {:?}", now.since(visit.at)),
                None => format!("nobody used slot {slot} of node {node}, and that was told"),
            });
        }
    }
}

pub fn now_minus(now: Instant, time: Duration) -> Instant {
    Instant::from_millis(u64::try_from(now.since(Instant::ZERO).saturating_sub(time).as_millis()).unwrap_or_default())
}

pub fn code_of(table: &CodeTable, slot: u16) -> Option<String> {
    table.get(slot).map(|entry| String::from_utf8_lossy(entry.code.reveal()).into_owned())
}
