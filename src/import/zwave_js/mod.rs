//! A network that Z-Wave JS looked after: its keys, its nodes, and what was in its locks' slots.
//!
//! The stick stays, and with it the home id and every node; nothing has to be included again. Whoever opens the files
//! (`cli::import`) hands their texts over; what can't be taken along is said in sentences. Nothing that is printed here
//! has a code or a key in it.

mod jsonl;
mod keys;
mod nodes;

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::wire::fitting_name;
use crate::command::ClassId;
use crate::domain::ids::{HomeId, NodeId};
use crate::domain::node::{InterviewStage, Node, SecurityClass};
use crate::domain::slot::Content;
use crate::domain::takeover::{LockTakeover, Takeover};
use crate::domain::time::Timestamp;
use crate::security::key_file::{InvalidKeyFile, KeyFault, KeyFile};
use crate::security::keys::KeyId;

use jsonl::Database;

/// The newest format of the cache that is known here.
const CACHE_FORMAT: u64 = 2;

pub struct Source {
    /// Its name, without folders.
    pub name: String,
    /// What is in it: keys and codes, too.
    pub text: Zeroizing<String>,
}

#[derive(Debug)]
pub struct Imported {
    /// The home id of the network.
    pub home: HomeId,
    pub keys: KeyFile,
    pub locks: Vec<ImportedLock>,
    /// The other nodes: they stay in the network, and are left alone.
    pub others: Vec<Node>,
    /// What could not be taken along, and what to do about it. One sentence each.
    pub left_out: Vec<String>,
}

#[derive(Debug)]
pub struct ImportedLock {
    pub node: Node,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// Its slots, by number; those nobody looked at are not here.
    pub slots: BTreeMap<u16, SlotSeen>,
}

/// What Z-Wave JS last saw in a slot. The lock may have changed since.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SlotSeen {
    pub content: Content,
    pub at: Option<Timestamp>,
}

/// Why nothing can be taken. Each says what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ImportError {
    #[error(
        "there is no cache of Z-Wave JS (a file named <home id>.jsonl); give the folder it keeps its files in, such as Z-Wave JS UI's store"
    )]
    NoCache,
    /// The cache of Z-Wave JS 7 and before.
    #[error("{0} is a cache of Z-Wave JS 7 or older; start version 8 or newer once, which rewrites it, and import again")]
    OldCache(String),
    /// Caches of several networks.
    #[error("there are caches of several networks ({}); give the path of the one to import", files.join(", "))]
    SeveralNetworks { files: Vec<String> },
    /// A line that is none.
    #[error(
        "line {line} of {file} is damaged; stop Z-Wave JS, start it once more so that it repairs its files, and import again"
    )]
    Damaged {
        file: String,
        /// The line, from 1.
        line: usize,
    },
    #[error("{file} has format {found}, and up to {CACHE_FORMAT} is known here; install a newer Latchkey")]
    NewerCache { file: String, found: u64 },
    /// Nothing in the cache.
    #[error("{0} has no nodes; let Z-Wave JS run with the stick once, then import again")]
    NoNodes(String),
    /// A settings file that is none.
    #[error("{file} is not JSON (line {line}); give the file as the other program wrote it")]
    NotJson {
        file: String,
        /// Where it stops being JSON.
        line: usize,
    },
    /// A key that can't be one.
    #[error("{file}: {} {fault}; write its 32 hexadecimal digits as the other software shows them", id.name())]
    Key {
        file: String,
        id: KeyId,
        /// What is wrong with it.
        fault: KeyFault,
    },
    /// Two files, two keys.
    #[error("{} and {} have different keys for {}; leave the right one where it is, and take the other file away", files[0], files[1], id.name())]
    KeysDisagree { id: KeyId, files: [String; 2] },
    /// Keys that protect nothing from each other.
    #[error("{0}")]
    Keys(InvalidKeyFile),
}

/// Whether a file of this name is worth opening.
pub fn wants(name: &str) -> bool {
    home_of(name, ".jsonl").is_some()
        || home_of(name, ".values.jsonl").is_some()
        || home_of(name, ".json").is_some()
        || matches!(name, "settings.json" | "options.json" | "core.config_entries" | "keys.json" | "nodes.json")
}

/// Of the files with these names, those whose text [`read`] looks into: where it is not certain which network is meant, or where
/// a file only says by its name that it is of no use, nothing has to be read to say so.
pub fn needed<'a>(names: &[&'a str], which: Option<HomeId>) -> Vec<&'a str> {
    let caches = names.iter().filter_map(|name| home_of(name, ".jsonl")).filter(|home| which.is_none_or(|which| which == *home));
    let [home] = caches.collect::<Vec<_>>()[..] else { return Vec::new() };
    let of_home = |name: &str| [".jsonl", ".values.jsonl"].iter().any(|suffix| home_of(name, suffix) == Some(home));
    let of_any = |name: &str| name.ends_with(".jsonl") || home_of(name, ".json").is_some();
    names.iter().copied().filter(|name| of_home(name) || !of_any(name)).collect()
}

/// Reads the files of a network. `which` is its home id, where somebody named one.
pub fn read(files: &[Source], which: Option<HomeId>) -> Result<Imported, ImportError> {
    let (home, cache_file) = cache_of(files, which)?;
    let mut left_out = Vec::new();
    let cache = database(cache_file, &mut left_out)?;
    if let Some(found) = cache.entries.get("cacheFormat").and_then(|entry| entry.value.as_u64())
        && found > CACHE_FORMAT
    {
        return Err(ImportError::NewerCache { file: cache_file.name.clone(), found });
    }
    let values = match files.iter().find(|file| home_of(&file.name, ".values.jsonl") == Some(home)) {
        Some(file) => database(file, &mut left_out)?,
        None => {
            left_out.push(format!(
                "There is no file {:08x}.values.jsonl: products, names and slots are asked of the locks instead.",
                home.0
            ));
            Database::default()
        }
    };

    let keys = keys_in(files, cache_file, &cache)?;
    let names = names_in(files, home);
    let mut imported = Imported { home, keys, locks: Vec::new(), others: Vec::new(), left_out };
    for (id, found) in nodes::of(&cache, &values) {
        if !found.is_us {
            imported.take(found, names.get(&id).cloned());
        }
    }
    if imported.locks.is_empty() && imported.others.is_empty() {
        return Err(ImportError::NoNodes(cache_file.name.clone()));
    }
    imported.say_what_stays(&cache);
    Ok(imported)
}

impl Imported {
    /// What the daemon takes over.
    pub fn into_takeover(self) -> Takeover {
        let locks = self.locks.into_iter().map(|ImportedLock { node, name, slots }| {
            let taken = slots.into_iter().filter(|(_, seen)| seen.content.is_occupied());
            LockTakeover { node, name, taken: taken.map(|(index, seen)| (index, seen.content)).collect() }
        });
        Takeover { home: self.home, keys: self.keys, locks: locks.collect(), others: self.others }
    }

    fn take(&mut self, found: nodes::Found, name: Option<String>) {
        let nodes::Found { mut node, name: own_name, slots, interviewed, security_known, .. } = found;
        let name = name.or(own_name);
        let id = node.id;
        // A node that was never asked lists no classes, but its device class tells.
        let is_lock = node.is_lock() || node.protocol.is_some_and(|protocol| protocol.generic == 0x40);
        if !is_lock {
            if !node.classes.contains_key(&ClassId::ENTRY_CONTROL) {
                // Nothing more will be asked of it.
                node.stage = node.stage.min(InterviewStage::NodeInfo);
            }
            self.others.push(node);
            return;
        }
        let called = name.as_ref().map_or_else(|| format!("Node {id}"), |name| format!("Node {id} ({name})"));
        if !interviewed {
            self.left_out.push(format!("{called} was not interviewed to the end; what is missing is asked when it is heard."));
        }
        if !security_known && node.security == SecurityClass::None {
            self.left_out.push(format!(
                "{called} has unknown security: re-interview it in Z-Wave JS and import again, or include it again here."
            ));
        } else if node.security == SecurityClass::None {
            self.left_out.push(format!("{called} has no security: codes would be sent in clear. Include it again here."));
        }
        if let Some(key) = KeyId::of(node.security, id)
            && self.keys.get(key).is_none()
        {
            self.left_out
                .push(format!("{called} needs the key {}, which is in none of the files: add it and import again.", key.name()));
        }
        if node.classes.contains_key(&ClassId::USER_CREDENTIAL) {
            self.left_out.push(format!("{called} keeps its codes as credentials; they are read from the lock itself."));
        }
        self.locks.push(ImportedLock { node, name, slots });
    }

    fn say_what_stays(&mut self, cache: &Database) {
        if self.locks.is_empty() {
            self.left_out.push("None of the nodes is a lock or a keypad.".into());
        }
        match self.others.len() {
            0 => {}
            1 => self.left_out.push("1 other node stays in the network; its automations do not come along.".into()),
            n => self.left_out.push(format!("{n} other nodes stay in the network; their automations do not come along.")),
        }
        let waiting =
            cache.entries.get("controller.provisioningList").and_then(|entry| entry.value.as_array()).map_or(0, Vec::len);
        if waiting > 0 {
            let listed = if waiting == 1 { "1 SmartStart device is".into() } else { format!("{waiting} SmartStart devices are") };
            self.left_out
                .push(format!("{listed} listed in Z-Wave JS; add what is still to come with `latchkey network smartstart add`."));
        }
        if self.locks.iter().any(|lock| lock.node.classes.contains_key(&ClassId::SCHEDULE_ENTRY_LOCK)) {
            self.left_out.push("Schedules inside the locks are not taken; give people their hours here.".into());
        }
    }
}

/// The cache to read.
fn cache_of(files: &[Source], which: Option<HomeId>) -> Result<(HomeId, &Source), ImportError> {
    let caches: Vec<_> = files.iter().filter_map(|file| Some((home_of(&file.name, ".jsonl")?, file))).collect();
    let wanted: Vec<_> = caches.iter().filter(|(home, _)| which.is_none_or(|which| which == *home)).collect();
    match *wanted {
        [&(home, file)] => Ok((home, file)),
        [] => match files.iter().find(|file| home_of(&file.name, ".json").is_some()) {
            Some(old) => Err(ImportError::OldCache(old.name.clone())),
            None => Err(ImportError::NoCache),
        },
        _ => Err(ImportError::SeveralNetworks { files: wanted.iter().map(|(_, file)| file.name.clone()).collect() }),
    }
}

/// The home id a file is named after: eight hexadecimal digits and then `suffix`.
fn home_of(name: &str, suffix: &str) -> Option<HomeId> {
    let digits = name.strip_suffix(suffix).filter(|digits| digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok().map(HomeId)
}

fn database(file: &Source, left_out: &mut Vec<String>) -> Result<Database, ImportError> {
    let damaged = |line| ImportError::Damaged { file: file.name.clone(), line };
    let database = Database::parse(&file.text).map_err(damaged)?;
    if database.cut {
        left_out.push(format!("The last line of {} was cut off and is not taken; stop Z-Wave JS before an import.", file.name));
    }
    Ok(database)
}

/// The keys of every file that can have some.
fn keys_in(files: &[Source], cache_file: &Source, cache: &Database) -> Result<KeyFile, ImportError> {
    let mut keys = KeyFile::default();
    let mut origins: BTreeMap<KeyId, String> = BTreeMap::new();
    let mut take = |file: &Source, found: Vec<keys::Found>| {
        found.into_iter().try_for_each(|(id, key)| {
            let key = key.map_err(|fault| ImportError::Key { file: file.name.clone(), id, fault })?;
            match keys.get(id) {
                Some(known) if *known == key => Ok(()),
                Some(_) => {
                    let files = [origins.get(&id).cloned().unwrap_or_default(), file.name.clone()];
                    Err(ImportError::KeysDisagree { id, files })
                }
                None => {
                    origins.insert(id, file.name.clone());
                    keys.insert(id, key).map_err(ImportError::Keys)
                }
            }
        })
    };
    for file in files.iter().filter(|file| !file.name.ends_with(".jsonl") && home_of(&file.name, ".json").is_none()) {
        let found = keys::in_json(&file.text).map_err(|line| ImportError::NotJson { file: file.name.clone(), line })?;
        take(file, found)?;
    }
    take(cache_file, cache.entries.iter().filter_map(|(key, entry)| keys::in_cache(key, &entry.value)).collect())?;
    Ok(keys)
}

/// The names that Z-Wave JS UI gave nodes: `{"<home id>": {"2": {"name": "Front door", "loc": "Hall"}}}`, or without homes.
fn names_in(files: &[Source], home: HomeId) -> BTreeMap<NodeId, String> {
    let parsed = files.iter().find(|file| file.name == "nodes.json").and_then(|file| serde_json::from_str(&file.text).ok());
    let Some(serde_json::Value::Object(root)) = parsed else { return BTreeMap::new() };
    let homes = [format!("0x{:08x}", home.0), format!("{:08x}", home.0), home.0.to_string()];
    let nodes = homes.iter().find_map(|home| root.get(home)?.as_object()).unwrap_or(&root);
    let named =
        nodes.iter().filter_map(|(id, node)| Some((NodeId(id.parse().ok()?), fitting_name(node.get("name")?.as_str()?)?)));
    named.collect()
}

#[cfg(test)]
mod tests;
