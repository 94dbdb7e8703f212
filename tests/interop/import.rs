//! A network that Z-Wave JS looked after, read from the files it wrote a moment ago: the format is the real one, of the
//! version that `tests/lab/package.json` pins.

use std::fs;
use std::path::Path;

use latchkey::cli::import::read;
use latchkey::domain::node::{InterviewStage, SecurityClass};
use latchkey::domain::slot::Content;
use latchkey::security::keys::KeyId;

use crate::harness::{Mock, host_interviews, latchkey};

const LOCKS: &str = "2:s2:uc2:3,3:s0:uc1:3,4:none:uc1:2";
const KEYS: &str = include_str!("../lab/keys.json");

#[test]
fn a_network_of_zwave_js_is_read_from_what_it_wrote() {
    let mock = Mock::start(LOCKS);
    mock.plant(2, &[(3, "472913")]);
    mock.plant(3, &[(1, "8305"), (2, "61936193")]);
    let store = tempfile::tempdir().unwrap();
    host_interviews(mock.port, store.path());
    let settings = format!("{{\"zwave\": {{\"securityKeys\": {KEYS}}}}}");
    fs::write(store.path().join("settings.json"), settings).unwrap();

    let imported = read(store.path()).unwrap();
    assert_eq!(imported.home.0, 0x7e57_0001);
    let names: Vec<_> = imported.keys.ids().map(KeyId::name).collect();
    assert_eq!(names, ["S0_Legacy", "S2_Unauthenticated", "S2_Authenticated", "S2_AccessControl"]);
    let granted: Vec<_> = imported.locks.iter().map(|lock| (lock.node.id.0, lock.node.security)).collect();
    assert_eq!(granted, [(2, SecurityClass::S2AccessControl), (3, SecurityClass::S0), (4, SecurityClass::None)]);
    for lock in &imported.locks {
        assert_eq!(lock.node.stage, InterviewStage::Identity, "{lock:?}");
        let users = lock.node.user_code.as_ref().unwrap().users;
        assert_eq!(lock.slots.len(), usize::from(users), "every slot was looked at: {lock:?}");
        // What Z-Wave JS saw is what the lock holds.
        let held = mock.codes(lock.node.id.0);
        for (index, slot) in &lock.slots {
            match &slot.content {
                Content::Known(code) => assert_eq!(held[index].as_bytes(), code.reveal()),
                content => assert!(*content == Content::Empty && !held.contains_key(index), "slot {index}: {content:?}"),
            }
        }
    }
    assert!(imported.left_out.iter().any(|it| it.contains("Node 4") && it.contains("in clear")), "{:?}", imported.left_out);
    assert!(imported.others.is_empty(), "{:?}", imported.others);

    shows_no_secret(store.path());
}

/// The command line says the same, and neither a code nor a key.
fn shows_no_secret(store: &Path) {
    for json in [&[][..], &["--json"]] {
        let shown = latchkey(&[&["network", "import-zwave-js", store.to_str().unwrap(), "--dry-run"][..], json].concat(), "");
        assert_eq!(shown.code, 0, "{shown:?}");
        assert!(shown.stdout.contains("s2_access_control") && shown.stdout.contains("S0_Legacy"), "{shown:?}");
        for secret in ["472913", "8305", "61936193", "3333333333", "0102030405"] {
            assert!(!shown.stdout.contains(secret) && !shown.stderr.contains(secret), "{shown:?}");
        }
    }
}
