//! `/api/events`, `/api/live`, and the events over MQTT.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::open::Open;
use super::stamp::Stamp;
use crate::domain::event::{Action, Event, EventReason, EventType, Method, PersonAtEvent, PublishNames};
use crate::domain::ids::{DeviceId, EventId, PersonId, Slug};

/// Something that happened at a door.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EventView {
    pub event_id: EventId,
    pub event_type: Open<EventType>,
    pub device: Slug,
    pub device_id: DeviceId,
    /// `None`: not known, or not told; `reason` says which.
    pub person: Option<PersonAtEventView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Open<EventReasonView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Open<Action>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Open<Method>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<bool>,
    pub at: Stamp,
    /// Too old for automations.
    pub late: bool,
    /// Who had the bolt moved, where it was through us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
}

/// A person as they were called when it happened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PersonAtEventView {
    pub id: PersonId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Why nobody is named, or why a code was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventReasonView {
    /// Somebody is known, and `mqtt.publish_names` keeps them here.
    NotPublished,
    #[serde(untagged)]
    Event(EventReason),
}

impl EventView {
    /// An event of the device that is called `device` now.
    pub fn new(event: &Event, device: Slug, zone: &TimeZone, names: PublishNames, late: bool) -> Self {
        let person = event.person.as_ref().and_then(|person| PersonAtEventView::new(person, names));
        let reason = match event.reason {
            Some(reason) => Some(EventReasonView::Event(reason)),
            None if event.person.is_some() && person.is_none() => Some(EventReasonView::NotPublished),
            None => None,
        };
        Self {
            event_id: event.id,
            event_type: event.kind.into(),
            device,
            device_id: event.device,
            person,
            reason: reason.map(Open::from),
            action: event.action.map(Open::from),
            method: event.method.map(Open::from),
            slot: event.slot,
            allowed: event.allowed,
            at: Stamp(event.at.rfc3339(zone)),
            late,
            actor: event.actor.clone(),
        }
    }
}

impl PersonAtEventView {
    fn new(person: &PersonAtEvent, names: PublishNames) -> Option<Self> {
        match names {
            PublishNames::Name => Some(Self { id: person.id, name: Some(person.name.clone()) }),
            PublishNames::Id => Some(Self { id: person.id, name: None }),
            PublishNames::None => None,
        }
    }
}
