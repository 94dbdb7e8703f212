//! The MQTT client against a broker that nobody here wrote: `mosquitto`, with `mosquitto_sub` as the witness.
//!
//! Needs `mosquitto`, `mosquitto-clients` and `openssl`, and fails without them. Every broker gets a free port and a
//! directory of its own; nothing waits but for something to happen.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has said what is wrong"
)]
#![expect(clippy::disallowed_methods, reason = "a real broker lives in real time")]

mod mqtt {
    pub mod mosquitto;
    pub mod tls;
}

use std::time::Duration;

use latchkey::domain::entropy::Entropy;
use latchkey::domain::event::{Action, Event, EventType, Method, PublishNames};
use latchkey::domain::ids::{DeviceId, EventId, Slug};
use latchkey::domain::time::{Instant, Timestamp};
use latchkey::mqtt::client::{self, FromBroker, Publisher, Settings, ToBroker};
use latchkey::mqtt::outbox::Outbox;
use latchkey::mqtt::topic::{Command, Ignored, Inbound, Message, Topics};
use mqtt::mosquitto::{Mosquitto, Witness};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

/// Far above anything that works; a broken link alone takes up to 10 s to notice.
const PATIENCE: Duration = Duration::from_secs(30);

fn topics() -> Topics {
    Topics::new("latchkey", "homeassistant").unwrap()
}

fn settings(url: String) -> Settings {
    Settings {
        url,
        client_id: "latchkey-test".into(),
        state_topic: topics().bridge_state(),
        subscriptions: topics().subscriptions(),
        ..Settings::default()
    }
}

/// The bridge's part: an outbox, and a client to empty it into.
struct Hub {
    outbox: Outbox,
    publisher: Publisher,
    inbox: Receiver<FromBroker>,
}

impl Hub {
    fn start(settings: &Settings) -> Self {
        let (publisher, inbox) = client::spawn(settings.read().unwrap(), Entropy::from_number(1));
        Self { outbox: Outbox::new(Vec::new()), publisher, inbox }
    }

    async fn next(&mut self) -> FromBroker {
        timeout(PATIENCE, self.inbox.recv()).await.expect("nothing came from the client").expect("the client ended")
    }

    async fn connected(&mut self) {
        loop {
            match self.next().await {
                FromBroker::Connected => return,
                FromBroker::Disconnected { .. } => {}
                other => panic!("{other:?} before the connection"),
            }
        }
    }

    async fn disconnected(&mut self) -> String {
        loop {
            if let FromBroker::Disconnected { why } = self.next().await {
                return why;
            }
        }
    }

    fn queue(&mut self, events: &[Event]) {
        for event in events {
            assert_eq!(self.outbox.push(event.clone(), Instant::ZERO), [], "the outbox is full");
        }
    }

    fn offer(&mut self) {
        let Some(event) = self.outbox.offer().map(|waiting| waiting.event.clone()) else { return };
        let zone = jiff::tz::TimeZone::UTC;
        let message = topics().event(&event, &front_door(), &zone, PublishNames::Name, false);
        self.publisher.publish(ToBroker::Event { id: event.id, message });
    }

    /// Offers one event after the other until `left` remain.
    async fn pump_until(&mut self, left: usize) {
        while self.outbox.waiting() > left {
            self.offer();
            match self.next().await {
                FromBroker::Acked(id) => assert_eq!(self.outbox.acked(id), Some(id)),
                other => panic!("{other:?} instead of an acknowledgement"),
            }
        }
    }

    fn retained(&self, topic: &str, payload: &str) {
        self.publisher.publish(ToBroker::Retained(Message { topic: topic.into(), payload: payload.into() }));
    }
}

fn front_door() -> Slug {
    "front_door".parse().unwrap()
}

fn events(count: i64) -> Vec<Event> {
    let mut entropy = Entropy::from_number(2);
    let device = DeviceId::new(&mut entropy);
    let event = |n| Event {
        id: EventId::new(Timestamp::from_millis(n), &mut entropy),
        kind: EventType::CodeUsed,
        device,
        person: None,
        action: Some(Action::Unlock),
        method: Some(Method::Keypad),
        slot: Some(3),
        allowed: Some(true),
        reason: None,
        actor: None,
        at: Timestamp::from_millis(n),
    };
    (1..=count).map(event).collect()
}

/// The event ids a witness saw on the front door, in order, until it saw `last`.
fn seen_until(witness: &Witness, last: EventId) -> Vec<String> {
    let mut seen = Vec::new();
    while seen.last() != Some(&last.to_string()) {
        let message = witness.wait_for("latchkey/device/front_door/event");
        assert!(!message.retained, "an event must never be retained");
        assert_eq!(message.qos, 1);
        let event: serde_json::Value = serde_json::from_str(&message.payload).unwrap();
        seen.push(event["event_id"].as_str().unwrap().to_owned());
    }
    seen
}

fn ids(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.id.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_reach_a_subscriber_in_order_and_state_stays_on_the_broker() {
    let broker = Mosquitto::start();
    let witness = broker.witness();
    let mut hub = Hub::start(&settings(broker.url()));
    hub.connected().await;
    hub.outbox.connected();
    let events = events(25);
    hub.queue(&events);
    hub.retained("latchkey/device/front_door/state", "{}");
    hub.pump_until(0).await;
    assert_eq!(seen_until(&witness, events[24].id), ids(&events));

    for (topic, payload) in [("latchkey/device/front_door/state", "{}"), ("latchkey/bridge/state", "online")] {
        let seen = broker.witness().wait_for(topic);
        assert!(seen.retained);
        assert_eq!(seen.payload, payload);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_dies_with_an_event_in_its_hands_costs_no_event() {
    let mut broker = Mosquitto::start();
    let witness = broker.witness();
    let mut hub = Hub::start(&settings(broker.url()));
    hub.connected().await;
    hub.outbox.connected();
    let events = events(20);
    hub.queue(&events);
    hub.pump_until(15).await;
    assert_eq!(seen_until(&witness, events[4].id), ids(&events[..5]));

    broker.freeze();
    hub.offer();
    broker.kill();
    let next = hub.next().await;
    assert!(matches!(next, FromBroker::Disconnected { .. }), "{next:?}: nobody had the event yet");
    hub.outbox.disconnected();
    broker.restart();
    hub.connected().await;
    let witness = broker.witness();
    hub.outbox.connected();
    hub.pump_until(0).await;
    assert_eq!(seen_until(&witness, events[19].id), ids(&events[5..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_dead_but_open_is_noticed_within_ten_seconds() {
    let broker = Mosquitto::start();
    let mut hub = Hub::start(&settings(broker.url()));
    hub.connected().await;
    broker.freeze();
    let why = timeout(Duration::from_secs(14), hub.disconnected()).await.expect("two pings were 10 s ago");
    assert_eq!(why, "the broker stopped answering");
    broker.thaw();
    hub.connected().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_vanishes_or_leaves_is_offline_for_everybody() {
    let broker = Mosquitto::start();
    let witness = broker.witness();
    let mut hub = Hub::start(&settings(broker.url()));
    hub.connected().await;
    assert_eq!(witness.wait_for("latchkey/bridge/state").payload, "online");
    drop(hub);
    assert_eq!(witness.wait_for("latchkey/bridge/state").payload, "offline", "the last will");

    let mut hub = Hub::start(&settings(broker.url()));
    hub.connected().await;
    assert_eq!(witness.wait_for("latchkey/bridge/state").payload, "online");
    hub.publisher.stop().await;
    assert_eq!(witness.wait_for("latchkey/bridge/state").payload, "offline", "the goodbye");
    assert!(hub.inbox.recv().await.is_none(), "the client is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_login_names_the_keys_and_not_the_password() {
    let broker = Mosquitto::start_with_password("hub", "right-secret");
    let anonymous = Hub::start(&settings(broker.url())).disconnected().await;
    assert_eq!(anonymous, "the broker wants a login; set mqtt.username and mqtt.password_file");

    let password_file = broker.dir().join("hub.password");
    std::fs::write(&password_file, "planted-wrong-secret\n").unwrap();
    let login = Settings { username: Some("hub".into()), password_file: Some(password_file.clone()), ..settings(broker.url()) };
    let refused = Hub::start(&login).disconnected().await;
    assert_eq!(refused, "the broker refused the login; check mqtt.username and mqtt.password_file");

    std::fs::write(&password_file, "right-secret\n").unwrap();
    Hub::start(&login).connected().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_starts_later_is_found_and_its_absence_told_once() {
    let mut broker = Mosquitto::start();
    broker.kill();
    let mut hub = Hub::start(&settings(broker.url()));
    let why = hub.disconnected().await;
    assert!(why.starts_with("nothing listens at mqtt://127.0.0.1:"), "{why}");
    broker.restart();
    assert_eq!(hub.next().await, FromBroker::Connected, "no second complaint");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_left_on_the_broker_is_told_from_a_live_one() {
    let broker = Mosquitto::start();
    let topic = "latchkey/device/front_door/set";
    broker.publish(topic, "UNLOCK", true);
    let mut hub = Hub::start(&settings(broker.url()));
    hub.connected().await;
    let FromBroker::Inbound { topic: from, payload, retained } = hub.next().await else { panic!("no message") };
    assert_eq!(topics().parse_inbound(&from, retained, &payload), Inbound::Ignored(Ignored::Retained));
    broker.publish(topic, "LOCK", false);
    let FromBroker::Inbound { topic: from, payload, retained } = hub.next().await else { panic!("no message") };
    let command = Inbound::Command { device: front_door(), command: Command::Lock };
    assert_eq!(topics().parse_inbound(&from, retained, &payload), command);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_huge_message_is_dropped_and_the_connection_stays() {
    let broker = Mosquitto::start();
    let mut hub = Hub::start(&settings(broker.url()));
    hub.connected().await;
    let topic = "latchkey/device/front_door/set";
    broker.publish(topic, &"x".repeat(100_000), false);
    broker.publish(topic, "LOCK", false);
    let expected = FromBroker::Inbound { topic: topic.into(), payload: b"LOCK".to_vec(), retained: false };
    assert_eq!(hub.next().await, expected);
}

/// A broker by hand: it keeps a message of two megabytes for whoever subscribes, and acknowledges events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_giant_kept_by_the_broker_costs_the_commands_and_not_the_events() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut hub = Hub::start(&settings(format!("mqtt://{}", listener.local_addr().unwrap())));
    let broker = tokio::spawn(async move {
        let mut subscribed = 0;
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            client.write_all(&[0x20, 2, 0, 0]).await.unwrap();
            while let Some((kind, body)) = packet(&mut client).await {
                match kind >> 4 {
                    8 => {
                        subscribed += 1;
                        client.write_all(&[0x90, 4, body[0], body[1], 1, 1]).await.unwrap();
                        client.write_all(&[0x31, 0x80, 0x89, 0x7a]).await.unwrap();
                    }
                    // An event: QoS 1.
                    3 if kind & 0x06 == 0x02 => {
                        let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                        client.write_all(&[0x40, 2, body[topic + 2], body[topic + 3]]).await.unwrap();
                        assert_eq!(subscribed, 1, "the message of two megabytes was asked for again");
                    }
                    _ => {}
                }
            }
        }
    });
    let why = loop {
        if let FromBroker::Commands(commands) = hub.next().await {
            break commands.unwrap_err();
        }
    };
    assert!(why.contains("2000000 bytes") && why.contains("latchkey/device/+/set"), "{why}");
    loop {
        match hub.next().await {
            FromBroker::Connected => break,
            FromBroker::Disconnected { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    hub.outbox.connected();
    hub.queue(&events(3));
    hub.pump_until(0).await;
    broker.abort();
}

/// The next packet from a client: its first byte, and what follows its length.
async fn packet(client: &mut tokio::net::TcpStream) -> Option<(u8, Vec<u8>)> {
    let kind = client.read_u8().await.ok()?;
    let (mut length, mut shift) = (0, 0);
    loop {
        let byte = client.read_u8().await.ok()?;
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    client.read_exact(&mut body).await.ok()?;
    Some((kind, body))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_commands_never_crowds_out_an_acknowledgement() {
    let broker = Mosquitto::start();
    let witness = broker.witness();
    let mut hub = Hub::start(&settings(broker.url()));
    hub.connected().await;
    hub.outbox.connected();
    // The bridge is busy: nobody reads the inbox.
    broker.publish_lines("latchkey/device/front_door/set", 1000);
    let event = events(1).remove(0);
    hub.queue(std::slice::from_ref(&event));
    hub.offer();
    seen_until(&witness, event.id);
    let mut commands = 0;
    loop {
        match hub.next().await {
            FromBroker::Inbound { .. } => commands += 1,
            FromBroker::Acked(id) => break assert_eq!(id, event.id),
            other => panic!("{other:?}"),
        }
    }
    assert!((1..1000).contains(&commands), "{commands} of 1000 commands were kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_over_tls_is_checked_and_its_faults_name_the_remedy() {
    let pki = mqtt::tls::Pki::new();
    let broker = Mosquitto::start_with_tls(&pki);
    let good = Settings {
        ca_file: Some(pki.path("ca.pem")),
        client_cert_file: Some(pki.path("client.pem")),
        client_key_file: Some(pki.path("client.key")),
        ..settings(format!("mqtts://localhost:{}", broker.port()))
    };
    assert_eq!(good.read().unwrap().remote_unlock(), Ok(()));
    let mut hub = Hub::start(&good);
    hub.connected().await;
    hub.publisher.stop().await;

    let stranger = Settings { ca_file: Some(pki.path("other_ca.pem")), ..good.clone() };
    let why = Hub::start(&stranger).disconnected().await;
    assert!(why.contains("set mqtt.ca_file"), "{why}");

    let other_name = Settings { url: format!("mqtts://127.0.0.1:{}", broker.port()), ..good.clone() };
    let why = Hub::start(&other_name).disconnected().await;
    assert!(why.contains("is not for 127.0.0.1"), "{why}");

    let mut no_certificate = Hub::start(&Settings { client_cert_file: None, client_key_file: None, ..good });
    let why = no_certificate.disconnected().await;
    assert!(why.contains("mqtt.client_cert_file"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_speaks_nonsense_costs_only_its_connection() {
    let nonsense = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice(),
        // A CONNACK, then: the acknowledgement of a packet that was never sent; a topic that is no UTF-8; a CONNECT,
        // which only clients send, with a length that never ends.
        &[0x20, 2, 0, 0, 0x40, 2, 0xFF, 0xFF],
        &[0x20, 2, 0, 0, 0x30, 4, 0, 2, 0xFF, 0xFE],
        &[0x20, 2, 0, 0, 0x10, 0xFF, 0xFF, 0xFF, 0xFF],
    ];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _hub = Hub::start(&settings(format!("mqtt://{}", listener.local_addr().unwrap())));
    for bytes in nonsense {
        let (mut client, _) = timeout(PATIENCE, listener.accept()).await.expect("the client gave up").unwrap();
        client.write_all(bytes).await.unwrap();
        // The client is the one to hang up.
        timeout(PATIENCE, tokio::io::copy(&mut client, &mut tokio::io::sink())).await.expect("the client stays").ok();
    }
    timeout(PATIENCE, listener.accept()).await.expect("the client gave up").unwrap();
}

#[cfg(feature = "embedded-broker")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_broker_of_the_demo_carries_events_and_keeps_state() {
    let port = latchkey::mqtt::broker::start().await.unwrap();
    let witness = Witness::of(port);
    let mut hub = Hub::start(&settings(format!("mqtt://127.0.0.1:{port}")));
    hub.connected().await;
    assert_eq!(witness.wait_for("latchkey/bridge/state").payload, "online");
    hub.outbox.connected();
    let events = events(200);
    hub.queue(&events);
    hub.pump_until(0).await;
    assert_eq!(seen_until(&witness, events[199].id), ids(&events));
    let latecomer = Witness::of(port);
    assert_eq!(latecomer.wait_for("latchkey/bridge/state").payload, "online");
}
