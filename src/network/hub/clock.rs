//! Time: keypads display it, and locks without a clock use it in their logs (docs/protocol/command-classes.md 0x8A;
//! docs/protocol/gateway.md §2.3, Time).

use jiff::tz::{Dst, TimeZone};

use crate::command::time::{Changeover, DateReport, Time, TimeOffset, TimeReport};
use crate::domain::time::{Now, Timestamp};

/// The report that answers `asked`, in the time zone of the home; `None` if it is not a Get.
pub(super) fn answer(asked: &Time, now: Now, zone: &TimeZone) -> Option<Time> {
    let local = jiff::Timestamp::from_millisecond(now.wall.as_millis()).ok()?.to_zoned(zone.clone());
    let small = |number: i8| u8::try_from(number).ok();
    let report = match asked {
        Time::TimeGet => Time::TimeReport(TimeReport {
            // The command has no better way to say that the clock is not trusted.
            rtc_failure: !now.trusted,
            hour: small(local.hour())?,
            minute: small(local.minute())?,
            second: small(local.second())?,
        }),
        Time::DateGet => Time::DateReport(DateReport {
            year: u16::try_from(local.year()).ok()?,
            month: small(local.month())?,
            day: small(local.day())?,
        }),
        Time::TimeOffsetGet => Time::TimeOffsetReport(offset(zone, now.wall)?),
        Time::TimeReport(_) | Time::DateReport(_) | Time::TimeOffsetSet(_) | Time::TimeOffsetReport(_) => return None,
    };
    Some(report)
}

/// The time zone in the year of `at`. Without daylight saving, the difference and both dates are 0.
fn offset(zone: &TimeZone, at: Timestamp) -> Option<TimeOffset> {
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
    let year = at.to_zoned(zone.clone()).year();
    let begin = jiff::civil::date(year, 1, 1).to_zoned(zone.clone()).ok()?;
    let mut standard = begin.offset();
    let mut saving = None;
    let (mut dst_start, mut dst_end) = (Changeover::default(), Changeover::default());
    if zone.to_offset_info(begin.timestamp()).dst() == Dst::Yes {
        saving = Some(begin.offset());
    }
    for change in zone.following(begin.timestamp()) {
        // The local hour before the change.
        let before = zone.to_offset(change.timestamp() - jiff::SignedDuration::from_secs(1));
        let civil = before.to_datetime(change.timestamp());
        if civil.year() != year {
            break;
        }
        let small = |number: i8| u8::try_from(number).unwrap_or_default();
        let changeover = Changeover { month: small(civil.month()), day: small(civil.day()), hour: small(civil.hour()) };
        if change.dst() == Dst::Yes {
            saving = Some(change.offset());
            dst_start = changeover;
        } else {
            standard = change.offset();
            dst_end = changeover;
        }
    }
    let minutes = |offset: jiff::tz::Offset| i16::try_from(offset.seconds() / 60).ok();
    let standard = minutes(standard)?;
    let saved = saving.map_or(Some(0), |saving| Some(minutes(saving)? - standard))?;
    TimeOffset::new(standard, saved, dst_start, dst_end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use crate::domain::time::Instant;

    /// The time 2026-11-23T23:05:59Z, in UTC.
    const NIGHT: Timestamp = Timestamp::from_millis(1_795_475_159_000);

    fn said(asked: Time, zone: &str, trusted: bool) -> Vec<u8> {
        let now = Now { mono: Instant::ZERO, wall: NIGHT, trusted };
        Command::Time(answer(&asked, now, &TimeZone::get(zone).unwrap()).unwrap()).write()
    }

    #[test]
    fn a_keypad_shows_the_time_of_the_home_and_not_of_greenwich() {
        assert_eq!(said(Time::TimeGet, "Europe/Paris", true), [0x8A, 0x02, 0, 5, 59]);
        assert_eq!(said(Time::DateGet, "Europe/Paris", true), [0x8A, 0x04, 0x07, 0xEA, 11, 24]);
        assert_eq!(said(Time::TimeGet, "UTC", true), [0x8A, 0x02, 23, 5, 59]);
    }

    #[test]
    fn an_untrusted_clock_is_reported_as_such() {
        assert_eq!(said(Time::TimeGet, "UTC", false)[2], 0x80 | 23);
    }

    #[test]
    fn daylight_saving_begins_and_ends_on_the_days_of_this_year() {
        // 2026-03-29 02:00 to 2026-10-25 03:00.
        assert_eq!(said(Time::TimeOffsetGet, "Europe/Paris", true), [0x8A, 0x07, 1, 0, 60, 3, 29, 2, 10, 25, 3]);
        // Southern hemisphere: daylight saving ends on 2026-04-05 03:00 and begins on 2026-10-04 02:00.
        assert_eq!(said(Time::TimeOffsetGet, "Australia/Sydney", true), [0x8A, 0x07, 10, 0, 60, 10, 4, 2, 4, 5, 3]);
        assert_eq!(said(Time::TimeOffsetGet, "Asia/Kolkata", true), [0x8A, 0x07, 5, 30, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(said(Time::TimeOffsetGet, "America/St_Johns", true)[2..5], [0x83, 30, 60]);
    }

    #[test]
    fn what_is_no_question_to_us_gets_no_answer() {
        let now = Now { mono: Instant::ZERO, wall: NIGHT, trusted: true };
        let report = Time::TimeReport(TimeReport { rtc_failure: false, hour: 1, minute: 2, second: 3 });
        assert_eq!(answer(&report, now, &TimeZone::UTC), None);
    }
}
