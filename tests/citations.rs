//! Every `docs/…` file and section that a comment cites exists.
//!
//! A citation is a path with optional sections behind it: `docs/protocol/security.md A6, B4 and B11`. A section exists if
//! a heading of the file begins with it; `docs/protocol/README.md` describes the forms.

#![expect(clippy::unwrap_used, reason = "a test that panics has said what is wrong")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What may stand between two sections of one citation.
const SEPARATORS: [&str; 7] = [", ", " and ", " to ", " or ", ": ", "–", "; "];

/// Sections that are named by words.
const NAMED: [&str; 4] = ["Part A", "Part B", "Associations", "General rules"];

#[test]
fn a_comment_never_cites_a_section_that_does_not_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documents = documents(root);
    let mut sources = Vec::new();
    for folder in ["src", "tests", "benches", "fuzz/fuzz_targets", "docs"] {
        files(&root.join(folder), &["rs", "md"], &mut sources);
    }
    let mut broken = Vec::new();
    let mut seen = 0;
    for path in sources.iter().filter(|p| !p.ends_with("tests/citations.rs")) {
        for (document, section) in citations(&unwrapped(&fs::read_to_string(path).unwrap())) {
            seen += 1;
            let fault = match (documents.get(&document), &section) {
                (None, _) => Some(format!("{document} does not exist")),
                (Some(sections), Some(section)) if !sections.contains(section) => Some(format!("{document} has no {section}")),
                _ => None,
            };
            broken.extend(fault.map(|fault| format!("{}: {fault}", path.strip_prefix(root).unwrap().display())));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(seen > 100, "only {seen} citations found: the search is broken");
}

#[test]
fn a_citation_with_several_sections_is_read_whole() {
    let text = "Keys (docs/protocol/security.md A6, B4 and B11; docs/protocol/serial-api.md §4, 0x4A to 0x63). See docs/api.md.";
    let found: Vec<_> = citations(text).into_iter().map(|(d, s)| format!("{d} {}", s.unwrap_or_default())).collect();
    assert_eq!(
        found,
        [
            "docs/protocol/security.md A6",
            "docs/protocol/security.md B4",
            "docs/protocol/security.md B11",
            "docs/protocol/serial-api.md §4",
            "docs/protocol/serial-api.md 0x4A",
            "docs/protocol/serial-api.md 0x63",
            "docs/api.md ",
        ]
    );
}

/// The sections of each file in `docs/`, by its path in the repository.
fn documents(root: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut paths = Vec::new();
    files(&root.join("docs"), &["md"], &mut paths);
    let mut documents = BTreeMap::new();
    for path in paths {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let headings = text.lines().filter_map(|l| l.strip_prefix('#')).map(|l| l.trim_start_matches('#').trim());
        documents.insert(name, headings.filter_map(section_of_heading).collect());
    }
    documents
}

/// `2.3 What each class answers` is §2.3; `B6 Encapsulation frame` is B6.
fn section_of_heading(heading: &str) -> Option<String> {
    if heading.starts_with(|c: char| c.is_ascii_digit()) && !heading.starts_with("0x") {
        let number = heading.split(' ').next().unwrap_or_default();
        return Some(format!("§{}", number.trim_end_matches('.')));
    }
    let (section, _) = section(heading)?;
    Some(section.to_owned())
}

/// The citations in `text`, one for each section; without a section where the whole file is cited.
fn citations(text: &str) -> Vec<(String, Option<String>)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("docs/") {
        let rest = &text[at..];
        let Some(end) = rest.find(".md").map(|e| e + ".md".len()) else { continue };
        let document = &rest[..end];
        if !document.chars().all(|c| c.is_ascii_alphanumeric() || "/-_.".contains(c)) {
            continue;
        }
        let mut rest = rest[end..].strip_prefix(' ').unwrap_or_default();
        let mut alone = true;
        while let Some((name, behind)) = section(rest) {
            alone = false;
            found.push((document.to_owned(), Some(name.to_owned())));
            rest = SEPARATORS.iter().find_map(|s| behind.strip_prefix(s)).unwrap_or_default();
        }
        if alone {
            found.push((document.to_owned(), None));
        }
    }
    found
}

/// The name of a section at the start of `text`, and what follows.
fn section(text: &str) -> Option<(&str, &str)> {
    if let Some(name) = NAMED.iter().find(|n| text.starts_with(**n)) {
        return Some(text.split_at(name.len()));
    }
    let digits = |from: usize, is: fn(char) -> bool| text[from..].find(|c| !is(c)).map_or(text.len(), |n| from + n);
    let end = match text.chars().next()? {
        '§' => {
            let end = digits('§'.len_utf8(), |c| c.is_ascii_digit() || c == '.');
            text[..end].trim_end_matches('.').len()
        }
        'A' | 'B' => digits(1, |c| c.is_ascii_digit()),
        '0' if text.starts_with("0x") => digits(2, |c| c.is_ascii_hexdigit()),
        _ => return None,
    };
    let bare = text[..end].trim_start_matches(['§', 'A', 'B']);
    (!bare.is_empty() && bare != "0x").then(|| text.split_at(end))
}

/// Joins the lines of a comment, since a citation may be broken over two.
fn unwrapped(text: &str) -> String {
    let mut joined = String::new();
    for line in text.lines() {
        let line = line.trim_start();
        let comment = ["//! ", "/// ", "// "].iter().find_map(|marker| line.strip_prefix(marker));
        joined.push(if comment.is_some() || line.starts_with(|c: char| c.is_alphanumeric()) { ' ' } else { '\n' });
        joined.push_str(comment.unwrap_or(line));
    }
    joined
}

fn files(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|e| e.unwrap().path()) {
        if path.is_dir() {
            files(&path, endings, found);
        } else if path.extension().is_some_and(|e| endings.iter().any(|ending| e == *ending)) {
            found.push(path);
        }
    }
}
