//! Writes down how each grant of a lock stands, where that changed.

use super::context::Context;
use crate::domain::grant::{Grant, Reason, Status};
use crate::domain::ids::DeviceId;

/// Derives the status of every grant on a device from what is wanted and known.
pub fn assess(device: DeviceId, cx: &mut Context) {
    for grant in cx.state.grants_on(device).cloned().collect::<Vec<_>>() {
        let standing = cx.sync.standing(&grant, &cx.state, &cx.network);
        let since = if standing.status == grant.status { grant.since } else { cx.now.wall };
        let attempts = cx.sync.failures(&grant, &cx.state);
        let (status, reason, next_try, confirmed) = (standing.status, standing.reason, standing.next_try, standing.confirmed);
        if status != grant.status {
            log_grant(cx, &grant, status, reason);
        }
        cx.state.put_grant(Grant { status, reason, next_try, confirmed, since, attempts, ..grant });
    }
}

/// Names stay out of the log: an id says who, to those who may know.
fn log_grant(cx: &Context, grant: &Grant, status: Status, reason: Option<Reason>) {
    let Some(device) = cx.state.device(grant.device) else { return };
    let node = device.node.map(|node| node.0);
    if status.needs_somebody() {
        tracing::warn!(node, device = %device.slug, person = %grant.person, ?status, ?reason, "a grant needs a decision");
    } else {
        tracing::debug!(node, device = %device.slug, person = %grant.person, ?status, ?reason, "the status of a grant changed");
    }
}
