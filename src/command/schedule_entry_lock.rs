//! Schedule Entry Lock (0x4E) v1–3: when the code of a user of User Code works, by the lock's own local clock
//! (docs/protocol/command-classes.md 0x4E). Version 4 was never certified and is not here.
//!
//! Numbers are kept as received, since locks fill what is not set with 0xFF or zeros.

use nom::Parser;
use nom::number::complete::be_u8;
use nom::sequence::pair;
use serde::{Serialize, Serializer};

use super::codec::{Parsed, optional_u8};
use super::spec::{Kind, command_class};
use super::time::{self, Changeover};

command_class! {
    ScheduleEntryLock {
        /// Switches the schedules of one user on or off.
        EnableSet(EnableSet) = 0x01, v 1, Kind::Set;
        /// Switches the schedules of all users on or off.
        EnableAllSet(EnableAllSet) = 0x02, v 1, Kind::Set;
        /// Sets or erases a schedule for a day of the week.
        WeekDayScheduleSet(WeekDaySet) = 0x03, v 1, Kind::Set;
        WeekDayScheduleGet(ScheduleSlot) = 0x04, v 1, Kind::Get { reply: 0x05 };
        WeekDayScheduleReport(WeekDayReport) = 0x05, v 1, Kind::Report;
        /// Sets or erases a schedule from one date to another.
        YearDayScheduleSet(YearDaySet) = 0x06, v 1, Kind::Set;
        YearDayScheduleGet(ScheduleSlot) = 0x07, v 1, Kind::Get { reply: 0x08 };
        YearDayScheduleReport(YearDayReport) = 0x08, v 1, Kind::Report;
        SupportedGet = 0x09, v 1, Kind::Get { reply: 0x0A };
        SupportedReport(SupportedReport) = 0x0A, v 1, Kind::Report;
        TimeOffsetGet = 0x0B, v 2, Kind::Get { reply: 0x0C };
        TimeOffsetReport(TimeOffset) = 0x0C, v 2, Kind::Report;
        TimeOffsetSet(TimeOffset) = 0x0D, v 2, Kind::Set;
        DailyRepeatingScheduleGet(ScheduleSlot) = 0x0E, v 3, Kind::Get { reply: 0x0F };
        DailyRepeatingScheduleReport(DailyReport) = 0x0F, v 3, Kind::Report;
        DailyRepeatingScheduleSet(DailySet) = 0x10, v 3, Kind::Set;
    }
}

/// Switches the schedules of one user on or off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct EnableSet {
    pub user_id: u8,
    pub enabled: bool,
}

impl EnableSet {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (user_id, enabled)) = pair(be_u8, be_u8).parse(input)?;
        Ok((input, Self { user_id, enabled: enabled == 1 }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.user_id, self.enabled.into()]);
    }
}

/// Switches the schedules of all users on or off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct EnableAllSet {
    pub enabled: bool,
}

impl EnableAllSet {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, enabled) = be_u8(input)?;
        Ok((input, Self { enabled: enabled == 1 }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.enabled.into());
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct Action(pub u8);

impl Action {
    pub const ERASE: Self = Self(0);
    pub const SET: Self = Self(1);
}

/// Identifies a schedule: user and slot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct ScheduleSlot {
    /// A user id of User Code.
    pub user_id: u8,
    /// The slot, from 1; 0 when erasing means all slots of the user.
    pub slot_id: u8,
}

impl ScheduleSlot {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (user_id, slot_id)) = pair(be_u8, be_u8).parse(input)?;
        Ok((input, Self { user_id, slot_id }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.user_id, self.slot_id]);
    }
}

/// From one time to another of one day of the week.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct WeekDay {
    /// 0 is Sunday, 6 is Saturday.
    pub weekday: u8,
    pub start_hour: u8,
    pub start_minute: u8,
    pub stop_hour: u8,
    pub stop_minute: u8,
}

impl WeekDay {
    pub const EMPTY: Self = Self::of([0xFF; 5]);

    const fn of([weekday, start_hour, start_minute, stop_hour, stop_minute]: [u8; 5]) -> Self {
        Self { weekday, start_hour, start_minute, stop_hour, stop_minute }
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, bytes) = array(input)?;
        Ok((input, Self::of(bytes)))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.weekday, self.start_hour, self.start_minute, self.stop_hour, self.stop_minute]);
    }
}

/// A minute of a year.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Minute {
    /// The year less 2000.
    pub year: u8,
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
}

impl Minute {
    const fn of([year, month, day, hour, minute]: [u8; 5]) -> Self {
        Self { year, month, day, hour, minute }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.year, self.month, self.day, self.hour, self.minute]);
    }
}

/// From one minute to another of some year.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct YearDay {
    pub start: Minute,
    pub stop: Minute,
}

impl YearDay {
    pub const EMPTY: Self = Self { start: Minute::of([0xFF; 5]), stop: Minute::of([0xFF; 5]) };

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (start, stop)) = pair(array, array).parse(input)?;
        Ok((input, Self { start: Minute::of(start), stop: Minute::of(stop) }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.start.write(out);
        self.stop.write(out);
    }
}

impl Serialize for YearDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { start, stop } = self;
        let names = ["start_year", "start_month", "start_day", "start_hour", "start_minute"];
        let starts = [start.year, start.month, start.day, start.hour, start.minute];
        let stop_names = ["stop_year", "stop_month", "stop_day", "stop_hour", "stop_minute"];
        let stops = [stop.year, stop.month, stop.day, stop.hour, stop.minute];
        serializer.collect_map(names.into_iter().zip(starts).chain(stop_names.into_iter().zip(stops)))
    }
}

/// For so long from one time on, on some days of each week.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Daily {
    /// Bit 0 is Sunday.
    pub weekdays: u8,
    pub start_hour: u8,
    pub start_minute: u8,
    pub duration_hour: u8,
    /// Minutes beside the hours.
    pub duration_minute: u8,
}

impl Daily {
    /// None, in an erasure.
    pub const EMPTY: Self = Self::of([0xFF; 5]);
    /// None, in a report: Z-Wave JS reads 0xFF there as "every day".
    pub const NOT_SET: Self = Self::of([0; 5]);

    const fn of([weekdays, start_hour, start_minute, duration_hour, duration_minute]: [u8; 5]) -> Self {
        Self { weekdays, start_hour, start_minute, duration_hour, duration_minute }
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, bytes) = array(input)?;
        Ok((input, Self::of(bytes)))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.weekdays, self.start_hour, self.start_minute, self.duration_hour, self.duration_minute]);
    }
}

/// The structs of the three kinds differ in their schedule only.
macro_rules! sets_and_reports {
    ($($set:ident, $report:ident, $schedule:ident;)*) => {
        $(
            /// Sets or erases a schedule. Setting one enables it for this user, and disables the other kinds.
            #[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
            pub struct $set {
                pub action: Action,
                #[serde(flatten)]
                pub slot: ScheduleSlot,
                /// The schedule; ignored when erasing.
                #[serde(flatten)]
                pub schedule: $schedule,
            }

            impl $set {
                fn parse(input: &[u8]) -> Parsed<'_, Self> {
                    let (input, (action, slot)) = pair(be_u8, ScheduleSlot::parse).parse(input)?;
                    // The fields of the schedule may be missing when erasing.
                    let (input, schedule) = match $schedule::parse(input) {
                        Err(_) if action == Action::ERASE.0 => (input, $schedule::EMPTY),
                        parsed => parsed?,
                    };
                    Ok((input, Self { action: Action(action), slot, schedule }))
                }

                fn write(&self, out: &mut Vec<u8>) {
                    out.push(self.action.0);
                    self.slot.write(out);
                    self.schedule.write(out);
                }
            }

            #[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
            pub struct $report {
                #[serde(flatten)]
                pub slot: ScheduleSlot,
                #[serde(flatten)]
                pub schedule: $schedule,
            }

            impl $report {
                fn parse(input: &[u8]) -> Parsed<'_, Self> {
                    let (input, (slot, schedule)) = pair(ScheduleSlot::parse, $schedule::parse).parse(input)?;
                    Ok((input, Self { slot, schedule }))
                }

                fn write(&self, out: &mut Vec<u8>) {
                    self.slot.write(out);
                    self.schedule.write(out);
                }
            }
        )*
    };
}

sets_and_reports! {
    WeekDaySet, WeekDayReport, WeekDay;
    YearDaySet, YearDayReport, YearDay;
    DailySet, DailyReport, Daily;
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct SupportedReport {
    /// For days of the week.
    pub num_week_day_slots: u8,
    /// From one date to another.
    pub num_year_day_slots: u8,
    /// Daily repeating slots, since version 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_daily_repeating_slots: Option<u8>,
}

impl SupportedReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (num_week_day_slots, num_year_day_slots)) = pair(be_u8, be_u8).parse(input)?;
        let (input, num_daily_repeating_slots) = optional_u8(input)?;
        Ok((input, Self { num_week_day_slots, num_year_day_slots, num_daily_repeating_slots }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.num_week_day_slots, self.num_year_day_slots]);
        out.extend(self.num_daily_repeating_slots);
    }
}

/// The time zone of the lock, as in the Time class, but without the dates of the change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeOffset(time::TimeOffset);

impl TimeOffset {
    /// The zone that is `standard` minutes ahead of UTC, and `saving` minutes more in summer; `None`: the command
    /// cannot say that.
    pub fn new(standard: i16, saving: i16) -> Option<Self> {
        time::TimeOffset::new(standard, saving, Changeover::default(), Changeover::default()).map(Self)
    }

    /// Minutes ahead of UTC in winter.
    pub fn standard_minutes(&self) -> i16 {
        self.0.standard_minutes()
    }

    /// Minutes ahead of UTC in summer.
    pub fn dst_minutes(&self) -> i16 {
        self.0.dst_minutes()
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, [sign_and_hours, minutes, dst_sign_and_minutes]) = array(input)?;
        let (dst_start, dst_end) = Default::default();
        Ok((input, Self(time::TimeOffset { sign_and_hours, minutes, dst_sign_and_minutes, dst_start, dst_end })))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.0.sign_and_hours, self.0.minutes, self.0.dst_sign_and_minutes]);
    }
}

impl Serialize for TimeOffset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("standard_offset", self.standard_minutes()), ("dst_offset", self.dst_minutes())])
    }
}

fn array<const N: usize>(input: &[u8]) -> Parsed<'_, [u8; N]> {
    let mut bytes = [0; N];
    let (input, ()) = nom::multi::fill(be_u8, &mut bytes).parse(input)?;
    Ok((input, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;

    #[test]
    fn an_erasure_that_leaves_out_the_schedule_is_still_one() {
        let Ok(Command::ScheduleEntryLock(ScheduleEntryLock::WeekDayScheduleSet(set))) = Command::parse(&[0x4E, 0x03, 0, 2, 1])
        else {
            panic!("not a Set")
        };
        let slot = ScheduleSlot { user_id: 2, slot_id: 1 };
        assert_eq!(set, WeekDaySet { action: Action::ERASE, slot, schedule: WeekDay::EMPTY });
        assert!(Command::parse(&[0x4E, 0x03, 1, 2, 1]).is_err(), "but a Set without a schedule is none");
    }

    #[test]
    fn a_zone_west_of_greenwich_keeps_its_sign() {
        let zone = TimeOffset::new(-330, 0).unwrap();
        assert_eq!(Command::ScheduleEntryLock(ScheduleEntryLock::TimeOffsetSet(zone)).write(), [0x4E, 0x0D, 0x85, 30, 0]);
        assert_eq!((zone.standard_minutes(), zone.dst_minutes()), (-330, -330));
    }
}
