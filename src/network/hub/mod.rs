//! The hub as a node of its network: what it announces, and what it answers (docs/protocol/gateway.md §2).
//!
//! The hub is a Generic Controller. The controller announces the classes of [`classes::node_information`]; the others
//! are in the secure list, which is reported under the highest class of the peer. An answer uses the class and the
//! encapsulation of its request, without Supervision. There is no answer to
//!
//! - commands by multicast or broadcast, or for an end point, since the hub has none;
//! - commands under a lower class than an S2 peer was granted: they are dropped in `receive`. This includes classes
//!   that may be asked unencrypted: every answer to a battery lock is a beam that any sender could cause in its name;
//! - unknown classes and commands; under Supervision the answer is No Support.
//!
//! A supervised Set is answered by its result. A supervised report of a lock is for the owner and always succeeds.
//!
//! | file | what |
//! | --- | --- |
//! | `classes` | the table: class, version, where listed |
//! | `about` | identity of the hub |
//! | `lifeline` | its association group |
//! | `identify` | the identify indicator |
//! | `power` | its transmission power |
//! | `clock` | the time of the home |
//!
//! Nothing is stored: a restart forgets members, indicator and power.

mod about;
mod classes;
mod clock;
mod identify;
mod lifeline;
mod power;

pub use identify::Blink;

pub(super) use classes::node_information;

use super::{ControllerStatus, Network, NetworkEvent};
use crate::command::security::{self, Security};
use crate::command::security_2::{self, Security2};
use crate::command::supervision::Status;
use crate::command::time::Time;
use crate::command::{ClassId, Command};
use crate::domain::ids::NodeId;
use crate::domain::node::{Node, SecurityClass};

use identify::{Identify, Shown};
use lifeline::Lifeline;
use power::Power;

/// What other nodes set in the hub.
#[derive(Default, Debug)]
pub(super) struct Hub {
    lifeline: Lifeline,
    identify: Identify,
    power: Power,
}

impl Network {
    /// The report that answers a Get of `id` under that class; `None` if there is no answer.
    pub(super) fn answer_for_hub(&self, id: NodeId, send_as: SecurityClass, asked: &Command) -> Option<Command> {
        let ControllerStatus::Ready(controller) = &self.status else { return None };
        let node = &self.nodes.get(&id)?.node;
        let (hub, highest) = (&self.hub, is_highest(node, send_as));
        if !classes::is_open(asked.class()) && !highest {
            return None;
        }
        match asked {
            Command::Time(asked) => clock::answer(asked, self.time, &self.options.zone).map(Command::Time),
            Command::ZwavePlusInfo(asked) => about::plus_info(asked).map(Command::ZwavePlusInfo),
            Command::Version(asked) => about::version(asked, controller).map(Command::Version),
            Command::ManufacturerSpecific(asked) => about::manufacturer(asked, controller).map(Command::ManufacturerSpecific),
            Command::Association(asked) => hub.lifeline.nodes(asked).map(Command::Association),
            Command::MultiChannelAssociation(asked) => hub.lifeline.endpoints(asked).map(Command::MultiChannelAssociation),
            Command::AssociationGroupInfo(asked) => lifeline::group_info(asked).map(Command::AssociationGroupInfo),
            Command::Indicator(asked) => hub.identify.answer(asked).map(Command::Indicator),
            Command::Powerlevel(asked) => hub.power.answer(asked, self.clock).map(Command::Powerlevel),
            asked if asks_for_classes(asked) => supported(asked, send_as, highest),
            _ => None,
        }
    }

    /// Processes a Set of `id`, and returns the Supervision status; `None` if the hub does not support it.
    pub(super) fn set_hub(&mut self, id: NodeId, send_as: SecurityClass, told: &Command) -> Option<Status> {
        if !classes::is_supported(told.class()) {
            return None;
        }
        let node = &self.nodes.get(&id)?.node;
        if !is_highest(node, send_as) {
            return Some(Status::NO_SUPPORT);
        }
        match told {
            Command::Association(told) => self.hub.lifeline.set_nodes(told),
            Command::MultiChannelAssociation(told) => self.hub.lifeline.set_endpoints(told),
            Command::Powerlevel(told) => self.hub.power.set(told, self.clock),
            Command::Indicator(told) => {
                let (status, shown) = self.hub.identify.set(told)?;
                if let Some(Shown(blink)) = shown {
                    self.tell(NetworkEvent::Identify { by: id, blink });
                }
                Some(status)
            }
            // The time zone is a setting of the daemon.
            Command::Time(Time::TimeOffsetSet(_)) => Some(Status::FAIL),
            _ => None,
        }
    }
}

/// Whether a command is a Commands Supported Get. It may also be asked under a lower class than granted; the answer is
/// then an empty list.
pub(super) fn asks_for_classes(command: &Command) -> bool {
    let s2 = matches!(command, Command::Security2(Security2::CommandsSupportedGet));
    s2 || matches!(command, Command::Security(Security::CommandsSupportedGet))
}

/// The complete list at the highest class of a peer, an empty one below, none unencrypted
/// (docs/protocol/gateway.md §2.1).
fn supported(asked: &Command, send_as: SecurityClass, highest: bool) -> Option<Command> {
    let supported = if highest { classes::secure_list() } else { Vec::new() };
    match (asked, send_as) {
        (Command::Security(_), SecurityClass::S0) => {
            let report = security::CommandsSupportedReport { reports_to_follow: 0, supported, controlled: None };
            Some(Command::Security(Security::CommandsSupportedReport(report)))
        }
        (Command::Security2(_), SecurityClass::None | SecurityClass::S0) | (Command::Security(_), _) => None,
        _ => {
            let report = security_2::CommandsSupportedReport { supported, controlled: Vec::new() };
            Some(Command::Security2(Security2::CommandsSupportedReport(report)))
        }
    }
}

/// Whether the command came under the highest class of the peer. Unencrypted, this is only true for a peer without
/// keys, and not for one whose classes are unknown yet.
fn is_highest(node: &Node, send_as: SecurityClass) -> bool {
    let may_have_keys = [ClassId::SECURITY, ClassId::SECURITY_2].iter().any(|class| node.classes.contains_key(class));
    send_as >= node.security && (send_as != SecurityClass::None || node.security_known || !may_have_keys)
}
