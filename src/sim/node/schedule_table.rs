//! The schedules of a lock, and when they let a user in.

use std::collections::BTreeMap;

use crate::command::schedule_entry_lock::{Daily, Minute, ScheduleSlot, TimeOffset, WeekDay, YearDay};

/// Number of schedules of each kind per user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScheduleSlots {
    /// For days of the week.
    pub week_day: u8,
    /// From one date to another.
    pub year_day: u8,
    pub daily: u8,
}

/// The active kind of schedule of a user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ScheduleKind {
    WeekDay,
    YearDay,
    Daily,
}

/// The schedules of a lock, by user and slot. One kind at a time is active per user.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ScheduleTable {
    pub(super) week_day: BTreeMap<ScheduleSlot, WeekDay>,
    pub(super) year_day: BTreeMap<ScheduleSlot, YearDay>,
    pub(super) daily: BTreeMap<ScheduleSlot, Daily>,
    /// The kind that was set last, and whether it is enabled.
    pub(super) kinds: BTreeMap<u8, (ScheduleKind, bool)>,
    /// The time zone. Daylight saving is not switched automatically.
    pub(super) zone: Option<TimeOffset>,
}

impl ScheduleTable {
    /// Whether the code of this user is valid at `at`. A user without an enabled schedule is always allowed.
    pub(super) fn allows(&self, user: u16, at: jiff::civil::DateTime) -> bool {
        let Ok(user) = u8::try_from(user) else { return true };
        let Some((kind, true)) = self.kinds.get(&user).copied() else { return true };
        match kind {
            ScheduleKind::WeekDay => any_or_none(&self.week_day, user, |schedule| in_week_day(schedule, at)),
            ScheduleKind::YearDay => any_or_none(&self.year_day, user, |schedule| in_year_day(schedule, at)),
            ScheduleKind::Daily => any_or_none(&self.daily, user, |schedule| in_daily(schedule, at)),
        }
    }
}

fn any_or_none<T>(table: &BTreeMap<ScheduleSlot, T>, user: u8, holds: impl FnMut(&T) -> bool) -> bool {
    let mut all = table.iter().filter(|(slot, _)| slot.user_id == user).map(|(_, schedule)| schedule).peekable();
    all.peek().is_none() || all.any(holds)
}

fn in_week_day(schedule: &WeekDay, at: jiff::civil::DateTime) -> bool {
    let today = minutes(at.hour(), at.minute());
    i8::try_from(schedule.weekday) == Ok(at.weekday().to_sunday_zero_offset())
        && (time(schedule.start_hour, schedule.start_minute)..time(schedule.stop_hour, schedule.stop_minute)).contains(&today)
}

fn in_year_day(schedule: &YearDay, at: jiff::civil::DateTime) -> bool {
    let of = |it: &Minute| (2000 + i16::from(it.year), [it.month, it.day, it.hour, it.minute].map(i16::from));
    let now = (at.year(), [at.month(), at.day(), at.hour(), at.minute()].map(i16::from));
    (of(&schedule.start)..of(&schedule.stop)).contains(&now)
}

/// An entry may last past midnight, so the previous day counts, too.
fn in_daily(schedule: &Daily, at: jiff::civil::DateTime) -> bool {
    let start = time(schedule.start_hour, schedule.start_minute);
    let end = start + time(schedule.duration_hour, schedule.duration_minute);
    let on = |day: jiff::civil::Weekday| schedule.weekdays >> day.to_sunday_zero_offset() & 1 == 1;
    let today = minutes(at.hour(), at.minute());
    on(at.weekday()) && (start..end).contains(&today) || on(at.weekday().previous()) && (start..end).contains(&(today + 24 * 60))
}

pub(super) fn time(hour: u8, minute: u8) -> u16 {
    u16::from(hour) * 60 + u16::from(minute)
}

fn minutes(hour: i8, minute: i8) -> u16 {
    time(u8::try_from(hour).unwrap_or_default(), u8::try_from(minute).unwrap_or_default())
}
