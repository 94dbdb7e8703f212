//! Door Lock Logging version 1: what happened at the lock, in a ring that survives power cuts
//! (docs/protocol/command-classes.md 0x4C).

use super::{Answer, Happening, Node};
use crate::command::Command;
use crate::command::door_lock_logging::{DoorLockLogging, EventType, RecordReport, RecordsSupportedReport};
use crate::command::time_parameters::DateAndTime;
use crate::domain::pin::CodeText;
use crate::domain::time::{Instant, Timestamp};

/// Number of records; the oldest one is overwritten.
const PLACES: u8 = 32;
const VALID: u8 = 1;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// The lock's own time.
    pub at: Timestamp,
    pub event: EventType,
    /// The user id; 0 for none.
    pub user: u8,
}

#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Log {
    places: Vec<Record>,
    /// Index of the last record.
    last: usize,
}

impl Log {
    pub(super) fn write(&mut self, record: Record) {
        if self.places.len() < usize::from(PLACES) {
            self.last = self.places.len();
            self.places.push(record);
            return;
        }
        self.last = (self.last + 1) % self.places.len();
        if let Some(place) = self.places.get_mut(self.last) {
            *place = record;
        }
    }

    /// A record by its number: records count from 1, and 0 is the latest.
    pub fn record(&self, number: u8) -> Option<(u8, Record)> {
        let place = usize::from(number).checked_sub(1).unwrap_or(self.last);
        Some((u8::try_from(place + 1).ok()?, *self.places.get(place)?))
    }
}

pub(super) fn door_lock_logging(node: &mut Node, command: &Command, _: Instant) -> Option<Answer> {
    let Command::DoorLockLogging(command) = command else { return None };
    let report = match command {
        DoorLockLogging::RecordsSupportedGet => {
            DoorLockLogging::RecordsSupportedReport(RecordsSupportedReport { records_count: PLACES })
        }
        DoorLockLogging::RecordGet(get) => {
            let record = node.memory.log.record(get.record_number);
            DoorLockLogging::RecordReport(report(get.record_number, record))
        }
        DoorLockLogging::RecordsSupportedReport(_) | DoorLockLogging::RecordReport(_) => return None,
    };
    Some(Answer::Reply(Command::DoorLockLogging(report)))
}

fn report(asked: u8, record: Option<(u8, Record)>) -> RecordReport {
    let found = record.and_then(|(number, record)| Some((number, record, DateAndTime::of(record.at)?)));
    let (record_number, at, event_type, user_id) = match found {
        Some((number, record, at)) => (number, Some(at), record.event, record.user),
        None => (asked, None, EventType(0), 0),
    };
    let status = if at.is_some() { VALID } else { 0 };
    let DateAndTime { year, month, day, hour, minute, second } =
        at.unwrap_or(DateAndTime { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 });
    RecordReport {
        record_number,
        year,
        month,
        day,
        status,
        hour,
        minute,
        second,
        event_type,
        user_id,
        code_len: Some(0),
        code: CodeText::default(),
    }
}

impl Node {
    /// Logs an event, if the lock has a log.
    pub(super) fn write_down(&mut self, happening: Happening, now: Instant) {
        let Some(event) = happening.logged() else { return };
        let user = u8::try_from(happening.user().unwrap_or_default()).unwrap_or(u8::MAX);
        self.memory.log.write(Record { at: self.clock.time(now), event: EventType(event), user });
    }
}
