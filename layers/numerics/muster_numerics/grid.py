"""Grids: where a baseline cuts each feature, so that any chunk of rows is reduced to counts that add up.

A numeric feature is cut at 40 quantiles of the baseline, of which every fourth is a decile; the tests of distribution
use all, PSI and chi-square the deciles. Two more cuts at the baseline's least and greatest value make what lies outside
its range countable. Bins are open below and closed above, ``(edge, next edge]``, so that a value on which many rows sit
has a bin of its own as soon as it is a quantile.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from muster_numerics.columns import Column, Columns, FloatArray, Numeric

Role = Literal["feature", "prediction"]

QUANTILES = 40
COARSE = 10
"""Bins of PSI, chi-square and the block statistics; divides `QUANTILES`."""
BUCKETS = 10
"""Bins of equal width between least and greatest value, as in Model Monitor's statistics and in plots."""
MOST_LEVELS = 100
"""Words of a categorical feature that are counted one by one; of more, the rest is counted together."""


@dataclass(frozen=True)
class NumericGrid:
    """Where a numeric feature is cut.

    Attributes
    ----------
    role
        Whether the column is an input of the model or one of its answers.
    edges
        Increasing. The first lies just below the least value of the baseline, the last is its greatest.
    coarse
        Which of the edges are deciles, by index.
    low, high
        The baseline's least and greatest finite value; both 0 if it has none.
    centre
        A value near the middle. Sums are taken of the distance to it, so that squares keep their digits.
    integral
        Whether all values of the baseline are whole numbers.
    """

    role: Role
    edges: tuple[float, ...]
    coarse: tuple[int, ...]
    low: float
    high: float
    centre: float
    integral: bool

    @property
    def bucket_edges(self) -> FloatArray:
        """The bounds of the buckets of equal width, one more than there are buckets."""
        if math.isinf(self.high - self.low):
            return 2 * np.linspace(self.low / 2, self.high / 2, BUCKETS + 1)
        return np.linspace(self.low, self.high, BUCKETS + 1)


@dataclass(frozen=True)
class CategoricalGrid:
    """Which words of a categorical feature are counted.

    Attributes
    ----------
    role
        As in `NumericGrid`.
    levels
        The words, by falling frequency in the baseline.
    complete
        Whether they are all words of the baseline, so that any other is new.
    """

    role: Role
    levels: tuple[str, ...]
    complete: bool


FeatureGrid = NumericGrid | CategoricalGrid
Grid = Mapping[str, FeatureGrid]
"""The cuts of every column by its name."""


def make_grid(columns: Columns, role: Role = "feature") -> dict[str, FeatureGrid]:
    """Make the grid of columns that are in memory. `muster_numerics.survey` makes one of chunks."""
    return {name: feature_grid(column, role) for name, column in columns.items()}


def feature_grid(column: Column, role: Role) -> FeatureGrid:
    """Make one column's grid."""
    if isinstance(column, Numeric):
        finite = np.sort(column.values[np.isfinite(column.values)])
        return numeric_grid(finite, role, integral=bool(np.all(finite == np.floor(finite))))
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.levels))
    return categorical_grid(dict(zip(column.levels, counts.tolist(), strict=True)), role)


def numeric_grid(ordered: FloatArray, role: Role, *, integral: bool) -> NumericGrid:
    """Make the grid of a numeric feature.

    Parameters
    ----------
    ordered
        Its finite values in rising order: all, or a sample that holds the least and the greatest.
    role
        As in `NumericGrid`.
    integral
        Whether all of its values are whole; a feature without values counts as not.
    """
    if not len(ordered):
        return NumericGrid(role, (), (), 0.0, 0.0, 0.0, integral=False)
    low, high, middle = float(ordered[0]), float(ordered[-1]), float(ordered[len(ordered) // 2])
    distinct = np.unique(ordered[:: max(1, len(ordered) // (100 * QUANTILES))])
    if len(distinct) <= QUANTILES:  # a look at a part may rule out "few values", never prove it
        distinct = np.unique(ordered)
    inner = distinct[:-1] if len(distinct) <= QUANTILES else _quantiles(ordered, QUANTILES)
    inner = inner[inner < high]
    edges = np.concatenate([[math.nextafter(low, -math.inf)], inner, [high]])
    deciles = _quantiles(ordered, COARSE)
    coarse = np.searchsorted(edges, deciles[deciles < high])
    return NumericGrid(role, tuple(edges.tolist()), tuple(coarse.tolist()), low, high, middle, integral)


def _quantiles(ordered: FloatArray, parts: int) -> FloatArray:
    """Return the values below or at which 1/parts, 2/parts, ... of the rows lie, equal ones once."""
    ranks = -(-np.arange(1, parts) * len(ordered) // parts) - 1
    return np.asarray(np.unique(ordered[ranks]), dtype=np.float64)


def categorical_grid(counts: Mapping[str, int], role: Role, *, complete: bool = True) -> CategoricalGrid:
    """Make the grid of a categorical feature from how often each word occurs.

    Parameters
    ----------
    counts
        Words without rows are left out.
    role
        As in `NumericGrid`.
    complete
        False if some words of the baseline are not among the counts.
    """
    present = {word: count for word, count in counts.items() if count > 0}
    words = sorted(present, key=lambda word: (-present[word], word))
    return CategoricalGrid(role, tuple(words[:MOST_LEVELS]), complete and len(words) <= MOST_LEVELS)


def grid_to_json(grid: FeatureGrid) -> dict[str, Any]:
    """Return the grid as a dictionary of JSON types."""
    kind = "numeric" if isinstance(grid, NumericGrid) else "categorical"
    return {"kind": kind} | {
        name: list(value) if isinstance(value, tuple) else value for name, value in vars(grid).items()
    }


def grid_from_json(found: Mapping[str, Any]) -> FeatureGrid:
    """Read what `grid_to_json` wrote.

    Raises
    ------
    ValueError
        If the kind is neither "numeric" nor "categorical".
    """
    members: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in found.items() if name != "kind"
    }
    if found.get("kind") == "numeric":
        return NumericGrid(**members)
    if found.get("kind") == "categorical":
        return CategoricalGrid(**members)
    raise ValueError(f"grid: kind: expected 'numeric' or 'categorical', got {found.get('kind')!r}")
