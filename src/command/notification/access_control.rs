//! Events of type 6, Access Control (docs/protocol/command-classes.md 0x71).

use super::event::Event;

/// One row an event: constant, number, name.
macro_rules! events {
    ($($constant:ident = $number:literal, $name:literal;)*) => {
        $(#[doc = $name] pub const $constant: Event = Event($number);)*

        /// The name of an Access Control event.
        pub fn name(event: Event) -> Option<&'static str> {
            match event.0 {
                $($number => Some($name),)*
                _ => None,
            }
        }
    };
}

events! {
    IDLE = 0x00, "State idle";
    MANUAL_LOCK = 0x01, "Manual lock operation";
    MANUAL_UNLOCK = 0x02, "Manual unlock operation";
    RF_LOCK = 0x03, "RF lock operation";
    RF_UNLOCK = 0x04, "RF unlock operation";
    KEYPAD_LOCK = 0x05, "Keypad lock operation";
    KEYPAD_UNLOCK = 0x06, "Keypad unlock operation";
    MANUAL_NOT_FULLY_LOCKED = 0x07, "Manual not fully locked operation";
    RF_NOT_FULLY_LOCKED = 0x08, "RF not fully locked operation";
    AUTO_LOCKED = 0x09, "Auto lock locked operation";
    AUTO_NOT_FULLY_LOCKED = 0x0A, "Auto lock not fully locked operation";
    JAMMED = 0x0B, "Lock jammed";
    ALL_CODES_DELETED = 0x0C, "All user codes deleted";
    CODE_DELETED = 0x0D, "Single user code deleted";
    CODE_ADDED = 0x0E, "New user code added";
    CODE_NOT_ADDED_DUPLICATE = 0x0F, "New user code not added due to duplicate code";
    KEYPAD_DISABLED = 0x10, "Keypad temporary disabled";
    KEYPAD_BUSY = 0x11, "Keypad busy";
    NEW_PROGRAM_CODE = 0x12, "New program code entered";
    TOO_MANY_ATTEMPTS = 0x13, "Manually enter user access code exceeds code limit";
    RF_UNLOCK_INVALID_CODE = 0x14, "Unlock by RF with invalid user code";
    RF_LOCK_INVALID_CODE = 0x15, "Locked by RF with invalid user code";
    DOOR_OPEN = 0x16, "Window/door is open";
    DOOR_CLOSED = 0x17, "Window/door is closed";
    HANDLE_OPEN = 0x18, "Window/door handle is open";
    HANDLE_CLOSED = 0x19, "Window/door handle is closed";
    MESSAGING_CODE = 0x20, "Messaging user code entered";
    CODE_LOCK = 0x21, "Lock operation with user code";
    CODE_UNLOCK = 0x22, "Unlock operation with user code";
    CREDENTIAL_LOCK = 0x23, "Credential lock/close operation";
    CREDENTIAL_UNLOCK = 0x24, "Credential unlock/open operation";
    DENIED_DISABLED = 0x2F, "Valid credential denied: user disabled";
    DENIED_SCHEDULE = 0x30, "Valid credential denied: schedule inactive";
    DENIED_NOT_ENOUGH = 0x31, "Access denied: not enough credentials";
    INVALID_CREDENTIAL = 0x32, "Invalid credential used";
    NON_ACCESS_CREDENTIAL = 0x33, "Non-access credential entered";
    BARRIER_INITIALISING = 0x40, "Barrier initialising";
    BARRIER_FORCE_EXCEEDED = 0x41, "Barrier operation force exceeded";
    BARRIER_MOTOR_LIMIT = 0x42, "Barrier motor exceeded time limit";
    BARRIER_PHYSICAL_LIMITS = 0x43, "Barrier exceeded physical limits";
    BARRIER_UL_DISABLED = 0x44, "Barrier unable to operate due to UL requirements";
    BARRIER_UNATTENDED_DISABLED = 0x45, "Barrier unattended operation disabled";
    BARRIER_FAILED = 0x46, "Barrier failed to operate";
    BARRIER_VACATION = 0x47, "Barrier vacation mode";
    BARRIER_OBSTACLE = 0x48, "Barrier safety beam obstacle";
    BARRIER_SENSOR_LOST = 0x49, "Barrier sensor not detected";
    BARRIER_SENSOR_BATTERY = 0x4A, "Barrier sensor low battery";
    BARRIER_WIRE_SHORT = 0x4B, "Barrier wire short";
    BARRIER_REMOTE_ASSOCIATED = 0x4C, "Barrier associated with remote";
    UNKNOWN = 0xFE, "Unknown event/state";
}
