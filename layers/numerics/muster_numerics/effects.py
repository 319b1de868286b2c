"""How large a difference is, whether significant or not: the figures that reports and other tools show.

All are computed from counts on the baseline's grid: between two edges nothing is seen.
"""

import math
from dataclasses import dataclass

import numpy as np

from muster_numerics.blocks import coarse_counts
from muster_numerics.columns import FloatArray
from muster_numerics.counts import CategoricalCounts, Counts, NumericCounts
from muster_numerics.distribution import width_p
from muster_numerics.grid import FeatureGrid, NumericGrid

LEAST_SHARE = 1e-4
"""PSI takes no share for smaller: it would be infinite for an empty bin."""
ROBUST = 1.8
"""Model Monitor's allowance for sampling (awslabs/deequ, Distance.scala: alpha = 0.003)."""


@dataclass(frozen=True)
class Effects:
    """The size of a difference.

    Attributes
    ----------
    ks
        Greatest difference of the cumulative shares at an edge; of words, greatest difference of a share. 0 to 1.
    psi
        Population stability index over ten bins, or the ten most frequent words and the rest.
    js
        Jensen-Shannon distance, base 2: 0 to 1.
    width
        By which share the window is wider, roughly (`distribution.width_p`); None of words.
    w1
        Wasserstein distance in standard deviations of the baseline; None of words, or if the baseline does not vary.
    linf_robust
        Model Monitor's "Robust" distance: ``ks`` less an allowance for sampling, at least 0.
    missing_before, missing_after
        Shares of rows without a value in baseline and window.
    """

    ks: float
    psi: float
    js: float
    width: float | None
    w1: float | None
    linf_robust: float
    missing_before: float
    missing_after: float


def effects(before: Counts, after: Counts, cut: FeatureGrid) -> Effects:
    """Compute the effects; those of the distribution are 0 if baseline or window has no value at all."""
    one, other = _cells(before), _cells(after)
    rows, other_rows = float(one.sum()), float(other.sum())
    missing = _missing_share(before), _missing_share(after)
    if not rows or not other_rows:
        return Effects(0.0, 0.0, 0.0, None, None, 0.0, *missing)
    numeric = isinstance(cut, NumericGrid)
    width = width_p(one, other)[1] if numeric else None
    one, other = one / rows, other / other_rows
    gaps = np.abs(np.cumsum(one) - np.cumsum(other))[:-1] if numeric else np.abs(one - other)
    ks = float(gaps.max(initial=0.0))
    return Effects(
        ks=ks,
        psi=population_stability(_coarse(before, cut), _coarse(after, cut)),
        js=_jensen_shannon(one, other),
        width=width,
        w1=_wasserstein(gaps, before, after, cut),
        linf_robust=max(0.0, ks - ROBUST * math.sqrt((rows + other_rows) / (rows * other_rows))),
        missing_before=missing[0],
        missing_after=missing[1],
    )


def population_stability(before: FloatArray, after: FloatArray) -> float:
    """Return the population stability index of rows per bin."""
    one = np.maximum(before / before.sum(), LEAST_SHARE)
    other = np.maximum(after / after.sum(), LEAST_SHARE)
    return float(np.sum((other - one) * np.log(other / one)))


def _jensen_shannon(one: FloatArray, other: FloatArray) -> float:
    middle = (one + other) / 2
    halves = (np.sum(share[share > 0] * np.log2(share[share > 0] / middle[share > 0])) / 2 for share in (one, other))
    return math.sqrt(max(0.0, float(sum(halves))))


def _wasserstein(gaps: FloatArray, before: Counts, after: Counts, cut: FeatureGrid) -> float | None:
    if (
        not isinstance(cut, NumericGrid)
        or not isinstance(before, NumericCounts)
        or not isinstance(after, NumericCounts)
    ):
        return None
    if not before.deviation > 0:
        return None
    # Each gap stands for half of the way to the edges beside it; beyond the range, to the window's extremes.
    low, high = (cut.low if after.low is None else after.low), (cut.high if after.high is None else after.high)
    points = np.array([min(low, cut.edges[0]), *cut.edges, max(high, cut.edges[-1])])
    with_ends = np.concatenate([[0.0], gaps, [0.0]])
    return float(np.sum((with_ends[1:] + with_ends[:-1]) / 2 * np.diff(points))) / before.deviation


def _coarse(counts: Counts, cut: FeatureGrid) -> FloatArray:
    """Return the tenths; of a column of one value, which has none, the cells: below it, at it, above it."""
    if isinstance(cut, NumericGrid) and not cut.coarse:
        return _cells(counts)
    return np.asarray(coarse_counts(counts, cut)[:-1], dtype=np.float64)


def _cells(counts: Counts) -> FloatArray:
    cells = (*counts.levels, counts.other) if isinstance(counts, CategoricalCounts) else counts.bins
    return np.asarray(cells, dtype=np.float64)


def _missing_share(counts: Counts) -> float:
    return counts.missing / counts.rows if counts.rows else 0.0
