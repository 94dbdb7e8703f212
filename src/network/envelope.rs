//! What is around a command on the air, and what it means: Supervision, CRC-16, Multi Channel and Multi Command. What was
//! sealed or in segments was opened or put together before ([`super::secure`], [`super::segments`]).
//!
//! Order outward (docs/protocol/gateway.md §2.2): command, Multi Command, Supervision, Multi Channel, CRC-16 or
//! security. Whatever a question was wrapped in, its answer is, too; but of several commands in one frame each is
//! answered by itself.
//!
//! Supervision works both ways (docs/protocol/command-classes.md 0x6C): our Sets carry a session id and end with the
//! node's report; a node's supervised reports are answered, and its repeats are answered again without happening again.

use std::collections::VecDeque;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::command::crc16_encapsulation::{self, Crc16Encapsulation};
use crate::command::door_lock::DoorLock;
use crate::command::multi_channel::{self, Destination, MultiChannel};
use crate::command::multi_command::MultiCommand;
use crate::command::security::Security;
use crate::command::security_2::Security2;
use crate::command::supervision::{Get, Report, SessionId, Status, Supervision};
use crate::command::{ClassId, Command};
use crate::domain::entropy::{Entropy, keyed_hash};
use crate::domain::time::Instant;

/// A node repeats an unanswered report for so long, counted from the first time it was heard: the window is fixed, so that
/// a chain of equal reports can't extend it.
const REPEATS: Duration = Duration::from_secs(10);
/// Some nodes use one session id for all their reports (docs/protocol/gateway.md §9.7). Their repeats and their news
/// have the same bytes, and differ only in time: a repeat follows within two seconds, two visits are three seconds
/// apart.
const REPEATS_UNNUMBERED: Duration = Duration::from_millis(2_500);
/// So many reports of a node are remembered for that.
const REMEMBERED: usize = 32;

/// The node itself, not one of its end points.
pub(super) const ROOT: u8 = 0;

/// What a command came in, so that its answer goes back the same way.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Wrapping {
    crc16: bool,
    channel: Option<Channel>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Channel {
    /// End points of the node and of ours.
    EndPoints { theirs: u8, ours: u8 },
    /// The same in version 1, which knows instances of the node only.
    Instance(u8),
}

impl Wrapping {
    /// Which end point of the node speaks; [`ROOT`]: the node itself.
    pub(super) fn endpoint(self) -> u8 {
        match self.channel {
            None => ROOT,
            Some(Channel::EndPoints { theirs, .. }) => theirs,
            Some(Channel::Instance(instance)) => instance,
        }
    }

    /// Whether it is for us, and not for an end point of ours, of which there is none.
    pub(super) fn is_for_root(self) -> bool {
        !matches!(self.channel, Some(Channel::EndPoints { ours: 1.., .. }))
    }

    /// Wraps an answer.
    pub(super) fn around(self, answer: Command) -> Command {
        let answer = match self.channel {
            None => answer,
            Some(Channel::EndPoints { theirs, ours }) => {
                let encapsulation = multi_channel::CommandEncapsulation {
                    source: ours,
                    destination: Destination(theirs),
                    command: Box::new(answer),
                };
                Command::MultiChannel(MultiChannel::CommandEncapsulation(encapsulation))
            }
            Some(Channel::Instance(instance)) => {
                let encapsulation = multi_channel::V1CommandEncapsulation { instance, command: Box::new(answer) };
                Command::MultiChannel(MultiChannel::V1CommandEncapsulation(encapsulation))
            }
        };
        if self.crc16 {
            let encapsulation = crc16_encapsulation::CommandEncapsulation { command: Box::new(answer) };
            return Command::Crc16Encapsulation(Crc16Encapsulation::CommandEncapsulation(encapsulation));
        }
        answer
    }
}

/// What a payload turned out to be.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Opened {
    /// A command.
    Plain(Command),
    /// Commands whose sender wants to know what became of them.
    Supervised(Get),
    /// What became of a command of ours.
    Outcome(Report),
    /// An encapsulation inside another, where none belongs.
    Sealed(ClassId),
}

/// Whether a command is an encapsulation that has no business inside another: each of these is outermost.
fn is_sealed(command: &Command) -> bool {
    match command {
        Command::TransportService(_) | Command::Security2(Security2::MessageEncapsulation(_)) => true,
        Command::Security(it) => {
            matches!(it, Security::CommandEncapsulation(_) | Security::CommandEncapsulationNonceGet(_))
        }
        _ => false,
    }
}

/// Takes everything off that is around commands.
pub(super) fn open(command: Command) -> Vec<(Wrapping, Opened)> {
    let mut opened = Vec::new();
    unwrap(command, Wrapping::default(), &mut opened);
    opened
}

fn unwrap(command: Command, wrapping: Wrapping, opened: &mut Vec<(Wrapping, Opened)>) {
    match command {
        Command::Supervision(Supervision::Get(get)) => opened.push((wrapping, Opened::Supervised(get))),
        Command::Supervision(Supervision::Report(report)) => opened.push((wrapping, Opened::Outcome(report))),
        Command::Crc16Encapsulation(Crc16Encapsulation::CommandEncapsulation(inside)) => {
            unwrap(*inside.command, Wrapping { crc16: true, ..wrapping }, opened);
        }
        Command::MultiChannel(MultiChannel::CommandEncapsulation(inside)) => {
            // To several end points at once: nobody answers (docs/protocol/gateway.md §2.2), and we have none.
            if inside.destination.is_mask() {
                return;
            }
            let channel = Some(Channel::EndPoints { theirs: inside.source, ours: inside.destination.0 });
            unwrap(*inside.command, Wrapping { channel, ..wrapping }, opened);
        }
        Command::MultiChannel(MultiChannel::V1CommandEncapsulation(inside)) => {
            let channel = Some(Channel::Instance(inside.instance));
            unwrap(*inside.command, Wrapping { channel, ..wrapping }, opened);
        }
        Command::MultiCommand(MultiCommand::CommandEncapsulation(inside)) => {
            inside.commands.into_iter().for_each(|command| unwrap(command, wrapping, opened));
        }
        sealed if is_sealed(&sealed) => opened.push((wrapping, Opened::Sealed(sealed.class()))),
        command => opened.push((wrapping, Opened::Plain(command))),
    }
}

/// The commands of a supervised frame: one, or those of a Multi Command.
pub(super) fn supervised(command: Command) -> Vec<Command> {
    match command {
        Command::MultiCommand(MultiCommand::CommandEncapsulation(inside)) => inside.commands,
        command => vec![command],
    }
}

/// Wraps a Set, so that the node reports what became of it.
pub(super) fn supervise(command: Command, session: SessionId) -> Command {
    // A bolt takes seconds, and its end is worth a frame. Nothing else does; some locks stay awake to send updates.
    let status_updates = matches!(command, Command::DoorLock(DoorLock::OperationSet(_)));
    Command::Supervision(Supervision::Get(Get { status_updates, session, command: Box::new(command) }))
}

/// Tells a node what became of its supervised frame.
pub(super) fn outcome(session: SessionId, status: Status) -> Command {
    Command::Supervision(Supervision::Report(Report::final_of(session, status)))
}

/// Whether a part of a supervised frame can happen at all. An encapsulation in there was read, but not opened: what is
/// inside does not happen.
pub(super) fn is_understood(part: &Command) -> bool {
    let unopened = !part.encapsulated().is_empty() || is_sealed(part);
    !unopened && !matches!(part, Command::Other { .. })
}

/// The Supervision sessions with one node.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    next: SessionId,
    /// The last ones: a node that got no answer to several reports repeats them in turn.
    heard: VecDeque<Heard>,
    /// Of the hashes: without it, an attacker can't make two reports with the same one, or try codes against one.
    key: [u8; 32],
}

/// A supervised command of the node, and what it was told.
#[derive(Clone, Debug)]
struct Heard {
    session: SessionId,
    /// In place of the command, which may hold a code: codes do not stay in memory.
    hash: [u8; 32],
    first: Instant,
    last: Instant,
    /// Its id is next to that of the report before or after it: such a node numbers its reports, and the id identifies the report.
    numbered: bool,
    /// It acknowledged our answer: it has little reason to repeat itself any more.
    answered: bool,
    status: Status,
}

impl Heard {
    fn is_repeated_by(&self, session: SessionId, hash: &[u8; 32], now: Instant) -> bool {
        let same = self.session == session && self.hash == *hash;
        let since = if self.answered { self.first } else { self.last };
        let soon = self.numbered || now.since(since) < REPEATS_UNNUMBERED;
        same && soon && now.since(self.first) < REPEATS
    }
}

impl Sessions {
    /// Starts anywhere: after a restart, the id used last would pass for a repeat.
    pub(super) fn new(entropy: &mut Entropy) -> Self {
        let [first] = entropy.bytes();
        Self { next: SessionId::new(first), heard: VecDeque::new(), key: entropy.child("supervised reports").bytes() }
    }

    /// The session of a new command.
    pub(super) fn begin(&mut self) -> SessionId {
        let session = self.next;
        self.next = session.next();
        session
    }

    /// What the node was told when it said this before: it must not happen again. `None`: it is new.
    pub(super) fn told_before(&mut self, get: &Get, now: Instant) -> Option<Status> {
        let hash = self.hash(&get.command);
        let heard = self.heard.iter_mut().rev().find(|heard| heard.is_repeated_by(get.session, &hash, now))?;
        heard.last = now;
        Some(heard.status)
    }

    /// The node acknowledged our answer to its last command under this session.
    pub(super) fn answered(&mut self, session: SessionId) {
        if let Some(heard) = self.heard.iter_mut().rev().find(|heard| heard.session == session) {
            heard.answered = true;
        }
    }

    /// It could not open that answer.
    pub(super) fn not_answered(&mut self, session: SessionId) {
        if let Some(heard) = self.heard.iter_mut().rev().find(|heard| heard.session == session) {
            heard.answered = false;
        }
    }

    /// Notes what the node was told.
    pub(super) fn note(&mut self, get: &Get, status: Status, now: Instant) {
        // Two reports may change places on the air.
        let follows = |before: &Heard| before.session.next() == get.session || get.session.next() == before.session;
        let mut numbered = false;
        for before in self.heard.iter_mut().rev().take(2).filter(|before| follows(before)) {
            (before.numbered, numbered) = (true, true);
        }
        if self.heard.len() == REMEMBERED {
            self.heard.pop_front();
        }
        let (session, hash) = (get.session, self.hash(&get.command));
        let heard = Heard { session, hash, first: now, last: now, numbered, answered: false, status };
        self.heard.push_back(heard);
    }

    fn hash(&self, command: &Command) -> [u8; 32] {
        keyed_hash(&self.key, &Zeroizing::new(command.write()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong_code(session: u8) -> Get {
        let command = Command::parse(&[0x71, 0x05, 0, 0, 0, 0xFF, 0x07, 0x04, 0]).unwrap();
        Get { status_updates: false, session: SessionId::new(session), command: Box::new(command) }
    }

    /// How many of these reports happen; each is its time and its session.
    fn happen(reports: &[(u64, u8)]) -> usize {
        let mut sessions = Sessions::new(&mut Entropy::from_number(1));
        let new = reports.iter().filter(|(millis, session)| {
            let (get, now) = (wrong_code(*session), Instant::from_millis(*millis));
            let is_new = sessions.told_before(&get, now).is_none();
            if is_new {
                sessions.note(&get, Status::SUCCESS, now);
            }
            is_new
        });
        new.count()
    }

    #[test]
    fn wrong_codes_under_one_session_id_are_each_told() {
        assert_eq!(happen(&[(0, 5), (9_000, 5), (18_000, 5), (27_000, 5)]), 4);
        assert_eq!(happen(&[(0, 5), (3_000, 5), (6_000, 5)]), 3);
    }

    #[test]
    fn a_report_that_is_repeated_until_it_is_answered_is_one() {
        assert_eq!(happen(&[(0, 5), (2_000, 5), (4_000, 5)]), 1);
        assert_eq!(happen(&[(0, 4), (1_000, 5), (3_000, 5), (7_000, 5)]), 2, "one of the repeats was lost");
    }

    #[test]
    fn a_report_is_known_again_by_its_number_although_it_was_the_first_that_was_heard() {
        let reports = [(0, 4), (15, 5), (2_640, 4), (2_655, 5), (5_000, 4)];
        assert_eq!(happen(&reports), 2);
        assert_eq!(happen(&[(0, 4), (2_640, 4)]), 2, "one id for all reports: the bytes do not tell them apart");
    }

    #[test]
    fn a_chain_of_equal_reports_does_not_extend_its_window() {
        let chain: Vec<(u64, u8)> = (0..30).map(|n| (n * 2_000, 5)).collect();
        assert_eq!(happen(&chain), 6, "one every ten seconds of a minute");
        let numbered: Vec<(u64, u8)> = [(0, 4)].into_iter().chain((1..31).map(|n| (n * 2_000, 5))).collect();
        assert_eq!(happen(&numbered), 7);
    }

    #[test]
    fn a_visit_after_an_answer_that_arrived_is_not_taken_for_its_repeat() {
        let mut sessions = Sessions::new(&mut Entropy::from_number(1));
        let at = Instant::from_millis;
        sessions.note(&wrong_code(5), Status::SUCCESS, at(0));
        sessions.answered(SessionId::new(5));
        assert!(sessions.told_before(&wrong_code(5), at(2_000)).is_some(), "they crossed on the air");
        assert!(sessions.told_before(&wrong_code(5), at(3_000)).is_none(), "though a repeat came a second ago");
    }

    #[test]
    fn a_code_that_a_lock_reported_does_not_stay_in_memory() {
        let mut sessions = Sessions::new(&mut Entropy::from_number(1));
        let report = |code: &[u8]| {
            let command = Command::parse(&[&[0x63, 0x03, 4, 1], code].concat()).unwrap();
            Get { status_updates: false, session: SessionId::new(5), command: Box::new(command) }
        };
        let (code, other) = (report(b"4711"), report(b"4712"));
        sessions.note(&code, Status::SUCCESS, Instant::ZERO);
        let kept = format!("{sessions:?}");
        assert!(!kept.contains("UserCode"), "{kept}");
        let soon = Instant::from_millis(1_000);
        assert!(sessions.told_before(&other, soon).is_none());
        assert_eq!(sessions.told_before(&code, soon), Some(Status::SUCCESS));
    }

    #[test]
    fn a_node_that_numbers_its_reports_in_order_is_never_taken_for_repeating_itself() {
        let visits: Vec<(u64, u8)> = (0..64).map(|n| (u64::from(n) * 1_000, n)).collect();
        assert_eq!(happen(&visits), 64);
    }

    #[test]
    fn a_lock_is_not_kept_awake_by_updates_about_a_code() {
        let updates = |bytes: &[u8]| match supervise(Command::parse(bytes).unwrap(), SessionId::new(1)) {
            Command::Supervision(Supervision::Get(get)) => get.status_updates,
            other => panic!("not supervised: {other:?}"),
        };
        assert!(updates(&[0x62, 0x01, 0xFF]), "a bolt takes its time");
        assert!(!updates(&[0x63, 0x01, 4, 1, 0x31, 0x32, 0x33, 0x34]));
        assert!(!updates(&[0x63, 0x01, 4, 0, 0, 0, 0, 0]));
        assert!(!updates(&[0x85, 0x01, 1, 1]));
    }
}
