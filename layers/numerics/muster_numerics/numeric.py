"""A column of numbers counted on its grid, block by block."""

import math

import numpy as np
import numpy.typing as npt

from muster_numerics.cells import BLOCK, Below, Scratch, cells_of
from muster_numerics.columns import FloatArray, Numeric
from muster_numerics.counts import NumericCounts
from muster_numerics.grid import NumericGrid

FURTHEST = 1e140
"""A distance beyond counts as this in the sums, so that no window's sum of squares is infinite, which JSON lacks."""


def count_numbers(column: Numeric, cut: NumericGrid, scratch: Scratch | None = None) -> NumericCounts:
    """Count a column of numbers.

    Parameters
    ----------
    column, cut
        The column and its grid.
    scratch
        Arrays for at least as many rows, or for `BLOCK`, that columns may share; new ones if None.
    """
    counter = _Counter(cut, scratch or Scratch(len(column)))
    with np.errstate(over="ignore"):
        for start in range(0, len(column), BLOCK):
            counter.add(column.values[start : start + BLOCK])
    return counter.counts(len(column), column.unparsed)


class _Counter:
    """The counts of the blocks so far."""

    def __init__(self, cut: NumericGrid, scratch: Scratch) -> None:
        self._cut = cut
        self._scratch = scratch
        self._below = Below(cells_of(cut), scratch)
        self._nan = self._infinite = self._least = self._fractional = 0
        self._total, self._squares = 0.0, 0.0
        self._low, self._high = math.inf, -math.inf

    def add(self, values: FloatArray) -> None:
        """Add a block."""
        distance, flags = self._scratch.distance[: len(values)], self._scratch.flags[: len(values)]
        np.subtract(values, self._cut.centre, out=distance)
        np.logical_not(np.isfinite(values, out=flags), out=flags)
        gaps = np.flatnonzero(flags)
        nan = infinite = 0
        if len(gaps):
            distance[gaps] = 0.0
            nan = int(np.count_nonzero(np.isnan(values[gaps])))
            infinite = len(gaps) - nan
            self._nan, self._infinite = self._nan + nan, self._infinite + infinite
            self._least += int(np.count_nonzero(values[gaps] == -np.inf))
        fractional = self._not_whole(values) - nan if self._cut.integral else 0  # NaN differs from itself
        self._fractional += fractional
        self._below.add(values, distance, gaps, whole=self._cut.integral and not fractional)
        if len(gaps) < len(values):
            self._sum(np.delete(values, gaps) if infinite else values, distance)

    def _not_whole(self, values: FloatArray) -> int:
        whole, flags = self._scratch.whole[: len(values)], self._scratch.flags[: len(values)]
        return int(np.count_nonzero(np.not_equal(values, np.floor(values, out=whole), out=flags)))

    def _sum(self, values: FloatArray, distance: FloatArray) -> None:
        """Add to extremes and sums; `distance` is overwritten."""
        low, high = float(np.fmin.reduce(values)), float(np.fmax.reduce(values))  # NaN is passed over
        self._low, self._high = min(self._low, low), max(self._high, high)
        if max(self._cut.centre - low, high - self._cut.centre) > FURTHEST:
            np.clip(distance, -FURTHEST, FURTHEST, out=distance)
        self._total += float(distance.sum())
        # Not a dot product: BLAS would start threads for it.
        self._squares += float(np.square(distance, out=distance).sum())

    def counts(self, rows: int, unparsed: int) -> NumericCounts:
        """Return the counts of so many rows."""
        present = rows - self._nan
        up_to = self._below.up_to() + self._least
        edges = len(self._cut.edges)
        finite = present > self._infinite
        return NumericCounts(
            bins=_between(up_to[:edges], present),
            buckets=_between(up_to[edges:], present),
            missing=self._nan - unparsed,
            unparsed=unparsed,
            infinite=self._infinite,
            fractional=self._fractional,
            total=self._total,
            squares=self._squares,
            low=self._low if finite else None,
            high=self._high if finite else None,
        )


def _between(up_to: npt.NDArray[np.int64], present: int) -> tuple[int, ...]:
    """Return the rows below, between and above the edges, of the rows up to each."""
    return tuple(np.diff(up_to, prepend=0, append=present).tolist())
