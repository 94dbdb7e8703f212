//! The turn: one input in, one batch and its consequences out.

use std::collections::BTreeSet;

use super::actors::Actors;
use super::announce::Announcer;
use super::ask::{Actor, Ask, Reply};
use super::bolts::Bolts;
use super::clock::{ClockWatch, Occasion};
use super::commands::{self, Request};
use super::context::{Context, Effects};
use super::inbound::Intake;
use super::intents::{self, Intents};
use super::look::Look;
use super::membership::{Membership, devices};
use super::network_events::Receivers;
use super::state::State;
use super::sync::Sync;
use super::vitals::Vitals;
use super::words::{After, BrokerInput, Input, Settings, Turn};
use super::{damage, import, standing, view};
use crate::domain::batch::Snapshot;
use crate::domain::device::LockState;
use crate::domain::entropy::Entropy;
use crate::domain::ids::EventId;
use crate::domain::intent::{Accepted, Intent, Refusal};
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
    pub(super) cx: Context,
    intents: Intents,
    bolts: Bolts,
    intake: Intake,
    pub(super) membership: Membership,
    announcer: Announcer,
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
        Self {
            cx,
            intents: Intents::default(),
            bolts: Bolts::default(),
            intake: Intake::default(),
            membership: Membership::default(),
            announcer,
            is_older_copy,
        }
    }

    /// One turn.
    pub fn turn(&mut self, input: Input, now: Now) -> Turn {
        let now = self.cx.clock.read(now);
        self.cx.now = now;
        self.cx.sync.begins(now);
        let stopping = matches!(input, Input::Stopping);
        // Before anything is planned: what an older copy wants must not be written unchecked.
        if std::mem::take(&mut self.is_older_copy) {
            damage::doubt_older_copy(&mut self.cx);
        }
        self.handle(input);
        self.settle();
        self.announcer.announce(&mut self.cx);
        self.keep_the_rest(stopping);
        Turn { batch: self.cx.state.take_batch(), after: std::mem::take(&mut self.cx.out.after) }
    }

    /// When to call [`Bridge::turn`] with [`Input::Timeout`], and why.
    pub fn poll_deadline(&self) -> Option<Deadline> {
        let Context { state, network, sync, clock, .. } = &self.cx;
        let all = [self.bolts.deadline(), state.deadline(), clock.deadline(), network.poll_deadline(), sync.deadline()];
        all.into_iter().flatten().min_by_key(|deadline| deadline.at)
    }

    /// Other settings from now on. Topics stay.
    pub fn configure(&mut self, settings: Settings) {
        self.cx.network.set_zone(settings.zone.clone());
        self.cx.sync.configure(settings.check);
        self.cx.settings = settings;
        self.announcer.say_all_again();
    }

    /// The time as it is to be believed.
    pub fn believe(&mut self, now: Now) -> Now {
        self.cx.clock.read(now)
    }

    /// The broker acknowledged this event before the bridge was built, and the store could not note it.
    pub fn was_acked(&mut self, id: EventId, now: Instant) {
        self.announcer.was_acked(id, &mut self.cx, now);
    }

    /// How the daemon is, in one line.
    pub fn headline(&mut self, now: Now) -> String {
        self.cx.now = self.cx.clock.read(now);
        Vitals::of(self.look()).headline()
    }

    pub(super) fn look(&self) -> Look<'_> {
        Look { cx: &self.cx, membership: &self.membership, announcer: &self.announcer }
    }

    fn handle(&mut self, input: Input) {
        match input {
            Input::Radio(input) => self.radio(input),
            Input::Ask { ticket, actor, ask } => {
                let answer = self.ask(&actor, ask);
                self.cx.out.after.push(After::Answer(ticket, answer));
            }
            Input::Broker(BrokerInput::Message { topic, payload, retained }) => self.command(&topic, &payload, retained),
            Input::Broker(input) => self.announcer.handle(input, &mut self.cx),
            Input::Timeout => {
                self.cx.network.handle_timeout(self.cx.now);
                let due = self.cx.sync.due(self.cx.now.mono);
                self.cx.touch_each(due);
                self.bolts.handle_timeout(&mut self.cx);
            }
            Input::Stopping => self.cx.network.stop(self.cx.now),
        }
    }

    fn radio(&mut self, input: network::Input) {
        let cx = &mut self.cx;
        let before = std::mem::discriminant(cx.network.controller());
        cx.network.handle(input, cx.now);
        if std::mem::discriminant(cx.network.controller()) != before {
            if !matches!(cx.network.controller(), ControllerStatus::Ready(_)) {
                cx.state.doubt_bolts();
            }
            cx.touch_all();
        }
    }

    fn ask(&mut self, actor: &Actor, ask: Ask) -> Result<Reply, Refusal> {
        let look = self.look();
        match ask {
            Ask::Intent(intent) => self.change(actor, intent).map(Reply::Accepted),
            Ask::People => Ok(Reply::View(view::people(look))),
            Ask::Person(id) => Ok(view::person(look, id).map_or(Reply::NotFound, Reply::View)),
            Ask::Devices => Ok(Reply::View(view::devices(look))),
            Ask::Device(name) => Ok(view::device_named(look, &name).map_or(Reply::NotFound, Reply::View)),
            Ask::Grant(id) => Ok(view::grant(look, id).map_or(Reply::NotFound, Reply::View)),
            Ask::Status => Ok(Reply::View(view::status(look))),
            Ask::Vitals => Ok(Reply::Vitals(Box::new(Vitals::of(look)))),
            Ask::Network => Ok(Reply::View(view::network(look))),
            Ask::ExportKeys => Ok(import::export_keys(actor, &mut self.cx)),
            Ask::Members(ask) => self.membership.handle(actor, ask, &mut self.cx),
        }
    }

    fn change(&mut self, actor: &Actor, intent: Intent) -> Result<Accepted, Refusal> {
        let cx = &mut self.cx;
        let accepted = match intent {
            Intent::AddPerson(new) => self.intents.by(actor, cx).add_person(new),
            Intent::EditPerson(id, change) => self.intents.by(actor, cx).edit_person(id, change),
            Intent::RemovePerson(id) => self.intents.by(actor, cx).remove_person(id),
            Intent::Grant { person, device, schedule } => self.intents.by(actor, cx).grant(person, &device, schedule),
            Intent::Revoke { person, device } => self.intents.by(actor, cx).revoke(person, &device),
            Intent::Rename { device, name, slug } => intents::rename(actor, &device, &name, slug.as_deref(), cx),
            Intent::Check(device) => intents::check(&device, cx),
            Intent::Lock(device) => self.bolts.operate(actor, &device, LockState::Locked, cx),
            Intent::Unlock(device) => self.bolts.operate(actor, &device, LockState::Unlocked, cx),
            Intent::ImportNetwork(takeover) => import::take_over(actor, *takeover, &mut self.membership.names, cx),
            Intent::ReplaceDevice { old, new } => self.membership.replace_device(actor, &old, &new, cx),
            Intent::RemoveDevice(device) => devices::remove_device(actor, &device, cx),
            Intent::AllowInsecure(device) => devices::allow_insecure(actor, &device, cx),
        }?;
        for id in &accepted.grants {
            let Some(grant) = cx.state.grant(*id) else { continue };
            let device = grant.device;
            if let Some(slot) = cx.state.slot_of(grant) {
                cx.sync.forget_failures(device, slot.key.index);
            }
            cx.touch(device);
            cx.sync.replan(device, &mut cx.network);
            if let Some(node) = cx.state.device(device).and_then(|device| device.node) {
                cx.network.urge(node, cx.now);
            }
        }
        cx.touch_each(accepted.device);
        Ok(accepted)
    }

    fn command(&mut self, topic: &str, payload: &[u8], retained: bool) {
        match commands::read(topic, payload, retained, &mut self.cx) {
            Some(Request::Change(intent)) => {
                if let Err(refusal) = self.change(&Actor::Mqtt, intent)
                    && let Some(times) = self.cx.out.tally(refusal.to_string())
                {
                    tracing::warn!(%refusal, times, "a command over MQTT was refused");
                }
            }
            Some(Request::AnnounceAll) => self.announcer.say_all_again(),
            None => {}
        }
    }

    /// Until nothing moves any more: an event of the network may concern a lock, and a step at a lock makes a frame.
    fn settle(&mut self) {
        let cx = &mut self.cx;
        let mut to_assess = BTreeSet::new();
        loop {
            while let Some(output) = cx.network.poll_output() {
                match output {
                    Output::Send { id, frame } => cx.out.after.push(After::Send(id, frame)),
                    Output::Reopen => cx.out.after.push(After::Reopen),
                    Output::Event(event) => {
                        let (intake, bolts, membership) = (&mut self.intake, &mut self.bolts, &mut self.membership);
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
        let Context { state, clock, now, .. } = &mut self.cx;
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
