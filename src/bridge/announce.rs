//! What the broker is told: retained state when it changes, events one at a time.

use std::collections::{BTreeMap, BTreeSet};

use super::context::{Context, FormerName};
use super::words::{After, BrokerInput};
use crate::domain::event::Event;
use crate::domain::ids::{EventId, Slug};
use crate::domain::time::Instant;
use crate::mqtt::outbox::Outbox;
use crate::mqtt::topic::{BridgeInfo, Message, Topics};
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

    /// Takes in what happened at the broker. Its commands are for [`super::commands`].
    pub fn handle(&mut self, input: BrokerInput, cx: &mut Context) {
        match input {
            // The broker may have forgotten everything.
            BrokerInput::Connected => {
                self.trouble = None;
                self.outbox.connected();
                self.say_all_again();
            }
            BrokerInput::Disconnected { why } => {
                self.trouble = Some(why);
                self.outbox.disconnected();
            }
            BrokerInput::Commands(commands) => self.deaf = commands.err(),
            BrokerInput::Acked(id) => self.acked(id, cx),
            BrokerInput::Message { .. } => {}
        }
    }

    /// The broker acknowledged this event before this announcer was made, and the store could not note it.
    pub fn was_acked(&mut self, id: EventId, cx: &mut Context, now: Instant) {
        if let Some(done) = self.outbox.take_out(id) {
            cx.state.outbox_done(done, now);
        }
    }

    /// Adds to the turn what the broker should get of it.
    pub fn announce(&mut self, cx: &mut Context) {
        let Some(mqtt) = cx.settings.mqtt.clone() else { return };
        for event in cx.out.take_recorded() {
            let dropped = self.outbox.push(event, cx.now.mono);
            cx.state.drop_from_outbox(dropped, cx.now.wall);
        }
        for name in cx.out.take_former_names() {
            cx.out.after.extend(self.forget(&name, &mqtt.topics));
        }
        let passing = cx.out.take_passing();
        if self.trouble.is_some() {
            return;
        }
        cx.out.after.extend(passing.into_iter().map(After::Passing));
        let changed = cx.state.take_changed();
        let everything = std::mem::take(&mut self.everything);
        let mut messages = Vec::new();
        for device in cx.state.devices().filter(|device| everything || changed.contains(&device.id)) {
            let reach = device.node.map_or(Reach::Dead, |node| cx.network.reach(node));
            messages.push(mqtt.topics.device_state(device, cx.state.grant_counts(device.id)));
            messages.push(mqtt.topics.availability(&device.slug, reach != Reach::Dead));
        }
        if everything {
            cx.out.after.extend(forget_former_names(cx, &mqtt.topics));
        }
        cx.out.after.extend(messages.into_iter().filter_map(|message| self.say(message)));
        if everything || !changed.is_empty() {
            cx.out.after.extend(self.say(mqtt.topics.bridge_info(&info(cx))));
        }
        while let Some(waiting) = self.outbox.offer() {
            let (event, late) = (&waiting.event, waiting.is_late(cx.now, cx.clock.tells_age_of_the_past()));
            let id = event.id;
            let Some(device) = cx.state.device(event.device) else {
                // Without its device an event has no topic any more.
                self.acked(id, cx);
                continue;
            };
            let message = mqtt.topics.event(event, &device.slug, &cx.settings.zone, mqtt.names, late);
            cx.out.after.push(After::Publish(id, message));
        }
    }

    /// Retained state is published again, changed or not.
    pub fn say_all_again(&mut self) {
        self.said.clear();
        self.everything = true;
    }

    /// Why no commands come from the broker, although it is there.
    pub fn deaf(&self) -> Option<&str> {
        self.deaf.as_deref()
    }

    pub fn waiting(&self) -> usize {
        self.outbox.waiting()
    }

    /// Why there is no connection; `None` while there is one.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// The broker has an event: its row can go.
    fn acked(&mut self, id: EventId, cx: &mut Context) {
        if let Some(done) = self.outbox.acked(id) {
            cx.state.outbox_done(done, cx.now.mono);
        }
    }

    /// Takes the retained messages of a former name off the broker.
    fn forget(&mut self, name: &FormerName, topics: &Topics) -> Vec<After> {
        let mut emptied = Vec::new();
        for topic in topics.retained(&name.slug) {
            if self.said.remove(&topic).is_some() || name.by_earlier_runs {
                emptied.push(After::Retained(Message { topic, payload: String::new() }));
            }
        }
        emptied
    }

    fn say(&mut self, message: Message) -> Option<After> {
        if self.said.get(&message.topic) == Some(&message.payload) {
            return None;
        }
        self.said.insert(message.topic.clone(), message.payload.clone());
        Some(After::Retained(message))
    }
}

/// Takes off the broker what it may have kept under names that no device has any more: it may have been away when they
/// changed, or come back with what it knew before.
fn forget_former_names(cx: &Context, topics: &Topics) -> Vec<After> {
    let in_use: BTreeSet<&Slug> = cx.state.devices().map(|device| &device.slug).collect();
    let former = cx.state.devices().flat_map(|device| &device.former_slugs).filter(|slug| !in_use.contains(slug));
    let emptied = former.flat_map(|slug| topics.retained(slug)).map(|topic| Message { topic, payload: String::new() });
    emptied.map(After::Retained).collect()
}

fn info(cx: &Context) -> BridgeInfo {
    let controller = match cx.network.controller() {
        ControllerStatus::Ready(info) => Some(info.library.clone()),
        ControllerStatus::Absent { .. } | ControllerStatus::Starting { .. } => None,
    };
    BridgeInfo {
        version: env!("CARGO_PKG_VERSION"),
        controller,
        devices: cx.state.devices().count(),
        grants: cx.state.counts(),
        events_dropped: cx.state.dropped().count,
    }
}
