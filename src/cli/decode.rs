//! `latchkey decode`: explains serial frames and command-class payloads, one a line, for people who read logs and bug
//! reports. Codes and keys are stars unless `--reveal` asks for them.

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::command::codec::hex;
use crate::command::configuration::Configuration;
use crate::command::door_lock_logging::DoorLockLogging;
use crate::command::entry_control::EntryControl;
use crate::command::notification::Notification;
use crate::command::security::Security;
use crate::command::transport_service::TransportService;
use crate::command::user_code::{ExtendedCode, UserCode};
use crate::command::user_credential::{AdminPinCodeReport, AdminPinCodeSet, UserCredential};
use crate::command::{ClassId, Command, ParseError, redact};
use crate::domain::pin::CodeText;
use crate::serial::frame::{self, InvalidFrame};
use crate::serial::function::Pattern;
use crate::serial::{Frame, Message, NodeIdWidth, Request};

/// What to decode, and how to print it.
#[derive(clap::Args, Debug)]
pub struct DecodeArgs {
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Show codes and keys.
    #[arg(long)]
    reveal: bool,
    /// Hex of a serial frame (01 to checksum) or of a command-class payload; `-` reads lines from standard input.
    #[arg(value_name = "HEX", required = true)]
    lines: Vec<String>,
}

/// Explains every line. A line that makes no sense says why, and the next one goes on.
pub fn run(args: DecodeArgs) -> ExitCode {
    let mut out = io::stdout().lock();
    match explain_all(&args, &mut io::stdin().lock(), &mut out).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough: `latchkey decode - | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn explain_all(args: &DecodeArgs, stdin: &mut impl BufRead, out: &mut impl Write) -> io::Result<()> {
    for argument in &args.lines {
        if argument != "-" {
            explain_line(argument, args, out)?;
            continue;
        }
        let mut line = Vec::new();
        while stdin.read_until(b'\n', &mut line)? > 0 {
            let text = String::from_utf8_lossy(&line);
            if !text.trim().is_empty() {
                explain_line(&text, args, out)?;
            }
            line.clear();
        }
    }
    Ok(())
}

fn explain_line(line: &str, args: &DecodeArgs, out: &mut impl Write) -> io::Result<()> {
    let explained = bytes_of(line).and_then(|bytes| explain(&bytes, args.reveal));
    if args.json {
        let object = match &explained {
            Ok(explained) => serde_json::to_string(explained),
            Err(why) => serde_json::to_string(&NotDecoded { ok: false, why: why.to_string() }),
        };
        return writeln!(out, "{}", object?);
    }
    match explained {
        Ok(explained) => writeln!(out, "{}", explained.sentence()),
        Err(why) => writeln!(out, "? {why}"),
    }
}

/// Why a line can't be explained. Never repeats the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
enum Undecodable {
    #[error("not hex: write two digits a byte, with or without blanks")]
    NotHex,
    #[error("there are no bytes")]
    Empty,
    #[error(transparent)]
    Frame(#[from] InvalidFrame),
}

#[derive(Serialize)]
struct NotDecoded {
    ok: bool,
    why: String,
}

/// What a line says.
#[derive(Serialize, Debug)]
struct Explained {
    layer: &'static str,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    fields: Value,
}

impl Explained {
    fn serial(function: String) -> Self {
        let fields = Value::Object(Map::new());
        Self { layer: "serial", ok: true, function: Some(function), node: None, class: None, command: None, fields }
    }

    /// For eyes: `ApplicationCommand, node 5: User Code Report (user_id 3, status 1, code_hex ****)`.
    fn sentence(&self) -> String {
        let node = self.node.map(|node| format!("node {node}"));
        let origin: Vec<_> = self.function.iter().chain(node.iter()).map(String::as_str).collect();
        let what: Vec<_> = self.class.iter().chain(self.command.iter()).map(String::as_str).collect();
        let head = [origin.join(", "), what.join(" ")];
        let head: Vec<_> = head.into_iter().filter(|part| !part.is_empty()).collect();
        let mut details = Vec::new();
        flatten("", &self.fields, &mut details);
        match details.is_empty() {
            true => head.join(": "),
            false => format!("{} ({})", head.join(": "), details.join(", ")),
        }
    }
}

fn flatten(path: &str, value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match key.as_str() {
                    // The sentence begins with the node, and goes on with what the payload says.
                    "node" if path.is_empty() => {}
                    "payload_decoded" => flatten("", value, out),
                    _ if path.is_empty() => flatten(key, value, out),
                    _ => flatten(&format!("{path}.{key}"), value, out),
                }
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (item, index) in items.iter().zip(1..) {
                flatten(&format!("{path}.{index}"), item, out);
            }
        }
        Value::Null => {}
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => out.push(format!("{path} {text}")),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => out.push(format!("{path} {value}")),
    }
}

/// Reads hex with or without blanks, colons, commas and 0x.
fn bytes_of(line: &str) -> Result<Vec<u8>, Undecodable> {
    let digits: String = line
        .split([' ', '\t', '\r', '\n', ':', ',', '-'])
        .map(|part| part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")).unwrap_or(part))
        .collect();
    if digits.is_empty() {
        return Err(Undecodable::Empty);
    }
    let nibbles: Option<Vec<u8>> = digits.chars().map(|c| c.to_digit(16).and_then(|n| u8::try_from(n).ok())).collect();
    let (pairs, []) = nibbles.as_deref().ok_or(Undecodable::NotHex)?.as_chunks::<2>() else {
        return Err(Undecodable::NotHex);
    };
    Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

fn explain(bytes: &[u8], reveal: bool) -> Result<Explained, Undecodable> {
    match *bytes {
        [frame::ACK] => Ok(Explained::serial("ACK".into())),
        [frame::NAK] => Ok(Explained::serial("NAK".into())),
        [frame::CAN] => Ok(Explained::serial("CAN".into())),
        [frame::SOF, ..] => Ok(explain_frame(&Frame::parse(bytes)?, reveal)),
        _ => {
            let inner = explain_payload(bytes, reveal).ok_or(Undecodable::Empty)?;
            let Inner { class, command, fields } = inner;
            Ok(Explained {
                layer: "cc",
                ok: true,
                function: None,
                node: None,
                class: Some(class),
                command,
                fields: fields.into(),
            })
        }
    }
}

fn explain_frame(frame: &Frame, reveal: bool) -> Explained {
    let mut explained = Explained::serial(frame.function.to_string());
    let said = said_by_host(frame).or_else(|| Message::parse(frame, NodeIdWidth::Bits8).ok().map(Said::ByStick));
    let mut fields = said.as_ref().and_then(Said::fields).unwrap_or_default();
    if !reveal && fields.contains_key("args_hex") || said.is_none() {
        // Functions we don't know may carry payloads.
        let params = if reveal { hex(&frame.params) } else { "****".into() };
        fields.insert("args_hex".into(), params.into());
    }
    if let Some(memory) = fields.get_mut("data_hex").filter(|_| !reveal) {
        // The stick's memory holds the network's keys.
        *memory = "****".into();
    }
    if said.is_none() {
        fields.insert("malformed".into(), true.into());
    }
    explained.node = fields.get("node").and_then(Value::as_u64).and_then(|node| node.try_into().ok());
    if let Some(payload) = said.as_ref().and_then(Said::payload) {
        let shown = if reveal { hex(payload) } else { redact::payload_hex(payload) };
        fields.insert("payload".into(), shown.into());
        if let Some(inner) = explain_payload(payload, reveal) {
            fields.insert("payload_decoded".into(), inner.fields.into());
            explained.class = Some(inner.class);
            explained.command = inner.command;
        }
    }
    explained.fields = fields.into();
    explained
}

/// A frame and who sent it, which the bytes alone don't say.
enum Said {
    ByHost(Request),
    ByStick(Message),
}

/// Reads a frame as a host's, unless its shape is rather that of a callback.
fn said_by_host(frame: &Frame) -> Option<Said> {
    let request = match frame.function.pattern()? {
        Pattern::Unsolicited => return None,
        Pattern::RequestOnly | Pattern::Response | Pattern::ResponseAndCallback | Pattern::Callback => {
            Request::parse(frame, NodeIdWidth::Bits8).ok()?
        }
    };
    // A node and a callback id look like a callback id and a status. Status numbers are few.
    let looks_like_callback = match (&request, frame.function.pattern()?) {
        (Request::SendData(send) | Request::SendDataBridge { send, .. }, _) => send.data.is_empty(),
        (Request::AddNode(_) | Request::RemoveNode { .. } | Request::SetLearnMode { .. }, _) => false,
        (_, Pattern::ResponseAndCallback | Pattern::Callback) => matches!(*frame.params, [_, 0..=6 | 0x21..=0x23]),
        (_, Pattern::RequestOnly | Pattern::Response | Pattern::Unsolicited) => false,
    };
    (!looks_like_callback).then_some(Said::ByHost(request))
}

impl Said {
    fn fields(&self) -> Option<Map<String, Value>> {
        let fields = match self {
            Self::ByHost(request) => serde_json::to_value(request),
            Self::ByStick(message) => serde_json::to_value(message),
        };
        match fields {
            Ok(Value::Object(fields)) => Some(fields),
            // Requests without parameters.
            Ok(_) | Err(_) => None,
        }
    }

    fn payload(&self) -> Option<&[u8]> {
        match self {
            Self::ByHost(Request::SendData(send) | Request::SendDataBridge { send, .. }) => Some(&send.data),
            Self::ByHost(Request::SendDataMulti(send) | Request::SendDataMultiBridge { send, .. }) => Some(&send.data),
            Self::ByStick(Message::ApplicationCommand(command)) => Some(&command.payload),
            Self::ByHost(_) | Self::ByStick(_) => None,
        }
    }
}

/// What an application payload says.
struct Inner {
    class: String,
    command: Option<String>,
    fields: Map<String, Value>,
}

/// `None` only where there is not even a class. What real locks cut short keeps its bytes and says so.
fn explain_payload(bytes: &[u8], reveal: bool) -> Option<Inner> {
    let (class, rest) = ClassId::split(bytes)?;
    let parsed = Command::parse(bytes);
    let refused = parsed.as_ref().err().copied();
    let command = parsed.unwrap_or_else(|_| Command::opaque(class, rest));
    let mut inner = Inner::of(&command, reveal);
    match refused {
        Some(ParseError::Truncated { .. } | ParseError::Empty) => inner.fields.insert("truncated".into(), true.into()),
        Some(ParseError::Damaged { .. }) => inner.fields.insert("crc_ok".into(), false.into()),
        None => None,
    };
    Some(inner)
}

impl Inner {
    fn of(command: &Command, reveal: bool) -> Self {
        let number = || command.number().map(|number| format!("0x{number:02x}"));
        let name = command.name().map(str::to_owned).or_else(number);
        Self { class: command.class().to_string(), command: name, fields: fields_of(command, reveal) }
    }

    fn into_json(self) -> Value {
        json!({ "class": self.class, "command": self.command, "fields": self.fields })
    }
}

fn fields_of(command: &Command, reveal: bool) -> Map<String, Value> {
    let mut fields = match serde_json::to_value(command) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => Map::new(),
    };
    if let Command::Other { body, .. } = command
        && redact::is_public(&command.write())
    {
        fields.insert("body_hex".into(), hex(&body.0).into());
    }
    if has_checksum(command) {
        fields.insert("crc_ok".into(), true.into());
    }
    let inside = || command.encapsulated().iter().map(|inner| Inner::of(inner, reveal).into_json());
    match fields.get_mut("encapsulated") {
        Some(Value::Array(shown)) => *shown = inside().collect(),
        Some(shown) => *shown = inside().next().unwrap_or_default(),
        None => {}
    }
    if reveal {
        reveal_secrets(command, &mut fields);
    }
    fields
}

/// Whether this arrived with a checksum of its own, which was right, or it would not be a command.
fn has_checksum(command: &Command) -> bool {
    matches!(
        command,
        Command::Crc16Encapsulation(_)
            | Command::TransportService(TransportService::FirstSegment(_) | TransportService::SubsequentSegment(_))
    )
}

/// Puts codes and keys where `command/` put stars.
fn reveal_secrets(command: &Command, fields: &mut Map<String, Value>) {
    match command {
        Command::UserCode(UserCode::Set(set)) => reveal_code(set.code(), fields),
        Command::UserCode(UserCode::Report(report)) => reveal_code(&report.code, fields),
        Command::UserCode(UserCode::AdminCodeSet(admin) | UserCode::AdminCodeReport(admin)) => reveal_code(&admin.code, fields),
        Command::UserCode(UserCode::ExtendedUserCodeSet(set)) => reveal_codes(set.codes(), fields),
        Command::UserCode(UserCode::ExtendedUserCodeReport(report)) => reveal_codes(&report.codes, fields),
        Command::Notification(Notification::Report(report)) => {
            if let Some(notification) = &report.notification {
                fields.insert("params_hex".into(), hex(notification.params.reveal()).into());
            }
        }
        Command::DoorLockLogging(DoorLockLogging::RecordReport(record)) => reveal_code(&record.code, fields),
        Command::UserCredential(UserCredential::CredentialSet(set)) => {
            if let Some(data) = set.data() {
                fields.insert("credential_data_hex".into(), hex(data.reveal()).into());
            }
        }
        Command::UserCredential(UserCredential::CredentialReport(report)) => {
            fields.insert("credential_data_hex".into(), hex(report.data.reveal()).into());
        }
        Command::UserCredential(
            UserCredential::AdminPinCodeSet(AdminPinCodeSet { pin_code: pin })
            | UserCredential::AdminPinCodeReport(AdminPinCodeReport { pin_code: pin, .. }),
        ) => {
            fields.insert("pin_code_hex".into(), hex(pin.reveal()).into());
        }
        Command::EntryControl(EntryControl::Notification(pressed)) => {
            fields.insert("event_data_hex".into(), hex(pressed.event_data.reveal()).into());
        }
        Command::TransportService(TransportService::FirstSegment(segment)) => {
            fields.insert("partial_datagram_hex".into(), hex(&segment.partial_datagram.0).into());
        }
        Command::TransportService(TransportService::SubsequentSegment(segment)) => {
            fields.insert("partial_datagram_hex".into(), hex(&segment.partial_datagram.0).into());
        }
        Command::Configuration(configuration) => reveal_values(configuration, fields),
        Command::Security(security) => reveal_security(security, fields),
        Command::Other { body, .. } => {
            fields.insert("body_hex".into(), hex(&body.0).into());
        }
        _ => {}
    }
}

fn reveal_code(code: &CodeText, fields: &mut Map<String, Value>) {
    fields.insert("code_hex".into(), hex(code.reveal()).into());
}

fn reveal_security(security: &Security, fields: &mut Map<String, Value>) {
    let mut show = |name: &str, bytes: &[u8]| fields.insert(name.into(), hex(bytes).into());
    match security {
        Security::NetworkKeySet(set) => {
            show("key_hex", set.key.reveal());
        }
        Security::NonceReport(report) => {
            show("nonce_hex", &report.nonce.0);
        }
        Security::CommandEncapsulation(it) | Security::CommandEncapsulationNonceGet(it) => {
            show("nonce_hex", &it.sender_nonce.0);
            show("ciphertext_hex", &it.ciphertext.0);
            show("mac_hex", &it.mac.0);
        }
        _ => {}
    }
}

/// Values of parameters are stars only where they look like a code.
fn reveal_values(configuration: &Configuration, fields: &mut Map<String, Value>) {
    let (name, bytes) = match configuration {
        Configuration::Set(set) => ("value_hex", set.value.bytes()),
        Configuration::Report(report) => ("value_hex", report.value.bytes()),
        Configuration::BulkSet(set) => ("values_hex", set.values.bytes()),
        Configuration::BulkReport(report) => ("values_hex", report.values.bytes()),
        _ => return,
    };
    fields.insert(name.into(), hex(bytes).into());
}

fn reveal_codes(codes: &[ExtendedCode], fields: &mut Map<String, Value>) {
    let shown = fields.get_mut("codes").and_then(Value::as_array_mut).into_iter().flatten();
    for (code, shown) in codes.iter().zip(shown) {
        if let Some(shown) = shown.as_object_mut() {
            reveal_code(code.code(), shown);
        }
    }
}

#[cfg(test)]
mod tests;
