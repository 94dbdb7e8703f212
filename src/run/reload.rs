//! Which changes of the configuration the running daemon takes over, and which it can't.

use crate::config::{Config, Mqtt};

/// What a reload brought. Keys as in the file: `home.time_zone`.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Changes {
    /// In force from now on.
    pub now: Vec<&'static str>,
    /// In force after the next start.
    pub later: Vec<&'static str>,
}

/// Compares what is in force with what was read.
pub fn compare(old: &Config, new: &Config) -> Changes {
    let mut changes = Changes::default();
    let mut now = |key, changed| changes.now.extend(Some(key).filter(|_| changed));
    now("home.name", old.home.name != new.home.name);
    now("home.time_zone", old.home.time_zone != new.home.time_zone);
    now("home.code_length", old.home.code_length != new.home.code_length);
    now("home.clock", old.home.clock != new.home.clock);
    now("store.keep", old.store.keep != new.store.keep);
    now("store.keep_events", old.store.keep_events != new.store.keep_events);
    if let (Some(old), Some(new)) = (&old.mqtt, &new.mqtt) {
        now("mqtt.url", old.url != new.url);
        now("mqtt.username", old.username != new.username);
        now("mqtt.password_file", old.password_file != new.password_file);
        now("mqtt.ca_file", old.ca_file != new.ca_file);
        now("mqtt.client_cert_file", old.client_cert_file != new.client_cert_file);
        now("mqtt.client_key_file", old.client_key_file != new.client_key_file);
        now("mqtt.publish_names", old.publish_names != new.publish_names);
    }
    let mut later = |key, changed| changes.later.extend(Some(key).filter(|_| changed));
    later("[serial]", old.serial != new.serial);
    later("store.path", old.store.path != new.store.path);
    later("store.key_file", old.store.key_file != new.store.key_file);
    later("[mqtt]", old.mqtt.is_some() != new.mqtt.is_some());
    if let (Some(old), Some(new)) = (&old.mqtt, &new.mqtt) {
        later("mqtt.base", old.base != new.base);
        later("mqtt.discovery_prefix", old.discovery_prefix != new.discovery_prefix);
    }
    later("[web]", old.web != new.web);
    later("api.socket", old.api.socket != new.api.socket);
    later("[zwave]", old.zwave != new.zwave);
    changes
}

/// The configuration in force after the reload: the new one, with the old values of what waits for the next start.
pub fn merge(old: &Config, new: Config) -> Config {
    let mqtt = match (&old.mqtt, new.mqtt) {
        (Some(old), Some(new)) => Some(Mqtt { base: old.base.clone(), discovery_prefix: old.discovery_prefix.clone(), ..new }),
        (old, _) => old.clone(),
    };
    let mut merged = Config { home: new.home, mqtt, ..old.clone() };
    merged.store.keep = new.store.keep;
    merged.store.keep_events = new.store.keep_events;
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config::parse("latchkey.toml", text, []).unwrap()
    }

    #[test]
    fn a_key_that_needs_a_restart_is_named_and_keeps_its_value() {
        let old = config("[mqtt]\nurl = \"mqtt://a\"\nbase = \"one\"\n[home]\ntime_zone = \"UTC\"");
        let new = config(
            "[mqtt]\nurl = \"mqtt://b\"\nbase = \"two\"\n[home]\ntime_zone = \"Europe/Paris\"\n[api]\nsocket = \"/x\"\n[store]\nkeep = \"30d\"",
        );
        let changes = compare(&old, &new);
        assert_eq!(changes.now, ["home.time_zone", "store.keep", "mqtt.url"]);
        assert_eq!(changes.later, ["mqtt.base", "api.socket"]);
        let merged = merge(&old, new);
        assert_eq!(merged.mqtt.as_ref().unwrap().base, "one");
        assert_eq!(merged.api, old.api);
        assert_eq!(compare(&old, &merged), Changes { later: vec![], ..changes });
    }

    #[test]
    fn a_broker_that_appears_or_goes_waits_for_the_next_start() {
        let (without, with) = (config(""), config("[mqtt]\nurl = \"mqtt://a\""));
        for (old, new) in [(&without, &with), (&with, &without)] {
            assert_eq!(compare(old, new).later, ["[mqtt]"]);
            assert_eq!(merge(old, new.clone()).mqtt, old.mqtt);
        }
    }
}
