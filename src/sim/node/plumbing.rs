//! What every node can do: Version, Manufacturer Specific, Z-Wave Plus Info, Association, AGI, Battery.

use crate::command::association::{self, Association};
use crate::command::association_group_info::{self as agi, AssociationGroupInfo, Profile};
use crate::command::battery::{self, Battery};
use crate::command::manufacturer_specific::{self, ManufacturerSpecific};
use crate::command::version::{self, Firmware, Version};
use crate::command::zwave_plus_info::{self, Icons, RoleType, ZwavePlusInfo};
use crate::command::{ClassId, Command};
use crate::domain::time::Instant;

use super::{Answer, Node};

/// The one association group of a lock.
const LIFELINE: u8 = 1;
/// How many nodes the lifeline can lead to.
const LIFELINE_SIZE: usize = 5;
/// Icons of a lock (command-classes sheet, 0x5E).
const ICON_LOCK: u16 = 0x0300;

pub(super) fn version(lock: &mut Node, command: &Command, _: Instant) -> Option<Answer> {
    let Command::Version(command) = command else { return None };
    let report = match command {
        Version::Get => {
            let (major, minor) = lock.model.firmware;
            let hardware = version::Hardware { hardware: 1, extra_firmwares: Vec::new() };
            Version::Report(version::Report {
                library_type: 3,
                protocol: Firmware { major: 7, minor: 18 },
                firmware: Firmware { major, minor },
                v2: Some(hardware),
            })
        }
        Version::CommandClassGet(get) => {
            let version = lock.classes().get(&ClassId(get.requested_cc.into())).copied().unwrap_or_default();
            Version::CommandClassReport(version::CommandClassReport { requested_cc: get.requested_cc, version })
        }
        _ => return None,
    };
    Some(Answer::Reply(Command::Version(report)))
}

pub(super) fn product(lock: &mut Node, command: &Command, _: Instant) -> Option<Answer> {
    let report = match command {
        Command::ManufacturerSpecific(ManufacturerSpecific::Get) => {
            Command::ManufacturerSpecific(ManufacturerSpecific::Report(manufacturer_specific::Report {
                product: lock.model.product,
            }))
        }
        Command::ZwavePlusInfo(ZwavePlusInfo::Get) => {
            let flirs = lock.model.beam.is_some();
            Command::ZwavePlusInfo(ZwavePlusInfo::Report(zwave_plus_info::Report {
                zwaveplus_version: 2,
                role_type: if flirs { RoleType::LISTENING_SLEEPING } else { RoleType::ALWAYS_ON },
                node_type: 0,
                icons: Some(Icons { installer_icon: ICON_LOCK, user_icon: ICON_LOCK }),
            }))
        }
        _ => return None,
    };
    Some(Answer::Reply(report))
}

pub(super) fn association(lock: &mut Node, command: &Command, _: Instant) -> Option<Answer> {
    let Command::Association(command) = command else { return None };
    let members = &mut lock.memory.lifeline;
    let report = match command {
        Association::Set(set) => {
            let new: Vec<u8> = set.nodes.iter().copied().filter(|node| !members.contains(node)).collect();
            if set.group != LIFELINE || members.len() + new.len() > LIFELINE_SIZE {
                return Some(Answer::Refused);
            }
            members.extend(new);
            return Some(Answer::Done);
        }
        Association::Remove(remove) => {
            members.retain(|node| !remove.nodes.is_empty() && !remove.nodes.contains(node));
            return Some(Answer::Done);
        }
        Association::Get(_) => Association::Report(association::Report {
            group: LIFELINE,
            max_nodes: 5,
            reports_to_follow: 0,
            nodes: members.clone(),
        }),
        Association::SupportedGroupingsGet => {
            Association::SupportedGroupingsReport(association::SupportedGroupingsReport { groups: 1 })
        }
        _ => return None,
    };
    Some(Answer::Reply(Command::Association(report)))
}

pub(super) fn association_group_info(_: &mut Node, command: &Command, _: Instant) -> Option<Answer> {
    let Command::AssociationGroupInfo(command) = command else { return None };
    let report = match command {
        AssociationGroupInfo::NameGet(_) => {
            AssociationGroupInfo::NameReport(agi::NameReport { group: LIFELINE, name: b"Lifeline".to_vec() })
        }
        AssociationGroupInfo::InfoGet(get) => {
            let group = agi::GroupInfo { group: LIFELINE, mode: 0, profile: Profile::LIFELINE, event_code: 0 };
            AssociationGroupInfo::InfoReport(agi::InfoReport { list: get.list, dynamic: false, groups: vec![group] })
        }
        AssociationGroupInfo::CommandListGet(_) => {
            let commands = vec![(ClassId::NOTIFICATION, 0x05), (ClassId::DOOR_LOCK, 0x03), (ClassId::BATTERY, 0x03)];
            AssociationGroupInfo::CommandListReport(agi::CommandListReport { group: LIFELINE, commands })
        }
        _ => return None,
    };
    Some(Answer::Reply(Command::AssociationGroupInfo(report)))
}

pub(super) fn battery(lock: &mut Node, command: &Command, _: Instant) -> Option<Answer> {
    let Command::Battery(Battery::Get) = command else { return None };
    let report = battery::Report { level: lock.memory.battery, flags: None, more_flags: None };
    Some(Answer::Reply(Command::Battery(Battery::Report(report))))
}
