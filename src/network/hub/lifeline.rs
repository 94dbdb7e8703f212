//! The association group of the hub (docs/protocol/gateway.md §2.3: Association, Multi Channel Association, Association
//! Group Information).
//!
//! Members are kept while the daemon runs. Nothing is ever sent to them, because Latchkey never resets its controller.
//! A restart forgets them.

use crate::command::ClassId;
use crate::command::association::{self, Association};
use crate::command::association_group_info::{self as agi, AssociationGroupInfo, Profile};
use crate::command::multi_channel::Destination;
use crate::command::multi_channel_association::{self as mca, EndPoint, MultiChannelAssociation};
use crate::command::supervision::Status;

const GROUP: u8 = 1;
/// Group id in a Remove that means all groups.
const ALL_GROUPS: u8 = 0;
/// Maximum number of members; 5 is recommended.
const ROOM: u8 = 5;
/// Device Reset Locally Notification.
const RESET_NOTIFICATION: (ClassId, u8) = (ClassId::DEVICE_RESET_LOCALLY, 0x01);

#[derive(Default, Debug)]
pub(super) struct Lifeline {
    members: Vec<Member>,
}

/// A node, or one of its end points.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Member {
    node: u8,
    endpoint: Option<u8>,
}

impl Lifeline {
    /// Answers a Get of Association. An unknown group is answered with group 1.
    pub(super) fn nodes(&self, asked: &Association) -> Option<Association> {
        match asked {
            Association::Get(_) => Some(Association::Report(association::Report {
                group: GROUP,
                max_nodes: ROOM,
                reports_to_follow: 0,
                nodes: self.whole_nodes(),
            })),
            Association::SupportedGroupingsGet => {
                Some(Association::SupportedGroupingsReport(association::SupportedGroupingsReport { groups: GROUP }))
            }
            // No button stands for a group.
            Association::SpecificGroupGet => {
                Some(Association::SpecificGroupReport(association::SpecificGroupReport { group: 0 }))
            }
            _ => None,
        }
    }

    /// Answers a Get of Multi Channel Association.
    pub(super) fn endpoints(&self, asked: &MultiChannelAssociation) -> Option<MultiChannelAssociation> {
        match asked {
            MultiChannelAssociation::Get(_) => Some(MultiChannelAssociation::Report(mca::Report {
                group: GROUP,
                max_nodes: ROOM,
                reports_to_follow: 0,
                nodes: self.whole_nodes(),
                endpoints: self.members.iter().filter_map(Member::as_endpoint).collect(),
            })),
            MultiChannelAssociation::SupportedGroupingsGet => {
                Some(MultiChannelAssociation::SupportedGroupingsReport(mca::SupportedGroupingsReport { groups: GROUP }))
            }
            _ => None,
        }
    }

    /// Processes Set and Remove of Association; `None` for other commands.
    pub(super) fn set_nodes(&mut self, told: &Association) -> Option<Status> {
        match told {
            Association::Set(set) => Some(self.join(set.group, whole(&set.nodes).collect())),
            Association::Remove(remove) => Some(self.leave(remove.group, &whole(&remove.nodes).collect::<Vec<_>>())),
            _ => None,
        }
    }

    /// Processes Set and Remove of Multi Channel Association.
    pub(super) fn set_endpoints(&mut self, told: &MultiChannelAssociation) -> Option<Status> {
        match told {
            MultiChannelAssociation::Set(set) => Some(self.join(set.group, members_of(set))),
            MultiChannelAssociation::Remove(remove) => Some(self.leave(remove.group, &members_of(remove))),
            _ => None,
        }
    }

    /// Adds all of them, or none: with a partial result the sender could not know which were added.
    fn join(&mut self, group: u8, new: Vec<Member>) -> Status {
        let mut members = self.members.clone();
        for member in new {
            if !members.contains(&member) {
                members.push(member);
            }
        }
        if group != GROUP || members.len() > ROOM.into() {
            return Status::FAIL;
        }
        self.members = members;
        Status::SUCCESS
    }

    fn leave(&mut self, group: u8, gone: &[Member]) -> Status {
        if group != GROUP && group != ALL_GROUPS {
            return Status::FAIL;
        }
        self.members.retain(|member| !gone.is_empty() && !gone.contains(member));
        Status::SUCCESS
    }

    fn whole_nodes(&self) -> Vec<u8> {
        self.members.iter().filter(|member| member.endpoint.is_none()).map(|member| member.node).collect()
    }
}

impl Member {
    fn as_endpoint(&self) -> Option<EndPoint> {
        self.endpoint.map(|endpoint| EndPoint { node: self.node, endpoint: Destination(endpoint) })
    }
}

fn whole(nodes: &[u8]) -> impl Iterator<Item = Member> {
    nodes.iter().map(|&node| Member { node, endpoint: None })
}

/// An entry with a mask of end points counts as that many members.
fn members_of(named: &mca::Members) -> Vec<Member> {
    let each = |it: &EndPoint| {
        let node = it.node;
        it.endpoint.endpoints().into_iter().map(move |endpoint| Member { node, endpoint: Some(endpoint) })
    };
    whole(&named.nodes).chain(named.endpoints.iter().flat_map(each)).collect()
}

/// Answers a Get of Association Group Information.
pub(super) fn group_info(asked: &AssociationGroupInfo) -> Option<AssociationGroupInfo> {
    match asked {
        AssociationGroupInfo::NameGet(get) if get.group == GROUP => {
            Some(AssociationGroupInfo::NameReport(agi::NameReport { group: GROUP, name: b"Lifeline".to_vec() }))
        }
        AssociationGroupInfo::InfoGet(get) if get.list || get.group == GROUP => {
            let group = agi::GroupInfo { group: GROUP, mode: 0, profile: Profile::LIFELINE, event_code: 0 };
            let report = agi::InfoReport { list: get.list, dynamic: false, groups: vec![group] };
            Some(AssociationGroupInfo::InfoReport(report))
        }
        AssociationGroupInfo::CommandListGet(get) if get.group == GROUP => {
            let report = agi::CommandListReport { group: GROUP, commands: vec![RESET_NOTIFICATION] };
            Some(AssociationGroupInfo::CommandListReport(report))
        }
        _ => None,
    }
}
