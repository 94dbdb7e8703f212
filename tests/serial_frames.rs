//! Frames and dialogues that real sticks and hosts exchanged (public logs and issue threads), against the serial codecs.
//! Where they come from stands beside each frame, in `source`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic; so may what its cases share")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use latchkey::serial::frame::InvalidFrame;
use latchkey::serial::{Decoder, Frame, FrameType, FunctionId, Message, NodeIdWidth, Received, Request};
use proptest::prelude::*;
use serde_json::Value;

/// What the data names and our fields leave out, because it follows from the rest or has a place of its own.
const NOT_FIELDS: &[&str] = &[
    // Of the frame, not of the payload.
    "type",
    "func",
    "func_name",
    "node_id_bits",
    // Names of numbers.
    "status_name",
    "tx_status_name",
    "routing_scheme_name",
    "route_speed_name",
    // Lengths and raw bytes of what is shown in full.
    "mask_len",
    "nif_len",
    "cc_len",
    "n",
    "ext_report_hex",
    "multicast_mask_len",
    // Bits of `flags` and `capabilities`.
    "is_end_node",
    "timer_support",
    "is_secondary",
    "is_sis",
    "secondary",
    "other_network",
    "sis_present",
    "real_primary",
    "is_suc",
    // One list, `powers`.
    "tx_power",
    "noise_floor",
    "dest_ack_tx_power",
    "dest_ack_rssi",
    "dest_ack_noise_floor",
    // Written out: see `the_whole_of_the_rest_is_understood`.
    "args_hex",
    "ok",
];

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/frames").join(name)
}

fn rows(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn sequences() -> Vec<(String, Vec<Value>)> {
    let mut paths: Vec<_> = std::fs::read_dir(data("sequences")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 40, "the sequences are missing");
    paths.iter().map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), rows(path))).collect()
}

/// The fields of one frame in the direction it went.
fn fields(frame: &Frame, direction: &str, width: NodeIdWidth) -> Value {
    match direction {
        "tx" => serde_json::to_value(Request::parse(frame, width).unwrap()).unwrap(),
        _ => serde_json::to_value(Message::parse(frame, width).unwrap_or_else(|error| panic!("{error}: {:?}", frame.encode())))
            .unwrap(),
    }
}

#[test]
fn every_recorded_frame_means_what_its_log_says() {
    let (mut wrong, mut missing, mut compared) = (Vec::new(), BTreeMap::<String, Vec<String>>::new(), 0);
    for row in rows(&data("serial.jsonl")) {
        let (id, expect) = (row["id"].as_str().unwrap(), row["expect"].as_object().unwrap());
        let bytes = hex(row["hex"].as_str().unwrap());
        let frame = Frame::parse(&bytes).unwrap();
        assert_eq!(frame.encode(), bytes, "{id}");
        let name = expect["func_name"].as_str().unwrap();
        assert_eq!(frame.function.to_string().to_lowercase(), name.to_lowercase(), "{id}");
        // Also where the data says 16 bit: the reader is not told, as a stick left in that mode does not tell it either.
        let fields = fields(&frame, row["direction"].as_str().unwrap(), NodeIdWidth::Bits8);
        for (key, want) in expect {
            match fields.get(key) {
                Some(got) if same(got, want) => compared += 1,
                Some(got) => wrong.push(format!("{id} {name} {key}: {got}, not {want}")),
                None if NOT_FIELDS.contains(&key.as_str()) => {}
                None => missing.entry(format!("{name} {key}")).or_default().push(id.into()),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(compared > 2400, "only {compared} fields compared");
}

/// Payloads that may hold a code show their first two bytes only.
fn same(got: &Value, want: &Value) -> bool {
    match (got.as_str().and_then(|text| text.strip_suffix("..")), want.as_str()) {
        (Some(head), Some(want)) => want.starts_with(head),
        _ => got == want,
    }
}

#[test]
fn what_was_understood_is_written_back_as_it_came() {
    for row in rows(&data("serial.jsonl")) {
        let (id, expect) = (row["id"].as_str().unwrap(), row["expect"].as_object().unwrap());
        let frame = Frame::parse(&hex(row["hex"].as_str().unwrap())).unwrap();
        let (written, same_params) = if row["direction"] == "tx" {
            (Request::parse(&frame, NodeIdWidth::Bits8).unwrap().write(NodeIdWidth::Bits8).unwrap(), true)
        } else {
            let (message, width) = Message::parse_detecting(&frame, NodeIdWidth::Bits8).unwrap();
            let said = if expect.contains_key("node_id_bits") { NodeIdWidth::Bits16 } else { NodeIdWidth::Bits8 };
            assert!(width == said || matches!(message, Message::SendDataResponse(_)), "{id} read in {width:?}");
            // A mark with nothing behind it, and the older form of the Setup mask, are not written again.
            let same_params = !matches!(message, Message::Inclusion(_) | Message::ApplicationUpdate(_) | Message::Setup(_));
            (message.write(width), same_params)
        };
        assert_eq!((written.kind, written.function), (frame.kind, frame.function), "{id}");
        // The older form of Get Routing Info is understood, and written in today's form.
        if same_params && frame.function != FunctionId::GET_ROUTING_INFO {
            // One lock's protocol info has a seventh byte that nobody explains.
            let rest = frame.params.strip_prefix(&*written.params);
            assert!(rest.is_some_and(|rest| matches!(rest, [] | [0])), "{id} {:?}: {:?}", frame.function, written.params);
        }
        let again = fields(&written, row["direction"].as_str().unwrap(), NodeIdWidth::Bits8);
        assert_eq!(again, fields(&frame, row["direction"].as_str().unwrap(), NodeIdWidth::Bits8), "{id}");
    }
}

#[test]
fn no_frame_of_any_dialogue_goes_unread() {
    let (mut read, mut damaged) = (0, 0);
    for (name, rows) in sequences() {
        for row in rows.iter().filter(|row| row["layer"] == "serial") {
            let bytes = hex(row["hex"].as_str().unwrap());
            let Ok(frame) = Frame::parse(&bytes) else {
                damaged += 1;
                continue;
            };
            let _ = fields(&frame, row["direction"].as_str().unwrap(), NodeIdWidth::Bits8);
            if let Some(function) = row["function"].as_str() {
                assert_eq!(frame.function.to_string().to_lowercase(), function.to_lowercase(), "{name}");
            }
            read += 1;
        }
    }
    assert!(read > 380, "only {read} frames read");
    assert!(damaged < 12, "{damaged} frames damaged: the line was not that bad");
}

#[test]
fn damaged_frames_are_survived_and_the_next_good_one_is_read() {
    let good = Frame::parse(&hex("0104011301e8")).unwrap();
    for row in rows(&data("malformed.jsonl")) {
        let bytes = hex(row["hex"].as_str().unwrap());
        assert!(Frame::parse(&bytes).is_err(), "{row}");
        let mut decoder = Decoder::new();
        decoder.push(&bytes);
        while decoder.next().is_some() {}
        // A frame that is a byte short waits for it; the link gives up on it after 1.5 s.
        decoder.reset();
        decoder.push(&good.encode());
        assert_eq!(decoder.next(), Some(Received::Frame(good.clone())), "{row}");
    }
}

#[test]
fn a_frame_swallowed_by_a_damaged_one_is_not_lost() {
    // From trouble_checksum: the line lost bytes of the version response, then the stick sent it again.
    let good = Frame::parse(&hex("011001155a2d5761766520342e3534000193")).unwrap();
    let mut decoder = Decoder::new();
    decoder.push(&hex("011001155a2d5761"));
    decoder.push(&good.encode());
    let received: Vec<_> = std::iter::from_fn(|| decoder.next()).collect();
    assert_eq!(received.iter().filter(|one| **one == Received::BadChecksum).count(), 1, "{received:?}");
    assert!(received.contains(&Received::Frame(good)), "{received:?}");
}

#[test]
fn a_frame_that_lost_its_type_byte_does_not_cost_the_next_one() {
    // Real bytes (s-rows): 01 04 [01] 05 08 f7, then 01 of the next frame; the checksum fits by accident.
    let lost = hex("01040508f701");
    assert_eq!(Frame::parse(&lost).unwrap().kind, FrameType::Other(5));
    let next = Frame::request(FunctionId::SERIAL_API_STARTED, vec![7, 0, 1, 2, 1, 0]);
    let mut decoder = Decoder::new();
    decoder.push(&lost[..5]);
    decoder.push(&next.encode());
    assert!(std::iter::from_fn(|| decoder.next()).any(|one| one == Received::Frame(next.clone())));
}

#[test]
fn a_wrong_checksum_names_both_values() {
    let error = Frame::parse(&hex("01030015ea")).unwrap_err();
    assert_eq!(error, InvalidFrame::Checksum { expected: 0xE9, found: 0xEA });
    assert_eq!(Frame::parse(&hex("010300")).unwrap_err(), InvalidFrame::Length);
}

#[test]
fn both_forms_of_the_list_of_setup_commands_give_the_same_kind_of_answer() {
    let supported = |text: &str| {
        let frame = Frame::parse(&hex(text)).unwrap();
        let value = serde_json::to_value(Message::parse(&frame, NodeIdWidth::Bits8).unwrap()).unwrap();
        let list = value["supported"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned());
        list.collect::<BTreeSet<_>>()
    };
    let set = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<BTreeSet<_>>();
    // Before SDK 7.19.1 (shifted by one bit), after, and flags only.
    let old = supported("0116010b01fe160103000100000001000000000000000109");
    assert_eq!(old, set(&["0x01", "0x02", "0x04", "0x08", "0x10", "0x11", "0x20", "0x40", "0x80"]));
    let new = supported("0116010b01ff8b8001800000008000000000000000800097");
    assert_eq!(new, set(&["0x01", "0x02", "0x04", "0x08", "0x10", "0x11", "0x20", "0x40", "0x80"]));
    assert_eq!(supported("0105010b016e9f"), set(&["0x01", "0x02", "0x04", "0x08", "0x20", "0x40"]));
}

#[test]
fn a_code_in_a_frame_never_shows_in_debug_output_or_json() {
    // User Code Report from node 5: user 1, occupied, 4711.
    let frame = Frame::request(FunctionId::APPLICATION_COMMAND, vec![0, 5, 8, 0x63, 3, 1, 1, b'4', b'7', b'1', b'1']);
    let message = Message::parse(&frame, NodeIdWidth::Bits8).unwrap();
    let said = format!("{frame:?} {message:?} {}", serde_json::to_string(&message).unwrap());
    assert!(!said.contains("4711") && !said.contains("34373131"), "{said}");
    assert!(said.contains("6303"), "class and command do show: {said}");
}

proptest! {
    #[test]
    fn bytes_mean_the_same_however_they_are_cut(
        bytes in prop::collection::vec(prop_oneof![Just(1_u8), Just(4), Just(0), Just(6), Just(0x15), Just(0x18), any::<u8>()], 0..400),
        cuts in prop::collection::vec(1_usize..20, 1..40),
    ) {
        let decode = |chunks: &mut dyn Iterator<Item = &[u8]>| {
            let mut decoder = Decoder::new();
            let (mut received, mut garbage) = (Vec::new(), 0);
            for chunk in chunks {
                decoder.push(chunk);
                while let Some(one) = decoder.next() {
                    match one {
                        Received::Garbage(len) => garbage += len,
                        other => received.push(other),
                    }
                }
            }
            (received, garbage, decoder.is_mid_frame())
        };
        let whole = decode(&mut std::iter::once(&bytes[..]));
        let mut rest = &bytes[..];
        let mut cuts = cuts.iter().cycle();
        let cut = decode(&mut std::iter::from_fn(|| {
            let (chunk, tail) = rest.split_at((*cuts.next()?).min(rest.len()));
            rest = tail;
            (!chunk.is_empty()).then_some(chunk)
        }));
        prop_assert_eq!(whole, cut);
    }

    #[test]
    fn no_parameters_make_a_parser_panic(
        function in any::<u8>(),
        response in any::<bool>(),
        wide in any::<bool>(),
        params in prop::collection::vec(any::<u8>(), 0..252),
    ) {
        let kind = if response { FrameType::Response } else { FrameType::Request };
        let width = if wide { NodeIdWidth::Bits16 } else { NodeIdWidth::Bits8 };
        let frame = Frame { kind, function: FunctionId(function), params: params.into() };
        prop_assert_eq!(&Frame::parse(&frame.encode()), &Ok(frame.clone()));
        if let Ok(message) = Message::parse(&frame, width) {
            let written = message.write(width);
            prop_assert_eq!((written.kind, written.function), (frame.kind, frame.function));
        }
        if let Ok(request) = Request::parse(&frame, width) {
            prop_assert_eq!(request.function(), frame.function);
        }
    }

    #[test]
    fn requests_come_back_in_either_width(node in 1_u16..=232, data in prop::collection::vec(any::<u8>(), 0..60), callback in any::<u8>()) {
        use latchkey::domain::ids::NodeId;
        use latchkey::serial::CallbackId;
        use latchkey::serial::transmit::{SendData, TxOptions};
        let send = SendData { node: NodeId(node), data: data.into(), options: TxOptions::NORMAL, callback: CallbackId(callback) };
        for request in [Request::SendData(send.clone()), Request::SendDataBridge { source: NodeId(1), send: send.clone() }] {
            for width in [NodeIdWidth::Bits8, NodeIdWidth::Bits16] {
                let frame = request.write(width).unwrap();
                prop_assert_eq!(Request::parse(&frame, width).unwrap(), request.clone());
            }
        }
    }
}
