//! `latchkey demo`, as a newcomer starts it.

use std::process::Command;

#[test]
fn the_demo_tells_its_story_and_leaves_nothing_behind() {
    let place = tempfile::tempdir().expect("a directory");
    let mut demo = Command::new(env!("CARGO_BIN_EXE_latchkey"));
    let output = demo.args(["demo", "--speed", "20"]).env("TMPDIR", place.path()).output().expect("it starts");
    let (told, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{complaint}\n{told}");
    for line in [
        "garage      Ada Lovelace: active",
        "front_door  Grace Hopper: active",
        "it opens",
        r#""event_type":"code_used""#,
        r#""name":"Ada Lovelace""#,
        r#""reason":"wrong_code""#,
        "knows the keypad, which holds no codes, at node 5, included with security: s2_access_control",
        "keypad      Ada Lovelace types",
        "front_door  Ada Lovelace: removed",
    ] {
        assert!(told.contains(line), "{line} is missing:\n{told}");
    }
    assert_eq!(complaint, "");
    assert_eq!(place.path().read_dir().expect("it is there").count(), 0, "files were left behind");
}

#[test]
fn an_impossible_speed_is_a_usage_error() {
    for speed in ["0", "-1", "nan", "fast"] {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_latchkey"));
        let output = demo.args(["demo", &format!("--speed={speed}")]).output().expect("it starts");
        assert_eq!(output.status.code(), Some(2), "--speed={speed}");
    }
}
