//! A node, usually a lock: memory that survives power cuts, a list of abilities, and actions of people.
//!
//! | file | what |
//! | --- | --- |
//! | `abilities` | the classes of each kind of node, their versions and handlers |
//! | `plumbing`, `lifeline`, `identify`, `basic` | classes of every node |
//! | `parts` | present state of bolt, clock and light |
//! | `power`, `sleep` | batteries and wake-ups; nodes that sleep |
//! | `door`, `bolt` | Door Lock, and its motor |
//! | `code_table`, `codes` | User Code |
//! | `credentials`, `schedule` | User Credential, and Schedule Entry Lock |
//! | `keypad` | Entry Control |
//! | `events`, `log`, `clock` | reports and log records, with the lock's own time |
//! | `hands` | actions of people at the device |
//! | `talk`, `secured`, `segments` | encryption and segmentation |

mod abilities;
mod basic;
mod bolt;
mod clock;
mod code_table;
mod codes;
mod credentials;
mod door;
mod events;
mod hands;
mod identify;
mod keypad;
mod lifeline;
mod log;
mod parts;
mod plumbing;
mod power;
mod schedule;
mod schedule_table;
mod secured;
mod segments;
mod sleep;
mod talk;

use std::collections::VecDeque;
use std::time::Duration;

use crate::command::Command;
use crate::command::door_lock::Configuration;
use crate::command::multi_channel_association::EndPoint;
use crate::command::powerlevel::PowerLevel;
use crate::command::supervision::{self, SessionId, Status, Supervision};
use crate::command::user_code::KeypadMode;
use crate::command::wake_up::Interval;
use crate::domain::entropy::Entropy;
use crate::domain::node::SecurityClass;
use crate::domain::pin::CodeText;
use crate::domain::time::{Deadline, Instant};
use crate::security::keys::KeyMask;

use super::joiner::{Failure, Joiner};
use super::model::Model;
use super::radio::Receiver;
use parts::{Bolt, Clock, Learning, Light};
use secured::Secured;
use segments::Segments;

pub use code_table::{CodeTable, Entry};
pub use credentials::{Credential, CredentialAbilities, CredentialTable};
pub use events::Happening;
pub use hands::Typed;
pub use keypad::KeypadMemory;
pub use log::{Log, Record};
pub use power::Charge;
pub use schedule_table::{ScheduleSlots, ScheduleTable};
pub use secured::Membership;

#[cfg(test)]
use hands::{KEYPAD_DEAD, WRONG_CODES};

/// How long a FLiRS lock stays awake after its last frame (docs/protocol/timing.md §2: some 10 ms up to a second).
const STAYS_AWAKE: Duration = Duration::from_millis(400);
/// Time without Supervision Report after which a lock repeats its own report.
const REPEATS_AFTER: Duration = Duration::from_secs(3);
/// Number of tries for a report.
const OWN_TRIES: u8 = 3;
/// A node that fell asleep over a Get answers if the Get is repeated within this time.
const DOZES_FOR: Duration = Duration::from_secs(10);
/// Battery level of a new node.
const AS_DELIVERED: Charge = Charge::of_percent(90);

/// The non-volatile memory of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Memory {
    pub codes: CodeTable,
    /// Users with credentials, and the admin PIN.
    pub credentials: CredentialTable,
    /// Schedules of user codes.
    pub schedules: ScheduleTable,
    /// What a keypad keeps.
    pub keypad: KeypadMemory,
    /// The admin code; empty if there is none.
    pub admin_code: CodeText,
    pub keypad_mode: KeypadMode,
    /// The bolt is locked.
    pub locked: bool,
    /// How the lock unlocks, and whether it locks by itself.
    pub door: Configuration,
    /// The log of Door Lock Logging.
    pub log: Log,
    /// A plug is on, a sensor is wet.
    pub on: bool,
    /// Wake-up interval and destination, if set.
    pub wake_up: Option<Interval>,
    /// Members of the lifeline, which get its reports.
    pub lifeline: Vec<u8>,
    /// End points that are members of it.
    pub lifeline_points: Vec<EndPoint>,
    pub battery: Charge,
    /// Its serial number, drawn at its first power-up.
    pub serial: Option<[u8; 8]>,
    /// Its network and keys; `None`: it was never included with keys.
    pub membership: Option<Membership>,
}

impl Memory {
    /// The memory of a new node: no codes, unlocked, empty lifeline.
    pub fn fresh(model: &Model) -> Self {
        Self {
            codes: CodeTable::new(model.slots),
            credentials: CredentialTable::default(),
            schedules: ScheduleTable::default(),
            keypad: KeypadMemory::default(),
            admin_code: CodeText::default(),
            keypad_mode: KeypadMode::NORMAL,
            locked: false,
            door: door::FROM_THE_FACTORY,
            log: Log::default(),
            on: false,
            wake_up: None,
            lifeline: Vec::new(),
            lifeline_points: Vec::new(),
            battery: AS_DELIVERED,
            serial: None,
            membership: None,
        }
    }
}

/// Faults that can be switched on and off.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Faults {
    /// Receives and sends nothing: out of range. The keypad works.
    pub gone: bool,
    /// Acknowledges, but sends no commands.
    pub mute: bool,
    /// The motor cannot move the bolt, and by hand it does not move fully.
    pub jammed: bool,
}

/// The result of handling a command.
enum Answer {
    Reply(Command),
    /// A Set that was carried out.
    Done,
    /// A Set that takes this time.
    Working(Duration),
    Refused,
}

/// A frame that the lock sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spoken {
    /// Earliest time to go on.
    pub at: Instant,
    pub payload: Vec<u8>,
}

/// A report that the lock repeats until it is answered.
#[derive(Debug)]
struct Unanswered {
    session: SessionId,
    command: Command,
    tries: u8,
    due: Instant,
}

#[derive(Debug)]
pub struct Node {
    /// What sort of node it is.
    pub model: Model,
    /// What survives a power cut.
    pub memory: Memory,
    /// Its faults at the moment.
    pub faults: Faults,
    entropy: Entropy,
    powered: bool,
    wakeups: u64,
    joining: Option<Joiner>,
    joined: Option<Result<KeyMask, Failure>>,
    secured: Option<Secured>,
    segments: Segments,
    awake_until: Instant,
    /// When it last woke by itself since power-up.
    woke_at: Option<Instant>,
    /// When it fell asleep over a Get.
    dozed_at: Option<Instant>,
    says: VecDeque<Spoken>,
    unanswered: VecDeque<Unanswered>,
    session: SessionId,
    last_supervised: Option<(supervision::Get, supervision::Report)>,
    wrong_codes: u8,
    keypad_dead_until: Option<Instant>,
    /// Codes that it will lose at these times.
    forgetting: Vec<(Instant, u16)>,
    /// The credential that it is waiting to learn.
    learning: Option<Learning>,
    bolt: Bolt,
    clock: Clock,
    light: Light,
    /// Reduced transmission power, until this time.
    weak_until: Option<(PowerLevel, Instant)>,
    resets_at: Option<Instant>,
    has_reset: bool,
}

impl Node {
    /// A node fresh from the box.
    pub fn new(model: Model) -> Self {
        Self::fresh(model, Entropy::from_number(0))
    }

    /// The same, with keys and nonces drawn from `entropy`.
    pub fn fresh(model: Model, entropy: Entropy) -> Self {
        let memory = Memory::fresh(&model);
        Self::with_memory(model, memory, entropy)
    }

    /// A node that is switched on with this memory.
    pub fn with_memory(model: Model, mut memory: Memory, mut entropy: Entropy) -> Self {
        let talk = Entropy::from_seed(entropy.bytes());
        memory.serial.get_or_insert_with(|| entropy.child("serial number").bytes());
        Self {
            secured: memory.membership.as_ref().map(|membership| Secured::new(membership, talk)),
            model,
            memory,
            faults: Faults::default(),
            entropy,
            powered: true,
            wakeups: 0,
            joining: None,
            joined: None,
            segments: Segments::default(),
            awake_until: Instant::ZERO,
            woke_at: None,
            dozed_at: None,
            says: VecDeque::new(),
            unanswered: VecDeque::new(),
            session: SessionId::default(),
            last_supervised: None,
            wrong_codes: 0,
            keypad_dead_until: None,
            forgetting: Vec::new(),
            learning: None,
            bolt: Bolt::default(),
            clock: Clock::default(),
            light: Light::default(),
            weak_until: None,
            resets_at: None,
            has_reset: false,
        }
    }

    /// How the radio reaches it.
    pub fn receiver(&self, now: Instant) -> Receiver {
        let sleeps = self.model.wake_up.is_some() && self.joining.is_none() && self.is_asleep(now);
        Receiver { beam: self.model.beam, awake_until: self.awake_until, deaf: self.is_gone() || self.has_reset || sleeps }
    }

    /// Handles a frame from the controller. Unreadable frames are ignored.
    pub fn receive(&mut self, payload: &[u8], now: Instant) {
        if !self.has_power() {
            return;
        }
        let dozes = self.model.quirks.dozes_off && self.is_asleep(now) && self.dozes(now);
        self.wake(now);
        let kept = (self.says.len(), self.secured.as_ref().map_or(0, Secured::waiting));
        let Ok(command) = Command::parse(payload) else { return };
        match command {
            Command::TransportService(_) | Command::Security(_) | Command::Security2(_) => self.hear_secured(command, now),
            command => self.take_in(command, SecurityClass::None, now),
        }
        self.speak_secured(now);
        if dozes {
            self.says.truncate(kept.0);
            if let Some(secured) = &mut self.secured {
                secured.keep(kept.1);
            }
            self.awake_until = now;
        }
    }

    /// Sends an unexpected report to its lifeline, as faulty firmware does.
    pub fn tell_lifeline(&mut self, command: Command, now: Instant) {
        if self.has_power() {
            self.report(command, now);
        }
    }

    /// The next frame it wants to send, earliest first.
    pub fn poll_transmit(&mut self) -> Option<Spoken> {
        self.says.pop_front()
    }

    /// Does what is due: repeats reports, moves the bolt, wakes up.
    pub fn handle_timeout(&mut self, now: Instant) {
        if !self.has_power() {
            return;
        }
        self.repeat(now);
        self.wake_on_time(now);
        self.bolt_timeout(now);
        self.forget_codes(now);
        self.stop_learning_in_time(now);
        self.go_on_joining(now);
        self.speak_secured(now);
        self.reset_on_time(now);
    }

    /// When it will do something by itself.
    pub fn poll_deadline(&self) -> Option<Deadline> {
        if !self.has_power() {
            return None;
        }
        let repeats = self.unanswered.iter().map(|own| own.due).min();
        let repeats = repeats.map(|at| Deadline { at, why: "a lock repeats its report" });
        let others = [
            self.talk_deadline(),
            self.wake_deadline(),
            self.bolt_deadline(),
            self.forget_deadline(),
            self.reset_deadline(),
            self.learning_deadline(),
        ];
        others.into_iter().fold(repeats, Deadline::earliest)
    }

    /// Handles a command. Answers use the security class of the request.
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
                    let late = self.model.quirks.answers_late.unwrap_or_default();
                    self.say(&reply, under, self.model.thinking + late, now);
                }
            }
        }
    }

    /// Handles a supervised Set: carried out once, and answered each time.
    fn supervised(&mut self, get: supervision::Get, under: SecurityClass, now: Instant) {
        // Commands below its class are ignored.
        if !self.listens(&get.command, under) {
            return;
        }
        let report = match &self.last_supervised {
            Some((last, report)) if *last == get => *report,
            Some(_) | None => self.carry_out_supervised(&get, under, now),
        };
        self.last_supervised = Some((get, report));
        if !self.model.quirks.drops_supervision {
            self.say(&Command::Supervision(Supervision::Report(report)), under, self.model.thinking, now);
        }
    }

    fn carry_out_supervised(&mut self, get: &supervision::Get, under: SecurityClass, now: Instant) -> supervision::Report {
        let quirks = self.model.quirks;
        let session = if quirks.answers_session_zero { SessionId::default() } else { get.session };
        let status = match self.carry_out(&get.command, under, now) {
            // The end is reported only if updates were requested; otherwise the first report has to suffice.
            Some(Answer::Working(time)) if get.status_updates && !quirks.drops_supervision => {
                self.inform(session, under);
                let working = supervision::Report::final_of(session, Status::WORKING);
                return supervision::Report { more_updates: true, duration: bolt::seconds(time), ..working };
            }
            Some(Answer::Done | Answer::Working(_)) => Status::SUCCESS,
            Some(Answer::Refused) => Status::FAIL,
            Some(Answer::Reply(_)) | None => Status::NO_SUPPORT,
        };
        supervision::Report::final_of(session, status)
    }

    /// Sets the answer to a repetition of the last supervised command.
    fn told_at_last(&mut self, report: supervision::Report) {
        if let Some((_, last)) = self.last_supervised.as_mut().filter(|(_, last)| last.session == report.session) {
            *last = report;
        }
    }

    fn carry_out(&mut self, command: &Command, under: SecurityClass, now: Instant) -> Option<Answer> {
        if !self.listens(command, under) {
            return None;
        }
        self.obey(command, now)
    }

    fn say(&mut self, command: &Command, under: SecurityClass, after: Duration, now: Instant) {
        self.wake(now);
        self.awake_until = self.awake_until.max(now + after + self.stays_awake());
        self.speak(command.write(), under, now + after);
    }

    /// Sends a report to the lifeline, supervised if possible, and then repeated until it is answered.
    fn report(&mut self, command: Command, now: Instant) {
        if !self.has_lifeline() {
            return;
        }
        let under = self.class();
        if self.model.quirks.no_supervision {
            self.say(&command, under, Duration::ZERO, now);
            return;
        }
        self.session = self.session.next();
        let session = self.session;
        let get = supervision::Get { status_updates: false, session, command: Box::new(command) };
        let wrapped = Command::Supervision(Supervision::Get(get));
        self.unanswered.push_back(Unanswered { session, command: wrapped.clone(), tries: 1, due: now + REPEATS_AFTER });
        self.say(&wrapped, under, Duration::ZERO, now);
    }

    fn repeat(&mut self, now: Instant) {
        let class = self.class();
        let mut repeated = Vec::new();
        for own in &mut self.unanswered {
            if own.due <= now {
                own.tries += 1;
                own.due = now + REPEATS_AFTER;
                repeated.push(own.command.clone());
            }
        }
        self.unanswered.retain(|own| own.tries < OWN_TRIES);
        repeated.iter().for_each(|command| self.say(command, class, Duration::ZERO, now));
    }

    /// Falls asleep over a Get, unless that happened a moment ago.
    fn dozes(&mut self, now: Instant) -> bool {
        let again = self.dozed_at.is_some_and(|at| now < at + DOZES_FOR);
        self.dozed_at = (!again).then_some(now);
        !again
    }
}

#[cfg(test)]
mod tests;
