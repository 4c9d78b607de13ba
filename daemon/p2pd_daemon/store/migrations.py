"""The schema's versions. A new database is made from schema.sql; an older one is brought up step by step.

`PRAGMA user_version` holds the version, `PRAGMA application_id` says that the file is ours.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from p2pd_daemon.errors import StoreDamaged, StoreError, StoreTooNew
from p2pd_daemon.store.flusher import UNFLUSHED_EVENTS

APPLICATION_ID = 0x70327064
"""The letters "p2pd" in the file's header, so that `file` and we can tell it from other SQLite databases."""

Step = str | Callable[[sqlite3.Connection], None]
"""SQL statements, or a function for what SQL cannot do. It runs inside a transaction: it must not commit."""

_TO_2 = "CREATE TABLE carried (record_n INTEGER PRIMARY KEY REFERENCES records (n), via TEXT NOT NULL)"
"""Direct messages that another program's protocol carried."""

_TO_3 = """
CREATE INDEX records_unlinked ON records (room_n, id) WHERE linked = 0;
CREATE TABLE senders (
    record_n INTEGER PRIMARY KEY REFERENCES records (n),
    nick     TEXT NOT NULL,
    claims   TEXT
);
"""
"""Rooms of other people's formats: their records by id, and what they say about their authors."""

STEPS: tuple[Step, ...] = (_TO_2, _TO_3)
"""STEPS[i] leads from version i + 1 to i + 2. Released steps are never edited."""


@dataclass(frozen=True, slots=True)
class Schema:
    """One kind of database: the file with its newest schema, its mark, and the steps to it."""

    file: str
    application_id: int
    steps: tuple[Step, ...]
    after_crash: str = ""  # SQL to run before use when the last one did not close it

    @property
    def latest(self) -> int:
        return latest_version(self.steps)


STORE = Schema(
    "schema.sql",
    APPLICATION_ID,
    STEPS,
    after_crash=f"UPDATE sqlite_sequence SET seq = seq + {UNFLUSHED_EVENTS} WHERE name = 'events'",  # noqa: S608 - ours
)
"""A node's own store."""

KEPT = Schema("kept.sql", 0x7032706B, ())
"""What a store node keeps for others: the letters "p2pk"."""


def schema_sql(schema: Schema = STORE) -> str:
    return resources.files(__package__).joinpath(schema.file).read_text(encoding="utf-8")


def latest_version(steps: Sequence[Step] = STEPS) -> int:
    return 1 + len(steps)


def check_version(
    conn: sqlite3.Connection,
    path: Path,
    latest: int = latest_version(),
    application_id: int = APPLICATION_ID,
) -> int:
    """The version of the schema in the database, 0 if it is empty.

    Raises StoreTooNew, StoreDamaged for a version that never was, and StoreError for another program's database.
    """
    version = int(conn.execute("PRAGMA user_version").fetchone()[0])
    application = int(conn.execute("PRAGMA application_id").fetchone()[0])
    if (version, application) == (0, 0) and not conn.execute("SELECT 1 FROM sqlite_master").fetchone():
        return 0
    if application != application_id:
        raise StoreError(
            f"{path} is not p2pd's: it is a database of another program (application id {application:#x}).",
            hint="Choose another folder with P2PD_HOME, or move that file away.",
        )
    if version > latest:
        raise StoreTooNew(
            f"{path} was written by a newer p2pd: its schema has version {version}, this p2pd knows up to"
            f" {latest}.",
            hint="Upgrade p2pd (pip install --upgrade p2pd-chat), or use another folder with P2PD_HOME.",
        )
    if version < 1:
        raise StoreDamaged(
            f"{path} is damaged: its schema has version {version}, which never existed.",
            hint=f"Restore {path.name} from a backup or move it away; your identity key is not affected.",
        )
    return version


def migrate(
    conn: sqlite3.Connection, path: Path, steps: Sequence[Step] | None = None, schema: Schema = STORE
) -> None:
    """Makes the schema in an empty database, or brings an older one up, each step in one transaction.

    Raises what check_version raises. `conn` is in autocommit mode. `steps` None: those of the schema.
    """
    steps = schema.steps if steps is None else steps
    latest = latest_version(steps)
    version = check_version(conn, path, latest, schema.application_id)
    if version == 0:
        _in_transaction(conn, schema_sql(schema), latest, schema)
    else:
        for at in range(version, latest):
            _in_transaction(conn, steps[at - 1], at + 1, schema)


def _in_transaction(conn: sqlite3.Connection, step: Step, version: int, schema: Schema) -> None:
    marks = f"PRAGMA application_id = {schema.application_id}; PRAGMA user_version = {version}; COMMIT;"
    try:
        if isinstance(step, str):
            # executescript commits what is open before it starts, so BEGIN has to be part of the script.
            conn.executescript(f"BEGIN IMMEDIATE;\n{step}\n;{marks}")
        else:
            conn.execute("BEGIN IMMEDIATE")
            step(conn)
            for statement in marks.split(";")[:-1]:
                conn.execute(statement)
    except BaseException:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        raise
