//! What the broker is told: retained state when it changes, events one at a time.

use std::collections::{BTreeMap, BTreeSet};

use super::turn::Bridge;
use super::words::After;
use crate::domain::event::Event;
use crate::domain::ids::{DeviceId, EventId, Slug};
use crate::domain::time::{Instant, Now};
use crate::mqtt::outbox::Outbox;
use crate::mqtt::topic::{BridgeInfo, GrantCounts, Message, Topics};
use crate::network::{ControllerStatus, Reach};

/// What was told already.
pub struct Announcer {
    outbox: Outbox,
    /// The last payload by topic: only changes are said.
    said: BTreeMap<String, String>,
    everything: bool,
    trouble: Option<String>,
    /// Why no commands come from the broker, although it is there.
    deaf: Option<String>,
}

impl Announcer {
    /// Nothing was told yet, and these events wait.
    pub fn new(waiting: Vec<Event>) -> Self {
        Self {
            outbox: Outbox::new(waiting),
            said: BTreeMap::new(),
            everything: true,
            trouble: Some("not connected yet".into()),
            deaf: None,
        }
    }

    /// A connection stands; the broker may have forgotten everything.
    pub fn connected(&mut self) {
        self.trouble = None;
        self.outbox.connected();
        self.say_all_again();
    }

    /// The connection broke.
    pub fn disconnected(&mut self, why: String) {
        self.trouble = Some(why);
        self.outbox.disconnected();
    }

    /// Whether commands come from the broker.
    pub fn commands(&mut self, commands: Result<(), String>) {
        self.deaf = commands.err();
    }

    /// Why no commands come from the broker, although it is there.
    pub fn deaf(&self) -> Option<&str> {
        self.deaf.as_deref()
    }

    /// Retained state is said again, changed or not.
    pub fn say_all_again(&mut self) {
        self.said.clear();
        self.everything = true;
    }

    /// The broker has an event: the row to delete.
    pub fn acked(&mut self, id: EventId) -> Option<EventId> {
        self.outbox.acked(id)
    }

    /// The broker has an event, by an acknowledgement from before this announcer: the row to delete.
    pub fn was_acked(&mut self, id: EventId) -> Option<EventId> {
        self.outbox.take_out(id)
    }

    /// One more event; returns the rows of older ones that had to go.
    pub fn push(&mut self, event: Event, now: Instant) -> Vec<EventId> {
        self.outbox.push(event, now)
    }

    /// Takes the retained messages of a device's old name off the broker.
    pub fn forget<'a>(&'a mut self, slug: &Slug, topics: &Topics) -> impl Iterator<Item = Message> + use<'a> {
        topics.retained(slug).into_iter().filter_map(|topic| {
            self.said.remove(&topic)?;
            Some(Message { topic, payload: String::new() })
        })
    }

    /// Events that wait.
    pub fn waiting(&self) -> usize {
        self.outbox.waiting()
    }

    /// Why there is no connection; `None` while there is one.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    fn say(&mut self, message: Message) -> Option<After> {
        if self.said.get(&message.topic) == Some(&message.payload) {
            return None;
        }
        self.said.insert(message.topic.clone(), message.payload.clone());
        Some(After::Retained(message))
    }
}

impl Bridge {
    /// Adds to the turn what the broker should hear of it.
    pub(super) fn announce(&mut self, now: Now) {
        let Some(mqtt) = self.settings.mqtt.clone() else { return };
        if self.announcer.trouble.is_some() {
            return;
        }
        let changed = self.state.take_changed();
        let everything = std::mem::take(&mut self.announcer.everything);
        let mut messages = Vec::new();
        for device in self.state.devices().filter(|device| everything || changed.contains(&device.id)) {
            let reach = device.node.map_or(Reach::Dead, |node| self.network.reach(node));
            messages.push(mqtt.topics.device_state(device, self.grant_counts(device.id)));
            messages.push(mqtt.topics.availability(&device.slug, reach != Reach::Dead));
        }
        if everything {
            self.after.extend(self.forget_former_names(&mqtt.topics));
        }
        let mut said: Vec<After> = messages.into_iter().filter_map(|message| self.announcer.say(message)).collect();
        if everything || !changed.is_empty() {
            said.extend(self.announcer.say(mqtt.topics.bridge_info(&self.info())));
        }
        self.after.extend(said);
        while let Some(waiting) = self.announcer.outbox.offer() {
            let (event, late) = (&waiting.event, waiting.is_late(now, self.clock.tells_age_of_the_past()));
            let id = event.id;
            let Some(device) = self.state.device(event.device) else {
                // Without its device an event has no topic any more.
                self.acked(id, now.mono);
                continue;
            };
            let message = mqtt.topics.event(event, &device.slug, &self.settings.zone, mqtt.names, late);
            self.after.push(After::Publish(id, message));
        }
    }

    /// Takes off the broker what it may have kept under names that no device has any more: it may have been away when they
    /// changed, or come back with what it knew before.
    fn forget_former_names(&self, topics: &Topics) -> Vec<After> {
        let in_use: BTreeSet<&Slug> = self.state.devices().map(|device| &device.slug).collect();
        let former = self.state.devices().flat_map(|device| &device.former_slugs).filter(|slug| !in_use.contains(slug));
        let emptied = former.flat_map(|slug| topics.retained(slug)).map(|topic| Message { topic, payload: String::new() });
        emptied.map(After::Retained).collect()
    }

    fn info(&self) -> BridgeInfo {
        let controller = match self.network.controller() {
            ControllerStatus::Ready(info) => Some(info.library.clone()),
            ControllerStatus::Absent { .. } | ControllerStatus::Starting { .. } => None,
        };
        BridgeInfo {
            version: env!("CARGO_PKG_VERSION"),
            controller,
            devices: self.state.devices().count(),
            grants: self.state.counts(),
            events_dropped: self.state.dropped().count,
        }
    }

    /// How many grants of a device are on their way, and how many need somebody.
    pub(super) fn grant_counts(&self, device: DeviceId) -> GrantCounts {
        let mut counts = GrantCounts::default();
        for grant in self.state.grants_on(device) {
            counts.of(grant.status).into_iter().for_each(|count| *count += 1);
        }
        counts
    }
}
