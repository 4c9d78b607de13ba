-- What a store node keeps for others, schema version 1. Conventions as in schema.sql. The table `records` has the names
-- that the reading functions of store/sync.py know, so that both databases are read by the same ones.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- Peers who brought something: what is kept of it counts for their quotas.
CREATE TABLE peers (
    n     INTEGER PRIMARY KEY,
    peer  TEXT NOT NULL UNIQUE,
    bytes INTEGER NOT NULL DEFAULT 0
);

-- Rooms, named by nothing but their tag, and mailboxes.
CREATE TABLE sets (
    n        INTEGER PRIMARY KEY,
    kind     TEXT NOT NULL,                 -- 'room', 'mailbox'
    tag      BLOB NOT NULL,
    maker_n  INTEGER NOT NULL REFERENCES peers (n),
    floor_ts INTEGER NOT NULL DEFAULT 0,    -- records before it were given up and are not taken any more
    asked_ms INTEGER NOT NULL,              -- when somebody last asked for it
    records  INTEGER NOT NULL DEFAULT 0,
    bytes    INTEGER NOT NULL DEFAULT 0,
    UNIQUE (kind, tag)
);
CREATE INDEX sets_maker ON sets (maker_n);
CREATE INDEX sets_bytes ON sets (kind, bytes);

CREATE TABLE records (
    n       INTEGER PRIMARY KEY,            -- order of arrival
    room_n  INTEGER NOT NULL REFERENCES sets (n),
    id      BLOB NOT NULL,
    ts_ms   INTEGER NOT NULL,
    author  TEXT NOT NULL,
    from_n  INTEGER NOT NULL REFERENCES peers (n),
    kept_ms INTEGER NOT NULL,
    size    INTEGER NOT NULL,               -- that it counts for, also after its bytes went
    raw     BLOB,                           -- the signed bytes; NULL when its author took it back
    UNIQUE (room_n, id)
);
CREATE INDEX records_order ON records (room_n, ts_ms, id);
CREATE INDEX records_from ON records (room_n, from_n);

-- Records that a kept delete names, whether they are here or not. One counts when it has the same author.
CREATE TABLE deletes (
    room_n INTEGER NOT NULL,
    id     BLOB NOT NULL,
    author TEXT NOT NULL,
    by_n   INTEGER NOT NULL REFERENCES records (n) ON DELETE CASCADE,
    PRIMARY KEY (room_n, id, author)
) WITHOUT ROWID;
CREATE INDEX deletes_by ON deletes (by_n);
