use serde_json::{Value, json};

use super::*;
use crate::domain::entropy::Entropy;

const NOW: Instant = Instant::from_millis(1_000);

struct Hands {
    world: World,
    control: Control,
}

impl Hands {
    fn new() -> Self {
        let text = "[[node]]\nid = 2\nmodel = \"plain_lock\"\n[[device]]\nname = \"shed\"\nmodel = \"s2_lock\"\n\
                    [[device]]\nname = \"gate\"\nmodel = \"s2_lock\"\nstart = \"smart_start\"\npowered = true";
        let blueprint = Blueprint::parse("w", text).expect("it is right");
        let mut world = World::new(&blueprint, &Entropy::from_number(1));
        let control = Control::begin(&blueprint, &mut world, NOW);
        Self { world, control }
    }

    fn try_to(&mut self, line: &str) -> Result<Answer, Refused> {
        match Command::parse(line)? {
            Command::World(deed) => self.control.carry_out(deed, &mut self.world, NOW),
            other => panic!("{other:?}"),
        }
    }

    fn order(&mut self, line: &str) -> Value {
        let answer = self.try_to(line).unwrap_or_else(|refused| panic!("{line}: {refused}"));
        serde_json::to_value(answer).unwrap()
    }

    fn refused(&mut self, line: &str) -> String {
        self.try_to(line).expect_err(line).to_string()
    }
}

#[test]
fn a_code_that_is_set_at_the_lock_opens_it_and_one_that_is_deleted_does_not() {
    let mut hands = Hands::new();
    hands.order("setcode 2 7 4711");
    assert_eq!(hands.order("type 2 4711"), json!({ "typed": "opened", "user": 7 }));
    let dump = hands.order("dump");
    assert_eq!((&dump["2"]["codes"]["7"], &dump["2"]["door"]), (&json!({ "status": 1, "code": "4711" }), &json!(0)));
    hands.order("turn 2 lock");
    assert_eq!(hands.order("dump")["2"]["door"], 255);
    hands.order("delcode 2 7 quiet");
    assert_eq!(hands.order("type 2 4711"), json!({ "typed": "wrong" }));
    for _ in 0..4 {
        hands.order("type 2 4711");
    }
    assert_eq!(hands.order("type 2 4711"), json!({ "typed": "keypad dead" }));
}

#[test]
fn a_jammed_bolt_stays_where_it_is() {
    let mut hands = Hands::new();
    hands.order("jam 2 on");
    hands.order("setcode 2 7 4711");
    assert_eq!(hands.order("type 2 4711"), json!({ "typed": "jammed", "user": 7 }));
    hands.order("lock 2 1");
    assert_eq!(hands.order("dump")["2"]["door"], 0);
    hands.order("jam 2 off");
    hands.order("lock 2 1");
    assert_eq!(hands.order("dump")["2"]["door"], 255);
}

#[test]
fn faults_go_on_and_off() {
    let mut hands = Hands::new();
    for (line, fault) in [("drop 2 on", "drop"), ("mute 2 on", "mute")] {
        hands.order(line);
        assert_eq!(hands.order("dump")["2"]["faults"][fault], true, "{line}");
        hands.order(&line.replace("on", "off"));
        assert_eq!(hands.order("dump")["2"]["faults"][fault], false, "{line}");
    }
    hands.order("quirk 2 masks_codes on");
    hands.order("fail 2 on");
    hands.order("dup 2 off");
    assert_eq!(hands.order("dump")["2"]["quirks"], json!(["masks_codes", "refuses_writes", "no_supervision"]));
}

#[test]
fn a_device_that_joins_shows_its_label_and_a_reset_takes_a_node_out() {
    let mut hands = Hands::new();
    let label = hands.order("join shed");
    let (dsk, pin) = (label["dsk"].as_str().unwrap_or_default(), label["pin"].as_str().unwrap_or_default());
    assert!(dsk.starts_with(pin) && pin.len() == 5 && dsk.len() == 47, "{label}");
    assert_eq!(hands.order("join shed"), label, "the button is pressed again");
    assert_eq!(hands.order("dump")["devices"], json!({ "gate": "outside", "shed": "outside" }));
    assert!(hands.refused("join barn").contains("there are gate, shed"));

    hands.order("setcode 2 1 4711 quiet");
    hands.order("reset 2");
    // It says so first, and then forgets.
    for seconds in 1..5 {
        hands.world.handle_timeout(NOW + Duration::from_secs(seconds));
    }
    assert!(hands.refused("type 2 4711").contains("no node 2"));
}

#[test]
fn an_invalid_line_is_answered_with_the_right_syntax() {
    let mut hands = Hands::new();
    for (line, says) in [
        ("", "send help"),
        ("open 2", "no command \"open\"; send help"),
        ("type", "N is missing; write: type N CODE"),
        ("type 2", "CODE is missing; write: type N CODE"),
        ("type 2 12", "4 to 10 digits"),
        ("type 2 4711 now", "too many words"),
        ("unlock 2 0", "USER is a number from 1"),
        ("unlock 2 31", "write 1 to 30"),
        ("unlock 9 1", "no node 9; dump"),
        ("unlock 99999999999999999999 1", "N is a number"),
        ("battery 2 101", "from 0 to 100"),
        ("drop 2 perhaps", "on or off"),
        ("quirk 2 bites on", "NAME is one of masks_codes"),
        ("enter shed 1", "five digits"),
        ("enter shed 11111-22222", "waits for no code"),
        ("advance 3", "3d"),
        ("advance 999999999999999999d", "at most 366d"),
        ("advance \u{fc}", "3d"),
        ("speed nan", "0.1 to 20"),
    ] {
        let refused = hands.refused(line);
        assert!(refused.contains(says), "{line}: {refused}");
    }
}

#[test]
fn every_command_of_the_list_is_understood() {
    for (usage, _) in COMMANDS {
        let line = usage
            .replace("[DEVICE]", "")
            .replace("[quiet]", "quiet")
            .replace("[ack]", "ack")
            .replace("on|off", "on")
            .replace("lock|unlock", "lock");
        let word = |word: &str| match word {
            "N" | "USER" | "X" | "MS" | "PERCENT" => "2".to_owned(),
            "CODE" | "[KEYS]" => "4711".to_owned(),
            "BUTTON" => "disarm".to_owned(),
            "TIME" => "3d".to_owned(),
            "DEVICE" => "shed".to_owned(),
            "NAME" => "masks_codes".to_owned(),
            other => other.to_owned(),
        };
        let line = line.split(' ').map(word).collect::<Vec<_>>().join(" ");
        Command::parse(&line).unwrap_or_else(|refused| panic!("{line}: {refused}"));
    }
}

#[test]
fn a_time_is_read_with_its_unit() {
    for (word, seconds) in [("90s", 90), ("15m", 900), ("2h", 7_200), ("3d", 259_200)] {
        match Command::parse(&format!("advance {word}")) {
            Ok(Command::Clock(Clock::Advance(time))) => assert_eq!(time.as_secs(), seconds),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_code_on_the_line_shows_in_no_debug_output() {
    let command = Command::parse("setcode 2 1 471147").expect("it is right");
    assert!(!format!("{command:?}").contains("471147"));
}
