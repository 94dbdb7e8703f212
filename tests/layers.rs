//! Holds the floors of `src/lib.rs` against the code: who imports whom, what stays pure, which crate is named where.
//!
//! The table in the crate documentation is the only copy; this test reads it. Unit tests (`#[cfg(test)]`, `tests.rs`)
//! are free to use what they like, since they never run in the daemon.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has said what is wrong")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Above this a file is more than one mechanism.
const LINES_PER_FILE: usize = 800;

/// Words that floors 0 and 1 never say: there time and randomness are arguments, and order is the same on every run.
const IMPURE: &[&[&str]] = &[
    &["async"],
    &["await"],
    &["std", "::", "thread"],
    &["std", "::", "fs"],
    &["std", "::", "net"],
    &["std", "::", "process"],
    &["std", "::", "env"],
    &["std", "::", "io"],
    &["SystemTime"],
    &["Instant", "::", "now"],
    &["Timestamp", "::", "now"],
    &["Zoned", "::", "now"],
    &["HashMap"],
    &["HashSet"],
    &["static", "mut"],
    &["thread_local"],
    &["tokio"],
    &["rusqlite"],
    &["getrandom"],
];

/// JSON without a type. Floors 0 and 1 speak in types; what they show is in `view`.
const UNTYPED: &[&[&str]] = &[&["json", "!"], &["serde_json", "::", "Value"], &["serde_json", "::", "Map"]];

/// Reads what others wrote.
const READS_FOREIGN_JSON: &str = "import";

/// Crates that one place names, so that they can be replaced there.
const KEPT_IN: &[(&str, &str)] = &[
    ("rumqttc", "mqtt::client"),
    ("rumqttd", "mqtt::broker"),
    ("rusqlite", "store"),
    ("tokio_serial", "run"),
    ("axum", "web"),
    ("clap", "cli"),
    ("libc", "run::adjtimex"),
];

/// The lawful places of `unsafe`: a question to the kernel that no safe crate asks, and the allocator.
const UNSAFE_IN: [&str; 2] = ["run::adjtimex", "run::wiping"];

/// Folders in which no file depends on itself by way of others. A folder is added here once it is in order.
const NO_CIRCLES: &[&str] = &["bridge", "command", "domain", "store", "view", "web"];

/// A command can carry commands: these files hold whole commands, and the list of all commands holds them.
const CARRIES_COMMANDS: &[&str] = &[
    "command::crc16_encapsulation",
    "command::multi_channel",
    "command::multi_command",
    "command::nesting",
    "command::supervision",
];

#[test]
fn no_file_depends_on_itself_by_way_of_others() {
    let sources = daemon_sources();
    let circles: Vec<_> = NO_CIRCLES.iter().flat_map(|folder| circles_in(folder, &sources)).collect();
    assert!(circles.is_empty(), "circles of files:\n{}", circles.join("\n"));
    // What is excused must be there, or it would excuse something else one day.
    let command = imports_in("command", &sources);
    for carrier in CARRIES_COMMANDS {
        assert!(command.excused.contains(*carrier), "{carrier} holds no command any more");
    }
}

#[test]
fn a_module_never_imports_from_a_floor_above() {
    let floors = Floors::of_the_crate();
    let broken: Vec<_> = daemon_sources().iter().flat_map(|s| imports_from_above(&floors, s)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_lower_floors_stay_pure() {
    let floors = Floors::of_the_crate();
    let broken: Vec<_> = daemon_sources().iter().flat_map(|s| impure_words(&floors, s)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_lower_floors_show_types_and_no_loose_json() {
    let floors = Floors::of_the_crate();
    let broken: Vec<_> = daemon_sources().iter().flat_map(|s| untyped_json(&floors, s)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_module_stands_on_a_floor() {
    let floors = Floors::of_the_crate();
    let lost: Vec<_> =
        daemon_sources().iter().filter(|s| !s.is_map() && floors.of(&s.module).is_none()).map(|s| s.module.join("::")).collect();
    assert!(lost.is_empty(), "not in the table of src/lib.rs: {lost:?}");
}

#[test]
fn a_replaceable_crate_is_named_in_one_place() {
    let mut broken = Vec::new();
    for source in daemon_sources().iter().filter(|s| s.module != ["main"]) {
        for (name, home) in KEPT_IN {
            let home: Vec<_> = home.split("::").collect();
            let at_home = source.module.len() >= home.len() && source.module[..home.len()] == home[..];
            if let (false, Some(line)) = (at_home, source.line_of(&[name])) {
                broken.push(format!("{}:{line}: {name} belongs to {}", source.path.display(), home.join("::")));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn unsafe_code_is_in_its_lawful_places_only() {
    let broken: Vec<_> = daemon_sources()
        .iter()
        .filter(|s| !UNSAFE_IN.contains(&s.module.join("::").as_str()))
        .filter_map(|s| Some(format!("{}:{}", s.path.display(), s.line_of(&["unsafe"])?)))
        .collect();
    assert!(broken.is_empty(), "unsafe: {broken:?}");
}

/// Flushing a serial port is a blocking `tcdrain` on the runtime's thread; only the terminal may be flushed.
#[test]
fn a_port_is_never_flushed() {
    let flushes: Vec<_> = daemon_sources()
        .iter()
        .filter(|s| s.module.first().is_none_or(|m| m != "cli"))
        .filter_map(|s| Some(format!("{}:{}", s.path.display(), s.line_of(&[".", "flush", "("])?)))
        .collect();
    assert!(flushes.is_empty(), "flushed: {flushes:?}");
}

#[test]
fn a_file_holds_one_mechanism() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = rust_files(&root.join("src"));
    files.extend(rust_files(&root.join("tests")));
    let long: Vec<_> = files
        .into_iter()
        .map(|path| (fs::read_to_string(&path).unwrap().lines().count(), path))
        .filter(|(lines, _)| *lines > LINES_PER_FILE)
        .collect();
    assert!(long.is_empty(), "over {LINES_PER_FILE} lines: {long:?}");
}

/// The test is worth what it catches: each of these lines must be seen, and the lawful look-alikes must not.
#[test]
fn a_planted_violation_is_caught() {
    let floors = Floors::of_the_crate();
    let upward = |module: &str, text: &str| imports_from_above(&floors, &Source::new(module, text)).len();
    let impure = |module: &str, text: &str| impure_words(&floors, &Source::new(module, text)).len();

    assert_eq!(upward("domain::pin", "use crate::store::Store;"), 1);
    assert_eq!(upward("domain::pin", "use crate::{domain::ids, web::{self, api}};"), 2);
    assert_eq!(upward("network::queue", "fn f() { let _ = crate::run::clock::now(); }"), 1);
    assert_eq!(upward("mqtt::topic", "use super::client::Client;"), 1);
    assert_eq!(upward("mqtt::topic", "pub use super::{client as c};"), 1);
    assert_eq!(upward("serial::frame", "use super::super::network;"), 1);
    assert_eq!(upward("bridge", "use crate::nowhere::X;"), 1, "an unknown module has no floor");

    assert_eq!(upward("mqtt::client", "use super::topic::Topic;"), 0);
    assert_eq!(upward("bridge", "use crate::{network, reconcile::plan, mqtt::topic};"), 0);
    assert_eq!(upward("domain::pin", "// use crate::store::Store;\n/* crate::web */ const A: &str = \"crate::run\";"), 0);
    assert_eq!(upward("domain::pin", "#[cfg(test)]\nmod tests { use crate::store::Store; }"), 0);

    assert_eq!(impure("network::queue", "pub async fn wait() {}"), 1);
    assert_eq!(impure("domain::time", "let t = std::time::Instant::now();"), 1);
    assert_eq!(impure("bridge", "use std::{collections::HashMap, fs};"), 2);
    assert_eq!(impure("serial::frame", "/// Never async.\nlet c = '\"'; let s = r#\"tokio \"rusqlite\"\"#;"), 0);
    assert_eq!(impure("run", "async fn run() { tokio::spawn(x).await }"), 0);

    let circles = |files: &[(&str, &str)]| {
        let sources: Vec<_> = files.iter().map(|(module, text)| Source::new(module, text)).collect();
        circles_in("domain", &sources).len()
    };
    assert_eq!(circles(&[("domain::a", "use super::b::B;"), ("domain::b", "use crate::domain::a::A;")]), 1);
    assert_eq!(circles(&[("domain", "mod a; pub use a::A;"), ("domain::a", "use super::Shared;")]), 1, "the module and its part");
    assert_eq!(
        circles(&[
            ("domain::a", "fn f() -> super::b::B {}"),
            ("domain::b", "use super::{c, d};"),
            ("domain::c", "use super::a;"),
            ("domain::d", "")
        ]),
        1,
        "through a third"
    );
    assert_eq!(circles(&[("domain::a", "use super::b::B;"), ("domain::b", "use super::c::C;"), ("domain::c", "")]), 0);
    assert_eq!(
        circles(&[("domain::a", "use super::b::B;"), ("domain::b", "#[cfg(test)]\nmod tests { use super::super::a::A; }")]),
        0
    );
    assert_eq!(
        circles(&[("domain::a", "use crate::serial::Frame;"), ("serial", "use crate::domain::a::A;")]),
        0,
        "other folders"
    );
    let untyped = |module: &str, text: &str| untyped_json(&floors, &Source::new(module, text)).len();
    assert_eq!(untyped("bridge::view", "fn f() { json!({ \"a\": 1 }) }"), 1);
    assert_eq!(untyped("bridge", "pub struct A(serde_json::Value);"), 1);
    assert_eq!(untyped("sim", "use serde_json::{self, Map, Value as V};"), 2);
    assert_eq!(untyped("mqtt::topic", "fn f() { serde_json::to_string(&view) }"), 0);
    assert_eq!(untyped("import::wire", "use serde_json::Value;"), 0);
    assert_eq!(untyped("web", "use serde_json::json; fn f() { json!(1) }"), 0);
}

/// The table of floors, by module.
struct Floors(BTreeMap<Vec<String>, u8>);

impl Floors {
    /// Reads the table in the documentation of `src/lib.rs`: `| floor | modules | what |`.
    fn of_the_crate() -> Self {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
        let mut floors = BTreeMap::new();
        for row in text.lines().filter_map(|l| l.strip_prefix("//! |")) {
            let mut cells = row.split('|').map(str::trim);
            let (Some(floor), Some(modules)) = (cells.next(), cells.next()) else { continue };
            let Some(floor) = floor.chars().next().and_then(|c| c.to_digit(10)) else { continue };
            for module in modules.split('`').skip(1).step_by(2) {
                floors.insert(module.split("::").map(String::from).collect(), u8::try_from(floor).unwrap());
            }
        }
        assert!(floors.len() >= 15, "the table of floors in src/lib.rs was not understood: {floors:?}");
        Self(floors)
    }

    /// The floor of the longest known prefix of `path`.
    fn of(&self, path: &[String]) -> Option<u8> {
        (1..=path.len()).rev().find_map(|n| self.0.get(&path[..n]).copied())
    }
}

/// One file of the daemon, without comments, strings and tests.
struct Source {
    path: PathBuf,
    module: Vec<String>,
    words: Vec<Word>,
}

struct Word {
    text: String,
    line: usize,
}

impl Source {
    fn new(module: &str, text: &str) -> Self {
        let module: Vec<_> = module.split("::").map(String::from).collect();
        Self { path: PathBuf::from(module.join("/")), module, words: without_tests(words(text)) }
    }

    /// Files that only say which modules exist.
    fn is_map(&self) -> bool {
        self.module.is_empty() || self.module == ["main"] || self.module == ["mqtt"]
    }

    fn line_of(&self, wanted: &[&str]) -> Option<usize> {
        self.words
            .windows(wanted.len())
            .find(|w| w.iter().zip(wanted).all(|(word, text)| word.text == *text))
            .and_then(|w| w.first())
            .map(|w| w.line)
    }

    /// Every path into this crate, absolute, with its line: `crate::…`, `super::…`, groups unfolded.
    fn crate_paths(&self) -> Vec<(usize, Vec<String>)> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < self.words.len() {
            // `pub(in crate::bridge)` says who may see something, and imports nothing.
            let is_visibility = at > 1 && self.words[at - 1].text == "in" && self.words[at - 2].text == "(";
            let starts = !is_visibility && (at == 0 || self.words[at - 1].text != "::");
            let mut base = match self.words[at].text.as_str() {
                "crate" if starts => Vec::new(),
                "super" if starts => self.module[..self.module.len().saturating_sub(1)].to_vec(),
                _ => {
                    at += 1;
                    continue;
                }
            };
            let line = self.words[at].line;
            at += 1;
            while self.text(at) == "::" && self.text(at + 1) == "super" {
                base.pop();
                at += 2;
            }
            if self.text(at) == "::" {
                at = self.unfold(at + 1, &base, line, &mut found);
            }
        }
        found
    }

    /// Every path that begins with one of the file's own modules (`mod part; pub use part::Part;`), absolute.
    fn child_paths(&self) -> Vec<Vec<String>> {
        let declared = self.words.windows(3).filter(|w| w[0].text == "mod" && w[2].text == ";").map(|w| w[1].text.as_str());
        let declared: BTreeSet<&str> = declared.collect();
        let begins = |w: &[Word]| w[0].text != "::" && declared.contains(w[1].text.as_str()) && w[2].text == "::";
        let child = |w: &[Word]| self.module.iter().cloned().chain([w[1].text.clone()]).collect();
        self.words.windows(3).filter(|w| begins(w)).map(child).collect()
    }

    /// Unfolds one use-tree that starts at word `at`, below `base`; returns where it ends.
    fn unfold(&self, mut at: usize, base: &[String], line: usize, found: &mut Vec<(usize, Vec<String>)>) -> usize {
        let mut path = base.to_vec();
        loop {
            match self.text(at) {
                "{" => {
                    at += 1;
                    while !matches!(self.text(at), "}" | "") {
                        at = self.unfold(at, &path, line, found).max(at + 1);
                        while !matches!(self.text(at), "," | "}" | "") {
                            at += 1; // `as name`
                        }
                        if self.text(at) == "," {
                            at += 1;
                        }
                    }
                    return at + 1;
                }
                "self" => {}
                word if word.starts_with(|c: char| c.is_alphabetic() || c == '_') => path.push(word.to_owned()),
                _ => {}
            }
            if self.text(at + 1) != "::" {
                found.push((line, path));
                return at + 1;
            }
            at += 2;
        }
    }

    fn text(&self, at: usize) -> &str {
        self.words.get(at).map_or("", |w| w.text.as_str())
    }
}

fn imports_from_above(floors: &Floors, source: &Source) -> Vec<String> {
    if source.is_map() {
        return Vec::new();
    }
    let own = floors.of(&source.module);
    source
        .crate_paths()
        .into_iter()
        .filter(|(_, path)| {
            !(path.is_empty() || source.module.starts_with(path)) && (floors.of(path).is_none() || floors.of(path) > own)
        })
        .map(|(line, path)| {
            let floor = floors.of(path.as_slice()).map_or_else(|| "no floor".to_owned(), |f| format!("floor {f}"));
            format!("{}:{line}: on floor {own:?}, uses crate::{} of {floor}", source.path.display(), path.join("::"))
        })
        .collect()
}

/// Which file of a folder imports from which other one.
struct Imports {
    /// By file, what it imports.
    edges: BTreeMap<String, BTreeSet<String>>,
    /// Files whose import of all commands was left out.
    excused: BTreeSet<String>,
}

/// A path belongs to the file of its longest prefix that is one.
fn imports_in(folder: &str, sources: &[Source]) -> Imports {
    let inside = |module: &[String]| module.first().is_some_and(|top| top == folder);
    let files: BTreeSet<&[String]> = sources.iter().map(|s| s.module.as_slice()).filter(|module| inside(module)).collect();
    let mut imports = Imports { edges: BTreeMap::new(), excused: BTreeSet::new() };
    for source in sources.iter().filter(|s| inside(&s.module)) {
        let own = source.module.join("::");
        let paths = source.crate_paths().into_iter().map(|(_, path)| path).chain(source.child_paths());
        let mut edges = BTreeSet::new();
        for path in paths {
            let file = (1..=path.len()).rev().map(|n| &path[..n]).find(|prefix| files.contains(prefix));
            let Some(file) = file.filter(|file| *file != source.module.as_slice()) else { continue };
            let file = file.join("::");
            if file == "command" && CARRIES_COMMANDS.contains(&own.as_str()) {
                imports.excused.insert(own.clone());
            } else {
                edges.insert(file);
            }
        }
        imports.edges.insert(own, edges);
    }
    imports
}

/// Files of the folder that reach themselves, with the shortest way; each circle once.
fn circles_in(folder: &str, sources: &[Source]) -> Vec<String> {
    let Imports { edges, .. } = imports_in(folder, sources);
    let mut circles = Vec::new();
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for start in edges.keys().filter(|file| !file.is_empty()) {
        let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut next: Vec<&str> = vec![start];
        while let Some(at) = (!next.is_empty()).then(|| next.remove(0)) {
            for to in edges.get(at).into_iter().flatten() {
                if !came_from.contains_key(to.as_str()) {
                    came_from.insert(to, at);
                    next.push(to);
                }
            }
        }
        let Some(mut last) = came_from.get(start.as_str()).copied() else { continue };
        let mut way = vec![start.as_str()];
        while last != start {
            way.push(last);
            last = came_from[last];
        }
        way.push(start);
        way.reverse();
        if way.iter().all(|file| !told.contains(file)) {
            circles.push(way.join(" -> "));
        }
        told.extend(way);
    }
    circles
}

/// Loose JSON on a pure floor: what is shown has a type in `view`.
fn untyped_json(floors: &Floors, source: &Source) -> Vec<String> {
    let reads = source.module.first().is_some_and(|module| module == READS_FOREIGN_JSON);
    if reads || is_above_the_pure_floors(floors, source) {
        return Vec::new();
    }
    let mut found: Vec<_> = UNTYPED.iter().filter_map(|w| Some((source.line_of(w)?, w.concat()))).collect();
    // `use serde_json::{Map, Value}` hides the words that the table names one after the other.
    for (at, _) in source.words.windows(3).enumerate().filter(|(_, w)| spells(w, &["serde_json", "::", "{"])) {
        let mut paths = Vec::new();
        source.unfold(at + 2, &[], source.words[at].line, &mut paths);
        let loose = paths.into_iter().filter(|(_, path)| path.first().is_some_and(|p| p == "Value" || p == "Map"));
        found.extend(loose.map(|(line, path)| (line, format!("serde_json::{}", path.join("::")))));
    }
    found.into_iter().map(|(line, what)| format!("{}:{line}: {what}, which has no type", source.path.display())).collect()
}

fn spells(words: &[Word], texts: &[&str]) -> bool {
    words.iter().zip(texts).all(|(word, text)| word.text == *text)
}

fn is_above_the_pure_floors(floors: &Floors, source: &Source) -> bool {
    source.is_map() || floors.of(&source.module).is_none_or(|f| f > 1)
}

fn impure_words(floors: &Floors, source: &Source) -> Vec<String> {
    if is_above_the_pure_floors(floors, source) {
        return Vec::new();
    }
    let mut found: Vec<_> = IMPURE.iter().filter_map(|w| Some((source.line_of(w)?, w.concat()))).collect();
    // `use std::{fs, net::…}` hides the words that the table names one after the other.
    let std_paths = IMPURE.iter().filter(|w| w.first() == Some(&"std"));
    for (at, _) in
        source.words.windows(3).enumerate().filter(|(_, w)| w[0].text == "std" && w[1].text == "::" && w[2].text == "{")
    {
        let mut paths = Vec::new();
        source.unfold(at + 2, &[], source.words[at].line, &mut paths);
        for (line, path) in paths {
            if let Some(w) = std_paths.clone().find(|w| path.first().is_some_and(|p| w.last() == Some(&p.as_str()))) {
                found.push((line, w.concat()));
            }
        }
    }
    found.into_iter().map(|(line, what)| format!("{}:{line}: {what} on a pure floor", source.path.display())).collect()
}

/// The crate's sources but for test files.
fn daemon_sources() -> Vec<Source> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    rust_files(&src)
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|n| n != "tests.rs") && !path.components().any(|c| c.as_os_str() == "tests"))
        .map(|path| {
            let inside = path.strip_prefix(&src).unwrap().with_extension("");
            let mut module: Vec<_> = inside.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
            if module.last().is_some_and(|m| m == "mod" || m == "lib") {
                module.pop();
            }
            let words = without_tests(words(&fs::read_to_string(&path).unwrap()));
            Source { path: inside.with_extension("rs"), module, words }
        })
        .collect()
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Identifiers, numbers and punctuation; no comments, no literals.
fn words(text: &str) -> Vec<Word> {
    let chars: Vec<char> = text.chars().collect();
    let (mut at, mut line, mut found) = (0, 1, Vec::new());
    let ahead = |at: usize, wanted: &str| wanted.chars().enumerate().all(|(i, c)| chars.get(at + i) == Some(&c));
    while at < chars.len() {
        let start = at;
        let c = chars[at];
        if ahead(at, "//") {
            at += chars[at..].iter().take_while(|c| **c != '\n').count();
        } else if ahead(at, "/*") {
            at += 2;
            while at < chars.len() && !ahead(at, "*/") {
                at += 1;
            }
            at += 2;
        } else if let Some(hashes) = raw_string(&chars[at..]) {
            let end = format!("\"{}", "#".repeat(hashes));
            at += chars[at..].iter().position(|c| *c == '"').map_or(1, |i| i + 1);
            while at < chars.len() && !ahead(at, &end) {
                at += 1;
            }
            at += end.len();
        } else if c == '"' {
            at += 1;
            while at < chars.len() && chars[at] != '"' {
                at += if chars[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if c == '\'' && chars.get(at + 1) == Some(&'\\') {
            at += 3 + chars[at + 3..].iter().take_while(|c| **c != '\'').count() + 1;
        } else if c == '\'' && chars.get(at + 2) == Some(&'\'') {
            at += 3;
        } else if c.is_alphanumeric() || c == '_' {
            at += chars[at..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
            found.push(Word { text: chars[start..at].iter().collect(), line });
        } else if ahead(at, "::") {
            at += 2;
            found.push(Word { text: "::".to_owned(), line });
        } else {
            at += 1;
            if !c.is_whitespace() {
                found.push(Word { text: c.to_string(), line });
            }
        }
        line += chars[start..at.min(chars.len())].iter().filter(|c| **c == '\n').count();
    }
    found
}

/// How many `#` open the raw string that starts here, if one does.
fn raw_string(chars: &[char]) -> Option<usize> {
    let after = chars.strip_prefix(&['b']).unwrap_or(chars).strip_prefix(&['r'])?;
    let hashes = after.iter().take_while(|c| **c == '#').count();
    (after.get(hashes) == Some(&'"')).then_some(hashes)
}

/// Cuts every item under `#[cfg(test)]`.
fn without_tests(words: Vec<Word>) -> Vec<Word> {
    let attribute = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut rest = words.into_iter().peekable();
    while let Some(word) = rest.next() {
        kept.push(word);
        let ends_with_attribute =
            kept.len() >= attribute.len() && kept[kept.len() - attribute.len()..].iter().zip(attribute).all(|(w, a)| w.text == a);
        if !ends_with_attribute {
            continue;
        }
        kept.truncate(kept.len() - attribute.len());
        let mut depth = 0;
        for word in rest.by_ref() {
            match word.text.as_str() {
                "{" => depth += 1,
                "}" if depth == 1 => break,
                "}" => depth -= 1,
                ";" if depth == 0 => break,
                _ => {}
            }
        }
    }
    kept
}
