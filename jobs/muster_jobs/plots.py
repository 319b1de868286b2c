"""The report's plots: ROC, calibration, residuals, forests of intervals, bars. Each returns one SVG element."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from muster_jobs.curves import calibration, confidence_of, roc, thinned
from muster_jobs.intervals import wilson
from muster_jobs.numbers import interval, number, tick_text, ticks
from muster_jobs.scores import Scores
from muster_jobs.svg import WIDTH, Axes, bar, dot, drawing, line, text

MODELS = ("champion", "candidate")
"""In the order of drawing: the candidate lies on top."""


def roc_plot(scores: dict[str, Scores], label: str) -> str:
    """Draw the ROC curve of each model."""
    axes = Axes((0, 1), (0, 1), "False positive rate", "True positive rate")
    axes.curve([(0, 0), (1, 1)], "guide")
    for model in MODELS:
        if model in scores:
            axes.curve(roc(scores[model]), f"curve {model}")
    return axes.render(label)


def calibration_plot(scores: dict[str, Scores], confidence: float, label: str) -> str:
    """Draw, per bin of predictions, how often it happened against how likely it was said to be."""
    axes = Axes((0, 1), (0, 1), "Predicted probability", "Observed share")
    axes.curve([(0, 0), (1, 1)], "guide")
    for model in MODELS:
        if model not in scores:
            continue
        bins = calibration(*confidence_of(scores[model]))
        for said, hits, rows in bins:
            axes.whisker(said, *wilson(hits, rows, confidence), f"whisker {model}")
        axes.curve([(said, hits / rows) for said, hits, rows in bins], f"thin {model}")
        for said, hits, rows in bins:
            axes.point(said, hits / rows, f"dot {model}", title=f"said {number(said)}: {hits} of {rows} rows")
    return axes.render(label)


def predicted_plot(scores: Scores, label: str) -> str:
    """Draw predicted against true values of a regression."""
    both = np.concatenate([scores.truth, scores.predicted])
    bounds = padded(float(both.min()), float(both.max()))
    axes = Axes(bounds, bounds, "True value", "Predicted value", left=52)
    axes.curve([(bounds[0], bounds[0]), (bounds[1], bounds[1])], "guide")
    for row in thinned(len(scores)):
        axes.point(float(scores.truth[row]), float(scores.predicted[row]), "dot candidate faint", 2.5)
    return axes.render(label)


def residual_plot(scores: Scores, label: str) -> str:
    """Draw residuals (true minus predicted) against predictions."""
    residuals = scores.truth - scores.predicted
    reach = max(float(np.abs(residuals).max()), 1e-12)
    across = padded(float(scores.predicted.min()), float(scores.predicted.max()))
    axes = Axes(across, padded(-reach, reach), "Predicted value", "True minus predicted", left=52)
    axes.curve([(across[0], 0), (across[1], 0)], "guide")
    for row in thinned(len(scores)):
        axes.point(float(scores.predicted[row]), float(residuals[row]), "dot candidate faint", 2.5)
    return axes.render(label)


def padded(low: float, high: float) -> tuple[float, float]:
    """Return a range a little wider than two values, and never empty."""
    edge = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    return low - edge, high + edge


@dataclass(frozen=True)
class Row:
    """A line of a forest: a label, and per model an interval (value, low, high) or the reason why there is none."""

    label: str
    note: str
    intervals: dict[str, tuple[float, float, float]]
    missing: str = ""


def forest(rows: Sequence[Row], label: str, guides: dict[float, str] | None = None, signed: bool = False) -> str:
    """Draw intervals of several rows on one scale.

    Parameters
    ----------
    rows
        Top to bottom.
    label
        For screen readers.
    guides
        Upright lines: value to what it means.
    signed
        Whether zero has to be in sight and marked.
    """
    guides = dict(guides or {})
    values = [each for row in rows for found in row.intervals.values() for each in found]
    values += [*guides, *([0.0] if signed else [])]
    low, high = padded(min(values), max(values)) if values else (0.0, 1.0)
    left, right = 6.0, WIDTH - 6.0

    def across(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    shapes: list[str] = []
    y = 8.0
    for row in rows:
        shapes += [text(left, y + 10, row.label, "label"), text(right, y + 10, row.note or row.missing, "note", "end")]
        y += 22
        for model in reversed(MODELS):
            if model in row.intervals:
                value, start, end = row.intervals[model]
                title = f"{model}: {number(value)} ({interval(start, end)})"
                shapes += [
                    line(across(start), y, across(end), y, f"whisker {model}"),
                    dot(across(value), y, f"dot {model}", 4, title),
                ]
                y += 11
        y += 9
    marks = ticks(low, high)
    frame = [line(across(mark), 4, across(mark), y, "grid") for mark in marks]
    frame += [text(across(mark), y + 14, tick_text(mark, marks), "tick", "middle") for mark in marks]
    frame += [line(across(0), 4, across(0), y, "zero")] if signed else []
    for value, meaning in guides.items():
        frame.append(line(across(value), 4, across(value), y, "limit"))
        anchor = "start" if across(value) < WIDTH / 2 else "end"
        frame.append(text(across(value), y + 30, meaning, "tick", anchor))
    return drawing(frame + shapes, y + (36 if guides else 20), label)


def bars(items: Sequence[tuple[str, float]], label: str) -> str:
    """Draw one bar per item, the name above it."""
    most = max((value for _, value in items), default=1.0) or 1.0
    shapes: list[str] = []
    for index, (name, value) in enumerate(items):
        y = 6 + index * 30
        shapes += [
            text(0, y + 10, name, "label"),
            text(WIDTH, y + 10, number(value), "note", "end"),
            bar(0, y + 15, WIDTH, 6, "track"),
            bar(0, y + 15, value / most * WIDTH, 6, "fill candidate"),
        ]
    return drawing(shapes, 8 + len(items) * 30, label)
