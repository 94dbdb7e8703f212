use super::*;

const FRAMES: &str = include_str!("../../../tests/data/frames/frames.jsonl");
const VECTORS: &str = include_str!("../../../tests/data/vectors/cc.json");

fn decode(input: &str, reveal: bool) -> Vec<Value> {
    let args = DecodeArgs { json: true, reveal, lines: vec!["-".into()] };
    let mut out = Vec::new();
    explain_all(&args, &mut input.as_bytes(), &mut out).unwrap();
    String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn one(line: &str, reveal: bool) -> Value {
    let mut lines = decode(line, reveal);
    assert_eq!(lines.len(), 1);
    lines.remove(0)
}

fn squash(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
}

#[test]
fn every_recorded_frame_is_called_what_its_log_calls_it() {
    let rows: Vec<Value> = FRAMES.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let lines: Vec<_> = rows.iter().map(|row| row["hex"].as_str().unwrap()).collect();
    let answers = decode(&lines.join("\n"), false);
    assert_eq!(answers.len(), rows.len());
    for (row, answer) in rows.iter().zip(&answers) {
        assert_eq!(answer["ok"], true, "{row} {answer}");
        assert_eq!(answer["layer"], row["layer"], "{row}");
        let expect = &row["expect"];
        if let Some(function) = expect["func_name"].as_str() {
            assert_eq!(squash(answer["function"].as_str().unwrap()), squash(function), "{row}");
        }
        assert_eq!(answer["fields"]["malformed"], Value::Null, "{row} {answer}");
        if let Some(node) = expect["node"].as_u64().filter(|node| *node != 0) {
            assert_eq!(answer["node"], node, "{row} {answer}");
        }
        let inner = if row["layer"] == "cc" { expect } else { &expect["payload_decoded"] };
        if let Some(class) = inner["cc_name"].as_str().filter(|name| *name != "?") {
            let ours = squash(answer["class"].as_str().unwrap());
            assert!(ours.contains(&squash(class)), "{row} {answer}");
        }
    }
}

#[test]
fn every_class_of_the_vectors_is_named() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    let lines: Vec<_> = vectors.iter().map(|vector| vector["hex"].as_str().unwrap()).collect();
    for (vector, answer) in vectors.iter().zip(decode(&lines.join("\n"), false)) {
        assert_eq!((&answer["class"], &answer["command"]), (&vector["cc_name"], &vector["command"]), "{vector}");
    }
}

#[test]
fn a_broken_line_says_why_and_the_next_line_goes_on() {
    let answers = decode("630201\nnonsense\n\n011001155a2d57617620343500930110012d\n0\n\r\n06\n8002\n", false);
    let ok: Vec<_> = answers.iter().map(|answer| answer["ok"].as_bool().unwrap()).collect();
    assert_eq!(ok, [true, false, false, false, true, true]);
    assert_eq!(answers[1]["why"], "not hex: write two digits a byte, with or without blanks");
    assert_eq!(answers[2]["why"], "checksum is 2d, should be 6e: bytes were lost or changed on the line");
    assert_eq!(answers[4]["function"], "ACK");
    assert_eq!(answers[5]["class"], "Battery");
}

#[test]
fn hex_is_read_in_every_way_logs_print_it() {
    for line in ["63 02 01", "0x63, 0x02, 0x01", "63:02:01", "630201\r\n", "0X630201"] {
        assert_eq!(one(line, false)["fields"]["user_id"], 1, "{line}");
    }
}

#[test]
fn codes_are_stars_at_every_depth_unless_asked_for() {
    // A Set, an event with the code in it, a supervised Set, an Extended Set, Entry Control, a Report in a serial frame.
    let lines = [
        "630101013437313130",
        "7105130500ff0606 08 63030201 34373131",
        "6c0105 09 630101013437313130",
        "630b010001010434373131",
        "6f010302020434373131",
        "600d000163010501 34373131",
        "8f010208 630105013437313102 8002",
        "4c040207ea0b172e1e0f020304 34373131",
        "7006140434373131",
        "830a00030100010004 34373131",
        "830c040003010001800434373131 020001010002",
        "831a0434373131",
        "831c44 34373131",
    ];
    let frame = Frame::request(crate::serial::FunctionId(0x04), b"\x10\x1c\x08\x63\x03\x01\x014711\x00".to_vec()).encode();
    for line in lines.map(str::to_owned).into_iter().chain([hex(&frame)]) {
        let masked = one(&line, false).to_string();
        assert!(!masked.contains("34373131") && !masked.contains("4711"), "{masked}");
        assert!(masked.contains("****"), "{masked}");
        let shown = one(&line, true).to_string();
        assert!(shown.contains("34373131"), "{shown}");
    }
}

#[test]
fn commands_inside_commands_are_decoded_at_every_depth() {
    // Multi Channel, Supervision, Multi Command: Battery Get, and a class without a struct whose bytes are no secret.
    let answer = one("600d0102 6c01050a 8f0102 028002 032501ff", false);
    let supervised = &answer["fields"]["encapsulated"];
    assert_eq!((&supervised["class"], &supervised["command"]), (&"Supervision".into(), &"Get".into()));
    let multi = &supervised["fields"]["encapsulated"];
    assert_eq!(multi["class"], "Multi Command");
    let commands = multi["fields"]["encapsulated"].as_array().unwrap();
    assert_eq!((&commands[0]["class"], &commands[0]["command"]), (&"Battery".into(), &"Get".into()));
    assert_eq!((&commands[1]["class"], &commands[1]["fields"]["body_hex"]), (&"Binary Switch".into(), &"ff".into()));
}

#[test]
fn a_wrong_checksum_is_not_called_a_frame_cut_short() {
    assert_eq!(one("560120024d26", false)["fields"]["crc_ok"], true);
    let damaged = one("560120024d27", false);
    assert_eq!((&damaged["class"], &damaged["fields"]["crc_ok"]), (&"CRC-16 Encapsulation".into(), &false.into()));
    assert_eq!(damaged["fields"]["truncated"], Value::Null);
    let segment = "55e12cf1110102030405060708090a0b0c0d0e0f101112131415161718191a1b1e71";
    assert_eq!(one(segment, false)["fields"]["partial_datagram_hex"], "****");
    assert!(one(segment, true)["fields"]["partial_datagram_hex"].as_str().unwrap().starts_with("0102"));
}

#[test]
fn memory_that_holds_the_network_keys_is_not_printed() {
    let key = [0xAB; 16];
    let read = Frame::response(crate::serial::FunctionId::NVM_READ, key.to_vec());
    let answer = [&[0x00, 16, 0x00, 0x00, 0x01, 0x00][..], &key].concat();
    let answer = Frame::response(crate::serial::FunctionId::NVM_EXTENDED_OPERATIONS, answer);
    let write = Frame::request(crate::serial::FunctionId::NVM_WRITE, [&[0x00, 0x01, 0x00, 0x00, 16][..], &key].concat());
    for frame in [read, answer, write] {
        let line = hex(&frame.encode());
        let said = one(&line, false);
        assert_eq!(said["fields"]["data_hex"], "****", "{said}");
        assert!(!said.to_string().contains("abab"), "{said}");
        assert_eq!(one(&line, true)["fields"]["data_hex"], "ab".repeat(16));
    }
}

#[test]
fn a_payload_that_a_lock_cut_short_keeps_its_name() {
    let answer = one("6203ff", false);
    assert_eq!((&answer["class"], &answer["command"]), (&"Door Lock".into(), &"OperationReport".into()));
    assert_eq!(answer["fields"]["truncated"], true);
}

#[test]
fn people_get_a_sentence() {
    const LINES: [&str; 4] = ["6303030131323334", "zz", "630204", "8f01020280020363050a"];
    let args = DecodeArgs { json: false, reveal: false, lines: LINES.map(Into::into).to_vec() };
    let mut out = Vec::new();
    explain_all(&args, &mut io::empty(), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "User Code Report (code_hex ****, status 1, user_id 3)");
    assert_eq!(lines[1], "? not hex: write two digits a byte, with or without blanks");
    assert_eq!(lines[2], "User Code Get (user_id 4)");
    let multi = "encapsulated.1.class Battery, encapsulated.1.command Get, encapsulated.2.class User Code, \
                 encapsulated.2.command UsersNumberReport, encapsulated.2.fields.users 10";
    assert_eq!(lines[3], format!("Multi Command CommandEncapsulation ({multi})"));
}

#[test]
fn s0_frames_say_which_nonce_they_use_and_nothing_that_opens_them() {
    let lines =
        "98060102030405060708090a0b0c0d0e0f10\n9881a1a2a3a4a5a6a7a83e75855b11285a5962b3b13ca58521280da640\n9880b1b2b3b4b5b6b7b8";
    let hidden = decode(lines, false);
    assert_eq!(hidden[1]["fields"]["receiver_nonce_id"], 0xB1);
    for answer in &hidden {
        let said = answer.to_string();
        assert!(["0102030405", "a1a2a3", "3e7585", "b1b2b3", "3ca585"].iter().all(|secret| !said.contains(secret)), "{said}");
    }
    let shown = decode(lines, true);
    assert_eq!(shown[0]["fields"]["key_hex"], "0102030405060708090a0b0c0d0e0f10");
    assert_eq!(shown[1]["fields"]["ciphertext_hex"], "3e75855b11285a5962b3");
    assert_eq!(shown[2]["fields"]["nonce_hex"], "b1b2b3b4b5b6b7b8");
}
