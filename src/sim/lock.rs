//! A lock: a memory that survives power cuts, a short list of behaviours, and what people do at its door.

mod codes;
mod door;
mod events;
mod plumbing;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::command::supervision::{self, SessionId, Status, Supervision};
use crate::command::{ClassId, Command};
use crate::domain::time::{Deadline, Instant};

use super::air::Receiver;
use super::model::Model;

pub use codes::{CodeTable, Entry};
pub use events::Happening;

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
}

/// Faults that can be switched on and off from outside.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Faults {
    /// Hears nothing and says nothing.
    pub gone: bool,
    /// Acknowledges, but no command of its own gets out.
    pub mute: bool,
}

/// What typing a code at the keypad brings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Typed {
    /// The door opened for this user id.
    Opened(u16),
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
type Behaviour = fn(&mut Lock, &Command, Instant) -> Option<Answer>;

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
    payload: Vec<u8>,
    tries: u8,
    due: Instant,
}

/// One simulated lock.
#[derive(Debug)]
pub struct Lock {
    /// What sort of lock it is.
    pub model: Model,
    /// What survives a power cut.
    pub memory: Memory,
    /// What is wrong with it at the moment.
    pub faults: Faults,
    awake_until: Instant,
    says: VecDeque<Spoken>,
    unanswered: VecDeque<Unanswered>,
    session: SessionId,
    last_supervised: Option<(supervision::Get, supervision::Report)>,
    wrong_codes: u8,
    keypad_dead_until: Option<Instant>,
}

impl Lock {
    /// A lock fresh from the box: no codes, unlocked, nobody in its lifeline.
    pub fn new(model: Model) -> Self {
        let codes = CodeTable::new(model.slots);
        let memory = Memory { codes, locked: false, lifeline: Vec::new(), battery: 90 };
        Self::with_memory(model, memory)
    }

    /// A lock with batteries put in: it remembers `memory` and nothing else.
    pub fn with_memory(model: Model, memory: Memory) -> Self {
        Self {
            model,
            memory,
            faults: Faults::default(),
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
        *self = Self::with_memory(self.model.clone(), self.memory.clone());
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

    /// The classes of its node information frame, with their versions.
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
        classes
    }

    /// A frame from the controller. Bytes it can't read are ignored, as real nodes do.
    pub fn receive(&mut self, payload: &[u8], now: Instant) {
        self.wake(now);
        let Ok(command) = Command::parse(payload) else { return };
        match command {
            Command::Supervision(Supervision::Get(get)) if !self.model.quirks.no_supervision => self.supervised(get, now),
            Command::Supervision(Supervision::Report(report)) => self.unanswered.retain(|own| own.session != report.session),
            command => {
                if let Some(Answer::Reply(reply)) = self.carry_out(&command, now) {
                    self.say(&reply, self.model.thinking, now);
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
        self.memory.locked = false;
        self.tell(Happening::KeypadUnlock(user), now);
        Typed::Opened(user)
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

    /// Repeats reports of its own that nobody answered.
    pub fn handle_timeout(&mut self, now: Instant) {
        for own in &mut self.unanswered {
            if own.due <= now {
                own.tries += 1;
                own.due = now + REPEATS_AFTER;
                self.says.push_back(Spoken { at: now, payload: own.payload.clone() });
            }
        }
        self.unanswered.retain(|own| own.tries < OWN_TRIES);
    }

    /// When it will repeat something.
    pub fn poll_deadline(&self) -> Option<Deadline> {
        let at = self.unanswered.iter().map(|own| own.due).min()?;
        Some(Deadline { at, why: "a lock repeats its report" })
    }

    /// A supervised Set: carried out once however often it is repeated, answered each time.
    fn supervised(&mut self, get: supervision::Get, now: Instant) {
        let report = match &self.last_supervised {
            Some((last, report)) if *last == get => *report,
            Some(_) | None => {
                let status = match self.carry_out(&get.command, now) {
                    Some(Answer::Done) => Status::SUCCESS,
                    Some(Answer::Refused) => Status::FAIL,
                    Some(Answer::Reply(_)) | None => Status::NO_SUPPORT,
                };
                supervision::Report::final_of(get.session, status)
            }
        };
        self.last_supervised = Some((get, report));
        self.say(&Command::Supervision(Supervision::Report(report)), self.model.thinking, now);
    }

    fn carry_out(&mut self, command: &Command, now: Instant) -> Option<Answer> {
        BEHAVIOURS.iter().find_map(|behaviour| behaviour(self, command, now))
    }

    fn say(&mut self, command: &Command, after: Duration, now: Instant) {
        self.awake_until = self.awake_until.max(now + after + STAYS_AWAKE);
        self.says.push_back(Spoken { at: now + after, payload: command.write() });
    }

    /// Sends a report of its own to the lifeline: supervised where it can, and then repeated until it is answered.
    fn report(&mut self, command: Command, after: Duration, now: Instant) {
        if self.memory.lifeline.is_empty() {
            return;
        }
        if self.model.quirks.no_supervision {
            self.say(&command, after, now);
            return;
        }
        self.session = self.session.next();
        let get = supervision::Get { status_updates: false, session: self.session, command: Box::new(command) };
        let wrapped = Command::Supervision(Supervision::Get(get));
        self.say(&wrapped, after, now);
        let due = now + after + REPEATS_AFTER;
        self.unanswered.push_back(Unanswered { session: self.session, payload: wrapped.write(), tries: 1, due });
    }
}

#[cfg(test)]
mod tests;
