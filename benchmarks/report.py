"""Results as tables for a person, and as JSON for a program."""

from __future__ import annotations

from collections.abc import Iterator

from .model import Metric, Result, Target


def table(result: Result) -> str:
    """Lowest, median and highest value of every metric and subject, and each divided by the references."""
    benchmark = result.benchmark
    references = [name for name in benchmark.references if name in result.subjects()]
    rows = [["", "", "min", "median", "max", *(f"÷ {name}" for name in references)]]
    for metric in benchmark.metrics:
        rows += _metric_rows(result, metric, references)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [f"{benchmark.name}: {benchmark.title} ({_count(len(result.rounds), 'round')})"]
    for row in rows:
        names = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        figures = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        lines.append("  " + "  ".join(names + figures).rstrip())
    lines += [f"  target: {line}" for line in _target_lines(result)]
    return "\n".join(lines)


def _metric_rows(result: Result, metric: Metric, references: list[str]) -> Iterator[list[str]]:
    for number, subject in enumerate(result.subjects()):
        series = result.series(metric.key, subject)
        ratios = [result.ratio(metric.key, subject, name) for name in references]
        yield [
            "" if number else metric.label,
            subject,
            *(figure(value) for value in (series.lowest, series.median, series.highest)),
            *("-" if ratio is None else f"{ratio:.2f}" for ratio in ratios),
        ]


def _target_lines(result: Result) -> Iterator[str]:
    labels = {metric.key: metric.label for metric in result.benchmark.metrics}
    for target in result.benchmark.targets:
        beside = f" × {target.reference}" if target.reference else ""
        bound = f"{target.subject}, {labels[target.metric]} {_sign(target)} {target.bound:g}{beside}"
        measured = result.against(target)
        if measured is None:
            yield f"{bound}: not known, {target.reference} was not measured"
        else:
            yield f"{bound}: {'met' if target.is_met(measured) else 'missed'} ({measured:.2f})"


def _sign(target: Target) -> str:
    return "≤" if target.at_most else "≥"


def figure(value: float) -> str:
    """Three digits that mean something, and no more."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"


def as_json(result: Result) -> dict[str, object]:
    """Every value in the order of the rounds, so that another can compute with them."""
    benchmark = result.benchmark
    references = [name for name in benchmark.references if name in result.subjects()]
    figures = []
    for metric in benchmark.metrics:
        for subject in result.subjects():
            series = result.series(metric.key, subject)
            figures.append(
                {
                    "metric": metric.key,
                    "label": metric.label,
                    "subject": subject,
                    "min": series.lowest,
                    "median": series.median,
                    "max": series.highest,
                    "values": list(series.values),
                    "ratios": {name: result.ratio(metric.key, subject, name) for name in references},
                }
            )
    return {
        "name": benchmark.name,
        "title": benchmark.title,
        "figures": figures,
        "targets": [_target_json(result, target) for target in benchmark.targets],
    }


def _target_json(result: Result, target: Target) -> dict[str, object]:
    measured = result.against(target)
    return {
        "metric": target.metric,
        "subject": target.subject,
        "reference": target.reference,
        "at_most" if target.at_most else "at_least": target.bound,
        "measured": measured,
        "met": None if measured is None else target.is_met(measured),
    }
