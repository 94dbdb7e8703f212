//! Indicator version 3: the identify light (docs/protocol/command-classes.md 0x87).

use std::collections::BTreeSet;
use std::time::Duration;

use super::parts::Light;
use super::{Answer, Node};
use crate::command::Command;
use crate::command::indicator::{Indicator, IndicatorId, Object, Property, SupportedReport, Values};
use crate::domain::time::Instant;

/// The properties in the order of docs/protocol/command-classes.md 0x87: period and on-time in tenths of a second, and
/// the number of cycles.
const PROPERTIES: [Property; 3] = [Property::PERIOD, Property::CYCLES, Property::ON_TIME];
const ENDLESS: u8 = 0xFF;

pub(super) fn indicator(node: &mut Node, command: &Command, now: Instant) -> Option<Answer> {
    let Command::Indicator(command) = command else { return None };
    let report = match command {
        Indicator::Set(values) => return Some(node.light.set(values, now)),
        Indicator::Get(_) => {
            let values = if node.is_identifying(now) { node.light.values } else { [0; 3] };
            let object = |(property_id, value)| Object { indicator_id: IndicatorId::IDENTIFY, property_id, value };
            let objects = PROPERTIES.into_iter().zip(values).map(object).collect();
            Indicator::Report(Values { indicator0: 0, objects: Some(objects) })
        }
        Indicator::SupportedGet(get) => {
            let known = [IndicatorId::NONE, IndicatorId::IDENTIFY].contains(&get.indicator_id);
            Indicator::SupportedReport(SupportedReport {
                indicator_id: if known { IndicatorId::IDENTIFY } else { IndicatorId::NONE },
                next_indicator_id: IndicatorId::NONE,
                supported_properties: if known { PROPERTIES.map(|it| it.0).into() } else { BTreeSet::new() },
            })
        }
        _ => return None,
    };
    Some(Answer::Reply(Command::Indicator(report)))
}

impl Light {
    fn set(&mut self, values: &Values, now: Instant) -> Answer {
        let index = |object: &Object| PROPERTIES.iter().position(|property| *property == object.property_id);
        let told = || values.objects.iter().flatten();
        if told().any(|object| object.indicator_id != IndicatorId::IDENTIFY || index(object).is_none()) {
            return Answer::Refused;
        }
        for object in told() {
            if let Some(value) = index(object).and_then(|index| self.values.get_mut(index)) {
                *value = object.value;
            }
        }
        // Version 1 only has on and off: one blink, or none.
        if values.objects.is_none() {
            self.values = if values.indicator0 == 0 { [0; 3] } else { [8, 1, 6] };
        }
        let [period, cycles, _] = self.values;
        let one = Duration::from_millis(100) * u32::from(period);
        let end = if cycles == ENDLESS { Instant::from_millis(u64::MAX) } else { now + one * u32::from(cycles) };
        self.until = (period > 0 && cycles > 0).then_some(end);
        Answer::Done
    }
}

impl Node {
    /// Whether the identify light blinks.
    pub fn is_identifying(&self, now: Instant) -> bool {
        self.light.until.is_some_and(|until| now < until)
    }
}
