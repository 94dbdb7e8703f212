//! Inclusion and exclusion as people see them. The radio's side is played by hand: what it would tell is told.

use serde::Serialize;
use serde_json::{Value, json};

use super::*;
use crate::bridge::membership::devices::register_lock;
use crate::bridge::membership::{Expect, Interview, Kind, MembersAsk, Unexpect};
use crate::bridge::vitals::Vitals;
use crate::command::ClassId;
use crate::domain::audit::Act;
use crate::domain::device::Device;
use crate::domain::ids::{DeviceId, ProvisioningId};
use crate::domain::node::{ClassSupport, Joining, Node, SecurityClass, WeakCodes};
use crate::domain::provisioning::{Label, ScannedProduct};
use crate::network::inclusion::{CannotBegin, Ended, Failed, JoinInputRejected, JoinQuestion, Progress, Reason, Warning};
use crate::security::dsk::Dsk;
use crate::security::keys::KeyMask;
use crate::sim::node::CodeTable;
use crate::view::ProvisionedView;

const LABEL: &str = "13696-29398-13912-32977-44778-12954-57233-08504";

impl House {
    pub(super) fn follow(&mut self, kind: Kind, name: Option<&str>, node: Option<NodeId>) {
        self.read_clock();
        self.bridge.parts.membership.follow(kind, name.map(str::to_owned), node, &mut self.bridge.parts.cx);
        self.turn(Input::Timeout);
    }

    pub(super) fn tell(&mut self, progress: Progress) {
        self.read_clock();
        self.bridge.parts.membership.progress(progress, &mut self.bridge.parts.cx);
        self.turn(Input::Timeout);
    }

    /// The answer as scripts see it.
    pub(super) fn view<Q: ask::Question<Answer: Serialize>>(&mut self, question: Q) -> Value {
        let answer = self.ask(question).unwrap_or_else(|refusal| panic!("no view: {refusal:?}"));
        serde_json::to_value(answer).unwrap()
    }

    fn change(&mut self) -> Value {
        self.view(ask::Change)["change"].clone()
    }

    fn problems(&mut self) -> String {
        self.view(ask::Status)["problems"].to_string()
    }

    fn device(&self, slug: &str) -> Device {
        self.bridge.parts.cx.state.device_named(slug).unwrap_or_else(|| panic!("no device {slug}")).clone()
    }

    fn included(&mut self, node: NodeId) {
        self.tell(Progress::Ended(Ok(Ended::Included { node, security: SecurityClass::S2AccessControl, warning: None })));
    }

    /// The node's row as another run, or another stick, left it.
    fn rewrite_node(&mut self, id: NodeId, change: impl FnOnce(&mut Node)) {
        let mut node = self.bridge.parts.cx.network.node(id).unwrap().clone();
        change(&mut node);
        self.store.apply(&Batch { writes: vec![Write::PutNode(node)] }).unwrap();
        self.cut_power();
        self.run_for(Duration::from_secs(60));
    }

    pub(super) fn expect(&mut self, name: Option<&str>) -> Result<ProvisionedView, Refusal> {
        let product = ScannedProduct { generic: 0x40, specific: 3, manufacturer: 1, product_type: 2, product: 3 };
        let label = Label { dsk: Dsk::parse(LABEL).unwrap(), keys: KeyMask(0x84), long_range: false, product };
        self.ask(Expect { label, name: name.map(str::to_owned) })
    }
}

fn lists_security(node: &mut Node) {
    node.classes.insert(ClassId::SECURITY_2, ClassSupport::default());
    (node.security, node.security_known, node.class_settled) = (SecurityClass::None, true, true);
}

/// A lock of S2 whose class is known for certain.
fn has_class(node: &mut Node, class: SecurityClass) {
    node.classes.insert(ClassId::SECURITY_2, ClassSupport::default());
    (node.security, node.security_known, node.class_settled) = (class, true, true);
}

#[test]
fn whoever_stands_at_the_door_is_told_each_step_and_the_broker_no_code() {
    let mut house = House::settled(61);
    house.turn(Input::Broker(BrokerInput::Connected));
    house.said.clear();
    house.follow(Kind::Include, None, None);
    let first = house.change();
    assert_eq!((&first["kind"], &first["state"]), (&"include".into(), &"starting".into()));
    house.tell(Progress::Ready);
    house.tell(Progress::Found);
    house.tell(Progress::Joined(NodeId(9)));
    let tail = Dsk::parse(LABEL).unwrap().tail();
    house.tell(Progress::Asked(JoinQuestion::Pin { tail: tail.clone() }));
    assert_eq!(house.change()["question"], serde_json::json!({ "kind": "pin", "dsk_tail": tail }));
    house.tell(Progress::Asked(JoinQuestion::TypeIntoDevice { code: [123, 45_678] }));
    let question = house.change()["question"].clone();
    assert_eq!(question, serde_json::json!({ "kind": "type_into_device", "code": "00123-45678" }));
    house.tell(Progress::Exchanging);
    let warning = Some(Warning::OnlyS0);
    house.tell(Progress::Ended(Ok(Ended::Included { node: NodeId(9), security: SecurityClass::S0, warning })));
    let last = house.change();
    assert_eq!((&last["state"], &last["security"], &last["node"]), (&"interviewing".into(), &"s0".into(), &9.into()));
    assert!(last["warning"].as_str().is_some_and(|text| text.contains("S0")));

    let told: Vec<String> = house.changes.iter().map(|told| told.change.as_ref().unwrap().state.to_string()).collect();
    let steps = ["starting", "ready", "found", "joined", "asked", "asked", "exchanging", "interviewing"];
    assert_eq!(told, steps);
    let published: Vec<_> = house.said.iter().filter(|message| message.topic == "latchkey/bridge/change").collect();
    assert_eq!(published.len(), steps.len());
    assert!(published.iter().all(|message| !message.payload.contains("45678")));
    assert!(house.changes.iter().any(|told| json!(told).to_string().contains("00123-45678")));
}

#[test]
fn a_later_change_has_a_greater_number_also_after_a_restart() {
    let mut house = House::settled(62);
    house.follow(Kind::Exclude, None, None);
    let first = house.change()["id"].as_u64().unwrap();
    house.cut_power();
    assert_eq!(house.change(), Value::Null);
    house.follow(Kind::Exclude, None, None);
    assert!(house.change()["id"].as_u64().unwrap() > first);
}

#[test]
fn an_inclusion_ends_with_the_interview_and_not_before() {
    let mut house = House::settled(63);
    house.follow(Kind::Include, None, None);
    house.tell(Progress::Joined(NodeId(9)));
    house.included(NodeId(9));
    assert_eq!(house.change()["state"], "interviewing");
    house.bridge.parts.membership.interviewed(NodeId(8), &mut house.bridge.parts.cx);
    assert_eq!(house.change()["state"], "interviewing", "that was another node");
    house.bridge.parts.membership.interviewed(NodeId(9), &mut house.bridge.parts.cx);
    assert_eq!((house.change()["state"].clone(), house.change()["device"].clone()), ("done".into(), Value::Null));

    house.follow(Kind::Include, None, None);
    house.included(NodeId(9));
    house.bridge.parts.membership.interview_is_off(NodeId(9), &mut house.bridge.parts.cx);
    assert_eq!(house.change()["state"], "failed", "a node that is gone is never interviewed");
}

#[test]
fn what_failed_says_why_what_to_do_and_what_is_left_behind() {
    let mut house = House::settled(64);
    house.follow(Kind::Include, None, None);
    house.tell(Progress::Ended(Err(Failed { why: Reason::Insecure, left: Some(NodeId(9)) })));
    let change = house.change();
    assert_eq!((&change["state"], &change["left_node"]), (&"failed".into(), &9.into()));
    assert_eq!(change["why"], Reason::Insecure.to_string());
    assert_eq!(change["advice"], Reason::Insecure.advice());
    house.tell(Progress::Ready);
    assert_eq!(house.change()["state"], "failed", "it is over");
}

#[test]
fn a_name_given_at_the_inclusion_becomes_the_name_of_the_lock() {
    let mut house = House::settled(65);
    let old = house.device("lock_2");
    house.add("Ada", "482913", &["lock_2"]);
    house.run_for(Duration::from_secs(60));
    house.follow(Kind::Include, Some("Front door"), None);
    house.tell(Progress::Joined(V2));
    assert_eq!(house.device("lock_2").node, None, "its id was given to another lock");
    house.included(V2);
    let new = house.device("front_door");
    assert_eq!((new.node, new.name.as_str()), (Some(V2), "Front door"));
    assert_ne!(new.id, old.id);
    assert!(house.bridge.parts.cx.state.grants_on(new.id).next().is_none(), "nobody was given a key to the new lock");
    let change = house.change();
    assert_eq!((&change["state"], &change["device"]), (&"done".into(), &"front_door".into()));
}

#[test]
fn an_excluded_lock_keeps_its_name_its_grants_and_its_past() {
    let mut house = House::settled(66);
    house.add("Ada", "482913", &["lock_2"]);
    house.run_for(Duration::from_secs(60));
    let before = house.device("lock_2");
    house.follow(Kind::Exclude, None, None);
    house.tell(Progress::Ended(Ok(Ended::Excluded(Some(V2)))));
    let change = house.change();
    assert_eq!((&change["state"], &change["node"]), (&"done".into(), &2.into()));
    assert_eq!(change["device"], "lock_2");
    let after = house.device("lock_2");
    assert_eq!((after.id, after.node), (before.id, None));
    assert_eq!(house.statuses(), ["Pending Some(DeviceGone)"]);
    let frames = house.frames_sent;
    house.run_for(Duration::from_secs(3600));
    assert_eq!(house.frames_sent, frames, "nothing is sent to a lock that left");
    assert!(house.problems().contains("latchkey devices replace"), "{}", house.problems());

    house.follow(Kind::Exclude, None, None);
    house.tell(Progress::Ended(Ok(Ended::Excluded(None))));
    assert_eq!((house.change()["state"].clone(), house.change()["node"].clone()), ("done".into(), Value::Null));
}

#[test]
fn a_lock_in_the_place_of_a_failed_one_gets_every_code_anew() {
    let mut house = House::settled(67);
    house.add("Ada", "482913", &["lock_2"]);
    house.run_for(Duration::from_secs(60));
    let before = house.device("lock_2");
    assert_eq!(house.codes(V2).len(), 1);
    house.follow(Kind::ReplaceFailed, None, Some(V2));
    house.tell(Progress::Joined(V2));
    assert_eq!(house.device("lock_2").node, Some(V2));
    assert!(house.bridge.parts.cx.state.slots(before.id).is_empty(), "the new lock's slots are not those of the old one");
    // The new lock is empty.
    house.world.visit(V2, |lock| lock.memory.codes = CodeTable::new(30));
    house.included(V2);
    house.run_for(Duration::from_secs(3600));
    let after = house.device("lock_2");
    assert_eq!((after.id, after.inventory.done), (before.id, true));
    assert_eq!(house.codes(V2).into_iter().map(|(_, code)| code).collect::<Vec<_>>(), ["482913"]);
    assert_eq!(house.statuses(), ["Active None"]);
}

#[test]
fn a_successor_takes_over_name_grants_and_id_and_is_written_to() {
    let mut house = House::settled(68);
    house.turn(Input::Broker(BrokerInput::Connected));
    house.program(V1, 4, Some(b"2468"));
    let ada = house.add("Ada", "482913", &["lock_2"]);
    house.run_for(Duration::from_secs(60));
    let old = house.device("lock_2");
    house.follow(Kind::Exclude, None, None);
    house.tell(Progress::Ended(Ok(Ended::Excluded(Some(V2)))));
    house.said.clear();
    let accepted = house.intend(Intent::ReplaceDevice { old: "lock_2".into(), new: "lock_3".into() });
    assert_eq!((accepted.device, accepted.grants.len()), (Some(old.id), 1));
    house.run_for(Duration::from_secs(3600));

    let device = house.device("lock_2");
    assert_eq!((device.id, device.node, &device.name), (old.id, Some(V1), &old.name));
    assert_eq!(house.bridge.parts.cx.state.devices().count(), 1);
    let codes: Vec<String> = house.codes(V1).into_iter().map(|(_, code)| code).collect();
    assert!(codes.contains(&"482913".to_owned()) && codes.contains(&"2468".to_owned()), "{codes:?}");
    assert_eq!(house.statuses(), ["Active None"]);
    let emptied: Vec<&str> = house.said.iter().filter(|it| it.payload.is_empty()).map(|it| it.topic.as_str()).collect();
    assert!(emptied.contains(&"latchkey/device/lock_3/state"), "{emptied:?}");
    let came = house.keypad(V1, "482913");
    assert!(matches!(came, Typed::Opened(_)), "{came:?}");
    let event = house.happened.iter().rev().find(|event| event.kind == EventType::CodeUsed).unwrap();
    assert_eq!((event.device, event.person.as_ref().map(|person| person.id)), (old.id, Some(ada)));

    let restarted = house.store.load().unwrap();
    assert_eq!(restarted.devices.iter().map(|device| device.id).collect::<Vec<_>>(), [old.id]);
    assert!(restarted.slots.iter().all(|slot| slot.key.device == old.id), "no slot of a device that is not there");
}

#[test]
fn a_lock_that_is_in_use_or_answers_is_not_replaced_by_mistake() {
    let mut house = House::settled(69);
    let replace = |old: &str, new: &str| Intent::ReplaceDevice { old: old.into(), new: new.into() };
    assert_eq!(house.ask(replace("lock_2", "lock_3")), Err(Refusal::StillInNetwork("lock_2".into())));
    assert_eq!(house.ask(replace("lock_2", "lock_2")), Err(Refusal::SameDevice("lock_2".into())));
    assert_eq!(house.ask(replace("lock_9", "lock_3")), Err(Refusal::UnknownDevice("lock_9".into())));
    house.add("Ada", "482913", &["lock_3"]);
    house.follow(Kind::Exclude, None, None);
    house.tell(Progress::Ended(Ok(Ended::Excluded(Some(V2)))));
    assert_eq!(house.ask(replace("lock_2", "lock_3")), Err(Refusal::HasGrants("lock_3".into())));
    assert_eq!(house.ask(replace("lock_3", "lock_2")), Err(Refusal::NotInNetwork("lock_2".into())));
    assert_eq!(house.bridge.parts.cx.state.devices().count(), 2);
}

#[test]
fn a_lock_is_forgotten_only_when_it_is_out_of_the_network() {
    let mut house = House::settled(70);
    let ada = house.add("Ada", "482913", &["lock_2", "lock_3"]);
    house.run_for(Duration::from_secs(60));
    let remove = || Intent::RemoveDevice("lock_2".into());
    assert_eq!(house.ask(remove()), Err(Refusal::StillInNetwork("lock_2".into())));
    house.follow(Kind::RemoveFailed, None, Some(V2));
    house.tell(Progress::Ended(Ok(Ended::Removed(V2))));
    house.intend(Intent::RemovePerson(ada));
    house.run_for(Duration::from_secs(3600));
    assert_eq!(house.statuses().len(), 1, "her code may still be in the lock that left");
    house.committed.clear();
    house.intend(Intent::RemoveDevice("lock_2".into()));
    assert_eq!(house.statuses(), Vec::<String>::new());
    assert!(house.bridge.parts.cx.state.person(ada).is_none(), "her last code went with the lock");
    assert!(house.bridge.parts.cx.state.device_named("lock_2").is_none());
    let audited = house.committed.iter().flat_map(|batch| &batch.writes).any(
        |write| matches!(write, Write::Audit { actor: Actor::Uid(1), act: Act::GrantEnded { person, .. }, .. } if *person == ada),
    );
    assert!(audited, "who took the grant away is on record");
    let left = house.store.load().unwrap();
    assert_eq!((left.devices.len(), left.grants.len()), (1, 0));
    assert!(left.slots.iter().all(|slot| slot.key.device == left.devices[0].id));
}

#[test]
fn a_lock_that_could_have_keys_and_has_none_is_told_no_code_until_somebody_decides() {
    let mut house = House::settled(71);
    let proved = house.bridge.parts.cx.network.node(V2).unwrap().clone();
    house.rewrite_node(V2, lists_security);
    let frames = house.frames_sent;
    house.add("Ada", "482913", &["lock_2"]);
    house.run_for(Duration::from_secs(3600));
    assert_eq!(house.statuses(), ["Rejected Some(Insecure)"]);
    assert_eq!(house.frames_sent, frames);
    assert!(house.codes(V2).is_empty());
    assert!(house.problems().contains("latchkey devices allow-insecure lock_2"), "{}", house.problems());
    assert_eq!(house.view(ask::Device("lock_2".into()))["insecure"], false);

    // It proves a class after all: the grant goes on by itself.
    house.rewrite_node(V2, |node| *node = proved.clone());
    house.run_for(Duration::from_secs(3600));
    assert_eq!(house.statuses(), ["Active None"]);
    assert!(!house.problems().contains("insecure"));

    // A removal is not sent in clear either, and says that the code still opens.
    house.rewrite_node(V2, lists_security);
    let person = house.bridge.parts.cx.state.people().next().unwrap().id;
    house.intend(Intent::Revoke { person, device: "lock_2".into() });
    house.run_for(Duration::from_secs(3600));
    assert_eq!(house.statuses(), ["RemovalUnconfirmed Some(Insecure)"]);
    assert_eq!(house.codes(V2).len(), 1);
    house.rewrite_node(V2, |node| node.insecure_allowed = true);
    house.run_for(Duration::from_secs(3600));
    assert!(house.codes(V2).is_empty() && house.statuses().is_empty());
    assert_eq!(house.view(ask::Device("lock_2".into()))["insecure"], true);
}

#[test]
fn an_old_lock_that_knows_no_security_works_as_before() {
    let mut house = House::settled(72);
    house.rewrite_node(V2, |node| node.security_known = true);
    house.add("Ada", "482913", &["lock_2"]);
    house.run_for(Duration::from_secs(60));
    assert_eq!(house.statuses(), ["Active None"]);
    let device = house.view(ask::Device("lock_2".into()));
    assert_eq!((&device["security"], &device["insecure"]), (&"none".into(), &false.into()));
    // It is said for as long as it is so, and does not spoil "no problems".
    house.turn(Input::Broker(BrokerInput::Connected));
    house.read_clock();
    assert_eq!(Vitals::of(&house.bridge.look()).needs_somebody(), 0, "{}", house.problems());
    assert!(house.problems().contains("lock_2: it has no security"), "{}", house.problems());
    assert!(device["weakness"].as_str().is_some_and(|weakness| weakness.contains("no security")));
}

#[test]
fn a_lock_below_access_control_is_told_no_code_until_somebody_decides_however_it_came() {
    for class in [SecurityClass::S2Unauthenticated, SecurityClass::S2Authenticated] {
        let mut house = House::settled(81);
        house.rewrite_node(V2, |node| has_class(node, class));
        let frames = house.frames_sent;
        house.add("Ada", "482913", &["lock_2"]);
        house.run_for(Duration::from_secs(3600));
        assert_eq!(house.statuses(), ["Rejected Some(Insecure)"], "{class:?}");
        assert_eq!(house.frames_sent, frames, "{class:?}");
        assert!(house.problems().contains("devices allow-insecure lock_2"), "{}", house.problems());
        let device = house.view(ask::Device("lock_2".into()));
        assert_eq!((&device["gets_codes"], &device["insecure"]), (&false.into(), &false.into()));
        assert!(device["weakness"].as_str().is_some_and(|weakness| weakness.contains("Access Control")), "{device}");

        house.committed.clear();
        house.intend(Intent::AllowInsecure("lock_2".into()));
        house.run_for(Duration::from_secs(5));
        assert_ne!(house.statuses(), ["Rejected Some(Insecure)"], "{class:?}");
        assert!(house.problems().contains("it gets codes all the same"), "{}", house.problems());
        assert_eq!(house.view(ask::Device("lock_2".into()))["gets_codes"], true);
        // And it is so after a restart.
        house.cut_power();
        house.run_for(Duration::from_secs(5));
        assert_eq!(house.view(ask::Device("lock_2".into()))["gets_codes"], true);
        assert!(house.problems().contains("it gets codes all the same"), "{}", house.problems());
    }
}

#[test]
fn a_lock_below_access_control_that_holds_codes_keeps_them_after_an_upgrade_and_is_flagged() {
    for holds in [true, false] {
        let mut house = House::settled(82);
        if holds {
            house.add("Ada", "482913", &["lock_2"]);
            house.run_for(Duration::from_secs(60));
            assert_eq!(house.statuses(), ["Active None"]);
        }
        // A row of the release before.
        house.rewrite_node(V2, |node| {
            has_class(node, SecurityClass::S2Authenticated);
            node.weak_codes = WeakCodes::Unjudged;
        });
        let device = house.view(ask::Device("lock_2".into()));
        assert_eq!(device["gets_codes"], holds);
        assert!(house.problems().contains("Access Control"), "{}", house.problems());
        if holds {
            assert_eq!(house.statuses(), ["Active None"]);
        }
        let row = house.store.load().unwrap().nodes.into_iter().find(|node| node.id == V2).unwrap();
        assert_eq!(row.weak_codes, if holds { WeakCodes::Kept } else { WeakCodes::Refused }, "judged once, for good");
    }
}

#[test]
fn an_old_s0_lock_is_worth_knowing_and_one_that_lists_s2_needs_somebody() {
    let mut house = House::settled(83);
    house.rewrite_node(V2, |node| {
        node.classes.insert(ClassId::SECURITY, ClassSupport::default());
        (node.security, node.security_known) = (SecurityClass::S0, true);
    });
    let told = |house: &mut House| {
        let problems = house.view(ask::Status)["problems"].clone();
        let about = problems.as_array().unwrap().iter().find(|it| it["what"].as_str().unwrap().contains("lock_2: "));
        about.map(|it| it["severity"].clone())
    };
    assert_eq!(told(&mut house), Some("info".into()));
    house.turn(Input::Broker(BrokerInput::Connected));
    house.read_clock();
    assert_eq!(Vitals::of(&house.bridge.look()).needs_somebody(), 0, "{}", house.problems());
    house.rewrite_node(V2, |node| {
        node.classes.insert(ClassId::SECURITY_2, ClassSupport::default());
        node.class_settled = true;
    });
    assert_eq!(told(&mut house), Some("warning".into()));
    assert!(house.view(ask::Device("lock_2".into()))["weakness"].as_str().unwrap().contains("S2"));
    house.cut_power();
    house.run_for(Duration::from_secs(60));
    assert_eq!(told(&mut house), Some("warning".into()), "for good");
}

#[test]
fn an_interview_is_asked_for_again_by_its_node() {
    let mut house = House::settled(84);
    let ask = |node| Interview(node);
    assert_eq!(house.view(ask(V2))["node"], 2);
    house.run_for(Duration::from_secs(60));
    let network = house.view(ask::Network);
    let node = network["nodes"].as_array().unwrap().iter().find(|node| node["node"] == 2).unwrap().clone();
    assert_eq!((&node["interviewing"], &node["trouble"], &node["interview"]), (&false.into(), &Value::Null, &"complete".into()));
    assert!(matches!(house.ask(ask(NodeId(99))), Err(Refusal::UnknownNode(_))));
}

#[test]
fn somebody_is_asked_which_keys_a_device_gets_that_proves_nothing() {
    let mut house = House::settled(85);
    house.follow(Kind::Include, None, None);
    house.tell(Progress::Asked(JoinQuestion::Keys { requested: KeyMask(0x81), for_door: false }));
    let question = house.change()["question"].clone();
    assert_eq!((&question["kind"], &question["keys"]), (&"keys".into(), &serde_json::json!(["s2_unauthenticated", "s0"])));
    assert!(question["warning"].as_str().is_some_and(|warning| warning.contains("which device")));
    let granted = house.ask(MembersAsk::Grant(KeyMask(0x01)));
    assert_eq!(granted, Err(JoinInputRejected::NothingUnderWay.into()), "the radio has no such change in this test");
}

#[test]
fn a_node_without_keys_is_no_device_and_is_named_with_the_way_out() {
    let mut house = House::settled(73);
    let device = house.device("lock_3").id;
    house.store.apply(&Batch { writes: vec![Write::DeleteDevice(device)] }).unwrap();
    house.rewrite_node(V1, |node| node.joining = Joining::Refused);
    house.read_clock();
    register_lock(V1, None, &mut house.bridge.parts.membership.names, &mut house.bridge.parts.cx);
    assert_eq!(house.bridge.parts.cx.state.devices().map(|device| device.slug.to_string()).collect::<Vec<_>>(), ["lock_2"]);
    assert!(house.problems().contains("node 3 was added without keys"), "{}", house.problems());
    assert!(house.problems().contains("latchkey network exclude"));
    let network = house.view(ask::Network);
    let joining: Vec<_> = network["nodes"].as_array().unwrap().iter().map(|node| node["joining"].clone()).collect();
    assert_eq!(joining, ["done", "refused"]);
}

#[test]
fn a_node_whose_inclusion_was_forgotten_over_a_restart_is_named() {
    let mut house = House::settled(74);
    house.rewrite_node(V1, |node| node.joining = Joining::UnderWay);
    house.run_for(Duration::from_secs(20));
    assert!(house.problems().contains("node 3 was added without keys"), "{}", house.problems());
}

#[test]
fn a_scanned_lock_comes_by_itself_under_its_name_and_goes_off_the_list_when_it_is_excluded() {
    let mut house = House::settled(75);
    let entry = serde_json::to_value(house.expect(Some("Front door")).unwrap()).unwrap();
    let id: ProvisioningId = entry["id"].as_str().unwrap().parse().unwrap();
    assert_eq!((&entry["state"], &entry["kind"]), (&"waiting".into(), &"lock".into()));
    assert_eq!(house.expect(None), Err(Refusal::AlreadyExpected(id)));
    let list = |house: &mut House| house.view(ask::Expected);
    assert!(!list(&mut house).to_string().contains("13696"), "the PIN is nobody's business");

    house.tell(Progress::Calls(Dsk::parse(LABEL).unwrap()));
    assert_eq!(house.change()["kind"], "smart_start");
    house.tell(Progress::Ended(Err(Failed { why: Reason::ControllerGone, left: None })));
    let failed = list(&mut house)["items"][0].clone();
    assert_eq!(failed["state"], "failed");
    assert!(failed["why"].as_str().unwrap().contains("unplugged"));
    assert!(house.bridge.parts.cx.state.provisioned(id).unwrap().is_expected(), "it is tried again when it calls again");

    house.cut_power();
    house.run_for(Duration::from_secs(60));
    house.tell(Progress::Calls(Dsk::parse(LABEL).unwrap()));
    house.tell(Progress::Joined(V2));
    house.included(V2);
    assert_eq!(house.device("front_door").node, Some(V2));
    let included = list(&mut house)["items"][0].clone();
    assert_eq!((&included["state"], &included["node"]), (&"included".into(), &2.into()));
    assert_eq!(included["device"], "front_door");
    assert!(!house.bridge.parts.cx.state.provisioned(id).unwrap().is_expected());

    house.follow(Kind::Exclude, None, None);
    house.tell(Progress::Ended(Ok(Ended::Excluded(Some(V2)))));
    assert_eq!(list(&mut house)["items"], serde_json::json!([]));
    assert!(house.store.load().unwrap().provisioning.is_empty());
}

#[test]
fn a_device_taken_off_the_list_stays_where_it_is() {
    let mut house = House::settled(76);
    let entry = serde_json::to_value(house.expect(None).unwrap()).unwrap();
    let id: ProvisioningId = entry["id"].as_str().unwrap().parse().unwrap();
    house.tell(Progress::Calls(Dsk::parse(LABEL).unwrap()));
    house.included(V2);
    let removed = house.view(Unexpect(id));
    assert_eq!(removed["state"], "included");
    assert_eq!(house.device("lock_2").node, Some(V2));
    assert_eq!(house.ask(Unexpect(id)), Ok(None));
}

#[test]
fn what_the_network_refuses_is_told_in_its_own_words() {
    for (refused, words) in [
        (Refusal::from(CannotBegin::Busy), CannotBegin::Busy.to_string()),
        (CannotBegin::NoController.into(), CannotBegin::NoController.to_string()),
        (CannotBegin::UnknownNode(V2).into(), CannotBegin::UnknownNode(V2).to_string()),
        (JoinInputRejected::NotAsked.into(), JoinInputRejected::NotAsked.to_string()),
    ] {
        assert_eq!(refused.to_string(), words);
    }
    let mut house = House::settled(77);
    let cancel = house.ask(MembersAsk::Cancel);
    assert_eq!(cancel, Err(JoinInputRejected::NothingUnderWay.into()));
    let unknown = DeviceId::new(&mut Entropy::from_number(1)).to_string();
    let allow = house.ask(Intent::AllowInsecure(unknown.clone()));
    assert_eq!(allow, Err(Refusal::UnknownDevice(unknown)));
}

#[test]
fn a_lock_that_has_keys_is_not_opened_to_everybody_by_mistake() {
    let mut house = House::settled(78);
    house.rewrite_node(V2, |node| (node.security, node.security_known) = (SecurityClass::S2AccessControl, true));
    let allow = |slug: &str| Intent::AllowInsecure(slug.into());
    assert_eq!(house.ask(allow("lock_2")), Err(Refusal::IsSecure("lock_2".into())));
    house.rewrite_node(V1, lists_security);
    house.committed.clear();
    let accepted = house.intend(Intent::AllowInsecure("lock_3".into()));
    assert_eq!(accepted.device, Some(house.device("lock_3").id));
    let on_record = house.committed.iter().flat_map(|batch| &batch.writes).any(|write| {
        matches!(write, Write::Audit { actor: Actor::Uid(1), act: Act::InsecureAllowed { class: SecurityClass::None, .. }, .. })
    });
    assert!(on_record, "who decided that is on record");
}
