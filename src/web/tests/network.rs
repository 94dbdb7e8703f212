//! `/api/network/…`.

use super::*;
use crate::bridge::membership::{Target, Wanted};
use crate::domain::ids::{NodeId, ProvisioningId};
use crate::domain::provisioning::{Label, ScannedProduct};
use crate::network::inclusion::{CannotBegin, JoinInputRejected, JoinSecurity, Terms};
use crate::security::dsk::Dsk;
use crate::security::key_exchange::DskPin;
use crate::security::keys::KeyMask;
use crate::view::{ChangeBegun, InterviewBegun};

fn pin(text: &str) -> Option<DskPin> {
    Some(DskPin::parse(text).unwrap())
}

#[tokio::test]
async fn each_change_of_the_network_is_asked_for_by_its_route_and_answers_its_number() {
    let included = |security, pin, name: Option<&str>| {
        let terms = Terms { security, pin };
        MembersAsk::Begin(Wanted::Include { terms, name: name.map(str::to_owned) })
    };
    let front = || Target::Device("front_door".into());
    let failed = Wanted::ReplaceFailed(front(), Terms { security: JoinSecurity::S0, pin: pin("00042") });
    for (path, body, ask) in [
        ("include", "", included(JoinSecurity::Best, None, None)),
        (
            "include",
            r#"{"security":"s0","pin":" 12345 ","name":"Front door"}"#,
            included(JoinSecurity::S0, pin("12345"), Some("Front door")),
        ),
        ("include", r#"{"security":"insecure"}"#, included(JoinSecurity::Insecure, None, None)),
        ("exclude", "", MembersAsk::Begin(Wanted::Exclude)),
        ("remove-failed", r#"{"node":7}"#, MembersAsk::Begin(Wanted::RemoveFailed(Target::Node(NodeId(7))))),
        ("remove-failed", r#"{"device":"front_door"}"#, MembersAsk::Begin(Wanted::RemoveFailed(front()))),
        ("replace-failed", r#"{"device":"front_door","security":"s0","pin":"00042"}"#, MembersAsk::Begin(failed)),
        ("change/pin", r#"{"pin":"65535"}"#, MembersAsk::Pin(DskPin::new(65_535))),
        ("change/keys", r#"{"keys":["s2_unauthenticated","s0"]}"#, MembersAsk::Grant(KeyMask(0x81))),
        ("change/keys", r#"{"keys":[]}"#, MembersAsk::Grant(KeyMask::NONE)),
        ("change/cancel", "", MembersAsk::Cancel),
    ] {
        let begun = Ok(ChangeBegun { change: Generation(12) });
        let request = ("POST", &*format!("/api/network/{path}"), body);
        let answer = Desk::new().exchange(request, [on(ask, begun)]).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::ACCEPTED, json!({ "change": 12 })), "{path}");
    }
    let expected = on(Interview(NodeId(7)), Ok(InterviewBegun { node: NodeId(7) }));
    let answer = Desk::new().exchange(("POST", "/api/network/nodes/7/interview", ""), [expected]).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::ACCEPTED, json!({ "node": 7 })));
    for name in ["change_none", "change_ready"] {
        let answer = Desk::new().exchange(("GET", "/api/network/change", ""), [on(ask::Change, Ok(view(name)))]).await;
        assert_eq!(answer.json(), view::<Value>(name));
    }
}

#[tokio::test]
async fn a_change_that_can_not_begin_keeps_its_type_for_scripts() {
    for (refusal, status, urn) in [
        (Refusal::from(CannotBegin::NoController), 503, "stick-not-ready"),
        (CannotBegin::Busy.into(), 409, "change-under-way"),
        (CannotBegin::UnknownNode(NodeId(7)).into(), 404, "unknown-node"),
        (CannotBegin::NotSupported.into(), 422, "not-supported"),
        (JoinInputRejected::NothingUnderWay.into(), 409, "no-change"),
        (JoinInputRejected::NotAsked.into(), 409, "not-asked"),
    ] {
        let detail = refusal.to_string();
        let expected = on(MembersAsk::Begin(Wanted::Exclude), Err(refusal));
        let answer = Desk::new().exchange(("POST", "/api/network/exclude", ""), [expected]).await;
        assert_eq!(answer.problem(), (status, format!("urn:latchkey:{urn}")));
        assert_eq!(answer.json()["detail"], detail);
    }
}

#[tokio::test]
async fn a_wrong_pin_never_reaches_the_loop_and_is_not_repeated() {
    for (path, body, status) in [
        ("include", r#"{"pin":"7413"}"#, 422),
        ("include", r#"{"pin":74135}"#, 400),
        ("include", r#"{"pin":"74135","x":1}"#, 400),
        ("replace-failed", r#"{"device":"d","pin":"99999"}"#, 422),
        ("change/pin", r#"{"pin":"7413x"}"#, 422),
        ("change/pin", r#"{}"#, 400),
        ("change/keys", r#"{"keys":["s3"]}"#, 400),
        ("remove-failed", r#"{}"#, 400),
        ("remove-failed", r#"{"node":7,"device":"d"}"#, 400),
        ("exclude", r#"{"node":7}"#, 400),
    ] {
        let desk = Desk::new();
        let answer = desk.send("POST", &format!("/api/network/{path}"), body).await;
        let kind = if status == 422 { "bad-pin" } else { "bad-request" };
        assert_eq!(answer.problem(), (status, format!("urn:latchkey:{kind}")), "{path} {body}");
        assert!(!answer.body.contains("7413") && !answer.body.contains("99999"), "{}", answer.body);
        assert!(desk.asked.is_empty());
    }
}

/// What a lock maker printed behind the key (the public vector in `tests/data`).
const PRODUCT: &str = "00101638700768022000297330310409600258";

/// Digits of a code with these keys and protocols, for a device that was never made.
fn code(version: u8, keys: u8, protocols: Option<u8>) -> String {
    use sha1::{Digest, Sha1};
    let dsk = "1369629398139123297744778129545723308504";
    let protocols = protocols.map(|bits| format!("0802{bits:02}")).unwrap_or_default();
    let covered = format!("{keys:03}{dsk}{PRODUCT}{protocols}");
    let sum = Sha1::digest(covered.as_bytes());
    format!("90{version:02}{:05}{covered}", u16::from_be_bytes([sum[0], sum[1]]))
}

#[tokio::test]
async fn a_scanned_device_is_expected_with_the_keys_it_asks_for() {
    let yale = ScannedProduct { generic: 0x40, specific: 3, manufacturer: 297, product_type: 33_031, product: 4_096 };
    assert_eq!(yale.kind(), "lock");
    for (body, long_range) in [
        (json!({ "qr": code(1, 0x87, Some(3)), "name": "Shed" }), true),
        (json!({ "qr": code(1, 0x87, Some(3)), "name": "Shed", "classic": true }), false),
        (json!({ "qr": format!(" {}\n", code(1, 0x87, None)), "name": "Shed" }), false),
    ] {
        let dsk = Dsk::parse("13696-29398-13912-32977-44778-12954-57233-08504").unwrap();
        let label = Label { dsk, keys: KeyMask(0x87), long_range, product: yale };
        let expected = on(Expect { label, name: Some("Shed".into()) }, Ok(view("expected")));
        let answer = Desk::new().exchange(("POST", "/api/network/smartstart", &body.to_string()), [expected]).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::CREATED, view("expected")));
    }
}

#[tokio::test]
async fn a_code_that_can_not_be_used_is_refused_with_the_remedy_and_not_repeated() {
    let desk = Desk::new();
    let mut misread = code(1, 0x87, None);
    misread.replace_range(20..21, if &misread[20..21] == "1" { "2" } else { "1" });
    for (qr, word) in [(code(0, 0x87, None), "latchkey network include"), (misread, "checksum"), ("90".into(), "52")] {
        let answer = desk.send("POST", "/api/network/smartstart", &json!({ "qr": qr }).to_string()).await;
        assert_eq!(answer.problem(), (422, "urn:latchkey:bad-qr".into()));
        assert!(answer.json()["detail"].as_str().unwrap().contains(word), "{}", answer.body);
        assert!(!answer.body.contains("29398"), "{}", answer.body);
    }
    let answer = desk.send("POST", "/api/network/smartstart", r#"{"qr":9001293981391232977}"#).await;
    assert!(answer.problem().0 == 400 && !answer.body.contains("29398"), "{}", answer.body);
    assert!(desk.asked.is_empty());
}

#[tokio::test]
async fn the_list_of_expected_devices_is_read_and_shortened() {
    let id = ProvisioningId::new(&mut Entropy::from_number(1));
    let expected = on(ask::Expected, Ok(view("expected_failed")));
    let answer = Desk::new().exchange(("GET", "/api/network/smartstart", ""), [expected]).await;
    assert_eq!(answer.json(), view::<Value>("expected_failed"));
    let path = format!("/api/network/smartstart/{id}");
    let answer = Desk::new().exchange(("DELETE", &path, ""), [on(Unexpect(id), Ok(Some(view("expected"))))]).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, view("expected")));
    let answer = Desk::new().exchange(("DELETE", &path, ""), [on(Unexpect(id), Ok(None))]).await;
    assert_eq!(answer.problem().0, 404);
    assert_eq!(Desk::new().send("DELETE", "/api/network/smartstart/7", "").await.problem().0, 404);
}

#[tokio::test]
async fn a_device_is_replaced_removed_and_allowed_by_its_route() {
    let front = || "front_door".to_owned();
    for (method, path, body, intent) in [
        ("POST", "/replace", r#"{"with":"lock_9"}"#, Intent::ReplaceDevice { old: front(), new: "lock_9".into() }),
        ("POST", "/allow-insecure", "", Intent::AllowInsecure(front())),
        ("DELETE", "", "", Intent::RemoveDevice(front())),
    ] {
        let path = format!("/api/devices/front_door{path}");
        let answer = Desk::new().exchange((method, &path, body), [on(intent, Ok(Accepted::default()))]).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{path}");
    }
}

#[tokio::test]
async fn nobody_changes_the_network_over_the_port_without_a_login() {
    let mut desk = Desk::new();
    for path in ["/api/network/change", "/api/network/smartstart", "/api/network/include"] {
        let (answer, asked) = desk.knock("localhost", path).await;
        assert_eq!((answer.status, asked), (StatusCode::NOT_FOUND, 0), "{path}");
    }
}
