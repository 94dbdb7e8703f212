//! `--wait`: stays until every grant that a change touched is settled.

use std::time::Duration;

use clap::Args;

use super::client::{Answer, Client};
use super::failure::{Failure, Outcome};
use super::words;
use crate::domain::grant::Status;
use crate::domain::ids::GrantId;
use crate::view::GrantView;

/// How often the daemon is asked: soon at first, then with patience.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LAST_LOOK: Duration = Duration::from_millis(250);

/// Whether to wait, and how long.
#[derive(Args, Clone, Copy, Debug)]
pub struct Wait {
    /// Wait until every lock has it [default: 120 seconds]; exit code 4 if the time runs out, the change goes on.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "120")]
    wait: Option<u32>,
}

/// A grant that is waited for.
struct Waiting {
    id: GrantId,
    /// What was last seen of it.
    seen: Option<GrantView>,
    settled: bool,
}

impl Wait {
    /// Waits for the grants that a change touched, if that was asked for.
    pub async fn settle(self, client: &Client, grants: &[GrantId]) -> Outcome {
        let Some(seconds) = self.wait else { return Ok(()) };
        let mut grants: Vec<Waiting> = grants.iter().map(|id| Waiting { id: *id, seen: None, settled: false }).collect();
        let settled = tokio::time::timeout(Duration::from_secs(seconds.into()), settle(client, &mut grants)).await;
        let Ok(outcome) = settled else {
            let late = grants.iter().filter(|grant| !grant.settled);
            let late: Vec<String> =
                late.map(|grant| grant.seen.as_ref().map_or_else(|| grant.id.to_string(), words::waits_for)).collect();
            let late = late.join(", ");
            return Err(Failure::WaitRanOut(format!("not settled within {seconds} s, the change goes on: {late}")));
        };
        outcome?;
        let failed: Vec<String> = grants.iter().filter_map(|grant| words::failure(grant.seen.as_ref()?)).collect();
        if failed.is_empty() { Ok(()) } else { Err(Failure::Refused(failed.join("; "))) }
    }
}

/// Looks again and again until all are settled. A grant that is gone is one whose code is out of the lock.
async fn settle(client: &Client, grants: &mut [Waiting]) -> Outcome {
    let mut pause = FIRST_LOOK;
    loop {
        for grant in grants.iter_mut().filter(|grant| !grant.settled) {
            match client.find::<GrantView>(&format!("/api/grants/{}", grant.id)).await {
                Ok(Answer::NotFound(_)) => {
                    grant.settled = true;
                    grant.seen = None;
                }
                Ok(Answer::Found(seen)) => {
                    grant.settled = seen.status.known().is_some_and(Status::is_settled);
                    grant.seen = Some(seen);
                }
                // The change is committed: a daemon that restarts in the meantime goes on with it.
                Err(Failure::Unreachable(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        if grants.iter().all(|grant| grant.settled) {
            return Ok(());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LAST_LOOK);
    }
}
