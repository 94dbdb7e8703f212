//! The command classes by number and name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of a command class; 0xF1 and above take two bytes on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClassId(pub u16);

/// One row a class: a constant, its number, its name (docs/protocol/command-classes.md; names as Z-Wave JS prints
/// them).
macro_rules! classes {
    ($($constant:ident = $number:literal, $name:literal;)*) => {
        impl ClassId {
            $(#[doc = $name] pub const $constant: Self = Self($number);)*

            /// The name of the class, where it is one we know.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

classes! {
    NO_OPERATION = 0x00, "No Operation";
    Z_WAVE_PROTOCOL = 0x01, "Z-Wave Protocol";
    BASIC = 0x20, "Basic";
    CONTROLLER_REPLICATION = 0x21, "Controller Replication";
    APPLICATION_STATUS = 0x22, "Application Status";
    IP_SERVICES = 0x23, "Z/IP";
    BINARY_SWITCH = 0x25, "Binary Switch";
    MULTILEVEL_SWITCH = 0x26, "Multilevel Switch";
    ALL_SWITCH = 0x27, "All Switch";
    BINARY_TOGGLE_SWITCH = 0x28, "Binary Toggle Switch";
    SCENE_ACTIVATION = 0x2B, "Scene Activation";
    SCENE_ACTUATOR_CONFIGURATION = 0x2C, "Scene Actuator Configuration";
    SCENE_CONTROLLER_CONFIGURATION = 0x2D, "Scene Controller Configuration";
    BINARY_SENSOR = 0x30, "Binary Sensor";
    MULTILEVEL_SENSOR = 0x31, "Multilevel Sensor";
    METER = 0x32, "Meter";
    COLOR_SWITCH = 0x33, "Color Switch";
    NETWORK_MANAGEMENT_INCLUSION = 0x34, "Network Management Inclusion";
    PULSE_METER = 0x35, "Pulse Meter";
    BASIC_TARIFF_INFORMATION = 0x36, "Basic Tariff Information";
    METER_TABLE_MONITOR = 0x3D, "Meter Table Monitor";
    THERMOSTAT_MODE = 0x40, "Thermostat Mode";
    THERMOSTAT_OPERATING_STATE = 0x42, "Thermostat Operating State";
    THERMOSTAT_SETPOINT = 0x43, "Thermostat Setpoint";
    THERMOSTAT_FAN_MODE = 0x44, "Thermostat Fan Mode";
    THERMOSTAT_FAN_STATE = 0x45, "Thermostat Fan State";
    CLIMATE_CONTROL_SCHEDULE = 0x46, "Climate Control Schedule";
    THERMOSTAT_SETBACK = 0x47, "Thermostat Setback";
    DOOR_LOCK_LOGGING = 0x4C, "Door Lock Logging";
    NETWORK_MANAGEMENT_BASIC = 0x4D, "Network Management Basic Node";
    SCHEDULE_ENTRY_LOCK = 0x4E, "Schedule Entry Lock";
    SIX_LOWPAN = 0x4F, "Z/IP 6LoWPAN";
    BASIC_WINDOW_COVERING = 0x50, "Basic Window Covering";
    NETWORK_MANAGEMENT_PROXY = 0x52, "Network Management Proxy";
    SCHEDULE = 0x53, "Schedule";
    NETWORK_MANAGEMENT_PRIMARY = 0x54, "Network Management Primary";
    TRANSPORT_SERVICE = 0x55, "Transport Service";
    CRC16_ENCAPSULATION = 0x56, "CRC-16 Encapsulation";
    ASSOCIATION_GROUP_INFORMATION = 0x59, "Association Group Information";
    DEVICE_RESET_LOCALLY = 0x5A, "Device Reset Locally";
    CENTRAL_SCENE = 0x5B, "Central Scene";
    IP_ASSOCIATION = 0x5C, "IP Association";
    ANTITHEFT = 0x5D, "Anti-Theft";
    Z_WAVE_PLUS_INFO = 0x5E, "Z-Wave Plus Info";
    Z_IP_GATEWAY = 0x5F, "Z/IP Gateway";
    MULTI_CHANNEL = 0x60, "Multi Channel";
    Z_IP_PORTAL = 0x61, "Z/IP Portal";
    DOOR_LOCK = 0x62, "Door Lock";
    USER_CODE = 0x63, "User Code";
    HUMIDITY_CONTROL_SETPOINT = 0x64, "Humidity Control Setpoint";
    BARRIER_OPERATOR = 0x66, "Barrier Operator";
    NETWORK_MANAGEMENT_INSTALLATION = 0x67, "Network Management Installation and Maintenance";
    Z_IP_NAMING = 0x68, "Z/IP Naming and Location";
    MAILBOX = 0x69, "Mailbox";
    WINDOW_COVERING = 0x6A, "Window Covering";
    IRRIGATION = 0x6B, "Irrigation";
    SUPERVISION = 0x6C, "Supervision";
    HUMIDITY_CONTROL_MODE = 0x6D, "Humidity Control Mode";
    HUMIDITY_CONTROL_OPERATING_STATE = 0x6E, "Humidity Control Operating State";
    ENTRY_CONTROL = 0x6F, "Entry Control";
    CONFIGURATION = 0x70, "Configuration";
    NOTIFICATION = 0x71, "Notification";
    MANUFACTURER_SPECIFIC = 0x72, "Manufacturer Specific";
    POWERLEVEL = 0x73, "Powerlevel";
    INCLUSION_CONTROLLER = 0x74, "Inclusion Controller";
    PROTECTION = 0x75, "Protection";
    LOCK = 0x76, "Lock";
    NODE_NAMING = 0x77, "Node Naming and Location";
    NODE_PROVISIONING = 0x78, "Node Provisioning";
    SOUND_SWITCH = 0x79, "Sound Switch";
    FIRMWARE_UPDATE = 0x7A, "Firmware Update Meta Data";
    GROUPING_NAME = 0x7B, "Grouping Name";
    BATTERY = 0x80, "Battery";
    CLOCK = 0x81, "Clock";
    HAIL = 0x82, "Hail";
    USER_CREDENTIAL = 0x83, "User Credential";
    WAKE_UP = 0x84, "Wake Up";
    ASSOCIATION = 0x85, "Association";
    VERSION = 0x86, "Version";
    INDICATOR = 0x87, "Indicator";
    PROPRIETARY = 0x88, "Proprietary";
    LANGUAGE = 0x89, "Language";
    TIME = 0x8A, "Time";
    TIME_PARAMETERS = 0x8B, "Time Parameters";
    GEOGRAPHIC_LOCATION = 0x8C, "Geographic Location";
    MULTI_CHANNEL_ASSOCIATION = 0x8E, "Multi Channel Association";
    MULTI_COMMAND = 0x8F, "Multi Command";
    ENERGY_PRODUCTION = 0x90, "Energy Production";
    MANUFACTURER_PROPRIETARY = 0x91, "Manufacturer Proprietary";
    SCREEN_META_DATA = 0x92, "Screen Meta Data";
    SCREEN_ATTRIBUTES = 0x93, "Screen Attributes";
    SIMPLE_AV_CONTROL = 0x94, "Simple AV Control";
    SECURITY = 0x98, "Security";
    IP_CONFIGURATION = 0x9A, "IP Configuration";
    ASSOCIATION_COMMAND_CONFIGURATION = 0x9B, "Association Command Configuration";
    ALARM_SENSOR = 0x9C, "Alarm Sensor";
    ALARM_SILENCE = 0x9D, "Alarm Silence";
    SENSOR_CONFIGURATION = 0x9E, "Sensor Configuration";
    SECURITY_2 = 0x9F, "Security 2";
    IR_REPEATER = 0xA0, "IR Repeater";
    AUTHENTICATION = 0xA1, "Authentication";
    AUTHENTICATION_MEDIA_WRITE = 0xA2, "Authentication Media Write";
    GENERIC_SCHEDULE = 0xA3, "Generic Schedule";
    ACTIVE_SCHEDULE = 0xA4, "Active Schedule";
    MARK = 0xEF, "Support/Control Mark";
}

impl ClassId {
    /// Takes the class off the front of a payload or class list: one byte, or two from 0xF1 on.
    pub fn split(payload: &[u8]) -> Option<(Self, &[u8])> {
        let (&first, rest) = payload.split_first()?;
        if first < 0xF1 {
            return Some((Self(first.into()), rest));
        }
        let (&second, rest) = rest.split_first()?;
        Some((Self(u16::from_be_bytes([first, second])), rest))
    }

    /// Appends the class as transmitted.
    pub fn write(self, out: &mut Vec<u8>) {
        let [high, low] = self.0.to_be_bytes();
        if high != 0 {
            out.push(high);
        }
        out.push(low);
    }

    /// Whether payloads of this class can carry codes, keys, or other commands: their bytes are nothing for a log.
    pub fn carries_secrets(self) -> bool {
        matches!(
            self,
            Self::USER_CODE
                | Self::USER_CREDENTIAL
                | Self::DOOR_LOCK_LOGGING
                | Self::ENTRY_CONTROL
                | Self::AUTHENTICATION
                | Self::AUTHENTICATION_MEDIA_WRITE
                | Self::CONFIGURATION
                | Self::SECURITY
                | Self::SECURITY_2
                | Self::TRANSPORT_SERVICE
                | Self::CRC16_ENCAPSULATION
                | Self::MULTI_CHANNEL
                | Self::MULTI_COMMAND
                | Self::NOTIFICATION
                | Self::SUPERVISION
                | Self::MAILBOX
                | Self::PROPRIETARY
                | Self::MANUFACTURER_PROPRIETARY
                | Self::NODE_PROVISIONING
                | Self::NETWORK_MANAGEMENT_INCLUSION
        ) || self.name().is_none()
    }
}

impl fmt::Display for ClassId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "0x{:02x}", self.0),
        }
    }
}

impl fmt::Debug for ClassId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "class 0x{:02x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_two_byte_class_is_not_cut_in_half() {
        assert_eq!(ClassId::split(&[0xF1, 0x02, 0x05]), Some((ClassId(0xF102), &[0x05][..])));
        assert_eq!(ClassId::split(&[0xF1]), None);
        let mut out = Vec::new();
        ClassId(0xF102).write(&mut out);
        ClassId::USER_CODE.write(&mut out);
        assert_eq!(out, [0xF1, 0x02, 0x63]);
    }

    #[test]
    fn payloads_of_unknown_classes_are_masked() {
        assert!(ClassId(0xF102).carries_secrets());
        assert!(!ClassId::BASIC.carries_secrets());
    }
}
