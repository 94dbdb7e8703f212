//! What goes on while steps are taken: each at its time, in order.

use std::collections::BTreeMap;

use latchkey::domain::ids::NodeId;
use latchkey::domain::time::Instant;

use super::stage::Stage;
use super::steps::Forged;
use std::time::Duration;

/// Something that happens later.
#[derive(Clone, Debug)]
pub enum Later {
    /// Something is to be true by now: a look at everything.
    Look,
    /// A lock can be heard, and hears, again.
    Unjam(NodeId),
    /// The stick speaks again.
    Hears,
    /// Frames from and to a lock come in time again.
    InTime(NodeId),
    /// A neighbour speaks.
    Forge { node: NodeId, what: Forged, each: u16, until: Instant },
    /// An automation publishes.
    Publish { node: NodeId, each: u16, until: Instant, locked: bool },
    /// Somebody comes again.
    Visit { name: String, node: NodeId, left: u8, each: u16 },
    /// A code that was revoked then is out of a lock.
    Revoked { name: String, node: NodeId, since: Instant },
    /// Somebody's code is taken away again.
    TakeAway { name: String },
    /// A bolt is to move, of a lock that does not answer.
    Occupy(NodeId),
}

/// What is to come.
#[derive(Default)]
pub struct Agenda {
    items: BTreeMap<(Instant, u64), Later>,
    count: u64,
}

impl Agenda {
    pub fn at(&mut self, at: Instant, later: Later) {
        self.count += 1;
        self.items.insert((at, self.count), later);
    }

    /// When the next is due.
    pub fn next(&self) -> Option<Instant> {
        self.items.first_key_value().map(|((at, _), _)| *at)
    }

    pub fn take(&mut self, now: Instant) -> Option<Later> {
        let first = self.items.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(first.remove())
    }

    /// Nothing is to come any more.
    pub fn clear(&mut self) -> Vec<Later> {
        std::mem::take(&mut self.items).into_values().collect()
    }
}

impl Stage {
    /// Lets that much time go by, with all that happens in it.
    pub fn run(&mut self, time: Duration) -> Result<(), String> {
        let end = self.house.now() + time;
        loop {
            let next = self.agenda.next().filter(|at| *at <= end);
            self.run_to(next.unwrap_or(end));
            while let Some(later) = self.agenda.take(self.house.now()) {
                self.happen(later)?;
            }
            if let Some(wrong) = self.wrong.take() {
                return Err(wrong);
            }
            if next.is_none() {
                return Ok(());
            }
        }
    }

    fn run_to(&mut self, limit: Instant) {
        while self.house.step(limit) {
            self.watch();
        }
        let rest = limit.since(self.house.now());
        self.house.run_for(rest);
        self.watch();
    }

    fn happen(&mut self, later: Later) -> Result<(), String> {
        let now = self.house.now();
        let after = |each: u16| now + Duration::from_millis(each.max(1).into());
        match later {
            Later::Look => return self.look(),
            Later::Unjam(node) => {
                self.house.visit(node, |lock| (lock.faults.gone, lock.faults.mute) = (false, false));
                self.watch();
            }
            Later::Hears => self.hears_again(),
            Later::InTime(node) => self.comes_in_time(node),
            Later::Forge { node, what, each, until } => {
                self.forge(node, what);
                if each > 0 && after(each) < until {
                    self.agenda.at(after(each), Later::Forge { node, what, each, until });
                }
            }
            Later::Publish { node, each, until, locked } => {
                let word: &[u8] = if locked { b"LOCK" } else { b"UNLOCK" };
                self.house.publish(&format!("latchkey/device/{}/set", super::stage::slug(node)), word);
                if after(each) < until {
                    self.agenda.at(after(each), Later::Publish { node, each, until, locked: !locked });
                }
            }
            Later::Visit { name, node, left, each } => {
                let code = self.model.person(&name).filter(|person| !person.removed).map(|person| person.code().to_owned());
                if let Some(code) = code {
                    self.type_at(node, &code, Some(name.clone()));
                    if left > 1 {
                        self.agenda.at(after(each), Later::Visit { name, node, left: left - 1, each });
                    }
                }
            }
            Later::Revoked { name, node, since } => return self.revoked_in_time(&name, node, since),
            Later::TakeAway { name } => self.take_away(&name),
            Later::Occupy(node) => {
                self.house.visit(node, |lock| lock.faults.gone = true);
                self.watch();
                self.move_bolt(node);
                self.agenda.at(now + Duration::from_secs(15), Later::Unjam(node));
            }
        }
        Ok(())
    }
}
