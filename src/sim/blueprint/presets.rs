//! Names of models and quirks in world files: one line each.

use std::time::Duration;

use crate::sim::model::{Model, Quirks, UserShape};

#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Its name in `model = "…"`.
    pub name: &'static str,
    pub what: &'static str,
    pub model: fn() -> Model,
}

#[derive(Clone, Copy, Debug)]
pub struct Quirk {
    /// Its name in `quirks = ["…"]`.
    pub name: &'static str,
    pub what: &'static str,
    /// Switches it on or off.
    pub set: fn(&mut Quirks, bool),
    /// Whether it is on.
    pub is_on: fn(&Quirks) -> bool,
}

#[rustfmt::skip]
pub const PRESETS: &[Preset] = &[
    Preset { name: "s2_lock", what: "S2 Access Control, User Code 2, 30 slots, Supervision", model: Model::s2 },
    Preset { name: "s0_lock", what: "S0, User Code 1, 30 slots, refuses a code twice", model: Model::s0 },
    Preset { name: "plain_lock", what: "no security, User Code 1, otherwise as s0_lock", model: Model::version_1 },
    Preset { name: "plain_lock_v2", what: "no security, User Code 2, otherwise as s2_lock", model: Model::version_2 },
    Preset { name: "credential_lock", what: "S2, User Credential in place of User Code", model: Model::credential_lock },
    Preset { name: "scheduled_lock", what: "s2_lock with Schedule Entry Lock", model: Model::scheduled_lock },
    Preset { name: "keypad", what: "S2, the keypad of an alarm panel: Entry Control, no codes of its own", model: Model::keypad },
    Preset { name: "plug", what: "S2, a plug that listens always", model: Model::plug },
    Preset { name: "sensor", what: "S2, a water sensor that sleeps and wakes by itself", model: Model::sensor },
];

#[rustfmt::skip]
pub const QUIRKS: &[Quirk] = &[
    Quirk { name: "masks_codes", what: "reads show stars instead of digits", set: |it, on| it.masks_codes = on, is_on: |it| it.masks_codes },
    Quirk { name: "refuses_duplicates", what: "a code that another slot has is refused", set: |it, on| it.refuses_duplicates = on, is_on: |it| it.refuses_duplicates },
    Quirk { name: "refuses_silently", what: "what it refuses it acknowledges, and says nothing", set: |it, on| it.refuses_silently = on, is_on: |it| it.refuses_silently },
    Quirk { name: "refuses_by_status", what: "what it refuses it reports as status 0xFE", set: |it, on| it.refuses_by_status = on, is_on: |it| it.refuses_by_status },
    Quirk { name: "refuses_writes", what: "stores no code", set: |it, on| it.refuses_writes = on, is_on: |it| it.refuses_writes },
    Quirk { name: "five_buttons", what: "1 is 2, 3 is 4 … at its keypad", set: |it, on| it.five_buttons = on, is_on: |it| it.five_buttons },
    Quirk { name: "silent_writes", what: "no event tells of a code set by radio", set: |it, on| it.silent_writes = on, is_on: |it| it.silent_writes },
    Quirk { name: "no_supervision", what: "has no Supervision", set: |it, on| it.no_supervision = on, is_on: |it| it.no_supervision },
    Quirk { name: "drops_supervision", what: "does what is supervised, and never reports", set: |it, on| it.drops_supervision = on, is_on: |it| it.drops_supervision },
    Quirk { name: "answers_session_zero", what: "reports every supervised command under session 0", set: |it, on| it.answers_session_zero = on, is_on: |it| it.answers_session_zero },
    Quirk { name: "v1_alarms", what: "events are Alarm version 1: a type and a level", set: |it, on| it.v1_alarms = on, is_on: |it| it.v1_alarms },
    Quirk { name: "both_alarms", what: "an event comes both ways", set: |it, on| it.both_alarms = on, is_on: |it| it.both_alarms },
    Quirk { name: "tells_twice", what: "every event comes twice", set: |it, on| it.tells_twice = on, is_on: |it| it.tells_twice },
    Quirk { name: "tells_erasure_by_report", what: "that all codes are gone comes as a report of user 0", set: |it, on| it.tells_erasure_by_report = on, is_on: |it| it.tells_erasure_by_report },
    Quirk { name: "answers_before_callback", what: "its answer arrives before the controller's callback", set: |it, on| it.answers_before_callback = on, is_on: |it| it.answers_before_callback },
    Quirk { name: "dozes_off", what: "falls asleep before it answers", set: |it, on| it.dozes_off = on, is_on: |it| it.dozes_off },
    Quirk { name: "forgets_writes", what: "says yes, and forgets a code five seconds later", set: |it, on| it.forgets_writes = on.then_some(Duration::from_secs(5)), is_on: |it| it.forgets_writes.is_some() },
    Quirk { name: "answers_late", what: "answers after 15 seconds", set: |it, on| it.answers_late = on.then_some(Duration::from_secs(15)), is_on: |it| it.answers_late.is_some() },
    Quirk { name: "only_four_digits", what: "takes codes of four digits only", set: |it, on| it.lengths = on.then_some((4, 4)), is_on: |it| it.lengths.is_some() },
    Quirk { name: "bare_user_id", what: "an event names the user by one byte", set: |it, on| it.user_shape = if on { UserShape::Bare } else { UserShape::default() }, is_on: |it| it.user_shape == UserShape::Bare },
    Quirk { name: "tells_nobody", what: "an event names no user", set: |it, on| it.user_shape = if on { UserShape::Nobody } else { UserShape::default() }, is_on: |it| it.user_shape == UserShape::Nobody },
];
