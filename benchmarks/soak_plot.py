"""The picture of a soak: memory, open files and tasks of the watched nodes over time, each against its warm value."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

import pygal
from pygal.style import CleanStyle

from .soak_nodes import Sample

FIGURES = {"rss": "memory (RSS)", "files": "open files", "tasks": "tasks"}
POINTS = 120  # more would be one blur, and a large file


def plot(path: Path, samples: Sequence[Sample], warm_s: float) -> None:
    """Per cent of the median after the warm-up, so that one axis serves all; minutes on the other."""
    chart = pygal.XY(
        title="A soak: what three nodes hold",
        x_title="minutes",
        y_title="% of the median once warm",
        range=(50, 150),
        dots_size=0,
        style=CleanStyle(font_family="sans-serif"),
        legend_at_bottom=True,
        legend_at_bottom_columns=3,
        width=1000,
        height=480,
        js=[],
        disable_xml_declaration=True,
        no_prefix=True,
    )
    for node in dict.fromkeys(sample.node for sample in samples):
        own = [sample for sample in samples if sample.node == node]
        thinned = own[:: max(1, len(own) // POINTS)]
        for name, label in FIGURES.items():
            typical = median(getattr(sample, name) for sample in own if sample.seconds >= warm_s)
            series = [(sample.seconds / 60, 100 * getattr(sample, name) / typical) for sample in thinned]
            chart.add(f"{node}: {label}, {typical:.0f}{' MiB' if name == 'rss' else ''}", series)
    path.write_text(chart.render(is_unicode=True))
