//! No core dumps: a crash must not bring codes and keys from memory to the card.

use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// No core file of this process from now on, and only root may look into its memory. The service unit asks for the same;
/// this holds for a daemon that is started by hand, too.
pub fn forbid() {
    // A service's filter of system calls may refuse to set a limit that the unit has set already.
    let is_set = getrlimit(Resource::RLIMIT_CORE).is_ok_and(|limits| limits == (0, 0));
    if !is_set && let Err(error) = setrlimit(Resource::RLIMIT_CORE, 0, 0) {
        tracing::warn!(%error, "core dumps can't be limited");
    }
    // A core that is piped into a program (core_pattern) does not ask for the limit, but for this.
    if let Err(error) = prctl::set_dumpable(false) {
        tracing::warn!(%error, "core dumps can't be forbidden");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_leaves_no_codes_on_the_card() {
        forbid();
        assert_eq!(getrlimit(Resource::RLIMIT_CORE).unwrap(), (0, 0));
        assert!(!prctl::get_dumpable().unwrap());
    }
}
