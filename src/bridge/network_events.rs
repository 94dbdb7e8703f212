//! What the network tells, taken to whom it concerns.

use super::bolts::Bolts;
use super::context::Context;
use super::import;
use super::inbound::{self, Intake};
use super::membership::devices::register_lock;
use super::membership::{Membership, smart_start};
use crate::domain::ids::NodeId;
use crate::network::{ControllerInfo, JobId, NetworkEvent, Outcome, Reach};

/// Where events of the network go.
pub struct Receivers<'a> {
    pub intake: &'a mut Intake,
    pub bolts: &'a mut Bolts,
    /// Inclusion, exclusion and interviews.
    pub membership: &'a mut Membership,
}

impl Receivers<'_> {
    /// Takes in one event of the network.
    pub fn handle(&mut self, event: NetworkEvent, cx: &mut Context) {
        match event {
            NetworkEvent::Ready(info) => self.stick_is_ready(&info, cx),
            NetworkEvent::OtherNetwork { known, found } => {
                tracing::error!(%known, %found, "the stick belongs to another network than the locks; nothing is sent");
                cx.touch_all();
            }
            NetworkEvent::NodeChanged(id) => {
                if let Some(node) = cx.network.node(id).cloned() {
                    cx.state.put_node(node);
                }
                register_lock(id, None, &mut self.membership.names, cx);
                self.membership.look_at_interview(id, cx);
                cx.touch_at(id);
            }
            NetworkEvent::NodeRemoved(id) => self.node_is_removed(id, cx),
            NetworkEvent::Interviewed(id) => {
                self.membership.interviewed(id, cx);
                cx.touch_at(id);
            }
            NetworkEvent::Received { endpoint: 1.., .. } => tracing::debug!("an end point of a lock is not its door"),
            NetworkEvent::Received { node, endpoint: 0, command, security, multicast: _, at } => {
                let granted = cx.network.node(node).map(|node| node.security);
                // Events and confirmations count only under the class the node was granted (threats: forged frames).
                if granted.is_some_and(|granted| security >= granted) {
                    // The report counts from its arrival.
                    let now = cx.now;
                    cx.now = now.back_to(at);
                    self.intake.received(node, &command, self.bolts, cx);
                    cx.now = now;
                }
            }
            NetworkEvent::JobDone { id, node, outcome } => self.job_is_done(id, node, &outcome, cx),
            NetworkEvent::Change(progress) => self.membership.progress(progress, cx),
            NetworkEvent::Identify { by, blink: Some(blink) } => {
                let (times, period) = (blink.times, blink.period);
                if let Some(asked) = cx.out.tally(format!("identify {by}")) {
                    tracing::info!(
                        node = %by, times, ?period, asked, "here I am: another controller asked which device this hub is"
                    );
                }
            }
            NetworkEvent::Identify { by, blink: None } => tracing::debug!(node = %by, "the hub need not show itself any more"),
            NetworkEvent::ReachChanged { node, reach } => {
                if let Some(device) = cx.device_at(node) {
                    if reach == Reach::Alive {
                        cx.sync.heard(device);
                    }
                    cx.touch(device);
                }
            }
            NetworkEvent::OutOfSync { node } => {
                if let Some(device) = cx.device_at(node) {
                    cx.sync.doubt_writes(device, &mut cx.state, cx.now);
                }
            }
            NetworkEvent::FoundAlive { node } => {
                if let Some(device) = cx.device_at(node).filter(|device| cx.sync.found_alive(*device)) {
                    cx.touch(device);
                }
            }
        }
    }

    fn stick_is_ready(&mut self, info: &ControllerInfo, cx: &mut Context) {
        if cx.state.home() != Some(info.home) {
            smart_start::expect_all_again(cx);
            import::move_to(info.home, cx);
        }
        smart_start::expect_devices(cx);
        tracing::info!(home = %info.home, own = %info.own, library = info.library, "the stick is ready");
        cx.sync.stick_back();
        self.bolts.doubt(cx);
        cx.touch_all();
    }

    /// The device stays with its grants: a list that was wrong once must not cost anybody their codes. But what is in the
    /// lock has to be seen before it counts again.
    fn node_is_removed(&mut self, id: NodeId, cx: &mut Context) {
        cx.state.delete_node(id);
        self.membership.interview_is_off(id, cx);
        if let Some(device) = cx.state.device_of(id) {
            tracing::warn!(node = %id, device = %device.slug, "the lock is not in the network any more");
            let device = device.id;
            cx.sync.doubt(device, &mut cx.state, cx.now);
            cx.touch(device);
        }
    }

    fn job_is_done(&mut self, id: JobId, node: NodeId, outcome: &Outcome, cx: &mut Context) {
        if outcome.proves_contact()
            && let Some(device) = cx.device_at(node)
        {
            cx.seen(device);
        }
        let Some((device, findings)) = cx.sync.done(id, outcome, &mut cx.state, &cx.network, cx.now) else {
            return self.bolts.operated(id, outcome, cx);
        };
        for finding in findings {
            inbound::found(finding, cx);
        }
        cx.touch(device);
    }
}
