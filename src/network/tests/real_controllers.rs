//! Start-ups that hosts had with real controllers (`tests/data/frames/sequences`): the controller says again what it said then.

use std::path::Path;

use super::*;

/// What real controllers said, by function; a dialogue that lacks an answer borrows it from a complete one.
struct Recorded {
    answers: BTreeMap<FunctionId, Frame>,
    unasked: Vec<Frame>,
}

fn recorded(path: &Path) -> Recorded {
    let text = std::fs::read_to_string(path).unwrap();
    let mut recorded = Recorded { answers: BTreeMap::new(), unasked: Vec::new() };
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let Some(hex) = line["hex"].as_str().filter(|_| line["direction"] == "rx") else { continue };
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        // Some dialogues hold what a noisy line made of a frame.
        let Ok(frame) = Frame::parse(&bytes) else { continue };
        if frame.kind == crate::serial::FrameType::Response {
            recorded.answers.entry(frame.function).or_insert(frame);
        } else {
            recorded.unasked.push(frame);
        }
    }
    recorded
}

fn dialogues() -> Vec<(String, Recorded)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/frames/sequences");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = paths
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), path))
        .filter(|(name, _)| ["start", "soft_reset", "frames_before"].iter().any(|part| name.contains(part)))
        .map(|(name, path)| (name, recorded(&path)))
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// Starts up on a controller that says what is recorded; `complete` fills in what is missing there.
fn start(recorded: &Recorded, complete: &Recorded) -> ControllerStatus {
    let mut network = Network::new(Vec::new(), None, keys(), Options::default(), Entropy::from_number(1));
    let mut clock = Instant::from_millis(1);
    let now = |clock| Now { mono: clock, wall: Timestamp::from_millis(0), trusted: true };
    network.handle(Input::LinkUp, now(clock));
    for frame in &recorded.unasked {
        network.handle(Input::Frame(frame.clone()), now(clock));
    }
    for _ in 0..200 {
        while let Some(output) = network.poll_output() {
            let Output::Send { id, frame } = output else { continue };
            network.handle(Input::Sent(id), now(clock));
            let answer = recorded.answers.get(&frame.function).or_else(|| complete.answers.get(&frame.function));
            if let Some(answer) = answer {
                network.handle(Input::Frame(answer.clone()), now(clock));
            }
        }
        if matches!(network.controller(), ControllerStatus::Ready(_)) {
            break;
        }
        let Some(deadline) = network.poll_deadline() else { break };
        clock = deadline.at;
        network.handle_timeout(now(clock));
    }
    network.controller().clone()
}

#[test]
fn every_recorded_controller_is_understood() {
    let dialogues = dialogues();
    assert!(dialogues.len() >= 18, "the dialogues are there");
    let complete = dialogues.iter().find(|(name, _)| name.contains("razberry_z_wave_4_05")).map(|(_, it)| it).unwrap();
    for (name, recorded) in &dialogues {
        let ControllerStatus::Ready(info) = start(recorded, complete) else { panic!("{name} did not start") };
        let home = recorded.answers.get(&FunctionId::MEMORY_GET_ID).or_else(|| complete.answers.get(&FunctionId::MEMORY_GET_ID));
        assert_eq!(info.home.0.to_be_bytes(), home.unwrap().params[..4], "{name}");
    }
}

#[test]
fn a_controller_that_swallows_one_question_still_starts() {
    let dialogues = dialogues();
    let (_, complete) = dialogues.iter().find(|(name, _)| name.contains("razberry_z_wave_4_05")).unwrap();
    let nothing = Recorded { answers: BTreeMap::new(), unasked: Vec::new() };
    for function in complete.answers.keys() {
        let mut answers = complete.answers.clone();
        answers.remove(function);
        let status = start(&Recorded { answers, unasked: Vec::new() }, &nothing);
        let needed = [FunctionId::GET_SERIAL_API_CAPABILITIES, FunctionId::MEMORY_GET_ID, FunctionId::GET_SERIAL_API_INIT_DATA];
        assert_eq!(matches!(status, ControllerStatus::Ready(_)), !needed.contains(function), "{function}: {status:?}");
    }
}
