"""`--since`: a span, a date or a message's id."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@dataclass(frozen=True, slots=True)
class Since:
    """Where to begin: at a time (Unix milliseconds), or after the message with that id."""

    ts_ms: int | None = None
    id: str | None = None


class SinceType(click.ParamType[Since]):
    """`10m`, `2h`, `2026-11-23`, `2026-11-23T14:00`, or a message's id."""

    name = "since"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Since:
        if isinstance(value, Since):
            return value
        text = str(value).strip()
        if re.fullmatch("[0-9a-fA-F]{64}", text):
            return Since(id=text.lower())
        span = re.fullmatch(r"(\d{1,9})\s*([smhdw])", text)
        if span:
            return Since(ts_ms=int((time.time() - int(span[1]) * _UNITS[span[2]]) * 1000))
        try:
            return Since(
                ts_ms=int(datetime.fromisoformat(text).timestamp() * 1000)
            )  # local where it has no zone
        except (ValueError, OverflowError, OSError):
            self.fail(
                f"{text!r} is no time: write 10m, 2h, 3d, 2026-11-23T14:00 or a message's id.", param, ctx
            )
