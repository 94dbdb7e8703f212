//! Z-Wave Plus Info (0x5E) v1–2 (docs/protocol/command-classes.md 0x5E).

use nom::Parser;
use nom::combinator::opt;
use nom::number::complete::{be_u8, be_u16};
use nom::sequence::pair;
use serde::Serialize;

use super::codec::Parsed;
use super::spec::{Kind, command_class};

command_class! {
    /// Z-Wave Plus Info (0x5E).
    ZwavePlusInfo {
        Get = 0x01, v 1, Kind::Get { reply: 0x02 };
        Report(Report) = 0x02, v 1, Kind::Report;
    }
}

/// What a node is to the network: 0 central static controller, 5 always on, 6 reporting sleeper, 7 sleeper that listens for beams, …
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct RoleType(pub u8);

impl RoleType {
    /// A controller that stays where it is and is at the centre of its network.
    pub const CENTRAL_STATIC_CONTROLLER: Self = Self(0);
    pub const ALWAYS_ON: Self = Self(5);
    /// Wakes up by itself to report.
    pub const REPORTING_SLEEPING: Self = Self(6);
    /// FLiRS: sleeps, and wakes by a beam. Most battery locks.
    pub const LISTENING_SLEEPING: Self = Self(7);
}

/// Version, role and icons.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Report {
    /// Version of Z-Wave Plus.
    pub zwaveplus_version: u8,
    /// The role in the network.
    pub role_type: RoleType,
    /// 0 node, 2 IP gateway.
    pub node_type: u8,
    /// Icons for installers and for users (v2); 0x0300 is a lock.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub icons: Option<Icons>,
}

/// Which pictures stand for the node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Icons {
    pub installer_icon: u16,
    pub user_icon: u16,
}

impl Report {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, zwaveplus_version) = be_u8(input)?;
        let (input, (role_type, node_type)) = pair(be_u8, be_u8).parse(input)?;
        let (input, icons) = opt(pair(be_u16, be_u16)).parse(input)?;
        let icons = icons.map(|(installer_icon, user_icon)| Icons { installer_icon, user_icon });
        Ok((input, Self { zwaveplus_version, role_type: RoleType(role_type), node_type, icons }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.zwaveplus_version, self.role_type.0, self.node_type]);
        if let Some(icons) = self.icons {
            out.extend(icons.installer_icon.to_be_bytes());
            out.extend(icons.user_icon.to_be_bytes());
        }
    }
}
