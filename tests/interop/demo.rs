//! The README's first command.

use crate::harness::latchkey;

#[test]
fn the_demo_shows_a_code_going_active_and_somebody_coming_home() {
    let demo = latchkey(&["demo", "--speed", "5"], "");
    assert_eq!(demo.code, 0, "{demo:?}");
    for moment in [
        "active, confirmed by",
        "\"event_type\":\"code_used\"",
        "\"name\":\"Ada Lovelace\"",
        "removed: the code is out of the lock",
    ] {
        assert!(demo.stdout.contains(moment), "{moment}: {demo:?}");
    }
}

/// Two demos at once need different ports and folders.
#[test]
fn a_second_demo_does_not_meet_the_first() {
    let runs = [1, 2].map(|_| std::thread::spawn(|| latchkey(&["demo", "--speed", "10"], "")));
    for run in runs {
        let demo = run.join().unwrap();
        assert_eq!(demo.code, 0, "{demo:?}");
    }
}
