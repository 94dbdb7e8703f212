//! Every fuzz target over every input that was ever of interest, and over changed ones: a bounded share of what `fuzz/run`
//! does, without its compiler, on each test run.
//!
//! Inputs are what `tests/data` has of real frames and others' vectors, the shipped configuration and worlds, and
//! `tests/data/corpus/<target>`: small files that reached new code, and one per crash, named after its symptom.
//! `FUZZ_SEEDS=<folder>` writes all of them there instead, one folder per target, for the fuzzer to begin with.
//! `FUZZ_KEPT=<folder>` tries what the fuzzer kept since, too.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that panics has said what is wrong, and to which input"
)]

#[expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken promise is a panic: the fuzzer looks for nothing else"
)]
mod fuzz_targets;

use std::fs;
use std::path::{Path, PathBuf};

use latchkey::domain::entropy::Entropy;
use serde_json::Value;

/// So many changed inputs per target: about a second of an unoptimized build.
const CHANGED: usize = 400;

#[test]
fn nothing_that_once_crashed_a_parser_does_it_again() {
    for (name, body) in fuzz_targets::TARGETS {
        let seeds = seeds(name);
        assert!(seeds.len() >= 4, "{name} has {} inputs", seeds.len());
        if let Some(folder) = std::env::var_os("FUZZ_SEEDS") {
            write_seeds(&Path::new(&folder).join(name), &seeds);
            continue;
        }
        for seed in &seeds {
            tried(name, body, seed);
        }
    }
}

#[test]
fn what_was_damaged_on_its_way_crashes_nothing() {
    for (name, body) in fuzz_targets::TARGETS {
        let seeds = seeds(name);
        let mut entropy = Entropy::from_number(2).child(name);
        for _ in 0..CHANGED {
            tried(name, body, &changed(&seeds, &mut entropy));
        }
    }
}

/// A failure shows the input, as text that can be made a corpus file of.
fn tried(name: &str, body: fn(&[u8]), input: &[u8]) {
    if let Err(panic) = std::panic::catch_unwind(|| body(input)) {
        eprintln!("{name} fails on {} bytes: {}", input.len(), input.escape_ascii());
        std::panic::resume_unwind(panic);
    }
}

/// One seed with a few bytes turned, taken out, put in, cut off, or followed by another seed.
fn changed(seeds: &[Vec<u8>], entropy: &mut Entropy) -> Vec<u8> {
    let mut below = |bound: usize| usize::try_from(entropy.below(u64::try_from(bound).unwrap())).unwrap();
    let mut input = seeds[below(seeds.len())].clone();
    for _ in 0..=below(6) {
        let at = below(input.len() + 1);
        match below(6) {
            0 if at < input.len() => input[at] ^= 1 << below(8),
            1 if at < input.len() => input[at] = [0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF, b'0', b'"'][below(8)],
            2 if at < input.len() => drop(input.remove(at)),
            3 => input.insert(at, u8::try_from(below(256)).unwrap()),
            4 => input.truncate(at),
            5 => {
                let other = &seeds[below(seeds.len())];
                input.truncate(at);
                input.extend_from_slice(&other[below(other.len() + 1)..]);
            }
            _ => {}
        }
    }
    // Longer ones are only slower.
    input.truncate(4096);
    input
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// The inputs of one target, always in the same order.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let scripts = |ops: &[u8]| ops.iter().flat_map(|op| payloads().into_iter().map(move |it| script(*op, &it))).collect();
    let mut seeds: Vec<Vec<u8>> = match name {
        "frame" => frames()
            .into_iter()
            .flat_map(|it| [behind(&[255], &it), behind(&it[2..3], &it[3..])])
            .chain((0..=255).flat_map(|n| [0, 1].map(|kind| vec![kind, n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])))
            // Setup has a command of its own in the first byte.
            .chain((0..=255).flat_map(|n| [0, 1].map(|kind| vec![kind, 0x0B, n, 1, 2, 3, 4, 5, 6])))
            .collect(),
        "link" => {
            frames().chunks(8).map(|some| some.iter().flat_map(|it| behind(&[0, 8, 1, 1], &script(0, it))).collect()).collect()
        }
        "command" => payloads(),
        "s2" => payloads().into_iter().flat_map(|it| [behind(&[0, 0], &script_body(&it)), behind(&[3, 9, 9], &it)]).collect(),
        "joining" => vec![dialogue(7), dialogue(1)],
        "network" => scripts(&[0, 4]),
        "qr" => texts(&data().join("vectors/security.json"), |text| text.bytes().all(|b| b.is_ascii_digit() || b == b'-')),
        "config" => files(&data().join("../../config")),
        _ => Vec::new(),
    };
    seeds.extend(files(&data().join("corpus").join(name)));
    if let Some(kept) = std::env::var_os("FUZZ_KEPT") {
        seeds.extend(files(&Path::new(&kept).join(name)));
    }
    // A kilobyte and more of text is what the fuzzer is for.
    seeds.retain(|seed| seed.len() <= 4096);
    seeds
}

fn behind(head: &[u8], rest: &[u8]) -> Vec<u8> {
    [head, rest].concat()
}

fn script_body(payload: &[u8]) -> Vec<u8> {
    behind(&[u8::try_from(payload.len()).unwrap_or(u8::MAX)], payload)
}

fn script(op: u8, payload: &[u8]) -> Vec<u8> {
    behind(&[op], &script_body(payload))
}

/// What real sticks and hosts wrote.
fn frames() -> Vec<Vec<u8>> {
    let files = ["frames/serial.jsonl", "frames/malformed.jsonl"];
    let mut frames: Vec<_> = files.iter().flat_map(|file| rows(file)).map(|row| hex(&row["hex"])).collect();
    frames.retain(|frame| frame.len() > 3);
    frames
}

/// What nodes said, and what Z-Wave JS makes of commands.
fn payloads() -> Vec<Vec<u8>> {
    let vectors: Value = serde_json::from_str(&fs::read_to_string(data().join("vectors/cc.json")).unwrap()).unwrap();
    let session: Value = serde_json::from_str(&fs::read_to_string(data().join("vectors/s2-session.json")).unwrap()).unwrap();
    let heard = rows("frames/frames.jsonl").into_iter().map(|row| row["hex"].clone());
    let vectors = vectors["vectors"].as_array().unwrap().iter().map(|vector| vector["hex"].clone());
    let session = session["steps"].as_array().unwrap().iter().map(|step| step["frame"].clone());
    heard.chain(vectors).chain(session).map(|text| hex(&text)).collect()
}

/// What one side said in the recorded session, with a person who grants and types in between.
fn dialogue(sender: u64) -> Vec<u8> {
    let session: Value = serde_json::from_str(&fs::read_to_string(data().join("vectors/s2-session.json")).unwrap()).unwrap();
    let said = session["steps"].as_array().unwrap().iter().filter(|step| step["sender"] == sender);
    let steps = said.flat_map(|step| behind(&script(0, &hex(&step["frame"])), &[2, 0x84, 0, 3, 0x35, 0x80, 5]));
    behind(&[0], &steps.collect::<Vec<_>>())
}

fn rows(file: &str) -> Vec<Value> {
    fs::read_to_string(data().join(file)).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn hex(text: &Value) -> Vec<u8> {
    let digits = text.as_str().unwrap().as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Every string in a JSON file that is long enough, and fits.
fn texts(file: &Path, fits: fn(&str) -> bool) -> Vec<Vec<u8>> {
    fn collect(value: &Value, fits: fn(&str) -> bool, found: &mut Vec<Vec<u8>>) {
        match value {
            Value::String(text) if text.len() > 20 && fits(text) => found.push(text.clone().into_bytes()),
            Value::Array(all) => all.iter().for_each(|one| collect(one, fits, found)),
            Value::Object(all) => all.values().for_each(|one| collect(one, fits, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(&serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap(), fits, &mut found);
    found
}

/// The contents of the files in a folder and the folders in it, by name; nothing where there is no folder.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().flat_map(|path| if path.is_dir() { files(&path) } else { vec![fs::read(path).unwrap()] }).collect()
}

fn write_seeds(folder: &Path, seeds: &[Vec<u8>]) {
    fs::create_dir_all(folder).unwrap();
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("seed-{number:04}")), seed).unwrap();
    }
}
