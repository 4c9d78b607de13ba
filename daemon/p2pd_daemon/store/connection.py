"""Opening the database: settings of a connection, checks of the file, and foreign errors put into words."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import time
from pathlib import Path

from p2pd_daemon.errors import LocalProtocolError, StoreDamaged, StoreError
from p2pd_daemon.store.migrations import STORE, Schema, check_version, migrate

log = logging.getLogger(__name__)

BUSY_TIMEOUT_MS = 5_000
"""How long to wait for another program's lock, e.g. a backup or the sqlite3 shell."""

WRITER_CACHE_KIB = 3_072
"""Page cache: most of the indexes' inner pages of some 100,000 records. It fills with use, so it is memory for good."""

READER_CACHE_KIB = 1_024
"""Page cache of each connection that reads: a page of history, a search. The kernel has the rest."""

WAL_KEPT_BYTES = 16 * 1024 * 1024
"""The write-ahead log is moved into the database when it is this long, and cut back to it after a burst. SQLite's own
4 MiB cost a third of the time of a burst: each time it waits for the disk twice.
"""

PAGE_BYTES = 4096

ALWAYS_CHECKED_BYTES = 8 * 1024 * 1024
"""A file up to this size is checked at every open: about 10 ms (measured: 90 ms for 100,000 records in 70 MB)."""

CHECKED_BYTES = 512 * 1024 * 1024
"""After an unclean end a file up to this size is checked: under a second. More would delay the start."""

_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_SIGNS_OF_DAMAGE = ("malformed", "Could not decode to UTF-8")
"""Python's own errors have no result code: it reads what SQLite stored, and that was UTF-8."""
_INDEX_DIFFERS = "constraint failed"
"""Our tables' constraints are named in what SQLite says; the search index has only this for a row it has already."""

_NOT_OPENED = (
    "{path} cannot be opened for writing: {exc}.",
    "Check the owner and the permissions of {folder} and of the files in it.",
)
_IN_USE = ("{path} is in use by another program: {exc}.", "Close the other program and try again.")
_SAYINGS = {
    sqlite3.SQLITE_FULL: (
        "The disk of {path} is full; nothing was written.",
        "Make room on the disk and try again.",
    ),
    sqlite3.SQLITE_READONLY: _NOT_OPENED,
    sqlite3.SQLITE_CANTOPEN: _NOT_OPENED,
    sqlite3.SQLITE_PERM: _NOT_OPENED,
    sqlite3.SQLITE_BUSY: _IN_USE,
    sqlite3.SQLITE_LOCKED: _IN_USE,
    sqlite3.SQLITE_IOERR: (
        "{path} cannot be read or written: {exc}.",
        "Check the disk (free space, dmesg) and try again.",
    ),
    sqlite3.SQLITE_INTERRUPT: ("The store was closed while it was being read.", "Start the daemon again."),
}
"""Primary result code -> (message, hint)."""


def open_writer(path: Path, schema: Schema = STORE) -> sqlite3.Connection:
    """Opens or makes the database, checks it and brings its schema up to date. Blocks; for a thread.

    Raises StoreDamaged, StoreTooNew, StoreError. The connection may be used by another thread than this one.
    """
    _check_file(path)
    conn: sqlite3.Connection | None = None
    try:
        conn = _connect(path, WRITER_CACHE_KIB)
        _configure(conn)
        clean = True
        if check_version(conn, path, schema.latest, schema.application_id):
            clean = _was_closed(conn)
            _check_pages(conn, path, clean=clean)
        migrate(conn, path, schema=schema)
        if not clean and schema.after_crash:
            conn.execute(schema.after_crash)
        conn.execute("INSERT INTO meta VALUES ('clean', '0') ON CONFLICT (key) DO UPDATE SET value = '0'")
    except BaseException as exc:
        if conn is not None:
            conn.close()
        if isinstance(exc, sqlite3.Error | UnicodeDecodeError):
            raise _explain_opening(exc, path) from exc
        raise
    return conn


def _explain_opening(exc: Exception, path: Path) -> Exception:
    """While opening, a request that SQLite finds wrong is the fault of the file: its schema is another one."""
    if "no such module" in str(exc):
        return StoreError(
            f"SQLite {sqlite3.sqlite_version} of this Python was built without FTS5 ({exc}).",
            hint="Use a Python whose sqlite3 has full-text search, such as python.org's or your distribution's.",
        )
    error = explain(exc, path)
    return damaged(path, str(exc)) if isinstance(error, LocalProtocolError) else error


def open_connections(
    path: Path, readers: int, schema: Schema = STORE
) -> tuple[sqlite3.Connection, list[sqlite3.Connection]]:
    """One that writes and `readers` that read; all or none. Blocks, raises as open_writer."""
    writer = open_writer(path, schema)
    reading: list[sqlite3.Connection] = []
    try:
        while len(reading) < readers:
            reading.append(open_reader(path))
    except BaseException:
        for conn in (*reading, writer):
            conn.close()
        raise
    return writer, reading


def open_reader(path: Path) -> sqlite3.Connection:
    """A second connection that sees what is committed and cannot write. Blocks; for a thread."""
    try:
        conn = _connect(path, READER_CACHE_KIB)
        conn.execute("PRAGMA query_only = ON")
    except (sqlite3.Error, UnicodeDecodeError) as exc:
        raise explain(exc, path) from exc
    return conn


def close_writer(conn: sqlite3.Connection) -> None:
    """Notes the orderly end, moves the write-ahead log into the file and closes. Logs what fails: all is
    committed.
    """
    try:
        conn.execute("UPDATE meta SET value = '1' WHERE key = 'clean'")
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as exc:
        log.warning("the store was not closed cleanly, it will be checked when it is opened next: %s", exc)
    finally:
        conn.close()


def explain(exc: Exception, path: Path) -> Exception:
    """The error for a person: StoreDamaged for a damaged file, LocalProtocolError for our own wrong use of SQL.

    What does not come from SQLite is given back as it is.
    """
    if isinstance(exc, UnicodeDecodeError):
        return damaged(path, str(exc))  # what SQLite stored, or says about what it stored, was UTF-8
    if not isinstance(exc, sqlite3.Error):
        return exc
    code = getattr(exc, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in _DAMAGE or any(sign in str(exc) for sign in _SIGNS_OF_DAMAGE):
        return damaged(path, str(exc))
    if str(exc) == _INDEX_DIFFERS:
        return damaged(path, str(exc))
    if code not in _SAYINGS:
        return LocalProtocolError(
            f"A wrong request to the store: {exc}.", hint="This is a bug in p2pd; please report it."
        )
    message, hint = _SAYINGS[code]
    return StoreError(message.format(path=path, exc=exc), hint=hint.format(path=path, folder=path.parent))


def damaged(path: Path, what: str) -> StoreDamaged:
    return StoreDamaged(
        f"{path} is damaged: {what}.",
        hint=f"Restore {path.name} from a backup, or move it and its -wal and -shm files away to begin"
        " with an empty history. Your identity key is not affected.",
    )


def _check_file(path: Path) -> None:
    if not path.parent.is_dir():
        raise StoreError(f"The folder {path.parent} does not exist.", hint=f"Make it: mkdir -p {path.parent}")
    try:
        # 0600 from the start: the -wal and -shm files take the mode of the main one.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        mode = path.stat().st_mode
    except OSError as exc:
        raise StoreError(
            f"{path} cannot be opened for writing: {exc.strerror}.",
            hint=f"Check what {path} is, its owner and its permissions.",
        ) from exc
    if not stat.S_ISREG(mode):
        raise StoreError(
            f"{path} is not a file.", hint="Move it away or choose another folder with P2PD_HOME."
        )
    if not mode & stat.S_IWUSR:
        # The kernel would let root write all the same; whoever marked the file so did not want that.
        raise StoreError(f"{path} is marked as read-only.", hint=f"Allow writing: chmod u+w {path}")


def _connect(path: Path, cache_kib: int) -> sqlite3.Connection:
    conn = sqlite3.connect(
        path,
        timeout=BUSY_TIMEOUT_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    conn.execute("PRAGMA foreign_keys = ON")
    conn.execute(f"PRAGMA cache_size = -{cache_kib}")
    conn.execute("PRAGMA temp_store = MEMORY")
    conn.execute("PRAGMA cell_size_check = ON")
    return conn


def _configure(conn: sqlite3.Connection) -> None:
    mode = conn.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StoreError(
            f"This file system cannot hold the store (journal mode {mode}).",
            hint="Put P2PD_HOME on a local disk.",
        )
    conn.execute("PRAGMA synchronous = NORMAL")  # flusher.py does the rest
    conn.execute(f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}")
    conn.execute(f"PRAGMA wal_autocheckpoint = {WAL_KEPT_BYTES // PAGE_BYTES}")


def _was_closed(conn: sqlite3.Connection) -> bool:
    row = conn.execute("SELECT value FROM meta WHERE key = 'clean'").fetchone()
    return row is not None and row[0] == "1"


def _check_pages(conn: sqlite3.Connection, path: Path, clean: bool) -> None:
    """quick_check reads every page. So: always where that is nothing, after an unclean end where it is
    bearable.
    """
    size = path.stat().st_size
    if size > (ALWAYS_CHECKED_BYTES if clean else CHECKED_BYTES):
        return
    began = time.monotonic()
    verdict = conn.execute("PRAGMA quick_check(1)").fetchone()[0]
    log.debug("checked %s (%d bytes) in %.0f ms: %s", path, size, (time.monotonic() - began) * 1000, verdict)
    if verdict != "ok":
        raise damaged(path, " ".join(str(verdict).split()))
