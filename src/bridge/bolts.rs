//! The bolts: moved when somebody asks, and asked for where nobody saw them move.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ask::Actor;
use super::operations::{Answer, Operations, PATIENCE, Wanted};
use super::turn::Bridge;
use crate::command::Command;
use crate::command::door_lock::{self, DoorLock};
use crate::domain::device::{Device, LockState};
use crate::domain::ids::{DeviceId, NodeId};
use crate::domain::intent::{Accepted, Refusal};
use crate::domain::time::{Deadline, Instant, Now};
use crate::network::{ControllerStatus, Expect, Job, JobId, Outcome, Priority};

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
}

impl Bridge {
    /// Throws or withdraws a bolt, now or when those before it are done.
    pub(super) fn operate(&mut self, actor: &Actor, name: &str, state: LockState, now: Now) -> Result<Accepted, Refusal> {
        let device = self.state.device_named(name).ok_or_else(|| Refusal::UnknownDevice(name.to_owned()))?;
        let (id, slug) = (device.id, device.slug.to_string());
        let node = self.operable(id).ok_or_else(|| Refusal::Unreachable(slug.clone()))?;
        let wanted = Wanted { state, actor: actor.clone(), until: now.mono + PATIENCE };
        match self.bolts.operations.ask(id, wanted.clone(), now.mono) {
            Answer::Go => self.move_bolt(id, node, &wanted, now),
            Answer::Instead(job) if self.network.cancel(job) => {
                self.bolts.operations.taken_back(id);
                self.move_bolt(id, node, &wanted, now);
            }
            // It is on the air, or the lock is at it.
            Answer::Instead(_) => self.bolts.operations.wait(id, wanted, now.mono),
            Answer::Waits => {}
            Answer::TooMany => return Err(Refusal::TooManyOperations(slug)),
        }
        let generation = self.state.next_generation();
        Ok(Accepted { generation, device: Some(id), ..Accepted::default() })
    }

    /// The node whose bolt can be moved now.
    fn operable(&self, device: DeviceId) -> Option<NodeId> {
        let ready = matches!(self.network.controller(), ControllerStatus::Ready(_));
        self.state.device(device)?.node.filter(|_| ready)
    }

    fn move_bolt(&mut self, device: DeviceId, node: NodeId, wanted: &Wanted, now: Now) {
        let mode = if wanted.state == LockState::Locked { door_lock::Mode::SECURED } else { door_lock::Mode::UNSECURED };
        let job = Job {
            node,
            priority: Priority::Operate,
            command: Command::DoorLock(DoorLock::OperationSet(door_lock::OperationSet { mode })),
            expect: Expect::Supervised,
            deadline: Some(wanted.until),
        };
        let job = self.network.submit(job, now);
        self.bolts.operations.began(device, wanted, job, now.mono);
    }

    /// Moves the bolts that waited for their turn.
    pub(super) fn move_bolts(&mut self, now: Now) {
        for (device, actor) in self.bolts.operations.take_late(now.mono) {
            self.warn_of_bolt(device, &format!("a lock or unlock command of {actor} came too late, after others before it"));
        }
        while let Some((device, wanted)) = self.bolts.operations.take_due(now.mono) {
            match self.operable(device) {
                Some(node) => self.move_bolt(device, node, &wanted, now),
                None => self.warn_of_bolt(device, "a lock or unlock command is dropped: the lock can't be reached now"),
            }
        }
    }

    /// A user who may lock can cause this all day: log lines at powers of two, per lock.
    pub(super) fn warn_of_bolt(&mut self, device: DeviceId, what: &str) {
        if let Some(times) = self.tallies.hit(format!("{device}: {what}")) {
            tracing::warn!(%device, times, "{what}");
        }
    }

    /// Takes in how a job ended, if it was for a bolt.
    pub(super) fn operated(&mut self, job: JobId, outcome: &Outcome, now: Now) {
        self.bolts.asking.remove(&job);
        let Some((device, wanted)) = self.bolts.operations.ended(job, *outcome == Outcome::Accepted) else { return };
        match outcome {
            Outcome::Accepted => {
                if let Some(device) = self.state.device(device).cloned() {
                    self.state.put_device(Device { lock_state: wanted, ..device });
                }
            }
            // The lock reports by itself when the bolt got there.
            Outcome::Delivered => {}
            other => {
                self.warn_of_bolt(device, &format!("the lock did not carry out a lock or unlock command: {other:?}"));
            }
        }
        self.move_bolts(now);
    }

    /// Nobody knows any more where the bolts are: each lock is asked, some time soon.
    pub(super) fn doubt_bolts(&mut self, now: Now) {
        self.state.doubt_bolts();
        for device in self.state.devices() {
            let delay = Duration::from_millis(2_000 + self.entropy.below(20_000));
            self.bolts.ask_at.insert(device.id, now.mono + delay);
        }
    }

    /// A lock is asked where its bolt is, as soon as it has time.
    pub(super) fn ask_for_bolt(&mut self, device: DeviceId, now: Now) {
        self.bolts.ask_at.insert(device, now.mono + Duration::from_secs(1));
    }

    /// Asks the locks it is time for.
    pub(super) fn ask_for_bolts(&mut self, now: Now) {
        let due: Vec<DeviceId> = self.bolts.ask_at.iter().filter(|(_, at)| **at <= now.mono).map(|(id, _)| *id).collect();
        for id in due {
            self.bolts.ask_at.remove(&id);
            if self.bolts.asking.values().any(|asked| *asked == id) {
                continue;
            }
            let Some(device) = self.state.device(id).filter(|device| device.lock_state == LockState::Unknown) else { continue };
            let Some(node) = device.node else { continue };
            let command = Command::DoorLock(DoorLock::OperationGet);
            let job = Job { node, priority: Priority::Background, command, expect: Expect::Reply, deadline: None };
            let job = self.network.submit(job, now);
            self.bolts.asking.insert(job, id);
        }
    }
}
