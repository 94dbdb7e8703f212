//! Commit, then release. One function applies a turn; the daemon and the tests share it.

use std::collections::VecDeque;
use std::error::Error;
use std::time::Duration;

use super::clock::Clock;
use crate::bridge::ask::Question;
use crate::bridge::view::StoreTrouble;
use crate::bridge::{After, Bridge, BrokerInput, GivenKeys, Input, Settings, Turn};
use crate::domain::actor::Actor;
use crate::domain::batch::{Batch, Snapshot, Write};
use crate::domain::entropy::Entropy;
use crate::domain::ids::EventId;
use crate::domain::intent::Refusal;
use crate::domain::time::{BootId, Deadline, Instant, Now};
use crate::network;
use crate::serial::Frame;
use crate::store::{Store, Tidied};

/// Frames kept while the store can't be written. Those beyond are lost: the lock repeats what was not answered.
const HELD_FRAMES: usize = 256;
/// Pause before the store is tried again; doubles up to [`MAX_PAUSE`].
const MIN_PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Housekeeping waits until nothing happened for so long …
const QUIET: Duration = Duration::from_secs(5);
/// … rests between its steps, so that whoever comes in between is served …
const TIDY_STEP: Duration = Duration::from_millis(100);
/// … and begins anew after this.
const TIDY_AGAIN: Duration = Duration::from_secs(3600);

/// The bridge and its store: the one place where a decision becomes durable and then visible.
pub struct Turns {
    store: Store,
    settings: Settings,
    entropy: Entropy,
    state: State,
    /// What a fresh bridge has to be told: it was not there when these happened.
    link: Option<network::Input>,
    broker: bool,
    /// What the broker's client said last of commands.
    commands: Option<Result<(), String>>,
    /// Events that the broker acknowledged since the last commit: the store still lists them as waiting.
    acked: Vec<EventId>,
    rebuilds: u64,
    /// Pause after the next failed commit: a disk that stays full is not tried twice a second.
    pause: Duration,
    /// Something other than time last made a turn.
    busy_at: Instant,
    /// The next step of housekeeping, if it is quiet then.
    tidy_at: Instant,
}

enum State {
    Working(Box<Bridge>),
    /// A commit failed. The bridge decided things that are not on the disk, so it is thrown away.
    Broken {
        why: String,
        retry: Instant,
        /// Frames, and when they came.
        held: VecDeque<(Frame, Instant)>,
        lost: u64,
    },
}

impl Turns {
    /// A bridge on what the store holds.
    pub fn new(store: Store, snapshot: Snapshot, settings: Settings, entropy: Entropy) -> Self {
        let bridge = Bridge::new(snapshot, settings.clone(), &entropy);
        let state = State::Working(Box::new(bridge));
        Self {
            store,
            settings,
            entropy,
            state,
            link: None,
            broker: false,
            commands: None,
            acked: Vec::new(),
            rebuilds: 0,
            pause: MIN_PAUSE,
            busy_at: Instant::ZERO,
            tidy_at: Instant::ZERO,
        }
    }

    /// One turn: decide, commit, and only then hand out what others can see.
    pub fn take(&mut self, input: Input, now: Now) -> Vec<After> {
        self.remember(&input);
        match input {
            Input::Timeout => self.tidy_if_quiet(now),
            _ => self.busy_at = now.mono,
        }
        let frame = frame_in(&input, now.mono);
        let bridge = match &mut self.state {
            State::Working(bridge) => bridge,
            State::Broken { retry, held, lost, .. } => {
                match input {
                    Input::Radio(_) if held.len() < HELD_FRAMES => held.extend(frame),
                    Input::Radio(network::Input::Frame(_) | network::Input::Waited { .. }) => {
                        *lost += 1;
                        // Powers of two: the log may lie on the disk that fails.
                        if lost.is_power_of_two() {
                            tracing::error!(lost, "nothing can be saved and memory is full: frames from the stick are dropped");
                        }
                    }
                    Input::Radio(_) | Input::Broker(_) => {}
                    Input::Timeout if *retry <= now.mono => return self.rebuild(now),
                    Input::Timeout | Input::Stopping => {}
                }
                return Vec::new();
            }
        };
        let turn = bridge.turn(input, now);
        // What can't be saved has no effects.
        self.commit(turn, frame, now).unwrap_or_default()
    }

    /// One turn that answers a question, or carries out a change. The answer and what others can see, once it is committed;
    /// if it can't be, the question counts as never asked.
    pub fn ask<Q: Question>(&mut self, actor: &Actor, question: Q, now: Now) -> (Result<Q::Answer, Refusal>, Vec<After>) {
        self.busy_at = now.mono;
        let (answer, turn) = match &mut self.state {
            State::Working(bridge) => bridge.ask(actor, question, now),
            State::Broken { why, retry, held, lost } => {
                let next_try = now.wall + retry.since(now.mono);
                let trouble = StoreTrouble { why, next_try, held: held.len(), lost: *lost };
                return (question.put_without_store(&trouble, &self.settings), Vec::new());
            }
        };
        match self.commit(turn, None, now) {
            Ok(effects) => (answer, effects),
            Err(why) => (Err(Refusal::StoreUnavailable(why)), Vec::new()),
        }
    }

    /// Makes a turn durable; what others can see comes out of it only then. `frame` is what the turn was about: it is kept
    /// for the next bridge if nothing can be saved. `Err`: why not.
    fn commit(&mut self, turn: Turn, frame: Option<(Frame, Instant)>, now: Now) -> Result<Vec<After>, String> {
        if turn.batch.is_empty() {
            return Ok(turn.after);
        }
        match self.store.apply(&turn.batch) {
            Ok(()) => {
                self.pause = MIN_PAUSE;
                self.acked.clear();
                Ok(turn.after)
            }
            Err(error) => {
                let why = error.to_string();
                tracing::error!(why = with_causes(&error), "a change could not be committed; nothing of it was released");
                let retry = now.mono + self.next_pause();
                self.state = State::Broken { why: why.clone(), retry, held: frame.into_iter().collect(), lost: 0 };
                Err(why)
            }
        }
    }

    /// Other settings from now on.
    pub fn configure(&mut self, settings: Settings) {
        if let State::Working(bridge) = &mut self.state {
            bridge.configure(settings.clone());
        }
        self.settings = settings;
    }

    /// The boot the settings name.
    pub fn boot(&self) -> Option<BootId> {
        self.settings.boot.clone()
    }

    /// The keys that came from outside the store, at the start.
    pub fn given_keys(&self) -> Option<GivenKeys> {
        self.settings.given_keys.clone()
    }

    /// How the daemon is, in one line.
    pub fn headline(&mut self, now: Now) -> String {
        match &mut self.state {
            State::Working(bridge) => bridge.headline(now),
            State::Broken { why, .. } => format!("the store can't be written: {why}"),
        }
    }

    /// When to call [`Turns::take`] with [`Input::Timeout`], and why.
    pub fn poll_deadline(&self) -> Option<Deadline> {
        match &self.state {
            State::Working(bridge) => {
                let quiet = (self.busy_at + QUIET).max(self.tidy_at);
                Deadline::earliest(bridge.poll_deadline(), Some(Deadline { at: quiet, why: "housekeeping of the store" }))
            }
            State::Broken { retry, .. } => Some(Deadline { at: *retry, why: "the store is tried again" }),
        }
    }

    /// A step of housekeeping, when nothing but time has gone by for a moment. What it fails at can wait: whether the store
    /// takes a turn's changes is found out by the turn.
    fn tidy_if_quiet(&mut self, now: Now) {
        let State::Working(bridge) = &mut self.state else { return };
        if now.mono < (self.busy_at + QUIET).max(self.tidy_at) {
            return;
        }
        let believed = bridge.believe(now);
        let pause = match self.store.tidy(&self.settings.keep, believed.trusted.then_some(believed.wall)) {
            Ok(Tidied::More) => TIDY_STEP,
            Ok(Tidied::Done) => TIDY_AGAIN,
            Err(error) => {
                tracing::warn!(%error, "housekeeping of the store failed; it is tried again in an hour");
                TIDY_AGAIN
            }
        };
        self.tidy_at = now.mono + pause;
    }

    /// The state, from a store that was just seen to take a write: a full disk reads well, and what was held must not
    /// be spent on it.
    fn reload(&mut self) -> Result<Snapshot, String> {
        let snapshot = self.store.load().map_err(|error| with_causes(&error))?;
        // There and back: a row that is given the value it has already is not written at all.
        let there_and_back = [snapshot.generation.next(), snapshot.generation];
        let probe = Batch { writes: there_and_back.map(Write::Generation).into() };
        self.store.apply(&probe).map_err(|error| with_causes(&error))?;
        Ok(snapshot)
    }

    fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(MAX_PAUSE);
        pause
    }

    fn remember(&mut self, input: &Input) {
        match input {
            Input::Radio(
                state @ (network::Input::LinkUp | network::Input::LinkDown { .. } | network::Input::LinkWaiting { .. }),
            ) => {
                self.link = Some(state.clone());
            }
            Input::Broker(BrokerInput::Connected) => self.broker = true,
            Input::Broker(BrokerInput::Disconnected { .. }) => self.broker = false,
            Input::Broker(BrokerInput::Acked(id)) => self.acked.push(*id),
            Input::Broker(BrokerInput::Commands(commands)) => self.commands = Some(commands.clone()),
            Input::Radio(_) | Input::Broker(_) | Input::Timeout | Input::Stopping => {}
        }
    }

    /// Builds the bridge anew from what is on the disk, and tells it what it missed.
    fn rebuild(&mut self, now: Now) -> Vec<After> {
        let snapshot = match self.reload() {
            Ok(snapshot) => snapshot,
            Err(why) => {
                tracing::error!(why, "the store still does not work");
                let pause = self.next_pause();
                if let State::Broken { retry, .. } = &mut self.state {
                    *retry = now.mono + pause;
                }
                return Vec::new();
            }
        };
        let (held, lost) = match &mut self.state {
            State::Broken { held, lost, .. } => (std::mem::take(held), *lost),
            State::Working(_) => (VecDeque::new(), 0),
        };
        self.rebuilds += 1;
        // A bridge of its own randomness: ids it handed out before must not come again.
        let entropy = self.entropy.child(&format!("rebuild {}", self.rebuilds));
        let mut bridge = Bridge::new(snapshot, self.settings.clone(), &entropy);
        // Else the broker gets them once more, and behind newer ones.
        for id in &self.acked {
            bridge.was_acked(*id, now.mono);
        }
        self.state = State::Working(Box::new(bridge));
        tracing::info!(lost, "the store works again; the bridge was rebuilt from it");
        let link = self.link.clone().map(Input::Radio);
        let broker = self.broker.then_some(Input::Broker(BrokerInput::Connected));
        let commands = self.commands.clone().map(|commands| Input::Broker(BrokerInput::Commands(commands)));
        let frames = held.into_iter().map(|(frame, since)| Input::Radio(network::Input::Waited { frame, since }));
        let missed: Vec<Input> = link.into_iter().chain(broker).chain(commands).chain(frames).collect();
        missed.into_iter().flat_map(|input| self.take(input, now)).collect()
    }
}

/// An error with what caused it, for the log.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// The frame in an input, and when it came.
fn frame_in(input: &Input, now: Instant) -> Option<(Frame, Instant)> {
    match input {
        Input::Radio(network::Input::Frame(frame)) => Some((frame.clone(), now)),
        Input::Radio(network::Input::Waited { frame, since }) => Some((frame.clone(), *since)),
        _ => None,
    }
}

/// The runtime's moment for a deadline; far away if there is none.
pub fn moment(clock: &Clock, deadline: Option<Deadline>) -> tokio::time::Instant {
    let at = deadline.map(|deadline| deadline.at);
    clock.at(at.unwrap_or_else(|| clock.mono() + Duration::from_secs(3600)))
}
