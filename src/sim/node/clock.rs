//! The clock of a lock: it starts in the year 2000, runs while there is power, and is set by Time Parameters
//! (docs/protocol/command-classes.md 0x8B).

use super::{Answer, Node};
use crate::command::Command;
use crate::command::time_parameters::{DateAndTime, TimeParameters};
use crate::domain::time::{Instant, Timestamp};

pub(super) fn time_parameters(node: &mut Node, command: &Command, now: Instant) -> Option<Answer> {
    let Command::TimeParameters(command) = command else { return None };
    match command {
        TimeParameters::Set(to) => match to.timestamp() {
            Some(at) => {
                node.clock.set = Some((at, now));
                Some(Answer::Done)
            }
            None => Some(Answer::Refused),
        },
        TimeParameters::Get => {
            let report = DateAndTime::of(node.clock.time(now))?;
            Some(Answer::Reply(Command::TimeParameters(TimeParameters::Report(report))))
        }
        TimeParameters::Report(_) => None,
    }
}

impl Node {
    pub fn time(&self, now: Instant) -> Timestamp {
        self.clock.time(now)
    }
}
