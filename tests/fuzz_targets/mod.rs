//! What is fuzzed, each as a function of bytes that panics when a promise is broken. Two callers: `fuzz/`, where libFuzzer
//! makes the bytes, and `tests/fuzz_corpus.rs`, which runs everything that was ever of interest on every test run.

mod api;
mod joining;
mod network;
mod sealed;
mod serial;
mod text;

/// Name and body.
pub type Target = (&'static str, fn(&[u8]));

/// Every target. The name is also that of its folder in `tests/data/corpus`.
pub const TARGETS: [Target; 12] = [
    ("frame", serial::frame),
    ("link", serial::link),
    ("command", serial::command),
    ("s2", sealed::sealed),
    ("joining", joining::joining),
    ("qr", text::qr),
    ("config", text::config),
    ("import", text::import),
    ("mqtt", text::mqtt),
    ("api", api::api),
    ("control", network::control),
    ("network", network::network),
];

/// Reads a script out of bytes; what is missing is zero, so that every script ends.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// As many bytes as the next one says, or as there are.
    fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(len);
        self.0 = rest;
        bytes
    }
}
