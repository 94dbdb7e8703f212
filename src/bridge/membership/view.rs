//! What people are shown of changes and of what is expected.

use super::following::{Following, Step};
use crate::bridge::state::State;
use crate::bridge::words::Settings;
use crate::domain::provisioning::{Provisioned, ProvisioningState};
use crate::network::inclusion::{JoinQuestion, Warning};
use crate::view::{ChangeView, CurrentChange, Open, Page, ProvisionedState, ProvisionedView, QuestionView, Stamp};

/// Shown with the question for the keys of a lock.
const NOT_FOR_DOORS: &str = "none of these keys is good enough for a door: whoever has the same key can read the lock's codes and \
                             open it";
/// The same, for a device that asks for no key that would prove it.
const UNPROVEN: &str = "nothing proves which device this is: it may be another one that was quicker, and keeps the keys";

/// The change that is under way, or was the last.
pub fn change(change: Option<&Following>, state: &State, settings: &Settings) -> CurrentChange {
    CurrentChange { change: change.map(|change| of_change(change, state, settings)) }
}

fn of_change(change: &Following, state: &State, settings: &Settings) -> ChangeView {
    let device = change.device.and_then(|id| state.device(id));
    let device = device.or_else(|| change.node.filter(|_| change.device.is_none()).and_then(|node| state.device_of(node)));
    let (question, failure) = match &change.step {
        Step::Asked(question) => (Some(of_question(question)), None),
        Step::Failed(failure) => (None, Some(failure)),
        _ => (None, None),
    };
    ChangeView {
        id: change.id,
        kind: change.kind.into(),
        state: change.step.state().into(),
        since: Stamp(change.since.rfc3339(&settings.zone)),
        node: change.node,
        device: device.map(|device| device.slug.clone()),
        question,
        security: change.security.map(Open::from),
        warning: change.warning.as_ref().map(Warning::to_string),
        why: failure.map(|failure| failure.why.clone()),
        advice: failure.map(|failure| failure.advice.to_owned()),
        left_node: failure.and_then(|failure| failure.left),
    }
}

fn of_question(question: &JoinQuestion) -> QuestionView {
    match question {
        JoinQuestion::Pin { tail } => QuestionView::Pin { dsk_tail: tail.clone() },
        JoinQuestion::Keys { requested, for_door } => QuestionView::Keys {
            keys: requested.classes().map(Open::from).collect(),
            warning: if *for_door { NOT_FOR_DOORS } else { UNPROVEN }.to_owned(),
        },
        JoinQuestion::TypeIntoDevice { code: [first, second] } => {
            QuestionView::TypeIntoDevice { code: Some(format!("{first:05}-{second:05}")) }
        }
    }
}

/// Every device that is expected or came that way, oldest first.
pub fn expected(state: &State, settings: &Settings) -> Page<ProvisionedView> {
    let mut all: Vec<&Provisioned> = state.provisioning().collect();
    all.sort_by_key(|expected| (expected.added_at, expected.id));
    Page::whole(all.into_iter().map(|expected| provisioned(expected, state, settings)).collect())
}

/// One of them. Without the first group of its key, which is the device's PIN.
pub(super) fn provisioned(expected: &Provisioned, state: &State, settings: &Settings) -> ProvisionedView {
    let label = &expected.label;
    let product = &label.product;
    let (standing, node, why) = match &expected.state {
        ProvisioningState::Waiting => (ProvisionedState::Waiting, None, None),
        ProvisioningState::Included { node } => (ProvisionedState::Included, Some(*node), None),
        ProvisioningState::Failed { why } => (ProvisionedState::Failed, None, Some(why)),
    };
    ProvisionedView {
        id: expected.id,
        name: expected.name.clone(),
        dsk_tail: label.dsk.tail(),
        kind: product.kind().to_owned(),
        model: format!("{:04x}:{:04x}:{:04x}", product.manufacturer, product.product_type, product.product),
        long_range: label.long_range,
        added_at: Stamp(expected.added_at.rfc3339(&settings.zone)),
        state: standing.into(),
        node,
        device: node.and_then(|node| state.device_of(node)).map(|device| device.slug.clone()),
        why: why.cloned(),
    }
}
