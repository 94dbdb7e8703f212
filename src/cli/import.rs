//! `latchkey network import-zwave-js`: opens the files that Z-Wave JS keeps, shows what is in them, and hands it over.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use hyper::Method;
use serde::Serialize;
use zeroize::Zeroizing;

use super::client::Client;
use super::failure::{Failure, Outcome};
use super::table::{Table, printable};
use super::{print, print_json};
use crate::domain::ids::{HomeId, NodeId, Slug};
use crate::domain::node::{InterviewStage, SecurityClass};
use crate::domain::takeover::Takeover;
use crate::files;
use crate::import::wire::Outgoing;
use crate::import::zwave_js::{self, ImportError, Imported, ImportedLock, Source};
use crate::security::keys::KeyId;
use crate::view::{AcceptedView, Open, TakenOverView};

/// Folders below the one that was named: Home Assistant has `.storage`, its add-on `cache`.
const DEPTH: u8 = 2;
/// More files than any of those folders has.
const MOST_FILES: usize = 20_000;
/// The cache of two hundred nodes has a few megabytes.
const LONGEST: u64 = 64 * 1024 * 1024;
/// All files that are read together.
const MOST_BYTES: u64 = 96 * 1024 * 1024;

/// What to import.
#[derive(clap::Args, Debug)]
pub struct ImportZwaveJs {
    /// The folder of Z-Wave JS UI (`store`) or of Home Assistant's add-on, or the cache itself (`<home id>.jsonl`).
    path: PathBuf,
    /// Only show what would come along.
    #[arg(long)]
    dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Why the files can't be read. None of what is in them is shown.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// There is nothing of that name.
    #[error("{0} does not exist; give the folder in which Z-Wave JS keeps its files")]
    Missing(PathBuf),
    /// The system refused.
    #[error("{path} can't be read: {source}; run this as a user who may")]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A pipe or a device.
    #[error("{0} is no file but a pipe or a device; take it away, or give the folder in which Z-Wave JS keeps its files")]
    NotAFile(PathBuf),
    /// Far too long.
    #[error("{0} is too long for a file of Z-Wave JS; give the folder in which it keeps its files")]
    TooLong(PathBuf),
    /// Far too many.
    #[error("{0} has too many files; give the folder in which Z-Wave JS keeps its own")]
    TooMany(PathBuf),
    /// Read, but nothing can be taken.
    #[error(transparent)]
    Import(#[from] ImportError),
}

/// Reads the network whose files are at `path`: a folder, or a cache in one.
pub fn read(path: &Path) -> Result<Imported, FilesError> {
    let metadata = fs::metadata(path).map_err(|source| error(path, source))?;
    let mut files = Vec::new();
    let which = if metadata.is_dir() {
        gather(path, DEPTH, &mut files)?;
        None
    } else {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        gather(folder, 0, &mut files)?;
        // Where the cache has a folder of its own, the settings lie beside that.
        if let Some(above) = folder.parent().filter(|above| !above.as_os_str().is_empty()) {
            gather(above, 0, &mut files)?;
        }
        path.file_name().and_then(|name| home_of(&name.to_string_lossy()))
    };
    Ok(zwave_js::read(&sources(&files, which)?, which)?)
}

/// The texts of the files that matter, and the names of the others. Nothing more than that is in memory at a time.
fn sources(files: &[PathBuf], which: Option<HomeId>) -> Result<Vec<Source>, FilesError> {
    let names: Vec<String> = files.iter().map(|path| name_of(path)).collect();
    let needed = zwave_js::needed(&names.iter().map(String::as_str).collect::<Vec<_>>(), which);
    let mut left = MOST_BYTES;
    let mut sources = Vec::new();
    for (path, name) in files.iter().zip(&names) {
        let text = if needed.contains(&name.as_str()) { text_of(path, LONGEST.min(left))? } else { Zeroizing::default() };
        left = left.saturating_sub(text.len() as u64);
        sources.push(Source { name: name.clone(), text });
    }
    Ok(sources)
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The home id in front of a file's name.
fn home_of(name: &str) -> Option<HomeId> {
    u32::from_str_radix(name.split('.').next().filter(|digits| digits.len() == 8)?, 16).ok().map(HomeId)
}

/// The files worth opening in `folder` and so many levels below, in the order of their names.
fn gather(folder: &Path, depth: u8, found: &mut Vec<PathBuf>) -> Result<(), FilesError> {
    let entries =
        fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(|source| error(folder, source))?;
    if entries.len() > MOST_FILES {
        return Err(FilesError::TooMany(folder.into()));
    }
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        // A link to a folder may lead anywhere.
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        if metadata.is_dir() {
            // A folder that is not ours to read is not where somebody's Z-Wave JS is.
            if let Some(depth) = depth.checked_sub(1)
                && let Err(error) = gather(&path, depth, found)
                && !matches!(&error, FilesError::Unreadable { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
            {
                return Err(error);
            }
        } else if path.file_name().is_some_and(|name| zwave_js::wants(&name.to_string_lossy())) {
            found.push(path);
        }
    }
    Ok(())
}

fn text_of(path: &Path, most: u64) -> Result<Zeroizing<String>, FilesError> {
    let mut bytes = files::read(path, most).map_err(|source| error(path, source))?;
    // What a power cut left at the end may be half a letter.
    Ok(Zeroizing::new(match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => text,
        Err(error) => {
            let bytes = Zeroizing::new(error.into_bytes());
            String::from_utf8_lossy(&bytes).into_owned()
        }
    }))
}

fn error(path: &Path, source: io::Error) -> FilesError {
    match source.kind() {
        io::ErrorKind::NotFound => FilesError::Missing(path.into()),
        io::ErrorKind::InvalidInput => FilesError::NotAFile(path.into()),
        io::ErrorKind::FileTooLarge => FilesError::TooLong(path.into()),
        _ => FilesError::Unreadable { path: path.into(), source },
    }
}

impl ImportZwaveJs {
    /// Shows what would come along, or hands it over to the daemon.
    pub async fn run(&self, client: &Client) -> Outcome {
        let imported = read(&self.path).map_err(|error| Failure::Refused(error.to_string()))?;
        if self.dry_run {
            return if self.json { print_json(&as_json(&imported)) } else { print(&in_words(&imported)) };
        }
        let left_out = imported.left_out.clone();
        let takeover = imported.into_takeover();
        let body = body(&takeover).map_err(|error| Failure::Refused(format!("what was read can't be sent: {error}")))?;
        let (home, others) = (takeover.home, takeover.others.iter().map(|node| node.id).collect::<Vec<_>>());
        drop(takeover);
        let answer: AcceptedView = client.call_secretly(Method::POST, "/api/network/import-zwave-js", body).await?;
        let taken = answer.taken_over.ok_or_else(|| client.garbled())?;
        let others: Vec<_> = others.into_iter().filter(|id| !taken.absent.contains(id)).collect();
        let shown = TakenShown { home, taken: &taken, others: &others, left_out: &left_out };
        if self.json { print_json(&shown.as_json()) } else { print(&shown.in_words()) }
    }
}

/// The body that takes it to the daemon, in a buffer that is wiped. Measured first: one that grows leaves what it held behind.
fn body(takeover: &Takeover) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    let mut length = Length(0);
    serde_json::to_writer(&mut length, &Outgoing(takeover))?;
    let mut body = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *body, &Outgoing(takeover))?;
    Ok(body)
}

struct Length(usize);

impl Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What was taken over, and what the files say beside that.
struct TakenShown<'a> {
    home: HomeId,
    taken: &'a TakenOverView,
    /// Nodes that nobody serves any more.
    others: &'a [NodeId],
    left_out: &'a [String],
}

/// `--json`.
#[derive(Serialize)]
struct TakenJson<'a> {
    changed: bool,
    keys: &'a [String],
    locks: &'a [Slug],
    occupied_slots: usize,
    absent: &'a [NodeId],
    home: String,
    others: &'a [NodeId],
    left_out: &'a [String],
}

impl<'a> TakenShown<'a> {
    fn as_json(&self) -> TakenJson<'a> {
        TakenJson {
            changed: self.taken.changed,
            keys: &self.taken.keys,
            locks: &self.taken.locks,
            occupied_slots: self.taken.occupied_slots,
            absent: &self.taken.absent,
            home: self.home.to_string(),
            others: self.others,
            left_out: self.left_out,
        }
    }

    fn in_words(&self) -> String {
        let Self { home, taken, others, left_out } = self;
        let mut said = vec![if taken.changed {
            format!("network {home} is taken over")
        } else {
            format!("network {home} was taken over before; nothing is new")
        }];
        said.push(format!("keys: {}", or_none(listed(&taken.keys))));
        said.push(format!("locks: {}", or_none(listed(&taken.locks))));
        said.push(match taken.occupied_slots {
            0 => "no slot is known to hold a code".to_owned(),
            n => format!("slots that hold somebody's code, and are left alone: {n}"),
        });
        if !others.is_empty() {
            said.push(format!(
                "nodes that nobody serves any more: {}; exclude them, or give them another controller",
                listed(others)
            ));
        }
        if !taken.absent.is_empty() {
            said.push(format!("nodes that the stick does not list any more, left out: {}", listed(&taken.absent)));
        }
        said.extend(left_out.iter().map(|sentence| printable(sentence)));
        said.join("\n")
    }
}

fn listed(items: &[impl ToString]) -> String {
    items.iter().map(|item| printable(&item.to_string())).collect::<Vec<_>>().join(", ")
}

fn or_none(text: String) -> String {
    if text.is_empty() { "none".to_owned() } else { text }
}

/// How many slots are taken, and how many there are.
fn taken(lock: &ImportedLock) -> (usize, usize) {
    let total = lock.node.user_code.as_ref().map_or(lock.slots.len(), |support| support.users.into());
    (lock.slots.values().filter(|slot| slot.content.is_occupied()).count(), total)
}

/// `--dry-run --json`.
#[derive(Serialize)]
struct ImportedJson<'a> {
    home: String,
    keys: Vec<&'static str>,
    locks: Vec<LockJson<'a>>,
    others: Vec<NodeId>,
    left_out: &'a [String],
}

#[derive(Serialize)]
struct LockJson<'a> {
    node: NodeId,
    name: Option<&'a str>,
    security: SecurityClass,
    interview: InterviewStage,
    slots: SlotsJson,
}

#[derive(Serialize)]
struct SlotsJson {
    total: usize,
    taken: usize,
}

fn as_json(imported: &Imported) -> ImportedJson<'_> {
    let locks = imported.locks.iter().map(|lock| {
        let (taken, total) = taken(lock);
        LockJson {
            node: lock.node.id,
            name: lock.name.as_deref(),
            security: lock.node.security,
            interview: lock.node.stage,
            slots: SlotsJson { total, taken },
        }
    });
    ImportedJson {
        home: imported.home.to_string(),
        keys: imported.keys.ids().map(KeyId::name).collect(),
        locks: locks.collect(),
        others: imported.others.iter().map(|node| node.id).collect(),
        left_out: &imported.left_out,
    }
}

fn in_words(imported: &Imported) -> String {
    let keys = or_none(listed(&imported.keys.ids().map(KeyId::name).collect::<Vec<_>>()));
    let mut table = Table::new(["NODE", "NAME", "SECURITY", "SLOTS TAKEN"]);
    for lock in &imported.locks {
        let (taken, total) = taken(lock);
        let security = Open::from(lock.node.security).to_string();
        let name = lock.name.as_deref().map(printable).unwrap_or_default();
        table.row([lock.node.id.to_string(), name, security, format!("{taken} of {total}")]);
    }
    let mut said = vec![format!("network {}, keys: {keys}", imported.home), table.show("no locks")];
    said.extend(imported.left_out.iter().map(|sentence| printable(sentence)));
    said.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CACHE: &str = include_str!("../../tests/data/zwavejs/7e570001.jsonl");
    const VALUES: &str = include_str!("../../tests/data/zwavejs/7e570001.values.jsonl");
    const KEYS: &str = include_str!("../../tests/lab/keys.json");

    /// A folder with these files in it.
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn a_pipe_or_a_device_among_the_files_is_named_and_hangs_nothing() {
        let dir = folder(&[("7e570001.jsonl", CACHE)]);
        let pipe = dir.path().join("keys.json");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let told = read(dir.path()).unwrap_err().to_string();
        assert!(told.contains("keys.json is no file"), "{told}");
        fs::remove_file(&pipe).unwrap();
        std::os::unix::fs::symlink("/dev/zero", dir.path().join("settings.json")).unwrap();
        let told = read(dir.path()).unwrap_err().to_string();
        assert!(told.contains("settings.json is no file"), "{told}");
    }

    #[test]
    fn files_that_take_no_room_on_the_disk_take_none_in_memory() {
        let dir = folder(&[("7e570001.jsonl", CACHE)]);
        let sparse = |name: &str, len: u64| {
            fs::File::create(dir.path().join(name)).unwrap().set_len(len).unwrap();
        };
        // Of other networks, and of another time: nothing of them is needed.
        (1..=30).for_each(|n| sparse(&format!("{n:08x}.json"), 60 << 20));
        (1..=30).for_each(|n| sparse(&format!("{n:08x}.values.jsonl"), 60 << 20));
        assert_eq!(read(dir.path()).unwrap().locks.len(), 2);
        (1..=30).for_each(|n| sparse(&format!("{n:08x}.jsonl"), 60 << 20));
        assert!(read(dir.path()).unwrap_err().to_string().contains("several networks"));
        assert_eq!(read(&dir.path().join("7e570001.jsonl")).unwrap().locks.len(), 2);
        sparse("settings.json", 1 << 40);
        let told = read(&dir.path().join("7e570001.jsonl")).unwrap_err().to_string();
        assert!(told.contains("settings.json is too long"), "{told}");
    }

    #[test]
    fn the_folders_of_every_tool_are_understood() {
        let settings = format!("{{\"zwave\": {{\"securityKeys\": {KEYS}}}}}");
        let ui = folder(&[("7e570001.jsonl", CACHE), ("7e570001.values.jsonl", VALUES), ("settings.json", &settings)]);
        let options = r#"{"device": "/dev/ttyUSB0", "s0_legacy_key": "0102030405060708090A0B0C0D0E0F10"}"#;
        let add_on =
            folder(&[("options.json", options), ("cache/7e570001.jsonl", CACHE), ("cache/7e570001.values.jsonl", VALUES)]);
        let entries =
            r#"{"data": {"entries": [{"domain": "zwave_js", "data": {"s0_legacy_key": "0102030405060708090A0B0C0D0E0F10"}}]}}"#;
        let home_assistant = folder(&[(".storage/core.config_entries", entries), ("x/cache/7e570001.jsonl", CACHE)]);
        for (dir, keys) in [(&ui, 4), (&add_on, 1), (&home_assistant, 1)] {
            let imported = read(dir.path()).unwrap();
            assert_eq!((imported.locks.len(), imported.keys.ids().count()), (2, keys));
        }
        assert_eq!(read(&add_on.path().join("cache/7e570001.jsonl")).unwrap().keys.ids().count(), 1, "the settings lie above");
    }

    #[test]
    fn of_several_networks_the_one_that_is_named_is_read() {
        let dir = folder(&[("7e570001.jsonl", CACHE), ("c0ffee00.jsonl", CACHE)]);
        let told = read(dir.path()).unwrap_err().to_string();
        assert!(told.contains("7e570001.jsonl, c0ffee00.jsonl"), "{told}");
        assert_eq!(read(&dir.path().join("c0ffee00.jsonl")).unwrap().home, HomeId(0xc0ff_ee00));
    }

    #[test]
    fn what_is_not_there_is_named_with_what_to_do() {
        let told = read(Path::new("/missing")).unwrap_err().to_string();
        assert!(told.contains("/missing does not exist"), "{told}");
        let told = read(folder(&[("readme.txt", "")]).path()).unwrap_err().to_string();
        assert!(told.contains("<home id>.jsonl"), "{told}");
    }

    #[test]
    fn nodes_that_nobody_serves_any_more_are_named() {
        let taken = TakenOverView {
            changed: true,
            keys: vec!["S0_Legacy".into()],
            locks: vec!["front_door".parse().unwrap()],
            occupied_slots: 3,
            others: 2,
            absent: vec![NodeId(12)],
        };
        let (others, left_out) = ([NodeId(9), NodeId(11)], ["Stop Z-Wave JS.".to_owned()]);
        let shown = TakenShown { home: HomeId(0x7e57_0001), taken: &taken, others: &others, left_out: &left_out };
        let said = shown.in_words();
        for part in
            ["0x7e570001 is taken over", "S0_Legacy", "front_door", "left alone: 3", "any more: 9, 11", "left out: 12", "Stop"]
        {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(
            serde_json::to_value(shown.as_json()).unwrap(),
            serde_json::json!({ "changed": true, "keys": ["S0_Legacy"], "locks": ["front_door"], "occupied_slots": 3,
                "absent": [12], "home": "0x7e570001", "others": [9, 11], "left_out": ["Stop Z-Wave JS."] })
        );
    }

    #[test]
    fn the_body_with_the_keys_in_it_is_never_moved() {
        let dir = folder(&[("7e570001.jsonl", CACHE), ("7e570001.values.jsonl", VALUES), ("keys.json", KEYS)]);
        let body = body(&read(dir.path()).unwrap().into_takeover()).unwrap();
        assert_eq!(body.capacity(), body.len());
        assert!(str::from_utf8(&body).unwrap().contains("\"3\":\"472913\""));
    }

    #[test]
    fn what_is_shown_has_no_code_and_no_key_in_it() {
        let dir = folder(&[("7e570001.jsonl", CACHE), ("7e570001.values.jsonl", VALUES), ("keys.json", KEYS)]);
        let imported = read(dir.path()).unwrap();
        let json = serde_json::to_string(&as_json(&imported)).unwrap();
        let said = format!("{}\n{json}", in_words(&imported));
        assert!(said.contains("1 of 4") && said.contains("s2_access_control") && said.contains("S2_AccessControl"), "{said}");
        for secret in ["472913", "8305", "33333333", "01020304"] {
            assert!(!said.contains(secret), "{said}");
        }
    }
}
