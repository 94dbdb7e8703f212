//! Basic version 2: the meaning of "on" and "off" for each kind of node (docs/protocol/command-classes.md 0x20).

use super::{Answer, Node};
use crate::command::Command;
use crate::command::basic::{Basic, Report};
use crate::command::codec::Transition;
use crate::domain::time::Instant;

const OFF: u8 = 0x00;
const ON: u8 = 0xFF;

/// On a lock "on" means locked.
pub(super) fn lock(node: &mut Node, command: &Command, now: Instant) -> Option<Answer> {
    let Command::Basic(command) = command else { return None };
    match command {
        Basic::Set(set) => match set.value {
            ON => Some(node.drive_by_radio(true, now)),
            OFF => Some(node.drive_by_radio(false, now)),
            _ => Some(Answer::Refused),
        },
        Basic::Get => {
            let (value, target) = (level(node.memory.locked), level(node.bolt_target()));
            Some(reply(Report { value, target: Some(target), duration: Some(node.bolt_duration(now)) }))
        }
        Basic::Report(_) => None,
    }
}

/// On a plug it switches the socket.
pub(super) fn switch(node: &mut Node, command: &Command, _: Instant) -> Option<Answer> {
    let Command::Basic(command) = command else { return None };
    match command {
        Basic::Set(set) => {
            if set.value == 0xFE {
                return Some(Answer::Refused);
            }
            node.memory.on = set.value != OFF;
            Some(Answer::Done)
        }
        Basic::Get => Some(reply(switched(node.memory.on))),
        Basic::Report(_) => None,
    }
}

impl Node {
    /// Presses the button of a plug.
    pub fn press_switch(&mut self, now: Instant) {
        if self.has_power() {
            self.memory.on = !self.memory.on;
            let report = Command::Basic(Basic::Report(switched(self.memory.on)));
            self.report(report, now);
        }
    }
}

fn switched(on: bool) -> Report {
    Report { value: level(on), target: Some(level(on)), duration: Some(Transition::NONE) }
}

fn level(on: bool) -> u8 {
    if on { ON } else { OFF }
}

fn reply(report: Report) -> Answer {
    Answer::Reply(Command::Basic(Basic::Report(report)))
}
