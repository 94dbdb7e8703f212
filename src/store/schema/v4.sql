-- Why a grant waits for a decision has columns of its own: it was read out of the status. What only the lock's security stops,
-- or has a time for the next try, never waited for one.
ALTER TABLE grants ADD COLUMN hold TEXT;
ALTER TABLE grants ADD COLUMN hold_reason TEXT;
ALTER TABLE grants ADD COLUMN hold_since INTEGER;

UPDATE grants SET hold = status, hold_reason = coalesce(reason, 'refused_by_lock'), hold_since = since
WHERE status IN ('rejected', 'missing_from_lock', 'changed_at_lock')
    AND next_try IS NULL
    AND (reason IS NULL OR reason NOT IN ('insecure', 'code_unreadable'));
