//! The command classes that the hub supports, and where it lists them (docs/protocol/gateway.md §2.1).
//!
//! Only supported classes are listed. In comparison with Z-Wave JS, Inclusion Controller and Firmware Update are
//! missing, and Time is added. The versions of Association and Multi Channel Association go together; the rules that
//! their latest versions add concern commands sent along an association, and the hub sends none.

use crate::command::ClassId;
use crate::serial::Request;
use crate::serial::request::SetNodeInformation;

/// Always listening, with optional functionality (docs/protocol/serial-api.md §4, 0x03).
const LISTENING_WITH_OPTIONS: u8 = 0x03;
/// Generic Controller (docs/protocol/gateway.md §1).
const GENERIC_CONTROLLER: (u8, u8) = (0x01, 0x00);

/// Where a class is listed, which also decides under which security class it is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Listed {
    /// In the node information: answered under the class of the request, also unencrypted.
    Openly,
    /// In the secure list: answered only under the highest class of the peer, and unencrypted only to a peer without
    /// keys.
    AtHighest,
}

const SUPPORTED: [(ClassId, u8, Listed); 16] = [
    // The first entry in every node information frame.
    (ClassId::Z_WAVE_PLUS_INFO, 2, Listed::Openly),
    (ClassId::SECURITY, 1, Listed::Openly),
    (ClassId::SECURITY_2, 1, Listed::Openly),
    (ClassId::TRANSPORT_SERVICE, 2, Listed::Openly),
    (ClassId::SUPERVISION, 2, Listed::Openly),
    (ClassId::CRC16_ENCAPSULATION, 1, Listed::Openly),
    (ClassId::MULTI_COMMAND, 1, Listed::Openly),
    (ClassId::TIME, 2, Listed::Openly),
    (ClassId::ASSOCIATION, 4, Listed::AtHighest),
    (ClassId::ASSOCIATION_GROUP_INFORMATION, 3, Listed::AtHighest),
    (ClassId::DEVICE_RESET_LOCALLY, 1, Listed::AtHighest),
    (ClassId::INDICATOR, 4, Listed::AtHighest),
    (ClassId::MANUFACTURER_SPECIFIC, 2, Listed::AtHighest),
    (ClassId::MULTI_CHANNEL_ASSOCIATION, 5, Listed::AtHighest),
    (ClassId::POWERLEVEL, 1, Listed::AtHighest),
    (ClassId::VERSION, 3, Listed::AtHighest),
];

/// Classes that the hub controls and does not support.
const CONTROLLED: [(ClassId, u8); 5] =
    [(ClassId::DOOR_LOCK, 4), (ClassId::USER_CODE, 2), (ClassId::NOTIFICATION, 8), (ClassId::BATTERY, 3), (ClassId::WAKE_UP, 2)];

/// Whether the hub supports the class.
pub(super) fn is_supported(class: ClassId) -> bool {
    SUPPORTED.iter().any(|(known, ..)| *known == class)
}

/// Whether the hub answers the class under every security class.
pub(super) fn is_open(class: ClassId) -> bool {
    listed(Listed::Openly).any(|open| open == class)
}

/// The version of a supported or controlled class; 0 for all others.
pub(super) fn version(class: ClassId) -> u8 {
    let supported = SUPPORTED.iter().map(|(class, version, _)| (*class, *version));
    supported.chain(CONTROLLED).find(|(known, _)| *known == class).map_or(0, |(_, version)| version)
}

/// The list in Commands Supported Reports.
pub(super) fn secure_list() -> Vec<ClassId> {
    listed(Listed::AtHighest).collect()
}

/// The request that sets the controller's node information. Controlled classes are not listed.
pub(in crate::network) fn node_information() -> Request {
    let (generic, specific) = GENERIC_CONTROLLER;
    let classes = listed(Listed::Openly).collect();
    Request::SetNodeInformation(SetNodeInformation { device_options: LISTENING_WITH_OPTIONS, generic, specific, classes })
}

fn listed(place: Listed) -> impl Iterator<Item = ClassId> {
    SUPPORTED.into_iter().filter(move |(_, _, listed)| *listed == place).map(|(class, ..)| class)
}
