//! The bolts: moved when somebody asks, and asked for where nobody saw them move.

use std::collections::BTreeMap;
use std::time::Duration;

use super::context::Context;
use super::operations::{Answer, Operations, PATIENCE, Wanted};
use crate::command::Command;
use crate::command::door_lock::{self, DoorLock};
use crate::domain::actor::Actor;
use crate::domain::audit::Act;
use crate::domain::device::{Device, LockState};
use crate::domain::ids::{DeviceId, NodeId};
use crate::domain::intent::{Accepted, Refusal};
use crate::domain::time::{Deadline, Instant};
use crate::network::{Completion, ControllerStatus, Job, JobId, Outcome, Priority};

/// What is under way about bolts.
#[derive(Default)]
pub struct Bolts {
    operations: Operations,
    /// When a lock is asked where its bolt is: nobody saw what happened while the stick or we were away.
    ask_at: BTreeMap<DeviceId, Instant>,
    /// Questions that have no end yet. One is enough for a lock, however often the stick comes and goes meanwhile.
    asking: BTreeMap<JobId, DeviceId>,
}

impl Bolts {
    /// When the next bolt is moved, or the next lock asked.
    pub fn deadline(&self) -> Option<Deadline> {
        let asked = self.ask_at.values().min().map(|at| Deadline { at: *at, why: "a lock is asked for its bolt" });
        Deadline::earliest(asked, self.operations.deadline())
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, cx: &mut Context) {
        self.move_waiting(cx);
        self.ask_due(cx);
    }

    /// Throws or withdraws a bolt, now or when those before it are done.
    pub fn operate(&mut self, actor: &Actor, name: &str, state: LockState, cx: &mut Context) -> Result<Accepted, Refusal> {
        let now = cx.now;
        let device = cx.state.device_named(name).ok_or_else(|| Refusal::UnknownDevice(name.to_owned()))?;
        let (id, slug) = (device.id, device.slug.to_string());
        let node = operable(id, cx).ok_or_else(|| Refusal::Unreachable(slug.clone()))?;
        let wanted = Wanted { state, actor: actor.clone(), until: now.mono + PATIENCE };
        match self.operations.ask(id, wanted.clone(), now.mono) {
            Answer::Go => self.move_bolt(id, node, &wanted, cx),
            Answer::Instead(job) if cx.network.cancel(job) => {
                self.operations.taken_back(id);
                self.move_bolt(id, node, &wanted, cx);
            }
            // It is on the air, or the lock is at it.
            Answer::Instead(_) => self.operations.wait(id, wanted, now.mono),
            Answer::Waits => {}
            Answer::TooMany => return Err(Refusal::TooManyOperations(slug)),
        }
        let generation = cx.state.next_generation();
        let act = if state == LockState::Locked { Act::Locked(id) } else { Act::Unlocked(id) };
        cx.state.audit(actor, act, now.wall);
        cx.actors.note(id, actor, state, now.mono);
        Ok(Accepted { generation, device: Some(id), ..Accepted::default() })
    }

    fn move_bolt(&mut self, device: DeviceId, node: NodeId, wanted: &Wanted, cx: &mut Context) {
        let now = cx.now;
        let mode = if wanted.state == LockState::Locked { door_lock::Mode::SECURED } else { door_lock::Mode::UNSECURED };
        let job = Job {
            node,
            priority: Priority::Operate,
            command: Command::DoorLock(DoorLock::OperationSet(door_lock::OperationSet { mode })),
            expect: Completion::Supervised,
            deadline: Some(wanted.until),
        };
        let job = cx.network.submit(job, now);
        self.operations.began(device, wanted, job, now.mono);
    }

    /// Moves the bolts that waited for their turn.
    fn move_waiting(&mut self, cx: &mut Context) {
        let now = cx.now;
        for (device, actor) in self.operations.take_late(now.mono) {
            warn_of_bolt(cx, device, &format!("a lock or unlock command of {actor} came too late, after others before it"));
        }
        while let Some((device, wanted)) = self.operations.take_due(now.mono) {
            match operable(device, cx) {
                Some(node) => self.move_bolt(device, node, &wanted, cx),
                None => warn_of_bolt(cx, device, "a lock or unlock command is dropped: the lock can't be reached now"),
            }
        }
    }

    /// Takes in how a job ended, if it was for a bolt.
    pub fn operated(&mut self, job: JobId, outcome: &Outcome, cx: &mut Context) {
        self.asking.remove(&job);
        let Some((device, wanted)) = self.operations.ended(job, *outcome == Outcome::Accepted) else { return };
        match outcome {
            Outcome::Accepted => {
                if let Some(device) = cx.state.device(device).cloned() {
                    cx.state.put_device(Device { lock_state: wanted, ..device });
                }
            }
            // The lock reports by itself when the bolt got there.
            Outcome::Delivered => {}
            other => {
                warn_of_bolt(cx, device, &format!("the lock did not carry out a lock or unlock command: {other:?}"));
            }
        }
        self.move_waiting(cx);
    }

    /// Nobody knows any more where the bolts are: each lock is asked, some time soon.
    pub fn doubt(&mut self, cx: &mut Context) {
        cx.state.doubt_bolts();
        for device in cx.state.devices() {
            let delay = Duration::from_millis(2_000 + cx.entropy.below(20_000));
            self.ask_at.insert(device.id, cx.now.mono + delay);
        }
    }

    /// A lock is asked where its bolt is, as soon as it has time.
    pub fn ask_for(&mut self, device: DeviceId, cx: &Context) {
        self.ask_at.insert(device, cx.now.mono + Duration::from_secs(1));
    }

    /// Asks the locks it is time for.
    fn ask_due(&mut self, cx: &mut Context) {
        let now = cx.now;
        let due: Vec<DeviceId> = self.ask_at.iter().filter(|(_, at)| **at <= now.mono).map(|(id, _)| *id).collect();
        for id in due {
            self.ask_at.remove(&id);
            if self.asking.values().any(|asked| *asked == id) {
                continue;
            }
            let Some(device) = cx.state.device(id).filter(|device| device.lock_state == LockState::Unknown) else { continue };
            let Some(node) = device.node else { continue };
            let command = Command::DoorLock(DoorLock::OperationGet);
            let job = Job { node, priority: Priority::Background, command, expect: Completion::Reply, deadline: None };
            let job = cx.network.submit(job, now);
            self.asking.insert(job, id);
        }
    }
}

/// The node whose bolt can be moved now.
fn operable(device: DeviceId, cx: &Context) -> Option<NodeId> {
    let ready = matches!(cx.network.controller(), ControllerStatus::Ready(_));
    cx.state.device(device)?.node.filter(|_| ready)
}

/// A user who may lock can cause this all day: log lines at powers of two, per lock.
pub(super) fn warn_of_bolt(cx: &mut Context, device: DeviceId, what: &str) {
    if let Some(times) = cx.out.tally(format!("{device}: {what}")) {
        tracing::warn!(%device, times, "{what}");
    }
}
