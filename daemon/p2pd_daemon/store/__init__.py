"""Everything a node keeps, in one SQLite database. The only place that imports sqlite3."""

from __future__ import annotations

from p2pd_daemon.store.store import Store, open_store

__all__ = ["Store", "open_store"]
