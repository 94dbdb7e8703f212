//! `sendDataMissingResponse`: the stick took a transmission over, and its word of that never arrived.

use latchkey::serial::{Frame, FrameType, FunctionId};

use super::{PLAIN, SECOND, house, is_active, writes};

#[test]
fn a_lost_response_costs_no_code_and_no_second_write() {
    let mut house = house(1);
    let sent = house.sent.len();
    house.lose(1, |frame: &Frame| {
        frame.kind == FrameType::Response && [FunctionId::SEND_DATA, FunctionId::SEND_DATA_BRIDGE].contains(&frame.function)
    });
    house.add("Ada", "482913", &["lock_4"]);
    house.run_for(60 * SECOND);
    assert!(is_active(&mut house, "Ada", "lock_4"));
    assert_eq!(house.codes(PLAIN), [(1, "482913".into())]);
    assert_eq!(writes(&house, PLAIN, sent), 1);
}
