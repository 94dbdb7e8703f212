//! What the network tells, taken to whom it concerns.

use super::turn::Bridge;
use crate::domain::ids::{DeviceId, NodeId};
use crate::domain::time::Now;
use crate::network::{ControllerInfo, JobId, NetworkEvent, Outcome, Reach};

impl Bridge {
    /// Takes in one event of the network.
    pub(super) fn network_event(&mut self, event: NetworkEvent, now: Now) {
        match event {
            NetworkEvent::Ready(info) => self.stick_is_ready(&info, now),
            NetworkEvent::OtherNetwork { known, found } => {
                tracing::error!(%known, %found, "the stick belongs to another network than the locks; nothing is sent");
                self.touch_all();
            }
            NetworkEvent::NodeChanged(id) => {
                if let Some(node) = self.network.node(id).cloned() {
                    self.state.put_node(node);
                }
                self.welcome(id, None, now);
                self.look_at_interview(id, now);
                self.touch_at(id);
            }
            NetworkEvent::NodeRemoved(id) => self.node_is_removed(id, now),
            NetworkEvent::Interviewed(id) => {
                self.interviewed(id, now);
                self.touch_at(id);
            }
            NetworkEvent::Received { endpoint: 1.., .. } => tracing::debug!("an end point of a lock is not its door"),
            NetworkEvent::Received { node, endpoint: 0, command, security, multicast: _, at } => {
                let granted = self.network.node(node).map(|node| node.security);
                // Events and confirmations count only under the class the node was granted (threats: forged frames).
                if granted.is_some_and(|granted| security >= granted) {
                    self.received(node, &command, now.back_to(at));
                }
            }
            NetworkEvent::JobDone { id, node, outcome } => self.job_is_done(id, node, &outcome, now),
            NetworkEvent::Change(progress) => self.progress(progress, now),
            NetworkEvent::Identify { by, blink: Some(blink) } => {
                let (times, period) = (blink.times, blink.period);
                if let Some(asked) = self.tallies.hit(format!("identify {by}")) {
                    tracing::info!(
                        node = %by, times, ?period, asked, "here I am: another controller asked which device this hub is"
                    );
                }
            }
            NetworkEvent::Identify { by, blink: None } => tracing::debug!(node = %by, "the hub need not show itself any more"),
            NetworkEvent::ReachChanged { node, reach } => {
                if let Some(device) = self.device_at(node) {
                    if reach == Reach::Alive {
                        self.sync.heard(device);
                    }
                    self.touch(device);
                }
            }
            NetworkEvent::OutOfSync { node } => {
                if let Some(device) = self.device_at(node) {
                    self.sync.doubt_writes(device, &mut self.state, now);
                }
            }
            NetworkEvent::FoundAlive { node } => {
                if let Some(device) = self.device_at(node).filter(|device| self.sync.found_alive(*device)) {
                    self.touch(device);
                }
            }
        }
    }

    fn stick_is_ready(&mut self, info: &ControllerInfo, now: Now) {
        if self.state.home() != Some(info.home) {
            self.expect_all_again();
            self.move_to(info.home);
        }
        self.expect_devices(now);
        tracing::info!(home = %info.home, own = %info.own, library = info.library, "the stick is ready");
        self.sync.stick_back();
        self.doubt_bolts(now);
        self.touch_all();
    }

    /// The device stays with its grants: a list that was wrong once must not cost anybody their codes. But what is in the
    /// lock has to be seen before it counts again.
    fn node_is_removed(&mut self, id: NodeId, now: Now) {
        self.state.delete_node(id);
        self.interview_is_off(id, now);
        if let Some(device) = self.state.device_of(id) {
            tracing::warn!(node = %id, device = %device.slug, "the lock is not in the network any more");
            let device = device.id;
            self.sync.doubt(device, &mut self.state, now);
            self.touch(device);
        }
    }

    fn job_is_done(&mut self, id: JobId, node: NodeId, outcome: &Outcome, now: Now) {
        if outcome.proves_contact()
            && let Some(device) = self.device_at(node)
        {
            self.seen(device, now);
        }
        let Some((device, findings)) = self.sync.done(id, outcome, &mut self.state, &self.network, now) else {
            return self.operated(id, outcome, now);
        };
        for finding in findings {
            self.found(finding, now);
        }
        self.touch(device);
    }

    fn touch_at(&mut self, node: NodeId) {
        if let Some(device) = self.device_at(node) {
            self.touch(device);
        }
    }

    fn device_at(&self, node: NodeId) -> Option<DeviceId> {
        self.state.device_of(node).map(|device| device.id)
    }
}
