//! Codes appear on topics, in events, in what is listed.

use latchkey::bridge::ask;
use latchkey::domain::intent::{CodeChoice, Intent, PersonChange};
use latchkey::domain::pin::Pin;

use super::{ALL, HOUR, OLD, PLAIN, S0, S2, SECOND, house};
use crate::support::house::person;

#[test]
fn no_code_leaves_by_any_way_but_to_its_locks() {
    let mut house = house(27);
    let ada = house.add("Ada", "482913", &ALL);
    house.run_for(60 * SECOND);
    for node in [S2, S0, PLAIN, OLD] {
        let now = house.now();
        house.visit(node, |lock| lock.program(7, Some(b"24681357"), now));
        house.run_for(10 * SECOND);
        for code in ["482913", "24681357", "909173"] {
            house.keypad(node, code);
            house.run_for(10 * SECOND);
        }
    }
    let code = Some(CodeChoice::Given(Pin::parse("592174").expect("a code")));
    house.intend(Intent::EditPerson(ada, PersonChange { code, ..PersonChange::default() }));
    house.run_for(HOUR);
    let mut said: Vec<String> = house.published.iter().map(|(_, message)| format!("{message:?}")).collect();
    said.extend(house.retained.iter().map(|kept| format!("{kept:?}")));
    // Refused as somebody's: the refusal is on record, and the code is not.
    house.change(Intent::AddPerson(person("Bob", "592174", &["lock_2"]))).expect("an answer").expect_err("a code in use");
    let audit = house.audit();
    assert!(audit.iter().any(|line| line.act == "code_refused"), "{audit:?}");
    said.extend(audit.iter().map(|line| format!("{line:?}")));
    said.extend(house.live.iter().chain(&house.journal()).map(|event| format!("{event:?}")));
    said.extend(house.view(ask::People).map(|view| format!("{view:?}")));
    said.extend(house.view(ask::Devices).map(|view| format!("{view:?}")));
    said.extend(house.view(ask::Status).map(|view| format!("{view:?}")));
    said.extend(house.view(ask::Network).map(|view| format!("{view:?}")));
    assert!(said.len() > 40, "{}", said.len());
    for secret in ["482913", "24681357", "909173", "592174"] {
        let found: Vec<_> = said.iter().filter(|text| text.contains(secret)).collect();
        assert!(found.is_empty(), "{found:?}");
    }
}
