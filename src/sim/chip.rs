//! Makes of controllers: their functions and behaviour, as data.

use std::collections::BTreeSet;

use crate::serial::FunctionId;
use crate::serial::setup::{Region, SetupCommand};

/// A make of controller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chip {
    /// The version text of Get Version: `Z-Wave 7.18`.
    pub version: String,
    pub sdk: (u8, u8, u8),
    /// 5, 7 or 8, for the 500, 700 or 800 series.
    pub series: u8,
    /// It has the bridge library: frames from nodes come as 0xA8, and 0xA9 sends.
    pub bridge: bool,
    pub functions: BTreeSet<FunctionId>,
    /// Supported sub-commands of Setup; empty if Setup is not supported.
    pub setup: BTreeSet<SetupCommand>,
    /// It sends SerialAPIStarted after a start.
    pub says_started: bool,
    /// The radio region. Long Range needs a region with Long Range.
    pub region: Region,
}

impl Chip {
    /// A 700-series controller with the bridge library.
    pub fn series_700() -> Self {
        let mut functions = Self::basic_functions();
        functions.extend([
            FunctionId::GET_PROTOCOL_VERSION,
            FunctionId::SERIAL_API_STARTED,
            FunctionId::SERIAL_API_SETUP,
            FunctionId::NVM_OPERATIONS,
            FunctionId::GET_BACKGROUND_RSSI,
            FunctionId::ASSIGN_PRIORITY_RETURN_ROUTE,
            FunctionId::ASSIGN_PRIORITY_SUC_RETURN_ROUTE,
            FunctionId::GET_VIRTUAL_NODES,
            FunctionId::BRIDGE_APPLICATION_COMMAND,
            FunctionId::SEND_DATA_BRIDGE,
            FunctionId::SEND_DATA_MULTI_BRIDGE,
            FunctionId::START_WATCHDOG,
            FunctionId::STOP_WATCHDOG,
            FunctionId::SHUTDOWN,
            FunctionId::GET_LR_NODES,
            FunctionId::GET_LR_CHANNEL,
            FunctionId::SET_LR_CHANNEL,
        ]);
        // Commands from nodes use the bridge form only.
        functions.remove(&FunctionId::APPLICATION_COMMAND);
        let setup = [
            SetupCommand::GET_SUPPORTED,
            SetupCommand::SET_TX_STATUS_REPORT,
            SetupCommand::SET_POWERLEVEL,
            SetupCommand::GET_POWERLEVEL,
            SetupCommand::GET_MAX_PAYLOAD,
            SetupCommand::SET_POWERLEVEL_16,
            SetupCommand::GET_POWERLEVEL_16,
            SetupCommand::GET_RF_REGION,
            SetupCommand::SET_RF_REGION,
            SetupCommand::SET_NODE_ID_TYPE,
        ];
        Self {
            version: "Z-Wave 7.18".to_owned(),
            sdk: (7, 18, 3),
            series: 7,
            bridge: true,
            functions,
            setup: BTreeSet::from(setup),
            says_started: true,
            region: Region::EU,
        }
    }

    /// An 800-series controller with Long Range.
    pub fn series_800() -> Self {
        let mut chip = Self::series_700();
        chip.functions.insert(FunctionId::NVM_EXTENDED_OPERATIONS);
        chip.setup.extend([
            SetupCommand::SET_LR_MAX_TX_POWER,
            SetupCommand::GET_LR_MAX_TX_POWER,
            SetupCommand::GET_LR_MAX_PAYLOAD,
            SetupCommand::GET_SUPPORTED_REGIONS,
            SetupCommand::GET_REGION_INFO,
        ]);
        Self { version: "Z-Wave 7.22".to_owned(), sdk: (7, 22, 1), series: 8, region: Region::EU_LONG_RANGE, ..chip }
    }

    /// A 500-series controller: 8-bit node ids, no Setup, short callbacks, and no SerialAPIStarted after a reset.
    pub fn series_500() -> Self {
        let mut functions = Self::basic_functions();
        functions.extend([FunctionId::NVM_GET_ID, FunctionId::NVM_READ, FunctionId::NVM_WRITE]);
        Self {
            version: "Z-Wave 4.54".to_owned(),
            sdk: (4, 54, 0),
            series: 5,
            bridge: false,
            functions,
            setup: BTreeSet::new(),
            says_started: false,
            region: Region::EU,
        }
    }

    /// Size of its memory, as a backup sees it.
    pub fn memory_size(&self) -> usize {
        match self.series {
            ..=5 => 0x4000,
            6..=7 => 0xC000,
            8.. => 0x1_0000,
        }
    }

    /// The regions that it supports: the classic ones, and those with Long Range if the make has it.
    pub fn regions(&self) -> Vec<Region> {
        let far: &[Region] = match self.series {
            ..=6 => &[],
            7 => &[Region::US_LONG_RANGE],
            8.. => &[Region::US_LONG_RANGE, Region::EU_LONG_RANGE],
        };
        // EU, US, ANZ, Hong Kong, India, Israel, Russia, China, Japan, Korea.
        [0, 1, 2, 3, 5, 6, 7, 8, 0x20, 0x21].map(Region).iter().chain(far).copied().collect()
    }

    fn basic_functions() -> BTreeSet<FunctionId> {
        BTreeSet::from([
            FunctionId::GET_SERIAL_API_INIT_DATA,
            FunctionId::APPLICATION_NODE_INFORMATION,
            FunctionId::APPLICATION_COMMAND,
            FunctionId::GET_CONTROLLER_CAPABILITIES,
            FunctionId::SET_SERIAL_API_TIMEOUTS,
            FunctionId::GET_SERIAL_API_CAPABILITIES,
            FunctionId::SOFT_RESET,
            FunctionId::SET_RF_RECEIVE_MODE,
            FunctionId::SEND_NODE_INFORMATION,
            FunctionId::SEND_DATA,
            FunctionId::SEND_DATA_MULTI,
            FunctionId::GET_CONTROLLER_VERSION,
            FunctionId::SEND_DATA_ABORT,
            FunctionId::GET_RANDOM,
            FunctionId::MEMORY_GET_ID,
            FunctionId::GET_NODE_PROTOCOL_INFO,
            FunctionId::HARD_RESET,
            FunctionId::ASSIGN_RETURN_ROUTE,
            FunctionId::DELETE_RETURN_ROUTE,
            FunctionId::REQUEST_NODE_NEIGHBOR_UPDATE,
            FunctionId::APPLICATION_UPDATE,
            FunctionId::SET_LEARN_MODE,
            FunctionId::SET_SUC_NODE_ID,
            FunctionId::DELETE_SUC_RETURN_ROUTE,
            FunctionId::GET_ROUTING_INFO,
            FunctionId::GET_PRIORITY_ROUTE,
            FunctionId::SET_PRIORITY_ROUTE,
            FunctionId::GET_SUC_NODE_ID,
            FunctionId::REQUEST_NODE_INFO,
            FunctionId::IS_FAILED_NODE,
            FunctionId::ADD_NODE_TO_NETWORK,
            FunctionId::REMOVE_NODE_FROM_NETWORK,
            FunctionId::REMOVE_FAILED_NODE,
            FunctionId::REPLACE_FAILED_NODE,
            FunctionId::ASSIGN_SUC_RETURN_ROUTE,
        ])
    }
}
