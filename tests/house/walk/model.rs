//! The truth beside the daemon.

use std::collections::{BTreeMap, BTreeSet};

use latchkey::domain::ids::{NodeId, PersonId};

/// Somebody, as those who gave the codes know them.
#[derive(Clone, Debug)]
pub struct Person {
    pub name: String,
    pub id: PersonId,
    /// Every code they ever had, the present one last.
    pub codes: Vec<String>,
    pub enabled: bool,
    /// The locks that are ticked for them.
    pub on: BTreeSet<NodeId>,
    pub removed: bool,
}

impl Person {
    pub fn code(&self) -> &str {
        self.codes.last().expect("everybody has a code")
    }

    /// Whether their code is to open this lock.
    pub fn may_open(&self, node: NodeId) -> bool {
        !self.removed && self.enabled && self.on.contains(&node)
    }
}

/// What was done at locks behind the daemon's back.
#[derive(Clone, Default, Debug)]
pub struct Strangers {
    /// Codes that strangers programmed, by slot: nobody but them touches these, unless a person says so.
    pub codes: BTreeMap<u16, Stranger>,
    /// Codes that strangers programmed where the daemon could not know of it, or was about to write itself.
    pub loose: BTreeSet<String>,
    /// Slots that were edited where the daemon may not have heard of it.
    pub unheard: BTreeSet<u16>,
    /// Whose codes were written over unheard in a lock that masks them: nothing but their next use or change shows it.
    pub unseen: BTreeSet<String>,
    /// Whose codes were erased unheard, by slot.
    pub vacated: BTreeMap<u16, String>,
    /// Slots of ours that were edited: the daemon waits for a person to say what is wanted.
    pub ours: BTreeSet<u16>,
}

/// A stranger's code.
#[derive(Clone, Debug)]
pub struct Stranger {
    pub code: String,
    /// Whose code it was written over: what they are given or lose later decides about the slot.
    pub over: Option<String>,
}

/// Everything that is true whatever the daemon says.
#[derive(Default)]
pub struct Model {
    pub people: Vec<Person>,
    pub locks: BTreeMap<NodeId, Strangers>,
    given: BTreeSet<String>,
    drawn: u32,
}

impl Model {
    /// Nobody, and locks that nobody touched.
    pub fn of(nodes: &[NodeId]) -> Self {
        Self { locks: nodes.iter().map(|node| (*node, Strangers::default())).collect(), ..Self::default() }
    }

    /// A code that nobody ever had, and that no rule calls weak.
    pub fn fresh_code(&mut self) -> String {
        loop {
            self.drawn += 1;
            let n = 204_817 + self.drawn.wrapping_mul(7_919) % 700_000;
            let code = if self.drawn.is_multiple_of(3) { format!("{:04}", n % 9_000 + 1_000) } else { n.to_string() };
            if self.given.insert(code.clone()) {
                return code;
            }
        }
    }

    /// A person decided about somebody's grants: whatever strangers wrote over their codes is not kept any more.
    pub fn decided(&mut self, name: &str) {
        for strangers in self.locks.values_mut() {
            let over = |stranger: &Stranger| stranger.over.as_deref() == Some(name);
            strangers.loose.extend(strangers.codes.values().filter(|it| over(it)).map(|it| it.code.clone()));
            strangers.codes.retain(|_, stranger| !over(stranger));
        }
    }

    /// Those who are there.
    pub fn present(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|person| !person.removed)
    }
}
