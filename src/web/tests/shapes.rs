//! The JSON of the API that the bridge has no part in, kept in `tests/data/views`.

use super::*;
use crate::bridge::tests::shapes::kept;
use crate::domain::event::EventReason;

#[tokio::test]
async fn shapes_of_the_status_as_it_is_served() {
    for name in ["status", "status_without_store"] {
        let expected = on(ask::Status, Ok(view(&format!("{name}_of_the_bridge"))));
        let answer = Desk::new().exchange(("GET", "/api/status", ""), [expected]).await;
        kept(name, answer.json());
    }
    let mut desk = Desk::new();
    desk.set_doorstep(Doorstep::Closed { why: "127.0.0.1:8480: address in use".into() });
    let expected = on(ask::Status, Ok(view("status_of_the_bridge")));
    let answer = desk.exchange(("GET", "/api/status", ""), [expected]).await;
    kept("status_without_web", answer.json());
    let (answer, _) = desk.knock("localhost", "/healthz").await;
    kept("health", answer.json());
}

#[tokio::test]
async fn shapes_of_what_an_accepted_change_answers() {
    let grant = GrantId::new(&mut Entropy::from_number(9));
    let taken_over = TakenOver {
        changed: true,
        keys: vec![KeyId::S0, KeyId::AccessControl],
        locks: vec!["front_door".parse().unwrap()],
        occupied_slots: 2,
        others: 1,
        absent: vec![NodeId(12)],
    };
    let whole = Accepted {
        generation: Generation(4),
        grants: vec![grant],
        person: Some(person(1)),
        device: Some(device(1)),
        generated: Some(Pin::parse("482913").unwrap()),
        taken_over: Some(taken_over),
    };
    for (name, accepted) in [("accepted", whole), ("accepted_only", Accepted::default())] {
        let request = ("POST", "/api/people", r#"{"first_name":"Ada"}"#);
        let answer = Desk::new().exchange(request, [on_any_intent(Ok(accepted))]).await;
        kept(name, answer.json());
    }
}

#[tokio::test]
async fn shapes_of_events() {
    let mut desk = Desk::new();
    let front = device(5);
    desk.record(event(1_000, front));
    let nobody = Event { person: None, reason: Some(EventReason::UnmanagedSlot), ..event(2_000, front) };
    desk.record(nobody);
    let bolt = Event {
        kind: EventType::Locked,
        person: None,
        action: Some(Action::Lock),
        method: Some(Method::Remote),
        slot: None,
        allowed: None,
        actor: Some("uid 1000".into()),
        ..event(3_000, device(6))
    };
    desk.record(bolt);
    let page = desk.exchange(("GET", "/api/events?limit=3", ""), [names(front)]).await;
    kept("events", page.json());
    let page = desk.exchange(("GET", "/api/events?limit=1", ""), [names(front)]).await;
    kept("events_with_more", page.json());
}

#[tokio::test]
async fn shapes_of_problem_documents() {
    let mut documents = Vec::new();
    for refusal in [Refusal::DuplicateCode, Refusal::StoreUnavailable("disk full".into()), Refusal::UnknownDevice("x".into())] {
        let request = ("POST", "/api/people", r#"{"first_name":"A"}"#);
        let answer = Desk::new().exchange(request, [on_any_intent(Err(refusal))]).await;
        documents.push(answer.json());
    }
    for (method, path, body) in
        [("PUT", "/api/people", ""), ("GET", "/api/nothing", ""), ("GET", "/api/devices/%ff", ""), ("POST", "/api/people", "{")]
    {
        documents.push(Desk::new().send(method, path, body).await.json());
    }
    kept("problems", documents);
}
