//! Parses a world file into a [`Blueprint`]. `config/worlds/home.toml` describes the keys.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor, value::MapAccessDeserializer};
use toml::Spanned;

use super::{Blueprint, Contents, PRESETS, QUIRKS, Waiting};
use crate::domain::entropy::Entropy;
use crate::domain::ids::{HomeId, NodeId};
use crate::domain::node::Beam;
use crate::security::key_file::KeyFile;
use crate::security::keys::{KeyId, KeyMask, NetworkKeys};
use crate::sim::chip::Chip;
use crate::sim::device::{Radio, Start};
use crate::sim::model::Model;
use crate::sim::node::{Charge, Entry, Memory};
use crate::sim::radio::{Conditions, Link, Rate};

/// The highest id of a classic node, and of a Long Range node (docs/protocol/serial-api.md §3).
const LAST_CLASSIC: u16 = 232;
const LAST_LONG_RANGE: u16 = 4_000;
/// Maximum number of slots in version 1 of User Code, and of a simulated lock.
const MOST_SLOTS: [u16; 2] = [254, 1_000];

/// What is wrong with a world file: the place, and what to write instead. One line.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{place}: {what}")]
pub struct InvalidWorld {
    pub place: String,
    /// The key, what is wrong with it, and what to write.
    pub what: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "stick")]
    controller: ControllerTable,
    #[serde(default)]
    radio: RadioTable,
    #[serde(default)]
    keys: KeyFile,
    #[serde(default)]
    node: Vec<Spanned<NodeTable>>,
    #[serde(default)]
    device: Vec<Spanned<DeviceTable>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct ControllerTable {
    #[serde(default)]
    series: Series,
    home_id: Option<String>,
}

#[derive(Deserialize, Clone, Copy, Default)]
enum Series {
    #[serde(rename = "500")]
    S500,
    #[default]
    #[serde(rename = "700")]
    S700,
    #[serde(rename = "800")]
    S800,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RadioTable {
    loss: Percent,
    ack_loss: Percent,
    duplication: Percent,
    reordering: Percent,
    delay_ms: u16,
    haste: Option<f32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeTable {
    id: u16,
    #[serde(default = "one")]
    count: u16,
    model: Kind,
    #[serde(default)]
    codes: BTreeMap<String, String>,
    battery: Option<Percent>,
    #[serde(default)]
    locked: bool,
    path: Option<PathTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PathTable {
    loss: Option<Percent>,
    ack_loss: Option<Percent>,
    #[serde(default)]
    repeaters: Vec<u16>,
    #[serde(default)]
    kbit_s: RateWord,
}

#[derive(Deserialize, Clone, Copy, Default)]
enum RateWord {
    #[serde(rename = "9.6")]
    R9_6,
    #[default]
    #[serde(rename = "40")]
    R40,
    #[serde(rename = "100")]
    R100,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceTable {
    name: String,
    model: Kind,
    #[serde(default)]
    start: StartWord,
    #[serde(default)]
    powered: bool,
    #[serde(default = "yes")]
    label: bool,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "snake_case")]
enum StartWord {
    #[default]
    LearnMode,
    SmartStart,
    SmartStartLongRange,
    SmartStartBoth,
}

/// A named model, optionally with differences.
struct Kind(ModelTable);

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct ModelTable {
    like: String,
    slots: Option<u16>,
    user_code: Option<u8>,
    listens: Option<Listens>,
    thinking_ms: Option<u16>,
    asks_for: Option<Vec<String>>,
    quirks: Option<Vec<String>>,
    firmware: Option<String>,
    manufacturer: Option<u16>,
    product_type: Option<u16>,
    product: Option<u16>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Listens {
    Always,
    EachSecond,
    EachQuarterSecond,
}

/// A percentage from 0 to 100.
#[derive(Clone, Copy, Default)]
struct Percent(u8);

fn one() -> u16 {
    1
}

fn yes() -> bool {
    true
}

pub(super) fn read(file: &str, text: &str) -> Result<Blueprint, InvalidWorld> {
    let line = |offset: usize| 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    let at = |offset: usize, what: String| InvalidWorld { place: format!("{file}, line {}", line(offset)), what };
    let whole = |what: String| InvalidWorld { place: file.to_owned(), what };
    let written: File = toml::from_str(text).map_err(|error| {
        // The message of serde names the key and the expected value.
        let what = error.message().replace('\n', " ");
        error.span().map_or_else(|| whole(what.clone()), |span| at(span.start, what.clone()))
    })?;

    let mut blueprint = Blueprint {
        chip: written.controller.series.chip(),
        home: written.controller.home_id().map_err(whole)?.unwrap_or_else(|| Blueprint::empty().home),
        keys: keys(&written.keys),
        radio: written.radio.conditions().map_err(whole)?,
        ..Blueprint::empty()
    };
    for table in &written.node {
        let offset = table.span().start;
        table.get_ref().build(&written, &mut blueprint).map_err(|what| at(offset, what))?;
    }
    for table in &written.device {
        let offset = table.span().start;
        table.get_ref().build(&mut blueprint).map_err(|what| at(offset, what))?;
    }
    Ok(blueprint)
}

/// Keys that the file does not name are not used.
fn keys(file: &KeyFile) -> Option<NetworkKeys> {
    let unknown = NetworkKeys::generate(&mut Entropy::from_number(0).child("sim/unnamed keys"));
    (!file.is_empty()).then(|| file.or(&unknown))
}

impl Series {
    fn chip(self) -> Chip {
        match self {
            Self::S500 => Chip::series_500(),
            Self::S700 => Chip::series_700(),
            Self::S800 => Chip::series_800(),
        }
    }
}

impl ControllerTable {
    fn home_id(&self) -> Result<Option<HomeId>, String> {
        let Some(text) = &self.home_id else { return Ok(None) };
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let id = (digits.len() == 8).then(|| u32::from_str_radix(digits, 16).ok()).flatten();
        id.map(|id| Some(HomeId(id)))
            .ok_or_else(|| format!("stick.home_id: {text:?} is no home id; write eight hexadecimal digits, as in \"c0ffee01\""))
    }
}

impl RadioTable {
    fn conditions(&self) -> Result<Conditions, String> {
        let haste = self.haste.unwrap_or(1.0);
        if !(0.1..=100.0).contains(&haste) {
            return Err(format!("radio.haste: {haste} is out of range; write 1 for a real radio, at most 100"));
        }
        Ok(Conditions {
            loss: self.loss.0,
            ack_loss: self.ack_loss.0,
            duplication: self.duplication.0,
            reordering: self.reordering.0,
            delay: Duration::from_millis(self.delay_ms.into()),
            haste,
        })
    }
}

impl NodeTable {
    fn build(&self, file: &File, blueprint: &mut Blueprint) -> Result<(), String> {
        let model = self.model.0.model()?;
        if !(1..=LAST_LONG_RANGE).contains(&self.count) {
            return Err(format!("node.count: {} is out of range; write how many nodes like this there are", self.count));
        }
        for id in self.id..self.id.saturating_add(self.count) {
            let long_range = matches!(file.controller.series, Series::S800) && (256..=LAST_LONG_RANGE).contains(&id);
            if !(2..=LAST_CLASSIC).contains(&id) && !long_range {
                return Err(format!(
                    "node.id: {id} is no id of a node; write 2 to {LAST_CLASSIC}, or 256 to {LAST_LONG_RANGE} for Long Range \
                     on a controller of series 800"
                ));
            }
            let id = NodeId(id);
            if blueprint.keys.is_some() {
                asks_for_named_keys(&model, id, &file.keys)?;
            }
            if blueprint.nodes.insert(id, model.clone()).is_some() {
                return Err(format!("node.id: there is a node {id} already; give each node an id of its own"));
            }
            if let Some(path) = &self.path {
                let link = path.link(id, blueprint.radio)?;
                blueprint.links.insert(id, link);
            }
            let contents = self.contents(&model)?;
            if contents != Contents::default() {
                blueprint.contents.insert(id, contents);
            }
        }
        Ok(())
    }

    fn contents(&self, model: &Model) -> Result<Contents, String> {
        let mut codes = BTreeMap::new();
        for (user, code) in &self.codes {
            let slot = user.parse().ok().filter(|slot| (1..=model.slots).contains(slot));
            let slot = slot.ok_or_else(|| {
                format!("node.codes: {user:?} is no slot of this lock; write a number from 1 to {}", model.slots)
            })?;
            if !(4..=10).contains(&code.len()) || !code.bytes().all(|digit| digit.is_ascii_digit()) {
                return Err(format!("node.codes: the code in slot {slot} has to be 4 to 10 digits, in quotes"));
            }
            codes.insert(slot, Entry::enabled(code.as_bytes()));
        }
        Ok(Contents { codes, battery: self.battery.map(|level| level.0), locked: self.locked })
    }
}

impl PathTable {
    fn link(&self, node: NodeId, default: Conditions) -> Result<Link, String> {
        let fits = |repeater: &u16| (2..=LAST_CLASSIC).contains(repeater) && *repeater != node.0;
        if self.repeaters.len() > 4 || !self.repeaters.iter().all(fits) || node.is_long_range() && !self.repeaters.is_empty() {
            return Err("node.path.repeaters: write at most four ids of other nodes; none for Long Range".to_owned());
        }
        let rate = match self.kbit_s {
            RateWord::R9_6 => Rate::R9_6,
            RateWord::R40 => Rate::R40,
            RateWord::R100 => Rate::R100,
        };
        let conditions = Conditions {
            loss: self.loss.map_or(default.loss, |loss| loss.0),
            ack_loss: self.ack_loss.map_or(default.ack_loss, |loss| loss.0),
            ..default
        };
        let repeaters = Link::over(self.repeaters.iter().copied().map(NodeId)).repeaters;
        Ok(Link { rate, repeaters, conditions: Some(conditions) })
    }
}

/// A node cannot have a key that the file does not name.
fn asks_for_named_keys(model: &Model, node: NodeId, keys: &KeyFile) -> Result<(), String> {
    let wanted = if node.is_long_range() { model.requests & KeyMask::LONG_RANGE } else { model.requests };
    let missing = wanted.classes().filter_map(|class| KeyId::of(class, node)).find(|id| keys.get(*id).is_none());
    missing.map_or(Ok(()), |id| {
        Err(format!(
            "keys.{}: node {node} has this key, and it is not given; write it, or say in the node's model with asks_for which \
             keys it has",
            id.name()
        ))
    })
}

impl DeviceTable {
    fn build(&self, blueprint: &mut Blueprint) -> Result<(), String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if self.name.is_empty() || self.name.len() > 40 || !self.name.chars().all(fits) {
            return Err("device.name: write letters, digits, _ and - only, at most 40".to_owned());
        }
        let start = match self.start {
            StartWord::LearnMode => Start::LearnMode,
            StartWord::SmartStart => Start::SmartStart(Radio::Classic),
            StartWord::SmartStartLongRange => Start::SmartStart(Radio::LongRange),
            StartWord::SmartStartBoth => Start::SmartStart(Radio::Both),
        };
        let model = self.model.0.model()?;
        let waiting = Waiting { model, start, from_the_start: self.powered, without_label: !self.label };
        match blueprint.devices.insert(self.name.clone(), waiting) {
            None => Ok(()),
            Some(_) => Err(format!("device.name: there is a device {} already; give each device a name of its own", self.name)),
        }
    }
}

impl ModelTable {
    fn model(&self) -> Result<Model, String> {
        let preset = PRESETS.iter().find(|preset| preset.name == self.like);
        let preset = preset.ok_or_else(|| {
            format!("model: there is no {:?}; write one of {}", self.like, names(PRESETS.iter().map(|preset| preset.name)))
        })?;
        let mut model = (preset.model)();
        if let Some(version) = self.user_code {
            if !(1..=2).contains(&version) {
                return Err(format!("model.user_code: {version} is no version that is simulated; write 1 or 2"));
            }
            model.user_code = version;
        }
        if let Some(slots) = self.slots {
            let most = if model.user_code < 2 { MOST_SLOTS[0] } else { MOST_SLOTS[1] };
            if !(1..=most).contains(&slots) {
                return Err(format!("model.slots: {slots} is out of range; write 1 to {most}"));
            }
            model.slots = slots;
        }
        match self.listens {
            Some(Listens::Always) => model.beam = None,
            Some(Listens::EachSecond) => model.beam = Some(Beam::Ms1000),
            Some(Listens::EachQuarterSecond) => model.beam = Some(Beam::Ms250),
            None => {}
        }
        if let Some(millis) = self.thinking_ms {
            model.thinking = Duration::from_millis(millis.into());
        }
        if let Some(asks_for) = &self.asks_for {
            model.requests = asks_for.iter().try_fold(KeyMask::NONE, |mask, name| Ok::<_, String>(mask | key(name)?))?;
        }
        if let Some(quirks) = &self.quirks {
            model.quirks = Default::default();
            for name in quirks {
                let quirk = QUIRKS.iter().find(|quirk| quirk.name == name);
                let quirk = quirk.ok_or_else(|| {
                    format!("model.quirks: there is no {name:?}; write some of {}", names(QUIRKS.iter().map(|quirk| quirk.name)))
                })?;
                (quirk.set)(&mut model.quirks, true);
            }
        }
        if let Some(text) = &self.firmware {
            let parts = text.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
            model.firmware = parts.ok_or_else(|| format!("model.firmware: {text:?} is no version; write it as in \"1.4\""))?;
        }
        let product = &mut model.product;
        product.manufacturer = self.manufacturer.unwrap_or(product.manufacturer);
        product.product_type = self.product_type.unwrap_or(product.product_type);
        product.product = self.product.unwrap_or(product.product);
        Ok(model)
    }
}

/// A key by its name in key files; Long Range uses the same names.
fn key(name: &str) -> Result<KeyMask, String> {
    let askable = [KeyId::AccessControl, KeyId::Authenticated, KeyId::Unauthenticated, KeyId::S0];
    let id = askable.into_iter().find(|id| id.name() == name);
    id.map(|id| KeyMask::of(id.class())).ok_or_else(|| {
        format!("model.asks_for: there is no key {name:?}; write some of {}", names(askable.iter().map(|id| id.name())))
    })
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

impl Contents {
    /// Stores the content in the memory of a node.
    pub(crate) fn fill(&self, memory: &mut Memory) {
        for (user, entry) in &self.codes {
            memory.codes.put(*user, entry.clone());
        }
        memory.battery = self.battery.map_or(memory.battery, Charge::of_percent);
        memory.locked = self.locked;
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrTable;

        impl<'de> Visitor<'de> for NameOrTable {
            type Value = Kind;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a model, or a table { like = \"…\", … }")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Kind, E> {
                Ok(Kind(ModelTable { like: name.to_owned(), ..ModelTable::default() }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Kind, A::Error> {
                ModelTable::deserialize(MapAccessDeserializer::new(map)).map(Kind)
            }
        }

        deserializer.deserialize_any(NameOrTable)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = i64::deserialize(deserializer)?;
        let percent = u8::try_from(written).ok().filter(|percent| *percent <= 100);
        percent.map(Self).ok_or_else(|| D::Error::custom(format!("{written} is no percentage; write 0 to 100")))
    }
}
