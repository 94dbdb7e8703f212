//! Commands over MQTT, as changes that the bridge knows.

use super::context::Context;
use crate::domain::intent::Intent;
use crate::mqtt::topic::{Command, Inbound};

/// What a message from the broker asks for.
pub enum Request {
    Change(Intent),
    /// Home Assistant started: retained state is published again.
    AnnounceAll,
}

/// Reads a message. Unlocking needs more trust in the broker than locking.
pub fn read(topic: &str, payload: &[u8], retained: bool, cx: &mut Context) -> Option<Request> {
    let mqtt = cx.settings.mqtt.as_ref()?;
    let unlock = mqtt.unlock;
    match mqtt.topics.parse_inbound(topic, retained, payload) {
        Inbound::Command { device, command: Command::Lock } => Some(Request::Change(Intent::Lock(device.to_string()))),
        Inbound::Command { device, command: Command::Unlock } => match unlock {
            Ok(()) => Some(Request::Change(Intent::Unlock(device.to_string()))),
            Err(why) => {
                if let Some(times) = cx.out.tally("UNLOCK".into()) {
                    tracing::warn!(%device, %why, times, "UNLOCK over MQTT was refused");
                }
                None
            }
        },
        Inbound::HomeAssistantOnline => Some(Request::AnnounceAll),
        Inbound::Ignored(why) => {
            tracing::debug!(%why, topic, "a message was ignored");
            None
        }
    }
}
