"""Queries whose parameters depend on each other, which a shape cannot say: they are checked here, in words."""

from __future__ import annotations

from typing import Any

from p2pd_client import asked, export_shapes

from p2pd_daemon import errors

from .control import Control

PLACES = ("room", "peer", "target")


async def ask_history(control: Control, query: asked.HistoryQuery) -> Any:
    if len(_given(query, *PLACES)) != 1:
        raise errors.UsageError(
            "history needs exactly one of room, peer and target", hint="for example ?room=lobby&limit=20"
        )
    if query.before is not None and query.after is not None:
        raise errors.UsageError("history takes before or after, not both", hint="ask twice")
    return await control.history(
        room=query.room,
        peer=query.peer,
        target=query.target,
        limit=query.limit,
        before=query.before,
        after=query.after,
        search=query.search,
    )


async def ask_export(control: Control, query: export_shapes.ExportQuery) -> Any:
    places = _given(query, *PLACES)
    parts = _given(query, "since_ms", "after")
    if query.cursor is not None and not places and not parts:
        return await control.export_on(query.cursor)
    if len(places) != 1 or query.cursor is not None:
        raise errors.UsageError(
            "export needs exactly one of room, peer and target, and then only cursor",
            hint="for example ?room=lobby, and for the next page ?cursor= with its `next`",
        )
    return await control.export(
        room=query.room, peer=query.peer, target=query.target, since_ms=query.since_ms, after=query.after
    )


def _given(query: asked.HistoryQuery | export_shapes.ExportQuery, *names: str) -> list[str]:
    return [name for name in names if getattr(query, name) is not None]
