//! A unit file as systemd reads it: comments are not settings, and a setting may be said several times.

use std::fs;

use super::shipped;

pub struct UnitFile {
    /// (section, key, value), in order.
    settings: Vec<(String, String, String)>,
}

impl UnitFile {
    pub fn shipped() -> Self {
        Self::parse(&fs::read_to_string(shipped("latchkey.service")).unwrap())
    }

    fn parse(text: &str) -> Self {
        let mut section = String::new();
        let mut settings = Vec::new();
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with(['#', ';'])) {
            assert!(!line.ends_with('\\'), "these tests read no continued lines: {line}");
            if let Some(name) = line.strip_prefix('[') {
                section = name.strip_suffix(']').unwrap_or_else(|| panic!("no section: {line}")).to_owned();
            } else {
                let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("no setting: {line}"));
                settings.push((section.clone(), key.trim().to_owned(), value.trim().to_owned()));
            }
        }
        Self { settings }
    }

    /// Every value of a setting, in order.
    pub fn all(&self, section: &str, key: &str) -> Vec<&str> {
        self.settings.iter().filter(|(s, k, _)| s == section && k == key).map(|(_, _, value)| value.as_str()).collect()
    }

    /// Every word of a setting that is a list.
    pub fn words(&self, section: &str, key: &str) -> Vec<&str> {
        self.all(section, key).into_iter().flat_map(str::split_whitespace).collect()
    }
}
