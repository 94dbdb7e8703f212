//! What needs no peer at work: a plan, and what lies on the disk.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::lab::lab_packages;
use crate::household::Template;
use crate::plan::Plans;
use crate::table::{Peer, Row};

/// Row "plan for a change on 1 of 40 / 4,000 locks": the spine's figures.
pub fn plan_of_one() -> Vec<Row> {
    let template = Template::learn();
    let [few, many] = [40, 4_000].map(|locks| Plans::of_one_among(&template, locks));
    let ms = |plans: &Plans| plans.granted.max(plans.revoked).as_secs_f64() * 1_000.0;
    let growth = ms(&many) / ms(&few);
    vec![Row {
        work: "turn with the plan for a change on 1 of 40 / 4,000 locks".into(),
        peer: Peer::Nothing,
        here: format!("{:.3} / {:.3} ms, {growth:.1}x", ms(&few), ms(&many)),
        ratio: None,
        budget: "same within 2x, < 1 ms",
        met: growth <= 2.0 && ms(&many) < 1.0,
    }]
}

/// Row "installed size". The peer's is the lab's folder, in which its mock is, too.
pub fn size() -> Vec<Row> {
    let lab = lab_packages();
    let list = fs::read_to_string(lab.join("node_modules/.package-lock.json")).unwrap();
    let list: Value = serde_json::from_str(&list).unwrap();
    let packages = list["packages"].as_object().unwrap().len();
    let (theirs, ours) = (bytes_in(&lab.join("node_modules")), fs::metadata(env!("CARGO_BIN_EXE_latchkey")).unwrap().len());
    let mb = |bytes: u64| bytes as f64 / 1e6;
    vec![Row {
        work: "installed size".into(),
        peer: Peer::Measured(format!("{:.0} MB, {packages} packages, without Node.js", mb(theirs))),
        here: format!("{:.1} MB, one binary, as it was built for this run", mb(ours)),
        ratio: Some(mb(ours) / mb(theirs)),
        budget: "one binary <= 12 MB",
        met: mb(ours) <= 12.0,
    }]
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let sizes = entries.map(|entry| {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() { bytes_in(&entry.path()) } else { entry.metadata().unwrap().len() }
    });
    sizes.sum()
}
