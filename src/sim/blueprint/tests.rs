use super::*;
use crate::domain::node::SecurityClass;
use crate::security::key_file::KeyFile;
use crate::sim::World;

fn wrong(text: &str) -> String {
    Blueprint::parse("w.toml", text).expect_err("it is wrong").to_string()
}

const KEYS: &str = "[keys]\nS0_Legacy = \"0102030405060708090a0b0c0d0e0f10\"\n";

#[test]
fn every_world_that_comes_along_can_be_lived_in() {
    let nodes = BUILT_IN.map(|(name, text)| {
        let blueprint = Blueprint::parse(name, text).unwrap_or_else(|error| panic!("{error}"));
        let world = World::new(&blueprint, &Entropy::from_number(1));
        for (node, model) in &blueprint.nodes {
            let lives = world.node(*node).expect("it is there");
            assert_eq!(lives.class() == SecurityClass::None, model.requests.0 == 0, "{name}: {node:?}");
        }
        blueprint.nodes.len()
    });
    assert_eq!(nodes[..3], [6, 40, 200]);
}

#[test]
fn the_home_has_the_keys_of_the_lab() {
    let lab: KeyFile = serde_json::from_str(include_str!("../../../tests/lab/keys.json")).expect("the lab's keys");
    let home = Blueprint::parse("home", BUILT_IN[0].1).expect("it is right");
    let keys = home.keys.expect("it has keys");
    for id in lab.ids() {
        assert!(lab.get(id) == Some(keys.network_key(id)), "{}", id.name());
    }
    assert_eq!(lab.ids().count(), 4);
}

#[test]
fn a_count_makes_more_of_the_same() {
    let text = "[[node]]\nid = 9\ncount = 3\nmodel = { like = \"plain_lock\", slots = 7 }\ncodes = { 7 = \"4711\" }";
    let blueprint = Blueprint::parse("w", text).expect("it is right");
    assert_eq!(blueprint.nodes.keys().map(|id| id.0).collect::<Vec<_>>(), [9, 10, 11]);
    let world = World::new(&blueprint, &Entropy::from_number(1));
    let opens = |id| world.node(NodeId(id)).and_then(|lock| lock.memory.codes.user_of(b"4711"));
    assert_eq!([9, 10, 11].map(opens), [Some(7); 3]);
}

#[test]
fn a_label_stays_the_same_from_run_to_run_and_differs_from_its_neighbours() {
    let home = Blueprint::parse("home", BUILT_IN[0].1).expect("it is right");
    let label = |name: &str| home.devices[name].device(name).dsk();
    assert!(label("back_door") == label("back_door") && label("back_door") != label("garage"));
}

#[test]
fn errors_name_the_line_and_the_remedy() {
    for (text, place, says) in [
        ("[[node]]\nid = 2\nmodel = \"s2_lock\"\nslot = 3", "w.toml, line 4", "unknown field `slot`"),
        ("[[node]]\nid = 2\nmodel = \"plain_lock\"\n[[node]]\nid = 2\nmodel = \"plain_lock\"", "line 4", "a node 2 already"),
        ("[[node]]\nid = 233\nmodel = \"plain_lock\"", "line 1", "write 2 to 232"),
        ("[[node]]\nid = 1\nmodel = \"plain_lock\"", "line 1", "write 2 to 232"),
        ("[[node]]\nid = 70000\nmodel = \"plain_lock\"", "line 2", "u16"),
        ("[[node]]\nid = 300\nmodel = \"plain_lock\"", "line 1", "series 800"),
        ("[[node]]\nid = 200\ncount = 40\nmodel = \"plain_lock\"", "line 1", "233 is no id"),
        ("[[node]]\nid = 2\ncount = 0\nmodel = \"plain_lock\"", "line 1", "node.count"),
        ("[[node]]\nid = 2", "line 1", "missing field `model`"),
        ("[[node]]\nid = 2\nmodel = \"s3_lock\"", "line 1", "one of s2_lock, s0_lock"),
        ("[[node]]\nid = 2\nmodel = 5", "line 3", "the name of a model"),
        ("[[node]]\nid = 2\nmodel = { like = \"s2_lock\", quirks = [\"bites\"] }", "line 1", "some of masks_codes"),
        ("[[node]]\nid = 2\nmodel = { like = \"plain_lock\", slots = 255 }", "line 1", "write 1 to 254"),
        ("[[node]]\nid = 2\nmodel = \"plain_lock\"\ncodes = { 31 = \"1234\" }", "line 1", "from 1 to 30"),
        ("[[node]]\nid = 2\nmodel = \"plain_lock\"\ncodes = { 1 = \"12\" }", "line 1", "4 to 10 digits"),
        ("[[node]]\nid = 2\nmodel = \"plain_lock\"\nbattery = 101", "line 4", "write 0 to 100"),
        ("[[node]]\nid = 2\nmodel = \"plain_lock\"\npath = { repeaters = [2] }", "line 1", "ids of other nodes"),
        ("[radio]\nhaste = 0", "w.toml", "radio.haste"),
        ("[stick]\nseries = \"900\"", "line 2", "`500`, `700`, `800`"),
        ("[stick]\nhome_id = \"home\"", "stick.home_id", "eight hexadecimal digits"),
        ("[[device]]\nname = \"a b\"\nmodel = \"s2_lock\"", "line 1", "device.name"),
        ("[keys]\nS0_Legacy = \"abc\"", "line 1", "S0_Legacy"),
        ("[keys]\nS9 = \"0102030405060708090a0b0c0d0e0f10\"", "line 1", "S9"),
        ("nonsense", "line 1", ""),
    ] {
        let error = wrong(text);
        assert!(error.contains(place) && error.contains(says), "{text}\n=> {error}");
        assert!(!error.contains('\n'), "more than one line: {error}");
    }
}

#[test]
fn a_missing_key_of_a_node_is_an_error() {
    let error = wrong(&format!("{KEYS}[[node]]\nid = 2\nmodel = \"s2_lock\""));
    assert!(error.contains("keys.S2_AccessControl") && error.contains("node 2"), "{error}");
    Blueprint::parse("w", &format!("{KEYS}[[node]]\nid = 2\nmodel = \"s0_lock\"")).expect("it has the key it needs");
}

/// A key typed in with a mistake is still a key.
#[test]
fn a_wrong_key_is_not_repeated_in_the_error() {
    let error = wrong("[keys]\nS0_Legacy = \"0102030405060708090a0b0c0d0e0fzz\"");
    assert!(!error.contains("0102030405"), "{error}");
}
