//! What people, brokers and other programs write.

use latchkey::config::Config;
use latchkey::domain::entropy::Entropy;
use latchkey::domain::ids::HomeId;
use latchkey::import::zwave_js::{self, Source};
use latchkey::mqtt::topic::{Inbound, Topics};
use latchkey::mqtt::url::BrokerUrl;
use latchkey::security::dsk::Dsk;
use latchkey::security::key_exchange::DskPin;
use latchkey::security::key_file::KeyFile;
use latchkey::security::qr::QrCode;
use latchkey::sim::{Blueprint, World};
use zeroize::Zeroizing;

/// What is printed on a device, and keys as text.
pub fn qr(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match QrCode::parse(text) {
        Ok(code) => assert_eq!(Dsk::parse(&code.dsk.text()).as_ref(), Ok(&code.dsk)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    match Dsk::parse(text) {
        Ok(dsk) => assert_eq!(Dsk::parse(&dsk.text()), Ok(dsk)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let _ = DskPin::parse(text).map_err(|error| error.to_string());
    let _ = KeyFile::parse(text).map_err(|error| error.to_string());
}

/// The configuration, a world file, the address of a broker.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Config::parse("latchkey.toml", text, []) {
        Ok(config) => drop(format!("{config:?}")),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    match Blueprint::parse("world.toml", text) {
        Ok(blueprint) => drop(World::new(&blueprint, &Entropy::from_number(1))),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(url) = text.parse::<BrokerUrl>() {
        assert_eq!(url.to_string().parse(), Ok(url));
    }
}

/// The cache of Z-Wave JS: nodes, then values, then keys, with lines of `--` between.
pub fn import(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let names = ["c0ffee01.jsonl", "c0ffee01.values.jsonl", "settings.json", "nodes.json"];
    let files: Vec<_> = names
        .into_iter()
        .zip(text.split("\n--\n"))
        .map(|(name, text)| Source { name: name.to_owned(), text: Zeroizing::new(text.to_owned()) })
        .collect();
    match zwave_js::read(&files, Some(HomeId(0xC0FF_EE01))) {
        Ok(imported) => drop(imported.into_takeover()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A message of the broker: whether it was retained, the topic, a line end, the payload.
pub fn mqtt(data: &[u8]) {
    let Some((&retained, rest)) = data.split_first() else { return };
    let at = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let (topic, payload) = rest.split_at(at);
    let Ok(topic) = std::str::from_utf8(topic) else { return };
    let payload = payload.get(1..).unwrap_or_default();
    let retained = retained & 1 == 1;
    let topics = Topics::new("latchkey", "homeassistant").unwrap();
    match topics.parse_inbound(topic, retained, payload) {
        Inbound::Command { device, .. } => {
            assert!(!retained, "a command that lay at the broker was obeyed");
            assert_eq!(topic, format!("latchkey/device/{device}/set"));
        }
        Inbound::HomeAssistantOnline => assert_eq!((topic, payload), ("homeassistant/status", &b"online"[..])),
        Inbound::Ignored(_) => {}
    }
    if let Ok(topics) = Topics::new(topic, "homeassistant") {
        assert!(topics.subscriptions().iter().all(|topic| topic.len() < 65_536 && !topic.contains('\0')));
    }
}
