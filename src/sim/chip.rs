//! Which stick: what it has and how it behaves, as data.

use std::collections::BTreeSet;

use crate::serial::FunctionId;
use crate::serial::setup::{Region, SetupCommand};

/// A make of stick.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chip {
    /// As in Get Version: `Z-Wave 7.18`.
    pub version: String,
    /// SDK version.
    pub sdk: (u8, u8, u8),
    /// 5, 7 or 8.
    pub series: u8,
    /// It has the bridge library: frames from nodes come as 0xA8, and 0xA9 sends.
    pub bridge: bool,
    /// Functions it has.
    pub functions: BTreeSet<FunctionId>,
    /// Setup sub-commands it has; none: no Setup at all.
    pub setup: BTreeSet<SetupCommand>,
    /// It says so when it has started.
    pub says_started: bool,
    /// Where its radio may be used: Long Range only where the region has it.
    pub region: Region,
}

impl Chip {
    /// A 700-series stick with the bridge library.
    pub fn series_700() -> Self {
        let mut functions = Self::basic_functions();
        functions.extend([
            FunctionId::GET_PROTOCOL_VERSION,
            FunctionId::SERIAL_API_STARTED,
            FunctionId::SERIAL_API_SETUP,
            FunctionId::GET_BACKGROUND_RSSI,
            FunctionId::BRIDGE_APPLICATION_COMMAND,
            FunctionId::SEND_DATA_BRIDGE,
            FunctionId::START_WATCHDOG,
            FunctionId::STOP_WATCHDOG,
            FunctionId::GET_LR_NODES,
        ]);
        let setup = [
            SetupCommand::GET_SUPPORTED,
            SetupCommand::SET_TX_STATUS_REPORT,
            SetupCommand::GET_MAX_PAYLOAD,
            SetupCommand::GET_RF_REGION,
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

    /// An 800-series stick with Long Range.
    pub fn series_800() -> Self {
        let mut chip = Self::series_700();
        chip.setup.insert(SetupCommand::GET_LR_MAX_PAYLOAD);
        Self { version: "Z-Wave 7.22".to_owned(), sdk: (7, 22, 1), series: 8, region: Region::EU_LONG_RANGE, ..chip }
    }

    /// A 500-series stick: 8-bit node ids, no Setup, short callbacks, and not a word after a reset.
    pub fn series_500() -> Self {
        Self {
            version: "Z-Wave 4.54".to_owned(),
            sdk: (4, 54, 0),
            series: 5,
            bridge: false,
            functions: Self::basic_functions(),
            setup: BTreeSet::new(),
            says_started: false,
            region: Region::EU,
        }
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
            FunctionId::SEND_DATA,
            FunctionId::GET_CONTROLLER_VERSION,
            FunctionId::SEND_DATA_ABORT,
            FunctionId::MEMORY_GET_ID,
            FunctionId::GET_NODE_PROTOCOL_INFO,
            FunctionId::APPLICATION_UPDATE,
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
