//! The truth beside the daemon: what people want, what was done at the locks, and since when nothing is in the way of a word.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use latchkey::domain::ids::{NodeId, PersonId};
use latchkey::domain::time::Instant;
use latchkey::sim::node::CodeTable;

/// In good conditions what a lock said has arrived after this: three tries three seconds apart, each with its nonce.
pub const ARRIVED: Duration = Duration::from_secs(12);
/// After this the hub may not call a code active any more that somebody wrote over: the lock's report arrived, and the
/// slot is doubted from then on. What is left is for a stick that is busy with a lock that does not answer.
pub const DOUBTED: Duration = Duration::from_secs(15);
/// So long after our write a report may be its echo, sent once more because our answer was lost. Where codes are masked the
/// hub may then write its code once more, and a stranger's that came meanwhile is gone.
pub const MAY_BE_ECHO: Duration = Duration::from_secs(60);
/// In good conditions everything that was asked for is in the locks after this: a dozen codes at three locks.
pub const WRITTEN: Duration = Duration::from_secs(60);
/// A revoked code of a lock that answers has left it after this …
pub const REVOKED: Duration = Duration::from_secs(10);
/// … and so much later for each other code that was to leave or to come at the same time.
pub const REVOKED_EACH: Duration = Duration::from_secs(3);
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

/// One lock: what was done at it behind the daemon's back, and how well it can be heard.
#[derive(Clone, Debug)]
pub struct Lock {
    /// Codes that strangers programmed, by slot.
    pub strangers: BTreeMap<u16, Stranger>,
    /// Codes that strangers programmed where the daemon could not know of it, or was about to write itself: it may write
    /// over them, and does not have to.
    pub loose: BTreeSet<String>,
    /// Edits whose report may be on its way.
    pub edits: Vec<Edit>,
    /// Slots that were edited where the daemon may not have heard of it.
    pub unheard: BTreeSet<u16>,
    /// Whose codes were replaced or erased unheard: what is said of them may be old until they are written again.
    pub blind: BTreeSet<String>,
    /// Whose codes were written over unheard in a lock that masks them: nothing but their next use or change shows it.
    pub unseen: BTreeSet<String>,
    /// Whose codes were erased unheard, by slot.
    pub vacated: BTreeMap<u16, String>,
    /// Slots of ours that were edited: the daemon waits for a person to say what is wanted.
    pub ours: BTreeSet<u16>,
    /// Somebody spoke in its name, and nothing tells that from its own word.
    pub hearsay: bool,
    /// The codes in it at the last look, and when the radio changed each slot.
    pub table: CodeTable,
    pub written: BTreeMap<u16, Instant>,
    /// Whose code has to leave it, and whose has to come, since when.
    pub leaving: BTreeMap<String, Instant>,
    pub coming: BTreeMap<String, Instant>,
    /// Since when its words arrive; `None`: they may not.
    pub good_since: Option<Instant>,
    /// The last change of what is wanted in it.
    pub wanted_at: Instant,
    /// The last frame of somebody else in its name, or to it in ours.
    pub attacked_at: Option<Instant>,
    /// Slots that somebody edited at the lock, ever.
    pub touched: BTreeSet<u16>,
    /// When the hub told last of an edit of each slot.
    pub told: BTreeMap<u16, Instant>,
    /// Somebody erased all its codes at once, or it said so.
    pub erased: bool,
    /// The hub's store is older than the lock.
    pub is_old: bool,
}

/// A hand at a slot.
#[derive(Clone, Debug)]
pub struct Edit {
    pub at: Instant,
    pub slot: u16,
    /// Whose code it took away.
    pub whose: Option<String>,
    pub erased: bool,
    /// The lock could be heard all the time since then.
    pub heard: bool,
    /// Its report has arrived by now, or never will.
    pub arrived: bool,
    /// The hub has to tell of it: nothing of ours was under way, and it was the code that is wanted there.
    pub is_told: bool,
}

/// A stranger's code.
#[derive(Clone, Debug)]
pub struct Stranger {
    pub code: String,
    /// Whose code it was written over: what they are given or lose later decides about the slot.
    pub over: Option<String>,
    /// The daemon heard of it, and had nothing to do in that slot: it stays.
    pub stays: bool,
    /// It would, once the report has arrived.
    pub would_stay: bool,
    pub at: Instant,
    /// What the radio made of it before that.
    pub replaced: Option<String>,
}

impl Lock {
    pub fn new(table: CodeTable) -> Self {
        Self {
            strangers: BTreeMap::new(),
            loose: BTreeSet::new(),
            edits: Vec::new(),
            unheard: BTreeSet::new(),
            blind: BTreeSet::new(),
            unseen: BTreeSet::new(),
            vacated: BTreeMap::new(),
            ours: BTreeSet::new(),
            hearsay: false,
            table,
            written: BTreeMap::new(),
            leaving: BTreeMap::new(),
            coming: BTreeMap::new(),
            good_since: None,
            wanted_at: Instant::ZERO,
            attacked_at: None,
            touched: BTreeSet::new(),
            told: BTreeMap::new(),
            erased: false,
            is_old: false,
        }
    }

    /// Whether nothing was in the way of its words since then.
    pub fn was_good(&self, since: Instant) -> bool {
        self.good_since.is_some_and(|good| good <= since)
    }

    /// Whether nobody interfered since then.
    pub fn was_left_alone(&self, since: Instant) -> bool {
        self.attacked_at.is_none_or(|at| at < since)
    }

    /// Whether what is said of somebody's code may be older than what was done to it.
    pub fn excuses(&self, name: &str, now: Instant) -> bool {
        let fresh = |edit: &Edit| edit.whose.as_deref() == Some(name) && now.since(edit.at) < DOUBTED;
        self.blind.contains(name) || self.edits.iter().any(fresh)
    }
}

/// Somebody at a keypad whose code opened.
#[derive(Clone, Debug)]
pub struct Visit {
    pub node: NodeId,
    pub slot: u16,
    pub at: Instant,
    /// Who; `None`: a stranger.
    pub name: Option<String>,
    /// The lock could be heard all the time since then.
    pub heard: bool,
    /// Times it was told.
    pub told: u32,
    pub told_at: Instant,
    /// It was told, or had the time to be.
    pub settled: bool,
}

/// Everything that is true whatever the daemon says.
#[derive(Clone, Default)]
pub struct Model {
    pub people: Vec<Person>,
    pub locks: BTreeMap<NodeId, Lock>,
    pub visits: Vec<Visit>,
    given: BTreeSet<String>,
    drawn: u32,
}

impl Model {
    /// Nobody, and these locks.
    pub fn of(locks: BTreeMap<NodeId, Lock>) -> Self {
        Self { locks, ..Self::default() }
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

    pub fn lock(&mut self, node: NodeId) -> &mut Lock {
        self.locks.get_mut(&node).expect("a lock of the model")
    }

    /// Whose code it is, or was.
    pub fn owner(&self, code: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.codes.iter().any(|it| it == code))
    }

    pub fn person(&self, name: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.name == name)
    }

    /// A person decided about somebody's grants: whatever strangers wrote over their codes is not kept any more, and nothing
    /// that was just written stays for certain.
    pub fn decided(&mut self, name: &str, now: Instant) {
        let Some(person) = self.people.iter().find(|person| person.name == name).cloned() else { return };
        for (node, lock) in &mut self.locks {
            let goes = |stranger: &Stranger| stranger.over.as_deref() == Some(name);
            lock.loose.extend(lock.strangers.values().filter(|it| goes(it)).map(|it| it.code.clone()));
            lock.strangers.retain(|_, stranger| !goes(stranger));
            lock.edits.iter_mut().for_each(|edit| edit.is_told &= edit.whose.as_deref() != Some(name));
            lock.wanted_at = now;
            // The hub may choose the very slot before it hears of the stranger.
            lock.strangers.values_mut().for_each(|stranger| stranger.would_stay = false);
            lock.follow(&person, *node, now);
        }
    }

    /// Those who are there.
    pub fn present(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|person| !person.removed)
    }
}

impl Lock {
    /// Notes whether somebody's code has to come or to leave.
    pub fn follow(&mut self, person: &Person, node: NodeId, now: Instant) {
        let is_there = |code: &String| self.table.user_of(code.as_bytes()).is_some();
        let (may, any, present) =
            (person.may_open(node), person.codes.iter().any(is_there), is_there(&person.codes[person.codes.len() - 1]));
        if may || !any {
            self.leaving.remove(&person.name);
        } else {
            self.leaving.entry(person.name.clone()).or_insert(now);
        }
        if may && !present {
            self.coming.entry(person.name.clone()).or_insert(now);
        } else {
            self.coming.remove(&person.name);
        }
    }
}
