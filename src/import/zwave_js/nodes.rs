//! Nodes as the driver's cache and its values tell of them (Z-Wave JS 15, cache format 2).
//!
//! | file | what is taken |
//! | --- | --- |
//! | `<home id>.jsonl` | `node.N.…`: device class, listening, interview stage, granted security classes, command classes |
//! | `<home id>.values.jsonl` | product, firmware, abilities of User Code and Door Lock, slots, names |
//! | `<home id>.metadata.jsonl` | nothing: labels and bounds of what the values say |

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::command::ClassId;
use crate::domain::ids::NodeId;
use crate::domain::node::{
    Beam, ClassSupport, DoorLockSupport, InterviewStage, Node, NodeProtocol, ProductIds, SecurityClass, UserCodeSupport,
};
use crate::domain::pin::CodeText;
use crate::domain::slot::Content;

use super::SlotSeen;
use super::jsonl::{Database, Entry};
use crate::import::wire::fitting_name;

/// A node and what else the files say about it.
pub(super) struct Found {
    pub(super) node: Node,
    pub(super) name: Option<String>,
    pub(super) slots: BTreeMap<u16, SlotSeen>,
    /// The driver's own controller.
    pub(super) is_us: bool,
    /// Z-Wave JS has asked it everything.
    pub(super) interviewed: bool,
    /// It is known which security classes the node has, or that it has none.
    pub(super) security_known: bool,
}

/// Every node of the cache, by id.
pub(super) fn of(cache: &Database, values: &Database) -> BTreeMap<NodeId, Found> {
    let mut nodes: BTreeMap<NodeId, Facts<'_>> = BTreeMap::new();
    for (key, entry) in &cache.entries {
        let Some((id, property)) = key.strip_prefix("node.").and_then(|rest| rest.split_once('.')) else { continue };
        let Ok(id) = id.parse() else { continue };
        nodes.entry(NodeId(id)).or_default().properties.insert(property, &entry.value);
    }
    for (key, entry) in &values.entries {
        let Ok(id) = serde_json::from_str::<ValueId>(key) else { continue };
        // Only the root: locks have no other endpoint that matters.
        if id.endpoint != 0 {
            continue;
        }
        if let Some(facts) = nodes.get_mut(&NodeId(id.node)) {
            facts.values.insert((ClassId(id.class), id.property.into_text(), id.key.map(Scalar::into_text)), entry);
        }
    }
    nodes.into_iter().map(|(id, facts)| (id, facts.found(id))).collect()
}

#[derive(Deserialize)]
struct ValueId {
    #[serde(rename = "nodeId")]
    node: u16,
    #[serde(rename = "commandClass")]
    class: u16,
    #[serde(default)]
    endpoint: u16,
    property: Scalar,
    #[serde(rename = "propertyKey")]
    key: Option<Scalar>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Number(i64),
    Text(String),
}

impl Scalar {
    fn into_text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

/// What the files say about one node, as it stands there.
#[derive(Default)]
struct Facts<'a> {
    properties: BTreeMap<&'a str, &'a Value>,
    values: BTreeMap<(ClassId, String, Option<String>), &'a Entry>,
}

impl Facts<'_> {
    fn found(&self, id: NodeId) -> Found {
        let mut node = Node::listed(id);
        node.protocol = self.protocol();
        node.classes = self.classes();
        let (security, security_known) = self.security();
        node.security = security;
        node.product = self.product();
        node.firmware = self.firmware();
        node.user_code = self.user_code();
        node.door_lock = self.door_lock();
        let interviewed = self.properties.get("interviewStage").is_some_and(|stage| *stage == "Complete");
        // One that was not asked everything may have more classes under its keys than are listed.
        node.security_known = security_known && interviewed;
        node.class_settled = node.security_known;
        node.stage = self.stage(&node);
        let is_us = self.value(ClassId::VERSION, "sdkVersion", None).is_some();
        Found { node, name: self.name(), slots: self.slots(), is_us, interviewed, security_known }
    }

    fn value(&self, class: ClassId, property: &str, key: Option<&str>) -> Option<&Value> {
        self.values.get(&(class, property.to_owned(), key.map(str::to_owned))).map(|entry| &entry.value)
    }

    fn number<T: TryFrom<u64>>(&self, class: ClassId, property: &str) -> Option<T> {
        self.value(class, property, None)?.as_u64()?.try_into().ok()
    }

    fn is(&self, class: ClassId, property: &str) -> bool {
        self.value(class, property, None) == Some(&Value::Bool(true))
    }

    fn protocol(&self) -> Option<NodeProtocol> {
        let class = self.properties.get("deviceClass")?;
        let part = |name: &str| class.get(name)?.as_u64()?.try_into().ok();
        Some(NodeProtocol {
            listening: self.properties.get("isListening")?.as_bool()?,
            beam: match self.properties.get("isFrequentListening") {
                Some(Value::String(interval)) if interval == "250ms" => Some(Beam::Ms250),
                // Older caches say only that it does; most locks have this one.
                Some(Value::String(_) | Value::Bool(true)) => Some(Beam::Ms1000),
                _ => None,
            },
            basic: part("basic").unwrap_or_default(),
            generic: part("generic")?,
            specific: part("specific").unwrap_or_default(),
        })
    }

    fn classes(&self) -> BTreeMap<ClassId, ClassSupport> {
        let of_root = self.properties.iter().filter_map(|(property, value)| {
            let number = property.strip_prefix("endpoint.0.commandClass.0x")?;
            let is = |name: &str| value.get(name) == Some(&Value::Bool(true));
            let version = value.get("version").and_then(Value::as_u64).and_then(|it| it.try_into().ok()).unwrap_or_default();
            let class = ClassId(u16::from_str_radix(number, 16).ok()?);
            is("isSupported").then(|| (class, ClassSupport { version, secure: is("secure") }))
        });
        of_root.collect()
    }

    /// The highest class that was granted, and whether all of them are known.
    fn security(&self) -> (SecurityClass, bool) {
        const CLASSES: [(&str, SecurityClass); 4] = [
            ("securityClasses.S2_AccessControl", SecurityClass::S2AccessControl),
            ("securityClasses.S2_Authenticated", SecurityClass::S2Authenticated),
            ("securityClasses.S2_Unauthenticated", SecurityClass::S2Unauthenticated),
            ("securityClasses.S0_Legacy", SecurityClass::S0),
        ];
        let mut known = true;
        for (property, class) in CLASSES {
            match self.properties.get(property) {
                Some(Value::Bool(true)) => return (class, known),
                Some(Value::Bool(false)) => {}
                _ => known = false,
            }
        }
        (SecurityClass::None, known)
    }

    fn product(&self) -> Option<ProductIds> {
        let number = |property| self.number(ClassId::MANUFACTURER_SPECIFIC, property);
        Some(ProductIds {
            manufacturer: number("manufacturerId")?,
            product_type: number("productType")?,
            product: number("productId")?,
        })
    }

    fn firmware(&self) -> Option<(u8, u8)> {
        let text = self.value(ClassId::VERSION, "firmwareVersions", None)?.get(0)?.as_str()?;
        let mut parts = text.split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }

    fn user_code(&self) -> Option<UserCodeSupport> {
        let class = ClassId::USER_CODE;
        let statuses = self.value(class, "supportedUserIDStatuses", None).and_then(Value::as_array);
        Some(UserCodeSupport {
            users: self.number(class, "supportedUsers")?,
            multi_set: self.is(class, "supportsMultipleUserCodeSet"),
            multi_report: self.is(class, "supportsMultipleUserCodeReport"),
            checksum: self.is(class, "supportsUserCodeChecksum"),
            admin_code: self.is(class, "supportsAdminCode"),
            statuses: statuses.into_iter().flatten().filter_map(|it| it.as_u64()?.try_into().ok()).collect(),
        })
    }

    fn door_lock(&self) -> Option<DoorLockSupport> {
        let class = ClassId::DOOR_LOCK;
        self.value(class, "doorSupported", None)?;
        let is = |property| self.is(class, property);
        Some(DoorLockSupport { door: is("doorSupported"), bolt: is("boltSupported"), latch: is("latchSupported") })
    }

    /// How far our interview may start behind. Whether the lifeline leads to us and how the lock stands is asked anew: a
    /// handful of frames, the first under our keys.
    fn stage(&self, node: &Node) -> InterviewStage {
        let versions = || node.classes.values().any(|support| support.version > 0);
        let steps = [
            (InterviewStage::Protocol, node.protocol.is_some()),
            (InterviewStage::NodeInfo, !node.classes.is_empty()),
            (InterviewStage::Security, node.security_known),
            (InterviewStage::Versions, versions()),
            (InterviewStage::Identity, node.product.is_some()),
        ];
        steps.iter().take_while(|(_, reached)| *reached).last().map_or(InterviewStage::Listed, |(stage, _)| *stage)
    }

    fn name(&self) -> Option<String> {
        fitting_name(self.value(ClassId::NODE_NAMING, "name", None)?.as_str()?)
    }

    fn slots(&self) -> BTreeMap<u16, SlotSeen> {
        let statuses = self.values.iter().filter_map(|((class, property, key), entry)| {
            let index: u16 = key.as_ref().filter(|_| *class == ClassId::USER_CODE && property == "userIdStatus")?.parse().ok()?;
            let content = match entry.value.as_u64()? {
                0 => Content::Empty,
                // "Not available": the lock does not say.
                0xFE => return None,
                _ => self.code_of(index).map_or(Content::Unreadable, Content::Known),
            };
            (index > 0).then_some((index, SlotSeen { content, at: entry.at }))
        });
        statuses.collect()
    }

    /// The code in a slot, where the lock shows it.
    fn code_of(&self, index: u16) -> Option<CodeText> {
        let code = match self.value(ClassId::USER_CODE, "userCode", Some(&index.to_string()))? {
            Value::String(text) => CodeText::new(text.as_bytes()),
            // What is no ASCII is kept as bytes: `{"$$type$$": "buffer", "data": hex}`. No code is.
            _ => return None,
        };
        let is_code = (4..=10).contains(&code.len()) && code.reveal().iter().all(u8::is_ascii_digit);
        is_code.then_some(code)
    }
}
