"""How many numbers lie at or below each of some marks, without sorting them.

Each number falls into one of 8,192 cells of equal width about the middle of the baseline, and lies below every mark of
a later cell. Only numbers that share a cell with a mark, about two in a hundred, are sorted and searched. So the
counts are exact, in a quarter of the time of a sort where the processor sorts slowly (an AMD EPYC of 2022 with the
AVX-512 code of NumPy 2.1), and in no more where it sorts fast.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from muster_numerics.columns import FloatArray
from muster_numerics.grid import NumericGrid

CELLS = 8_192
_HALF = np.float32(CELLS // 2)
_PER_SPREAD = 256
"""Cells to half of the distance between the quartiles; the outermost take what is further than 16 such halves."""
_NARROWEST, _WIDEST = 1e-30, 1e30
"""Of that half, so that the scale is a number in single precision, and not 0."""
FEWEST = 4_096
"""Fewer numbers are sorted all."""
BLOCK = 32_768
"""Numbers worked on at once: they and what is made of them fit a core's own cache, which a million do not."""

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of one grid.

    Attributes
    ----------
    marks
        The grid's edges, then the bounds between its buckets.
    scale
        Cells to a unit.
    at
        The cell of each mark.
    marked
        Whether a cell has a mark in it.
    whole
        The cell of the greatest whole number that is not above each mark, if whole numbers have cells of their own;
        None if their range is too wide or the baseline's are not whole.
    """

    marks: FloatArray
    scale: np.float32
    at: Positions
    marked: npt.NDArray[np.bool_]
    whole: Positions | None


class Scratch:
    """Arrays that are used again for each block: new ones would cost more than the work on them, in page faults."""

    def __init__(self, rows: int) -> None:
        size = min(rows, BLOCK)
        self.distance = np.empty(size)
        self.near = np.empty(size, dtype=np.float32)
        self.whole = np.empty(size)
        self.small = np.empty(size, dtype=np.int32)
        self.at = np.empty(size, dtype=np.int64)
        self.flags = np.empty(size, dtype=bool)


@lru_cache(maxsize=512)  # a window has many chunks
def cells_of(cut: NumericGrid) -> Cells:
    """Return the cells of a grid."""
    marks = np.array([*cut.edges, *cut.bucket_edges[1:-1]])
    with np.errstate(over="ignore"):
        distance = marks - cut.centre
    narrow = cut.integral and float(np.abs(distance).max()) < float(_HALF) - 2
    edges = cut.edges or (0.0,)
    spread = (edges[3 * len(edges) // 4] - edges[len(edges) // 4]) / 2 or (edges[-1] - edges[0]) / 2
    scale = np.float32(1 if narrow else _PER_SPREAD / min(max(spread, _NARROWEST), _WIDEST))
    at = cell(distance, scale, Scratch(len(marks))).copy()
    whole = cell(np.floor(marks) - cut.centre, scale, Scratch(len(marks))) if narrow else None
    marked = np.zeros(CELLS, dtype=bool)
    marked[at] = True
    return Cells(marks, scale, at, marked, whole)


def cell(distance: FloatArray, scale: np.float32, scratch: Scratch) -> Positions:
    """Return the cells of numbers, given their distance to the grid's centre: of a greater number no lesser cell."""
    rows = len(distance)
    near, small, at = scratch.near[:rows], scratch.small[:rows], scratch.at[:rows]
    with np.errstate(over="ignore"):  # infinite in single precision is in the outermost cell all the same
        near[:] = distance
        np.multiply(near, scale, out=near)
    np.clip(near, -_HALF, _HALF - 1, out=near)
    np.add(near, _HALF, out=near)
    small[:] = near
    at[:] = small  # straight from near it takes longer
    return at


class Below:
    """Counts the numbers at or below each mark, block by block."""

    def __init__(self, cells: Cells, scratch: Scratch) -> None:
        self._cells = cells
        self._scratch = scratch
        self._sure: Positions | None = None
        self._whole: Positions | None = None
        self._searched = np.zeros(len(cells.marks), dtype=np.int64)

    def add(self, values: FloatArray, distance: FloatArray, gaps: Positions, *, whole: bool) -> None:
        """Count a block.

        Parameters
        ----------
        values
            The numbers.
        distance
            To the grid's centre; 0 at the gaps.
        gaps
            Where values are not finite, which are not counted.
        whole
            Whether all others are whole.
        """
        if len(values) < FEWEST:
            self._search(np.delete(values, gaps))
            return
        at = cell(distance, self._cells.scale, self._scratch)
        counts = np.bincount(at, minlength=CELLS)
        counts[CELLS // 2] -= len(gaps)  # the cell of distance 0
        if whole and self._cells.whole is not None:
            self._whole = counts if self._whole is None else self._whole + counts
            return
        counts[self._cells.at] = 0
        self._sure = counts if self._sure is None else self._sure + counts
        shared = self._scratch.flags[: len(values)]
        self._cells.marked.take(at, out=shared, mode="clip")  # none is out of range, and this mode does not check it
        shared[gaps] = False
        self._search(values.compress(shared))

    def _search(self, values: FloatArray) -> None:
        self._searched += np.searchsorted(np.sort(values), self._cells.marks, side="right")

    def up_to(self) -> Positions:
        """Return the numbers at or below each mark."""
        counted = self._searched
        for counts, at in ((self._sure, self._cells.at), (self._whole, self._cells.whole)):
            if counts is not None and at is not None:
                counted = counted + np.cumsum(counts)[at]
        return counted
