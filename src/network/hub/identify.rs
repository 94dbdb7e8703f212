//! Identify: another controller or a tester sets indicator 0x50, and the hub shows itself to its owner
//! (docs/protocol/command-classes.md 0x87; docs/protocol/gateway.md §2.3, Indicator).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::command::indicator::{DescriptionReport, Indicator, IndicatorId, Object, Property, SupportedReport, Values};
use crate::command::supervision::Status;

/// Unit of the times in an indicator's properties.
const TENTH: Duration = Duration::from_millis(100);
/// Number of cycles that means "without end".
const ENDLESS: u8 = 0xFF;

/// How the hub should blink.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Blink {
    /// Time from one blink to the next.
    pub period: Duration,
    /// Duration of each blink.
    pub on: Duration,
    /// Number of blinks; `None` means without end.
    pub times: Option<u8>,
}

/// The values of the last Set.
#[derive(Default, Debug)]
pub(super) struct Identify {
    period: u8,
    cycles: u8,
    on_time: u8,
}

impl Identify {
    pub(super) fn answer(&self, asked: &Indicator) -> Option<Indicator> {
        match asked {
            Indicator::Get(get) => Some(Indicator::Report(self.report(get.indicator_id))),
            Indicator::SupportedGet(get) => Some(Indicator::SupportedReport(supported(get.indicator_id))),
            // Descriptions exist for manufacturer-specific indicators only, and the hub has none.
            Indicator::DescriptionGet(get) => {
                Some(Indicator::DescriptionReport(DescriptionReport { indicator_id: get.indicator_id, description: Vec::new() }))
            }
            _ => None,
        }
    }

    /// Sets new values. Returns the Supervision status, and what to show if it changed. Unknown properties and
    /// indicators are ignored; a Set with nothing else fails.
    pub(super) fn set(&mut self, told: &Indicator) -> Option<(Status, Option<Shown>)> {
        let Indicator::Set(values) = told else { return None };
        let mut taken = false;
        for object in values.objects.iter().flatten().filter(|object| object.indicator_id == IndicatorId::IDENTIFY) {
            let Some(property) = self.property(object.property_id) else { continue };
            *property = object.value;
            taken = true;
        }
        Some(if taken { (Status::SUCCESS, Some(self.shown())) } else { (Status::FAIL, None) })
    }

    fn property(&mut self, id: Property) -> Option<&mut u8> {
        match id {
            Property::PERIOD => Some(&mut self.period),
            Property::CYCLES => Some(&mut self.cycles),
            Property::ON_TIME => Some(&mut self.on_time),
            _ => None,
        }
    }

    fn shown(&self) -> Shown {
        if self.period == 0 || self.cycles == 0 {
            return Shown(None);
        }
        let period = TENTH * self.period.into();
        let on = if self.on_time == 0 { period / 2 } else { (TENTH * self.on_time.into()).min(period) };
        Shown(Some(Blink { period, on, times: Some(self.cycles).filter(|cycles| *cycles != ENDLESS) }))
    }

    fn report(&self, asked: Option<IndicatorId>) -> Values {
        let object = |indicator_id, property_id, value| Object { indicator_id, property_id, value };
        let objects = asked.map(|id| match id {
            IndicatorId::IDENTIFY => vec![
                object(id, Property::PERIOD, self.period),
                object(id, Property::CYCLES, self.cycles),
                object(id, Property::ON_TIME, self.on_time),
            ],
            unknown => vec![object(unknown, Property::NONE, 0)],
        });
        // Version 1 asks for the indicator without id, which does not exist here: it is off.
        Values { indicator0: 0, objects }
    }
}

/// The signal to show; `None` ends it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shown(pub(super) Option<Blink>);

fn supported(asked: IndicatorId) -> SupportedReport {
    let properties = [Property::PERIOD, Property::CYCLES, Property::ON_TIME].map(|property| property.0);
    let (indicator_id, supported_properties) = match asked {
        IndicatorId::NONE | IndicatorId::IDENTIFY => (IndicatorId::IDENTIFY, BTreeSet::from(properties)),
        _ => (IndicatorId::NONE, BTreeSet::new()),
    };
    SupportedReport { indicator_id, next_indicator_id: IndicatorId::NONE, supported_properties }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `values`: period, cycles, on-time.
    fn set(identify: &mut Identify, values: [u8; 3]) -> Option<Blink> {
        let [period, cycles, on] = values;
        let objects = [(3, period), (4, cycles), (5, on)].map(|(property, value)| Object {
            indicator_id: IndicatorId::IDENTIFY,
            property_id: Property(property),
            value,
        });
        let told = Indicator::Set(Values { indicator0: 0, objects: Some(objects.to_vec()) });
        let Some((Status::SUCCESS, Some(Shown(blink)))) = identify.set(&told) else { panic!("refused {values:?}") };
        blink
    }

    #[test]
    fn a_tester_sees_as_many_blinks_as_it_asked_for() {
        let mut identify = Identify::default();
        let ms = |blink: Blink| (blink.period.as_millis(), blink.on.as_millis(), blink.times);
        // Values from the certification script (docs/protocol/gateway.md §2.3). Without on-time it is half of the
        // period.
        let script = [
            ([10, 3, 5], (1000, 500, 3)),
            ([10, 3, 0], (1000, 500, 3)),
            ([9, 3, 0], (900, 450, 3)),
            ([10, 4, 8], (1000, 800, 4)),
            ([20, 2, 10], (2000, 1000, 2)),
            ([20, 2, 0], (2000, 1000, 2)),
            ([4, 7, 1], (400, 100, 7)),
            ([10, 5, 5], (1000, 500, 5)),
        ];
        for (values, (period, on, times)) in script {
            assert_eq!(set(&mut identify, values).map(ms), Some((period, on, Some(times))), "{values:?}");
        }
        assert_eq!(set(&mut identify, [8, 0xFF, 6]).map(ms), Some((800, 600, None)));
        assert_eq!(set(&mut identify, [5, 2, 50]).map(ms), Some((500, 500, Some(2))), "on is never longer than the period");
        assert_eq!(set(&mut identify, [8, 0, 6]), None, "no cycles: stop");
        assert_eq!(set(&mut identify, [0, 3, 6]), None);
    }
}
