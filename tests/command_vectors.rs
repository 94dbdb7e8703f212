//! The command classes against bytes that others made: known answers of Z-Wave JS (`data/vectors/cc.json`) and payloads
//! that real locks and sticks sent (`data/frames/frames.jsonl`).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "helpers of tests fail by panicking, too"
)]

use latchkey::command::codec::hex;
use latchkey::command::door_lock_logging::DoorLockLogging;
use latchkey::command::entry_control::EntryControl;
use latchkey::command::security::Security;
use latchkey::command::security_2::Security2;
use latchkey::command::transport_service::TransportService;
use latchkey::command::user_code::{Checksum, UserCode, UserId, UserIdStatus, crc16};
use latchkey::command::user_credential::{self, CredentialType, Held, User, UserCredential};
use latchkey::command::{ClassId, Command, commands_of};
use latchkey::domain::pin::CodeText;
use serde_json::{Map, Value, json};

const VECTORS: &str = include_str!("data/vectors/cc.json");
const FRAMES: &str = include_str!("data/frames/frames.jsonl");

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn vectors() -> Vec<Value> {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn frames() -> Vec<Value> {
    FRAMES.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What JSON shows of a command, with codes and parameters in clear.
fn fields(command: &Command) -> Map<String, Value> {
    let Value::Object(mut fields) = serde_json::to_value(command).unwrap() else { return Map::new() };
    use latchkey::command::notification::Notification;
    let code = match command {
        Command::UserCode(UserCode::Set(it)) => Some(it.code()),
        Command::UserCode(UserCode::Report(it)) => Some(&it.code),
        Command::UserCode(UserCode::AdminCodeReport(it)) => Some(&it.code),
        Command::DoorLockLogging(DoorLockLogging::RecordReport(it)) => Some(&it.code),
        Command::TransportService(TransportService::SubsequentSegment(it)) => {
            fields.insert("partial_datagram_hex".into(), hex(&it.partial_datagram.0).into());
            None
        }
        Command::TransportService(TransportService::FirstSegment(it)) => {
            fields.insert("partial_datagram_hex".into(), hex(&it.partial_datagram.0).into());
            None
        }
        Command::Security(Security::CommandEncapsulation(it) | Security::CommandEncapsulationNonceGet(it)) => {
            fields.insert("nonce_hex".into(), hex(&it.sender_nonce.0).into());
            fields.insert("ciphertext_hex".into(), hex(&it.ciphertext.0).into());
            fields.insert("mac_hex".into(), hex(&it.mac.0).into());
            None
        }
        Command::Security(Security::NonceReport(it)) => {
            fields.insert("nonce_hex".into(), hex(&it.nonce.0).into());
            None
        }
        Command::Notification(Notification::Report(it)) => {
            if let Some(notification) = &it.notification {
                fields.insert("params_hex".into(), hex(notification.params.reveal()).into());
            }
            None
        }
        Command::Security2(Security2::MessageEncapsulation(it)) => {
            fields.insert("ciphertext_and_tag".into(), hex(&it.sealed.0).into());
            None
        }
        Command::Security2(Security2::PublicKeyReport(it)) => {
            fields.insert("public_key_hex".into(), hex(&it.public_key.0).into());
            None
        }
        Command::Security2(Security2::NetworkKeyReport(it)) => {
            fields.insert("network_key_hex".into(), hex(it.network_key.reveal()).into());
            None
        }
        Command::UserCredential(UserCredential::AdminPinCodeSet(it)) => {
            fields.insert("pin_code".into(), String::from_utf8_lossy(it.pin_code.reveal()).into());
            None
        }
        Command::UserCredential(UserCredential::AdminPinCodeReport(it)) => {
            fields.insert("pin_code".into(), String::from_utf8_lossy(it.pin_code.reveal()).into());
            None
        }
        Command::UserCredential(UserCredential::CredentialSet(it)) => {
            fields.insert("credential_data".into(), json!({"hex": it.data().map(|data| hex(data.reveal()))}));
            None
        }
        Command::UserCredential(UserCredential::CredentialReport(it)) => {
            fields.insert("credential_data".into(), json!({"hex": hex(it.data.reveal())}));
            None
        }
        Command::EntryControl(EntryControl::Notification(it)) => {
            let data = match it.typed() {
                Some(keys) => json!(String::from_utf8_lossy(keys.reveal())),
                None => json!({"hex": hex(it.event_data.reveal())}),
            };
            fields.insert("event_data".into(), data);
            fields.insert("event_data_hex".into(), hex(it.event_data.reveal()).into());
            None
        }
        _ => None,
    };
    if let Some(code) = code {
        fields.insert("code_hex".into(), hex(code.reveal()).into());
    }
    fields
}

#[test]
fn every_vector_is_named_as_its_maker_names_it() {
    let vectors = vectors();
    assert!(vectors.len() > 150);
    for vector in vectors {
        let command = Command::parse(&bytes(text(&vector["hex"]))).unwrap();
        assert_eq!(Some(text(&vector["cc_name"])), command.class().name(), "{vector}");
        assert_eq!(Some(text(&vector["command"])), command.name(), "{vector}");
    }
}

#[test]
fn every_vector_comes_out_as_it_went_in() {
    for vector in vectors() {
        let hex_in = text(&vector["hex"]);
        let command = Command::parse(&bytes(hex_in)).unwrap();
        assert_eq!(hex(&command.write()), hex_in, "{vector}");
        let ours = Command::CLASSES.contains(&command.class());
        assert_eq!(!ours, matches!(command, Command::Other { .. }), "{vector}");
    }
}

/// The fields of a vector in our words; `None` for those that say the same in other terms and are compared below.
fn in_our_words(class: &str, command: &str, key: &str, value: &Value) -> Option<(String, Value)> {
    let transition = |value: &Value| {
        let n = value["value"].as_u64().unwrap();
        json!(if value["unit"] == "minutes" { n + 127 } else { n })
    };
    let bits = |value: &Value| {
        let handles = value.as_array().unwrap().iter().enumerate();
        json!(handles.map(|(i, open)| u64::from(open.as_bool().unwrap()) << i).sum::<u64>())
    };
    let same = |name: &str| Some((name.to_owned(), value.clone()));
    match (class, command, key) {
        (_, _, "duration") => Some(("duration".into(), transition(value))),
        ("Basic", "Set", "targetValue") | ("Basic", _, "currentValue") => same("value"),
        ("Basic", _, "targetValue") => same("target"),
        ("Version", _, "libraryType") => same("library_type"),
        ("Version", _, "hardwareVersion") => same("hardware"),
        ("Version", _, "ccVersion") => same("version"),
        ("Version", _, "requestedCC") => same("requested_cc"),
        ("Manufacturer Specific", _, "manufacturerId") => same("manufacturer"),
        ("Manufacturer Specific", _, "productType") => same("product_type"),
        ("Manufacturer Specific", _, "productId") => same("product"),
        ("Manufacturer Specific", _, "type") => same("id_type"),
        ("Z-Wave Plus Info", _, "zwavePlusVersion") => same("zwaveplus_version"),
        ("Z-Wave Plus Info", _, "nodeType") => same("node_type"),
        ("Z-Wave Plus Info", _, "roleType") => same("role_type"),
        ("Z-Wave Plus Info", _, "installerIcon") => same("installer_icon"),
        ("Z-Wave Plus Info", _, "userIcon") => same("user_icon"),
        ("Association" | "Association Group Information" | "Multi Channel Association", _, "groupId") => same("group"),
        ("Association" | "Multi Channel Association", _, "maxNodes") => same("max_nodes"),
        ("Association" | "Multi Channel Association", _, "reportsToFollow") => same("reports_to_follow"),
        ("Association" | "Multi Channel Association", _, "nodeIds") => {
            let nodes: Vec<u8> = value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u8).collect();
            Some(("members_hex".into(), hex(&nodes).into()))
        }
        ("Association Group Information", _, "refreshCache") => same("refresh"),
        ("Association Group Information", _, "listMode" | "isListMode") => same("list"),
        ("Association Group Information", _, "hasDynamicInfo") => same("dynamic"),
        ("Association Group Information", _, "allowCache") => same("allow_cache"),
        ("Multi Channel Association", "SupportedGroupingsReport", "groupCount") => same("groups"),
        ("Multi Channel Association", _, "endpoints") => {
            let endpoint = |it: &Value| json!({"node": it["nodeId"], "endpoint": it["endpoint"]});
            Some(("endpoints".into(), value.as_array().unwrap().iter().map(endpoint).collect()))
        }
        ("Indicator", _, "values") => {
            let snake = |(key, value): (&String, &Value)| (snake_case(key), value.clone());
            let object = |it: &Value| Value::Object(it.as_object().unwrap().iter().map(snake).collect());
            Some(("objects".into(), value.as_array().unwrap().iter().map(object).collect()))
        }
        ("Indicator", _, "indicator0Value") => same("value"),
        ("Powerlevel", _, "powerlevel") => same("power_level"),
        ("Indicator" | "Powerlevel", _, _) => Some((snake_case(key), value.clone())),
        ("Battery", _, "level") => same("level"),
        ("Wake Up", _, "wakeUpInterval") => same("interval"),
        ("Wake Up", _, "controllerNodeId") => same("target_node"),
        ("Wake Up", _, "minWakeUpInterval") => same("min"),
        ("Wake Up", _, "maxWakeUpInterval") => same("max"),
        ("Wake Up", _, "defaultWakeUpInterval") => same("default"),
        ("Wake Up", _, "wakeUpIntervalSteps") => same("step"),
        ("Supervision", _, "moreUpdatesFollow") => same("more_updates"),
        ("Supervision", _, "requestWakeUpOnDemand") => same("wake_up_request"),
        ("Supervision", _, "sessionId") => same("session"),
        ("Supervision", _, "status") => same("status"),
        ("Door Lock", _, "mode" | "currentMode") => same("mode"),
        ("Door Lock", _, "targetMode") => same("target_mode"),
        ("Door Lock", _, "outsideHandlesCanOpenDoor" | "outsideHandlesCanOpenDoorConfiguration") => {
            Some(("outside_handles".into(), bits(value)))
        }
        ("Door Lock", _, "insideHandlesCanOpenDoor" | "insideHandlesCanOpenDoorConfiguration") => {
            Some(("inside_handles".into(), bits(value)))
        }
        ("Door Lock", _, "boltStatus") => same("bolt"),
        ("Door Lock", _, "doorStatus") => same("door"),
        ("Door Lock", _, "operationType") => same("operation_type"),
        ("Door Lock", _, "autoRelockTime") => same("auto_relock_time"),
        ("Door Lock", _, "holdAndReleaseTime") => same("hold_and_release_time"),
        ("User Code", "ExtendedUserCodeGet", "userId") => same("user_id"),
        ("User Code", _, "userId") => same("user_id"),
        ("User Code", _, "userIdStatus") => same("status"),
        ("User Code", "Set", "userCode") => Some(("code_hex".into(), value["hex"].clone())),
        ("User Code", _, "adminCode") => Some(("code_hex".into(), hex(text(value).as_bytes()).into())),
        ("User Code", _, "keypadMode") => same("mode"),
        ("User Code", _, "reportMore") => same("report_more"),
        ("User Code", _, "nextUserId") => same("next_user_id"),
        ("User Code", _, "supportsAdminCode") => same("admin_code"),
        ("User Code", _, "supportsAdminCodeDeactivation") => same("admin_code_deactivation"),
        ("User Code", _, "supportsUserCodeChecksum") => same("checksum"),
        ("User Code", _, "supportsMultipleUserCodeReport") => same("multi_report"),
        ("User Code", _, "supportsMultipleUserCodeSet") => same("multi_set"),
        ("User Code", _, "supportedUserIDStatuses") => same("statuses"),
        ("User Code", _, "supportedKeypadModes") => same("keypad_modes"),
        ("Notification", _, "alarmType") => same("v1_type"),
        ("Notification", _, "alarmLevel") => same("v1_level"),
        ("Notification", _, "notificationType") => same("type"),
        ("Notification", "Set", "notificationStatus") => Some(("status".into(), json!(if value == true { 0xFF } else { 0 }))),
        ("Notification", _, "notificationStatus") => same("status"),
        ("Notification", _, "notificationEvent") => same("event"),
        ("Notification", _, "eventParameters") => Some(("params_hex".into(), value["hex"].clone())),
        ("Notification", _, "supportedEvents") => same("events"),
        ("Security", _, "reportsToFollow") => same("reports_to_follow"),
        ("Security", _, "supportedCCs") => same("supported"),
        ("Security", _, "controlledCCs") => same("controlled"),
        ("Transport Service", _, "partialDatagram") => Some(("partial_datagram_hex".into(), value["hex"].clone())),
        ("Security 2", _, "supportedKEXSchemes") => same("schemes"),
        ("Security 2", _, "supportedECDHProfiles") => same("curves"),
        // One number there, and a mask in the frame.
        ("Security 2", _, "selectedKEXScheme") => Some(("scheme".into(), json!([value]))),
        ("Security 2", _, "selectedECDHProfile") => Some(("curve".into(), json!([value]))),
        ("Security 2", _, "requestedKey") => Some(("requested_key".into(), json!([value]))),
        ("Security 2", _, "grantedKey") => Some(("granted_key".into(), json!([value]))),
        ("Security 2", _, "requestCSA") => same("request_csa"),
        ("Security 2", _, "permitCSA") => same("permit_csa"),
        ("Security 2", _, "publicKey") => Some(("public_key_hex".into(), value["hex"].clone())),
        ("Security 2", _, "networkKey") => Some(("network_key_hex".into(), value["hex"].clone())),
        ("Security 2", _, "supportedCCs") => same("supported"),
        ("Security 2", _, _) => Some((snake_case(key), value.clone())),
        ("Schedule Entry Lock", _, "weekdays") => {
            let days = value.as_array().unwrap().iter().map(|day| 1 << day.as_u64().unwrap());
            Some(("weekdays".into(), json!(days.sum::<u64>())))
        }
        ("Schedule Entry Lock", _, _) => Some((snake_case(key), value.clone())),
        (
            "Transport Service" | "Multi Channel" | "Application Status" | "Door Lock Logging" | "Time" | "Time Parameters"
            | "Configuration" | "User Credential" | "Entry Control",
            _,
            _,
        ) => Some((snake_case(key), value.clone())),
        _ => None,
    }
}

/// `datagramSize` as `datagram_size`: these classes have their maker's names.
fn snake_case(name: &str) -> String {
    let word = |c: char| if c.is_ascii_uppercase() { format!("_{}", c.to_ascii_lowercase()) } else { c.into() };
    name.replace("CCs", "Ccs").chars().map(word).collect()
}

/// The commands inside another are those its maker names, with the fields that it gives.
fn compare_encapsulated(command: &Command, expected: &Value, vector: &Value) -> usize {
    let expected = match expected {
        Value::Array(expected) => expected.clone(),
        one => vec![one.clone()],
    };
    assert_eq!(command.encapsulated().len(), expected.len(), "{vector}");
    for (inner, expected) in command.encapsulated().iter().zip(&expected) {
        let squash = |name: &str| name.replace([' ', '-'], "");
        let name = format!("{}CC{}", squash(inner.class().name().unwrap()), inner.name().unwrap());
        assert_eq!(name, text(&expected["command"]), "{vector}");
        for (key, value) in expected.as_object().unwrap().iter().filter(|(key, _)| *key != "command") {
            let (name, value) = in_our_words(inner.class().name().unwrap(), inner.name().unwrap(), key, value).unwrap();
            assert_eq!(fields(inner).get(&name), Some(&value), "{vector}");
        }
    }
    expected.len()
}

/// Fields that mean the same in another shape; each is compared through the way back to bytes, and some below.
const OTHER_SHAPE: [&str; 22] = [
    "_reserved",
    "protocolVersion",
    "firmwareVersions",
    "supportsZWaveSoftwareGet",
    "deviceId",
    "groups",
    "commands",
    "chargingStatus",
    "rechargeable",
    "backup",
    "overheating",
    "lowFluid",
    "rechargeOrReplace",
    "disconnected",
    "lowTemperatureStatus",
    "latchStatus",
    "lockTimeout",
    "lockTimeoutConfiguration",
    "twistAssist",
    "blockToBlock",
    "wakeUpOnDemandSupported",
    "userCodes",
];

#[test]
fn the_fields_of_every_vector_are_those_its_maker_sees() {
    let mut compared = 0;
    for vector in vectors() {
        let command = Command::parse(&bytes(text(&vector["hex"]))).unwrap();
        if !Command::CLASSES.contains(&command.class()) {
            continue;
        }
        let ours = fields(&command);
        for (key, value) in vector["fields"].as_object().unwrap() {
            let software =
                ["Version", "BuildNumber"].iter().any(|tail| key.ends_with(tail)) && vector["command"] == "ZWaveSoftwareReport";
            if OTHER_SHAPE.contains(&key.as_str()) || software || key == "userCode" && vector["command"] == "Report" {
                continue;
            }
            // Our users number is two fields; our keys are ASCII numbers.
            if matches!(key.as_str(), "supportedUsers" | "supportedASCIIChars")
                || key == "groupId" && vector["fields"]["isListMode"].is_boolean()
            {
                continue;
            }
            if key == "encapsulated" {
                compared += compare_encapsulated(&command, value, &vector);
                continue;
            }
            // The format is for who builds the command, and not on the wire.
            if key == "valueFormat" && vector["command"] == "Set" {
                continue;
            }
            if key == "credentialTypes" {
                let abilities = ours["credential_types"].as_array().unwrap();
                assert_eq!(abilities.len(), value.as_array().unwrap().len(), "{vector}");
                for (ability, row) in abilities.iter().zip(value.as_array().unwrap()) {
                    assert_eq!(ability["credential_type"], row["key"], "{vector}");
                    for (key, value) in row["value"].as_object().unwrap() {
                        assert_eq!(&ability[snake_case(key)], value, "{key} of {vector}");
                        compared += 1;
                    }
                }
                continue;
            }
            if key == "record" {
                assert_eq!(ours["event_type"], value["eventType"], "{vector}");
                assert_eq!(ours["user_id"], value["userId"], "{vector}");
                assert_eq!(ours["code_hex"], hex(text(&value["userCode"]).as_bytes()), "{vector}");
                assert_eq!(ours["local_time"], value["localTime"], "{vector}");
                compared += 4;
                continue;
            }
            let (name, value) = in_our_words(text(&vector["cc_name"]), text(&vector["command"]), key, value)
                .unwrap_or_else(|| panic!("{key} of {vector} is compared with nothing"));
            assert_eq!(ours.get(&name), Some(&value), "{name} of {vector}");
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn the_codes_of_the_vectors_arrive_whole() {
    let parse = |hex: &str| Command::parse(&bytes(hex)).unwrap();
    let Command::UserCode(UserCode::ExtendedUserCodeSet(set)) = parse("630b020001010431323334012c020734333231353637") else {
        panic!("not an Extended User Code Set")
    };
    let seen: Vec<_> = set.codes().iter().map(|it| (it.user().unwrap().number(), it.status().0, it.code().reveal())).collect();
    assert_eq!(seen, [(1, 1, &b"1234"[..]), (300, 2, b"4321567")]);

    let Command::UserCode(UserCode::CapabilitiesReport(report)) = parse("63078107e10308000000000000ff03") else {
        panic!("not a Capabilities Report")
    };
    assert!(report.keys.iter().copied().eq(b'0'..=b'9'), "the keys are the ten digits");

    let users = |hex: &str| match parse(hex) {
        Command::UserCode(UserCode::UsersNumberReport(report)) => report.supported(),
        other => panic!("{other}"),
    };
    assert_eq!((users("63051e001e"), users("6305fa"), users("6305ff01f4")), (30, 250, 500));
}

#[test]
fn checksums_are_those_of_the_node_simulator_and_of_the_certification_sample() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    for vector in file["checksums"]["vectors"].as_array().unwrap() {
        let expected = u16::from_str_radix(text(&vector["checksum"]), 16).unwrap();
        if vector["crc_input"] != "" {
            assert_eq!(crc16(&bytes(text(&vector["crc_input"]))), expected, "{vector}");
        }
        if text(&vector["kind"]).starts_with("user_credential") {
            assert_eq!(credentials_checksum(vector), expected, "{vector}");
            continue;
        }
        let Some(codes) = vector["codes"].as_array() else { continue };
        let codes: Vec<_> = codes
            .iter()
            .map(|it| {
                let user = UserId::new(u16::try_from(it["userId"].as_u64().unwrap()).unwrap()).unwrap();
                let status = UserIdStatus(u8::try_from(it["status"].as_u64().unwrap()).unwrap());
                (user, status, CodeText::new(text(&it["code"])))
            })
            .collect();
        assert_eq!(Checksum::of(codes.iter().map(|(user, status, code)| (*user, *status, code))).checksum, expected, "{vector}");
    }
    let user = |n| UserId::new(n).unwrap();
    let (a, b) = (CodeText::new("9277"), CodeText::new("88473"));
    let sample =
        [(user(1), UserIdStatus::PASSAGE_MODE, &a), (user(2), UserIdStatus::AVAILABLE, &b), (user(3), UserIdStatus::ENABLED, &b)];
    assert_eq!(Checksum::of(sample).checksum, 0xEAAD);
}

/// The checksum of a vector's users and credentials by our own rules, not over its ready-made input.
fn credentials_checksum(vector: &Value) -> u16 {
    let anna = (CredentialType::PIN, 1, CodeText::new("1234"));
    let bo = [
        (CredentialType::PIN, 2, CodeText::new("777777")),
        (CredentialType::PASSWORD, 1, CodeText::new("pass".encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>())),
    ];
    let held = |it: &(CredentialType, u16, CodeText)| it.clone();
    let (annas, bos) = ([held(&anna)], bo.each_ref().map(held));
    fn all(of: &[(CredentialType, u16, CodeText)]) -> impl Iterator<Item = Held<'_>> {
        of.iter().map(|(credential_type, slot, data)| Held { credential_type: *credential_type, slot: *slot, data })
    }
    match text(&vector["kind"]) {
        "user_credential_user" => {
            assert_eq!(vector["user"]["name"], "Anna");
            user_credential::of_user(&User::general("Anna"), all(&annas))
        }
        "user_credential_all_users" => {
            // Bo may open under threat, with two credentials; both facts are in the vector's input.
            let duress = User { user_type: user_credential::UserType::DURESS, ..User::general("Bo") };
            let users =
                [(UserId::new(3).unwrap(), User::general("Anna"), &annas[..]), (UserId::new(9).unwrap(), duress, &bos[..])];
            user_credential::of_all_users(users.iter().map(|(id, user, held)| (*id, user, all(held))))
        }
        "user_credential_type" => user_credential::of_type(all(&annas).chain(all(&bos[..1]))),
        kind => panic!("{kind}"),
    }
}

/// Field names of the recordings that say again, in words, what another field says, or stand beside the command.
const BESIDE: [&str; 11] =
    ["cc", "cc_name", "cmd", "cmd_name", "by", "log", "status_name", "code_ascii", "trailing_hex", "low", "encapsulated_hex"];

fn compare_with_recording(payload: &[u8], expect: &Value) -> usize {
    let (class, _) = ClassId::split(payload).unwrap();
    let squash = |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    if expect["cc_name"] != "?" {
        let (ours, theirs) = (squash(class.name().unwrap()), squash(text(&expect["cc_name"])));
        assert!(ours.contains(&theirs) || theirs.contains(&ours), "{ours} {theirs}");
    }
    let Ok(command) = Command::parse(payload) else {
        assert_eq!(expect["short"], true, "{expect}");
        return 0;
    };
    compare_command(&command, expect)
}

fn compare_command(command: &Command, expect: &Value) -> usize {
    if !Command::CLASSES.contains(&command.class()) {
        return 0;
    }
    // The recording's reader has names of its own for encapsulations, and none for some commands.
    let name = match expect["cmd_name"].as_str() {
        Some("MultiInstanceEncap") => Some("V1CommandEncapsulation"),
        Some("Encap") => Some("CommandEncapsulation"),
        Some("?") => None,
        None => command.name(),
        named => named,
    };
    assert_eq!(command.name(), name, "{expect}");
    let mut compared = 1;
    let ours = fields(command);
    for (key, value) in expect.as_object().unwrap() {
        if BESIDE.contains(&key.as_str()) || value == "?" {
            continue;
        }
        let number = |name: &str| json!(u16::from_str_radix(text(value), 16).unwrap_or_else(|_| panic!("{name} {value}")));
        let (name, value) = match key.as_str() {
            "manufacturer" | "product_type" | "installer_icon" | "user_icon" | "requested_cc" => (key.as_str(), number(key)),
            "product_id" => ("product", number(key)),
            "protocol_version" | "firmware0" => {
                let (major, minor) = text(value).split_once('.').unwrap();
                let version = json!({"major": major.parse::<u8>().unwrap(), "minor": minor.parse::<u8>().unwrap()});
                (if key == "firmware0" { "firmware" } else { "protocol" }, version)
            }
            "encapsulated" => {
                let [inner] = command.encapsulated() else { panic!("nothing inside: {expect}") };
                compared += compare_command(inner, value);
                continue;
            }
            "has_extension" => {
                assert_eq!(ours["extensions"].as_array().unwrap().is_empty(), value == false, "{expect}");
                continue;
            }
            "tag_len" => continue,
            "encap_len" => continue,
            // Damaged frames are no commands.
            "crc_ok" => {
                assert_eq!(value, true, "{expect}");
                continue;
            }
            "crc" => {
                assert!(hex(&command.write()).ends_with(text(value)), "{expect}");
                continue;
            }
            // What the recording's reader does not take apart: Multi Command. Its commands are compared by their bytes.
            "args_hex" => {
                assert_eq!(hex(command.write().get(2..).unwrap()), text(value), "{expect}");
                continue;
            }
            "iv" | "nonce" => ("nonce_hex", value.clone()),
            "ciphertext" => ("ciphertext_hex", value.clone()),
            "mac" => ("mac_hex", value.clone()),
            "plaintext_len" => {
                let ciphertext = text(&ours["ciphertext_hex"]);
                assert_eq!(json!(ciphertext.len() / 2), *value, "{expect}");
                continue;
            }
            "nonce_id" => {
                assert_eq!(json!(bytes(text(&ours["nonce_hex"]))[0]), *value, "{expect}");
                continue;
            }
            "supported_ccs" | "controlled_ccs" => {
                let classes = value.as_array().unwrap().iter().map(|it| u16::from_str_radix(text(it), 16).unwrap());
                (key.strip_suffix("_ccs").unwrap(), classes.collect())
            }
            // The recording's reader takes end points for nodes: compared by the bytes.
            "members_hex" if command.class() == ClassId::MULTI_CHANNEL_ASSOCIATION => {
                assert!(hex(&command.write()).ends_with(text(value)), "{expect}");
                continue;
            }
            "src_ep" => ("source", value.clone()),
            "dst_ep" => ("destination", value.clone()),
            "param" => ("parameter", value.clone()),
            "default" if command.class() == ClassId::CONFIGURATION => ("reset_to_default", value.clone()),
            "size" if command.class() == ClassId::CONFIGURATION => ("value_size", value.clone()),
            "record" => ("record_number", value.clone()),
            "sequence" if command.class() == ClassId::ENTRY_CONTROL => ("sequence_number", value.clone()),
            "data_len" if command.class() == ClassId::ENTRY_CONTROL => {
                assert_eq!(json!(text(&ours["event_data_hex"]).len() / 2), *value, "{expect}");
                continue;
            }
            "data_hex" if command.class() == ClassId::ENTRY_CONTROL => ("event_data_hex", value.clone()),
            "event" if command.class() == ClassId::DOOR_LOCK_LOGGING => ("event_type", value.clone()),
            // The recording's reader names only the events it knows, of every type; we name those of Access Control.
            "event_name" if expect["type"] != 6 => continue,
            "type_name" if expect["cmd_name"] == "Get" => continue,
            _ => (key.as_str(), value.clone()),
        };
        assert_eq!(ours.get(name), Some(&value), "{name} of {expect}");
    }
    compared
}

#[test]
fn every_recorded_payload_says_what_the_log_beside_it_says() {
    let mut compared = 0;
    for frame in frames() {
        let expect = &frame["expect"];
        if frame["layer"] == "cc" {
            let payload = bytes(text(&frame["hex"]));
            compared += compare_with_recording(&payload, expect);
        } else if expect["payload_decoded"]["cc"].is_string() {
            compared += compare_with_recording(&bytes(text(&expect["payload"])), &expect["payload_decoded"]);
        }
    }
    assert!(compared > 200, "{compared}");
}

#[test]
fn every_recorded_payload_comes_out_as_it_went_in() {
    for frame in frames().iter().filter(|frame| frame["layer"] == "cc") {
        let hex_in = text(&frame["hex"]);
        let Ok(command) = Command::parse(&bytes(hex_in)) else { continue };
        let trailing = frame["expect"]["trailing_hex"].as_str().unwrap_or_default();
        assert_eq!(hex(&command.write()) + trailing, hex_in, "{frame}");
    }
}

#[test]
fn every_get_names_a_report_of_its_own_class_and_no_number_is_taken_twice() {
    use latchkey::command::Kind;
    for &class in Command::CLASSES {
        let table = commands_of(class);
        assert!(!table.is_empty(), "{class}");
        for (row, index) in table.iter().zip(0..) {
            assert!(table[..index].iter().all(|earlier| earlier.number < row.number), "{class} {}", row.name);
            if let Kind::Get { reply } = row.kind {
                let answer = table.iter().find(|it| it.number == reply).unwrap_or_else(|| panic!("{class} {}", row.name));
                assert_eq!(answer.kind, Kind::Report, "{class} {}", row.name);
                assert!(answer.since <= row.since, "{class} {}", row.name);
            }
        }
    }
}
