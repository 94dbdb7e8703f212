//! Where Z-Wave JS's users keep their network keys. Each tool has its own file, and in all of them the names are the same
//! few, so every JSON text is searched for those:
//!
//! | file | of | names |
//! | --- | --- | --- |
//! | `settings.json` | Z-Wave JS UI | `zwave.securityKeys.S0_Legacy` …, `zwave.securityKeysLongRange.S2_AccessControl` … |
//! | `options.json` | Home Assistant's add-on | `s0_legacy_key`, `s2_access_control_key` …, `lr_s2_access_control_key` …; `network_key` of old |
//! | `core.config_entries` | Home Assistant | the same, in the entry of the domain `zwave_js` |
//! | any other | the driver's options, and our own key files | as in `settings.json`, or the six names themselves |
//! | `<home id>.jsonl` | the driver's cache | `controller.securityKeys.S0_Legacy` …, where it joined another's network |

use serde_json::Value;
use zeroize::Zeroize;

use crate::security::crypto::Key;
use crate::security::key_file::{KeyFault, key_from_hex};
use crate::security::keys::KeyId;

/// A key that was found, or what is wrong with it.
pub(super) type Found = (KeyId, Result<Key, KeyFault>);

/// Every key in a JSON text; `Err`: the line where it stops being JSON.
pub(super) fn in_json(text: &str) -> Result<Vec<Found>, usize> {
    let mut value = serde_json::from_str(text).map_err(|error: serde_json::Error| error.line())?;
    let mut found = Vec::new();
    search(&value, false, &mut found);
    wipe(&mut value);
    Ok(found)
}

/// The key that an entry of the driver's cache holds, if it is one.
pub(super) fn in_cache(key: &str, value: &Value) -> Option<Found> {
    let (id, text) = match key.strip_prefix("controller.securityKey")?.split_once('.')? {
        ("s", name) => (id_of(name, false)?, value),
        ("LongRange" | "sLongRange", name) => (id_of(name, true)?, value),
        _ => return None,
    };
    Some((id, read(text)?))
}

fn search(value: &Value, long_range: bool, found: &mut Vec<Found>) {
    match value {
        Value::Object(members) => {
            // Home Assistant keeps the keys of other integrations in the same file.
            if members.get("domain").is_some_and(|domain| domain != "zwave_js") {
                return;
            }
            for (name, value) in members {
                match id_of(name, long_range) {
                    Some(id) => found.extend(read(value).map(|key| (id, key))),
                    None => search(value, name.ends_with("LongRange"), found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| search(item, long_range, found)),
        _ => {}
    }
}

/// Which key a name means.
fn id_of(name: &str, long_range: bool) -> Option<KeyId> {
    Some(match (name, long_range) {
        ("S0_Legacy" | "s0_legacy_key" | "network_key" | "networkKey", false) => KeyId::S0,
        ("S2_Unauthenticated" | "s2_unauthenticated_key", false) => KeyId::Unauthenticated,
        ("S2_Authenticated" | "s2_authenticated_key", false) => KeyId::Authenticated,
        ("S2_AccessControl" | "s2_access_control_key", false) => KeyId::AccessControl,
        ("S2_Authenticated_LR" | "lr_s2_authenticated_key", _) | ("S2_Authenticated", true) => KeyId::AuthenticatedLongRange,
        ("S2_AccessControl_LR" | "lr_s2_access_control_key", _) | ("S2_AccessControl", true) => KeyId::AccessControlLongRange,
        _ => return None,
    })
}

/// The key itself; `None` where a tool left the place empty.
fn read(value: &Value) -> Option<Result<Key, KeyFault>> {
    match value {
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(key_from_hex(text.trim())),
        Value::Null => None,
        _ => Some(Err(KeyFault::NotText)),
    }
}

/// Overwrites every text: some were keys.
fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KEY: &str = "0102030405060708090A0B0C0D0E0F10";

    fn ids(value: &Value) -> Vec<KeyId> {
        let mut ids: Vec<_> =
            in_json(&value.to_string()).unwrap().into_iter().map(|(id, key)| key.map(|_| id).unwrap()).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn keys_are_found_wherever_the_tools_keep_them() {
        let names = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), KEY.into())).collect::<serde_json::Map<_, _>>();
        let classic = names(&["S0_Legacy", "S2_Unauthenticated", "S2_Authenticated", "S2_AccessControl"]);
        let far = names(&["S2_Authenticated", "S2_AccessControl"]);
        let settings = json!({"mqtt": {"name": "x"}, "zwave": {"port": "/dev/ttyACM0", "securityKeys": classic, "securityKeysLongRange": far}});
        assert_eq!(ids(&settings), KeyId::ALL);

        let add_on = names(&[
            "s0_legacy_key",
            "s2_unauthenticated_key",
            "s2_authenticated_key",
            "s2_access_control_key",
            "lr_s2_authenticated_key",
            "lr_s2_access_control_key",
        ]);
        assert_eq!(ids(&json!(add_on)), KeyId::ALL);
        let zigbee = json!({"domain": "zha", "data": {"network_key": KEY}});
        let entries = json!({"data": {"entries": [zigbee, {"domain": "zwave_js", "data": add_on}]}});
        assert_eq!(ids(&entries), KeyId::ALL);

        assert_eq!(
            ids(
                &json!({"network_key": "0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x10"})
            ),
            [KeyId::S0]
        );
        assert_eq!(ids(&json!({"S2_AccessControl_LR": KEY})), [KeyId::AccessControlLongRange]);
        assert_eq!(ids(&json!({"s0_legacy_key": "", "s2_access_control_key": null})), []);
    }

    #[test]
    fn a_cache_that_learnt_keys_from_another_controller_tells_them() {
        let found = |key: &str| in_cache(key, &json!(KEY)).map(|(id, _)| id);
        assert_eq!(found("controller.securityKeys.S2_AccessControl"), Some(KeyId::AccessControl));
        assert_eq!(found("controller.securityKeyLongRange.S2_AccessControl"), Some(KeyId::AccessControlLongRange));
        assert_eq!(found("controller.privateKey"), None);
        assert_eq!(found("node.2.securityClasses.S2_AccessControl"), None);
    }

    #[test]
    fn a_key_that_is_too_short_is_a_fault_and_not_a_key() {
        let found = in_json(&json!({"S0_Legacy": &KEY[1..]}).to_string()).unwrap();
        assert_eq!(found, [(KeyId::S0, Err(KeyFault::Length(31)))]);
        assert_eq!(in_json("{\n\"S0_Legacy\": \"").err(), Some(2));
    }
}
