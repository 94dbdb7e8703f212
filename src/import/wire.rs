//! How a takeover travels from whoever opened the files to the daemon: JSON over the Unix socket.
//!
//! ```json
//! {"home": "0x7e570001", "keys": {"S0_Legacy": "32 digits"}, "others": [],
//!  "locks": [{"node": {"id": 2, "stage": "identity", …}, "name": "Front door", "taken": {"3": "4711", "4": null}}]}
//! ```
//!
//! `taken` has the slots that hold a code, with the code where the lock shows it. What is garbled is said without it.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::Error;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::domain::ids::HomeId;
use crate::domain::node::Node;
use crate::domain::pin::{CodeText, Pin};
use crate::domain::slot::Content;
use crate::domain::takeover::{LockTakeover, Takeover};
use crate::security::crypto::Key;
use crate::security::key_file::{KeyFile, hex_digits};

/// A body to send. It has keys and codes in it: whoever writes it down wipes what it wrote.
pub struct Outgoing<'a>(pub &'a Takeover);

impl Serialize for Outgoing<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Takeover { home, keys, locks, others } = self.0;
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("home", &home.to_string())?;
        map.serialize_entry("keys", &OutgoingKeys(keys))?;
        map.serialize_entry("locks", &locks.iter().map(OutgoingLock::of).collect::<Vec<_>>())?;
        map.serialize_entry("others", others)?;
        map.end()
    }
}

struct OutgoingKeys<'a>(&'a KeyFile);

impl Serialize for OutgoingKeys<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.ids().filter_map(|id| Some((id.name(), Hex(self.0.get(id)?)))))
    }
}

struct Hex<'a>(&'a Key);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex_digits(self.0).try_for_each(|digit| write!(f, "{digit}"))
    }
}

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Serialize)]
struct OutgoingLock<'a> {
    node: &'a Node,
    name: Option<&'a str>,
    taken: BTreeMap<u16, Option<&'a str>>,
}

impl<'a> OutgoingLock<'a> {
    fn of(LockTakeover { node, name, taken }: &'a LockTakeover) -> Self {
        let code = |content: &'a Content| match content {
            Content::Known(code) => str::from_utf8(code.reveal()).ok(),
            Content::Unknown | Content::Empty | Content::Unreadable => None,
        };
        Self { node, name: name.as_deref(), taken: taken.iter().map(|(index, content)| (*index, code(content))).collect() }
    }
}

/// A body as it came. Has no `Debug`: it holds keys and codes.
pub struct Incoming(pub Takeover);

impl<'de> Deserialize<'de> for Incoming {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Body { home: Home(home), keys, locks, others } = Body::deserialize(deserializer)?;
        let locks = locks.into_iter().map(|IncomingLock { node, name, taken }| {
            if name.as_ref().is_some_and(|name| fitting_name(name).as_ref() != Some(name)) {
                return Err(D::Error::custom("a name must have 1 to 100 characters on one line"));
            }
            if taken.contains_key(&0) {
                return Err(D::Error::custom("a lock has no slot 0"));
            }
            let content = |Code(code): Code| code.map_or(Content::Unreadable, Content::Known);
            Ok(LockTakeover { node, name, taken: taken.into_iter().map(|(index, code)| (index, content(code))).collect() })
        });
        Ok(Self(Takeover { home, keys, locks: locks.collect::<Result<_, _>>()?, others }))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    home: Home,
    keys: KeyFile,
    locks: Vec<IncomingLock>,
    others: Vec<Node>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IncomingLock {
    node: Node,
    name: Option<String>,
    taken: BTreeMap<u16, Code>,
}

struct Home(HomeId);

impl<'de> Deserialize<'de> for Home {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 8);
        let home = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        home.map(|home| Self(HomeId(home))).ok_or_else(|| D::Error::custom("home must be 0x and 8 hexadecimal digits"))
    }
}

/// A code of a lock. Read without serde's words: they would repeat it.
struct Code(Option<CodeText>);

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = match Value::deserialize(deserializer)? {
            Value::Null => return Ok(Self(None)),
            Value::String(text) => Pin::parse(&Zeroizing::new(text)).ok(),
            _ => None,
        };
        let code = code.ok_or_else(|| D::Error::custom("a taken slot has 4 to 10 digits in quotes, or null"))?;
        Ok(Self(Some(CodeText::from(&code))))
    }
}

/// A name that can be used here: 1 to 100 characters on one line.
pub(super) fn fitting_name(name: &str) -> Option<String> {
    let name = name.trim();
    let fits = !name.is_empty() && name.chars().count() <= 100 && !name.chars().any(char::is_control);
    fits.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::NodeId;
    use crate::security::keys::KeyId;

    fn takeover() -> Takeover {
        let mut keys = KeyFile::default();
        keys.insert(KeyId::S0, Key::from_bytes([0x5e; 16])).unwrap();
        let taken = BTreeMap::from([(3, Content::Known(CodeText::new("472913"))), (4, Content::Unreadable)]);
        let lock = LockTakeover { node: Node::listed(NodeId(2)), name: Some("Front \"door\"".into()), taken };
        Takeover { home: HomeId(0x7e57_0001), keys, locks: vec![lock], others: vec![Node::listed(NodeId(9))] }
    }

    fn text() -> String {
        serde_json::to_string(&Outgoing(&takeover())).unwrap()
    }

    fn refusal(text: &str) -> String {
        serde_json::from_str::<Incoming>(text).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn what_was_sent_is_what_arrives() {
        assert_eq!(serde_json::from_str::<Incoming>(&text()).unwrap().0, takeover());
    }

    #[test]
    fn no_fault_repeats_a_code_or_a_key() {
        for (right, wrong, part) in [
            ("\"472913\"", "472913", "in quotes"),
            ("\"472913\"", "\"47a913\"", "4 to 10 digits"),
            ("5e5e\"", "5\"", "29 digits"),
            ("\"S0_Legacy\"", "\"S1\"", "S0_Legacy"),
            ("0x7e570001", "7e57", "8 hexadecimal"),
            ("\"3\":", "\"0\":", "slot 0"),
            ("Front", "\\n", "on one line"),
        ] {
            assert!(text().contains(right), "{right}");
            let told = refusal(&text().replace(right, wrong));
            assert!(told.contains(part), "{told}");
            for secret in ["472913", "47a913", "5e5e5e"] {
                assert!(!told.contains(secret), "{told}");
            }
        }
    }

    #[test]
    fn nothing_secret_shows_in_debug_output() {
        let said = format!("{:?}", takeover());
        assert!(!said.contains("472913") && !said.contains("5e5e") && !said.contains("94, 94"), "{said}");
    }
}
