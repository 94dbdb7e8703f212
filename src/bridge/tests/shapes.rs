//! The JSON that scripts rely on, kept in `tests/data/views`. The order of keys is free; keys, types and spelling are not.
//!
//! To keep another shape on purpose: `LATCHKEY_KEEP_SHAPES=1 cargo test --lib shapes`, and look at the difference.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::*;
use crate::bridge::membership::{Interview, Kind, MembersAsk, Wanted};
use crate::bridge::view::{self, StoreTrouble};
use crate::domain::node::SecurityClass;
use crate::network::inclusion::{Ended, Failed, JoinQuestion, Progress, Reason, Warning};
use crate::security::dsk::Dsk;
use crate::security::keys::KeyMask;

/// Figures that a change of the radio's timing may move: only that they are numbers is kept.
const FIGURES: [&str; 8] =
    ["frames", "wakeups", "airtime_ms", "airtime_last_hour_ms", "duty_cycle_percent", "bytes", "generation", "id"];

/// Compares a shape with the kept one. Ids, times and figures count by their type only.
#[track_caller]
pub(crate) fn kept(name: &str, shown: impl Serialize) {
    let mut shown = serde_json::to_value(shown).unwrap();
    settle("", &mut shown);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/views/{name}.json"));
    if std::env::var_os("LATCHKEY_KEEP_SHAPES").is_some() {
        std::fs::write(&path, format!("{shown:#}\n")).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let kept: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(shown, kept, "{name}: shown is left, kept is right");
}

fn settle(key: &str, value: &mut Value) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(key, value)| settle(key, value)),
        Value::Array(items) => items.iter_mut().for_each(|item| settle(key, item)),
        Value::Number(number) if FIGURES.contains(&key) => {
            *value = if number.is_f64() { 0.25.into() } else { 7.into() };
        }
        Value::String(text) => {
            if uuid::Uuid::try_parse(text).is_ok() {
                *text = "0b0e5f4c-5f0e-4f7c-9b62-3f1f0d9c2a11".into();
            } else if ulid::Ulid::from_string(text).is_ok() {
                *text = "01JDCB7M5K3V7Z0QWERTYASDFG".into();
            } else if key == "version" {
                *text = "0.1.0".into();
            } else if text.parse::<jiff::Timestamp>().is_ok() {
                text.replace_range(..23, "2026-11-23T18:04:05.123");
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A home in which most of what can be shown is there to be shown.
fn home() -> (House, PersonId) {
    let mut house = House::settled(90);
    house.turn(Input::Broker(BrokerInput::Connected));
    house.program(V1, 4, Some(b"24680"));
    let ada = house.intend(Intent::AddPerson(NewPerson {
        external_id: Some("a-1".into()),
        first_name: "Ada".into(),
        last_name: "Lovelace".into(),
        contacts: Contacts { email: Some("ada@example.org".into()), mobile: None },
        code: Some(CodeChoice::Given(Pin::parse("482913").unwrap())),
        on: vec!["lock_2".into(), "lock_3".into()],
        schedule: Schedule::Always,
    }));
    house.run_for(Duration::from_secs(60));
    house.world.visit(V1, |lock| lock.faults.gone = true);
    house.add("Grace", "771235", &["lock_3"]);
    house.run_for(Duration::from_secs(600));
    (house, ada.person.unwrap())
}

#[test]
fn shapes_of_people_grants_and_devices() {
    let (mut house, ada) = home();
    kept("people", house.view(ask::People));
    kept("person", house.view(ask::Person(ada)));
    kept("devices", house.view(ask::Devices));
    kept("device", house.view(ask::Device("lock_2".into())));
    let of = |house: &House, status: &str| {
        let found = house.bridge.parts.cx.state.grants().find(|grant| grant.status.to_string() == status);
        found.unwrap_or_else(|| panic!("nothing is {status}: {:?}", house.statuses())).id
    };
    let (active, unreachable) = (of(&house, "active"), of(&house, "unreachable"));
    kept("grant", house.view(ask::Grant(active)));
    kept("grant_unreachable", house.view(ask::Grant(unreachable)));
}

#[test]
fn shapes_of_status_and_network() {
    let (mut house, _) = home();
    kept("status_of_the_bridge", house.view(ask::Status));
    kept("network", house.view(ask::Network));
    house.turn(Input::Broker(BrokerInput::Disconnected { why: "connection refused".into() }));
    house.unplug();
    kept("status_without_controller", house.view(ask::Status));
    kept("network_without_controller", house.view(ask::Network));
    // The controller does not answer yet.
    let now = house.now();
    house.bridge.turn(Input::Radio(network::Input::LinkUp), now);
    kept("network_starting", house.view(ask::Network));
    kept("status_starting", house.view(ask::Status));
    house.settings.mqtt = None;
    house.cut_power();
    kept("status_without_broker", house.view(ask::Status));
    let next_try = Timestamp::from_millis(1_800_000_000_000);
    let trouble = StoreTrouble { why: "the disk is full", next_try, held: 3, lost: 2 };
    kept("status_without_store_of_the_bridge", view::status(&view::Source::NoBridge(&trouble, &house.settings)));
}

#[test]
fn shapes_of_a_change_of_the_network() {
    let mut house = House::settled(91);
    house.turn(Input::Broker(BrokerInput::Connected));
    let change = |house: &mut House, name: &str| {
        let view = house.view(ask::Change);
        kept(&format!("change_{name}"), view);
    };
    change(&mut house, "none");
    house.follow(Kind::Include, Some("Front door"), None);
    change(&mut house, "starting");
    house.tell(Progress::Ready);
    change(&mut house, "ready");
    kept("network_with_change", house.view(ask::Network)["change"].clone());
    house.tell(Progress::Found);
    change(&mut house, "found");
    house.tell(Progress::Joined(NodeId(9)));
    change(&mut house, "joined");
    let dsk = Dsk::parse("13696-29398-13912-32977-44778-12954-57233-08504").unwrap();
    house.tell(Progress::Asked(JoinQuestion::Pin { tail: dsk.tail() }));
    change(&mut house, "asked_for_the_pin");
    house.tell(Progress::Asked(JoinQuestion::Keys { requested: KeyMask(0x81), for_door: false }));
    change(&mut house, "asked_for_keys");
    house.said.clear();
    house.tell(Progress::Asked(JoinQuestion::TypeIntoDevice { code: [123, 45_678] }));
    change(&mut house, "asked_to_type");
    let published = house.said.iter().find(|message| message.topic == "latchkey/bridge/change").unwrap();
    kept("change_published", serde_json::from_str::<Value>(&published.payload).unwrap());
    kept("change_live", house.changes.last().unwrap());
    house.tell(Progress::Exchanging);
    change(&mut house, "exchanging");
    let warning = Some(Warning::OnlyS0);
    house.tell(Progress::Ended(Ok(Ended::Included { node: V2, security: SecurityClass::S0, warning })));
    change(&mut house, "included");
    house.follow(Kind::Include, None, None);
    house.tell(Progress::Ended(Ok(Ended::Included { node: NodeId(9), security: SecurityClass::S2AccessControl, warning: None })));
    change(&mut house, "interviewing");
    house.follow(Kind::Exclude, None, None);
    house.tell(Progress::Ended(Err(Failed { why: Reason::Insecure, left: Some(NodeId(9)) })));
    change(&mut house, "failed");
}

#[test]
fn shapes_of_what_a_change_of_the_network_answers() {
    let mut house = House::settled(92);
    kept("interview", house.view(Interview(V2)));
    house.run_for(Duration::from_secs(60));
    kept("change_begun", house.view(MembersAsk::Begin(Wanted::Exclude)));
    kept("expected", house.expect(Some("Front door")).unwrap());
    house.tell(Progress::Calls(Dsk::parse("13696-29398-13912-32977-44778-12954-57233-08504").unwrap()));
    house.tell(Progress::Ended(Err(Failed { why: Reason::ControllerGone, left: None })));
    kept("expected_failed", house.view(ask::Expected));
    house.tell(Progress::Calls(Dsk::parse("13696-29398-13912-32977-44778-12954-57233-08504").unwrap()));
    house.tell(Progress::Ended(Ok(Ended::Included { node: V2, security: SecurityClass::S2AccessControl, warning: None })));
    kept("expected_included", house.view(ask::Expected));
}
