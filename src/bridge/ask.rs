//! What may be asked of the bridge: one type for each question, and with it the type of its answer.
//!
//! Questions without an effect are here; changes are an [`Intent`](crate::domain::intent::Intent), or belong to
//! [`membership`](super::membership).

use std::collections::BTreeMap;
use std::fmt;

use super::import;
use super::mechanisms::Mechanisms;
use super::membership::{Expect, Interview, MembersAsk, Unexpect, smart_start};
use super::view::{self, StoreTrouble};
use super::vitals::Vitals;
use super::words::Settings;
use crate::domain::actor::Actor;
use crate::domain::ids::{DeviceId, GrantId, PersonId, Slug};
use crate::domain::intent::{Accepted, Intent, Refusal};
use crate::security::keys::NetworkKeys;
use crate::view::{
    ChangeBegun, CurrentChange, DeviceView, GrantView, InterviewBegun, NetworkView, Page, PersonView, ProvisionedView, StatusView,
};

/// A question or a change. [`Bridge::ask`](super::Bridge::ask) makes a turn of it.
pub trait Question: Clone + PartialEq + fmt::Debug + Send + Sized + 'static {
    /// What answers it, where it was not refused.
    type Answer: fmt::Debug + Send + 'static;

    /// Finds the answer, inside a turn.
    fn put(self, bridge: &mut Mechanisms, actor: &Actor) -> Result<Self::Answer, Refusal>;

    /// Finds it while there is no bridge, since nothing can be saved.
    fn put_without_store(self, trouble: &StoreTrouble<'_>, _: &Settings) -> Result<Self::Answer, Refusal> {
        Err(Refusal::StoreUnavailable(trouble.why.to_owned()))
    }
}

/// Everybody, with their grants, by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct People;

/// One person with their grants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Person(pub PersonId);

/// One grant. `None` once its code is out of the lock: that is how a removal ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grant(pub GrantId);

/// Every device, by slug.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Devices;

/// One device, by slug or id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Device(pub String);

/// What devices are called now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeviceNames;

/// How the daemon is, for people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Status;

/// The same, in figures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Figures;

/// The controller and its nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network;

/// The change of who is in the network that is under way, or was the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change;

/// The devices that are expected (SmartStart), or came that way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expected;

/// The network keys themselves. On record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExportKeys;

/// Questions that are answered by looking.
macro_rules! answered_by_a_look {
    ($($question:ty => $answer:ty, |$it:pat_param, $look:ident| $view:expr;)*) => {$(
        impl Question for $question {
            type Answer = $answer;

            fn put(self, bridge: &mut Mechanisms, _: &Actor) -> Result<Self::Answer, Refusal> {
                let ($it, $look) = (self, &bridge.look());
                Ok($view)
            }
        }
    )*};
}

answered_by_a_look! {
    People => Page<PersonView>, |Self, look| view::people(look);
    Person => Option<PersonView>, |Self(id), look| view::person(look, id);
    Grant => Option<GrantView>, |Self(id), look| view::grant(look, id);
    Devices => Page<DeviceView>, |Self, look| view::devices(look);
    Device => Option<DeviceView>, |Self(name), look| view::device_named(look, &name);
    DeviceNames => BTreeMap<DeviceId, Slug>, |Self, look| view::device_names(look);
    Network => NetworkView, |Self, look| view::network(look);
    Change => CurrentChange, |Self, look| view::change(look);
    Expected => Page<ProvisionedView>, |Self, look| view::expected(look);
}

impl Question for Status {
    type Answer = StatusView;

    fn put(self, bridge: &mut Mechanisms, _: &Actor) -> Result<StatusView, Refusal> {
        Ok(view::status(&view::Source::Bridge(&bridge.look())))
    }

    fn put_without_store(self, trouble: &StoreTrouble<'_>, settings: &Settings) -> Result<StatusView, Refusal> {
        Ok(view::status(&view::Source::NoBridge(trouble, settings)))
    }
}

impl Question for Figures {
    type Answer = Box<Vitals>;

    fn put(self, bridge: &mut Mechanisms, _: &Actor) -> Result<Box<Vitals>, Refusal> {
        Ok(Box::new(Vitals::of(&bridge.look())))
    }
}

impl Question for ExportKeys {
    type Answer = Box<NetworkKeys>;

    fn put(self, bridge: &mut Mechanisms, actor: &Actor) -> Result<Box<NetworkKeys>, Refusal> {
        Ok(Box::new(import::export_keys(actor, &mut bridge.cx)))
    }
}

impl Question for Intent {
    type Answer = Accepted;

    fn put(self, bridge: &mut Mechanisms, actor: &Actor) -> Result<Accepted, Refusal> {
        bridge.change(actor, self)
    }
}

impl Question for MembersAsk {
    type Answer = ChangeBegun;

    fn put(self, bridge: &mut Mechanisms, actor: &Actor) -> Result<ChangeBegun, Refusal> {
        bridge.membership.handle(actor, self, &mut bridge.cx).map(|change| ChangeBegun { change })
    }
}

impl Question for Interview {
    type Answer = InterviewBegun;

    fn put(self, bridge: &mut Mechanisms, actor: &Actor) -> Result<InterviewBegun, Refusal> {
        let Self(node) = self;
        bridge.membership.interview(actor, node, &mut bridge.cx)?;
        Ok(InterviewBegun { node })
    }
}

impl Question for Expect {
    type Answer = ProvisionedView;

    fn put(self, bridge: &mut Mechanisms, actor: &Actor) -> Result<ProvisionedView, Refusal> {
        smart_start::expect(actor, self.label, self.name, &mut bridge.cx)
    }
}

impl Question for Unexpect {
    type Answer = Option<ProvisionedView>;

    fn put(self, bridge: &mut Mechanisms, actor: &Actor) -> Result<Option<ProvisionedView>, Refusal> {
        Ok(smart_start::unexpect(actor, self.0, &mut bridge.cx))
    }
}
