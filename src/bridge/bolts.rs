//! The bolts: moved when somebody asks, and asked for where nobody saw them move.

use std::collections::BTreeMap;
use std::time::Duration;

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
    operations: BTreeMap<JobId, (DeviceId, LockState)>,
    /// When a lock is asked where its bolt is: nobody saw what happened while the stick or we were away.
    ask_at: BTreeMap<DeviceId, Instant>,
    /// Questions that have no end yet. One is enough for a lock, however often the stick comes and goes meanwhile.
    asking: BTreeMap<JobId, DeviceId>,
}

impl Bolts {
    /// When the next lock is asked.
    pub fn deadline(&self) -> Option<Deadline> {
        self.ask_at.values().min().map(|at| Deadline { at: *at, why: "a lock is asked for its bolt" })
    }
}

impl Bridge {
    /// Throws or withdraws a bolt.
    pub(super) fn operate(&mut self, name: &str, wanted: LockState, now: Now) -> Result<Accepted, Refusal> {
        let device = self.state.device_named(name).ok_or_else(|| Refusal::UnknownDevice(name.to_owned()))?;
        let ready = matches!(self.network.controller(), ControllerStatus::Ready(_));
        let node = device.node.filter(|_| ready).ok_or_else(|| Refusal::Unreachable(device.slug.to_string()))?;
        let mode = if wanted == LockState::Locked { door_lock::Mode::SECURED } else { door_lock::Mode::UNSECURED };
        let job = Job {
            node,
            priority: Priority::Operate,
            command: Command::DoorLock(DoorLock::OperationSet(door_lock::OperationSet { mode })),
            expect: Expect::Supervised,
            // Somebody stands there now; a bolt that moves minutes later is worse than one that does not.
            deadline: Some(now.mono + Duration::from_secs(30)),
        };
        let (device, generation) = (device.id, self.state.next_generation());
        let id = self.network.submit(job, now);
        self.bolts.operations.insert(id, (device, wanted));
        Ok(Accepted { generation, device: Some(device), ..Accepted::default() })
    }

    /// Takes in how a job ended, if it was for a bolt.
    pub(super) fn operated(&mut self, job: JobId, node: NodeId, outcome: &Outcome) {
        self.bolts.asking.remove(&job);
        let Some((device, wanted)) = self.bolts.operations.remove(&job) else { return };
        match outcome {
            Outcome::Accepted => {
                if let Some(device) = self.state.device(device).cloned() {
                    self.state.put_device(Device { lock_state: wanted, ..device });
                }
            }
            // The lock reports by itself when the bolt got there.
            Outcome::Delivered => {}
            other => tracing::warn!(%node, outcome = ?other, "the lock did not carry out a lock or unlock command"),
        }
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
