-- The store of one node, schema version 3. A change here needs a step in migrations.py and a rise of user_version;
-- tests compare a database that was upgraded step by step with one that was made from this file.
--
-- Conventions: *_n is a row number, *_ms Unix milliseconds, ids are the 32 bytes of a record's SHA-256, peers are
-- base58 text, flags are 0 or 1. Nothing here needs more than SQLite 3.30 with FTS5.

-- Single values: 'last_seqno' (the last sequence number this key has signed), 'clean' ('1' after an orderly close),
-- and what other parts keep by set_meta.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- Rooms and direct conversations. Leaving a room keeps its row and its records.
CREATE TABLE rooms (
    n          INTEGER PRIMARY KEY,
    topic      TEXT NOT NULL UNIQUE,        -- on the wire
    name       TEXT NOT NULL,               -- to the user; '' for a direct conversation
    kind       TEXT NOT NULL,               -- 'open', 'direct'; of other people's formats: 'text', 'chat-room'
    peer       TEXT,                        -- the other one of a direct conversation, else NULL
    joined     INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,            -- when this node was there first; 2^53 - 1: never, only an import
    floor_ts   INTEGER NOT NULL DEFAULT 0   -- records before it were given up and are not taken any more
);
CREATE INDEX rooms_name ON rooms (name);
CREATE UNIQUE INDEX rooms_peer ON rooms (peer) WHERE peer IS NOT NULL;

-- Every record that is in a room's set, whether shown or not. Above the room's floor rows are never deleted: dropping
-- a body sets raw and text to NULL and keeps (ts_ms, id), because set membership depends only on the bytes (DESIGN.md, section 1).
CREATE TABLE records (
    n          INTEGER PRIMARY KEY,         -- order of arrival
    id         BLOB NOT NULL UNIQUE,
    room_n     INTEGER NOT NULL REFERENCES rooms (n),
    ts_ms      INTEGER NOT NULL,            -- as its author says; (ts_ms, id) is the order of a room. Other people's
                                            -- formats have no time: there it is when the record was first seen, no two
                                            -- of a room at once, and its place in the set is (0, id)
    author     TEXT NOT NULL,
    kind       TEXT NOT NULL,               -- of the opened body: 'text', 'action', 'profile', ..., 'unknown'
    own        INTEGER NOT NULL,
    shown      INTEGER NOT NULL,            -- a line of the history: a visible text or action
    linked     INTEGER NOT NULL,            -- takes part in heads and missing (not while quarantined, never without a
                                            -- time of its own)
    state      TEXT NOT NULL,               -- 'received', 'quarantined'; own: stored, queued, sent, delivered, refused
    caught_up  INTEGER NOT NULL DEFAULT 0,  -- it came by reconciliation, not live
    reason     TEXT NOT NULL DEFAULT '',    -- why it was refused
    sent_to    INTEGER NOT NULL DEFAULT 0,  -- how many peers an own record was handed to
    arrived_ms INTEGER NOT NULL,
    about      BLOB,                        -- the id it is about: what a reply answers, what is edited, reacted to
    deleted    INTEGER NOT NULL DEFAULT 0,  -- its author took it back: text, edited and raw are NULL
    text       TEXT,                        -- opened text, NULL where there is none
    edited     TEXT,                        -- of a message: what its newest edit says, NULL without one
    raw        BLOB                         -- the signed bytes; last, so that reading the rest skips its overflow pages
);
CREATE INDEX records_order ON records (room_n, ts_ms, id);
CREATE INDEX records_unsent ON records (room_n, n) WHERE own = 1 AND state = 'stored';
CREATE INDEX records_profiles ON records (author, room_n, ts_ms, id) WHERE kind = 'profile';
CREATE INDEX records_edits ON records (room_n, about, author, ts_ms, id) WHERE kind = 'edit';
CREATE INDEX records_unlinked ON records (room_n, id) WHERE linked = 0;

-- What a text of a chat-room says about its author, which nobody vouches for.
CREATE TABLE senders (
    record_n INTEGER PRIMARY KEY REFERENCES records (n),
    nick     TEXT NOT NULL,                 -- as it can be shown; may be empty
    claims   TEXT                           -- whom it names as its author, where that is not so
);

-- Direct messages that another program's protocol carried. One of somebody else's has no signed bytes: its author is
-- who was at the other end of the connection.
CREATE TABLE carried (
    record_n INTEGER PRIMARY KEY REFERENCES records (n),
    via      TEXT NOT NULL                  -- for people: 'universal-connectivity'
);

-- Full-text search in what messages say now. The index keeps no copy of the texts; a row is written and deleted
-- together with records.text and records.edited.
CREATE VIEW searchable AS SELECT n, coalesce(edited, text) AS text FROM records
    WHERE text IS NOT NULL AND kind IN ('text', 'action');
CREATE VIRTUAL TABLE search USING fts5 (
    text, content = 'searchable', content_rowid = 'n', tokenize = "unicode61 remove_diacritics 2"
);

-- The linked records of a room that no linked record names as a parent.
CREATE TABLE heads (
    room_n INTEGER NOT NULL REFERENCES rooms (n),
    id     BLOB NOT NULL,
    ts_ms  INTEGER NOT NULL,
    PRIMARY KEY (room_n, id)
) WITHOUT ROWID;

-- Parents of linked records that are not linked themselves: not here yet, or quarantined.
CREATE TABLE missing (
    room_n INTEGER NOT NULL REFERENCES rooms (n),
    id     BLOB NOT NULL,
    PRIMARY KEY (room_n, id)
) WITHOUT ROWID;

-- Records that a delete names, whether they are here or not. One counts when it has the same author.
CREATE TABLE deletes (
    id       BLOB NOT NULL,                 -- of the deleted record
    room_n   INTEGER NOT NULL REFERENCES rooms (n),
    author   TEXT NOT NULL,                 -- of the delete
    is_edit  INTEGER NOT NULL,              -- named as an edit of the deleted message
    own      INTEGER NOT NULL,
    PRIMARY KEY (id, room_n, author)
) WITHOUT ROWID;

-- The newest that each author said with each symbol about a record; at most 16 symbols (core/fold.py).
CREATE TABLE reactions (
    target BLOB NOT NULL,                   -- id of the record, which may not be here yet
    room_n INTEGER NOT NULL REFERENCES rooms (n),
    author TEXT NOT NULL,
    symbol TEXT NOT NULL,
    ts_ms  INTEGER NOT NULL,                -- of the reaction's record
    id     BLOB NOT NULL,
    stands INTEGER NOT NULL,                -- 0 when it was taken back
    own    INTEGER NOT NULL,
    PRIMARY KEY (target, room_n, author, symbol)
) WITHOUT ROWID;

-- Records from the future, and what has to be done with them when they are due. Parents and the body are kept here
-- because a sealed body cannot be opened by the store.
CREATE TABLE quarantine (
    record_n INTEGER PRIMARY KEY REFERENCES records (n),
    room_n   INTEGER NOT NULL REFERENCES rooms (n),
    ts_ms    INTEGER NOT NULL,
    visible  INTEGER NOT NULL,              -- whether it is to be shown when it is due
    parents  BLOB NOT NULL,                 -- 32 bytes each
    body     BLOB                           -- opened, of what is more than shown: profile, edit, delete, reaction
);
CREATE INDEX quarantine_due ON quarantine (ts_ms);
CREATE INDEX quarantine_room ON quarantine (room_n);

-- Messages that arrived since the room was last marked as read, by author, so that blocking one is seen at once.
CREATE TABLE unread (
    room_n INTEGER NOT NULL REFERENCES rooms (n),
    author TEXT NOT NULL,
    count  INTEGER NOT NULL,
    PRIMARY KEY (room_n, author)
) WITHOUT ROWID;

-- Peers seen in a room, and how far each is known to hold our own records there: all up to records.n = holds_n.
CREATE TABLE members (
    room_n  INTEGER NOT NULL REFERENCES rooms (n),
    peer    TEXT NOT NULL,
    seen_ms INTEGER NOT NULL,
    holds_n INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (room_n, peer)
) WITHOUT ROWID;

-- Own direct messages that their peer has neither acknowledged nor refused. Sent in the order of record_n.
CREATE TABLE outbox (
    record_n INTEGER PRIMARY KEY REFERENCES records (n),
    peer     TEXT NOT NULL
);
CREATE INDEX outbox_peer ON outbox (peer, record_n);

-- Records of the outbox that wait for their peer at a store node as well.
CREATE TABLE deposits (
    record_n INTEGER NOT NULL REFERENCES records (n),
    peer     TEXT NOT NULL,                 -- the store node
    PRIMARY KEY (record_n, peer)
) WITHOUT ROWID;

-- What each author last said about themself: the profile record with the largest (ts_ms, id).
CREATE TABLE profiles (
    author   TEXT PRIMARY KEY,
    nick     TEXT NOT NULL,
    status   TEXT NOT NULL,
    ts_ms    INTEGER NOT NULL,
    id       BLOB NOT NULL,
    record_n INTEGER NOT NULL REFERENCES records (n)
) WITHOUT ROWID;

-- Names that the user of this node gave to peers.
CREATE TABLE contacts (
    peer     TEXT PRIMARY KEY,
    petname  TEXT NOT NULL,
    added_ms INTEGER NOT NULL
) WITHOUT ROWID;

-- Blocked peers. Their room messages are stored and left out when reading, so that unblocking shows them again.
CREATE TABLE blocks (
    peer     TEXT PRIMARY KEY,
    since_ms INTEGER NOT NULL
) WITHOUT ROWID;

-- Peers to dial again after a restart.
CREATE TABLE known_peers (
    peer         TEXT PRIMARY KEY,
    addrs        TEXT NOT NULL,             -- JSON array of multiaddrs, the newest first
    last_seen_ms INTEGER NOT NULL,
    source       TEXT NOT NULL              -- how we heard of it: 'connected', 'mdns', 'rendezvous', ...
) WITHOUT ROWID;
CREATE INDEX known_peers_seen ON known_peers (last_seen_ms);

-- The event stream of the control API. AUTOINCREMENT: a number is never given twice, also after pruning.
-- A 'message' has its record's number and no data (read by a join). An 'edit', 'delete' or 'reaction' has the number of
-- the message that it changed, and JSON. Other kinds have JSON.
CREATE TABLE events (
    n        INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     TEXT NOT NULL,
    ts_ms    INTEGER NOT NULL,              -- when it happened here
    record_n INTEGER REFERENCES records (n),
    data     TEXT
);
CREATE INDEX events_record ON events (record_n) WHERE record_n IS NOT NULL;
