"""Own direct messages that are not delivered yet: who wrote one is told that it waits, and how it ended."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import anyio

from p2pd_cli.chat.view import delivery_line, notice

REMEMBERED_TEXTS = 200  # whose delivery can still be told with their text
PATIENCE_S = 1.5  # a message that takes longer is said to wait


class OnWay:
    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._texts: OrderedDict[str, str] = OrderedDict()  # by id
        self._told: set[str] = set()  # ids of those that were said to wait

    def add(self, message: dict[str, Any]) -> None:
        self._texts[message["id"]] = message["text"]
        if len(self._texts) > REMEMBERED_TEXTS:
            self._told.discard(self._texts.popitem(last=False)[0])

    async def tell_waiting(self, message_id: str) -> None:
        """Says so when the message is still on its way after a moment."""
        await anyio.sleep(PATIENCE_S)
        if message_id in self._texts:
            self._told.add(message_id)
            self._show(notice("they are away: the message waits, and goes out when they are back"))

    def handle_delivery(self, event: dict[str, Any]) -> None:
        """How it ended is shown where it was refused, or was said to wait."""
        if event["state"] not in {"delivered", "refused"}:
            return
        text = self._texts.pop(event["id"], "")
        if event["state"] == "refused" or event["id"] in self._told:
            self._told.discard(event["id"])
            self._show(delivery_line(event, text))
