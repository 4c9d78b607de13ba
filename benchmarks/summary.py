"""The few rows that people ask for, of all benchmarks: ratios of p2pd to the others, as Markdown.

`python -m benchmarks.summary [FILE]` writes the README's table anew from what a complete run has left in FILE.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .foreign import TITLES
from .report import figure

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
FIGURES = ROOT / "benchmarks" / "results" / "figures.json"
BEGIN = "<!-- From a run of the benchmarks, by `python -m benchmarks --readme` -->\n"
END = "<!-- The end of the figures -->\n"
WHOLE, LAYER = "p2pd", "p2pd net"


@dataclass(frozen=True, slots=True)
class Row:
    about: str
    benchmark: str
    metric: str
    subject: str
    unit: str = ""


ROWS = (
    Row("two nodes, one sender that waits for each", "rate", "one_sender", WHOLE, "/s"),
    Row("two nodes, 8 senders", "rate", "several_senders", WHOLE, "/s"),
    Row("two nodes, all in one request", "rate", "many", WHOLE, "/s"),
    Row("two nodes, all in one request, 256 under way", "rate", "wide", WHOLE, "/s"),
    Row("two nodes, network layer alone", "layer", "several_senders", LAYER, "/s"),
    Row("two nodes, 50 a second: p50", "latency", "p50", WHOLE, " ms"),
    Row("two nodes, 50 a second: p99", "latency", "p99", WHOLE, " ms"),
    Row("star of 5, all in one request", "star", "many", WHOLE, "/s"),
    Row("star of 5, all in one request, 256 under way", "star", "wide", WHOLE, "/s"),
    Row("star of 5, network layer alone", "star", "several_senders", LAYER, "/s"),
    Row("12 nodes, 70 a second: arrived", "mesh-12", "arrived", WHOLE, " %"),
    Row("12 nodes, 70 a second: p50", "mesh-12", "p50", WHOLE, " ms"),
    Row("12 nodes, 70 a second: p99", "mesh-12", "p99", WHOLE, " ms"),
    Row("24 nodes, 70 a second: arrived", "mesh-24", "arrived", WHOLE, " %"),
    Row("24 nodes, 70 a second: p50", "mesh-24", "p50", WHOLE, " ms"),
    Row("24 nodes, 70 a second: p99", "mesh-24", "p99", WHOLE, " ms"),
    Row("24 nodes, network layer alone: p99", "mesh-24", "p99", LAYER, " ms"),
    Row("a stream: round trips of 256 bytes", "streams", "echo", LAYER, "/s"),
    Row("a stream: one way", "streams", "bulk", LAYER, " MB/s"),
    Row("connecting", "connect", "ms", WHOLE, " ms"),
    Row("start until ready, new home", "start", "ms", "p2pd start, new home", " ms"),
    Row("`p2pd status`", "status", "ms", "p2pd status", " ms"),
    Row("at rest, no peer: memory (RSS)", "idle-0", "rss", WHOLE, " MiB"),
    Row("at rest, 10 peers: memory (RSS)", "idle-10", "rss", WHOLE, " MiB"),
    Row("at rest, 50 peers: memory (RSS)", "idle-50", "rss", WHOLE, " MiB"),
    Row("at rest, no peer: processor time", "idle-0", "cpu", WHOLE, " ms/s"),
    Row("at rest, 10 peers: processor time", "idle-10", "cpu", WHOLE, " ms/s"),
    Row("at rest, 50 peers: processor time", "idle-50", "cpu", WHOLE, " ms/s"),
    Row("late joiner to 100,000 messages: newest readable", "catch-up", "newest", "late joiner", " ms"),
    Row("late joiner to 100,000 messages: all in", "catch-up", "seconds", "late joiner", " s"),
)


def summary(benchmarks: list[dict[str, Any]]) -> str:
    """A Markdown table of the rows that were measured; "" when none was."""
    heads = ["", "p2pd", *(f"÷ {title}" for title in TITLES), "aimed at"]
    lines = [_line(heads), "|---|" + "---|" * (len(heads) - 1)]
    by_name = {found["name"]: found for found in benchmarks}
    rows = [_line(_cells(row, by_name[row.benchmark])) for row in ROWS if _find(row, by_name)]
    return "".join(f"{line}\n" for line in (*lines, *rows)) if rows else ""


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _find(row: Row, by_name: Mapping[str, dict[str, Any]]) -> dict[str, Any] | None:
    for found in by_name.get(row.benchmark, {}).get("figures", ()):
        if (found["metric"], found["subject"]) == (row.metric, row.subject):
            return dict(found)
    return None


def _cells(row: Row, benchmark: dict[str, Any]) -> list[str]:
    found = _find(row, {row.benchmark: benchmark})
    assert found is not None
    ratios = [found["ratios"].get(title) for title in TITLES]
    return [
        row.about,
        figure(found["median"]) + row.unit,
        *("–" if ratio is None else figure(ratio) for ratio in ratios),
        "; ".join(_aims(row, benchmark)),
    ]


def _aims(row: Row, benchmark: dict[str, Any]) -> Iterator[str]:
    for target in benchmark["targets"]:
        if (target["metric"], target["subject"]) != (row.metric, row.subject) or target["met"] is None:
            continue
        sign, bound = ("≤", target["at_most"]) if "at_most" in target else ("≥", target["at_least"])
        beside = (
            f" × {_code(target['reference'])} ({figure(target['measured'])})"
            if target["reference"]
            else row.unit
        )
        yield f"{sign} {bound:g}{beside}: {'met' if target['met'] else '**missed**'}"


def _code(reference: str) -> str:
    return f"`{reference}`" if reference.startswith("python") else reference


def as_markdown(machine: str, benchmarks: list[dict[str, Any]], tables: list[str]) -> str:
    """All that was printed, the summary first."""
    details = "\n\n".join(tables)
    return f"{machine}\n\n{summary(benchmarks)}\n```\n{details}\n```\n"


def write_readme(figures: Mapping[str, Any], readme: Path = README) -> None:
    """Raises ValueError when the README has no place for the table."""
    head, begin, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{readme} lacks the lines {BEGIN.strip()} and {END.strip()}")
    table = f"{figures['measured_on']}.\n\n{summary(figures['benchmarks'])}"
    readme.write_text(head + begin + table + end + tail, encoding="utf-8")


def main() -> int:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else FIGURES
    write_readme(json.loads(path.read_text(encoding="utf-8")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
