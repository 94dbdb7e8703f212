//! Events that wait for the broker: in order, one in flight, gone only when the broker has them.
//!
//! Delivery is at least once: an event whose acknowledgement was lost with the connection is offered again after
//! the next one, with the same event id.

use std::collections::VecDeque;

use crate::domain::event::Event;
use crate::domain::ids::EventId;

/// How many events may wait. An event takes under 1 KiB (names are bounded), so this also bounds bytes.
pub const MAX_WAITING: usize = 10_000;

/// The queue between the journal and the broker. Its owner writes each change to the store.
#[derive(Clone, Debug)]
pub struct Outbox {
    queue: VecDeque<Event>,
    in_flight: Option<EventId>,
    connected: bool,
    limit: usize,
    dropped: u64,
}

impl Outbox {
    /// An outbox with the events the store kept, oldest first, and no connection yet.
    pub fn new(waiting: Vec<Event>) -> Self {
        Self::with_limit(waiting, MAX_WAITING)
    }

    fn with_limit(waiting: Vec<Event>, limit: usize) -> Self {
        Self { queue: waiting.into(), in_flight: None, connected: false, limit, dropped: 0 }
    }

    /// Adds an event at the end. When the outbox is full, the oldest event that is not under way makes room:
    /// its id is returned, so that its row can go too and the owner can raise an alert.
    #[must_use = "a dropped event's row must leave the store too"]
    pub fn push(&mut self, event: Event) -> Option<EventId> {
        self.queue.push_back(event);
        if self.queue.len() <= self.limit {
            return None;
        }
        let oldest = self.queue.iter().position(|e| Some(e.id) != self.in_flight)?;
        let dropped = self.queue.remove(oldest)?;
        self.dropped += 1;
        Some(dropped.id)
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
    pub fn offer(&mut self) -> Option<&Event> {
        if !self.connected || self.in_flight.is_some() {
            return None;
        }
        let event = self.queue.front()?;
        self.in_flight = Some(event.id);
        Some(event)
    }

    /// The broker has the event. Returns it when its row can go, `None` for an acknowledgement that came twice or
    /// from an earlier connection.
    pub fn acked(&mut self, id: EventId) -> Option<EventId> {
        if self.in_flight != Some(id) {
            return None;
        }
        self.in_flight = None;
        let done = self.queue.iter().position(|e| e.id == id)?;
        self.queue.remove(done).map(|e| e.id)
    }

    /// How many events wait, the one in flight included.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// How many events were dropped for want of room since the daemon started.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether a connection stands.
    pub fn is_connected(&self) -> bool {
        self.connected
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entropy::Entropy;
    use crate::domain::event::EventType;
    use crate::domain::ids::DeviceId;
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
            assert_eq!(outbox.offer(), Some(event));
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
        assert_eq!(outbox.offer(), Some(&events[0]));
        outbox.disconnected();
        assert_eq!(outbox.offer(), None);
        assert_eq!(outbox.acked(events[0].id), None, "an acknowledgement from before the break proves nothing");
        outbox.connected();
        assert_eq!(outbox.offer(), Some(&events[0]));
    }

    #[test]
    fn an_acknowledgement_that_comes_twice_takes_nothing_else_with_it() {
        let events = events(2);
        let mut outbox = Outbox::new(events.clone());
        outbox.connected();
        outbox.offer();
        assert_eq!(outbox.acked(events[0].id), Some(events[0].id));
        assert_eq!(outbox.offer(), Some(&events[1]));
        assert_eq!(outbox.acked(events[0].id), None);
        assert_eq!(outbox.waiting(), 1);
    }

    #[test]
    fn a_broker_that_stays_away_costs_the_oldest_events_and_says_so() {
        let events = events(4);
        let mut outbox = Outbox::with_limit(events[..2].to_vec(), 2);
        assert_eq!(outbox.push(events[2].clone()), Some(events[0].id));
        outbox.connected();
        assert_eq!(outbox.offer(), Some(&events[1]));
        assert_eq!(outbox.push(events[3].clone()), Some(events[2].id), "the one in flight stays");
        assert_eq!(outbox.acked(events[1].id), Some(events[1].id));
        assert_eq!(outbox.offer(), Some(&events[3]));
        assert_eq!(outbox.dropped(), 2);
    }
}
