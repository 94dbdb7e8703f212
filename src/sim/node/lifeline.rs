//! The lifeline, the association group of every node, by Association 2, Multi Channel Association 3 and Association
//! Group Information 3 (docs/protocol/command-classes.md Associations).

use super::{Answer, Node};
use crate::command::association::{self, Association};
use crate::command::association_group_info::{self as agi, AssociationGroupInfo, Profile};
use crate::command::multi_channel_association::{self as mca, MultiChannelAssociation};
use crate::command::{ClassId, Command};
use crate::domain::time::Instant;
use crate::sim::model::Kind;

/// Group ids: the lifeline, and all groups.
const LIFELINE: u8 = 1;
const ALL: u8 = 0;
/// Maximum number of members.
const ROOM: u8 = 5;

pub(super) fn association(node: &mut Node, command: &Command, _: Instant) -> Option<Answer> {
    let Command::Association(command) = command else { return None };
    let report = match command {
        Association::Set(set) => return Some(node.add_members(set.group, &set.nodes, &[])),
        Association::Remove(remove) => return Some(node.remove_members(remove.group, &remove.nodes, &[])),
        Association::Get(_) => Association::Report(association::Report {
            group: LIFELINE,
            max_nodes: ROOM,
            reports_to_follow: 0,
            nodes: node.memory.lifeline.clone(),
        }),
        Association::SupportedGroupingsGet => {
            Association::SupportedGroupingsReport(association::SupportedGroupingsReport { groups: 1 })
        }
        // No button belongs to a group.
        Association::SpecificGroupGet => Association::SpecificGroupReport(association::SpecificGroupReport { group: 0 }),
        _ => return None,
    };
    Some(Answer::Reply(Command::Association(report)))
}

pub(super) fn multi_channel_association(node: &mut Node, command: &Command, _: Instant) -> Option<Answer> {
    let Command::MultiChannelAssociation(command) = command else { return None };
    let report = match command {
        MultiChannelAssociation::Set(set) => return Some(node.add_members(set.group, &set.nodes, &set.endpoints)),
        MultiChannelAssociation::Remove(set) => return Some(node.remove_members(set.group, &set.nodes, &set.endpoints)),
        MultiChannelAssociation::Get(_) => MultiChannelAssociation::Report(mca::Report {
            group: LIFELINE,
            max_nodes: ROOM,
            reports_to_follow: 0,
            nodes: node.memory.lifeline.clone(),
            endpoints: node.memory.lifeline_points.clone(),
        }),
        MultiChannelAssociation::SupportedGroupingsGet => {
            MultiChannelAssociation::SupportedGroupingsReport(mca::SupportedGroupingsReport { groups: 1 })
        }
        _ => return None,
    };
    Some(Answer::Reply(Command::MultiChannelAssociation(report)))
}

pub(super) fn group_info(node: &mut Node, command: &Command, _: Instant) -> Option<Answer> {
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
            let classes = node.classes();
            let mut commands = told(node.model.kind);
            commands.retain(|(class, _)| classes.contains_key(class));
            AssociationGroupInfo::CommandListReport(agi::CommandListReport { group: LIFELINE, commands })
        }
        _ => return None,
    };
    Some(Answer::Reply(Command::AssociationGroupInfo(report)))
}

/// The commands that a kind of node sends to its lifeline.
fn told(kind: Kind) -> Vec<(ClassId, u8)> {
    let (reset, battery, event) =
        ((ClassId::DEVICE_RESET_LOCALLY, 0x01), (ClassId::BATTERY, 0x03), (ClassId::NOTIFICATION, 0x05));
    match kind {
        Kind::Lock => vec![event, (ClassId::DOOR_LOCK, 0x03), (ClassId::USER_CODE, 0x03), battery, reset],
        Kind::Keypad => vec![battery, reset],
        Kind::Switch => vec![(ClassId::BASIC, 0x03), reset],
        Kind::Sensor => vec![event, battery, (ClassId::WAKE_UP, 0x07), reset],
    }
}

impl Node {
    /// Whether the lifeline has members.
    pub(super) fn has_lifeline(&self) -> bool {
        !self.memory.lifeline.is_empty() || !self.memory.lifeline_points.is_empty()
    }

    fn add_members(&mut self, group: u8, nodes: &[u8], points: &[mca::EndPoint]) -> Answer {
        let (mut all, mut all_points) = (self.memory.lifeline.clone(), self.memory.lifeline_points.clone());
        for node in nodes {
            if !all.contains(node) {
                all.push(*node);
            }
        }
        for point in points {
            if !all_points.contains(point) {
                all_points.push(*point);
            }
        }
        if group != LIFELINE || all.len() + all_points.len() > usize::from(ROOM) {
            return Answer::Refused;
        }
        (self.memory.lifeline, self.memory.lifeline_points) = (all, all_points);
        Answer::Done
    }

    /// Without named members all of them are removed.
    fn remove_members(&mut self, group: u8, nodes: &[u8], points: &[mca::EndPoint]) -> Answer {
        if ![LIFELINE, ALL].contains(&group) {
            return Answer::Refused;
        }
        let all = nodes.is_empty() && points.is_empty();
        self.memory.lifeline.retain(|node| !all && !nodes.contains(node));
        self.memory.lifeline_points.retain(|point| !all && !points.contains(point));
        Answer::Done
    }
}
