"""The picture of a soak: memory, open files and tasks of the watched nodes over time, each against its warm value."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median

import pygal
from pygal.style import CleanStyle

from .soak_nodes import Sample

FIGURES = {"rss": "memory (RSS), {:.0f} MiB", "files": "open files, {:.0f}", "tasks": "tasks, {:.0f}"}
COLOURS = ("#b3261e", "#1565c0", "#8d8d8d")
POINTS = 150  # more would be one blur, and a large file
STYLE = CleanStyle(
    colors=COLOURS, font_family="sans-serif", plot_background="white", background="white", legend_font_size=13
)


def plot(path: Path, samples: Sequence[Sample], warm_s: float) -> None:
    """The mean of the nodes in per cent of the median once warm, so that one axis serves all; over minutes."""
    moments = sorted({sample.seconds for sample in samples})
    chart = pygal.XY(
        title="A soak: the mean of the three nodes that stay up",
        x_title="minutes",
        y_title="% of the median once warm",
        range=(60, 140),
        show_dots=False,
        stroke_style={"width": 2},
        style=STYLE,
        legend_at_bottom=True,
        legend_at_bottom_columns=3,
        truncate_legend=-1,
        width=1000,
        height=420,
        js=[],
        disable_xml_declaration=True,
        no_prefix=True,
    )
    for name, label in FIGURES.items():
        means = {at: mean(getattr(one, name) for one in samples if one.seconds == at) for at in moments}
        typical = median(value for at, value in means.items() if at >= warm_s)
        thinned = moments[:: max(1, len(moments) // POINTS)]
        chart.add(label.format(typical), [(at / 60, 100 * means[at] / typical) for at in thinned])
    path.write_text(chart.render(is_unicode=True))
