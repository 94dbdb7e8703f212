//! Identity of the hub: Version, Manufacturer Specific and Z-Wave Plus Info (docs/protocol/gateway.md §2.3).

use crate::command::ClassId;
use crate::command::manufacturer_specific::{self, DeviceSpecificReport, ManufacturerSpecific};
use crate::command::version::{self, CapabilitiesReport, CommandClassReport, Firmware, Hardware, Version};
use crate::command::zwave_plus_info::{self, Icons, RoleType, ZwavePlusInfo};
use crate::domain::node::ProductIds;

use super::super::ControllerInfo;
use super::classes;

/// Library type "static controller".
const STATIC_CONTROLLER: u8 = 0x01;
/// Version Get and Command Class Get. Z-Wave Software Get is not supported.
const VERSION_COMMANDS: u8 = 0x03;
/// Latchkey has no manufacturer id; 0xFFFF is not assigned.
const NO_MANUFACTURER: u16 = 0xFFFF;
/// Device Specific Report: a pseudo-random id in binary form.
const PSEUDO_RANDOM: u8 = 2;
const BINARY: u8 = 1;
/// The icon of a gateway.
const GATEWAY: u16 = 0x0500;

pub(super) fn version(asked: &Version, controller: &ControllerInfo) -> Option<Version> {
    match asked {
        Version::Get => Some(Version::Report(version::Report {
            library_type: STATIC_CONTROLLER,
            protocol: protocol_of(&controller.library),
            firmware: Firmware { major: controller.firmware.0, minor: controller.firmware.1 },
            v2: Some(Hardware { hardware: 0, extra_firmwares: vec![own_version()] }),
        })),
        Version::CommandClassGet(get) => {
            let version = classes::version(ClassId(get.requested_cc.into()));
            Some(Version::CommandClassReport(CommandClassReport { requested_cc: get.requested_cc, version }))
        }
        Version::CapabilitiesGet => Some(Version::CapabilitiesReport(CapabilitiesReport { flags: VERSION_COMMANDS })),
        _ => None,
    }
}

pub(super) fn manufacturer(asked: &ManufacturerSpecific, controller: &ControllerInfo) -> Option<ManufacturerSpecific> {
    match asked {
        ManufacturerSpecific::Get => {
            let (manufacturer, product_type, product) = (NO_MANUFACTURER, NO_MANUFACTURER, NO_MANUFACTURER);
            let product = ProductIds { manufacturer, product_type, product };
            Some(ManufacturerSpecific::Report(manufacturer_specific::Report { product }))
        }
        // The controller generated its home id at random, so it is unique within radio range.
        ManufacturerSpecific::DeviceSpecificGet(_) => Some(ManufacturerSpecific::DeviceSpecificReport(DeviceSpecificReport {
            id_type: PSEUDO_RANDOM,
            format: BINARY,
            data: controller.home.0.to_be_bytes().to_vec(),
        })),
        _ => None,
    }
}

pub(super) fn plus_info(asked: &ZwavePlusInfo) -> Option<ZwavePlusInfo> {
    let ZwavePlusInfo::Get = asked else { return None };
    Some(ZwavePlusInfo::Report(zwave_plus_info::Report {
        zwaveplus_version: 2,
        role_type: RoleType::CENTRAL_STATIC_CONTROLLER,
        node_type: 0,
        icons: Some(Icons { installer_icon: GATEWAY, user_icon: GATEWAY }),
    }))
}

/// `Z-Wave 7.18` is protocol 7.18; 0.0 if the controller does not report it.
fn protocol_of(library: &str) -> Firmware {
    let numbers = library.rsplit(' ').next().and_then(|version| version.split_once('.'));
    let (major, minor) = numbers.unwrap_or_default();
    // Some libraries append a letter or a patch level.
    let number = |text: &str| text.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok());
    Firmware { major: number(major).unwrap_or_default(), minor: number(minor).unwrap_or_default() }
}

fn own_version() -> Firmware {
    let number = |text: &str| text.parse().unwrap_or_default();
    Firmware { major: number(env!("CARGO_PKG_VERSION_MAJOR")), minor: number(env!("CARGO_PKG_VERSION_MINOR")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_is_read_from_whatever_the_controller_calls_itself() {
        let of = |library: &str| (protocol_of(library).major, protocol_of(library).minor);
        assert_eq!((of("Z-Wave 7.18"), of("Z-Wave 4.05"), of("Z-Wave 7.19.3")), ((7, 18), (4, 5), (7, 19)));
        assert_eq!((of(""), of("Z-Wave"), of("Z-Wave 999.1")), ((0, 0), (0, 0), (0, 1)));
    }
}
