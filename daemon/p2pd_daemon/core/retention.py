"""How long records are kept: `all`, an age like `90d`, or a number of records in each room."""

from __future__ import annotations

import re
from dataclasses import dataclass

from p2pd_daemon.errors import BadConfig

_UNITS_MS = {"h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000, "y": 365 * 86_400_000}
_AGE = re.compile(r"([1-9][0-9]{0,5})([hdwy])")
_COUNT = re.compile(r"[1-9][0-9]{0,9}")


@dataclass(frozen=True, slots=True)
class Keep:
    """At most one of the two is set; with neither, everything is kept."""

    age_ms: int | None = None
    records: int | None = None

    def __str__(self) -> str:
        if self.records is not None:
            return str(self.records)
        if self.age_ms is None:
            return "all"
        unit = next(unit for unit in "ywdh" if self.age_ms % _UNITS_MS[unit] == 0)
        return f"{self.age_ms // _UNITS_MS[unit]}{unit}"

    def floor_ts(self, now_ms: int, nth_newest_ts: int | None) -> int:
        """The ts below which records are given up. `nth_newest_ts` is that of the last one within `records`."""
        if self.age_ms is not None:
            return max(0, now_ms - self.age_ms)
        return nth_newest_ts or 0


def parse_keep(text: str) -> Keep:
    """`all`, `36h`, `90d`, `2w`, `1y`, or a number of records. Raises BadConfig."""
    text = text.strip().lower()
    if text == "all":
        return Keep()
    if match := _AGE.fullmatch(text):
        return Keep(age_ms=int(match[1]) * _UNITS_MS[match[2]])
    if _COUNT.fullmatch(text):
        return Keep(records=int(text))
    raise BadConfig(
        f"{text!r} does not say how long to keep records",
        hint="Write all, an age like 36h, 90d, 2w or 1y, or a number of records for each room.",
    )
