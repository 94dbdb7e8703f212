//! `sendDataMissingCallback`: what became of a transmission was never said.

use latchkey::serial::{Frame, FrameType, FunctionId};

use super::{ALL, OLD, S2, SECOND, house, is_active, who_came};

#[test]
fn a_lost_callback_holds_up_no_visit_and_no_code_for_more_than_a_minute() {
    let mut house = house(2);
    house.add("Ada", "482913", &["lock_2", "lock_5"]);
    house.run_for(60 * SECOND);
    house.lose(1, |frame: &Frame| {
        frame.kind == FrameType::Request && [FunctionId::SEND_DATA, FunctionId::SEND_DATA_BRIDGE].contains(&frame.function)
    });
    house.add("Bob", "772135", &ALL);
    house.run_for(10 * SECOND);
    for node in [S2, OLD] {
        house.keypad(node, "482913");
        house.run_for(6 * SECOND);
    }
    assert_eq!(who_came(&house), [Some("Ada".to_owned()), Some("Ada".to_owned())]);
    house.run_for(60 * SECOND);
    for slug in ALL {
        assert!(is_active(&mut house, "Bob", slug), "{slug}: {:?}", super::grant(&mut house, "Bob", slug));
    }
}
