"""Reading back what was said, by short requests."""

from __future__ import annotations

from typing import Any, TypeAlias
from urllib.parse import urlencode

from p2pd_cli.call import ask

Message: TypeAlias = dict[str, Any]  # as p2pd_client.shapes.Message is in JSON

PAGE = 500  # messages in one request: at 8 KiB each it stays a few megabytes


def newest(target: str, limit: int, *, before: str | None = None, search: str | None = None) -> list[Message]:
    """The newest `limit` messages of a room or conversation, oldest first."""
    found: list[Message] = []
    while len(found) < limit:
        size = min(PAGE, limit - len(found))
        page = _page(target, limit=size, before=before, search=search)
        found = page + found
        if len(page) < size:
            break
        before = page[0]["id"]
    return found


def _page(target: str, *, limit: int, before: str | None, search: str | None) -> list[Message]:
    query = {"target": target, "limit": limit, "before": before, "search": search}
    given = {name: value for name, value in query.items() if value is not None}
    found: list[Message] = ask("GET", f"/v1/history?{urlencode(given)}")
    return found
