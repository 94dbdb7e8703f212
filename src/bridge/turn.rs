//! The turn: one input in, one batch and its consequences out.

use std::collections::BTreeSet;

use super::actors::Actors;
use super::announce::Announcer;
use super::ask::Question;
use super::bolts::Bolts;
use super::clock::{ClockWatch, Occasion};
use super::commands::{self, Request};
use super::context::{Context, Effects};
use super::inbound::Intake;
use super::intents::Intents;
use super::look::Look;
use super::mechanisms::Mechanisms;
use super::membership::Membership;
use super::network_events::Receivers;
use super::state::State;
use super::sync::Sync;
use super::vitals::Vitals;
use super::words::{After, BrokerInput, Input, Settings, Turn};
use super::{damage, standing};
use crate::domain::actor::Actor;
use crate::domain::batch::Snapshot;
use crate::domain::entropy::Entropy;
use crate::domain::ids::EventId;
use crate::domain::intent::Refusal;
use crate::domain::time::{Deadline, Instant, Now, Timestamp};
use crate::network::{self, ControllerStatus, Network, Output};

/// The owner of all state: one struct for each mechanism, and the context that they share.
///
/// # Order of a turn
///
/// [`Bridge::turn`] takes one input and does this, in this order:
///
/// 1. The clock says which time it is.
/// 2. After a start on an older copy of the database, all slots are put in doubt before anything else is planned.
/// 3. The input goes to its mechanism. A mechanism changes the state, submits jobs to the network, adds effects, and marks
///    devices as touched. It never sends anything itself.
/// 4. Until nothing moves any more: events of the network go to their mechanisms, and each touched lock takes its next step
///    towards the desired state.
/// 5. The grants of those locks get their status.
/// 6. The announcer adds what the broker should get.
/// 7. Rows that waited for a commit go along with this one.
///
/// The caller commits [`Turn::batch`] and then releases [`Turn::after`], in order. If the commit fails it releases nothing and
/// builds a new bridge from the store: what a turn decided counts only once it is on the disk.
pub struct Bridge {
    pub(super) parts: Mechanisms,
    /// The store is an older copy, and its slots are not in doubt yet.
    is_older_copy: bool,
}

impl Bridge {
    /// Takes over what the store holds. Sends nothing and writes nothing until its first turn.
    pub fn new(snapshot: Snapshot, settings: Settings, entropy: &Entropy) -> Self {
        let nodes = snapshot.nodes.clone();
        let network =
            Network::new(nodes, snapshot.home, snapshot.network_keys.clone(), settings.network.clone(), entropy.child("network"));
        let announcer = Announcer::new(snapshot.outbox.clone());
        let clock = ClockWatch::new(snapshot.high_water, snapshot.boot.clone(), settings.boot.clone());
        let sync = Sync::new(&snapshot.slots, settings.check, entropy.child("sync"));
        let is_older_copy = snapshot.is_older_copy;
        let mut state = State::new(snapshot);
        state.doubt_bolts();
        let mut cx = Context {
            state,
            network,
            sync,
            clock,
            actors: Actors::default(),
            out: Effects::default(),
            entropy: entropy.child("ids"),
            settings,
            now: Now { mono: Instant::ZERO, wall: Timestamp::default(), trusted: false },
        };
        judge_weak_codes(&mut cx);
        let parts = Mechanisms {
            cx,
            intents: Intents::default(),
            bolts: Bolts::default(),
            intake: Intake::default(),
            membership: Membership::default(),
            announcer,
        };
        Self { parts, is_older_copy }
    }

    pub fn turn(&mut self, input: Input, now: Now) -> Turn {
        let stopping = matches!(input, Input::Stopping);
        self.in_turn(stopping, now, |bridge| bridge.handle(input)).1
    }

    /// One turn that answers a question, or carries out a change. The answer counts once the batch is on the disk.
    pub fn ask<Q: Question>(&mut self, actor: &Actor, question: Q, now: Now) -> (Result<Q::Answer, Refusal>, Turn) {
        self.in_turn(false, now, |bridge| question.put(&mut bridge.parts, actor))
    }

    fn in_turn<T>(&mut self, stopping: bool, now: Now, act: impl FnOnce(&mut Self) -> T) -> (T, Turn) {
        let cx = &mut self.parts.cx;
        cx.now = cx.clock.read(now);
        cx.sync.begins(cx.now);
        // Before anything is planned: what an older copy wants must not be written unchecked.
        if std::mem::take(&mut self.is_older_copy) {
            damage::doubt_older_copy(cx);
        }
        let done = act(self);
        self.settle();
        let Mechanisms { cx, announcer, .. } = &mut self.parts;
        announcer.announce(cx);
        self.keep_the_rest(stopping);
        let cx = &mut self.parts.cx;
        (done, Turn { batch: cx.state.take_batch(), after: std::mem::take(&mut cx.out.after) })
    }

    /// When to call [`Bridge::turn`] with [`Input::Timeout`], and why.
    pub fn poll_deadline(&self) -> Option<Deadline> {
        let Context { state, network, sync, clock, .. } = &self.parts.cx;
        let all = [self.parts.bolts.deadline(), state.deadline(), clock.deadline(), network.poll_deadline(), sync.deadline()];
        all.into_iter().flatten().min_by_key(|deadline| deadline.at)
    }

    /// Other settings from now on. Topics stay.
    pub fn configure(&mut self, settings: Settings) {
        self.parts.cx.network.set_zone(settings.zone.clone());
        self.parts.cx.sync.configure(settings.check);
        self.parts.cx.settings = settings;
        self.parts.announcer.say_all_again();
    }

    /// The time as it is to be believed.
    pub fn believe(&mut self, now: Now) -> Now {
        self.parts.cx.clock.read(now)
    }

    /// The broker acknowledged this event before the bridge was built, and the store could not note it.
    pub fn was_acked(&mut self, id: EventId, now: Instant) {
        self.parts.announcer.was_acked(id, &mut self.parts.cx, now);
    }

    /// How the daemon is, in one line.
    pub fn headline(&mut self, now: Now) -> String {
        self.parts.cx.now = self.parts.cx.clock.read(now);
        Vitals::of(&self.look()).headline()
    }

    pub(super) fn look(&self) -> Look<'_> {
        self.parts.look()
    }

    fn handle(&mut self, input: Input) {
        match input {
            Input::Radio(input) => self.radio(input),
            Input::Broker(BrokerInput::Message { topic, payload, retained }) => self.command(&topic, &payload, retained),
            Input::Broker(input) => self.parts.announcer.handle(input, &mut self.parts.cx),
            Input::Timeout => {
                self.parts.cx.network.handle_timeout(self.parts.cx.now);
                let due = self.parts.cx.sync.due(self.parts.cx.now.mono);
                self.parts.cx.touch_each(due);
                self.parts.bolts.handle_timeout(&mut self.parts.cx);
            }
            Input::Stopping => self.parts.cx.network.stop(self.parts.cx.now),
        }
    }

    fn radio(&mut self, input: network::Input) {
        let cx = &mut self.parts.cx;
        let before = std::mem::discriminant(cx.network.controller());
        cx.network.handle(input, cx.now);
        if std::mem::discriminant(cx.network.controller()) != before {
            if !matches!(cx.network.controller(), ControllerStatus::Ready(_)) {
                cx.state.doubt_bolts();
            }
            cx.touch_all();
        }
    }

    fn command(&mut self, topic: &str, payload: &[u8], retained: bool) {
        match commands::read(topic, payload, retained, &mut self.parts.cx) {
            Some(Request::Change(intent)) => {
                if let Err(refusal) = self.parts.change(&Actor::Mqtt, intent)
                    && let Some(times) = self.parts.cx.out.tally(refusal.to_string())
                {
                    tracing::warn!(%refusal, times, "a command over MQTT was refused");
                }
            }
            Some(Request::AnnounceAll) => self.parts.announcer.say_all_again(),
            None => {}
        }
    }

    /// Until nothing moves any more: an event of the network may concern a lock, and a step at a lock makes a frame.
    fn settle(&mut self) {
        let Mechanisms { cx, intake, bolts, membership, .. } = &mut self.parts;
        let mut to_assess = BTreeSet::new();
        loop {
            while let Some(output) = cx.network.poll_output() {
                match output {
                    Output::Send { id, frame } => cx.out.after.push(After::Send(id, frame)),
                    Output::Reopen => cx.out.after.push(After::Reopen),
                    Output::Event(event) => {
                        Receivers { intake, bolts, membership }.handle(event, cx);
                    }
                }
            }
            let Some(device) = cx.out.pop_touched() else { break };
            cx.sync.drive(device, &mut cx.state, &mut cx.network, cx.now);
            to_assess.insert(device);
        }
        for device in to_assess {
            standing::assess(device, cx);
            // Whether it can be reached is shown, too, and is no row.
            cx.state.note_changed(device);
        }
    }

    /// Adds to the batch what is kept along with other changes, or because it waited long enough.
    fn keep_the_rest(&mut self, stopping: bool) {
        let Context { state, clock, now, .. } = &mut self.parts.cx;
        state.flush_deferred(stopping, now.mono);
        let occasion = match (stopping, state.has_changes()) {
            (true, _) => Occasion::Stopping,
            (false, true) => Occasion::WithOthers,
            (false, false) => Occasion::Alone,
        };
        state.put_time(clock.note(occasion, *now));
    }
}

/// Rows from before there was a rule for the class that doors need: locks that hold codes keep them.
fn judge_weak_codes(cx: &mut Context) {
    let state = &cx.state;
    let holds_codes = |node| {
        state.device_of(node).is_some_and(|device| {
            let has_slots = state.slots(device.id).values().any(|slot| slot.owner.is_some());
            has_slots || state.grants_on(device.id).any(|grant| grant.wanted)
        })
    };
    cx.network.judge_weak_codes(holds_codes);
}
