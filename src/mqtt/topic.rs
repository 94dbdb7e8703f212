//! Topics and payloads: what is said to the broker, and what is understood of what it says. Pure.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Serialize;

use crate::domain::device::{Device, LockState};
use crate::domain::event::{Action, Event, EventReason, EventType, Method, PersonAtEvent, PublishNames};
use crate::domain::ids::{DeviceId, EventId, PersonId, Slug};
use crate::domain::time::Timestamp;

/// Automations may trust events up to this age; older ones go to `event/late`.
pub const FRESH: Duration = Duration::from_secs(60);

/// A topic and what is said there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Topic.
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

    /// An event as it is published at `now`, for `device/<slug>/event` or, if it is not fresh, `event/late`.
    ///
    /// An event that seems to lie more than [`FRESH`] ahead counts as late: the clock was set back, and its age is
    /// anybody's guess.
    pub fn event(&self, event: &Event, device: &Slug, zone: &TimeZone, names: PublishNames, now: Timestamp) -> Message {
        let late = now - event.at > FRESH || event.at - now > FRESH;
        let person = event.person.as_ref().and_then(|person| PersonPayload::new(person, names));
        let reason = match event.reason {
            Some(reason) => Some(ReasonPayload::Event(reason)),
            None if event.person.is_some() && person.is_none() => Some(ReasonPayload::Ours("not_published")),
            None => None,
        };
        let payload = EventPayload {
            event_id: event.id,
            event_type: event.kind,
            device,
            device_id: event.device,
            person,
            reason,
            action: event.action,
            method: event.method,
            slot: event.slot,
            allowed: event.allowed,
            at: event.at.rfc3339(zone),
            late,
        };
        Message { topic: self.device(device, if late { "event/late" } else { "event" }), payload: json(&payload) }
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
        /// Where.
        device: Slug,
        /// What.
        command: Command,
    },
    /// Home Assistant started: discovery and states are to be sent again, after a little jitter.
    HomeAssistantOnline,
    /// Nothing to do.
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
    /// Devices in all.
    pub devices: usize,
    /// Grants over all devices.
    pub grants: GrantCounts,
    /// Events that wait for the broker.
    pub events_waiting: usize,
    /// Events dropped for want of room since the daemon started.
    pub events_dropped: u64,
}

/// How the grants of a device, or of all, stand.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct GrantCounts {
    /// On their way.
    pub pending: usize,
    /// Need somebody.
    pub failed: usize,
}

#[derive(Serialize)]
struct DeviceState {
    lock_state: LockState,
    door: Option<&'static str>,
    battery: Option<u8>,
    grants: GrantCounts,
}

#[derive(Serialize)]
struct EventPayload<'a> {
    event_id: EventId,
    event_type: EventType,
    device: &'a Slug,
    device_id: DeviceId,
    person: Option<PersonPayload<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<ReasonPayload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<Action>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<Method>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slot: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<bool>,
    at: String,
    late: bool,
}

#[derive(Serialize)]
struct PersonPayload<'a> {
    id: PersonId,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

impl<'a> PersonPayload<'a> {
    fn new(person: &'a PersonAtEvent, names: PublishNames) -> Option<Self> {
        match names {
            PublishNames::Name => Some(Self { id: person.id, name: Some(&person.name) }),
            PublishNames::Id => Some(Self { id: person.id, name: None }),
            PublishNames::None => None,
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum ReasonPayload {
    Event(EventReason),
    Ours(&'static str),
}

fn json(value: &impl Serialize) -> String {
    // Plain structs with string keys always serialise.
    serde_json::to_string(value).unwrap_or_default()
}
