"""Block statistics: how much a feature's shares vary from one stretch of time to the next.

Tests of equal distribution take the rows for independent. Traffic that drifts back and forth within a day is not, and
every such test then alarms on nothing. When the baseline's rows are in the order of time, it keeps coarse counts of up
to 120 stretches of equal length; from these the covariance of a window's shares is estimated as batch means do
(Flegal, Jones 2010, Annals of Statistics 38:1034), whatever the correlation within a stretch.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from muster_numerics.columns import Categorical, Column, Columns, FloatArray, Numeric
from muster_numerics.counts import CategoricalCounts, Counts, NumericCounts
from muster_numerics.grid import COARSE, FeatureGrid, Grid, NumericGrid
from muster_numerics.sketch import count, empty
from muster_numerics.special import f_sf, quadratic_form_sf

MOST_BLOCKS = 120
FEWEST_BLOCKS = 20
"""Below this many blocks a covariance says little: independence is assumed instead, and said so."""
LEAST_ROWS = 50
"""Rows of the shortest block."""

BlockCounts = tuple[tuple[int, ...], ...]
"""Per block, in the order of time: rows per coarse bin, then rows without a value."""


def block_number(total_rows: int) -> int:
    """Return into how many blocks a baseline is cut: 0 if it is too short."""
    number = min(MOST_BLOCKS, total_rows // LEAST_ROWS)
    return number if number >= FEWEST_BLOCKS else 0


def observe_blocks(columns: Columns, grid: Grid, first_row: int, total_rows: int) -> dict[str, BlockCounts]:
    """Count a chunk of the baseline per block; the counts of chunks add up (`add_blocks`).

    Parameters
    ----------
    columns, grid
        As in `muster_numerics.sketch.observe`.
    first_row
        The chunk's first row among all rows of the baseline, from 0.
    total_rows
        All rows of the baseline.
    """
    number = block_number(total_rows)
    bounds = [block * total_rows // number - first_row for block in range(number + 1)] if number else []
    return {
        name: tuple(_block(column, grid[name], name, start, end) for start, end in pairwise(bounds))
        for name, column in columns.items()
        if name in grid
    }


def _block(column: Column, cut: FeatureGrid, name: str, start: int, end: int) -> tuple[int, ...]:
    """Count the chunk's part of one block; most blocks have none."""
    if end <= 0 or start >= len(column):
        return coarse_counts(empty(cut), cut)
    return coarse_counts(count(_rows_of(column, max(0, start), end), cut, name), cut)


def _rows_of(column: Column, start: int, end: int) -> Column:
    if isinstance(column, Categorical):
        return Categorical(column.codes[start:end], column.levels)
    return Numeric.of(column.values[start:end])  # what was not parsed has no value, which is all that matters here


def add_blocks(one: BlockCounts, other: BlockCounts) -> BlockCounts:
    """Add the counts of two chunks of a column."""
    return tuple(tuple(a + b for a, b in zip(x, y, strict=True)) for x, y in zip(one, other, strict=True))


def coarse_counts(counts: Counts, cut: FeatureGrid) -> tuple[int, ...]:
    """Return rows per coarse bin, then rows without a value.

    Coarse bins are those between deciles; or the most frequent words, then all others together.
    """
    if isinstance(counts, NumericCounts) and isinstance(cut, NumericGrid):
        ends = [0, *(edge + 1 for edge in cut.coarse), len(counts.bins)]
        bins = (sum(counts.bins[start:end]) for start, end in pairwise(ends))
        return (*bins, counts.missing + counts.unparsed)
    assert isinstance(counts, CategoricalCounts)  # `count` has refused what does not go together
    named = counts.levels[: COARSE - 1]
    return (*named, counts.present - sum(named), counts.missing)


@dataclass(frozen=True)
class LongRun:
    """How much shares vary from one stretch of the baseline to the next.

    Two lengths of stretches are looked at, and the larger variation holds: short ones are many, which makes a good
    estimate; those as long as the window also hold what correlates over more rows than a short one has.

    Attributes
    ----------
    shares
        The shares over the whole baseline.
    parts
        Per length: the shares in each stretch, and its rows.
    """

    shares: FloatArray
    parts: tuple[tuple[FloatArray, FloatArray], ...]

    @property
    def df(self) -> int:
        """Degrees of freedom of the estimate from the short stretches, which the other can only raise."""
        return len(self.parts[0][1]) - 1

    @property
    def block_rows(self) -> float:
        """Rows of the longest stretches: correlation over more is not seen."""
        return max(float(rows.mean()) for _, rows in self.parts)

    def form_p(self, difference: FloatArray, form: FloatArray, rows: float) -> float:
        """Return the p-value of a quadratic form of the difference between the shares of baseline and window.

        Parameters
        ----------
        difference
            Shares of the window less those of the baseline.
        form
            The form's symmetric matrix.
        rows
            Rows of both, harmonically: 1 / (1 / rows of the one + 1 / rows of the other).

        Notes
        -----
        The traces of powers of an estimated covariance are too large, the more so the fewer stretches; that makes the
        tail too heavy, never too light.
        """
        moments = _moments(form @ (np.diag(self.shares) - np.outer(self.shares, self.shares)))
        for shares, lengths in self.parts:
            scaled = (shares - self.shares) * np.sqrt(lengths)[:, None]
            moments = np.maximum(moments, _moments(form @ (scaled.T @ scaled) / (len(lengths) - 1)))
        first, second, third = moments.tolist()
        return quadratic_form_sf(
            float(difference @ form @ difference) * rows,
            (first, second * first**2, third * first**3),
            self.df,
        )

    def share_p(self, cell: int, before: float, after: float, rows: float) -> float:
        """Return the p-value of one share being the same in baseline and window.

        On the scale of the arcsine of the root, on which the variance does not depend on the share (Anscombe 1948,
        Biometrika 35:246) and a rare share is not skewed. Any share can so be judged by the variation of ``cell``.

        Parameters
        ----------
        cell
            The share whose variation is taken.
        before, after
            The shares in baseline and window.
        rows
            As in `form_p`.
        """
        variance = 0.25  # per row, of independent rows
        for shares, lengths in self.parts:
            deviations = np.arcsin(np.sqrt(shares[:, cell])) - math.asin(math.sqrt(float(self.shares[cell])))
            variance = max(variance, float(lengths @ deviations**2) / (len(lengths) - 1))
        moved = math.asin(math.sqrt(after)) - math.asin(math.sqrt(before))
        return f_sf(moved**2 * rows / variance, 1, self.df)


def _moments(product: FloatArray) -> FloatArray:
    """Return the sum of a form's weights, and the sums of their squares and cubes in units of it."""
    first = float(np.trace(product))
    if first <= 0:
        return np.zeros(3)
    square = product @ product
    return np.array([first, float(np.trace(square)) / first**2, float(np.sum(square * product.T)) / first**3])


def long_run(blocks: BlockCounts, window_rows: int, shares: Literal["bins", "missing"]) -> LongRun | None:
    """Estimate the variation of shares; None if there are too few blocks, or one without rows.

    Parameters
    ----------
    blocks
        Of the baseline.
    window_rows
        Rows of the window: neighbouring blocks are joined until they are as long, as long as `FEWEST_BLOCKS` remain.
    shares
        "bins": the shares of the coarse bins among rows with a value. "missing": the share of rows without one.
    """
    if len(blocks) < FEWEST_BLOCKS:
        return None
    table = np.asarray(blocks, dtype=np.float64)
    if shares == "missing":
        table = np.column_stack([table[:, -1], table[:, :-1].sum(axis=1)])
    else:
        table = table[:, :-1]
    rows = table.sum(axis=1)
    if not np.all(rows > 0):
        return None
    join = int(np.clip(math.ceil(window_rows / rows.mean()), 1, len(table) // FEWEST_BLOCKS))
    number = len(table) // join
    joined = table[len(table) - number * join :].reshape(number, join, -1).sum(axis=1)
    lengths = joined.sum(axis=1)
    parts = ((table / rows[:, None], rows), (joined / lengths[:, None], lengths))
    return LongRun(table.sum(axis=0) / rows.sum(), parts[: 1 + (join > 1)])
