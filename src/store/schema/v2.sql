-- Devices that are expected (SmartStart). Whoever knows a device's whole key can pass for it while it is included.
CREATE TABLE provisioning (
    id TEXT PRIMARY KEY,
    dsk BLOB NOT NULL,             -- sealed
    keys INTEGER NOT NULL,         -- bits
    long_range INTEGER NOT NULL,
    product TEXT NOT NULL,         -- JSON
    name TEXT,
    added_at INTEGER NOT NULL,
    state TEXT NOT NULL            -- JSON
) STRICT, WITHOUT ROWID;
