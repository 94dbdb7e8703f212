//! A house with its model: takes steps.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use latchkey::bridge::ask::Ask;
use latchkey::domain::entropy::Entropy;
use latchkey::domain::event::{Event, EventType};
use latchkey::domain::grant::Schedule;
use latchkey::domain::ids::NodeId;
use latchkey::domain::intent::{Accepted, CodeChoice, Intent, PersonChange};
use latchkey::domain::pin::Pin;
use latchkey::security::keys::NetworkKeys;
use latchkey::sim::Blueprint;
use latchkey::sim::air::Conditions;
use latchkey::sim::model::{Model as Make, Quirks, UserShape};
use latchkey::sim::node::{Node, Typed};

use serde_json::Value;

use super::check;
use super::model::{Model, Person, Stranger};
use super::steps::{Step, What};
use crate::support::house::{self, Cut, House};
use crate::support::nonces::Nonces;

const SECOND: Duration = Duration::from_secs(1);
/// After this, what a lock said in good conditions has arrived.
const ARRIVED: Duration = Duration::from_secs(12);
/// A daemon that started so long ago speaks with every lock.
const STARTED: Duration = Duration::from_secs(5);
/// So long after a change of ours the event of another's in the same slot may pass for the echo of ours.
const ECHO: Duration = Duration::from_secs(12);
/// The same where codes are masked, so that no look tells them apart.
const LATE_ECHO: Duration = Duration::from_secs(62);

/// A house, and the truth about it.
pub struct Stage {
    pub house: House,
    pub model: Model,
    pub nodes: Vec<NodeId>,
    pub nonces: Nonces,
    pub figures: Figures,
    /// What was on its way to a lock at the last look: whose, and to which.
    pub on_their_way: BTreeSet<(String, String)>,
    armed: Option<Cut>,
    looked: usize,
    /// Wake-ups of each node, steps and time until the last mending.
    woken: BTreeMap<NodeId, u64>,
    mended: u64,
    mended_at: Duration,
    clock_was_set: bool,
    /// When the daemon started last.
    up_since: Duration,
    air_is_good: bool,
    cable_is_good: bool,
    disk_fails: bool,
    /// The daemon has not been seen to save anything since the disk failed.
    store_is_out: bool,
    plugged: bool,
}

/// What walks amounted to.
#[derive(Default)]
pub struct Figures {
    pub seeds: u64,
    pub steps: u64,
    pub simulated: Duration,
    pub checks: u64,
    pub faults: u64,
    pub cuts: u64,
    pub uses: u64,
    pub published: u64,
    pub nonces: u64,
    pub idle_frames: u64,
}

impl Stage {
    /// Three locks of sorts that follow from the seed, each interviewed.
    pub fn new(seed: u64) -> Self {
        let mut entropy = Entropy::from_number(seed).child("stage");
        let nodes: Vec<NodeId> = (2..5).map(NodeId).collect();
        let blueprint = Blueprint {
            nodes: nodes.iter().map(|node| (*node, make(&mut entropy))).collect(),
            keys: Some(NetworkKeys::generate(&mut entropy)),
            ..Blueprint::two_locks()
        };
        let house = House::new(&blueprint, seed);
        let model = Model::of(&nodes);
        let mut stage = Self {
            house,
            model,
            nodes,
            nonces: Nonces::default(),
            figures: Figures { seeds: 1, ..Figures::default() },
            on_their_way: BTreeSet::new(),
            armed: None,
            looked: 0,
            woken: BTreeMap::new(),
            mended: 0,
            mended_at: Duration::ZERO,
            clock_was_set: false,
            up_since: Duration::ZERO,
            air_is_good: true,
            cable_is_good: true,
            disk_fails: false,
            store_is_out: false,
            plugged: true,
        };
        stage.house.run_for(3600 * SECOND);
        stage
    }

    /// Something happens, time goes by, and everything that always has to hold is looked at.
    pub fn take(&mut self, step: &Step) -> Result<(), String> {
        self.power();
        self.figures.steps += 1;
        self.house.trace(|| format!("== {step:?}"));
        self.act(step.what)?;
        self.house.run_for(Duration::from_millis(step.then));
        self.look()
    }

    /// Mends everything, lets it rest, and looks at what has to hold then.
    pub fn finish(mut self) -> Result<Figures, String> {
        self.mend().map_err(|why| format!("at the end: {why}"))?;
        let before = self.radio_frames();
        self.house.run_for(24 * 3600 * SECOND);
        let idle = self.radio_frames() - before;
        self.figures.idle_frames = idle;
        if idle > check::IDLE_FRAMES_A_DAY * self.nodes.len() as u64 {
            return Err(format!("{idle} frames to locks on a day on which nothing happened"));
        }
        self.look()?;
        self.figures.simulated = self.house.age();
        self.figures.published = self.house.published.len() as u64;
        self.figures.nonces = self.nonces.count() as u64;
        Ok(self.figures)
    }

    /// Everything that left the house, as text.
    pub fn log(&self) -> String {
        let said = self.house.published.iter().map(|(id, message)| format!("{id} {} {}\n", message.topic, message.payload));
        let journal = self.house.journal().into_iter().map(|event| format!("{event:?}\n"));
        let sent = self.house.sent.iter().map(|frame| format!("{:02x?}\n", frame.encode()));
        said.chain(journal).chain(sent).collect()
    }

    /// Whether nothing keeps this lock's words from the daemon.
    fn is_heard(&self, node: NodeId) -> bool {
        let lock = self.house.node(node);
        !lock.faults.gone && self.would_be_heard(node)
    }

    /// Whether nothing but its distance does.
    pub fn would_be_heard(&self, node: NodeId) -> bool {
        let lock = self.house.node(node);
        let well = !lock.faults.mute && !lock.memory.lifeline.is_empty();
        well && self.air_is_good && self.cable_is_good && self.plugged && !self.store_is_out && !self.house.is_dark()
    }

    /// Whether the daemon gives out nonces: without one, a lock with keys keeps to itself what it has to say.
    fn stick_is_ready(&mut self) -> bool {
        self.house.view(Ask::Status).is_some_and(|status| status["stick"]["state"] == "ready")
    }

    /// If the power is off, it comes back.
    fn power(&mut self) {
        if self.house.is_dark() {
            self.armed = None;
            self.disk_fails = false;
            self.figures.cuts += 1;
            self.house.cut_power();
            self.up_since = self.house.age();
        }
    }

    fn act(&mut self, what: What) -> Result<(), String> {
        match what {
            What::Wait => {}
            What::Add { on } => self.add(on),
            What::AddTwin { of, on } => return self.add_twin(of, on),
            What::NewCode { who } => self.new_code(who),
            What::Enable { who, on } => {
                let change = PersonChange { enabled: Some(on), ..PersonChange::default() };
                self.edit(who, |person| Intent::EditPerson(person.id, change), |person| person.enabled = on);
            }
            What::Remove { who } => self.edit(who, |person| Intent::RemovePerson(person.id), |person| person.removed = true),
            What::Grant { who, lock } => {
                let node = self.lock(lock);
                let intent = move |person: &Person| grant(person, node);
                self.edit(who, intent, |person| _ = person.on.insert(node));
            }
            What::Revoke { who, lock } => {
                let node = self.lock(lock);
                let intent = move |person: &Person| Intent::Revoke { person: person.id, device: slug(node) };
                self.edit(who, intent, |person| _ = person.on.remove(&node));
            }
            What::Bolt { lock, locked } => {
                let device = slug(self.lock(lock));
                self.change(if locked { Intent::Lock(device) } else { Intent::Unlock(device) });
            }
            What::Check { lock } => drop(self.change(Intent::Check(slug(self.lock(lock))))),
            What::Type { who, code, lock } => return self.type_code(who, code, lock),
            What::TypeWrong { lock } => {
                let node = self.lock(lock);
                self.house.keypad(node, "999111");
            }
            What::Turn { lock, locked } => {
                let (node, now) = (self.lock(lock), self.house.now());
                self.house.visit(node, |lock| lock.turn_bolt(locked, now));
            }
            What::Program { lock, slot } => self.program(lock, slot),
            What::Erase { lock, slot } => self.erase(lock, slot),
            What::Gone { lock, on } => self.fault(lock, |node| node.faults.gone = on),
            What::Mute { lock, on } => self.fault(lock, |node| node.faults.mute = on),
            What::Batteries { lock } => self.fault(lock, Node::power_cut),
            What::Air { loss, acks, twice } => {
                self.figures.faults += 1;
                self.air_is_good = (loss, acks) == (0, 0);
                let air = Conditions { loss, ack_loss: acks, duplication: twice, ..Conditions::default() };
                self.house.world.set_conditions(air);
            }
            What::Noise { one_in } => {
                self.figures.faults += 1;
                self.cable_is_good = one_in == 0;
                self.house.set_noise((one_in > 0).then(|| one_in.into()));
            }
            What::Broker { here } => {
                self.figures.faults += 1;
                self.house.set_broker(here);
            }
            What::Stick { plugged } => {
                self.figures.faults += 1;
                self.plugged = plugged;
                if plugged { self.house.plug_in() } else { self.house.unplug() }
            }
            What::Clock { seconds } => {
                self.figures.faults += 1;
                self.clock_was_set = true;
                self.house.step_clock(i64::from(seconds) * 1000);
            }
            What::RightClock => self.house.right_clock(),
            What::Trust { trusted } => self.house.trusted = trusted,
            What::Disk { fails } => {
                self.figures.faults += 1;
                self.disk_fails = fails;
                self.store_is_out |= fails;
                self.house.set_disk_fails(fails);
            }
            What::Restart => {
                (self.armed, self.disk_fails) = (None, false);
                self.house.restart();
                self.up_since = self.house.age();
            }
            What::Cut { commits, effects } => {
                let commits = usize::from(commits);
                let cut = effects.map_or(Cut::Before(commits), |effects| Cut::After(commits, effects.into()));
                self.armed = Some(cut);
                self.house.arm(cut);
            }
            What::Mend => return self.mend(),
        }
        Ok(())
    }

    /// Everything works again; it gets quiet; what was in doubt is looked at; what waits for a person gets one.
    fn mend(&mut self) -> Result<(), String> {
        self.power();
        for node in self.nodes.clone() {
            self.house.visit(node, |lock| (lock.faults.gone, lock.faults.mute) = (false, false));
            let (now, before) = (self.house.node(node).wakeups(), self.woken.get(&node).copied().unwrap_or_default());
            self.woken.insert(node, now);
            let woken = now.saturating_sub(before);
            let allowed = check::wakeups(self.figures.steps - self.mended, self.house.age() - self.mended_at);
            if woken > allowed {
                return Err(format!("drained: node {node} was woken {woken} times, {allowed} are allowed"));
            }
        }
        (self.mended, self.mended_at) = (self.figures.steps, self.house.age());
        self.house.world.set_conditions(Conditions::default());
        self.house.set_noise(None);
        self.house.set_disk_fails(false);
        self.house.disarm();
        (self.armed, self.disk_fails, self.air_is_good, self.cable_is_good, self.plugged) = (None, false, true, true, true);
        self.house.plug_in();
        self.house.right_clock();
        self.house.trusted = true;
        self.house.set_broker(true);
        // The longest pause between two tries of a lock that did not answer.
        self.house.run_for(check::LONGEST_BACKOFF);
        self.settle()?;
        for node in self.nodes.clone() {
            if !self.model.locks[&node].unheard.is_empty() {
                self.house.intend(Intent::Check(slug(node)));
                self.looked_through(node)?;
                for name in std::mem::take(&mut self.model.locks.get_mut(&node).unwrap().unseen) {
                    self.give_new_code(&name);
                }
                let strangers = self.model.locks.get_mut(&node).unwrap();
                (strangers.unheard, strangers.vacated) = Default::default();
            }
        }
        self.settle()?;
        self.decide()?;
        self.settle()?;
        check::at_rest(self)
    }

    /// Runs until every grant is settled.
    fn settle(&mut self) -> Result<(), String> {
        let all =
            |house: &mut House| house.grants().is_some_and(|grants| grants.iter().all(|(_, grant)| grant["settled"] == true));
        let patience = check::LONGEST_BACKOFF;
        let end = self.house.age() + patience;
        while self.house.age() < end {
            if all(&mut self.house) {
                return Ok(());
            }
            self.house.run_for(10 * SECOND);
        }
        let open: Vec<String> = self
            .house
            .grants()
            .unwrap_or_default()
            .into_iter()
            .filter(|(_, it)| it["settled"] != true)
            .map(|(name, it)| check::told(&name, &it))
            .collect();
        Err(format!("no exit within {patience:?}: {open:?}"))
    }

    /// Waits until every slot of a lock was read.
    fn looked_through(&mut self, node: NodeId) -> Result<(), String> {
        let device = slug(node);
        let done = |house: &mut House| {
            let view = house.view(Ask::Device(device.clone()));
            view.is_some_and(|view| view["inventory"]["done"] == true)
        };
        let end = self.house.age() + check::LONGEST_BACKOFF;
        while !done(&mut self.house) {
            if self.house.age() > end {
                return Err(format!("{device} was not looked through in {:?}", check::LONGEST_BACKOFF));
            }
            self.house.run_for(10 * SECOND);
        }
        Ok(())
    }

    /// Where somebody edited one of our slots the daemon waits for a person's word: they tick the lock again.
    fn decide(&mut self) -> Result<(), String> {
        let waiting = ["missing_from_lock", "changed_at_lock"];
        for (name, grant_json) in self.house.grants().unwrap_or_default() {
            if !waiting.contains(&grant_json["status"].as_str().unwrap_or_default()) {
                continue;
            }
            let node = check::node_of(&grant_json);
            if self.model.locks[&node].ours.is_empty() {
                return Err(format!("nobody touched that slot: {}", check::told(&name, &grant_json)));
            }
            let Some(person) = self.model.present().find(|person| person.name == name) else { continue };
            let intent = grant(person, node);
            self.house.intend(intent);
            self.model.decided(&name);
        }
        self.house.run_for(60 * SECOND);
        for lock in self.model.locks.values_mut() {
            lock.ours.clear();
        }
        Ok(())
    }

    fn look(&mut self) -> Result<(), String> {
        for frame in &self.house.sent[self.looked..] {
            self.nonces.look(frame)?;
        }
        self.looked = self.house.sent.len();
        if self.house.is_dark() {
            return Ok(());
        }
        self.figures.checks += 1;
        self.store_is_out = self.disk_fails || self.store_is_out && self.house.grants().is_none();
        check::always(self)
    }

    fn radio_frames(&self) -> u64 {
        self.house.sent.iter().filter(|frame| check::goes_to_a_node(frame)).count() as u64
    }

    fn lock(&self, n: u8) -> NodeId {
        self.nodes[usize::from(n) % self.nodes.len()]
    }

    /// Somebody who is there.
    fn who(&self, n: u8) -> Option<usize> {
        let present: Vec<usize> = (0..self.model.people.len()).filter(|who| !self.model.people[*who].removed).collect();
        (!present.is_empty()).then(|| present[usize::from(n) % present.len()])
    }

    /// Asks for a change. `Some`: it is committed, and with the answer if that came out before the power went off.
    fn change(&mut self, intent: Intent) -> Option<Option<Accepted>> {
        match self.house.change(intent) {
            Some(Ok(accepted)) => Some(Some(accepted)),
            Some(Err(_)) => None,
            // The power went off in this very turn: before the commit, after it, or after one that failed.
            None => (matches!(self.armed, Some(Cut::After(..))) && !self.disk_fails).then_some(None),
        }
    }

    fn add(&mut self, on: u8) {
        if self.model.present().count() >= 12 {
            return;
        }
        let name = format!("P{}", self.model.people.len());
        let code = self.model.fresh_code();
        let on: Vec<NodeId> = self.nodes.iter().enumerate().filter(|(n, _)| on & (1 << n) != 0).map(|(_, node)| *node).collect();
        let slugs: Vec<String> = on.iter().map(|node| slug(*node)).collect();
        let slugs: Vec<&str> = slugs.iter().map(String::as_str).collect();
        let Some(answer) = self.change(Intent::AddPerson(house::person(&name, &code, &slugs))) else { return };
        let id = answer.and_then(|accepted| accepted.person).or_else(|| {
            // The answer was lost with the power: who it is shows in the list.
            self.power();
            let people = self.house.view(Ask::People)?;
            let found = people["items"].as_array()?.iter().find(|person| person["first_name"] == name.as_str())?;
            found["id"].as_str()?.parse().ok()
        });
        let id = id.unwrap_or_else(|| panic!("{name} was committed and is not there"));
        let on = on.into_iter().collect();
        self.model.people.push(Person { name, id, codes: vec![code], enabled: true, on, removed: false });
    }

    fn add_twin(&mut self, of: u8, on: u8) -> Result<(), String> {
        let Some(of) = self.who(of) else { return Ok(()) };
        let code = self.model.people[of].code().to_owned();
        let node = slug(self.lock(on));
        match self.house.change(Intent::AddPerson(house::person("Twin", &code, &[&node]))) {
            Some(Ok(_)) => Err("two people have one code".into()),
            Some(Err(_)) | None => Ok(()),
        }
    }

    /// Whoever finds that their code does not open is given another.
    fn give_new_code(&mut self, name: &str) {
        let found = self.model.people.iter().position(|person| person.name == name && !person.removed);
        let Some(who) = found else { return };
        let code = self.model.fresh_code();
        let choice = CodeChoice::Given(Pin::parse(&code).expect("a code"));
        let change = PersonChange { code: Some(choice), ..PersonChange::default() };
        self.house.intend(Intent::EditPerson(self.model.people[who].id, change));
        self.model.people[who].codes.push(code);
        self.model.decided(name);
    }

    fn new_code(&mut self, who: u8) {
        let code = self.model.fresh_code();
        let choice = CodeChoice::Given(Pin::parse(&code).expect("a code"));
        let change = PersonChange { code: Some(choice), ..PersonChange::default() };
        self.edit(who, |person| Intent::EditPerson(person.id, change), |person| person.codes.push(code));
    }

    fn edit(&mut self, who: u8, intent: impl FnOnce(&Person) -> Intent, done: impl FnOnce(&mut Person)) {
        let Some(who) = self.who(who) else { return };
        let intent = intent(&self.model.people[who]);
        if self.change(intent).is_some() {
            let person = &mut self.model.people[who];
            done(person);
            let name = person.name.clone();
            self.model.decided(&name);
        }
    }

    /// Somebody types a code; where nothing is in the way, the use is told with the right name, once.
    fn type_code(&mut self, who: u8, code: u8, lock: u8) -> Result<(), String> {
        let node = self.lock(lock);
        if self.model.people.is_empty() {
            return Ok(());
        }
        let person = self.model.people[usize::from(who) % self.model.people.len()].clone();
        let code = person.codes[usize::from(code) % person.codes.len()].clone();
        // What a lock says once, unsupervised and under S2, to a daemon that starts is lost with the keys of the talk.
        let is_up = self.house.age() - self.up_since > STARTED;
        let heard = is_up && self.stick_is_ready() && self.is_heard(node) && self.model.locks[&node].unheard.is_empty();
        let before = self.house.live.len();
        let typed = self.house.keypad(node, &code);
        self.figures.uses += 1;
        let Typed::Opened(slot) = typed else { return Ok(()) };
        self.house.run_for(ARRIVED);
        if !heard || !self.is_heard(node) {
            return Ok(());
        }
        let used: Vec<&Event> = self.house.live[before..]
            .iter()
            .filter(|event| event.kind == EventType::CodeUsed && event.slot == Some(slot))
            .collect();
        let names: Vec<Option<&str>> = used.iter().map(|event| event.person.as_ref().map(|it| it.name.as_str())).collect();
        if names == [Some(person.name.as_str())] {
            return Ok(());
        }
        Err(format!("{} used slot {slot} of node {node} with {code}, and told was {names:?}", person.name))
    }

    fn program(&mut self, lock: u8, slot: u8) {
        let node = self.lock(lock);
        let slot = u16::from(slot) % self.house.node(node).model.slots + 1;
        if self.house.node(node).model.quirks.masks_codes {
            // What a lock that masks its codes tells so soon after a change of ours may be that change.
            self.house.run_for(LATE_ECHO);
            if self.is_being_written(node, slot, LATE_ECHO) {
                self.house.run_for(LATE_ECHO);
            }
        }
        // What any lock tells while our own change may still echo: no finger is that quick after our frame. Another change
        // of ours may have come meanwhile.
        for _ in 0..3 {
            if self.is_being_written(node, slot, ECHO) {
                self.house.run_for(ECHO);
            }
        }
        let code = self.model.fresh_code();
        let was = self.house.codes(node).into_iter().find(|(at, _)| *at == slot).map(|(_, code)| code);
        let heard = self.stick_is_ready() && self.is_heard(node);
        let (quiet, now) = (self.is_quiet(node), self.house.now());
        self.house.visit(node, |lock| lock.program(slot, Some(code.as_bytes()), now));
        let over = was.as_ref().and_then(|was| self.model.present().find(|person| person.code() == was));
        let over_name = over.map(|it| it.name.clone());
        let (over, unwanted) = (over.map(|it| it.name.clone()), over.is_some_and(|it| !it.may_open(node)));
        let strangers = self.model.locks.get_mut(&node).unwrap();
        // Over one that a person decided about since: that decision holds for this one, too.
        let is_decided = was.is_some_and(|was| strangers.loose.contains(&was));
        // Over a stranger's that was written over ours, or where ours was erased unheard, it is as if over ours.
        let over = match (over, strangers.codes.remove(&slot)) {
            (None, Some(stranger)) => stranger.over,
            (None, None) => strangers.vacated.get(&slot).cloned(),
            (over, _) => over,
        };
        if over.is_some() {
            strangers.ours.insert(slot);
        }
        if heard && quiet && !unwanted && !is_decided {
            strangers.codes.insert(slot, Stranger { code, over });
        } else {
            strangers.loose.insert(code);
        }
        self.edited(node, slot, heard);
        let strangers = self.model.locks.get_mut(&node).unwrap();
        if strangers.unheard.contains(&slot) {
            // Its word got lost on the way.
            strangers.loose.extend(strangers.codes.remove(&slot).map(|stranger| stranger.code));
        }
        if strangers.unheard.contains(&slot) && self.house.node(node).model.quirks.masks_codes {
            strangers.unseen.extend(over_name.or_else(|| strangers.vacated.remove(&slot)));
        }
    }

    /// Whether a code of ours arrived in that slot so recently that its event may still come.
    fn is_being_written(&mut self, node: NodeId, slot: u16, echo: Duration) -> bool {
        let there = self.house.codes(node).into_iter().find(|(at, _)| *at == slot).map(|(_, code)| code);
        if !there.is_some_and(|code| self.model.people.iter().any(|person| person.codes.contains(&code))) {
            return false;
        }
        let (device, now) = (slug(node), self.house.wall().as_millis());
        let arrived = |grant: &Value| grant["confirmed_at"].as_str()?.parse::<jiff::Timestamp>().ok();
        let grants = self.house.grants().unwrap_or_default();
        let mut times = grants.iter().filter(|(_, it)| it["device"] == device.as_str()).filter_map(|(_, it)| arrived(it));
        times.any(|at| Duration::from_millis(now.abs_diff(at.as_millisecond())) < echo) || !self.is_quiet(node)
    }

    /// Whether the daemon has nothing to do at a lock.
    fn is_quiet(&mut self, node: NodeId) -> bool {
        let device = slug(node);
        let settled = |(_, grant): &(String, Value)| grant["device"] != device.as_str() || grant["settled"] == true;
        self.house.grants().is_some_and(|grants| grants.iter().all(settled))
    }

    fn erase(&mut self, lock: u8, slot: u8) {
        let node = self.lock(lock);
        let taken = self.house.codes(node);
        if taken.is_empty() {
            return;
        }
        let (slot, code) = taken[usize::from(slot) % taken.len()].clone();
        let whose = self.model.present().find(|person| person.code() == code).map(|person| person.name.clone());
        let (heard, now) = (self.stick_is_ready() && self.is_heard(node), self.house.now());
        self.house.visit(node, |lock| lock.program(slot, None, now));
        let strangers = self.model.locks.get_mut(&node).unwrap();
        if strangers.codes.remove(&slot).is_none() {
            strangers.ours.insert(slot);
        }
        self.edited(node, slot, heard);
        let strangers = self.model.locks.get_mut(&node).unwrap();
        if let Some(whose) = whose.filter(|_| strangers.unheard.contains(&slot)) {
            strangers.vacated.insert(slot, whose);
        }
    }

    /// A slot was edited at the lock: in doubt until the lock's word has arrived for certain.
    fn edited(&mut self, node: NodeId, slot: u16, heard: bool) {
        self.model.locks.get_mut(&node).unwrap().unheard.insert(slot);
        self.house.run_for(ARRIVED);
        if heard && self.is_heard(node) {
            self.model.locks.get_mut(&node).unwrap().unheard.remove(&slot);
        }
    }

    fn fault(&mut self, lock: u8, act: impl FnOnce(&mut Node)) {
        self.figures.faults += 1;
        let node = self.lock(lock);
        self.house.visit(node, act);
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, more: Self) {
        self.seeds += more.seeds;
        self.steps += more.steps;
        self.simulated += more.simulated;
        self.checks += more.checks;
        self.faults += more.faults;
        self.cuts += more.cuts;
        self.uses += more.uses;
        self.published += more.published;
        self.nonces += more.nonces;
        self.idle_frames = self.idle_frames.max(more.idle_frames);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, steps, simulated, checks, faults, cuts, uses, published, nonces, idle_frames } = self;
        let hours = simulated.as_secs() / 3600;
        write!(
            f,
            "{seeds} seeds, {steps} steps, {hours} simulated hours, {checks} looks at everything, {faults} faults, {cuts} power \
             cuts, {uses} codes typed, {published} events published, {nonces} nonces, at most {idle_frames} frames on an idle day"
        )
    }
}

/// The name of a lock in the daemon.
pub fn slug(node: NodeId) -> String {
    format!("lock_{}", node.0)
}

fn grant(person: &Person, node: NodeId) -> Intent {
    Intent::Grant { person: person.id, device: slug(node), schedule: Schedule::Always }
}

/// A lock of some sort, honest but odd.
fn make(entropy: &mut Entropy) -> Make {
    let makes: [fn() -> Make; 4] = [Make::s2, Make::s0, Make::version_2, Make::version_1];
    let make = makes[usize::try_from(entropy.below(4)).unwrap()]();
    let mut odd = |one_in| entropy.below(one_in) == 0;
    let quirks = Quirks {
        masks_codes: odd(4),
        refuses_duplicates: odd(2),
        no_supervision: make.quirks.no_supervision || odd(4),
        v1_alarms: odd(6),
        user_shape: if odd(6) { UserShape::Bare } else { UserShape::default() },
        silent_writes: odd(5),
        answers_before_callback: odd(5),
        ..make.quirks
    };
    Make { slots: 30, quirks, ..make }
}
