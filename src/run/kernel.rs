//! What the kernel knows about its clock. The only place with `unsafe`: no safe crate asks this question.

#![expect(unsafe_code, reason = "adjtimex(2) has no safe wrapper that tells whether the clock is synchronised")]

use std::path::Path;

use crate::domain::time::BootId;

/// Whether something keeps the wall clock right at this moment (chrony, timesyncd, ntpd, PTP); `None` where the kernel
/// may not be asked. Reads only: `modes` is 0, which needs no privilege (adjtimex(2)).
pub(super) fn is_synchronised() -> Option<bool> {
    // SAFETY: `timex` is plain data for which all zeroes is a value, and the call writes to nothing else.
    let (state, status) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut timex), timex.status)
    };
    match state {
        -1 => None,
        state => Some(state != libc::TIME_ERROR && status & libc::STA_UNSYNC == 0),
    }
}

/// Names the time since the machine was switched on; `None` where that can't be known.
///
/// A hardened service does not see the kernel's own name for it. Its runtime directory (`runtime`) lies in memory and is
/// gone with the power: a name that is still there was given in this boot, else `fresh` becomes it.
pub(super) fn boot_id(runtime: Option<&Path>, fresh: &str) -> Option<BootId> {
    let kernels = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
    let name = kernels.or_else(|| given_in(runtime?, fresh))?;
    Some(BootId(name.trim().to_owned())).filter(|id| !id.0.is_empty())
}

fn given_in(runtime: &Path, fresh: &str) -> Option<String> {
    let file = runtime.join("boot");
    if let Ok(given) = std::fs::read_to_string(&file) {
        return Some(given);
    }
    std::fs::write(&file, fresh).ok()?;
    Some(fresh.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_names_one_boot_the_same_way_twice() {
        let first = boot_id(None, "a");
        assert!(first.is_some());
        assert_eq!(first, boot_id(None, "b"));
    }

    #[test]
    fn a_boot_that_the_kernel_does_not_name_has_one_name_until_the_power_goes() {
        let runtime = tempfile::tempdir().unwrap();
        assert_eq!(given_in(runtime.path(), "first").as_deref(), Some("first"));
        assert_eq!(given_in(runtime.path(), "second").as_deref(), Some("first"));
        std::fs::remove_file(runtime.path().join("boot")).unwrap();
        assert_eq!(given_in(runtime.path(), "second").as_deref(), Some("second"));
        assert_eq!(given_in(Path::new("/nowhere"), "x"), None);
    }

    #[test]
    fn asking_the_kernel_for_its_clock_needs_no_privilege() {
        assert!(is_synchronised().is_some());
    }
}
