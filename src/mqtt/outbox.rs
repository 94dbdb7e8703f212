//! Events that wait for the broker: in order, one in flight, gone only when the broker has them.
//!
//! Delivery is at least once: an event whose acknowledgement was lost with the connection is offered again after
//! the next one, with the same event id.

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::event::Event;
use crate::domain::ids::EventId;
use crate::domain::time::{Instant, Now};

/// Automations may trust events up to this age; older ones are late.
pub const FRESH: Duration = Duration::from_secs(60);

/// How much may wait. What is beyond either makes the oldest events go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    pub events: usize,
    /// Bytes of memory they take.
    pub bytes: usize,
}

/// A busy home's month without a broker, and little enough for the smallest hub.
pub const LIMITS: Limits = Limits { events: 10_000, bytes: 4 * 1024 * 1024 };

/// The queue between the journal and the broker. Its owner writes each change to the store.
#[derive(Clone, Debug)]
pub struct Outbox {
    queue: VecDeque<Waiting>,
    bytes: usize,
    in_flight: Option<EventId>,
    connected: bool,
    limits: Limits,
}

/// An event that waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    pub event: Event,
    /// When we heard of it; `None`: before this start.
    pub heard: Option<Instant>,
}

impl Waiting {
    /// Whether the event is older than [`FRESH`], or may be. `past_is_known`: the wall clock tells how long ago things
    /// before this start were (it may have stood still with the power off).
    ///
    /// An event that seems to lie ahead is late, too: the clock was set back, and its age is anybody's guess.
    pub fn is_late(&self, now: Now, past_is_known: bool) -> bool {
        let by_wall = now.wall - self.event.at > FRESH || self.event.at - now.wall > FRESH;
        let otherwise = match self.heard {
            Some(heard) => now.mono.since(heard) > FRESH,
            None => !past_is_known,
        };
        by_wall || otherwise
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.event.person.as_ref().map_or(0, |person| person.name.len())
    }
}

impl Outbox {
    /// An outbox with the events the store kept, oldest first, and no connection yet.
    pub fn new(waiting: Vec<Event>) -> Self {
        Self::with_limits(waiting, LIMITS)
    }

    fn with_limits(waiting: Vec<Event>, limits: Limits) -> Self {
        let queue: VecDeque<Waiting> = waiting.into_iter().map(|event| Waiting { event, heard: None }).collect();
        let bytes = queue.iter().map(Waiting::bytes).sum();
        Self { queue, bytes, in_flight: None, connected: false, limits }
    }

    /// Adds an event at the end. When the outbox is full, the oldest events that are not under way make room: their
    /// ids are returned, so that their rows can go too and somebody is told.
    #[must_use = "a dropped event's row must leave the store too"]
    pub fn push(&mut self, event: Event, heard: Instant) -> Vec<EventId> {
        let waiting = Waiting { event, heard: Some(heard) };
        self.bytes += waiting.bytes();
        self.queue.push_back(waiting);
        let mut dropped = Vec::new();
        while self.queue.len() > self.limits.events || self.bytes > self.limits.bytes {
            let Some(oldest) = self.queue.iter().position(|it| Some(it.event.id) != self.in_flight) else { break };
            dropped.extend(self.remove(oldest));
        }
        dropped
    }

    fn remove(&mut self, position: usize) -> Option<EventId> {
        let gone = self.queue.remove(position)?;
        self.bytes -= gone.bytes();
        Some(gone.event.id)
    }

    /// A connection stands: whatever was under way on the last one is offered again.
    pub fn connected(&mut self) {
        self.connected = true;
        self.in_flight = None;
    }

    /// The connection is gone, and with it any acknowledgement that was still to come.
    pub fn disconnected(&mut self) {
        self.connected = false;
        self.in_flight = None;
    }

    /// The event to publish now, which is then in flight: `None` while there is no connection or another event is
    /// in flight. Whether it is late is decided when it is worded, not when it was queued.
    pub fn offer(&mut self) -> Option<&Waiting> {
        if !self.connected || self.in_flight.is_some() {
            return None;
        }
        let first = self.queue.front()?;
        self.in_flight = Some(first.event.id);
        Some(first)
    }

    /// The broker has the event. Returns it when its row can go, `None` for an acknowledgement that came twice or
    /// from an earlier connection.
    pub fn acked(&mut self, id: EventId) -> Option<EventId> {
        if self.in_flight != Some(id) {
            return None;
        }
        self.in_flight = None;
        self.take_out(id)
    }

    /// Removes an event that the broker has. Returns it if it was waiting.
    pub fn take_out(&mut self, id: EventId) -> Option<EventId> {
        let done = self.queue.iter().position(|it| it.event.id == id)?;
        self.remove(done)
    }

    /// How many events wait, the one in flight included.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entropy::Entropy;
    use crate::domain::event::{EventType, PersonAtEvent};
    use crate::domain::ids::{DeviceId, PersonId};
    use crate::domain::time::Timestamp;

    fn events(count: i64) -> Vec<Event> {
        let mut entropy = Entropy::from_number(1);
        let device = DeviceId::new(&mut entropy);
        let event = |n| Event {
            id: EventId::new(Timestamp::from_millis(n), &mut entropy),
            kind: EventType::Locked,
            device,
            person: None,
            action: None,
            method: None,
            slot: None,
            allowed: None,
            reason: None,
            actor: None,
            at: Timestamp::from_millis(n),
        };
        (0..count).map(event).collect()
    }

    #[test]
    fn events_leave_one_at_a_time_and_in_order() {
        let events = events(3);
        let mut outbox = Outbox::new(events.clone());
        assert_eq!(outbox.offer(), None, "nobody is connected");
        outbox.connected();
        for event in &events {
            assert_eq!(outbox.offer().map(|it| &it.event), Some(event));
            assert_eq!(outbox.offer(), None, "one in flight");
            assert_eq!(outbox.acked(event.id), Some(event.id));
        }
        assert_eq!(outbox.offer(), None);
        assert_eq!(outbox.waiting(), 0);
    }

    #[test]
    fn an_event_without_its_acknowledgement_is_offered_again_after_a_reconnect() {
        let events = events(2);
        let mut outbox = Outbox::new(events.clone());
        outbox.connected();
        assert_eq!(offered(&mut outbox), Some(events[0].id));
        outbox.disconnected();
        assert_eq!(outbox.offer(), None);
        assert_eq!(outbox.acked(events[0].id), None, "an acknowledgement from before the break proves nothing");
        outbox.connected();
        assert_eq!(offered(&mut outbox), Some(events[0].id));
    }

    #[test]
    fn an_acknowledgement_that_comes_twice_takes_nothing_else_with_it() {
        let events = events(2);
        let mut outbox = Outbox::new(events.clone());
        outbox.connected();
        outbox.offer();
        assert_eq!(outbox.acked(events[0].id), Some(events[0].id));
        assert_eq!(offered(&mut outbox), Some(events[1].id));
        assert_eq!(outbox.acked(events[0].id), None);
        assert_eq!(outbox.waiting(), 1);
    }

    #[test]
    fn an_old_event_never_looks_fresh_whatever_the_clocks_did() {
        let [event] = <[Event; 1]>::try_from(events(1)).unwrap();
        let at =
            |mono: u64, wall: i64| Now { mono: Instant::from_millis(mono), wall: Timestamp::from_millis(wall), trusted: true };
        let heard = Waiting { event: event.clone(), heard: Some(Instant::ZERO) };
        assert!(!heard.is_late(at(60_000, 60_000), false));
        assert!(heard.is_late(at(60_001, 60_001), true));
        assert!(heard.is_late(at(60_001, 5), true), "the wall clock stood still");
        assert!(heard.is_late(at(1, -3_600_000), true), "it was set back by an hour");
        let stored = Waiting { event, heard: None };
        assert!(!stored.is_late(at(0, 60_000), true), "a quick restart");
        assert!(stored.is_late(at(0, 60_001), true));
        assert!(stored.is_late(at(0, 1), false), "the power was off, nobody knows for how long");
    }

    fn offered(outbox: &mut Outbox) -> Option<EventId> {
        outbox.offer().map(|it| it.event.id)
    }

    #[test]
    fn a_broker_that_stays_away_costs_the_oldest_events_and_says_so() {
        let events = events(4);
        let mut outbox = Outbox::with_limits(events[..2].to_vec(), Limits { events: 2, ..LIMITS });
        assert_eq!(outbox.push(events[2].clone(), Instant::ZERO), [events[0].id]);
        outbox.connected();
        assert_eq!(offered(&mut outbox), Some(events[1].id));
        assert_eq!(outbox.push(events[3].clone(), Instant::ZERO), [events[2].id], "the one in flight stays");
        assert_eq!(outbox.acked(events[1].id), Some(events[1].id));
        assert_eq!(offered(&mut outbox), Some(events[3].id));
    }

    #[test]
    fn events_with_long_names_do_not_fill_the_memory() {
        let entropy = Entropy::from_number(2);
        let named = |event: &Event, name: String| Event {
            person: Some(PersonAtEvent { id: PersonId::new(&mut entropy.clone()), name }),
            ..event.clone()
        };
        let events = events(100);
        let each = size_of::<Waiting>() + 1000;
        let mut outbox = Outbox::with_limits(vec![], Limits { bytes: 10 * each, ..LIMITS });
        let dropped: usize = events.iter().map(|event| outbox.push(named(event, "n".repeat(1000)), Instant::ZERO).len()).sum();
        assert_eq!((outbox.waiting(), dropped, outbox.bytes), (10, 90, 10 * each));
        outbox.connected();
        while let Some(id) = offered(&mut outbox) {
            outbox.acked(id);
        }
        assert_eq!(outbox.bytes, 0);
    }
}
