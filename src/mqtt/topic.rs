//! Topics and payloads: what is said to the broker, and what is understood of what it says. Pure.

use jiff::tz::TimeZone;
use serde::Serialize;

use crate::domain::device::{Device, LockState};
use crate::domain::event::{Event, PublishNames};
use crate::domain::grant::Status;
use crate::domain::ids::Slug;
use crate::view::{CurrentChange, EventView};

/// A topic and what is said there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    pub topic: String,
    /// Payload: JSON, or one word.
    pub payload: String,
}

/// Every topic of one hub.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topics {
    base: String,
    discovery_prefix: String,
}

/// A configured prefix can't be part of a topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "mqtt.{0} must have 1 to 100 characters, not begin or end with /, not begin with $, and have no +, # or control characters"
)]
pub struct InvalidPrefix(&'static str);

impl Topics {
    /// Topics under `base` (`mqtt.base`), discovery under `discovery_prefix` (`mqtt.discovery_prefix`).
    pub fn new(base: &str, discovery_prefix: &str) -> Result<Self, InvalidPrefix> {
        for (key, prefix) in [("base", base), ("discovery_prefix", discovery_prefix)] {
            let fits = (1..=100).contains(&prefix.len());
            let edges = prefix.starts_with(['/', '$']) || prefix.ends_with('/');
            if !fits || edges || prefix.chars().any(|c| matches!(c, '+' | '#') || c.is_control()) {
                return Err(InvalidPrefix(key));
            }
        }
        Ok(Self { base: base.to_owned(), discovery_prefix: discovery_prefix.to_owned() })
    }

    /// Retained `online`, and `offline` as the last will.
    pub fn bridge_state(&self) -> String {
        format!("{}/bridge/state", self.base)
    }

    /// What this client listens to.
    pub fn subscriptions(&self) -> Vec<String> {
        vec![format!("{}/device/+/set", self.base), format!("{}/status", self.discovery_prefix)]
    }

    /// Every retained topic of one device: to be emptied when it is removed or renamed.
    pub fn retained(&self, device: &Slug) -> [String; 2] {
        [self.device(device, "state"), self.device(device, "availability")]
    }

    /// `bridge/info`, retained.
    pub fn bridge_info(&self, info: &BridgeInfo) -> Message {
        Message { topic: format!("{}/bridge/info", self.base), payload: json(info) }
    }

    /// `bridge/change`, not retained: how far an inclusion or exclusion got.
    pub fn change(&self, change: &CurrentChange) -> Message {
        Message { topic: format!("{}/bridge/change", self.base), payload: json(change) }
    }

    /// `device/<slug>/state`, retained. Nothing in it tells who came or goes.
    pub fn device_state(&self, device: &Device, grants: GrantCounts) -> Message {
        let state = DeviceState {
            lock_state: device.lock_state,
            door: device.door_open.map(|open| if open { "open" } else { "closed" }),
            battery: device.battery,
            grants,
        };
        Message { topic: self.device(&device.slug, "state"), payload: json(&state) }
    }

    /// `device/<slug>/availability`, retained. A device that is asleep is available.
    pub fn availability(&self, device: &Slug, available: bool) -> Message {
        let payload = if available { "online" } else { "offline" };
        Message { topic: self.device(device, "availability"), payload: payload.to_owned() }
    }

    /// An event as it is published: for `device/<slug>/event`, or for `event/late` where automations must not trust it.
    pub fn event(&self, event: &Event, device: &Slug, zone: &TimeZone, names: PublishNames, late: bool) -> Message {
        let payload = json(&EventView::new(event, device.clone(), zone, names, late));
        Message { topic: self.device(device, if late { "event/late" } else { "event" }), payload }
    }

    /// What a message on one of our [`Self::subscriptions`] asks for. Judging whether it may is the bridge's.
    pub fn parse_inbound(&self, topic: &str, retained: bool, payload: &[u8]) -> Inbound {
        if topic.strip_prefix(&self.discovery_prefix) == Some("/status") {
            return match payload {
                b"online" => Inbound::HomeAssistantOnline,
                _ => Inbound::Ignored(Ignored::Payload),
            };
        }
        let Some(device) = topic
            .strip_prefix(&self.base)
            .and_then(|rest| rest.strip_prefix("/device/"))
            .and_then(|rest| rest.strip_suffix("/set"))
            .and_then(|slug| slug.parse().ok())
        else {
            return Inbound::Ignored(Ignored::Topic);
        };
        if retained {
            return Inbound::Ignored(Ignored::Retained);
        }
        match payload {
            b"LOCK" => Inbound::Command { device, command: Command::Lock },
            b"UNLOCK" => Inbound::Command { device, command: Command::Unlock },
            _ => Inbound::Ignored(Ignored::Payload),
        }
    }

    fn device(&self, slug: &Slug, leaf: &str) -> String {
        format!("{}/device/{slug}/{leaf}", self.base)
    }
}

/// What a message from the broker means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Inbound {
    /// Somebody wants a bolt moved.
    Command {
        device: Slug,
        command: Command,
    },
    /// Home Assistant started: discovery and states are to be sent again, after a little jitter.
    HomeAssistantOnline,
    Ignored(Ignored),
}

/// What `device/<slug>/set` can ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// Throw the bolt. Always allowed.
    Lock,
    /// Withdraw the bolt. Only as [`super::url::BrokerUrl::remote_unlock`] says.
    Unlock,
}

/// Why a message is not acted on; for the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Ignored {
    /// Stored on the broker, from nobody knows when.
    #[error("a retained command is never carried out; publish it without the retain flag")]
    Retained,
    /// Not a topic we listen to, or not a slug.
    #[error("no device listens to that topic")]
    Topic,
    /// Not a word we know.
    #[error("the payload must be LOCK or UNLOCK")]
    Payload,
}

/// `bridge/info`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct BridgeInfo {
    /// Version of the daemon.
    pub version: &'static str,
    /// The Z-Wave stick, once it answers.
    pub controller: Option<String>,
    pub devices: usize,
    /// Grants over all devices.
    pub grants: GrantCounts,
    /// Events dropped for want of room, since the database was made.
    pub events_dropped: u64,
}

/// How the grants of a device, or of all, stand.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct GrantCounts {
    pub pending: usize,
    pub failed: usize,
}

impl GrantCounts {
    /// Where a grant that stands so is counted, if anywhere.
    pub fn of(&mut self, status: Status) -> Option<&mut usize> {
        match status {
            status if status.needs_somebody() => Some(&mut self.failed),
            status if status.is_settled() => None,
            _ => Some(&mut self.pending),
        }
    }
}

#[derive(Serialize)]
struct DeviceState {
    lock_state: LockState,
    door: Option<&'static str>,
    battery: Option<u8>,
    grants: GrantCounts,
}

fn json(value: &impl Serialize) -> String {
    // Plain structs with string keys always serialise.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::device::{DeviceKind, Habits, Inventory, SlowCheck};
    use crate::domain::event::{Action, EventReason, EventType, Method, PersonAtEvent};
    use crate::domain::time::Timestamp;
    use serde_json::{Value, json};

    const AT: Timestamp = Timestamp::from_millis(1_795_453_445_123);

    fn topics() -> Topics {
        Topics::new("latchkey", "homeassistant").unwrap()
    }

    fn front_door() -> Slug {
        "front_door".parse().unwrap()
    }

    fn ada_unlocks() -> Event {
        Event {
            id: "01JDCB7M5K3V7Z0QWERTYASDFG".parse().unwrap(),
            kind: EventType::CodeUsed,
            device: "6f9619ff-8b86-4d01-b42d-00cf4fc964ff".parse().unwrap(),
            person: Some(PersonAtEvent {
                id: "0b0e5f4c-5f0e-4f7c-9b62-3f1f0d9c2a11".parse().unwrap(),
                name: "Ada Lovelace".into(),
            }),
            action: Some(Action::Unlock),
            method: Some(Method::Keypad),
            slot: Some(3),
            allowed: Some(true),
            reason: None,
            actor: None,
            at: AT,
        }
    }

    fn published(event: &Event, names: PublishNames, late: bool) -> (String, Value) {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let message = topics().event(event, &front_door(), &zone, names, late);
        (message.topic, serde_json::from_str(&message.payload).unwrap())
    }

    #[test]
    fn a_script_written_for_the_contract_understands_an_event() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let message = topics().event(&ada_unlocks(), &front_door(), &zone, PublishNames::Name, false);
        assert_eq!(message.topic, "latchkey/device/front_door/event");
        assert_eq!(
            message.payload,
            concat!(
                r#"{"event_id":"01JDCB7M5K3V7Z0QWERTYASDFG","event_type":"code_used","device":"front_door","#,
                r#""device_id":"6f9619ff-8b86-4d01-b42d-00cf4fc964ff","#,
                r#""person":{"id":"0b0e5f4c-5f0e-4f7c-9b62-3f1f0d9c2a11","name":"Ada Lovelace"},"#,
                r#""action":"unlock","method":"keypad","slot":3,"allowed":true,"#,
                r#""at":"2026-11-23T18:04:05.123+01:00","late":false}"#
            )
        );
    }

    #[test]
    fn somebody_unknown_is_null_with_a_reason() {
        let event = Event { person: None, reason: Some(EventReason::UnmanagedSlot), ..ada_unlocks() };
        let (_, payload) = published(&event, PublishNames::Name, false);
        assert_eq!(payload["person"], Value::Null);
        assert!(payload.as_object().unwrap().contains_key("person"));
        assert_eq!(payload["reason"], "unmanaged_slot");
    }

    #[test]
    fn a_name_that_must_not_leave_the_hub_does_not() {
        let (_, by_id) = published(&ada_unlocks(), PublishNames::Id, false);
        assert_eq!(by_id["person"], json!({"id": "0b0e5f4c-5f0e-4f7c-9b62-3f1f0d9c2a11"}));
        let (_, nobody) = published(&ada_unlocks(), PublishNames::None, false);
        assert_eq!((&nobody["person"], &nobody["reason"]), (&Value::Null, &json!("not_published")));
        assert!(!nobody.to_string().contains("0b0e5f4c"));
    }

    #[test]
    fn a_late_event_never_looks_fresh_to_an_automation() {
        let seen = |late| {
            let (topic, payload) = published(&ada_unlocks(), PublishNames::Name, late);
            (topic, payload["late"].as_bool().unwrap())
        };
        assert_eq!(seen(false), ("latchkey/device/front_door/event".to_owned(), false));
        assert_eq!(seen(true), ("latchkey/device/front_door/event/late".to_owned(), true));
    }

    #[test]
    fn retained_state_tells_how_the_door_is_and_not_who_is_home() {
        let device = Device {
            former_slugs: vec![],
            id: ada_unlocks().device,
            slug: front_door(),
            name: "Ada's door".into(),
            kind: DeviceKind::Lock,
            node: None,
            battery: Some(87),
            battery_low: false,
            lock_state: LockState::Locked,
            door_open: Some(false),
            takes_codes: true,
            inventory: Inventory::default(),
            habits: Habits::default(),
            check: SlowCheck::default(),
            last_seen: Some(AT),
        };
        let message = topics().device_state(&device, GrantCounts { pending: 1, failed: 2 });
        assert_eq!(message.topic, "latchkey/device/front_door/state");
        assert_eq!(
            serde_json::from_str::<Value>(&message.payload).unwrap(),
            json!({"lock_state": "locked", "door": "closed", "battery": 87, "grants": {"pending": 1, "failed": 2}})
        );
    }

    #[test]
    fn a_retained_command_never_moves_a_bolt() {
        let topic = "latchkey/device/front_door/set";
        let parse = |retained, payload: &[u8]| topics().parse_inbound(topic, retained, payload);
        assert_eq!(parse(false, b"LOCK"), Inbound::Command { device: front_door(), command: Command::Lock });
        assert_eq!(parse(false, b"UNLOCK"), Inbound::Command { device: front_door(), command: Command::Unlock });
        assert_eq!(parse(true, b"UNLOCK"), Inbound::Ignored(Ignored::Retained));
        assert_eq!(parse(true, b"LOCK"), Inbound::Ignored(Ignored::Retained));
    }

    #[test]
    fn words_nobody_agreed_on_do_nothing() {
        let parse = |topic: &str, payload: &[u8]| topics().parse_inbound(topic, false, payload);
        for payload in [&b"unlock"[..], b"", b"UNLOCK ", b"\xff\xfe", br#"{"state":"UNLOCK"}"#] {
            assert_eq!(parse("latchkey/device/front_door/set", payload), Inbound::Ignored(Ignored::Payload));
        }
        for topic in [
            "latchkey/device/Front Door/set",
            "latchkey/device//set",
            "latchkey/device/a/b/set",
            "latchkey2/device/a/set",
            "latchkey/device/set",
            "",
        ] {
            assert_eq!(parse(topic, b"UNLOCK"), Inbound::Ignored(Ignored::Topic), "{topic}");
        }
        assert_eq!(parse("homeassistant/status", b"online"), Inbound::HomeAssistantOnline);
        assert_eq!(parse("homeassistant/status", b"offline"), Inbound::Ignored(Ignored::Payload));
    }

    #[test]
    fn a_base_that_would_listen_to_everything_is_refused() {
        for base in ["", "#", "a/+/b", "/a", "a/", "$SYS", "a\nb"] {
            assert!(Topics::new(base, "homeassistant").is_err(), "{base}");
        }
        assert_eq!(Topics::new("latchkey", "ha/#").unwrap_err().to_string().get(..21), Some("mqtt.discovery_prefix"));
        let hub = Topics::new("latchkey/hub_1", "homeassistant").unwrap();
        assert_eq!(hub.subscriptions(), ["latchkey/hub_1/device/+/set", "homeassistant/status"]);
        assert_eq!(hub.bridge_state(), "latchkey/hub_1/bridge/state");
    }
}
