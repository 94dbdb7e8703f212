//! Who did what, over the API.

use serde_json::{Value, json};

use super::*;
use crate::domain::audit::Act;
use crate::domain::ids::GrantId;

/// Records acts, a second apart, beginning a second after 1970.
fn record(desk: &mut Desk, acts: impl IntoIterator<Item = (Actor, Act)>) {
    let at = |n: i64| Timestamp::from_millis(n * 1_000);
    let writes = (1..).zip(acts).map(|(n, (actor, act))| Write::Audit { actor, act, at: at(n) }).collect();
    desk.store.apply(&Batch { writes }).unwrap();
}

async fn rows(desk: &Desk, query: &str) -> Vec<Value> {
    let answer = desk.send("GET", &format!("/api/audit{query}"), "").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn who_gave_ada_a_code_is_found_without_reading_sentences() {
    let mut desk = Desk::new();
    let (ada, front) = (person(1), device(1));
    let grant = GrantId::new(&mut Entropy::from_number(3));
    record(
        &mut desk,
        [
            (Actor::Uid(1000), Act::PersonAdded(ada)),
            (Actor::Mqtt, Act::Unlocked(front)),
            (Actor::Uid(1000), Act::Granted { person: ada, device: front, grant }),
            (Actor::Uid(1001), Act::PersonAdded(person(2))),
        ],
    );
    let hers = rows(&desk, &format!("?person={ada}")).await;
    let expected = json!({
        "seq": hers[0]["seq"], "at": "1970-01-01T01:00:03.000+01:00",
        "actor": { "kind": "uid", "id": "1000", "name": "uid 1000" }, "act": "granted",
        "person": ada, "device": front, "grant": grant, "detail": null,
    });
    assert_eq!(hers[0], expected);
    let acts: Vec<&str> = hers.iter().map(|row| row["act"].as_str().unwrap()).collect();
    assert_eq!(acts, ["granted", "person_added"]);
    let all = rows(&desk, "").await;
    assert_eq!(all[1]["act"], "granted");
    assert_eq!(all[2]["actor"], json!({ "kind": "mqtt", "id": null, "name": "mqtt" }));
}

#[tokio::test]
async fn the_audit_is_read_to_its_first_line_a_page_at_a_time() {
    let mut desk = Desk::new();
    record(&mut desk, (1..=5).map(|n| (Actor::Uid(n), Act::NetworkKeysExported)));
    let (mut seen, mut path) = (Vec::new(), "/api/audit?limit=2".to_owned());
    loop {
        let page = desk.send("GET", &path, "").await.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|row| row["seq"].as_i64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/audit?limit=2&cursor={next}");
    }
    // The making of the database is on record, too.
    assert_eq!(seen.len(), 6);
    assert!(seen.is_sorted_by(|newer, older| newer > older), "{seen:?}");
    assert_eq!(rows(&desk, "?since=1970-01-01T01:00:04").await.len(), 2);
}

#[tokio::test]
async fn a_misspelt_filter_of_the_audit_is_not_taken_for_none() {
    let desk = Desk::new();
    let answer = desk.send("GET", "/api/audit?persn=7", "").await;
    assert_eq!(answer.problem(), (400, "urn:latchkey:bad-request".into()));
    assert!(answer.json()["detail"].as_str().unwrap().contains("persn"), "{}", answer.body);
    for (query, status, kind) in [
        ("since=yesterday", 400, "bad-request"),
        ("limit=many", 400, "bad-request"),
        ("cursor=x", 400, "bad-request"),
        ("person=ada", 404, "unknown-person"),
    ] {
        let answer = desk.send("GET", &format!("/api/audit?{query}"), "").await;
        assert_eq!(answer.problem(), (status, format!("urn:latchkey:{kind}")), "{query}");
    }
    assert_eq!(desk.send("POST", "/api/audit", "").await.problem().0, 405);
}

#[tokio::test]
async fn what_concerned_somebody_who_is_gone_is_found_by_their_id() {
    let mut desk = Desk::new();
    let gone = person(9);
    record(&mut desk, [(Actor::Uid(1), Act::PersonAdded(gone)), (Actor::Uid(1), Act::PersonRemoved(gone))]);
    let rows = rows(&desk, &format!("?person={gone}")).await;
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["person"], json!(gone));
}

#[tokio::test]
async fn the_audit_is_not_served_on_tcp() {
    let mut desk = Desk::new();
    let request = Request::builder().uri("/api/audit").header(header::HOST, "localhost").body(Body::empty()).unwrap();
    assert_eq!(desk.public.call(request).await.unwrap().status(), StatusCode::NOT_FOUND);
}
