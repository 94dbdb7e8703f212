//! What was written, and where: the file's keys with their lines, overlaid with the environment. Knows which keys
//! exist, and nothing about what they mean.

use std::collections::BTreeMap;
use std::fmt;

use toml::de::{DeTable, DeValue};

/// Every section and its keys.
const SECTIONS: [(&str, &[&str]); 7] = [
    ("serial", &["port", "soft_reset"]),
    ("store", &["path", "key_file", "keep", "keep_events"]),
    (
        "mqtt",
        &[
            "url",
            "base",
            "discovery_prefix",
            "username",
            "password_file",
            "ca_file",
            "client_cert_file",
            "client_key_file",
            "publish_names",
        ],
    ),
    ("web", &["listen", "tls", "trusted_proxy", "metrics"]),
    ("api", &["socket"]),
    ("home", &["name", "time_zone", "code_length", "clock"]),
    ("zwave", &["region", "keys_file", "credential", "check_interval", "frame_budget_per_day"]),
];

/// What is wrong with a configuration: where, and what to write instead. One line.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{place}: {what}; {remedy}")]
pub struct ConfigError {
    /// File and line, or the environment.
    pub place: String,
    /// The key, and what is wrong with it.
    pub what: String,
    pub remedy: String,
}

type Key = (&'static str, &'static str);

/// Everything that was written.
pub(super) struct Source {
    file: String,
    given: BTreeMap<Key, Given>,
    /// Sections with a heading in the file, which may be empty.
    headings: Vec<&'static str>,
}

struct Given {
    value: Value,
    place: String,
}

/// A value before anybody asked what it means. The environment knows text only.
pub(super) enum Value {
    Text(String),
    Number(i64),
    List(Vec<String>),
}

impl Source {
    pub(super) fn read(file: &str, text: &str, env: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut source = Self { file: file.into(), given: BTreeMap::new(), headings: Vec::new() };
        source.read_file(text)?;
        for (name, value) in env {
            source.read_variable(&name, value)?;
        }
        Ok(source)
    }

    fn read_file(&mut self, text: &str) -> Result<(), ConfigError> {
        let place = |offset: usize| {
            let line = 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
            format!("{}:{line}", self.file)
        };
        let document = DeTable::parse(text).map_err(|error| ConfigError {
            place: place(error.span().map_or(0, |span| span.start)),
            what: format!("not TOML: {}", error.message().replace('\n', ", ")),
            remedy: "`latchkey config` prints a template".into(),
        })?;
        let mut given = BTreeMap::new();
        let mut headings = Vec::new();
        for (name, section) in document.get_ref() {
            let place_of_name = place(name.span().start);
            let (heading, keys) =
                known_section(name.get_ref()).ok_or_else(|| unknown_section(place_of_name.clone(), name.get_ref()))?;
            let DeValue::Table(table) = section.get_ref() else {
                return Err(ConfigError {
                    place: place_of_name,
                    what: format!("{heading} is a section, not a key"),
                    remedy: format!("write [{heading}] on a line of its own and the keys below it"),
                });
            };
            headings.push(heading);
            for (name, value) in table {
                let place = place(name.span().start);
                let Some(key) = keys.iter().find(|key| **key == name.get_ref()) else {
                    return Err(unknown_key(place, heading, keys, name.get_ref()));
                };
                let value = Value::from_toml(value.get_ref()).map_err(|found| ConfigError {
                    place: place.clone(),
                    what: format!("{heading}.{key} can't be {found}"),
                    remedy: "`latchkey config` shows how it is written".into(),
                })?;
                given.insert((heading, *key), Given { value, place });
            }
        }
        self.given = given;
        self.headings = headings;
        Ok(())
    }

    /// Takes a variable if it is one of ours: `LATCHKEY_SECTION__KEY`, told by the two underscores.
    fn read_variable(&mut self, name: &str, value: String) -> Result<(), ConfigError> {
        let Some((section, key)) = name.strip_prefix("LATCHKEY_").and_then(|rest| rest.split_once("__")) else {
            return Ok(());
        };
        let (section, key) = (section.to_ascii_lowercase(), key.to_ascii_lowercase());
        let place = format!("environment variable {name}");
        let (section, keys) = known_section(&section).ok_or_else(|| unknown_section(place.clone(), &section))?;
        let Some(key) = keys.iter().find(|known| **known == key) else {
            return Err(unknown_key(place, section, keys, &key));
        };
        if value.is_empty() {
            self.given.remove(&(section, *key));
        } else {
            self.given.insert((section, *key), Given { value: Value::Text(value), place });
        }
        Ok(())
    }

    /// Whether anything was said in a section, its heading alone included.
    pub(super) fn mentions(&self, section: &str) -> bool {
        self.headings.contains(&section) || self.given.keys().any(|(of, _)| *of == section)
    }

    /// Whether a key was given.
    pub(super) fn has(&self, section: &'static str, key: &'static str) -> bool {
        self.given.contains_key(&(section, key))
    }

    /// The value of a key as `parse` understands it. `parse` says what is wrong, `remedy` what to write instead.
    pub(super) fn value<T>(
        &self,
        section: &'static str,
        key: &'static str,
        remedy: &str,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        debug_assert!(known_section(section).is_some_and(|(_, keys)| keys.contains(&key)), "{section}.{key} is not listed");
        let Some(given) = self.given.get(&(section, key)) else { return Ok(None) };
        parse(&given.value).map(Some).map_err(|what| self.error(section, key, &what, remedy))
    }

    /// An error about a key, at the place where it was given, or at the file if it was not.
    pub(super) fn error(&self, section: &'static str, key: &'static str, what: &str, remedy: &str) -> ConfigError {
        ConfigError {
            place: self.given.get(&(section, key)).map_or_else(|| self.file.clone(), |given| given.place.clone()),
            what: format!("{section}.{key} {what}"),
            remedy: format!("write {remedy}"),
        }
    }
}

impl Value {
    /// The value, or the name of a type that no key has.
    fn from_toml(value: &DeValue<'_>) -> Result<Self, &'static str> {
        match value {
            DeValue::String(text) => Ok(Self::Text(text.to_string())),
            DeValue::Integer(digits) => {
                i64::from_str_radix(digits.as_str(), digits.radix()).map(Self::Number).map_err(|_| "a number that large")
            }
            DeValue::Array(items) => {
                let texts = items.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
                texts.collect::<Option<_>>().map(Self::List).ok_or("a list of anything but texts")
            }
            DeValue::Float(_) => Err("a number with a fraction"),
            DeValue::Boolean(_) => Err("true or false"),
            DeValue::Datetime(_) => Err("a date"),
            DeValue::Table(_) => Err("a section"),
        }
    }

    /// A text that is not empty.
    pub(super) fn text(&self) -> Result<&str, String> {
        match self {
            Self::Text(text) if text.trim().is_empty() => Err("is empty".into()),
            Self::Text(text) => Ok(text),
            Self::Number(_) => Err("is a number, not a text in quotes".into()),
            Self::List(_) => Err("is a list, not a text in quotes".into()),
        }
    }

    /// A whole number; as a text, too.
    pub(super) fn number(&self) -> Result<i64, String> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Text(text) => text.trim().parse().map_err(|_| format!("is {text:?}, not a number")),
            Self::List(_) => Err("is a list, not a number".into()),
        }
    }

    /// A list of texts; one text is split at its commas.
    pub(super) fn list(&self) -> Result<Vec<&str>, String> {
        match self {
            Self::List(items) => Ok(items.iter().map(|item| item.trim()).collect()),
            Self::Text(text) => Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()),
            Self::Number(_) => Err("is a number, not a list".into()),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.given.keys()).finish()
    }
}

fn known_section(name: &str) -> Option<(&'static str, &'static [&'static str])> {
    SECTIONS.into_iter().find(|(section, _)| *section == name)
}

fn unknown_section(place: String, name: &str) -> ConfigError {
    let names = SECTIONS.map(|(section, _)| section);
    let home = SECTIONS.iter().find(|(_, keys)| keys.contains(&name));
    let remedy = match (closest(name, &names), home) {
        (Some(close), _) => format!("did you mean [{close}]?"),
        (None, Some((section, _))) => format!("{name} belongs below [{section}]"),
        (None, None) => format!("there are {}", names.join(", ")),
    };
    ConfigError { place, what: format!("there is no section {}", one_line(name)), remedy }
}

fn unknown_key(place: String, section: &str, keys: &[&'static str], name: &str) -> ConfigError {
    let home = SECTIONS.iter().find(|(_, keys)| keys.contains(&name));
    let remedy = match (closest(name, keys), home) {
        (Some(close), _) => format!("did you mean {close}?"),
        (None, Some((section, _))) => format!("{name} belongs below [{section}]"),
        (None, None) => format!("[{section}] has {}", keys.join(", ")),
    };
    ConfigError { place, what: format!("there is no key {section}.{}", one_line(name)), remedy }
}

/// A name from the file as part of an error that must stay one line.
fn one_line(name: &str) -> String {
    name.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The name that was probably meant: at most a third of its letters are wrong.
fn closest(name: &str, names: &[&'static str]) -> Option<&'static str> {
    let name = name.to_lowercase();
    let near = names.iter().map(|known| (edits(&name, known), *known)).min()?;
    (near.0 <= near.1.len().div_ceil(3)).then_some(near.1)
}

/// How many letters have to be put in, taken out or changed to make `b` of `a` (Levenshtein).
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(b.chars()) {
            let above = *cell;
            left = (diagonal + usize::from(from != to)).min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
