//! Encapsulation: Supervision, CRC-16, Multi Channel and Multi Command. Decryption and reassembly took place before
//! ([`super::secure`], [`super::segments`]).
//!
//! Order outward (docs/protocol/gateway.md §2.2): command, Multi Command, Supervision, Multi Channel, CRC-16 or
//! security. An answer uses the encapsulation of its request, except that commands of a Multi Command are answered one
//! by one.
//!
//! Supervision is used in both directions (docs/protocol/command-classes.md 0x6C). Sets carry a session id and end with
//! the node's report. Supervised reports of a node are answered; its repeats are answered again, but not processed
//! again.

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

/// How long a node repeats an unanswered report, counted from its first arrival. The window is not extended by repeats,
/// so a chain of equal reports cannot suppress news without end.
const REPEATS: Duration = Duration::from_secs(10);
/// Some nodes use one session id for all their reports (docs/protocol/gateway.md §9.7), so repeats and new reports have
/// the same bytes and differ only in time: a repeat follows within two seconds, two uses of a keypad are at least three
/// seconds apart.
const REPEATS_UNNUMBERED: Duration = Duration::from_millis(2_500);
/// Number of reports per node that are kept to detect repeats.
const REMEMBERED: usize = 32;

/// The node itself, as opposed to its end points.
pub(super) const ROOT: u8 = 0;

/// The encapsulation of a command, so that its answer uses the same.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Wrapping {
    crc16: bool,
    channel: Option<Channel>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Channel {
    /// End points of the node and of the hub.
    EndPoints { theirs: u8, ours: u8 },
    /// The same in version 1, where only the node has instances.
    Instance(u8),
}

impl Wrapping {
    /// The end point of the node that sent it; [`ROOT`] is the node itself.
    pub(super) fn endpoint(self) -> u8 {
        match self.channel {
            None => ROOT,
            Some(Channel::EndPoints { theirs, .. }) => theirs,
            Some(Channel::Instance(instance)) => instance,
        }
    }

    /// Whether it is addressed to the hub itself. The hub has no end points.
    pub(super) fn is_for_root(self) -> bool {
        !matches!(self.channel, Some(Channel::EndPoints { ours: 1.., .. }))
    }

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

/// The content of a payload.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Opened {
    Plain(Command),
    /// Supervised commands, which have to be answered by a Supervision Report.
    Supervised(Get),
    /// The Supervision Report to a command of ours.
    Outcome(Report),
    /// An encapsulation in a place where none is allowed.
    Sealed(ClassId),
}

/// Whether a command is an encapsulation that is only allowed outermost.
fn is_sealed(command: &Command) -> bool {
    match command {
        Command::TransportService(_) | Command::Security2(Security2::MessageEncapsulation(_)) => true,
        Command::Security(it) => {
            matches!(it, Security::CommandEncapsulation(_) | Security::CommandEncapsulationNonceGet(_))
        }
        _ => false,
    }
}

/// Removes all encapsulations of a command.
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
            // Commands to several end points are not answered (docs/protocol/gateway.md §2.2), and the hub has no end
            // points.
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

/// The commands in a supervised frame: one, or those of a Multi Command.
pub(super) fn supervised(command: Command) -> Vec<Command> {
    match command {
        Command::MultiCommand(MultiCommand::CommandEncapsulation(inside)) => inside.commands,
        command => vec![command],
    }
}

/// Wraps a Set in Supervision.
pub(super) fn supervise(command: Command, session: SessionId) -> Command {
    // Status updates are requested for bolts only: they take seconds to move. Some locks stay awake to send updates,
    // which costs battery.
    let status_updates = matches!(command, Command::DoorLock(DoorLock::OperationSet(_)));
    Command::Supervision(Supervision::Get(Get { status_updates, session, command: Box::new(command) }))
}

/// The Supervision Report to a node's supervised frame.
pub(super) fn outcome(session: SessionId, status: Status) -> Command {
    Command::Supervision(Supervision::Report(Report::final_of(session, status)))
}

/// Whether a part of a supervised frame can be processed. An encapsulation inside was parsed but not opened, so its
/// content is not processed.
pub(super) fn is_understood(part: &Command) -> bool {
    let unopened = !part.encapsulated().is_empty() || is_sealed(part);
    !unopened && !matches!(part, Command::Other { .. })
}

/// Supervision sessions with one node.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    next: SessionId,
    /// The last reports. Several are kept, because a node without answers repeats several reports in turn.
    heard: VecDeque<Heard>,
    /// Key of the hashes: without it an attacker could craft colliding reports, or test codes against a hash.
    key: [u8; 32],
}

/// A supervised command of the node, and the status that it was answered with.
#[derive(Clone, Debug)]
struct Heard {
    session: SessionId,
    /// Hash of the command. The command itself may contain a code, and codes must not stay in memory.
    hash: [u8; 32],
    first: Instant,
    last: Instant,
    /// Its session id is adjacent to that of a neighbouring report: such a node numbers its reports, so the id
    /// identifies a report.
    numbered: bool,
    /// The node acknowledged our answer, so it has little reason to repeat the report.
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
    /// Starts at a random id: after a restart the last used id would be taken for a repeat.
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

    /// The status that this report was answered with before, if it is a repeat.
    pub(super) fn answered_before(&mut self, get: &Get, now: Instant) -> Option<Status> {
        let hash = self.hash(&get.command);
        let heard = self.heard.iter_mut().rev().find(|heard| heard.is_repeated_by(get.session, &hash, now))?;
        heard.last = now;
        Some(heard.status)
    }

    /// The node acknowledged the answer to its last command in this session.
    pub(super) fn answered(&mut self, session: SessionId) {
        if let Some(heard) = self.heard.iter_mut().rev().find(|heard| heard.session == session) {
            heard.answered = true;
        }
    }

    /// The node could not decrypt that answer.
    pub(super) fn not_answered(&mut self, session: SessionId) {
        if let Some(heard) = self.heard.iter_mut().rev().find(|heard| heard.session == session) {
            heard.answered = false;
        }
    }

    /// Records the status that the node was answered with.
    pub(super) fn note(&mut self, get: &Get, status: Status, now: Instant) {
        // Two reports may arrive in the wrong order.
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

    /// How many of these reports are processed; each is its time and its session.
    fn happen(reports: &[(u64, u8)]) -> usize {
        let mut sessions = Sessions::new(&mut Entropy::from_number(1));
        let new = reports.iter().filter(|(millis, session)| {
            let (get, now) = (wrong_code(*session), Instant::from_millis(*millis));
            let is_new = sessions.answered_before(&get, now).is_none();
            if is_new {
                sessions.note(&get, Status::SUCCESS, now);
            }
            is_new
        });
        new.count()
    }

    #[test]
    fn wrong_codes_under_one_session_id_are_all_delivered() {
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
        assert!(sessions.answered_before(&wrong_code(5), at(2_000)).is_some(), "they arrived in the wrong order");
        assert!(sessions.answered_before(&wrong_code(5), at(3_000)).is_none(), "though a repeat came a second ago");
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
        assert!(sessions.answered_before(&other, soon).is_none());
        assert_eq!(sessions.answered_before(&code, soon), Some(Status::SUCCESS));
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
