//! The simulator's lock with User Credential and its keypad, judged by Z-Wave JS: `credentials.mjs` is the host of a stick
//! on a TCP port, and this test stands at the door.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::thread;

use latchkey::command::entry_control::EventType;
use latchkey::domain::entropy::Entropy;
use latchkey::domain::ids::NodeId;
use latchkey::run::sim_port::{self, SharedWorld};
use latchkey::security::crypto::Key;
use latchkey::security::keys::NetworkKeys;
use latchkey::sim::model::Model;
use latchkey::sim::node::Typed;
use latchkey::sim::{Blueprint, World};

use crate::harness::{node, seconds, until};

const LOCK: NodeId = NodeId(2);
const KEYPAD: NodeId = NodeId(3);

/// The lab's keys, as its scripts read them.
fn lab_keys() -> NetworkKeys {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/keys.json")).unwrap();
    let keys: BTreeMap<String, String> = serde_json::from_str(&text).unwrap();
    NetworkKeys::from_fn(|id| {
        let Some(hex) = keys.get(id.name()) else { return Key::from_bytes([0; 16]) };
        let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
        Key::from_bytes(std::array::from_fn(byte))
    })
}

/// Serves a world on a port of its own, in real time, to one host after the other.
fn serve(blueprint: &Blueprint) -> (SharedWorld, u16) {
    let world = SharedWorld::new(World::new(blueprint, &Entropy::from_number(7)));
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = world.clone();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((host, _)) = listener.accept().await {
                host.set_nodelay(true).unwrap();
                let _ = sim_port::serve(host, &served).await;
            }
        });
    });
    (world, port)
}

#[test]
fn z_wave_js_manages_the_users_of_a_lock_and_hears_the_keypad_of_a_panel() {
    let nodes = BTreeMap::from([(LOCK, Model::credential_lock()), (KEYPAD, Model::keypad())]);
    let (world, port) = serve(&Blueprint { nodes, keys: Some(lab_keys()), ..Blueprint::two_locks() });

    let endpoint = format!("127.0.0.1:{port}");
    let args = [&endpoint, "--keys", "keys.json", "--lock", "2", "--keypad", "3"];
    let mut host = node("../interop/credentials.mjs", &args);
    until("the host is done with its part", seconds(180), || {
        (host.stderr().contains("at the door") || !host.is_running()).then_some(())
    });

    let typed = |pin: &[u8]| world.visit(|world, now| world.keypad(LOCK, pin, now));
    assert_eq!(typed(b"0000"), Some(Typed::Wrong), "{}", host.stdout());
    assert_eq!(typed(b"2468"), Some(Typed::Opened(3)), "the PIN that the host wrote: {}", host.stdout());
    for pin in [Some(&b"1357"[..]), Some(b"7531"), None] {
        world.visit(|world, now| world.visit(LOCK, |lock| lock.program(5, pin, now)));
    }
    world.visit(|world, now| {
        world.visit(KEYPAD, |keypad| {
            keypad.press(EventType::DISARM_ALL, b"4711", now);
            keypad.type_keys(b"99", now);
            keypad.press(EventType::FIRE, b"", now);
        })
    });

    let status = host.wait(seconds(120));
    assert!(status.success(), "{}\n{}", host.stdout(), host.stderr());
}
