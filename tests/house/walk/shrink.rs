//! Makes a failing walk short: leaves out ever smaller pieces of it as long as it still fails.

use super::steps::Walk;

/// How many walks it may take.
const PATIENCE: usize = 400;

/// A shorter walk that fails, too.
pub fn shrink(mut walk: Walk, fails: impl Fn(&Walk) -> bool) -> Walk {
    let mut tries = 0;
    let mut size = walk.steps.len().div_ceil(2);
    while size > 0 {
        let (mut at, mut shorter) = (0, false);
        while at < walk.steps.len() && tries < PATIENCE {
            let mut candidate = walk.clone();
            candidate.steps.drain(at..(at + size).min(walk.steps.len()));
            tries += 1;
            if fails(&candidate) {
                (walk, shorter) = (candidate, true);
            } else {
                at += size;
            }
        }
        size = if shorter && size == 1 { 1 } else { size / 2 };
        if tries >= PATIENCE {
            break;
        }
    }
    walk
}
