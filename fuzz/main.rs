//! One program for every target, so that one build is enough: `FUZZ_TARGET` names it. See `run`.
#![no_main]

#[path = "../tests/fuzz_targets/mod.rs"]
mod fuzz_targets;

use std::sync::OnceLock;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    static BODY: OnceLock<fn(&[u8])> = OnceLock::new();
    BODY.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
        let target = fuzz_targets::TARGETS.into_iter().find(|(known, _)| *known == name);
        target.unwrap_or_else(|| panic!("no target is called {name}")).1
    })(data);
});
