//! The hub as a node, as Z-Wave JS reads its answers: nodes of the peer ask it under S2, under S0 and in clear.

use serde_json::{Value, json};

use crate::harness::{Daemon, Mock, Proxy, Setup, seconds, until};

/// Under S2, under S0, and without keys.
const LOCKS: &str = "2:s2:uc1:20,5:s0:uc1:20,6:none:uc1:20";
const NODES: [(u16, &str); 3] = [(2, "Security2CCMessageEncapsulation"), (5, "SecurityCCCommandEncapsulation"), (6, "")];

/// What the hub answers to a node's question, and that it answers under the node's class. A node asks again when both
/// spoke at once.
fn ask(mock: &Mock, node: u16, hex: &str) -> Value {
    let once = || Some(mock.control(&format!("ask {node} {hex}"))).filter(|answer| answer["answer"].is_object());
    let answer = until("an answer of the hub", seconds(20), once);
    let (_, under) = NODES.iter().find(|(id, _)| *id == node).unwrap();
    assert!(under.is_empty() || answer["under"] == *under, "{node} {hex}: {answer}");
    answer["answer"].clone()
}

#[test]
fn other_software_reads_in_every_answer_what_the_hub_means() {
    let mock = Mock::start(LOCKS);
    let proxy = Proxy::to(mock.port);
    let daemon = Daemon::start(Setup::tcp(proxy.port).lab_keys());
    daemon.locks(3);
    proxy.settle(seconds(2), seconds(60));
    let rows: [(&str, &str, Value); 14] = [
        ("8611", "VersionCCReport", json!({"libraryType": 1, "protocolVersion": "7.17", "firmwareVersions": ["1.0", "0.1"]})),
        ("861363", "VersionCCCommandClassReport", json!({"requestedCC": 0x63, "ccVersion": 2})),
        ("861320", "VersionCCCommandClassReport", json!({"requestedCC": 0x20, "ccVersion": 0})),
        ("8615", "VersionCCCapabilitiesReport", json!({"supportsZWaveSoftwareGet": false})),
        ("7204", "ManufacturerSpecificCCReport", json!({"manufacturerId": 0xFFFF, "productId": 0xFFFF})),
        ("720600", "ManufacturerSpecificCCDeviceSpecificReport", json!({"type": 2, "deviceId": "7e570001"})),
        ("5e01", "ZWavePlusCCReport", json!({"zwavePlusVersion": 2, "roleType": 0, "nodeType": 0, "userIcon": 0x0500})),
        ("850201", "AssociationCCReport", json!({"groupId": 1, "maxNodes": 5, "nodeIds": [], "reportsToFollow": 0})),
        ("8e0201", "MultiChannelAssociationCCReport", json!({"groupId": 1, "maxNodes": 5, "nodeIds": [], "endpoints": []})),
        ("590101", "AssociationGroupInfoCCNameReport", json!({"groupId": 1, "name": "Lifeline"})),
        ("59050001", "AssociationGroupInfoCCCommandListReport", json!({"groupId": 1, "commands": {"90": [1]}})),
        ("870400", "IndicatorCCSupportedReport", json!({"indicatorId": 0x50, "supportedProperties": [3, 4, 5]})),
        ("7302", "PowerlevelCCReport", json!({"powerlevel": 0})),
        ("8a01", "TimeCCTimeReport", json!({})),
    ];
    for (node, _) in NODES {
        // Under S0 each question costs a nonce, and a node that asks for many in a row has to wait for more.
        let some = if node == 5 { 6 } else { rows.len() };
        for (question, name, fields) in rows.iter().take(some) {
            let answer = ask(&mock, node, question);
            assert_eq!(answer["is"], *name, "{node} {question}: {answer}");
            for (field, value) in fields.as_object().unwrap() {
                assert_eq!(answer[field], *value, "{node} {question} {field}: {answer}");
            }
        }
    }
    let secure_list = json!([0x85, 0x59, 0x5A, 0x87, 0x72, 0x8E, 0x73, 0x86]);
    for (node, question) in [(2, "9f0d"), (5, "9802")] {
        assert_eq!(ask(&mock, node, question)["supportedCCs"], secure_list, "{node}");
    }
    // Basic, and a question about codes.
    for question in ["2002", "630201"] {
        assert_eq!(mock.control(&format!("ask 6 {question}"))["answer"], Value::Null);
    }

    let supervised = |hex: &str| mock.control(&format!("ask 2 {hex} supervised"))["supervision"].clone();
    assert_eq!(supervised("85010107"), "Success");
    assert_eq!(supervised("85010207"), "Fail");
    assert_eq!(supervised("2001ff"), "NoSupport");
    assert_eq!(supervised("8703005003"), "Success", "a report always arrives");
    assert_eq!(ask(&mock, 2, "850201")["nodeIds"], json!([7]));
    assert_eq!(supervised("87010003500308500403500506"), "Success");
    until("the hub shows itself", seconds(10), || daemon.log().contains("here I am").then_some(()));
    assert_eq!(mock.complaints(), Vec::<String>::new(), "the peer complains");
}
