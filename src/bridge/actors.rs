//! Who had a bolt moved, for the event by which the lock reports it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::actor::Actor;
use crate::domain::device::LockState;
use crate::domain::event::{Action, Event, Method};
use crate::domain::ids::DeviceId;
use crate::domain::time::Instant;

/// How long a bolt command is retried. A later report may be due to another controller.
const PATIENCE: Duration = Duration::from_secs(30);

/// The last command to each bolt, until it is reported.
#[derive(Default)]
pub struct Actors {
    by_device: BTreeMap<DeviceId, (Actor, Action, Instant)>,
}

impl Actors {
    /// Records a bolt command.
    pub fn note(&mut self, device: DeviceId, actor: &Actor, wanted: LockState, at: Instant) {
        let action = if wanted == LockState::Locked { Action::Lock } else { Action::Unlock };
        self.by_device.insert(device, (actor.clone(), action, at));
    }

    /// Who requested it, where it was by radio and what was asked for. One command has one event.
    pub fn of(&mut self, event: &Event, now: Instant) -> Option<String> {
        let (_, action, at) = self.by_device.get(&event.device)?;
        let is_it = event.method == Some(Method::Remote) && event.action == Some(*action) && now.since(*at) < PATIENCE;
        if !is_it {
            return None;
        }
        self.by_device.remove(&event.device).map(|(actor, _, _)| actor.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entropy::Entropy;
    use crate::domain::event::EventType;
    use crate::domain::ids::EventId;
    use crate::domain::time::Timestamp;

    #[test]
    fn the_event_names_who_had_the_bolt_moved_and_nobody_else() {
        let mut entropy = Entropy::from_number(1);
        let device = DeviceId::new(&mut entropy);
        let told = |method, action| Event {
            id: EventId::new(Timestamp::default(), &mut Entropy::from_number(2)),
            kind: EventType::Unlocked,
            device,
            person: None,
            action: Some(action),
            method: Some(method),
            slot: None,
            allowed: None,
            reason: None,
            at: Timestamp::default(),
            actor: None,
        };
        let at = |seconds| Instant::ZERO + Duration::from_secs(seconds);
        let mut actors = Actors::default();
        actors.note(device, &Actor::Uid(1000), LockState::Unlocked, at(0));
        assert_eq!(actors.of(&told(Method::Manual, Action::Unlock), at(1)), None, "by hand");
        assert_eq!(actors.of(&told(Method::Remote, Action::Lock), at(1)), None, "the other way");
        assert_eq!(actors.of(&told(Method::Remote, Action::Unlock), at(2)).as_deref(), Some("uid 1000"));
        assert_eq!(actors.of(&told(Method::Remote, Action::Unlock), at(3)), None, "once");
        actors.note(device, &Actor::Mqtt, LockState::Unlocked, at(10));
        assert_eq!(actors.of(&told(Method::Remote, Action::Unlock), at(41)), None, "too late");
    }
}
