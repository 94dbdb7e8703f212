//! Events as they happen, to everybody who listens.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::domain::event::Event;
use crate::domain::ids::Slug;

/// How far a listener may fall behind. Beyond it the stream ends, and the listener comes back with the last id it saw
/// and is given the rest from the journal.
const BACKLOG: usize = 256;

/// An event, and what its device is called now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Happened {
    /// What happened.
    pub event: Event,
    /// Where.
    pub device: Slug,
}

/// Where the loop says what happened, once it is committed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Live {
    events: broadcast::Sender<Arc<Happened>>,
}

impl Live {
    /// Nobody listens yet.
    pub fn new() -> Self {
        Self { events: broadcast::Sender::new(BACKLOG) }
    }

    /// Tells everybody who listens. Never waits.
    pub fn tell(&self, event: Event, device: Slug) {
        // An error means that nobody listens.
        let _ = self.events.send(Arc::new(Happened { event, device }));
    }

    /// Listens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Happened>> {
        self.events.subscribe()
    }
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}
