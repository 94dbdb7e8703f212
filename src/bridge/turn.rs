//! The turn: one input in, one batch and its consequences out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::actors::Actors;
use super::announce::Announcer;
use super::ask::{Actor, Ask, Reply};
use super::bolts::Bolts;
use super::clock::{ClockWatch, Occasion};
use super::intents::{Desk, Refusals};
use super::membership::Membership;
use super::state::State;
use super::sync::Sync;
use super::twins::Twins;
use super::view;
use super::vitals::Vitals;
use super::words::{After, BrokerInput, Input, Settings, Ticket, Turn};
use crate::domain::batch::{Damage, Snapshot};
use crate::domain::device::{Device, Inventory, LockState};
use crate::domain::entropy::Entropy;
use crate::domain::event::Event;
use crate::domain::grant::{Grant, Reason, Status};
use crate::domain::ids::{DeviceId, EventId};
use crate::domain::intent::{Accepted, Intent, Refusal};
use crate::domain::tally::Tallies;
use crate::domain::time::{Deadline, Instant, Now};
use crate::mqtt::topic::Inbound;
use crate::network::{ControllerStatus, Network, Output};

/// Rows that are no hurry go along with the next commit, or after this, or when so many wait: an event then costs one
/// commit and not two.
const NO_HURRY: Duration = Duration::from_secs(2);
const NO_HURRY_ROWS: usize = 32;

/// The owner of state.
pub struct Bridge {
    pub(super) state: State,
    pub(super) network: Network,
    pub(super) sync: Sync,
    pub(super) membership: Membership,
    pub(super) announcer: Announcer,
    pub(super) clock: ClockWatch,
    pub(super) settings: Settings,
    pub(super) entropy: Entropy,
    pub(super) twins: Twins,
    pub(super) after: Vec<After>,
    refusals: Refusals,
    pub(super) bolts: Bolts,
    actors: Actors,
    /// What others can make happen as often as they like, by the line it has in the log.
    pub(super) tallies: Tallies<String>,
    touched: BTreeSet<DeviceId>,
    flushed: BTreeMap<DeviceId, Instant>,
    /// When rows that are no hurry go to the disk, if nothing takes them along before.
    hurry_at: Option<Instant>,
    /// What can't be read in the store.
    pub(super) damage: Vec<Damage>,
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
        let (is_older_copy, damage) = (snapshot.is_older_copy, snapshot.damage.clone());
        let mut state = State::new(snapshot);
        state.doubt_bolts();
        let mut bridge = Self {
            network,
            announcer,
            clock,
            sync,
            state,
            membership: Membership::default(),
            entropy: entropy.child("ids"),
            settings,
            twins: Twins::default(),
            after: Vec::new(),
            refusals: Refusals::default(),
            bolts: Bolts::default(),
            actors: Actors::default(),
            tallies: Tallies::default(),
            touched: BTreeSet::new(),
            flushed: BTreeMap::new(),
            hurry_at: None,
            damage,
            is_older_copy,
        };
        bridge.judge_weak_codes();
        bridge
    }

    /// Rows from before there was a rule for the class that doors need: locks that hold codes keep them.
    fn judge_weak_codes(&mut self) {
        let state = &self.state;
        let holds_codes = |node| {
            state.device_of(node).is_some_and(|device| {
                let has_slots = state.slots(device.id).values().any(|slot| slot.owner.is_some());
                has_slots || state.grants_on(device.id).any(|grant| grant.wanted)
            })
        };
        self.network.judge_weak_codes(holds_codes);
    }

    /// One turn.
    pub fn turn(&mut self, input: Input, now: Now) -> Turn {
        let now = self.clock.read(now);
        self.sync.begins(now);
        let stopping = matches!(input, Input::Stopping);
        // Before anything is planned: what an older copy wants must not be written unchecked.
        if std::mem::take(&mut self.is_older_copy) {
            self.doubt_older_copy(now);
        }
        match input {
            Input::Radio(input) => {
                let before = std::mem::discriminant(self.network.controller());
                self.network.handle(input, now);
                if std::mem::discriminant(self.network.controller()) != before {
                    if !matches!(self.network.controller(), ControllerStatus::Ready(_)) {
                        self.state.doubt_bolts();
                    }
                    self.touch_all();
                }
            }
            Input::Ask { ticket, actor, ask } => self.ask(ticket, &actor, ask, now),
            Input::Broker(input) => self.broker(input, now),
            Input::Timeout => {
                self.network.handle_timeout(now);
                self.touched.extend(self.sync.due(now.mono));
                self.move_bolts(now);
                self.ask_for_bolts(now);
            }
            Input::Stopping => self.network.stop(now),
        }
        self.settle(now);
        self.announce(now);
        self.keep_the_rest(stopping, now);
        Turn { batch: self.state.take_batch(), after: std::mem::take(&mut self.after) }
    }

    /// When to call [`Bridge::turn`] with [`Input::Timeout`], and why.
    pub fn poll_deadline(&self) -> Option<Deadline> {
        let hurry = self.hurry_at.map(|at| Deadline { at, why: "rows that were no hurry" });
        let all = [self.bolts.deadline(), hurry, self.clock.deadline(), self.network.poll_deadline(), self.sync.deadline()];
        all.into_iter().flatten().min_by_key(|deadline| deadline.at)
    }

    /// Other settings from now on. Topics stay.
    pub fn configure(&mut self, settings: Settings) {
        self.network.set_zone(settings.zone.clone());
        self.sync.configure(settings.check);
        self.settings = settings;
        self.announcer.say_all_again();
    }

    /// The time as it is to be believed.
    pub fn believe(&mut self, now: Now) -> Now {
        self.clock.read(now)
    }

    /// Adds to the batch what is kept along with other changes, or because it waited long enough.
    fn keep_the_rest(&mut self, stopping: bool, now: Now) {
        if stopping || self.hurry_at.is_some_and(|at| at <= now.mono) {
            self.state.hurry();
        }
        let occasion = match (stopping, self.state.has_changes()) {
            (true, _) => Occasion::Stopping,
            (false, true) => Occasion::WithOthers,
            (false, false) => Occasion::Alone,
        };
        self.state.put_time(self.clock.note(occasion, now));
        if self.state.has_changes() {
            self.hurry_at = None;
        }
    }

    /// The broker has an event: its row goes soon.
    pub(super) fn acked(&mut self, id: EventId, now: Instant) {
        if let Some(done) = self.announcer.acked(id) {
            self.delete_soon(done, now);
        }
    }

    /// The broker acknowledged this event before the bridge was built, and the store could not note it.
    pub fn was_acked(&mut self, id: EventId, now: Instant) {
        if let Some(done) = self.announcer.was_acked(id) {
            self.delete_soon(done, now);
        }
    }

    fn delete_soon(&mut self, done: EventId, now: Instant) {
        let waiting = self.state.outbox_done(done);
        let patience = if waiting < NO_HURRY_ROWS { NO_HURRY } else { Duration::ZERO };
        self.hurry_at = Some(self.hurry_at.map_or(now + patience, |at| at.min(now + patience)));
    }

    /// Until nothing moves any more: what the network says may move a lock, and a step at a lock makes a frame.
    fn settle(&mut self, now: Now) {
        let mut assess = BTreeSet::new();
        loop {
            while let Some(output) = self.network.poll_output() {
                match output {
                    Output::Send { id, frame } => self.after.push(After::Send(id, frame)),
                    Output::Reopen => self.after.push(After::Reopen),
                    Output::Event(event) => self.network_event(event, now),
                }
            }
            let Some(device) = self.touched.pop_first() else { break };
            self.sync.drive(device, &mut self.state, &mut self.network, now);
            assess.insert(device);
        }
        for device in assess {
            self.assess(device, now);
            // Whether it can be reached shows, too, and is no row.
            self.state.note_changed(device);
        }
    }

    /// Writes down where the grants of a device stand, where that changed.
    fn assess(&mut self, device: DeviceId, now: Now) {
        for grant in self.state.grants_on(device).cloned().collect::<Vec<_>>() {
            let standing = self.sync.standing(&grant, &self.state, &self.network);
            let since = if standing.status == grant.status { grant.since } else { now.wall };
            let attempts = self.sync.failures(&grant, &self.state);
            let (status, reason, next_try, confirmed) = (standing.status, standing.reason, standing.next_try, standing.confirmed);
            if status != grant.status {
                self.log_grant(&grant, status, reason);
            }
            self.state.put_grant(Grant { status, reason, next_try, confirmed, since, attempts, ..grant });
        }
    }

    /// A line for the log. Names stay out of it: an id says who, to those who may know.
    fn log_grant(&self, grant: &Grant, status: Status, reason: Option<Reason>) {
        let Some(device) = self.state.device(grant.device) else { return };
        let node = device.node.map(|node| node.0);
        if status.needs_somebody() {
            tracing::warn!(node, device = %device.slug, person = %grant.person, ?status, ?reason, "a grant needs somebody");
        } else {
            tracing::debug!(node, device = %device.slug, person = %grant.person, ?status, ?reason, "a grant moved on");
        }
    }

    fn ask(&mut self, ticket: Ticket, actor: &Actor, ask: Ask, now: Now) {
        let answer = match ask {
            Ask::Intent(intent) => self.intend(actor, intent, now).map(Reply::Accepted),
            Ask::People => Ok(Reply::View(view::people(self))),
            Ask::Person(id) => Ok(view::person(self, id).map_or(Reply::NotFound, Reply::View)),
            Ask::Devices => Ok(Reply::View(view::devices(self))),
            Ask::Device(name) => Ok(view::device_named(self, &name).map_or(Reply::NotFound, Reply::View)),
            Ask::Grant(id) => Ok(view::grant(self, id).map_or(Reply::NotFound, Reply::View)),
            Ask::Status => Ok(Reply::View(view::status(self, now))),
            Ask::Vitals => Ok(Reply::Vitals(Box::new(Vitals::of(self, now)))),
            Ask::Network => Ok(Reply::View(view::network(self))),
            Ask::ExportKeys => Ok(self.export_keys(actor, now)),
            Ask::Members(ask) => self.ask_members(actor, ask, now),
        };
        self.after.push(After::Answer(ticket, answer));
    }

    pub(super) fn intend(&mut self, actor: &Actor, intent: Intent, now: Now) -> Result<Accepted, Refusal> {
        let (state, entropy, refusals) = (&mut self.state, &mut self.entropy, &mut self.refusals);
        let mut desk = Desk { state, entropy, refusals, actor, now };
        let accepted = match intent {
            Intent::AddPerson(new) => desk.add_person(new),
            Intent::EditPerson(id, change) => desk.edit_person(id, change),
            Intent::RemovePerson(id) => desk.remove_person(id),
            Intent::Grant { person, device, schedule } => desk.grant(person, &device, schedule),
            Intent::Revoke { person, device } => desk.revoke(person, &device),
            Intent::Rename { device, name, slug } => {
                let before = desk.state.device_named(&device).cloned();
                let renamed = desk.rename(&device, &name, slug.as_deref());
                if let (Ok(_), Some(before), Some(mqtt)) = (&renamed, before, &self.settings.mqtt) {
                    self.after.extend(self.announcer.forget(&before.slug, &mqtt.topics).map(After::Retained));
                }
                renamed
            }
            Intent::Lock(device) => {
                let operated = self.operate(actor, &device, LockState::Locked, now);
                operated.inspect(|accepted| self.note_actor(actor, accepted.device, LockState::Locked, now))
            }
            Intent::Unlock(device) => {
                let operated = self.operate(actor, &device, LockState::Unlocked, now);
                operated.inspect(|accepted| self.note_actor(actor, accepted.device, LockState::Unlocked, now))
            }
            Intent::Check(device) => self.check(&device, now),
            Intent::ImportNetwork(takeover) => self.take_over(actor, *takeover, now),
            Intent::ReplaceDevice { old, new } => self.replace_device(actor, &old, &new, now),
            Intent::RemoveDevice(device) => self.remove_device(actor, &device, now),
            Intent::AllowInsecure(device) => self.allow_insecure(actor, &device, now),
        }?;
        for id in &accepted.grants {
            let Some(grant) = self.state.grant(*id) else { continue };
            self.touched.insert(grant.device);
            if let Some(slot) = self.state.slot_of(grant) {
                self.sync.forget_failures(grant.device, slot.key.index);
            }
            let device = grant.device;
            self.sync.replan(device, &mut self.network);
            if let Some(node) = self.state.device(device).and_then(|device| device.node) {
                self.network.urge(node, now);
            }
        }
        self.touched.extend(accepted.device);
        Ok(accepted)
    }

    /// Records who had a bolt moved: in the audit, and in the event that follows.
    fn note_actor(&mut self, actor: &Actor, device: Option<DeviceId>, wanted: LockState, now: Now) {
        let Some(device) = device else { return };
        let what = if wanted == LockState::Locked { "locked" } else { "unlocked" };
        self.state.audit(&actor.0, format!("{what} device {device}"), now.wall);
        self.actors.note(device, actor, wanted, now.mono);
    }

    /// Reads every slot of a lock again, in the background.
    fn check(&mut self, name: &str, now: Now) -> Result<Accepted, Refusal> {
        let device = self.state.device_named(name).cloned();
        let device = device.ok_or_else(|| Refusal::UnknownDevice(name.to_owned()))?;
        let (id, generation) = (device.id, self.state.next_generation());
        let inventory = Inventory { next: 0, done: false, began: self.state.look_begins(id, now.wall) };
        self.state.put_device(Device { inventory, ..device });
        Ok(Accepted { generation, device: Some(id), ..Accepted::default() })
    }

    fn broker(&mut self, input: BrokerInput, now: Now) {
        match input {
            BrokerInput::Connected => self.announcer.connected(),
            BrokerInput::Disconnected { why } => self.announcer.disconnected(why),
            BrokerInput::Commands(commands) => self.announcer.commands(commands),
            BrokerInput::Acked(id) => self.acked(id, now.mono),
            BrokerInput::Message { topic, payload, retained } => self.command(&topic, &payload, retained, now),
        }
    }

    /// A command over MQTT. Unlocking needs more trust in the broker than locking.
    fn command(&mut self, topic: &str, payload: &[u8], retained: bool, now: Now) {
        use crate::mqtt::topic::Command as Word;
        let Some(mqtt) = &self.settings.mqtt else { return };
        let unlock = mqtt.unlock;
        match mqtt.topics.parse_inbound(topic, retained, payload) {
            Inbound::Command { device, command } => {
                if let (Word::Unlock, Err(why)) = (command, unlock) {
                    if let Some(times) = self.tallies.hit("UNLOCK".into()) {
                        tracing::warn!(%device, %why, times, "UNLOCK over MQTT was refused");
                    }
                    return;
                }
                let device = device.to_string();
                let intent = match command {
                    Word::Lock => Intent::Lock(device),
                    Word::Unlock => Intent::Unlock(device),
                };
                if let Err(refusal) = self.intend(&Actor("mqtt".into()), intent, now)
                    && let Some(times) = self.tallies.hit(refusal.to_string())
                {
                    tracing::warn!(%refusal, times, "a command over MQTT was refused");
                }
            }
            Inbound::HomeAssistantOnline => self.announcer.say_all_again(),
            Inbound::Ignored(why) => tracing::debug!(%why, topic, "a message was ignored"),
        }
    }

    /// Notes an event: journal, broker, live listeners. One commit with everything else of the turn.
    pub(super) fn record(&mut self, event: Event, now: Now) {
        let event = Event { actor: self.actors.of(&event, now.mono), ..event };
        if let Some(device) = self.state.device(event.device) {
            self.after.push(After::Live(event.clone(), device.slug.clone()));
        }
        let for_broker = self.settings.mqtt.is_some();
        self.state.put_event(event.clone(), for_broker);
        if for_broker {
            let dropped = self.announcer.push(event, now.mono);
            self.state.drop_from_outbox(dropped, now.wall);
        }
    }

    /// Marks when a device was heard; the stamp reaches the disk at most every quarter of an hour.
    pub(super) fn seen(&mut self, device: DeviceId, now: Now) {
        let last = self.flushed.get(&device);
        let flush = last.is_none_or(|at| now.mono.since(*at) >= Duration::from_secs(900));
        if flush {
            self.flushed.insert(device, now.mono);
        }
        self.state.seen(device, now.wall, flush);
        if self.sync.heard(device) {
            self.touched.insert(device);
        }
    }

    pub(super) fn touch(&mut self, device: DeviceId) {
        self.touched.insert(device);
    }

    pub(super) fn touch_all(&mut self) {
        self.touched.extend(self.state.devices().map(|device| device.id));
    }
}
