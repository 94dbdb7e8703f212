//! A node, most often a lock: a memory that survives power cuts, a short list of behaviours, and what people do at its door.

mod codes;
mod controlled;
mod door;
mod events;
mod plumbing;
mod secured;
mod segments;
mod talk;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::command::supervision::{self, SessionId, Status, Supervision};
use crate::command::{ClassId, Command};
use crate::domain::entropy::Entropy;
use crate::domain::node::SecurityClass;
use crate::domain::time::{Deadline, Instant};
use crate::security::keys::KeyMask;

use super::air::Receiver;
use super::joiner::{Failure, Joiner};
use super::model::Model;
use secured::Secured;
use segments::Segments;

pub use codes::{CodeTable, Entry};
pub use events::Happening;
pub use secured::Membership;

/// How long a FLiRS lock stays awake after its last frame (timing sheet §2: some 10 ms up to a second).
const STAYS_AWAKE: Duration = Duration::from_millis(400);
/// How long a lock waits for the Supervision Report to its own report before it repeats it.
const REPEATS_AFTER: Duration = Duration::from_secs(3);
/// How often a lock sends one report of its own.
const OWN_TRIES: u8 = 3;
/// Wrong codes in a row until the keypad goes dead, and for how long it does.
const WRONG_CODES: u8 = 5;
const KEYPAD_DEAD: Duration = Duration::from_secs(30);

/// What a lock remembers without power.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Memory {
    /// User codes.
    pub codes: CodeTable,
    /// The bolt is thrown.
    pub locked: bool,
    /// Members of the lifeline group: who is told what happens.
    pub lifeline: Vec<u8>,
    /// Battery level in percent.
    pub battery: u8,
    /// Its network and its keys; `None`: it was never told of either, and is spoken to in clear.
    pub membership: Option<Membership>,
}

/// Faults that can be switched on and off from outside.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Faults {
    /// Hears nothing and says nothing.
    pub gone: bool,
    /// Acknowledges, but no command of its own gets out.
    pub mute: bool,
    /// Its bolt does not move, whoever wants it to.
    pub jammed: bool,
}

/// What typing a code at the keypad brings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Typed {
    /// The door opened for this user id.
    Opened(u16),
    /// It would have opened for this user id, but the bolt is stuck.
    Jammed(u16),
    /// No slot has that code, or it is switched off.
    Wrong,
    /// Too many wrong codes: the keypad is dead for a while.
    KeypadDead,
}

/// What a behaviour makes of a command.
pub(super) enum Answer {
    /// A Get, answered.
    Reply(Command),
    /// A Set, carried out.
    Done,
    /// A Set, refused.
    Refused,
}

/// One ability. `None`: the command is not for this behaviour.
type Behaviour = fn(&mut Node, &Command, Instant) -> Option<Answer>;

/// What a lock can do; the first that knows a command answers it.
const BEHAVIOURS: &[Behaviour] = &[
    plumbing::version,
    plumbing::product,
    plumbing::association,
    plumbing::association_group_info,
    plumbing::battery,
    door::door_lock,
    events::notification,
    codes::user_code,
];

/// A frame the lock wants to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spoken {
    /// Not before.
    pub at: Instant,
    /// The payload.
    pub payload: Vec<u8>,
}

/// A report of its own that the lock repeats until it is answered.
#[derive(Debug)]
struct Unanswered {
    session: SessionId,
    command: Command,
    tries: u8,
    due: Instant,
}

/// One simulated node.
#[derive(Debug)]
pub struct Node {
    /// What sort of lock it is.
    pub model: Model,
    /// What survives a power cut.
    pub memory: Memory,
    /// What is wrong with it at the moment.
    pub faults: Faults,
    entropy: Entropy,
    joining: Option<Joiner>,
    /// How that ended.
    joined: Option<Result<KeyMask, Failure>>,
    secured: Option<Secured>,
    segments: Segments,
    awake_until: Instant,
    says: VecDeque<Spoken>,
    unanswered: VecDeque<Unanswered>,
    session: SessionId,
    last_supervised: Option<(supervision::Get, supervision::Report)>,
    wrong_codes: u8,
    keypad_dead_until: Option<Instant>,
}

impl Node {
    /// A lock fresh from the box: no codes, unlocked, nobody in its lifeline.
    pub fn new(model: Model) -> Self {
        Self::fresh(model, Entropy::from_number(0))
    }

    /// The same; what it draws for its keys and nonces follows from `entropy`.
    pub fn fresh(model: Model, entropy: Entropy) -> Self {
        let codes = CodeTable::new(model.slots);
        let memory = Memory { codes, locked: false, lifeline: Vec::new(), battery: 90, membership: None };
        Self::with_memory(model, memory, entropy)
    }

    /// A lock with batteries put in: it remembers `memory` and nothing else.
    pub fn with_memory(model: Model, memory: Memory, mut entropy: Entropy) -> Self {
        let talk = Entropy::from_seed(entropy.bytes());
        Self {
            secured: memory.membership.as_ref().map(|membership| Secured::new(membership, talk)),
            model,
            memory,
            faults: Faults::default(),
            entropy,
            joining: None,
            joined: None,
            segments: Segments::default(),
            awake_until: Instant::ZERO,
            says: VecDeque::new(),
            unanswered: VecDeque::new(),
            session: SessionId::default(),
            last_supervised: None,
            wrong_codes: 0,
            keypad_dead_until: None,
        }
    }

    /// Takes its batteries out and puts them in again.
    pub fn power_cut(&mut self) {
        let faults = self.faults;
        *self = Self::with_memory(self.model.clone(), self.memory.clone(), self.entropy.clone());
        self.faults = faults;
    }

    /// How the air reaches it.
    pub fn receiver(&self) -> Receiver {
        Receiver { beam: self.model.beam, awake_until: self.awake_until, deaf: self.faults.gone }
    }

    /// Its radio got a frame, and listens on for a while.
    pub fn wake(&mut self, now: Instant) {
        self.awake_until = now + STAYS_AWAKE;
    }

    /// All of its classes, with their versions.
    pub fn classes(&self) -> BTreeMap<ClassId, u8> {
        let mut classes = BTreeMap::from([
            (ClassId::Z_WAVE_PLUS_INFO, 2),
            (ClassId::MANUFACTURER_SPECIFIC, 1),
            (ClassId::VERSION, 2),
            (ClassId::ASSOCIATION, 2),
            (ClassId::ASSOCIATION_GROUP_INFORMATION, 1),
            (ClassId::BATTERY, 1),
            (ClassId::DOOR_LOCK, 4),
            (ClassId::NOTIFICATION, if self.model.quirks.v1_alarms { 1 } else { 8 }),
            (ClassId::USER_CODE, self.model.user_code),
        ]);
        if !self.model.quirks.no_supervision {
            classes.insert(ClassId::SUPERVISION, 1);
        }
        classes.extend(self.security_classes());
        classes
    }

    /// A frame from the controller. Bytes it can't read are ignored, as real nodes do.
    pub fn receive(&mut self, payload: &[u8], now: Instant) {
        self.wake(now);
        let Ok(command) = Command::parse(payload) else { return };
        match command {
            Command::TransportService(_) | Command::Security(_) | Command::Security2(_) => self.hear_secured(command, now),
            command => self.take_in(command, SecurityClass::None, now),
        }
        self.speak_secured(now);
    }

    /// A command, and the class it came under: answers go back under the same.
    fn take_in(&mut self, command: Command, under: SecurityClass, now: Instant) {
        match command {
            Command::Supervision(Supervision::Get(get)) if !self.model.quirks.no_supervision => self.supervised(get, under, now),
            Command::Supervision(Supervision::Report(report)) => {
                if under == self.class() {
                    self.unanswered.retain(|own| own.session != report.session);
                }
            }
            command => {
                if let Some(Answer::Reply(reply)) = self.carry_out(&command, under, now) {
                    self.say(&reply, under, self.model.thinking, now);
                }
            }
        }
    }

    /// Somebody types a code at the keypad.
    pub fn type_code(&mut self, code: &[u8], now: Instant) -> Typed {
        if self.keypad_dead_until.is_some_and(|until| now < until) {
            return Typed::KeypadDead;
        }
        let Some(user) = self.memory.codes.user_of(code) else {
            self.wrong_codes += 1;
            if self.wrong_codes < WRONG_CODES {
                self.tell(Happening::WrongCode, now);
                return Typed::Wrong;
            }
            self.wrong_codes = 0;
            self.keypad_dead_until = Some(now + KEYPAD_DEAD);
            self.tell(Happening::KeypadDisabled, now);
            return Typed::KeypadDead;
        };
        self.wrong_codes = 0;
        self.keypad_unlock(user, now);
        if self.faults.jammed { Typed::Jammed(user) } else { Typed::Opened(user) }
    }

    /// Somebody turns the bolt by hand.
    pub fn turn_bolt(&mut self, locked: bool, now: Instant) {
        self.memory.locked = locked;
        self.tell(if locked { Happening::ManualLock } else { Happening::ManualUnlock }, now);
    }

    /// Somebody programs a code at the lock itself, or takes one out.
    pub fn program(&mut self, user: u16, code: Option<&[u8]>, now: Instant) {
        let stored = match code {
            Some(code) => self.memory.codes.put(user, Entry::enabled(code)),
            None => self.memory.codes.remove(user),
        };
        if stored {
            self.tell(if code.is_some() { Happening::CodeAdded(user) } else { Happening::CodeDeleted(user) }, now);
        }
    }

    /// The next frame it wants to send, earliest first.
    pub fn poll_transmit(&mut self) -> Option<Spoken> {
        self.says.pop_front()
    }

    /// Repeats reports of its own that nobody answered, and says what was to be said later.
    pub fn handle_timeout(&mut self, now: Instant) {
        let class = self.class();
        let mut repeated = Vec::new();
        for own in &mut self.unanswered {
            if own.due <= now {
                own.tries += 1;
                own.due = now + REPEATS_AFTER;
                repeated.push(own.command.write());
            }
        }
        self.unanswered.retain(|own| own.tries < OWN_TRIES);
        repeated.into_iter().for_each(|payload| self.speak(payload, class, now));
        self.go_on_joining(now);
        self.speak_secured(now);
    }

    /// When it will say something.
    pub fn poll_deadline(&self) -> Option<Deadline> {
        let repeats = self.unanswered.iter().map(|own| own.due).min();
        let repeats = repeats.map(|at| Deadline { at, why: "a lock repeats its report" });
        Deadline::earliest(repeats, self.talk_deadline())
    }

    /// A supervised Set: carried out once however often it is repeated, answered each time.
    fn supervised(&mut self, get: supervision::Get, under: SecurityClass, now: Instant) {
        // Below its class it says nothing, and does nothing.
        if !self.listens(&get.command, under) {
            return;
        }
        let report = match &self.last_supervised {
            Some((last, report)) if *last == get => *report,
            Some(_) | None => {
                let status = match self.carry_out(&get.command, under, now) {
                    Some(Answer::Done) => Status::SUCCESS,
                    Some(Answer::Refused) => Status::FAIL,
                    Some(Answer::Reply(_)) | None => Status::NO_SUPPORT,
                };
                supervision::Report::final_of(get.session, status)
            }
        };
        self.last_supervised = Some((get, report));
        self.say(&Command::Supervision(Supervision::Report(report)), under, self.model.thinking, now);
    }

    fn carry_out(&mut self, command: &Command, under: SecurityClass, now: Instant) -> Option<Answer> {
        if !self.listens(command, under) {
            return None;
        }
        BEHAVIOURS.iter().find_map(|behaviour| behaviour(self, command, now))
    }

    fn say(&mut self, command: &Command, under: SecurityClass, after: Duration, now: Instant) {
        self.awake_until = self.awake_until.max(now + after + STAYS_AWAKE);
        self.speak(command.write(), under, now + after);
    }

    /// Sends a report of its own to the lifeline: supervised where it can, and then repeated until it is answered.
    fn report(&mut self, command: Command, after: Duration, now: Instant) {
        if self.memory.lifeline.is_empty() {
            return;
        }
        let under = self.class();
        if self.model.quirks.no_supervision {
            self.say(&command, under, after, now);
            return;
        }
        self.session = self.session.next();
        let get = supervision::Get { status_updates: false, session: self.session, command: Box::new(command) };
        let wrapped = Command::Supervision(Supervision::Get(get));
        self.say(&wrapped, under, after, now);
        let due = now + after + REPEATS_AFTER;
        self.unanswered.push_back(Unanswered { session: self.session, command: wrapped, tries: 1, due });
    }
}

#[cfg(test)]
mod tests;
