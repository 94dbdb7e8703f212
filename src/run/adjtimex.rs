//! What the kernel knows about its clock. One of the two places with `unsafe`: no safe crate asks
//! this question.

#![expect(unsafe_code, reason = "adjtimex(2) has no safe wrapper that tells whether the clock is synchronised")]

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_the_kernel_for_its_clock_needs_no_privilege() {
        assert!(is_synchronised().is_some());
    }
}
