//! The files Z-Wave JS keeps its cache in: a database that is only appended to, one JSON object a line.
//!
//! `{"k": key, "v": value, "ts": milliseconds}`. Later lines go before earlier ones; a line without a value takes the key
//! away; empty lines mean nothing. A machine that lost power leaves half a line at the end.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::domain::time::Timestamp;

/// What is left when every line was followed.
#[derive(Default)]
pub(super) struct Database {
    /// By key, in the order of the keys.
    pub(super) entries: BTreeMap<String, Entry>,
    /// The last line was cut off.
    pub(super) cut: bool,
}

pub(super) struct Entry {
    pub(super) value: Value,
    /// When it was written, where the file says so.
    pub(super) at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Line {
    k: String,
    v: Option<Value>,
    ts: Option<i64>,
}

impl Database {
    /// Reads a file. `Err`: the number of the first line, from 1, that is none of such a file, the last one aside.
    pub(super) fn parse(text: &str) -> Result<Self, usize> {
        let mut database = Self::default();
        let mut lines = text.split('\n').enumerate().peekable();
        while let Some((n, line)) = lines.next() {
            let line = line.trim_end_matches('\r');
            if line.is_empty() {
                continue;
            }
            match serde_json::from_str(line) {
                Ok(Line { k, v: Some(value), ts }) => {
                    database.entries.insert(k, Entry { value, at: ts.map(Timestamp::from_millis) });
                }
                Ok(Line { k, v: None, .. }) => {
                    database.entries.remove(&k);
                }
                // Whole lines end with a line feed, so that something follows them.
                Err(_) if lines.peek().is_none() && n > 0 => database.cut = true,
                Err(_) => return Err(n + 1),
            }
        }
        Ok(database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<(String, String)> {
        Database::parse(text).unwrap().entries.into_iter().map(|(key, entry)| (key, entry.value.to_string())).collect()
    }

    #[test]
    fn the_last_line_about_a_key_counts() {
        let text = "{\"k\":\"a\",\"v\":1}\n{\"k\":\"b\",\"v\":1,\"ts\":5}\n\n{\"k\":\"a\",\"v\":2}\r\n{\"k\":\"b\"}\n{\"k\":\"c\",\"v\":false}\n";
        assert_eq!(keys(text), [("a".into(), "2".into()), ("c".into(), "false".into())]);
    }

    #[test]
    fn half_a_line_at_the_end_is_a_power_cut_and_elsewhere_damage() {
        let database = Database::parse("{\"k\":\"a\",\"v\":1}\n{\"k\":\"b\",\"v\"").unwrap();
        assert!(database.cut && database.entries.len() == 1);
        assert_eq!(Database::parse("{\"k\":\"a\",\"v\":1}\n{\"k\":\"b\",\"v\"\n{\"k\":\"c\",\"v\":1}\n").err(), Some(2));
        assert_eq!(Database::parse("not a cache").err(), Some(1));
        assert!(!Database::parse("{\"k\":\"a\",\"v\":1}").unwrap().cut, "whole, although nothing follows it");
    }
}
