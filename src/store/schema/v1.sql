-- Times are milliseconds since 1970 in UTC; ids are text; words are the contract's; `sealed` columns hold nothing in clear.
-- JSON where a record is only ever read whole. People, devices and grants have no constraints between them: the bridge
-- keeps those rules in memory, and a slip there must not leave a hub that can commit nothing.

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE people (
    id TEXT PRIMARY KEY,
    external_id TEXT,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    contacts TEXT NOT NULL,        -- JSON
    added_at INTEGER NOT NULL,
    removed_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE credentials (
    id TEXT PRIMARY KEY,
    person TEXT NOT NULL,
    kind TEXT NOT NULL,
    code BLOB NOT NULL,            -- sealed
    generation INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
    id TEXT PRIMARY KEY,
    device TEXT NOT NULL           -- JSON
) STRICT, WITHOUT ROWID;

CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    person TEXT NOT NULL,
    credential TEXT NOT NULL,
    device TEXT NOT NULL,
    schedule TEXT NOT NULL,        -- JSON
    wanted INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    since INTEGER NOT NULL,
    next_try INTEGER,
    attempts INTEGER NOT NULL,
    confirmed_by TEXT,
    confirmed_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE slots (
    device TEXT NOT NULL,
    dialect TEXT NOT NULL,
    user INTEGER NOT NULL,
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    owner TEXT,                    -- a grant
    content TEXT NOT NULL,         -- unknown, empty, known, unreadable
    code BLOB,                     -- sealed; where content is known
    seen_at INTEGER,
    confirmed_code BLOB,           -- sealed fingerprint; NULL after a confirmed clear
    confirmed_generation INTEGER,
    confirmed_by TEXT,
    confirmed_at INTEGER,
    progress TEXT NOT NULL,        -- JSON
    PRIMARY KEY (device, dialect, user, kind, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE slot_owners (
    seq INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    dialect TEXT NOT NULL,
    user INTEGER NOT NULL,
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    since INTEGER NOT NULL,
    owner TEXT,                    -- a grant; NULL: nobody of ours
    person TEXT
) STRICT;
CREATE INDEX slot_owners_by_slot ON slot_owners (device, dialect, user, kind, number, since);

CREATE TABLE nodes (
    id INTEGER PRIMARY KEY,
    node TEXT NOT NULL             -- JSON
) STRICT;

-- `seq` is the order we heard of things: it goes on where a stepped clock makes ids and times jump back.
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    device TEXT NOT NULL,
    person TEXT,
    event TEXT NOT NULL            -- JSON
) STRICT;
CREATE INDEX events_by_time ON events (at);
CREATE INDEX events_by_device ON events (device, seq);
CREATE INDEX events_by_person ON events (person, seq) WHERE person IS NOT NULL;

CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event TEXT NOT NULL UNIQUE REFERENCES events (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    what TEXT NOT NULL
) STRICT;
