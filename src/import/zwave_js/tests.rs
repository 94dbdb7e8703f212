use proptest::prelude::*;

use super::*;
use crate::domain::node::{Beam, InterviewStage};
use crate::domain::pin::CodeText;

const CACHE: &str = include_str!("../../../tests/data/zwavejs/7e570001.jsonl");
const VALUES: &str = include_str!("../../../tests/data/zwavejs/7e570001.values.jsonl");
const KEYS: &str = include_str!("../../../tests/lab/keys.json");
const HOME: HomeId = HomeId(0x7e57_0001);

fn source(name: &str, text: &str) -> Source {
    Source { name: name.into(), text: Zeroizing::new(text.into()) }
}

/// The recorded files, with more lines at the end of the cache.
fn recorded(more: &str) -> Vec<Source> {
    vec![
        source("7e570001.jsonl", &format!("{CACHE}{more}")),
        source("7e570001.metadata.jsonl", "labels"),
        source("7e570001.values.jsonl", VALUES),
        source("settings.json", &format!("{{\"zwave\": {{\"securityKeys\": {KEYS}}}}}")),
    ]
}

fn read_all(files: &[Source]) -> Imported {
    read(files, None).unwrap()
}

fn sentence<'a>(imported: &'a Imported, part: &str) -> Option<&'a String> {
    imported.left_out.iter().find(|sentence| sentence.contains(part))
}

#[test]
fn a_recorded_network_comes_along_with_its_keys_locks_and_codes() {
    let imported = read_all(&recorded(""));
    assert_eq!(imported.home, HOME);
    let named = [KeyId::S0, KeyId::Unauthenticated, KeyId::Authenticated, KeyId::AccessControl];
    assert!(imported.keys.ids().eq(named));
    assert_eq!(imported.keys.get(KeyId::AccessControl).unwrap().reveal(), &[0x33; 16]);

    let [s2, s0] = imported.locks.as_slice() else { panic!("{imported:?}") };
    assert_eq!((s2.node.id, s2.node.security), (NodeId(2), SecurityClass::S2AccessControl));
    assert_eq!((s0.node.id, s0.node.security), (NodeId(3), SecurityClass::S0));
    let protocol = s2.node.protocol.unwrap();
    assert_eq!((protocol.listening, protocol.beam, protocol.generic), (false, Some(Beam::Ms1000), 0x40));
    assert_eq!(s2.node.product, Some(crate::domain::node::ProductIds { manufacturer: 0xFFFE, product_type: 1, product: 2 }));
    assert_eq!(s2.node.firmware, Some((1, 0)));
    assert_eq!(s2.node.classes[&ClassId::USER_CODE], crate::domain::node::ClassSupport { version: 2, secure: true });
    assert_eq!(s0.node.version_of(ClassId::USER_CODE), Some(1));
    assert!(!s2.node.classes.contains_key(&ClassId::BASIC), "not supported");
    assert!(s2.node.stage == InterviewStage::Identity && s2.node.security_known && s0.node.security_known);
    let support = s2.node.user_code.as_ref().unwrap();
    assert!(support.users == 4 && support.checksum && support.admin_code && support.statuses.len() == 5, "{support:?}");
    assert_eq!(s0.node.user_code.as_ref().unwrap().users, 3);
    assert!(s2.node.door_lock.unwrap().bolt);

    let contents = |lock: &ImportedLock| lock.slots.iter().map(|(n, slot)| (*n, slot.content.clone())).collect::<Vec<_>>();
    let known = |code: &str| Content::Known(CodeText::new(code));
    assert_eq!(contents(s2), [(1, Content::Empty), (2, Content::Empty), (3, known("472913")), (4, Content::Empty)]);
    assert_eq!(contents(s0), [(1, Content::Empty), (2, known("8305")), (3, Content::Empty)]);
    assert!(s2.slots[&3].at.unwrap() > Timestamp::from_millis(1_700_000_000_000));
    assert!(imported.others.is_empty(), "the stick itself is no node to import");
}

#[test]
fn no_code_and_no_key_shows_in_what_is_printed() {
    let imported = read_all(&recorded(""));
    let said = format!("{imported:?}");
    for secret in ["472913", "8305", "3333333333", "0102030405", "51, 51"] {
        assert!(!said.contains(secret), "{secret} is in {said}");
    }
}

#[test]
fn the_driver_that_was_running_leaves_half_a_line_and_that_is_said() {
    let imported = read_all(&recorded("{\"k\":\"node.2.lastS"));
    assert_eq!(imported.locks.len(), 2);
    assert!(sentence(&imported, "stop Z-Wave JS").is_some(), "{:?}", imported.left_out);
}

#[test]
fn a_node_that_was_removed_stays_removed() {
    let removed: String = CACHE
        .lines()
        .filter_map(|line| line.split('"').nth(3))
        .filter(|key| key.starts_with("node.3."))
        .fold(String::new(), |all, key| all + &format!("{{\"k\":\"{key}\"}}\n"));
    let imported = read_all(&recorded(&removed));
    assert_eq!(imported.locks.len(), 1, "its old lines are still in the file, and its values, too");
}

#[test]
fn what_is_no_lock_is_left_in_peace_and_said() {
    let lamp = concat!(
        "{\"k\":\"node.9.isListening\",\"v\":true}\n",
        "{\"k\":\"node.9.deviceClass\",\"v\":{\"basic\":4,\"generic\":16,\"specific\":1}}\n",
        "{\"k\":\"node.9.endpoint.0.commandClass.0x25\",\"v\":{\"isSupported\":true,\"secure\":false,\"version\":1}}\n",
        "{\"k\":\"controller.provisioningList\",\"v\":[{\"dsk\":\"00001\"}]}\n",
    );
    let imported = read_all(&recorded(lamp));
    assert_eq!(
        imported.others.iter().map(|node| (node.id, node.stage)).collect::<Vec<_>>(),
        [(NodeId(9), InterviewStage::NodeInfo)]
    );
    assert!(
        sentence(&imported, "1 other node stays").is_some() && sentence(&imported, "1 SmartStart device is listed").is_some()
    );
}

#[test]
fn a_lock_whose_security_is_unknown_or_weak_or_whose_key_is_missing_is_named() {
    let lock = |id: u16, more: &str| {
        let class = format!("{{\"k\":\"node.{id}.endpoint.0.commandClass.0x62\",\"v\":{{\"isSupported\":true}}}}\n");
        class + &more.lines().map(|line| line.replace('#', &id.to_string()) + "\n").collect::<String>()
    };
    let all_false = ["S2_AccessControl", "S2_Authenticated", "S2_Unauthenticated", "S0_Legacy"]
        .map(|class| format!("{{\"k\":\"node.#.securityClasses.{class}\",\"v\":false}}\n"))
        .concat();
    let far = "{\"k\":\"node.#.securityClasses.S2_AccessControl\",\"v\":true}";
    let more = [lock(20, ""), lock(21, &all_false), lock(300, far)].concat();
    let imported = read_all(&recorded(&more));
    let about = |id: u16, part: &str| imported.left_out.iter().any(|it| it.contains(&format!("Node {id} ")) && it.contains(part));
    assert!(about(20, "unknown security") && about(20, "not interviewed"), "{:?}", imported.left_out);
    assert!(about(21, "in clear"), "{:?}", imported.left_out);
    assert!(about(300, "needs the key S2_AccessControl_LR"), "{:?}", imported.left_out);
    assert!(!about(2, "") && !about(3, ""), "{:?}", imported.left_out);
}

#[test]
fn stars_and_letters_are_never_taken_for_a_code() {
    let slot = |index: u16, status: u8, code: &str| {
        let id = |property: &str| {
            format!(
                "{{\\\"nodeId\\\":2,\\\"commandClass\\\":99,\\\"endpoint\\\":0,\\\"property\\\":\\\"{property}\\\",\\\"propertyKey\\\":{index}}}"
            )
        };
        format!("{{\"k\":\"{}\",\"v\":{status}}}\n{{\"k\":\"{}\",\"v\":{code}}}\n", id("userIdStatus"), id("userCode"))
    };
    let more = [
        slot(11, 1, "\"******\""),
        slot(12, 1, "{\"$$type$$\":\"buffer\",\"data\":\"2a2a2a2a\"}"),
        slot(13, 2, "\"12345678901\""),
        slot(14, 254, "\"1234\""),
        slot(15, 0, "\"1234\""),
        slot(0, 1, "\"1234\""),
    ];
    let mut files = recorded("");
    files[2] = source("7e570001.values.jsonl", &format!("{VALUES}{}", more.concat()));
    let slots = read_all(&files).locks.remove(0).slots;
    for index in [11, 12, 13] {
        assert_eq!(slots[&index].content, Content::Unreadable, "slot {index}");
    }
    assert!(!slots.contains_key(&14), "the lock did not say");
    assert_eq!(slots[&15].content, Content::Empty);
    assert!(!slots.contains_key(&0), "slot 0 means all");
}

#[test]
fn names_come_from_the_user_interface_or_from_the_node() {
    let mut files = recorded("");
    files.push(source("nodes.json", r#"{"0x7e570001": {"2": {"name": "Front door", "loc": "Hall"}, "3": {"name": " "}}}"#));
    let names: Vec<_> = read_all(&files).locks.into_iter().map(|lock| lock.name).collect();
    assert_eq!(names, [Some("Front door".into()), None]);
}

#[test]
fn each_reason_to_take_nothing_has_its_own_name() {
    let refusal = |files: &[Source]| read(files, None).unwrap_err();
    let with = |at: usize, name: &str, text: &str| {
        let mut files = recorded("");
        files[at] = source(name, text);
        files
    };
    assert_eq!(refusal(&[]), ImportError::NoCache);
    assert_eq!(refusal(&recorded("")[1..]), ImportError::NoCache);
    assert_eq!(refusal(&[source("7e570001.json", "{}")]), ImportError::OldCache("7e570001.json".into()));
    let mut two = recorded("");
    two.push(source("00c0ffee.jsonl", CACHE));
    assert!(matches!(refusal(&two), ImportError::SeveralNetworks { files } if files.len() == 2));
    assert_eq!(read(&two, Some(HOME)).unwrap().home, HOME);

    let garbled = refusal(&with(0, "7e570001.jsonl", "\u{0}\u{0}\u{0}"));
    assert_eq!(garbled, ImportError::Damaged { file: "7e570001.jsonl".into(), line: 1 });
    assert_eq!(refusal(&with(0, "7e570001.jsonl", "")), ImportError::NoNodes("7e570001.jsonl".into()));
    let newer = refusal(&recorded("{\"k\":\"cacheFormat\",\"v\":9}\n"));
    assert_eq!(newer, ImportError::NewerCache { file: "7e570001.jsonl".into(), found: 9 });
    let garbled = refusal(&with(2, "7e570001.values.jsonl", "{\"k\":1}\n{\"k\":\"a\",\"v\":1}\n"));
    assert_eq!(garbled, ImportError::Damaged { file: "7e570001.values.jsonl".into(), line: 1 });

    assert_eq!(refusal(&with(3, "settings.json", "{")), ImportError::NotJson { file: "settings.json".into(), line: 1 });
    let short = refusal(&with(3, "settings.json", r#"{"zwave": {"securityKeys": {"S0_Legacy": "5ec2e7"}}}"#));
    assert_eq!(short, ImportError::Key { file: "settings.json".into(), id: KeyId::S0, fault: KeyFault::Length(6) });
    assert!(!short.to_string().contains("5ec2e7"), "{short}");
    let mut other_keys = recorded("");
    other_keys.push(source("options.json", r#"{"s0_legacy_key": "5ec2e75ec2e75ec2e75ec2e75ec2e75e"}"#));
    let told = refusal(&other_keys).to_string();
    assert!(told.contains("settings.json and options.json") && told.contains("S0_Legacy") && !told.contains("5ec2e7"), "{told}");
}

#[test]
fn without_values_the_locks_are_asked_instead() {
    let mut files = recorded("");
    files.remove(2);
    let imported = read_all(&files);
    assert_eq!(imported.locks.len(), 2);
    assert!(imported.locks.iter().all(|lock| lock.slots.is_empty() && lock.node.stage == InterviewStage::Versions));
    assert!(sentence(&imported, "7e570001.values.jsonl").is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_cache_that_ends_anywhere_is_read_up_to_there(cache in 1..CACHE.len(), values in 0..VALUES.len()) {
        let mut files = recorded("");
        files[0] = source("7e570001.jsonl", &CACHE[..cache]);
        files[2] = source("7e570001.values.jsonl", &VALUES[..values]);
        // Half of the first line is no line at all; before the first node there is none.
        match read(&files, None) {
            Ok(imported) => prop_assert!(imported.locks.len() <= 2),
            Err(ImportError::NoNodes(_) | ImportError::Damaged { line: 1, .. }) => {}
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        }
    }

    #[test]
    fn a_cache_that_rots_never_brings_the_reading_down(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut bytes = [CACHE, VALUES].map(|text| text.as_bytes().to_vec());
        for (at, value) in damage {
            let at = at.index(CACHE.len() + VALUES.len());
            match at.checked_sub(CACHE.len()) {
                None => bytes[0][at] = value,
                Some(at) => bytes[1][at] = value,
            }
        }
        let mut files = recorded("");
        files[0] = source("7e570001.jsonl", &String::from_utf8_lossy(&bytes[0]));
        files[2] = source("7e570001.values.jsonl", &String::from_utf8_lossy(&bytes[1]));
        let _ = read(&files, None);
    }
}
