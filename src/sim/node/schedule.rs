//! Schedule Entry Lock version 3: when the code of a user opens the door.

use std::collections::BTreeMap;

use crate::command::Command;
use crate::command::schedule_entry_lock::{
    Action, Daily, DailyReport, Minute, ScheduleEntryLock, ScheduleSlot, SupportedReport, TimeOffset, WeekDay, WeekDayReport,
    YearDay, YearDayReport,
};
use crate::domain::time::Instant;

use super::schedule_table::{ScheduleKind, ScheduleTable, time};
use super::{Answer, Node};

pub(super) fn schedule_entry_lock(lock: &mut Node, command: &Command, _: Instant) -> Option<Answer> {
    let Command::ScheduleEntryLock(command) = command else { return None };
    let slots = lock.model.schedules?;
    let codes = &lock.memory.codes;
    let users: Vec<u8> = codes.entries().filter_map(|(user, _)| u8::try_from(user).ok()).collect();
    let table = &mut lock.memory.schedules;
    let reply = match command {
        ScheduleEntryLock::SupportedGet => ScheduleEntryLock::SupportedReport(SupportedReport {
            num_week_day_slots: slots.week_day,
            num_year_day_slots: slots.year_day,
            num_daily_repeating_slots: Some(slots.daily),
        }),
        ScheduleEntryLock::EnableSet(set) => {
            let Some((_, enabled)) = table.kinds.get_mut(&set.user_id) else { return Some(Answer::Refused) };
            *enabled = set.enabled;
            return Some(Answer::Done);
        }
        ScheduleEntryLock::EnableAllSet(set) => {
            table.kinds.values_mut().for_each(|(_, enabled)| *enabled = set.enabled);
            return Some(Answer::Done);
        }
        ScheduleEntryLock::WeekDayScheduleSet(set) => {
            let valid = set.schedule.weekday < 7
                && is_time(set.schedule.start_hour, set.schedule.start_minute)
                && is_time(set.schedule.stop_hour, set.schedule.stop_minute);
            let put = Put { action: set.action, slot: set.slot, schedule: set.schedule, valid, slots: slots.week_day };
            let done = put.into_table(&mut table.week_day, &users);
            return Some(table.switch(done, ScheduleKind::WeekDay, set.slot));
        }
        ScheduleEntryLock::YearDayScheduleSet(set) => {
            let valid = is_minute(&set.schedule.start) && is_minute(&set.schedule.stop);
            let put = Put { action: set.action, slot: set.slot, schedule: set.schedule, valid, slots: slots.year_day };
            let done = put.into_table(&mut table.year_day, &users);
            return Some(table.switch(done, ScheduleKind::YearDay, set.slot));
        }
        ScheduleEntryLock::DailyRepeatingScheduleSet(set) => {
            let Daily { weekdays, start_hour, start_minute, duration_hour, duration_minute } = set.schedule;
            let valid = (1..0x80).contains(&weekdays)
                && is_time(start_hour, start_minute)
                && time(duration_hour, duration_minute) <= 24 * 60
                && duration_minute < 60;
            let put = Put { action: set.action, slot: set.slot, schedule: set.schedule, valid, slots: slots.daily };
            let done = put.into_table(&mut table.daily, &users);
            return Some(table.switch(done, ScheduleKind::Daily, set.slot));
        }
        ScheduleEntryLock::WeekDayScheduleGet(slot) => ScheduleEntryLock::WeekDayScheduleReport(WeekDayReport {
            slot: *slot,
            schedule: table.week_day.get(slot).copied().unwrap_or(WeekDay::EMPTY),
        }),
        ScheduleEntryLock::YearDayScheduleGet(slot) => ScheduleEntryLock::YearDayScheduleReport(YearDayReport {
            slot: *slot,
            schedule: table.year_day.get(slot).copied().unwrap_or(YearDay::EMPTY),
        }),
        ScheduleEntryLock::DailyRepeatingScheduleGet(slot) => ScheduleEntryLock::DailyRepeatingScheduleReport(DailyReport {
            slot: *slot,
            schedule: table.daily.get(slot).copied().unwrap_or(Daily::NOT_SET),
        }),
        ScheduleEntryLock::TimeOffsetGet => {
            ScheduleEntryLock::TimeOffsetReport(lock.memory.schedules.zone.or_else(|| TimeOffset::new(0, 0))?)
        }
        ScheduleEntryLock::TimeOffsetSet(zone) => {
            lock.memory.schedules.zone = Some(*zone);
            return Some(Answer::Done);
        }
        _ => return None,
    };
    Some(Answer::Reply(Command::ScheduleEntryLock(reply)))
}

impl Node {
    /// Whether a schedule denies access to this user at the moment.
    pub(super) fn is_out_of_schedule(&self, user: u16, now: Instant) -> bool {
        let local = self.local_time(now);
        self.model.schedules.is_some() && local.is_some_and(|at| !self.memory.schedules.allows(user, at))
    }

    /// The local time of the lock.
    fn local_time(&self, now: Instant) -> Option<jiff::civil::DateTime> {
        let minutes = self.memory.schedules.zone.map_or(0, |zone| zone.standard_minutes());
        let utc = jiff::Timestamp::from_millisecond(self.time(now).as_millis()).ok()?;
        let zone = jiff::tz::Offset::from_seconds(i32::from(minutes) * 60).ok()?;
        Some(zone.to_datetime(utc))
    }
}

impl ScheduleTable {
    /// Setting a schedule enables it and disables the other kinds.
    fn switch(&mut self, put: Option<Action>, kind: ScheduleKind, slot: ScheduleSlot) -> Answer {
        match put {
            None => Answer::Refused,
            Some(action) => {
                if action == Action::SET {
                    self.kinds.insert(slot.user_id, (kind, true));
                }
                Answer::Done
            }
        }
    }
}

/// A schedule that is to be stored.
struct Put<T> {
    action: Action,
    slot: ScheduleSlot,
    schedule: T,
    valid: bool,
    slots: u8,
}

impl<T> Put<T> {
    /// Stores it; `None`: refused, because user, slot or time is invalid.
    fn into_table(self, table: &mut BTreeMap<ScheduleSlot, T>, users: &[u8]) -> Option<Action> {
        let Self { action, slot, schedule, valid, slots } = self;
        if !users.contains(&slot.user_id) || slot.slot_id > slots {
            return None;
        }
        match action {
            Action::SET if valid && slot.slot_id > 0 => {
                table.insert(slot, schedule);
            }
            Action::ERASE => table.retain(|it, _| it.user_id != slot.user_id || slot.slot_id != 0 && it.slot_id != slot.slot_id),
            _ => return None,
        }
        Some(action)
    }
}

fn is_time(hour: u8, minute: u8) -> bool {
    hour < 24 && minute < 60
}

fn is_minute(it: &Minute) -> bool {
    let date = [it.month, it.day].map(|number| i8::try_from(number).unwrap_or_default());
    is_time(it.hour, it.minute) && jiff::civil::Date::new(2000 + i16::from(it.year), date[0], date[1]).is_ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::security::keys::KeyMask;
    use crate::sim::model::Model;
    use crate::sim::node::{Entry, Typed};

    // Payloads are written by hand from docs/protocol/command-classes.md.

    const HOUR: Duration = Duration::from_secs(3600);
    /// The world's clock when the lock's is set.
    const NOW: Instant = Instant::from_millis(5_000);

    /// A lock with code 1234 for user 2; its clock shows Monday, 2026-11-23T12:00Z.
    fn lock() -> Node {
        let mut lock = Node::new(Model { requests: KeyMask::NONE, ..Model::scheduled_lock() });
        lock.memory.codes.put(2, Entry::enabled(b"1234"));
        tell(&mut lock, &[0x8B, 0x01, 0x07, 0xEA, 11, 23, 12, 0, 0]);
        lock
    }

    fn tell(lock: &mut Node, payload: &[u8]) -> Vec<Vec<u8>> {
        lock.receive(payload, NOW);
        std::iter::from_fn(|| lock.poll_transmit()).map(|spoken| spoken.payload).collect()
    }

    fn opens(lock: &mut Node, at: Instant) -> bool {
        lock.type_code(b"1234", at) == Typed::Opened(2)
    }

    #[test]
    fn a_week_day_schedule_lets_in_on_its_day_and_in_its_hours_only() {
        let mut lock = lock();
        assert!(opens(&mut lock, NOW), "no schedule: always");
        // Monday, 13:00 to 14:30.
        tell(&mut lock, &[0x4E, 0x03, 1, 2, 1, 1, 13, 0, 14, 30]);
        assert_eq!(lock.type_code(b"1234", NOW), Typed::Denied(2));
        assert!(opens(&mut lock, NOW + HOUR));
        assert!(opens(&mut lock, NOW + HOUR * 2));
        assert!(!opens(&mut lock, NOW + HOUR * 5 / 2), "the end is no part of it");
        assert!(!opens(&mut lock, NOW + HOUR * 25), "Tuesday");
        assert!(opens(&mut lock, NOW + HOUR * (24 * 7 + 1)));
        assert_eq!(tell(&mut lock, &[0x4E, 0x04, 2, 1]), [[0x4E, 0x05, 2, 1, 1, 13, 0, 14, 30]]);
        assert_eq!(tell(&mut lock, &[0x4E, 0x04, 2, 2]), [[0x4E, 0x05, 2, 2, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]]);
        // Two hours ahead of UTC, 12:00Z is 14:00.
        tell(&mut lock, &[0x4E, 0x0D, 2, 0, 0]);
        assert!(opens(&mut lock, NOW));
    }

    #[test]
    fn a_schedule_of_another_kind_takes_the_place_of_the_first_and_can_be_switched_off() {
        let mut lock = lock();
        tell(&mut lock, &[0x4E, 0x03, 1, 2, 1, 1, 13, 0, 14, 30]);
        // From 2026-11-24 15:00 to 2026-12-01 11:00.
        tell(&mut lock, &[0x4E, 0x06, 1, 2, 1, 26, 11, 24, 15, 0, 26, 12, 1, 11, 0]);
        assert!(!opens(&mut lock, NOW + HOUR), "the week day counts no more");
        assert!(opens(&mut lock, NOW + HOUR * 27));
        assert!(!opens(&mut lock, NOW + HOUR * (24 * 8)));
        tell(&mut lock, &[0x4E, 0x01, 2, 0]);
        assert!(opens(&mut lock, NOW), "switched off: always");
        tell(&mut lock, &[0x4E, 0x02, 1]);
        assert!(!opens(&mut lock, NOW));
        // Slot 0 means all slots of the user.
        tell(&mut lock, &[0x4E, 0x06, 0, 2, 0]);
        assert!(opens(&mut lock, NOW));
    }

    #[test]
    fn a_night_shift_that_began_yesterday_is_let_in_today() {
        let mut lock = lock();
        // Mondays from 22:00 for 8 h 30 min.
        tell(&mut lock, &[0x4E, 0x10, 1, 2, 1, 0x02, 22, 0, 8, 30]);
        assert_eq!(tell(&mut lock, &[0x4E, 0x0E, 2, 1]), [[0x4E, 0x0F, 2, 1, 0x02, 22, 0, 8, 30]]);
        assert!(!opens(&mut lock, NOW));
        assert!(opens(&mut lock, NOW + HOUR * 10), "22:00");
        assert!(opens(&mut lock, NOW + HOUR * 18), "06:00 on Tuesday");
        assert!(!opens(&mut lock, NOW + HOUR * 19), "07:00");
        assert!(!opens(&mut lock, NOW + HOUR * 34), "22:00 on Tuesday");
    }

    #[test]
    fn a_schedule_without_user_slot_or_time_is_refused() {
        let mut lock = lock();
        let before = lock.memory.clone();
        for set in [
            [0x4E, 0x03, 1, 3, 1, 1, 13, 0, 14, 30],
            [0x4E, 0x03, 1, 2, 8, 1, 13, 0, 14, 30],
            [0x4E, 0x03, 1, 2, 0, 1, 13, 0, 14, 30],
            [0x4E, 0x03, 1, 2, 1, 7, 13, 0, 14, 30],
            [0x4E, 0x03, 1, 2, 1, 1, 24, 0, 14, 30],
            [0x4E, 0x10, 1, 2, 1, 0, 22, 0, 8, 30],
        ] {
            let answers = tell(&mut lock, &[&[0x6C, 0x01, 0x05, 10][..], &set].concat());
            assert_eq!(answers, [[0x6C, 0x02, 0x05, 0x02, 0x00]], "{set:02x?}");
            lock.last_supervised = None;
        }
        assert_eq!(lock.memory, before);
        assert_eq!(tell(&mut lock, &[0x4E, 0x09]), [[0x4E, 0x0A, 7, 3, 2]]);
    }
}
