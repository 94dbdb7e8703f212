//! The names that a world file may use for kinds of nodes and for their oddities: one line each.

use crate::sim::model::{Model, Quirks};

/// A kind of node by name.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// As in `model = "…"`.
    pub name: &'static str,
    /// What it is, in a few words.
    pub what: &'static str,
    /// The model.
    pub model: fn() -> Model,
}

/// An oddity by name.
#[derive(Clone, Copy, Debug)]
pub struct Quirk {
    /// As in `quirks = ["…"]`.
    pub name: &'static str,
    /// What it is, in a few words.
    pub what: &'static str,
    /// Where it is switched on.
    pub switch: fn(&mut Quirks) -> &mut bool,
}

/// Every kind of node.
#[rustfmt::skip]
pub const PRESETS: &[Preset] = &[
    Preset { name: "s2_lock", what: "S2 Access Control, User Code 2, 30 slots, Supervision", model: Model::s2 },
    Preset { name: "s0_lock", what: "S0, User Code 1, 30 slots, refuses a code twice", model: Model::s0 },
    Preset { name: "plain_lock", what: "no security, User Code 1, otherwise as s0_lock", model: Model::version_1 },
    Preset { name: "plain_lock_v2", what: "no security, User Code 2, otherwise as s2_lock", model: Model::version_2 },
];

/// Every oddity.
#[rustfmt::skip]
pub const QUIRKS: &[Quirk] = &[
    Quirk { name: "masks_codes", what: "reads show stars instead of digits", switch: |it| &mut it.masks_codes },
    Quirk { name: "refuses_duplicates", what: "a code that another slot has is refused", switch: |it| &mut it.refuses_duplicates },
    Quirk { name: "no_supervision", what: "has no Supervision", switch: |it| &mut it.no_supervision },
    Quirk { name: "v1_alarms", what: "events are Alarm version 1: a type and a level", switch: |it| &mut it.v1_alarms },
    Quirk { name: "bare_user_id", what: "an event names the user by one byte", switch: |it| &mut it.bare_user_id },
    Quirk { name: "silent_writes", what: "no event tells of a code set by radio", switch: |it| &mut it.silent_writes },
    Quirk { name: "answers_before_callback", what: "its answer overtakes the stick's callback", switch: |it| &mut it.answers_before_callback },
    Quirk { name: "refuses_writes", what: "stores no code", switch: |it| &mut it.refuses_writes },
];
