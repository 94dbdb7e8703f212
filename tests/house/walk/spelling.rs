//! How a kept walk is spelled. A walk that was kept has to be walked again years later, whatever its steps are called here.

use serde_json::{Value, json};

use super::steps::{Forged, Odd, Step, Walk, What, Word};

/// One step of each sort, and how it is spelled.
fn spelled() -> Vec<(What, Value)> {
    vec![
        (What::Wait, json!("Wait")),
        (What::Add { on: 1 }, json!({ "Add": { "on": 1 } })),
        (What::AddTwin { of: 1, on: 2 }, json!({ "AddTwin": { "of": 1, "on": 2 } })),
        (What::NewCode { who: 1 }, json!({ "NewCode": { "who": 1 } })),
        (What::Enable { who: 1, on: true }, json!({ "Enable": { "who": 1, "on": true } })),
        (What::Remove { who: 1 }, json!({ "Remove": { "who": 1 } })),
        (What::Grant { who: 1, lock: 2 }, json!({ "Grant": { "who": 1, "lock": 2 } })),
        (What::Revoke { who: 1, lock: 2 }, json!({ "Revoke": { "who": 1, "lock": 2 } })),
        (What::Bolt { lock: 1, locked: true }, json!({ "Bolt": { "lock": 1, "locked": true } })),
        (What::Check { lock: 1 }, json!({ "Check": { "lock": 1 } })),
        (What::Publish { lock: 1, each: 2, seconds: 3 }, json!({ "Publish": { "lock": 1, "each": 2, "seconds": 3 } })),
        (What::Type { who: 1, code: 2, lock: 3 }, json!({ "Type": { "who": 1, "code": 2, "lock": 3 } })),
        (
            What::Come { who: 1, lock: 2, times: 3, each: 4, called: true },
            json!({ "Come": { "who": 1, "lock": 2, "times": 3, "each": 4, "called": true } }),
        ),
        (What::TypeForeign { lock: 1, slot: 2 }, json!({ "TypeForeign": { "lock": 1, "slot": 2 } })),
        (What::TypeWrong { lock: 1 }, json!({ "TypeWrong": { "lock": 1 } })),
        (What::Turn { lock: 1, locked: true }, json!({ "Turn": { "lock": 1, "locked": true } })),
        (What::Program { lock: 1, slot: 2 }, json!({ "Program": { "lock": 1, "slot": 2 } })),
        (What::Overwrite { lock: 1, slot: 2 }, json!({ "Overwrite": { "lock": 1, "slot": 2 } })),
        (What::Erase { lock: 1, slot: 2 }, json!({ "Erase": { "lock": 1, "slot": 2 } })),
        (What::Gone { lock: 1, on: true }, json!({ "Gone": { "lock": 1, "on": true } })),
        (What::Mute { lock: 1, on: true }, json!({ "Mute": { "lock": 1, "on": true } })),
        (What::Jam { lock: 1, both_ways: true, seconds: 2 }, json!({ "Jam": { "lock": 1, "both_ways": true, "seconds": 2 } })),
        (What::Deaf { seconds: 1 }, json!({ "Deaf": { "seconds": 1 } })),
        (
            What::Delay { lock: 1, millis: 2, reorder: 3, seconds: 4 },
            json!({ "Delay": { "lock": 1, "millis": 2, "reorder": 3, "seconds": 4 } }),
        ),
        (What::Burn { lock: 1, seconds: 2 }, json!({ "Burn": { "lock": 1, "seconds": 2 } })),
        (What::Reversed { who: 1, lock: 2, after: 3 }, json!({ "Reversed": { "who": 1, "lock": 2, "after": 3 } })),
        (What::Join { make: 1 }, json!({ "Join": { "make": 1 } })),
        (What::Batteries { lock: 1 }, json!({ "Batteries": { "lock": 1 } })),
        (What::Air { loss: 1, acks: 2, twice: 3 }, json!({ "Air": { "loss": 1, "acks": 2, "twice": 3 } })),
        (What::Noise { one_in: 1 }, json!({ "Noise": { "one_in": 1 } })),
        (What::Broker { here: true }, json!({ "Broker": { "here": true } })),
        (What::Stick { plugged: true }, json!({ "Stick": { "plugged": true } })),
        (What::Clock { seconds: -1 }, json!({ "Clock": { "seconds": -1 } })),
        (What::RightClock, json!("RightClock")),
        (What::Trust { trusted: true }, json!({ "Trust": { "trusted": true } })),
        (What::Disk { fails: true }, json!({ "Disk": { "fails": true } })),
        (What::Restart, json!("Restart")),
        (What::Cut { commits: 1, effects: Some(2) }, json!({ "Cut": { "commits": 1, "effects": 2 } })),
        (What::Copy, json!("Copy")),
        (What::BringBack, json!("BringBack")),
        (What::Mend, json!("Mend")),
        (odd(Odd::UnknownTag), json!({ "Odd": { "lock": 1, "report": "UnknownTag" } })),
        (odd(Odd::AllZero), json!({ "Odd": { "lock": 1, "report": "AllZero" } })),
        (odd(Odd::NotAvailable { slot: 2 }), json!({ "Odd": { "lock": 1, "report": { "NotAvailable": { "slot": 2 } } } })),
        (odd(Odd::Battery), json!({ "Odd": { "lock": 1, "report": "Battery" } })),
        (odd(Odd::Level { level: 2 }), json!({ "Odd": { "lock": 1, "report": { "Level": { "level": 2 } } } })),
        (odd(Odd::UnknownMode), json!({ "Odd": { "lock": 1, "report": "UnknownMode" } })),
        (forged(Forged::Rubbish), forgery(json!("Rubbish"))),
        (forged(Forged::NonceGet), forgery(json!("NonceGet"))),
        (forged(Forged::NonceReport), forgery(json!("NonceReport"))),
        (forged(Forged::Replay { back: 1 }), forgery(json!({ "Replay": { "back": 1 } }))),
        (forged(Forged::ReplayToLock { back: 1 }), forgery(json!({ "ReplayToLock": { "back": 1 } }))),
        (forged(Forged::NonceToLock), forgery(json!("NonceToLock"))),
        (forged(Forged::Lower { word: Word::Used, slot: 1 }), forgery(json!({ "Lower": { "word": "Used", "slot": 1 } }))),
        (clear(Word::Used), forgery(json!({ "Clear": { "word": "Used", "slot": 1 } }))),
        (clear(Word::Added), forgery(json!({ "Clear": { "word": "Added", "slot": 1 } }))),
        (clear(Word::Deleted), forgery(json!({ "Clear": { "word": "Deleted", "slot": 1 } }))),
        (clear(Word::AllDeleted), forgery(json!({ "Clear": { "word": "AllDeleted", "slot": 1 } }))),
        (clear(Word::Empty), forgery(json!({ "Clear": { "word": "Empty", "slot": 1 } }))),
        (clear(Word::Other), forgery(json!({ "Clear": { "word": "Other", "slot": 1 } }))),
        (clear(Word::UnknownTag), forgery(json!({ "Clear": { "word": "UnknownTag", "slot": 1 } }))),
        (clear(Word::Done), forgery(json!({ "Clear": { "word": "Done", "slot": 1 } }))),
        (clear(Word::Locked), forgery(json!({ "Clear": { "word": "Locked", "slot": 1 } }))),
    ]
}

fn odd(report: Odd) -> What {
    What::Odd { lock: 1, report }
}

fn forged(what: Forged) -> What {
    What::Forge { lock: 1, what, each: 2, seconds: 3 }
}

fn clear(word: Word) -> What {
    forged(Forged::Clear { word, slot: 1 })
}

fn forgery(what: Value) -> Value {
    json!({ "Forge": { "lock": 1, "what": what, "each": 2, "seconds": 3 } })
}

#[test]
fn a_step_with_another_name_keeps_its_word_in_kept_walks() {
    let mut walk = Walk { seed: 1, house: 2, steps: vec![] };
    let mut words = Vec::new();
    for (what, word) in spelled() {
        walk.steps.push(Step { what, then: 5 });
        words.push(json!({ "what": word, "then": 5 }));
    }
    let json = json!({ "seed": 1, "house": 2, "steps": words });
    assert_eq!(serde_json::to_value(&walk).unwrap(), json);
    let read: Walk = serde_json::from_value(json).unwrap();
    assert_eq!(read.steps, walk.steps);
}

#[test]
fn a_kept_walk_is_read_to_its_last_word() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/walks");
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let kept: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let walk: Walk = serde_json::from_value(kept.clone()).unwrap();
        let mut read = serde_json::to_value(&walk).unwrap();
        // What older walks do not say is what it was then.
        drop_defaults(&mut read, &kept);
        assert_eq!(read, kept, "{}", path.display());
    }
}

fn drop_defaults(read: &mut Value, kept: &Value) {
    match (read, kept) {
        (Value::Object(read), Value::Object(kept)) => {
            read.retain(|key, value| kept.contains_key(key) || !(*value == json!(0) || *value == json!(false)));
            for (key, value) in read {
                if let Some(kept) = kept.get(key) {
                    drop_defaults(value, kept);
                }
            }
        }
        (Value::Array(read), Value::Array(kept)) => read.iter_mut().zip(kept).for_each(|(read, kept)| drop_defaults(read, kept)),
        _ => {}
    }
}
