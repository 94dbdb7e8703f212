//! A lock with User Credential and the keypad of an alarm panel, in `latchkey simulate`, judged by Z-Wave JS:
//! `credentials.mjs` is the host, and this test stands at the door.

use crate::harness::{Simulator, node, seconds, until};

#[test]
fn z_wave_js_manages_the_users_of_a_lock_and_hears_the_keypad_of_a_panel() {
    let keys = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/keys.json")).unwrap();
    let keys: std::collections::BTreeMap<String, String> = serde_json::from_str(&keys).unwrap();
    let keys: String = keys.iter().map(|(name, key)| format!("{name} = \"{key}\"\n")).collect();
    let nodes = "[[node]]\nid = 2\nmodel = \"credential_lock\"\n[[node]]\nid = 3\nmodel = \"keypad\"\n";
    let home = Simulator::of(&format!("[keys]\n{keys}{nodes}"));

    let endpoint = format!("127.0.0.1:{}", home.port());
    let args = [&endpoint, "--keys", "keys.json", "--lock", "2", "--keypad", "3"];
    let mut host = node("../interop/credentials.mjs", &args);
    until("the host is done with its part", seconds(180), || {
        (host.stderr().contains("at the door") || !host.is_running()).then_some(())
    });

    assert_eq!(home.control("type 2 0000")["typed"], "wrong", "{}", host.stdout());
    let typed = home.control("type 2 2468");
    assert_eq!(
        (&typed["typed"], &typed["user"]),
        (&"opened".into(), &3.into()),
        "the PIN that the host wrote: {}",
        host.stdout()
    );
    for edit in ["setcode 2 5 1357", "setcode 2 5 7531", "delcode 2 5"] {
        home.control(edit);
    }
    for press in ["press 3 disarm 4711", "press 3 none 99", "press 3 fire"] {
        home.control(press);
    }

    let status = host.wait(seconds(120));
    assert!(status.success(), "{}\n{}", host.stdout(), host.stderr());
}
