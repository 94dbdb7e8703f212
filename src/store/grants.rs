//! Grants.

use rusqlite::{Connection, Row, Transaction, named_params};

use crate::domain::batch::Damage;
use crate::domain::grant::{Confirmation, Grant, Hold, HoldKind, Reason, Schedule, Status};
use crate::domain::ids::GrantId;
use crate::domain::slot::ConfirmedBy;

use super::columns::{stored_as_json, stored_as_word};
use super::error::ReadError;
use super::rows::{readable, rows};

stored_as_word!(HoldKind, Status, Reason);
stored_as_json!(Schedule);

pub(super) fn put(transaction: &Transaction<'_>, grant: &Grant) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "REPLACE INTO grants (id, person, credential, device, schedule, wanted, generation, hold, hold_reason,
                                  hold_since, status, reason, since, next_try, attempts, confirmed_by, confirmed_at)
             VALUES (:id, :person, :credential, :device, :schedule, :wanted, :generation, :hold, :hold_reason,
                     :hold_since, :status, :reason, :since, :next_try, :attempts, :confirmed_by, :confirmed_at)",
        )?
        .execute(named_params! {
            ":id": grant.id,
            ":person": grant.person,
            ":credential": grant.credential,
            ":device": grant.device,
            ":schedule": grant.schedule,
            ":wanted": grant.wanted,
            ":generation": grant.generation,
            ":hold": grant.hold.map(|hold| hold.kind),
            ":hold_reason": grant.hold.map(|hold| hold.reason),
            ":hold_since": grant.hold.map(|hold| hold.since),
            ":status": grant.status,
            ":reason": grant.reason,
            ":since": grant.since,
            ":next_try": grant.next_try,
            ":attempts": grant.attempts,
            ":confirmed_by": grant.confirmed.map(|confirmed| confirmed.by),
            ":confirmed_at": grant.confirmed.map(|confirmed| confirmed.at),
        })?;
    Ok(())
}

pub(super) fn delete(transaction: &Transaction<'_>, id: GrantId) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM grants WHERE id = ?")?.execute([id]).map(|_| ())
}

pub(super) fn load(connection: &Connection, damage: &mut Vec<Damage>) -> Result<Vec<Grant>, ReadError> {
    rows(connection, "SELECT * FROM grants ORDER BY id", |row| grant(row, damage))
}

fn grant(row: &Row<'_>, damage: &mut Vec<Damage>) -> Result<Grant, ReadError> {
    let id = row.get("id")?;
    let by: Option<Option<ConfirmedBy>> = readable(row, "confirmed_by")?;
    let confirmed = match (by.flatten(), row.get("confirmed_at")?) {
        (Some(by), Some(at)) => Some(Confirmation { by, at }),
        _ => None,
    };
    let (schedule, status, reason) = (readable(row, "schedule")?, readable(row, "status")?, readable(row, "reason")?);
    let hold = hold(row)?;
    let is_whole = schedule.is_some() && status.is_some() && reason.is_some() && hold.is_some();
    let since = row.get("since")?;
    // Neither written nor cleared: whether it was held, and when it opens, is not known any more.
    let damaged = Hold { kind: HoldKind::Rejected, reason: Reason::Damaged, since };
    let (hold, status, reason) = match (hold, status, reason) {
        (Some(hold), Some(status), Some(reason)) if is_whole => (hold, Status::after_a_restart(status), reason),
        _ => (Some(damaged), Status::Rejected, Some(Reason::Damaged)),
    };
    if !is_whole {
        damage.push(Damage::Grant(id));
    }
    Ok(Grant {
        id,
        person: row.get("person")?,
        credential: row.get("credential")?,
        device: row.get("device")?,
        schedule: schedule.unwrap_or_default(),
        wanted: row.get("wanted")?,
        generation: row.get("generation")?,
        hold,
        status,
        reason,
        since,
        next_try: if is_whole { row.get("next_try")? } else { None },
        attempts: row.get("attempts")?,
        confirmed,
    })
}

/// `None`: what is there was not written by any version of the daemon.
fn hold(row: &Row<'_>) -> Result<Option<Option<Hold>>, ReadError> {
    let (kind, reason) = (readable::<Option<HoldKind>>(row, "hold")?, readable::<Option<Reason>>(row, "hold_reason")?);
    Ok(match (kind, reason, row.get("hold_since")?) {
        (Some(None), Some(None), None) => Some(None),
        (Some(Some(kind)), Some(Some(reason)), Some(since)) => Some(Some(Hold { kind, reason, since })),
        _ => None,
    })
}
