//! Events and steps as they happen, to everybody who listens.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::domain::event::Event;
use crate::domain::ids::Slug;
use crate::view::CurrentChange;

/// How far a listener may fall behind. Beyond it the stream ends, and the listener comes back with the last id it saw
/// and is given the rest from the journal.
const BACKLOG: usize = 256;

/// An event, and what its device is called now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Happened {
    pub event: Event,
    pub device: Slug,
}

/// Something that is said live.
#[derive(Clone, PartialEq, Debug)]
pub enum News {
    /// An event. The journal has it too.
    Happened(Happened),
    /// How far a change of who is in the network got. It is kept nowhere.
    Change(CurrentChange),
}

/// Where the loop says what happened, once it is committed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Live {
    news: broadcast::Sender<Arc<News>>,
}

impl Live {
    pub fn new() -> Self {
        Self { news: broadcast::Sender::new(BACKLOG) }
    }

    /// Tells everybody who listens. Never waits.
    pub fn tell(&self, event: Event, device: Slug) {
        self.send(News::Happened(Happened { event, device }));
    }

    /// Tells everybody who listens how far a change got. Never waits.
    pub fn tell_change(&self, change: CurrentChange) {
        self.send(News::Change(change));
    }

    /// Listens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<News>> {
        self.news.subscribe()
    }

    fn send(&self, news: News) {
        // An error means that nobody listens.
        let _ = self.news.send(Arc::new(news));
    }
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}
