//! A house with its model: takes steps.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use latchkey::bridge::ask;
use latchkey::domain::entropy::Entropy;
use latchkey::domain::ids::{DeviceId, NodeId};
use latchkey::domain::intent::Intent;
use latchkey::domain::time::Instant;
use latchkey::security::keys::NetworkKeys;
use latchkey::sim::Blueprint;
use latchkey::sim::model::{Model as Make, Quirks, UserShape};
use latchkey::sim::node::Node;
use latchkey::sim::radio::{Conditions, Link};

use super::agenda::{Agenda, Later};
use super::check;
use super::join::Joining;
use super::model::{Lock, Model};
use super::neighbour::Neighbour;
use super::steps::{Step, Walk, What};
use crate::support::house::{Cut, House, told};
use crate::support::nonces::Nonces;

pub const SECOND: Duration = Duration::from_secs(1);
/// A hub that started so long ago speaks with every lock: its stick is set up, and what a lock said once under a session of
/// before was called for again.
const STARTED: Duration = Duration::from_secs(5);
/// The store is tried again at the latest so long after the disk works (`run::turns`, half a minute), and then the hub
/// starts anew.
const STORE_IS_BACK: Duration = Duration::from_secs(31);
/// A stick that could not be understood, or said nothing, is opened anew, and is set up after this.
const STICK_IS_BACK: Duration = Duration::from_secs(60);

/// A house, and the truth about it.
pub struct Stage {
    pub house: House,
    pub model: Model,
    pub nodes: Vec<NodeId>,
    pub nonces: Nonces,
    pub figures: Figures,
    pub agenda: Agenda,
    pub neighbour: Neighbour,
    pub joining: Joining,
    /// The hub's devices, by the node that each is.
    pub devices: BTreeMap<DeviceId, NodeId>,
    /// The first thing that was wrong.
    pub wrong: Option<String>,
    pub seen: Seen,
    pub armed: Option<Cut>,
    /// Wake-ups of each node, steps and time until the last mending.
    pub woken: BTreeMap<NodeId, u64>,
    mended: u64,
    pub mended_at: Instant,
    /// When the hub started last.
    pub up_since: Instant,
    pub air: Conditions,
    pub disk_fails: bool,
    plugged: bool,
    deaf: bool,
    noisy: bool,
    delayed: Vec<NodeId>,
    /// Before these the hub may not hear what the stick has.
    ready_at: Instant,
    store_at: Instant,
    /// What the hub forgot with an older copy of its store.
    pub copy: Option<Model>,
    pub forgot: usize,
}

/// How far the house's records were looked at.
#[derive(Default)]
pub struct Seen {
    pub sent: usize,
    pub live: usize,
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
    pub forged: u64,
    pub published: u64,
    pub nonces: u64,
    pub idle_frames: u64,
    pub idle_wakeups: u64,
}

impl Stage {
    /// Three locks of sorts that follow from the seed, each interviewed, some of them in bad air.
    pub fn new(walk: &Walk) -> Result<Self, String> {
        let mut entropy = Entropy::from_number(walk.seed).child("stage");
        let nodes: Vec<NodeId> = (2..5).map(NodeId).collect();
        let make = if walk.house == 0 { make_of_before } else { make };
        let blueprint = Blueprint {
            nodes: nodes.iter().map(|node| (*node, make(&mut entropy))).collect(),
            keys: Some(NetworkKeys::generate(&mut entropy)),
            ..Blueprint::two_locks()
        };
        let house = House::new(&blueprint, walk.seed);
        let locks = nodes.iter().map(|node| (*node, Lock::new(house.node(*node).memory.codes.clone()))).collect();
        let keys = blueprint.keys.clone().expect("keys");
        let mut stage = Self {
            house,
            model: Model::of(locks),
            nodes,
            nonces: Nonces::default(),
            figures: Figures { seeds: 1, ..Figures::default() },
            agenda: Agenda::default(),
            neighbour: Neighbour::new(blueprint.home, keys, entropy.child("neighbour")),
            joining: Joining::default(),
            devices: BTreeMap::new(),
            wrong: None,
            seen: Seen::default(),
            armed: None,
            woken: BTreeMap::new(),
            mended: 0,
            mended_at: Instant::ZERO,
            up_since: Instant::ZERO,
            air: Conditions::default(),
            disk_fails: false,
            plugged: true,
            deaf: false,
            noisy: false,
            delayed: Vec::new(),
            ready_at: Instant::ZERO + STARTED,
            store_at: Instant::ZERO,
            copy: None,
            forgot: 0,
        };
        if walk.house > 0 {
            stage.meet_in_bad_air(&mut entropy)?;
        }
        stage.run(3600 * SECOND)?;
        stage.everybody_is_met()?;
        stage.mended_at = stage.house.now();
        Ok(stage)
    }

    /// Sometimes a lock can't be heard for a while when it is asked what it is.
    fn meet_in_bad_air(&mut self, entropy: &mut Entropy) -> Result<(), String> {
        if entropy.below(8) != 0 {
            return Ok(());
        }
        self.run(Duration::from_millis(entropy.below(20_000)))?;
        let node = self.nodes[usize::try_from(entropy.below(3)).unwrap()];
        let seconds = 5 + entropy.below(60);
        self.house.visit(node, |lock| lock.faults.mute = true);
        self.run(Duration::from_secs(seconds))?;
        self.house.visit(node, |lock| lock.faults.mute = false);
        self.run(check::LONGEST_BACKOFF)
    }

    /// Every lock has to be a device that takes codes.
    pub fn everybody_is_met(&mut self) -> Result<(), String> {
        let devices = self.house.view(ask::Devices).ok_or("no devices are shown")?.items;
        self.devices.clear();
        for node in self.nodes.clone() {
            let found = devices.iter().find(|device| device.slug.as_str() == slug(node));
            let id =
                found.map(|device| device.id).ok_or_else(|| format!("node {node} is no device, long after it was heard well"))?;
            self.devices.insert(id, node);
        }
        Ok(())
    }

    /// Something happens, time goes by, and everything that always has to hold is looked at.
    pub fn take(&mut self, step: &Step) -> Result<(), String> {
        self.power();
        self.figures.steps += 1;
        self.house.trace(|| format!("== {step:?}"));
        self.act(step.what)?;
        self.run(Duration::from_millis(step.then))?;
        self.look()
    }

    /// Mends everything, lets it rest, and looks at what has to hold then.
    pub fn finish(mut self) -> Result<Figures, String> {
        self.mend().map_err(|why| format!("at the end: {why}"))?;
        let wakeups = |stage: &Self| stage.nodes.iter().map(|node| stage.house.node(*node).wakeups()).collect::<Vec<_>>();
        let (before, asleep) = (self.radio_frames(), wakeups(&self));
        self.run(24 * 3600 * SECOND)?;
        let idle = self.radio_frames() - before;
        self.figures.idle_frames = idle;
        let woken = wakeups(&self).into_iter().zip(asleep).map(|(after, before)| after - before).max().unwrap_or_default();
        self.figures.idle_wakeups = woken;
        if woken > check::IDLE_WAKEUPS_A_DAY || idle > check::IDLE_FRAMES_A_DAY * self.nodes.len() as u64 {
            return Err(format!("drained: {idle} frames and {woken} wake-ups of a lock on a day on which nothing happened"));
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

    /// Whether everything is so that this lock's words reach the hub, and the hub has its stick and its store. None of it is
    /// the hub's own word.
    pub fn hears(&self, node: NodeId) -> bool {
        let (lock, now) = (self.house.node(node), self.house.now());
        let speaks = !lock.faults.gone && !lock.faults.mute && !lock.memory.lifeline.is_empty();
        let air = (self.air.loss, self.air.ack_loss) == (0, 0) && !self.delayed.contains(&node);
        let stick = self.plugged && !self.deaf && !self.noisy && now >= self.ready_at;
        speaks && air && stick && self.has_store() && !self.neighbour.spoils(node, now)
    }

    /// Whether the hub can save, and with that tell, anything.
    pub fn has_store(&self) -> bool {
        !self.disk_fails && self.house.now() >= self.store_at && !self.house.is_dark()
    }

    /// If the power is off, it comes back.
    pub fn power(&mut self) {
        if self.house.is_dark() {
            self.armed = None;
            self.disk_fails = false;
            self.figures.cuts += 1;
            self.house.cut_power();
            self.starts();
        }
    }

    /// The hub starts, with a disk that works.
    pub fn starts(&mut self) {
        let now = self.house.now();
        (self.armed, self.disk_fails, self.store_at, self.up_since) = (None, false, now, now);
        self.ready_at = self.ready_at.max(now + STARTED);
        self.watch();
    }

    fn act(&mut self, what: What) -> Result<(), String> {
        match what {
            What::Wait => {}
            What::Add { .. }
            | What::AddTwin { .. }
            | What::NewCode { .. }
            | What::Enable { .. }
            | What::Remove { .. }
            | What::Grant { .. }
            | What::Revoke { .. }
            | What::Bolt { .. }
            | What::Check { .. } => return self.want(what),
            What::Type { .. }
            | What::Come { .. }
            | What::TypeForeign { .. }
            | What::TypeWrong { .. }
            | What::Turn { .. }
            | What::Program { .. }
            | What::Overwrite { .. }
            | What::Erase { .. }
            | What::Odd { .. } => self.touch(what),
            What::Publish { lock, each, seconds } => {
                let (node, until) = (self.lock(lock), self.house.now() + Duration::from_secs(seconds.into()));
                self.agenda.at(self.house.now(), Later::Publish { node, each, until, locked: true });
            }
            What::Forge { lock, what, each, seconds } => {
                let (node, until) = (self.lock(lock), self.house.now() + Duration::from_secs(seconds.into()));
                self.agenda.at(self.house.now(), Later::Forge { node, what, each, until });
            }
            What::Burn { lock, seconds } => {
                let (node, now) = (self.lock(lock), self.house.now());
                self.neighbour.burn(node, now + Duration::from_secs(seconds.into()));
            }
            What::Reversed { who, lock, after } => self.reverse(who, lock, after),
            What::Join { make } => self.join(make),
            What::Gone { lock, on } => self.fault(lock, |node| node.faults.gone = on),
            What::Mute { lock, on } => self.fault(lock, |node| node.faults.mute = on),
            What::Jam { lock, both_ways, seconds } => {
                let node = self.lock(lock);
                self.fault(lock, |node| if both_ways { node.faults.gone = true } else { node.faults.mute = true });
                self.agenda.at(self.house.now() + Duration::from_secs(seconds.into()), Later::Unjam(node));
            }
            What::Batteries { lock } => {
                // What it was about to report goes with its power.
                let until = self.house.now() + Duration::from_secs(1);
                self.neighbour.spoil(self.lock(lock), until);
                self.fault(lock, Node::power_cut);
            }
            What::Copy => {
                if self.has_store() {
                    self.house.copy_store();
                    self.copy = Some(self.model.clone());
                    self.joining.is_in_copy = true;
                }
            }
            What::BringBack => self.bring_back(),
            What::Mend => return self.mend(),
            other => self.trouble(other),
        }
        Ok(())
    }

    fn trouble(&mut self, what: What) {
        self.figures.faults += 1;
        let now = self.house.now();
        match what {
            What::Deaf { seconds } => {
                self.deaf = true;
                self.house.set_hung(true);
                self.agenda.at(now + Duration::from_secs(seconds.into()), Later::Hears);
            }
            What::Delay { lock, millis, reorder, seconds } => {
                let node = self.lock(lock);
                let conditions = Conditions { delay: Duration::from_millis(millis.into()), reordering: reorder, ..self.air };
                self.house.world.set_link(node, Link::default().with(conditions));
                self.delayed.push(node);
                self.agenda.at(now + Duration::from_secs(seconds.into()), Later::InTime(node));
            }
            What::Air { loss, acks, twice } => {
                self.air = Conditions { loss, ack_loss: acks, duplication: twice, ..Conditions::default() };
                self.house.world.set_conditions(self.air);
            }
            What::Noise { one_in } => {
                self.noisy = one_in > 0;
                self.house.set_noise((one_in > 0).then(|| one_in.into()));
                self.ready_at = self.ready_at.max(now + STICK_IS_BACK);
            }
            What::Broker { here } => self.house.set_broker(here),
            What::Stick { plugged } => {
                self.plugged = plugged;
                self.ready_at = self.ready_at.max(now + STARTED);
                if plugged { self.house.plug_in() } else { self.house.unplug() }
            }
            What::Clock { seconds } => self.house.step_clock(i64::from(seconds) * 1000),
            What::RightClock => self.house.right_clock(),
            What::Trust { trusted } => self.house.trusted = trusted,
            What::Disk { fails } => {
                if !fails && self.disk_fails {
                    // It starts anew with what the store has.
                    (self.store_at, self.up_since) = (now + STORE_IS_BACK, now + STORE_IS_BACK);
                    self.ready_at = self.ready_at.max(self.store_at + STARTED);
                }
                self.disk_fails = fails;
                self.house.set_disk_fails(fails);
            }
            What::Restart => {
                self.house.restart();
                self.starts();
            }
            What::Cut { commits, effects } => {
                let commits = usize::from(commits);
                let cut = effects.map_or(Cut::Before(commits), |effects| Cut::After(commits, effects.into()));
                self.armed = Some(cut);
                self.house.arm(cut);
            }
            _ => {}
        }
        self.watch();
    }

    /// The stick speaks again.
    pub fn hears_again(&mut self) {
        if std::mem::take(&mut self.deaf) {
            self.house.set_hung(false);
            self.ready_at = self.ready_at.max(self.house.now() + STICK_IS_BACK);
        }
    }

    /// Frames from and to a lock come in time again.
    pub fn comes_in_time(&mut self, node: NodeId) {
        self.delayed.retain(|it| *it != node);
        self.house.world.set_link(node, Link::default());
    }

    /// Everything works again; it gets quiet; what was in doubt is looked at; what waits for a person gets one.
    fn mend(&mut self) -> Result<(), String> {
        self.power();
        for later in self.agenda.clear() {
            match later {
                Later::InTime(node) => self.comes_in_time(node),
                Later::Hears => self.hears_again(),
                _ => {}
            }
        }
        self.neighbour.rests();
        for node in self.nodes.clone() {
            self.house.visit(node, |lock| (lock.faults.gone, lock.faults.mute) = (false, false));
            let (now, before) = (self.house.node(node).wakeups(), self.woken.get(&node).copied().unwrap_or_default());
            self.woken.insert(node, now);
            let woken = now.saturating_sub(before);
            let allowed = check::wakeups(self.figures.steps - self.mended, self.house.now().since(self.mended_at));
            if woken > allowed {
                return Err(format!("drained: node {node} was woken {woken} times, {allowed} are allowed"));
            }
        }
        self.mended = self.figures.steps;
        self.trouble(What::Air { loss: 0, acks: 0, twice: 0 });
        if self.noisy {
            self.trouble(What::Noise { one_in: 0 });
        }
        self.trouble(What::Disk { fails: false });
        self.house.disarm();
        self.armed = None;
        if !self.plugged {
            self.trouble(What::Stick { plugged: true });
        }
        self.house.right_clock();
        self.house.trusted = true;
        self.house.set_broker(true);
        // The longest pause between two tries of a lock that did not answer.
        self.run(check::LONGEST_BACKOFF)?;
        self.somebody_joined()?;
        self.settle()?;
        for node in self.nodes.clone() {
            if !self.model.locks[&node].unheard.is_empty() {
                self.house.intend(Intent::Check(slug(node)));
                self.looked_through(node)?;
                for name in std::mem::take(&mut self.model.lock(node).unseen) {
                    self.give_new_code(&name);
                }
                let lock = self.model.lock(node);
                (lock.unheard, lock.vacated, lock.blind) = Default::default();
            }
        }
        self.settle()?;
        self.decide()?;
        self.settle()?;
        check::at_rest(self)?;
        self.everybody_is_met()?;
        self.mended_at = self.house.now();
        self.model.locks.values_mut().for_each(|lock| lock.hearsay = false);
        Ok(())
    }

    /// Runs until every grant is settled, which may take no longer than the longest pause between two tries.
    fn settle(&mut self) -> Result<(), String> {
        let all = |house: &mut House| house.grants().is_some_and(|grants| grants.iter().all(|(_, grant)| grant.settled));
        let patience = check::LONGEST_BACKOFF;
        let end = self.house.now() + patience;
        while self.house.now() < end {
            if all(&mut self.house) {
                return Ok(());
            }
            self.run(10 * SECOND)?;
        }
        let grants = self.house.grants().unwrap_or_default().into_iter();
        let open: Vec<String> = grants.filter(|(_, it)| !it.settled).map(|(name, it)| told(&name, &it)).collect();
        Err(format!("no exit within {patience:?}: {open:?}"))
    }

    /// Waits until every slot of a lock was read.
    fn looked_through(&mut self, node: NodeId) -> Result<(), String> {
        let device = slug(node);
        let end = self.house.now() + check::LONGEST_BACKOFF;
        while self.house.view(ask::Device(device.clone())).flatten().is_none_or(|view| !view.inventory.done) {
            if self.house.now() > end {
                return Err(format!("{device} was not looked through in {:?}", check::LONGEST_BACKOFF));
            }
            self.run(10 * SECOND)?;
        }
        Ok(())
    }

    /// Looks at everything that always has to hold.
    pub fn look(&mut self) -> Result<(), String> {
        self.watch();
        if let Some(wrong) = self.wrong.take() {
            return Err(wrong);
        }
        if self.house.is_dark() {
            return Ok(());
        }
        self.figures.checks += 1;
        check::always(self)
    }

    fn radio_frames(&self) -> u64 {
        self.house.sent.iter().filter(|frame| check::goes_to_a_node(frame)).count() as u64
    }

    pub fn lock(&self, n: u8) -> NodeId {
        self.nodes[usize::from(n) % self.nodes.len()]
    }

    fn fault(&mut self, lock: u8, act: impl FnOnce(&mut Node)) {
        self.figures.faults += 1;
        let node = self.lock(lock);
        self.house.visit(node, act);
        self.watch();
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
        self.forged += more.forged;
        self.published += more.published;
        self.nonces += more.nonces;
        self.idle_frames = self.idle_frames.max(more.idle_frames);
        self.idle_wakeups = self.idle_wakeups.max(more.idle_wakeups);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, steps, simulated, checks, faults, cuts, uses, forged, published, nonces, idle_frames, idle_wakeups } =
            self;
        let hours = simulated.as_secs() / 3600;
        write!(
            f,
            "{seeds} seeds, {steps} steps, {hours} simulated hours, {checks} looks at everything, {faults} faults, {cuts} power \
             cuts, {uses} codes typed, {forged} frames forged, {published} events published, {nonces} nonces, at most \
             {idle_frames} frames and {idle_wakeups} wake-ups of a lock on an idle day"
        )
    }
}

/// The name of a lock in the daemon.
pub fn slug(node: NodeId) -> String {
    format!("lock_{}", node.0)
}

/// A lock of some sort, honest but odd. More of them than in the world have no Supervision: what they say counts once.
fn make(entropy: &mut Entropy) -> Make {
    let mut make = make_of_before(entropy);
    make.quirks.no_supervision |= entropy.below(3) == 0;
    make
}

/// The same for walks of before.
fn make_of_before(entropy: &mut Entropy) -> Make {
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
