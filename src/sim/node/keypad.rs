//! The keypad of an alarm panel: it stores no codes, sends what is typed, and shows the state of the panel.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::command::Command;
use crate::command::entry_control::{
    DataType, EntryControl, EventSupportedReport, EventType, KeyCache, KeySupportedReport, Notification,
};
use crate::command::indicator::{self, Indicator, IndicatorId, Object, Property, SupportedReport, Values};
use crate::domain::time::Instant;

use super::{Answer, Node};

/// Its buttons, in addition to the digits (docs/protocol/command-classes.md 0x6F).
const EVENTS: [EventType; 9] = [
    EventType::CACHED_KEYS,
    EventType::ENTER,
    EventType::DISARM_ALL,
    EventType::ARM_AWAY,
    EventType::ARM_HOME,
    EventType::FIRE,
    EventType::POLICE,
    EventType::ALERT_MEDICAL,
    EventType::CANCEL,
];
/// Number of keys that it can buffer, and the time-outs in seconds.
const CACHE: (std::ops::RangeInclusive<u8>, std::ops::RangeInclusive<u8>) = (4..=10, 2..=10);
/// Property ids: brightness, and seconds of a delay.
const LEVEL: Property = Property(1);
const SECONDS: Property = Property(7);
/// Its lights: not OK, armed home and away, not armed, alarms, entry and exit delay
/// (docs/protocol/command-classes.md 0x87), each with its properties.
const LIGHTS: [(IndicatorId, &[Property]); 9] = [
    (IndicatorId(0x02), &[LEVEL]),
    (IndicatorId(0x09), &[LEVEL]),
    (IndicatorId(0x0A), &[LEVEL]),
    (IndicatorId(0x0B), &[LEVEL]),
    (IndicatorId(0x0D), &[LEVEL]),
    (IndicatorId(0x0E), &[LEVEL]),
    (IndicatorId(0x11), &[SECONDS]),
    (IndicatorId(0x12), &[SECONDS]),
    (IndicatorId::IDENTIFY, &[Property::PERIOD, Property::CYCLES, Property::ON_TIME]),
];

/// The non-volatile memory of a keypad.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeypadMemory {
    /// Sequence number of its last event.
    pub sequence: u8,
    pub cache: KeyCache,
    /// The values of its lights.
    pub lights: BTreeMap<(IndicatorId, Property), u8>,
}

impl Default for KeypadMemory {
    fn default() -> Self {
        Self { sequence: 0, cache: KeyCache { key_cache_size: 8, key_cache_timeout: 5 }, lights: BTreeMap::new() }
    }
}

pub(super) fn entry_control(keypad: &mut Node, command: &Command, _: Instant) -> Option<Answer> {
    let Command::EntryControl(command) = command else { return None };
    let (sizes, timeouts) = CACHE;
    let reply = match command {
        EntryControl::KeySupportedGet => {
            EntryControl::KeySupportedReport(KeySupportedReport { supported_keys: (b'0'..=b'9').collect() })
        }
        EntryControl::EventSupportedGet => EntryControl::EventSupportedReport(EventSupportedReport {
            supported_data_types: BTreeSet::from([DataType::NONE, DataType::ASCII].map(DataType::number)),
            supported_event_types: EVENTS.iter().map(|event| event.0).collect(),
            min_key_cache_size: *sizes.start(),
            max_key_cache_size: *sizes.end(),
            min_key_cache_timeout: *timeouts.start(),
            max_key_cache_timeout: *timeouts.end(),
        }),
        EntryControl::ConfigurationSet(cache) => {
            if !sizes.contains(&cache.key_cache_size) || !timeouts.contains(&cache.key_cache_timeout) {
                return Some(Answer::Refused);
            }
            keypad.memory.keypad.cache = *cache;
            return Some(Answer::Done);
        }
        EntryControl::ConfigurationGet => EntryControl::ConfigurationReport(keypad.memory.keypad.cache),
        _ => return None,
    };
    Some(Answer::Reply(Command::EntryControl(reply)))
}

pub(super) fn indicator(keypad: &mut Node, command: &Command, _: Instant) -> Option<Answer> {
    let Command::Indicator(command) = command else { return None };
    let lights = &mut keypad.memory.keypad.lights;
    let reply = match command {
        Indicator::Set(values) => {
            let objects = values.objects.as_deref().unwrap_or_default();
            let has = |it: &&Object| properties_of(it.indicator_id).contains(&it.property_id);
            let known = objects.iter().filter(has).count();
            lights.extend(objects.iter().filter(has).map(|it| ((it.indicator_id, it.property_id), it.value)));
            return Some(if known == objects.len() { Answer::Done } else { Answer::Refused });
        }
        Indicator::Get(indicator::Get { indicator_id }) => {
            let id = indicator_id.unwrap_or(IndicatorId::NONE);
            let value = |property_id| Object {
                indicator_id: id,
                property_id,
                value: lights.get(&(id, property_id)).copied().unwrap_or_default(),
            };
            let objects: Vec<_> = properties_of(id).iter().copied().map(value).collect();
            let nothing = Object { indicator_id: IndicatorId::NONE, property_id: Property::NONE, value: 0 };
            let objects = if objects.is_empty() { vec![nothing] } else { objects };
            Indicator::Report(Values { indicator0: 0, objects: Some(objects) })
        }
        Indicator::SupportedGet(get) => {
            let first = LIGHTS.first().map_or(IndicatorId::NONE, |(id, _)| *id);
            let asked = if get.indicator_id == IndicatorId::NONE { first } else { get.indicator_id };
            let properties = properties_of(asked);
            let next = LIGHTS.iter().map(|(id, _)| *id).find(|id| *id > asked).filter(|_| !properties.is_empty());
            Indicator::SupportedReport(SupportedReport {
                indicator_id: if properties.is_empty() { IndicatorId::NONE } else { asked },
                next_indicator_id: next.unwrap_or(IndicatorId::NONE),
                supported_properties: properties.iter().map(|property| property.0).collect(),
            })
        }
        _ => return None,
    };
    Some(Answer::Reply(Command::Indicator(reply)))
}

impl Node {
    /// Types keys and presses a button; keys may be empty.
    pub fn press(&mut self, button: EventType, keys: &[u8], now: Instant) {
        self.tell_keys(button, keys, Duration::ZERO, now);
    }

    /// Types keys without a button: they are sent after the time-out of the buffer, or when it is full.
    pub fn type_keys(&mut self, keys: &[u8], now: Instant) {
        let KeyCache { key_cache_size, key_cache_timeout } = self.memory.keypad.cache;
        let full = usize::from(key_cache_size).max(1);
        for keys in keys.chunks(full) {
            let waits = if keys.len() == full { 0 } else { key_cache_timeout };
            self.tell_keys(EventType::CACHED_KEYS, keys, Duration::from_secs(waits.into()), now);
        }
    }

    fn tell_keys(&mut self, event: EventType, keys: &[u8], after: Duration, now: Instant) {
        let sequence = self.memory.keypad.sequence.wrapping_add(1);
        self.memory.keypad.sequence = sequence;
        let notification = Notification::keys(sequence, event, keys);
        self.report(Command::EntryControl(EntryControl::Notification(notification)), now + after);
    }
}

fn properties_of(id: IndicatorId) -> &'static [Property] {
    LIGHTS.iter().find(|(light, _)| *light == id).map_or(&[], |(_, properties)| properties)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::ClassId;
    use crate::security::keys::KeyMask;
    use crate::sim::model::Model;

    // Payloads are written by hand from docs/protocol/command-classes.md.

    const NOW: Instant = Instant::from_millis(1_000);

    fn keypad() -> Node {
        let mut keypad = Node::new(Model { requests: KeyMask::NONE, ..Model::keypad() });
        tell(&mut keypad, &[0x85, 0x01, 0x01, 0x01]);
        keypad
    }

    fn tell(keypad: &mut Node, payload: &[u8]) -> Vec<Vec<u8>> {
        keypad.receive(payload, NOW);
        std::iter::from_fn(|| keypad.poll_transmit()).map(|spoken| spoken.payload).collect()
    }

    #[test]
    fn a_button_is_reported_with_padded_keys_and_a_sequence_number() {
        let mut keypad = keypad();
        keypad.press(EventType::DISARM_ALL, b"4711", NOW);
        keypad.press(EventType::FIRE, b"", NOW);
        let told: Vec<_> = std::iter::from_fn(|| keypad.poll_transmit()).map(|spoken| spoken.payload).collect();
        assert_eq!(told[0][4..], [&b"\x6f\x01\x01\x02\x03\x104711"[..], &[0xFF; 12]].concat());
        assert_eq!(told[1][4..], [0x6F, 0x01, 2, 0, 16, 0]);
        keypad.power_cut();
        keypad.press(EventType::ARM_HOME, b"", NOW);
        assert_eq!(keypad.poll_transmit().unwrap().payload[4..], [0x6F, 0x01, 3, 0, 6, 0], "no number comes twice");
    }

    #[test]
    fn keys_without_a_button_are_reported_after_the_time_out_or_when_full() {
        let mut keypad = keypad();
        tell(&mut keypad, &[0x6F, 0x06, 4, 3]);
        assert_eq!(tell(&mut keypad, &[0x6F, 0x07]), [[0x6F, 0x08, 4, 3]]);
        keypad.type_keys(b"123456", NOW);
        let told: Vec<_> = std::iter::from_fn(|| keypad.poll_transmit()).collect();
        assert_eq!(told.iter().map(|spoken| spoken.at).collect::<Vec<_>>(), [NOW, NOW + Duration::from_secs(3)]);
        assert_eq!(&told[1].payload[8..12], b"\x01\x1056");
        tell(&mut keypad, &[0x6F, 0x06, 33, 3]);
        assert_eq!(tell(&mut keypad, &[0x6F, 0x07]), [[0x6F, 0x08, 4, 3]], "more than it can keep");
    }

    #[test]
    fn it_lists_its_keys_and_events_and_has_no_codes() {
        let mut keypad = keypad();
        assert_eq!(tell(&mut keypad, &[0x6F, 0x02]), [[0x6F, 0x03, 8, 0, 0, 0, 0, 0, 0, 0xFF, 0x03]]);
        assert_eq!(tell(&mut keypad, &[0x6F, 0x04]), [[0x6F, 0x05, 1, 0x05, 4, 0x6E, 0, 0x0B, 0x02, 4, 10, 2, 10]]);
        assert_eq!(tell(&mut keypad, &[0x62, 0x02]), Vec::<Vec<u8>>::new());
        assert_eq!(tell(&mut keypad, &[0x63, 0x04]), Vec::<Vec<u8>>::new());
        assert!(keypad.classes().contains_key(&ClassId::ENTRY_CONTROL));
    }

    #[test]
    fn its_lights_can_be_set_and_listed() {
        let mut keypad = keypad();
        tell(&mut keypad, &[0x87, 0x01, 0, 2, 0x0B, 1, 99, 0x12, 7, 30]);
        assert_eq!(tell(&mut keypad, &[0x87, 0x02, 0x0B]), [[0x87, 0x03, 0, 1, 0x0B, 1, 99]]);
        assert_eq!(tell(&mut keypad, &[0x87, 0x02, 0x12]), [[0x87, 0x03, 0, 1, 0x12, 7, 30]]);
        let (mut id, mut seen) = (0, Vec::new());
        loop {
            let answers = tell(&mut keypad, &[0x87, 0x04, id]);
            seen.push(answers[0][2]);
            id = answers[0][3];
            if id == 0 {
                break;
            }
        }
        assert_eq!(seen, [0x02, 0x09, 0x0A, 0x0B, 0x0D, 0x0E, 0x11, 0x12, 0x50]);
    }
}
