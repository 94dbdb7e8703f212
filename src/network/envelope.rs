//! What is around a command on the air, and what it means. Supervision now; this is also where Security 0 and 2,
//! CRC-16, Multi Channel and Transport Service will be opened.
//!
//! Supervision works both ways (command-classes sheet, 0x6C): our Sets carry a session id and end with the node's
//! report; a node's supervised reports are answered, and its repeats are answered again without happening again.

use std::time::Duration;

use crate::command::supervision::{Get, Report, SessionId, Status, Supervision};
use crate::command::{ClassId, Command, ParseError};
use crate::domain::entropy::Entropy;
use crate::domain::time::Instant;

/// A node repeats an unanswered report within seconds; the same session later is a new one. Some nodes use one id for
/// all their reports (gateway sheet §9.7), so the command is compared too.
const REPEATS: Duration = Duration::from_secs(10);

/// What a payload turned out to be.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Opened {
    /// A command.
    Plain(Command),
    /// A command whose sender wants to know what became of it.
    Supervised(Get),
    /// What became of a command of ours.
    Outcome(Report),
    /// An encapsulation nobody can open yet.
    Sealed(ClassId),
}

/// Encapsulations that wait for their keys and their code.
const SEALED: [ClassId; 6] = [
    ClassId::SECURITY,
    ClassId::SECURITY_2,
    ClassId::TRANSPORT_SERVICE,
    ClassId::CRC16_ENCAPSULATION,
    ClassId::MULTI_CHANNEL,
    ClassId::MULTI_COMMAND,
];

/// Takes the encapsulation off.
pub(super) fn open(payload: &[u8]) -> Result<Opened, ParseError> {
    Ok(match Command::parse(payload)? {
        Command::Supervision(Supervision::Get(get)) => Opened::Supervised(get),
        Command::Supervision(Supervision::Report(report)) => Opened::Outcome(report),
        sealed if SEALED.contains(&sealed.class()) => Opened::Sealed(sealed.class()),
        command => Opened::Plain(command),
    })
}

/// Wraps a Set, so that the node reports what became of it.
pub(super) fn supervise(command: Command, session: SessionId) -> Command {
    Command::Supervision(Supervision::Get(Get { status_updates: true, session, command: Box::new(command) }))
}

/// The answer to a supervised command: done, or "no such command here".
pub(super) fn answer(get: &Get) -> Command {
    let status = match *get.command {
        Command::Other { .. } => Status::NO_SUPPORT,
        // Read, but not opened: what is inside did not happen.
        ref sealed if SEALED.contains(&sealed.class()) => Status::NO_SUPPORT,
        _ => Status::SUCCESS,
    };
    Command::Supervision(Supervision::Report(Report::final_of(get.session, status)))
}

/// The Supervision sessions with one node.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    next: SessionId,
    heard: Option<(SessionId, Command, Instant)>,
}

impl Sessions {
    /// Starts anywhere: after a restart, the id used last would pass for a repeat.
    pub(super) fn new(entropy: &mut Entropy) -> Self {
        let [first] = entropy.bytes();
        Self { next: SessionId::new(first), heard: None }
    }

    /// The session of a new command.
    pub(super) fn begin(&mut self) -> SessionId {
        let session = self.next;
        self.next = session.next();
        session
    }

    /// Notes a supervised command of the node; false if it was heard before and must not happen again.
    pub(super) fn is_new(&mut self, get: &Get, now: Instant) -> bool {
        let repeated = self
            .heard
            .as_ref()
            .is_some_and(|(session, command, at)| *session == get.session && *command == *get.command && now < *at + REPEATS);
        self.heard = Some((get.session, (*get.command).clone(), now));
        !repeated
    }
}
