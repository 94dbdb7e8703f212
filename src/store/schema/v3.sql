-- The audit can be asked whom and what an act concerned: ids and a typed act have columns of their own.
-- Rows of before keep their text as detail. Where its form is known, act and ids are taken from it; else the act is a note.
-- `?` stands for any one character: 36 of them in this form are an id.
CREATE TABLE audit_of_acts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,      -- uid, account, token, mqtt, system
    actor_id TEXT,
    actor TEXT NOT NULL,           -- the name that people are shown
    act TEXT NOT NULL,
    person TEXT,
    device TEXT,
    grant TEXT,
    detail TEXT
) STRICT;

INSERT INTO audit_of_acts (seq, at, actor_kind, actor_id, actor, act, detail)
SELECT
    seq,
    at,
    CASE WHEN actor GLOB 'uid [0-9]*' THEN 'uid' WHEN actor = 'mqtt' THEN 'mqtt' ELSE 'system' END,
    CASE WHEN actor GLOB 'uid [0-9]*' THEN substr(actor, 5) END,
    actor,
    CASE
        WHEN what = 'made the database' THEN 'database_made'
        WHEN what = 'made network keys' THEN 'network_keys_made'
        WHEN what GLOB 'found an older copy of the database*' THEN 'older_copy_found'
        WHEN what GLOB 'added person ????????-????-????-????-????????????' THEN 'person_added'
        WHEN what GLOB 'changed person ????????-????-????-????-????????????' THEN 'person_changed'
        WHEN what GLOB 'removed person ????????-????-????-????-????????????' THEN 'person_removed'
        WHEN what GLOB 'granted device ????????-????-????-????-???????????? to person ????????-????-????-????-????????????'
            THEN 'granted'
        WHEN what GLOB 'revoked device ????????-????-????-????-???????????? from person ????????-????-????-????-????????????'
            THEN 'revoked'
        WHEN what GLOB 'ended the grant of person ????????-????-????-????-???????????? with device ????????-????-????-????-????????????'
            THEN 'grant_ended'
        WHEN what = 'was refused a code that is in use' THEN 'code_refused'
        WHEN what GLOB 'locked device ????????-????-????-????-????????????' THEN 'locked'
        WHEN what GLOB 'unlocked device ????????-????-????-????-????????????' THEN 'unlocked'
        WHEN what GLOB 'renamed device ????????-????-????-????-????????????' THEN 'device_renamed'
        WHEN what GLOB 'removed device ????????-????-????-????-????????????' THEN 'device_removed'
        WHEN what GLOB 'allowed device ????????-????-????-????-???????????? codes *' THEN 'insecure_allowed'
        WHEN what GLOB 'put the lock of device ????????-????-????-????-???????????? in the place of device *'
            THEN 'device_replaced'
        WHEN what = 'exported the network keys' THEN 'network_keys_exported'
        WHEN what GLOB 'imported the network of Z-Wave JS: *' THEN 'network_imported'
        WHEN what = 'entered a device''s PIN' THEN 'pin_entered'
        WHEN what = 'cancelled an inclusion or exclusion' THEN 'change_cancelled'
        ELSE 'note'
    END,
    what
FROM audit;

UPDATE audit_of_acts SET person = substr(detail, length('added person ') + 1, 36) WHERE act = 'person_added';
UPDATE audit_of_acts SET person = substr(detail, length('changed person ') + 1, 36) WHERE act = 'person_changed';
UPDATE audit_of_acts SET person = substr(detail, length('removed person ') + 1, 36) WHERE act = 'person_removed';
UPDATE audit_of_acts SET
    device = substr(detail, length('granted device ') + 1, 36),
    person = substr(detail, length('granted device ') + 36 + length(' to person ') + 1, 36)
WHERE act = 'granted';
UPDATE audit_of_acts SET
    device = substr(detail, length('revoked device ') + 1, 36),
    person = substr(detail, length('revoked device ') + 36 + length(' from person ') + 1, 36)
WHERE act = 'revoked';
UPDATE audit_of_acts SET
    person = substr(detail, length('ended the grant of person ') + 1, 36),
    device = substr(detail, length('ended the grant of person ') + 36 + length(' with device ') + 1, 36)
WHERE act = 'grant_ended';
UPDATE audit_of_acts SET device = substr(detail, length('locked device ') + 1, 36) WHERE act = 'locked';
UPDATE audit_of_acts SET device = substr(detail, length('unlocked device ') + 1, 36) WHERE act = 'unlocked';
UPDATE audit_of_acts SET device = substr(detail, length('renamed device ') + 1, 36) WHERE act = 'device_renamed';
UPDATE audit_of_acts SET device = substr(detail, length('removed device ') + 1, 36) WHERE act = 'device_removed';
UPDATE audit_of_acts SET device = substr(detail, length('allowed device ') + 1, 36) WHERE act = 'insecure_allowed';
UPDATE audit_of_acts SET
    device = substr(detail, length('put the lock of device ') + 36 + length(' in the place of device ') + 1, 36)
WHERE act = 'device_replaced';

-- A number is never used again, also where all rows were too old and are gone.
DELETE FROM sqlite_sequence WHERE name = 'audit_of_acts';
INSERT INTO sqlite_sequence (name, seq) SELECT 'audit_of_acts', seq FROM sqlite_sequence WHERE name = 'audit';
DROP TABLE audit;
ALTER TABLE audit_of_acts RENAME TO audit;
CREATE INDEX audit_by_person ON audit (person, seq) WHERE person IS NOT NULL;
