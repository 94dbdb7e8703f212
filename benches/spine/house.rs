//! Bridge, store and simulated world on one virtual clock.

use std::hint::black_box;
use std::time::Duration;

use latchkey::bridge::ask::Status;
use latchkey::bridge::{After, Bridge, BrokerInput, CheckSettings, Input, MqttSettings, Settings, Turn};
use latchkey::domain::actor::Actor;
use latchkey::domain::batch::{Retention, Snapshot};
use latchkey::domain::entropy::Entropy;
use latchkey::domain::event::PublishNames;
use latchkey::domain::intent::Intent;
use latchkey::domain::time::{Instant, Now};
use latchkey::mqtt::topic::Topics;
use latchkey::network;
use latchkey::serial::{Link, LinkEvent};
use latchkey::sim::{Blueprint, World};
use latchkey::store::Store;
use latchkey::view::StickView;

use crate::household::WALL;
use crate::meter::clock;

/// One daemon in its house.
pub struct House {
    bridge: Bridge,
    pub store: Option<Store>,
    world: World,
    link: Link,
    pub now: Instant,
    /// How long the last turn took to decide, with the look at when to wake next.
    turn_took: Duration,
    /// When a frame left for the stick last.
    pub last_sent: Instant,
    /// Events that went to the broker, which acknowledged each.
    pub published: usize,
}

impl House {
    /// A house that was not told of stick and broker yet.
    pub fn new(snapshot: Snapshot, store: Option<Store>, blueprint: &Blueprint) -> Self {
        let entropy = Entropy::from_number(2);
        let topics = Topics::new("latchkey", "homeassistant").expect("topics");
        let settings = Settings {
            zone: jiff::tz::TimeZone::UTC,
            mqtt: Some(MqttSettings { topics, names: PublishNames::Name, unlock: Ok(()) }),
            check: CheckSettings::default(),
            network: network::Options::default(),
            seal: "",
            keep: Retention { age: Duration::from_secs(365 * 24 * 3600), events: 1_000_000 },
            boot: None,
            given_keys: None,
        };
        Self {
            bridge: Bridge::new(snapshot, settings, &entropy),
            store,
            world: World::new(blueprint, &entropy),
            link: Link::new(),
            now: Instant::ZERO,
            turn_took: Duration::ZERO,
            last_sent: Instant::ZERO,
            published: 0,
        }
    }

    /// Broker and stick are there; ends when the stick is set up, before locks are asked where their bolts are.
    pub fn start(&mut self) {
        self.turn(Input::Broker(BrokerInput::Connected));
        self.turn(Input::Radio(network::Input::LinkUp));
        self.run_for(Duration::from_secs(1));
        let (status, _) = self.bridge.ask(&Actor::System("bench"), Status, self.now());
        let running = status.expect("a status").running.expect("a store");
        assert!(matches!(running.stick, StickView::Ready { .. }), "{:?}", running.stick);
        assert!(running.oldest_pending.is_none(), "{:?}", running.oldest_pending);
    }

    fn now(&self) -> Now {
        Now { mono: self.now, wall: WALL + self.now.since(Instant::ZERO), trusted: true }
    }

    /// Changes something, waits until the lock did it, and tells how long the bridge took to decide.
    pub fn intend(&mut self, intent: Intent) -> Duration {
        let before = self.last_sent;
        let began = clock();
        let (answer, turn) = self.bridge.ask(&Actor::Uid(1), intent, self.now());
        black_box(self.bridge.poll_deadline());
        let took = began.elapsed();
        answer.expect("accepted");
        self.commit(turn);
        self.run_for(Duration::from_secs(5));
        assert!(self.last_sent > before, "the change reached the lock");
        took
    }

    fn turn(&mut self, input: Input) {
        let began = clock();
        let turn = self.bridge.turn(input, self.now());
        black_box(self.bridge.poll_deadline());
        self.turn_took = began.elapsed();
        self.commit(turn);
    }

    fn commit(&mut self, turn: Turn) {
        if let Some(store) = &mut self.store {
            store.apply(&turn.batch).expect("a commit");
        }
        for after in turn.after {
            match after {
                After::Send(id, frame) => {
                    self.last_sent = self.now;
                    self.link.send(id, frame);
                }
                After::Publish(id, message) => {
                    black_box(message);
                    self.published += 1;
                    self.turn(Input::Broker(BrokerInput::Acked(id)));
                }
                After::Retained(_) | After::Passing(_) | After::Change(_) | After::Live(..) => {}
                After::Reopen => panic!("nothing hangs here"),
            }
        }
    }

    /// Bytes of the stick, through the link, to the bridge.
    pub fn hear(&mut self, bytes: &[u8]) {
        self.link.bytes(bytes, self.now);
        while let Some(event) = self.link.poll_event() {
            self.turn(Input::Radio(match event {
                LinkEvent::Frame(frame) => network::Input::Frame(frame),
                LinkEvent::Sent(id) => network::Input::Sent(id),
                LinkEvent::Failed(id, why) => network::Input::Failed(id, why),
                LinkEvent::Unresponsive => network::Input::Unresponsive,
            }));
        }
        while let Some(bytes) = self.link.poll_transmit(self.now) {
            self.world.bytes_from_host(&bytes, self.now);
        }
    }

    /// Lets the house go on.
    pub fn run_for(&mut self, duration: Duration) {
        let limit = self.now + duration;
        loop {
            self.hear(&[]);
            while let Some(bytes) = self.world.poll_transmit() {
                self.hear(&bytes);
            }
            let deadlines = [self.bridge.poll_deadline(), self.world.poll_deadline(), self.link.poll_deadline()];
            let due = deadlines.into_iter().flatten().map(|deadline| deadline.at).min().filter(|at| *at <= limit);
            let Some(at) = due else { break };
            self.now = self.now.max(at);
            self.world.handle_timeout(self.now);
            self.link.handle_timeout(self.now);
            self.turn(Input::Timeout);
        }
        self.now = limit;
    }
}
