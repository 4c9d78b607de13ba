"""The schema: fresh and upgraded are the same, others' and newer databases are refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from p2pd_daemon.errors import StoreDamaged, StoreError, StoreTooNew
from p2pd_daemon.store.migrations import APPLICATION_ID, Step, latest_version, migrate
from store_records import open_in_memory

RELEASED = Path(__file__).parent.parent / "store_schemas"
"""v<N>.sql: the schema as version N was released. Never edited, so each proves its way up."""

PATH = Path("store.db")


def schema_of(conn: sqlite3.Connection) -> dict[str, object]:
    """What the schema means: columns, keys and indexes, whatever the SQL that made them looked like."""
    found: dict[str, object] = {}
    for kind, name, sql in conn.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall():
        found[f"{kind} {name}"] = (
            [tuple(row) for row in conn.execute(f"PRAGMA table_xinfo('{name}')")],
            sorted(tuple(row)[1:] for row in conn.execute(f"PRAGMA index_list('{name}')")),
            [tuple(row) for row in conn.execute(f"PRAGMA index_xinfo('{name}')")],
            sorted(tuple(row)[2:] for row in conn.execute(f"PRAGMA foreign_key_list('{name}')")),
            # Only these lose something if the parts above are all that is compared.
            " ".join((sql or "").split())
            if kind in ("view", "trigger", "index") or "USING" in (sql or "")
            else "",
            "WITHOUT ROWID" in (sql or ""),
            "AUTOINCREMENT" in (sql or ""),
        )
    return found


@pytest.mark.parametrize("version", range(1, latest_version() + 1))
def test_an_upgraded_schema_is_the_same_as_a_fresh_one(version: int) -> None:
    old = sqlite3.connect(":memory:", isolation_level=None)
    old.executescript((RELEASED / f"v{version}.sql").read_text())
    old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    old.execute(f"PRAGMA user_version = {version}")
    migrate(old, PATH)
    assert schema_of(old) == schema_of(open_in_memory())
    assert old.execute("PRAGMA user_version").fetchone() == (latest_version(),)


def test_the_fresh_schema_has_its_marks_and_is_sound() -> None:
    conn = open_in_memory()
    assert conn.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert conn.execute("PRAGMA user_version").fetchone() == (latest_version(),)
    assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert not conn.execute("PRAGMA foreign_key_check").fetchall()


def _rename_everyone(conn: sqlite3.Connection) -> None:
    conn.execute("UPDATE contacts SET petname = upper(petname)")


STEPS: tuple[Step, ...] = ("ALTER TABLE contacts ADD COLUMN colour TEXT", _rename_everyone)


def test_steps_are_taken_in_order_and_once() -> None:
    conn = open_in_memory()
    conn.execute("INSERT INTO contacts VALUES ('peer', 'anna', 1)")
    conn.execute("PRAGMA user_version = 1")
    migrate(conn, PATH, STEPS)
    migrate(conn, PATH, STEPS)
    assert conn.execute("SELECT petname, colour FROM contacts").fetchall() == [("ANNA", None)]
    assert conn.execute("PRAGMA user_version").fetchone() == (3,)


def _stumble(conn: sqlite3.Connection) -> None:
    conn.execute("DELETE FROM contacts")
    raise RuntimeError("the power is cut")


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("DELETE FROM contacts; SELECT nonsense FROM nowhere", sqlite3.OperationalError),
        (_stumble, RuntimeError),
    ],
)
def test_a_step_that_fails_leaves_the_version_before_it(step: Step, error: type[Exception]) -> None:
    conn = open_in_memory()
    conn.execute("INSERT INTO contacts VALUES ('peer', 'anna', 1)")
    conn.execute("PRAGMA user_version = 1")
    with pytest.raises(error):
        migrate(conn, PATH, (STEPS[0], step))
    assert conn.execute("SELECT petname, colour FROM contacts").fetchall() == [("anna", None)]
    assert conn.execute("PRAGMA user_version").fetchone() == (2,)


def test_a_newer_schema_is_refused_with_both_versions() -> None:
    conn = open_in_memory()
    conn.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreTooNew, match=rf"version 99.* {latest_version()}\.") as caught:
        migrate(conn, PATH)
    assert "Upgrade p2pd" in caught.value.hint


def test_another_programs_database_is_refused() -> None:
    conn = sqlite3.connect(":memory:", isolation_level=None)
    conn.execute("CREATE TABLE bookmarks (url TEXT)")
    with pytest.raises(StoreError, match="another program"):
        migrate(conn, PATH)
    assert conn.execute("SELECT name FROM sqlite_master").fetchall() == [("bookmarks",)]


def test_a_version_that_never_was_is_damage() -> None:
    conn = open_in_memory()
    conn.execute("PRAGMA user_version = 0")
    with pytest.raises(StoreDamaged, match="damaged"):
        migrate(conn, PATH)
