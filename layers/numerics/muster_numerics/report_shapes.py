"""From rows per cell of the baseline's grid to bars that a person can read.

Cells are narrow where the baseline has many rows. Drawn as they are, every column of the baseline would look flat. So
the cumulative shares are read off between the edges and cut anew at equal widths; columns of few whole numbers keep a
bar per number. What lies far out, or outside the baseline's range, is gathered at the ends.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from muster_jobs.numbers import number
from muster_numerics.columns import FloatArray

MOST_SINGLE = 20
"""Whole numbers that have a bar each."""
BARS, FEW_BARS, FEW_ROWS = 18, 10, 1_000
TAIL = 0.35
"""How far beyond the middle 95 % the bars go, in parts of its width."""
MOST_WORDS = 8


@dataclass(frozen=True)
class Bars:
    """Bars of both sides over one axis.

    Attributes
    ----------
    baseline, window
        Share of rows with a value per bar; each adds up to 1, or is 0 throughout without any.
    labels
        What is written below the axis: place between 0 and 1, and text.
    low_end, high_end
        Whether the first and the last bar gather what lies beyond.
    """

    baseline: tuple[float, ...]
    window: tuple[float, ...]
    labels: tuple[tuple[float, str], ...]
    low_end: bool = False
    high_end: bool = False


@dataclass(frozen=True)
class Word:
    """A word, or all others, with its share on both sides; `new` if it is certain that the baseline does not have it."""

    label: str
    baseline: float
    window: float
    new: bool = False


def bars(cells: dict[str, Any]) -> Bars:
    """Return the bars of a column of numbers."""
    before, after = (np.asarray(cells[side], dtype=np.float64) for side in ("baseline", "window"))
    if cells["edges"] is None:
        return Bars(_shares(before), _shares(after), ((0.0, "lowest"), (1.0, "highest")))
    edges = np.asarray(cells["edges"], dtype=np.float64)
    if len(edges) < 2:
        return Bars(_shares(before), _shares(after), ())
    if _few_whole(edges):
        return _single(edges[1:], before, after)
    return _cut_anew(edges, before, after)


def _shares(rows: FloatArray) -> tuple[float, ...]:
    return tuple((rows / max(1.0, float(rows.sum()))).tolist())


def _few_whole(edges: FloatArray) -> bool:
    """Return whether each cell between edges is one value: consecutive whole numbers, or a single value."""
    values = edges[1:]
    return len(values) <= MOST_SINGLE and (
        len(values) == 1 or bool(np.all(np.diff(values) == 1) and np.all(values == np.floor(values)))
    )


def _single(values: FloatArray, before: FloatArray, after: FloatArray) -> Bars:
    """One bar per value; one more at each end if any row is there."""
    ends = [bool(before[place] + after[place]) for place in (0, -1)]
    kept = slice(0 if ends[0] else 1, len(before) if ends[1] else len(before) - 1)
    bars_drawn = len(before[kept])
    step = max(1, -(-len(values) // 6))
    labels = tuple(
        ((index + ends[0] + 0.5) / bars_drawn, number_text(float(value)))
        for index, value in enumerate(values)
        if index % step == 0
    )
    return Bars(_shares(before)[kept], _shares(after)[kept], labels, ends[0], ends[1])


def _cut_anew(edges: FloatArray, before: FloatArray, after: FloatArray) -> Bars:
    low, high = float(edges[0]), float(edges[-1])
    inner_low, inner_high = (float(edges[1]), float(edges[-2])) if len(edges) > 4 else (low, high)
    reach = (inner_high - inner_low) * TAIL
    if reach > 0:
        low, high = max(low, inner_low - reach), min(high, inner_high + reach)
    rows = min(float(each.sum()) for each in (before, after))
    cuts = np.linspace(low, high, (FEW_BARS if rows < FEW_ROWS else BARS) + 1)
    sides = [_at(edges, counts, cuts) for counts in (before, after)]
    ends = [any(side[place] > 0.0005 for side in sides) for place in (0, -1)]
    kept = slice(0 if ends[0] else 1, len(cuts) + 1 if ends[1] else len(cuts))
    count = len(sides[0][kept])
    labels = tuple(
        ((place + ends[0]) / count, number_text(float(cuts[place])))
        for place in (0, (len(cuts) - 1) // 2, len(cuts) - 1)
    )
    return Bars(tuple(sides[0][kept]), tuple(sides[1][kept]), labels, ends[0], ends[1])


def _at(edges: FloatArray, counts: FloatArray, cuts: FloatArray) -> list[float]:
    """Return the shares below the first cut, between each two, and above the last."""
    whole = float(counts.sum())
    if not whole:
        return [0.0] * (len(cuts) + 1)
    up_to = np.cumsum(counts)[:-1] / whole
    low, span = edges[0], edges[-1] - edges[0]
    if 0 < span < np.inf:  # edges that lie next to each other would give a slope beyond all numbers
        edges, cuts = (edges - low) / span, (cuts - low) / span
    at = np.interp(cuts, edges, up_to)
    parts: list[float] = np.diff(np.concatenate([[0.0], at, [1.0]])).tolist()
    return parts


def number_text(value: float) -> str:
    """Return a number below an axis, short."""
    return number(value) if abs(value) >= 10_000 else f"{value:.3g}".replace("-", "−")


def words(column: dict[str, Any]) -> tuple[list[Word], int]:
    """Return the words that differ most or are most frequent, and how many are left out."""
    cells = column["cells"]
    before, after = (np.asarray(cells[side], dtype=np.float64) for side in ("baseline", "window"))
    rows, other_rows = max(1.0, float(before.sum())), max(1.0, float(after.sum()))
    known = [
        Word(label, float(one / rows), float(two / other_rows))
        for label, one, two in zip(cells["labels"], before[:-1], after[:-1], strict=True)
    ]
    known += [Word(label, 0.0, count / other_rows, new=not before[-1]) for label, count in column["new_words"].items()]
    known.sort(key=lambda word: (-max(word.baseline, word.window, 4 * abs(word.window - word.baseline)), word.label))
    kept, rest = known[:MOST_WORDS], known[MOST_WORDS:]
    others = float(before[-1] / rows), float(after[-1] / other_rows)
    named = sum(word.window for word in known if word.label in column["new_words"])
    left = Word(
        "all others",
        others[0] + sum(word.baseline for word in rest),
        max(0.0, others[1] - named) + sum(word.window for word in rest),
    )
    more = [left] if left.baseline + left.window > 1e-12 else []
    return kept + more, len(rest)


def steps(shares: tuple[float, ...], left: float, width: float, base: float, scale: float) -> list[tuple[float, float]]:
    """Return the outline of bars from `left` on: the points of a stepped line."""
    each = width / max(1, len(shares))
    points = [(left, base)]
    for (start, end), value in zip(pairwise(range(len(shares) + 1)), shares, strict=True):
        y = base - value * scale
        points += [(left + start * each, y), (left + end * each, y)]
    return [*points, (left + width, base)]
