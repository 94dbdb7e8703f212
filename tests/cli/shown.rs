//! What people read: the kept shapes of `tests/data/views`, as the command line prints them.
//!
//! To keep another text on purpose: `LATCHKEY_KEEP_SHAPES=1 cargo test --test cli shown`, and look at the difference.

use latchkey::domain::event::{Action, EventReason, Method, PersonAtEvent};

use super::*;

/// A daemon that shows these.
fn daemon(name: &'static str) -> Daemon {
    Daemon::answering(Box::new(move |ask| match ask {
        Ask::Intent(_, reply) => {
            let generated = Some(Pin::parse("482913").unwrap());
            reply.send(Ok(Accepted { generated, ..Accepted::default() })).unwrap();
        }
        Ask::People(_, reply) => reply.send(Ok(view("people"))).unwrap(),
        Ask::Person(_, reply) => reply.send(Ok(Some(view(name)))).unwrap(),
        Ask::Devices(_, reply) => reply.send(Ok(view("devices"))).unwrap(),
        Ask::Device(_, reply) => reply.send(Ok(Some(view(name)))).unwrap(),
        Ask::Status(_, reply) => reply.send(Ok(view(name))).unwrap(),
        Ask::Network(_, reply) => reply.send(Ok(view(name))).unwrap(),
        Ask::Interview(_, reply) => reply.send(Ok(view("interview"))).unwrap(),
        Ask::Expected(_, reply) => reply.send(Ok(view(name))).unwrap(),
        Ask::Unexpect(_, reply) => reply.send(Ok(Some(view(name)))).unwrap(),
        ask => panic!("{ask:?}"),
    }))
}

/// Compares what a command prints with the kept text.
#[track_caller]
fn prints(name: &str, said: &Said) {
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{name}");
    // The size of the test's own database.
    let shown: Vec<&str> =
        said.out.lines().map(|line| if line.starts_with("store.bytes ") { "store.bytes 7" } else { line }).collect();
    let shown = shown.join("\n") + "\n";
    let path = format!("{}/tests/data/views/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("LATCHKEY_KEEP_SHAPES").is_some() {
        std::fs::write(&path, &shown).unwrap();
    }
    assert_eq!(shown, std::fs::read_to_string(&path).unwrap(), "{name}: printed is left, kept is right");
}

const ADA: &str = "0b0e5f4c-5f0e-4f7c-9b62-3f1f0d9c2a11";

#[test]
fn each_list_and_each_page_reads_as_it_did() {
    for (name, shows, arguments) in [
        ("people_list", "people", &["people", "list"][..]),
        ("people_show", "person", &["people", "show", ADA]),
        ("devices_list", "devices", &["devices", "list"]),
        ("devices_show", "device", &["devices", "show", "lock_2"]),
        ("status", "status_of_the_bridge", &["status"]),
        ("status_without_controller", "status_without_controller", &["status"]),
        ("status_starting", "status_starting", &["status"]),
        ("status_without_broker", "status_without_broker", &["status"]),
        ("status_without_store", "status_without_store_of_the_bridge", &["status"]),
        ("network_status", "network", &["network", "status"]),
        ("network_status_without_controller", "network_without_controller", &["network", "status"]),
        ("network_status_starting", "network_starting", &["network", "status"]),
        ("smartstart_list_failed", "expected_failed", &["network", "smartstart", "list"]),
        ("smartstart_list_included", "expected_included", &["network", "smartstart", "list"]),
        ("smartstart_remove", "expected", &["network", "smartstart", "remove", ADA]),
        ("interview_begun", "interview", &["network", "interview", "2", "--no-wait"]),
        ("interview_done", "network", &["network", "interview", "2"]),
    ] {
        prints(name, &daemon(shows).cli(arguments, ""));
    }
}

#[test]
fn json_is_printed_as_the_daemon_gave_it() {
    for (shows, arguments) in [
        ("people", &["people", "list", "--json"][..]),
        ("person", &["people", "show", ADA, "--json"]),
        ("devices", &["devices", "list", "--json"]),
        ("device", &["devices", "show", "lock_2", "--json"]),
        ("network", &["network", "status", "--json"]),
        ("expected_included", &["network", "smartstart", "list", "--json"]),
        ("interview", &["network", "interview", "2", "--no-wait", "--json"]),
    ] {
        let said = daemon(shows).cli(arguments, "");
        assert_eq!((said.code, said.out), (0, format!("{:#}\n", view::<Value>(shows))), "{shows}");
    }
}

#[test]
fn a_change_that_was_taken_reads_as_it_did() {
    prints("people_add", &daemon("grant").cli(&["people", "add", "--first", "Ada", "--generate"], ""));
    prints("people_add_json", &daemon("grant").cli(&["people", "add", "--first", "Ada", "--generate", "--json"], ""));
}

#[test]
fn the_journal_reads_as_it_did() {
    let mut daemon = Daemon::answering(Box::new(|ask| match ask {
        Ask::DeviceNames(_, reply) => reply.send(Ok(BTreeMap::new())).unwrap(),
        ask => panic!("{ask:?}"),
    }));
    let first = daemon.happens(1_000);
    let ada = Some(PersonAtEvent { id: person(1), name: "Ada Lovelace".into() });
    let used = Event {
        id: EventId::new(Timestamp::from_millis(2_000), &mut Entropy::from_number(2)),
        kind: EventType::CodeUsed,
        person: ada,
        action: Some(Action::Unlock),
        method: Some(Method::Keypad),
        slot: Some(3),
        allowed: Some(true),
        at: Timestamp::from_millis(2_000),
        ..first.clone()
    };
    let denied = Event {
        id: EventId::new(Timestamp::from_millis(3_000), &mut Entropy::from_number(3)),
        kind: EventType::CodeDenied,
        person: None,
        action: None,
        method: Some(Method::Keypad),
        allowed: Some(false),
        reason: Some(EventReason::WrongCode),
        at: Timestamp::from_millis(3_000),
        ..first.clone()
    };
    let moved = Event {
        id: EventId::new(Timestamp::from_millis(4_000), &mut Entropy::from_number(4)),
        action: Some(Action::Lock),
        method: Some(Method::Remote),
        actor: Some("uid 1000".into()),
        at: Timestamp::from_millis(4_000),
        ..first
    };
    for event in [used, denied, moved] {
        daemon.store.apply(&Batch { writes: vec![Write::Event(event)] }).unwrap();
    }
    prints("events", &daemon.cli(&["events"], ""));
    prints("events_json", &daemon.cli(&["events", "--json"], ""));
}
