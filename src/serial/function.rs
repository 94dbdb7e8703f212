//! The function ids of the host API: one row each, as data (docs/protocol/serial-api.md §2 and §4).

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// The id of a function. Unknown ids are kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub struct FunctionId(pub u8);

/// The frames that belong to a function, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pattern {
    /// A request, answered by an ACK only.
    RequestOnly,
    /// A request, then a response.
    Response,
    /// A request, a response, then one or more callbacks whose first parameter is the callback id of the request.
    ResponseAndCallback,
    /// A request, then callbacks.
    Callback,
    /// Sent by the controller unsolicited.
    Unsolicited,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FunctionSpec {
    pub id: FunctionId,
    pub name: &'static str,
    pub pattern: Pattern,
}

macro_rules! functions {
    ($($id:ident = $number:literal, $name:literal, $pattern:ident;)*) => {
        impl FunctionId {
            $(#[doc = $name] pub const $id: Self = Self($number);)*
        }

        /// Every known function, by id.
        pub const SPECS: &[FunctionSpec] = &[
            $(FunctionSpec { id: FunctionId::$id, name: $name, pattern: Pattern::$pattern },)*
        ];
    };
}

functions! {
    GET_SERIAL_API_INIT_DATA = 0x02, "GetSerialApiInitData", Response;
    APPLICATION_NODE_INFORMATION = 0x03, "ApplicationNodeInformation", RequestOnly;
    APPLICATION_COMMAND = 0x04, "ApplicationCommand", Unsolicited;
    GET_CONTROLLER_CAPABILITIES = 0x05, "GetControllerCapabilities", Response;
    SET_SERIAL_API_TIMEOUTS = 0x06, "SetSerialApiTimeouts", Response;
    GET_SERIAL_API_CAPABILITIES = 0x07, "GetSerialApiCapabilities", Response;
    SOFT_RESET = 0x08, "SoftReset", RequestOnly;
    GET_PROTOCOL_VERSION = 0x09, "GetProtocolVersion", Response;
    SERIAL_API_STARTED = 0x0A, "SerialApiStarted", Unsolicited;
    SERIAL_API_SETUP = 0x0B, "SerialApiSetup", Response;
    SET_RF_RECEIVE_MODE = 0x10, "SetRFReceiveMode", Response;
    SEND_NODE_INFORMATION = 0x12, "SendNodeInformation", ResponseAndCallback;
    SEND_DATA = 0x13, "SendData", ResponseAndCallback;
    SEND_DATA_MULTI = 0x14, "SendDataMulti", ResponseAndCallback;
    GET_CONTROLLER_VERSION = 0x15, "GetControllerVersion", Response;
    SEND_DATA_ABORT = 0x16, "SendDataAbort", RequestOnly;
    GET_RANDOM = 0x1C, "GetRandom", Response;
    MEMORY_GET_ID = 0x20, "MemoryGetId", Response;
    ENTER_BOOTLOADER = 0x27, "EnterBootloader", RequestOnly;
    NVM_GET_ID = 0x29, "NVMGetId", Response;
    NVM_READ = 0x2A, "NVMExtReadLongBuffer", Response;
    NVM_WRITE = 0x2B, "NVMExtWriteLongBuffer", Response;
    NVM_OPERATIONS = 0x2E, "NVMOperations", Response;
    GET_BACKGROUND_RSSI = 0x3B, "GetBackgroundRSSI", Response;
    NVM_EXTENDED_OPERATIONS = 0x3D, "NVMExtendedOperations", Response;
    GET_NODE_PROTOCOL_INFO = 0x41, "GetNodeProtocolInfo", Response;
    HARD_RESET = 0x42, "HardReset", Callback;
    ASSIGN_RETURN_ROUTE = 0x46, "AssignReturnRoute", ResponseAndCallback;
    DELETE_RETURN_ROUTE = 0x47, "DeleteReturnRoute", ResponseAndCallback;
    REQUEST_NODE_NEIGHBOR_UPDATE = 0x48, "RequestNodeNeighborUpdate", Callback;
    APPLICATION_UPDATE = 0x49, "ApplicationUpdate", Unsolicited;
    ADD_NODE_TO_NETWORK = 0x4A, "AddNodeToNetwork", Callback;
    REMOVE_NODE_FROM_NETWORK = 0x4B, "RemoveNodeFromNetwork", Callback;
    ASSIGN_PRIORITY_RETURN_ROUTE = 0x4F, "AssignPriorityReturnRoute", ResponseAndCallback;
    SET_LEARN_MODE = 0x50, "SetLearnMode", Callback;
    ASSIGN_SUC_RETURN_ROUTE = 0x51, "AssignSUCReturnRoute", ResponseAndCallback;
    SET_SUC_NODE_ID = 0x54, "SetSUCNodeId", ResponseAndCallback;
    DELETE_SUC_RETURN_ROUTE = 0x55, "DeleteSUCReturnRoute", ResponseAndCallback;
    GET_SUC_NODE_ID = 0x56, "GetSUCNodeId", Response;
    ASSIGN_PRIORITY_SUC_RETURN_ROUTE = 0x58, "AssignPrioritySUCReturnRoute", ResponseAndCallback;
    REQUEST_NODE_INFO = 0x60, "RequestNodeInfo", Response;
    REMOVE_FAILED_NODE = 0x61, "RemoveFailedNode", ResponseAndCallback;
    IS_FAILED_NODE = 0x62, "IsFailedNode", Response;
    REPLACE_FAILED_NODE = 0x63, "ReplaceFailedNode", ResponseAndCallback;
    GET_ROUTING_INFO = 0x80, "GetRoutingInfo", Response;
    GET_PRIORITY_ROUTE = 0x92, "GetPriorityRoute", Response;
    SET_PRIORITY_ROUTE = 0x93, "SetPriorityRoute", Response;
    GET_VIRTUAL_NODES = 0xA5, "GetVirtualNodes", Response;
    BRIDGE_APPLICATION_COMMAND = 0xA8, "BridgeApplicationCommand", Unsolicited;
    SEND_DATA_BRIDGE = 0xA9, "SendDataBridge", ResponseAndCallback;
    SEND_DATA_MULTI_BRIDGE = 0xAB, "SendDataMultiBridge", ResponseAndCallback;
    START_WATCHDOG = 0xD2, "StartWatchdog", RequestOnly;
    STOP_WATCHDOG = 0xD3, "StopWatchdog", RequestOnly;
    SHUTDOWN = 0xD9, "Shutdown", Response;
    GET_LR_NODES = 0xDA, "GetLRNodes", Response;
    GET_LR_CHANNEL = 0xDB, "GetLRChannel", Response;
    SET_LR_CHANNEL = 0xDC, "SetLRChannel", Response;
}

impl FunctionId {
    /// Its row in the table, if known.
    pub fn spec(self) -> Option<&'static FunctionSpec> {
        SPECS.iter().find(|spec| spec.id == self)
    }

    /// Its pattern, if known. Request Node Info has a response only: its result is an Application Update.
    pub fn pattern(self) -> Option<Pattern> {
        self.spec().map(|spec| spec.pattern)
    }
}

impl fmt::Display for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.spec() {
            Some(spec) => f.write_str(spec.name),
            None => write!(f, "0x{:02x}", self.0),
        }
    }
}

impl fmt::Debug for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Its name if known, otherwise its number as `0x…`.
impl Serialize for FunctionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_function_is_listed_twice() {
        assert!(SPECS.windows(2).all(|pair| pair[0].id < pair[1].id), "rows are in order of their numbers");
    }

    #[test]
    fn an_unknown_function_still_has_a_name() {
        assert_eq!(FunctionId::SEND_DATA.to_string(), "SendData");
        assert_eq!(FunctionId(0xF7).to_string(), "0xf7");
        assert_eq!(FunctionId(0xF7).pattern(), None);
    }
}
