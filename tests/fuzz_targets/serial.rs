//! The bytes of the stick, and the commands inside them.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use latchkey::command::door_lock_logging::DoorLockLogging;
use latchkey::command::user_code::UserCode;
use latchkey::command::{self, Command};
use latchkey::domain::time::Instant;
use latchkey::serial::link::{Link, LinkEvent, SendId};
use latchkey::serial::{Decoder, Frame, FrameType, FunctionId, Message, NodeIdWidth, Received, Request};

use super::Script;

/// The byte stream, however it is cut; and every parser behind it, without waiting for a checksum that fits.
pub fn frame(data: &[u8]) {
    let Some((&cut, stream)) = data.split_first() else { return };
    let whole = decoded(&mut std::iter::once(stream));
    let pieces = decoded(&mut stream.chunks(usize::from(cut).max(1)));
    assert_eq!(whole, pieces, "the same bytes mean something else when they are cut");
    for received in whole {
        if let Received::Frame(frame) = received {
            assert_eq!(Frame::parse(&frame.encode()).as_ref(), Ok(&frame));
            meaning(&frame);
        }
    }
    let kind = if cut & 1 == 0 { FrameType::Request } else { FrameType::Response };
    if let Some((&function, params)) = stream.split_first() {
        let params = params.get(..252).unwrap_or(params);
        meaning(&Frame { kind, function: FunctionId(function), params: Bytes::copy_from_slice(params) });
    }
    if let Ok(frame) = Frame::parse(stream) {
        assert_eq!(frame.encode(), stream);
    }
}

/// What is read, without how much garbage lay at one place.
fn decoded(chunks: &mut dyn Iterator<Item = &[u8]>) -> Vec<Received> {
    let mut decoder = Decoder::new();
    let mut all = Vec::new();
    for chunk in chunks {
        decoder.push(chunk);
        all.extend(std::iter::from_fn(|| decoder.next()));
    }
    all.retain(|received| !matches!(received, Received::Garbage(_)));
    all
}

fn meaning(frame: &Frame) {
    for width in [NodeIdWidth::Bits8, NodeIdWidth::Bits16] {
        if let Ok((message, width)) = Message::parse_detecting(frame, width) {
            let _ = (format!("{message:?}"), serde_json::to_string(&message).unwrap());
            let written = message.write(width);
            // What we can write, we write the same for ever: nothing drifts from parse to parse.
            if let Ok(again) = Message::parse(&written, width) {
                assert_eq!(again.write(width).encode(), written.encode(), "{message:?}");
            }
        }
        if let Ok(request) = Request::parse(frame, width) {
            let _ = (format!("{request:?}"), serde_json::to_string(&request).unwrap());
            if let Ok(written) = request.write(width) {
                let again = Request::parse(&written, width).unwrap_or_else(|error| panic!("{error}: {request:?}"));
                assert_eq!(again, request);
            }
        }
    }
}

/// A payload of a node.
pub fn command(data: &[u8]) {
    let _ = (command::redact::payload_hex(data), command::redact::params_hex(data));
    let Ok(command) = Command::parse(data) else { return };
    let _ = (format!("{command:?}"), command.to_string(), serde_json::to_string(&command).unwrap(), command.spec());
    codes_stay_hidden(&command, data);
    let written = command.write();
    let again = Command::parse(&written).unwrap_or_else(|error| panic!("{error}: {command:?}"));
    assert_eq!(again, command, "read otherwise than it was written: {written:02x?}");
    assert_eq!(again.write(), written);
}

/// Shorter ones may stand in an output by chance.
const TELLING: usize = 6;

fn codes_stay_hidden(command: &Command, payload: &[u8]) {
    let code = match command {
        Command::UserCode(UserCode::Set(it)) => it.code(),
        Command::UserCode(UserCode::Report(it)) => &it.code,
        Command::UserCode(UserCode::AdminCodeReport(it)) => &it.code,
        Command::DoorLockLogging(DoorLockLogging::RecordReport(it)) => &it.code,
        _ => return,
    };
    let Ok(code) = std::str::from_utf8(code.reveal()) else { return };
    if code.len() >= TELLING && code.bytes().all(|byte| byte.is_ascii_digit()) {
        let digits = command::codec::hex(code.as_bytes());
        let said = format!("{command:?} {command} {}", serde_json::to_string(command).unwrap());
        let bytes = command::redact::payload_hex(payload);
        // Its digits before it are other bytes that happen to be the same.
        let before = payload.get(..payload.len().saturating_sub(code.len())).unwrap_or_default();
        if command::codec::hex(before).contains(&digits) {
            return;
        }
        assert!(!said.contains(code) && !bytes.contains(&digits), "a code shows: {said} {bytes}");
    }
}

/// The machine between both ends of the line, with bytes, frames of ours and time in any order.
pub fn link(data: &[u8]) {
    let mut script = Script(data);
    let (mut link, mut now) = (Link::new(), Instant::ZERO);
    let (mut sent, mut told) = (0, BTreeSet::new());
    while !script.is_over() {
        match script.byte() % 5 {
            0 => link.bytes(script.bytes(), now),
            1 => {
                sent += 1;
                link.send(SendId(sent), Frame::request(FunctionId(script.byte()), Bytes::copy_from_slice(script.bytes())));
            }
            2 => now = now + Duration::from_millis(u64::from(script.byte()) * 16),
            3 => {
                if let Some(deadline) = link.poll_deadline() {
                    now = now.max(deadline.at);
                    link.handle_timeout(now);
                    let left = link.poll_deadline();
                    assert!(left.as_ref().is_none_or(|left| left.at > now), "nothing becomes of {left:?} at {now:?}");
                }
            }
            _ => {
                let good = Frame::request(FunctionId(script.byte()), Bytes::copy_from_slice(script.bytes()));
                link.bytes(&good.encode(), now);
            }
        }
        while let Some(bytes) = link.poll_transmit(now) {
            assert!(!bytes.is_empty());
        }
        hear(&mut link, &mut told);
    }
    link.close();
    hear(&mut link, &mut told);
    assert!(link.is_quiet());
    assert_eq!(told.len(), usize::try_from(sent).unwrap(), "the fate of a frame was not told");
}

fn hear(link: &mut Link, told: &mut BTreeSet<SendId>) {
    while let Some(event) = link.poll_event() {
        if let LinkEvent::Sent(id) | LinkEvent::Failed(id, _) = event {
            assert!(told.insert(id), "{id:?} ended twice");
        }
    }
}
