//! A node as a list of abilities: each is a command class, the version that a model supports, and the handler of its
//! commands. Class lists, versions and answers all follow from this list.

use std::collections::BTreeMap;

use super::{
    Answer, Node, basic, clock, codes, credentials, door, events, identify, keypad, lifeline, log, plumbing, power, schedule,
    sleep,
};
use crate::command::{ClassId, Command};
use crate::domain::time::Instant;
use crate::sim::model::{Kind, Model};

/// The handler of a command. `None`: ignored.
type Behaviour = fn(&mut Node, &Command, Instant) -> Option<Answer>;

/// One class of a node.
struct Ability {
    class: ClassId,
    /// 0: the model does not support it.
    version: fn(&Model) -> u8,
    behaviour: Behaviour,
}

const fn ability(class: ClassId, version: fn(&Model) -> u8, behaviour: Behaviour) -> Ability {
    Ability { class, version, behaviour }
}

/// The classes of every certified node.
const EVERY_NODE: &[Ability] = &[
    ability(ClassId::Z_WAVE_PLUS_INFO, |_| 2, plumbing::zwave_plus_info),
    ability(ClassId::VERSION, |model| if model.is_modern() { 3 } else { 2 }, plumbing::version),
    ability(ClassId::MANUFACTURER_SPECIFIC, |model| if model.is_modern() { 2 } else { 1 }, plumbing::manufacturer_specific),
    ability(ClassId::POWERLEVEL, modern, plumbing::powerlevel),
    ability(ClassId::ASSOCIATION, |_| 2, lifeline::association),
    ability(ClassId::MULTI_CHANNEL_ASSOCIATION, |model| 3 * modern(model), lifeline::multi_channel_association),
    ability(ClassId::ASSOCIATION_GROUP_INFORMATION, |model| if model.is_modern() { 3 } else { 1 }, lifeline::group_info),
    ability(ClassId::DEVICE_RESET_LOCALLY, modern, nothing),
    ability(ClassId::INDICATOR, |model| 3 * modern(model), identify::indicator),
    ability(ClassId::SUPERVISION, |model| u8::from(!model.quirks.no_supervision), nothing),
];

const LOCK: &[Ability] = &[
    ability(ClassId::BASIC, |model| 2 * modern(model), basic::lock),
    ability(ClassId::BATTERY, |_| 1, power::battery),
    ability(ClassId::DOOR_LOCK, |_| 4, door::door_lock),
    ability(ClassId::DOOR_LOCK_LOGGING, modern, log::door_lock_logging),
    ability(ClassId::TIME_PARAMETERS, modern, clock::time_parameters),
    ability(ClassId::NOTIFICATION, |model| if model.quirks.v1_alarms { 1 } else { 8 }, events::notification),
    // User Code or User Credential, never both (docs/protocol/gateway.md §5.3).
    ability(ClassId::USER_CODE, |model| if model.credentials.is_some() { 0 } else { model.user_code }, codes::user_code),
    ability(ClassId::USER_CREDENTIAL, |model| model.credentials.is_some().into(), credentials::user_credential),
    ability(ClassId::SCHEDULE_ENTRY_LOCK, |model| if model.schedules.is_some() { 3 } else { 0 }, schedule::schedule_entry_lock),
];

/// A row of a kind replaces the row for every node.
const KEYPAD: &[Ability] = &[
    ability(ClassId::BATTERY, |_| 1, power::battery),
    ability(ClassId::ENTRY_CONTROL, |_| 1, keypad::entry_control),
    ability(ClassId::INDICATOR, |_| 3, keypad::indicator),
];

const SWITCH: &[Ability] = &[ability(ClassId::BASIC, |_| 2, basic::switch)];

const SENSOR: &[Ability] = &[
    ability(ClassId::BATTERY, |_| 1, power::battery),
    ability(ClassId::NOTIFICATION, |_| 8, events::notification),
    ability(ClassId::WAKE_UP, |_| 2, sleep::wake_up),
];

/// Classes that are supported but not listed.
const UNLISTED: [ClassId; 1] = [ClassId::BASIC];

fn modern(model: &Model) -> u8 {
    model.is_modern().into()
}

/// For classes without Gets, or that are handled elsewhere.
fn nothing(_: &mut Node, _: &Command, _: Instant) -> Option<Answer> {
    None
}

fn of(kind: Kind) -> impl Iterator<Item = &'static Ability> {
    let own = match kind {
        Kind::Lock => LOCK,
        Kind::Keypad => KEYPAD,
        Kind::Switch => SWITCH,
        Kind::Sensor => SENSOR,
    };
    let others = EVERY_NODE.iter().filter(|every| own.iter().all(|its| its.class != every.class));
    own.iter().chain(others)
}

impl Node {
    /// All its classes with their versions.
    pub fn classes(&self) -> BTreeMap<ClassId, u8> {
        let model = &self.model;
        let abilities = of(model.kind).map(|ability| (ability.class, (ability.version)(model)));
        abilities.filter(|(_, version)| *version > 0).chain(self.security_classes()).collect()
    }

    /// The classes in its lists, Z-Wave Plus Info first.
    pub(super) fn named_classes(&self) -> impl Iterator<Item = ClassId> {
        let (first, others): (Vec<_>, Vec<_>) = self.classes().into_keys().partition(|class| *class == ClassId::Z_WAVE_PLUS_INFO);
        first.into_iter().chain(others).filter(|class| !UNLISTED.contains(class))
    }

    /// Processes a command: carries out a Set, or returns the report for a Get.
    pub(super) fn obey(&mut self, command: &Command, now: Instant) -> Option<Answer> {
        let class = command.class();
        let ability = of(self.model.kind).find(|ability| ability.class == class)?;
        if (ability.version)(&self.model) == 0 {
            return None;
        }
        (ability.behaviour)(self, command, now)
    }
}
