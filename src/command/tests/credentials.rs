//! Every value that can be built of User Credential, Schedule Entry Lock and Entry Control is the same after a trip over
//! the wire.

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use crate::command::Command;
use crate::command::entry_control::{EntryControl, EventSupportedReport, EventType, KeyCache, KeySupportedReport, Notification};
use crate::command::schedule_entry_lock::{
    Action, Daily, DailyReport, DailySet, EnableAllSet, EnableSet, Minute, ScheduleEntryLock, ScheduleSlot, SupportedReport,
    TimeOffset, WeekDay, WeekDayReport, WeekDaySet, YearDay, YearDaySet,
};
use crate::command::user_credential::{
    AdminPinCodeReport, AdminPinCodeSet, AdminResult, AssociationReport, AssociationSet, AssociationStatus, CredentialAbility,
    CredentialCapabilitiesReport, CredentialGet, CredentialReport, CredentialReportType, CredentialRule, CredentialSet,
    CredentialType, LearnReport, LearnStart, LearnStatus, Modifier, ModifierType, NameEncoding, Operation, Place, Usage, User,
    UserCapabilitiesReport, UserCredential, UserId, UserName, UserReport, UserReportType, UserSet, UserType,
};
use crate::domain::pin::CodeText;

fn user_id() -> impl Strategy<Value = UserId> {
    (1..=u16::MAX).prop_map(|number| UserId::new(number).unwrap())
}

fn text(longest: usize) -> impl Strategy<Value = CodeText> {
    vec(any::<u8>(), 0..=longest).prop_map(CodeText::new)
}

fn place() -> impl Strategy<Value = Place> {
    any::<(u16, u8, u16)>().prop_map(|(user_id, kind, credential_slot)| Place {
        user_id,
        credential_type: CredentialType(kind),
        credential_slot,
    })
}

fn modifier() -> impl Strategy<Value = Modifier> {
    any::<(u8, u16)>().prop_map(|(kind, modifier_node_id)| Modifier { modifier_type: ModifierType(kind), modifier_node_id })
}

fn user() -> impl Strategy<Value = User> {
    (any::<(u8, bool, u8, u16)>(), 0..8u8, vec(any::<u8>(), 0..40)).prop_map(
        |((kind, active, rule, minutes), encoding, bytes)| User {
            user_type: UserType(kind),
            active,
            credential_rule: CredentialRule(rule),
            expiring_timeout_minutes: minutes,
            name: UserName { encoding: NameEncoding(encoding), bytes },
        },
    )
}

fn ability() -> impl Strategy<Value = CredentialAbility> {
    any::<(bool, u16, [u8; 6])>().prop_map(|(learn, slots, [kind, min, max, timeout, steps, hash])| CredentialAbility {
        credential_type: CredentialType(kind),
        supports_credential_learn: learn,
        number_of_credential_slots: slots,
        min_credential_length: min,
        max_credential_length: max,
        credential_learn_recommended_timeout: timeout,
        credential_learn_number_of_steps: steps,
        max_credential_hash_length: hash,
    })
}

fn user_capabilities() -> impl Strategy<Value = UserCapabilitiesReport> {
    (any::<(u16, u8, bool, bool, bool)>(), btree_set(0..8u8, 0..4), btree_set(0..3u8, 0..3), btree_set(any::<u8>(), 0..9))
        .prop_map(|((users, longest, schedule, all, one), rules, encodings, types)| UserCapabilitiesReport {
            number_of_supported_users: users,
            supported_credential_rules: rules,
            max_user_name_length: longest,
            supports_user_schedule: schedule,
            supports_all_users_checksum: all,
            supports_user_checksum: one,
            supported_user_name_encodings: encodings,
            supported_user_types: types,
        })
}

fn credential_report() -> impl Strategy<Value = CredentialReport> {
    (any::<(u8, bool, u8, u16)>(), place(), text(255), modifier()).prop_map(
        |((kind, read_back, next, slot), place, data, modifier)| CredentialReport {
            report_type: CredentialReportType(kind),
            place,
            credential_read_back: read_back,
            data,
            modifier,
            next_credential_type: CredentialType(next),
            next_credential_slot: slot,
        },
    )
}

fn user_credential() -> impl Strategy<Value = UserCredential> {
    let operation = || prop::sample::select(vec![Operation::ADD, Operation::MODIFY]);
    let result = prop::sample::select(vec![AdminResult::MODIFIED, AdminResult::ANSWER, AdminResult::UNSPECIFIED]);
    let association = any::<(u8, u16, u16)>().prop_map(|(kind, credential_slot, destination_user_id)| AssociationSet {
        credential_type: CredentialType(kind),
        credential_slot,
        destination_user_id,
    });
    prop_oneof![
        user_capabilities().prop_map(UserCredential::UserCapabilitiesReport),
        (any::<[bool; 3]>(), vec(ability(), 0..6)).prop_map(|([checksum, admin, off], credential_types)| {
            UserCredential::CredentialCapabilitiesReport(CredentialCapabilitiesReport {
                supports_credential_checksum: checksum,
                supports_admin_code: admin,
                supports_admin_code_deactivation: off,
                credential_types,
            })
        }),
        (user_id(), user()).prop_map(|(id, user)| UserCredential::UserSet(UserSet::add(id, user))),
        (user_id(), user()).prop_map(|(id, user)| UserCredential::UserSet(UserSet::modify(id, user))),
        user_id().prop_map(|id| UserCredential::UserSet(UserSet::delete(id))),
        (any::<(u8, u16, u16)>(), modifier(), user()).prop_map(|((kind, next_user_id, user_id), modifier, user)| {
            let report_type = UserReportType(kind);
            UserCredential::UserReport(UserReport { report_type, next_user_id, modifier, user_id, user })
        }),
        (user_id(), any::<(u8, u16)>(), text(255)).prop_map(|(id, (kind, slot), data)| {
            UserCredential::CredentialSet(CredentialSet::add(id, CredentialType(kind), slot, data))
        }),
        user_id().prop_map(|id| UserCredential::CredentialSet(CredentialSet::delete_of_user(id))),
        place().prop_map(|place| UserCredential::CredentialGet(CredentialGet { place })),
        credential_report().prop_map(UserCredential::CredentialReport),
        (place(), operation(), any::<u8>()).prop_map(|(place, operation_type, learn_timeout)| {
            UserCredential::CredentialLearnStart(LearnStart { place, operation_type, learn_timeout })
        }),
        (any::<[u8; 2]>(), place()).prop_map(|([status, steps_remaining], place)| {
            UserCredential::CredentialLearnReport(LearnReport { learn_status: LearnStatus(status), place, steps_remaining })
        }),
        (association, any::<u8>()).prop_map(|(set, status)| {
            UserCredential::AssociationReport(AssociationReport { set, status: AssociationStatus(status) })
        }),
        text(15).prop_map(|pin_code| UserCredential::AdminPinCodeSet(AdminPinCodeSet { pin_code })),
        (result, text(15)).prop_map(|(operation_result, pin_code)| {
            UserCredential::AdminPinCodeReport(AdminPinCodeReport { operation_result, pin_code })
        }),
    ]
}

fn schedule_entry_lock() -> impl Strategy<Value = ScheduleEntryLock> {
    let slot = || any::<[u8; 2]>().prop_map(|[user_id, slot_id]| ScheduleSlot { user_id, slot_id });
    let minute = || any::<[u8; 5]>().prop_map(|[year, month, day, hour, minute]| Minute { year, month, day, hour, minute });
    let week_day = || {
        any::<[u8; 5]>().prop_map(|[weekday, start_hour, start_minute, stop_hour, stop_minute]| WeekDay {
            weekday,
            start_hour,
            start_minute,
            stop_hour,
            stop_minute,
        })
    };
    let daily = || {
        any::<[u8; 5]>().prop_map(|[weekdays, start_hour, start_minute, duration_hour, duration_minute]| Daily {
            weekdays,
            start_hour,
            start_minute,
            duration_hour,
            duration_minute,
        })
    };
    prop_oneof![
        any::<(u8, bool)>().prop_map(|(user_id, enabled)| ScheduleEntryLock::EnableSet(EnableSet { user_id, enabled })),
        any::<bool>().prop_map(|enabled| ScheduleEntryLock::EnableAllSet(EnableAllSet { enabled })),
        (slot(), week_day()).prop_map(|(slot, schedule)| {
            ScheduleEntryLock::WeekDayScheduleSet(WeekDaySet { action: Action::SET, slot, schedule })
        }),
        (slot(), week_day())
            .prop_map(|(slot, schedule)| ScheduleEntryLock::WeekDayScheduleReport(WeekDayReport { slot, schedule })),
        (slot(), minute(), minute()).prop_map(|(slot, start, stop)| {
            let schedule = YearDay { start, stop };
            ScheduleEntryLock::YearDayScheduleSet(YearDaySet { action: Action::SET, slot, schedule })
        }),
        (slot(), daily()).prop_map(|(slot, schedule)| {
            ScheduleEntryLock::DailyRepeatingScheduleSet(DailySet { action: Action::ERASE, slot, schedule })
        }),
        (slot(), daily())
            .prop_map(|(slot, schedule)| ScheduleEntryLock::DailyRepeatingScheduleReport(DailyReport { slot, schedule })),
        any::<(u8, u8, Option<u8>)>().prop_map(|(week, year, daily)| {
            ScheduleEntryLock::SupportedReport(SupportedReport {
                num_week_day_slots: week,
                num_year_day_slots: year,
                num_daily_repeating_slots: daily,
            })
        }),
        (-7000..7000i16, -127..=127i16)
            .prop_map(|(zone, saving)| ScheduleEntryLock::TimeOffsetSet(TimeOffset::new(zone, saving).unwrap())),
    ]
}

fn entry_control() -> impl Strategy<Value = EntryControl> {
    prop_oneof![
        (any::<[u8; 2]>(), vec(any::<u8>(), 0..32))
            .prop_map(|([number, event], keys)| EntryControl::Notification(Notification::keys(number, EventType(event), &keys))),
        btree_set(any::<u8>(), 0..20)
            .prop_map(|supported_keys| EntryControl::KeySupportedReport(KeySupportedReport { supported_keys })),
        (btree_set(0..24u8, 0..4), btree_set(0..200u8, 0..20), any::<[u8; 4]>()).prop_map(
            |(supported_data_types, supported_event_types, [min_size, max_size, min_timeout, max_timeout])| {
                EntryControl::EventSupportedReport(EventSupportedReport {
                    supported_data_types,
                    supported_event_types,
                    min_key_cache_size: min_size,
                    max_key_cache_size: max_size,
                    min_key_cache_timeout: min_timeout,
                    max_key_cache_timeout: max_timeout,
                })
            }
        ),
        any::<[u8; 2]>().prop_map(|[key_cache_size, key_cache_timeout]| {
            EntryControl::ConfigurationSet(KeyCache { key_cache_size, key_cache_timeout })
        }),
    ]
}

proptest! {
    #[test]
    fn nothing_of_a_user_a_schedule_or_a_keypad_is_lost_on_the_wire(
        credential in user_credential(),
        schedule in schedule_entry_lock(),
        keypad in entry_control(),
        tail in vec(any::<u8>(), 0..4),
    ) {
        let commands =
            [Command::UserCredential(credential), Command::ScheduleEntryLock(schedule), Command::EntryControl(keypad)];
        for command in commands {
            let written = command.write();
            prop_assert_eq!(Command::parse(&written), Ok(command.clone()));
            // The third number of slots is what version 3 appended; anything else behind a command is nothing to us.
            if written[..2] != [0x4E, 0x0A] {
                prop_assert_eq!(Command::parse(&[written, tail.clone()].concat()), Ok(command));
            }
        }
    }

    #[test]
    fn no_parameters_of_an_event_can_panic(params in vec(any::<u8>(), 0..40)) {
        if let Some(usage) = Usage::parse(&params) {
            prop_assert!(params.starts_with(&usage.write()));
        }
    }
}
