//! When to try again: growing distances with jitter, so that a hundred locks never wake up together.

use std::time::Duration;

use crate::domain::entropy::Entropy;

/// Distance to the next try of a lock that did not answer `failures` times in a row. It is tried at once when it is
/// heard (docs/protocol/timing.md §6: 30 s, 2 min, 10 min, 1 h).
pub fn unreachable(failures: u32, entropy: &mut Entropy) -> Duration {
    let seconds = match failures {
        0 | 1 => 5,
        2 => 30,
        3 => 120,
        4 => 600,
        _ => 3600,
    };
    jittered(Duration::from_secs(seconds), entropy)
}

/// Distance to the next try of one slot whose change did not arrive `failures` times although the lock answers.
pub fn not_stored(failures: u32, entropy: &mut Entropy) -> Duration {
    let seconds = match failures {
        0 | 1 => 1,
        2 => 10,
        3 => 60,
        _ => 3600,
    };
    jittered(Duration::from_secs(seconds), entropy)
}

/// Distance to the next look at a slot that the lock left unanswered `times` times although the radio reaches it.
pub fn unanswered(times: u32, entropy: &mut Entropy) -> Duration {
    let seconds = match times {
        0 => 1,
        1 => 10,
        2 => 60,
        3 => 600,
        _ => 3600,
    };
    jittered(Duration::from_secs(seconds), entropy)
}

/// So many changes of a slot may fail without a word from the lock before a person is asked. They are tried on: bad air can
/// look like a lock that refuses.
pub const TRIES_BEFORE_ASKING: u32 = 3;

fn jittered(base: Duration, entropy: &mut Entropy) -> Duration {
    let millis = u64::try_from(base.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(millis - millis / 10 + entropy.below(millis / 5 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_stays_away_is_tried_ever_less_often_and_never_given_up() {
        let mut entropy = Entropy::from_number(5);
        let tries: Vec<_> = (1..8).map(|n| unreachable(n, &mut entropy)).collect();
        assert!(tries.windows(2).take(4).all(|pair| pair[0] < pair[1]), "{tries:?}");
        assert!(tries.iter().all(|d| *d <= Duration::from_secs(3960)));
    }
}
