"""Whether two sets of counts come from one distribution: p-values in closed form, so that anyone can compute them again.

Anderson-Darling sees shifts best, Klotz's test changes of width, of which Anderson-Darling sees little; chi-square sees
what moves between few bins or words. All take the rows for independent; `long_run_p` does not, given the baseline's
block statistics.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

from muster_numerics.blocks import LongRun
from muster_numerics.columns import FloatArray
from muster_numerics.special import chi2_sf, normal_sf, quadratic_form_far_sf, quadratic_form_sf

LEAST_EXPECTED = 5.0
"""Chi-square's cells are pooled until each expects as many rows in both samples (Cochran 1954)."""
NEAR = 0.05
"""P-values above need no better approximation than by moments."""


def anderson_darling_p(baseline: Sequence[int], window: Sequence[int]) -> float:
    """Return the p-value of the two-sample Anderson-Darling test on ordered bins.

    The statistic of Scholz, Stephens 1987 (JASA 82:918) for grouped data: squared differences of the two cumulative
    shares, weighted by the inverse of their variance. Given the pooled shares it is a quadratic form in nearly normal
    variables of known covariance.
    """
    one, other = np.asarray(baseline, dtype=np.float64), np.asarray(window, dtype=np.float64)
    rows, other_rows = one.sum(), other.sum()
    if rows == 0 or other_rows == 0:
        return 1.0
    pooled = (one + other) / (rows + other_rows)
    below = np.cumsum(pooled)[:-1]
    inside = (below > 0) & (below < 1 - 1e-12)
    below, difference = below[inside], (np.cumsum(one)[:-1] / rows - np.cumsum(other)[:-1] / other_rows)[inside]
    weights = anderson_darling_weights(pooled)[inside]
    root = np.sqrt(weights)
    form = (np.minimum.outer(below, below) - np.outer(below, below)) * np.outer(root, root)
    moments = float(np.trace(form)), float(np.sum(form * form)), float(np.sum((form @ form) * form))
    statistic = rows * other_rows / (rows + other_rows) * float(np.sum(weights * difference**2))
    p = quadratic_form_sf(statistic, moments)
    return p if p > NEAR else quadratic_form_far_sf(statistic, np.linalg.eigvalsh(form))


def anderson_darling_weights(shares: FloatArray) -> FloatArray:
    """Return the weight of each bound between bins, given the bins' shares; 0 where all rows lie on one side."""
    below = np.cumsum(shares)[:-1]
    spread = below * (1 - below)
    mass = (shares[:-1] + shares[1:]) / 2
    return np.divide(mass, spread, out=np.zeros_like(mass), where=spread > 1e-12)


def width_scores(rows: FloatArray) -> FloatArray:
    """Return Klotz's score of each bin: the square of the normal quantile at the middle of its ranks."""
    middle = (np.cumsum(rows) - rows / 2) / rows.sum()
    quantile = NormalDist().inv_cdf
    # The outermost bins may have no row: their score, which then counts for nothing, is not to be infinite.
    return np.array([quantile(min(max(each, 1e-12), 1 - 1e-12)) ** 2 for each in middle.tolist()])


def width_p(baseline: Sequence[int] | FloatArray, window: Sequence[int] | FloatArray) -> tuple[float, float]:
    """Test whether the window is as wide as the baseline.

    The test of Klotz 1962 (Annals of Mathematical Statistics 33:498) on ordered bins: the sum of the window's scores is
    that of rows drawn from both without regard, which is nearly normal. For normal values no test of width finds more.

    Returns
    -------
    p : float
        Two-sided; at one in 10,000 and 200 rows up to half too small, with more rows right.
    width : float
        By which share the window is wider, roughly, whatever its shape: half of the difference of the mean scores.
    """
    one, other = np.asarray(baseline, dtype=np.float64), np.asarray(window, dtype=np.float64)
    rows, other_rows = float(one.sum()), float(other.sum())
    if rows == 0 or other_rows == 0:
        return 1.0, 0.0
    pooled, total = one + other, rows + other_rows
    scores = width_scores(pooled)
    mean = float(pooled @ scores) / total
    variance = float(pooled @ (scores - mean) ** 2) / (total - 1)
    if variance < 1e-12:
        return 1.0, 0.0
    difference = float(other @ scores) / other_rows - mean
    z = difference / math.sqrt(variance * rows / (total * other_rows))
    return min(1.0, 2 * normal_sf(abs(z))), difference * total / rows / 2


def chi_square_p(baseline: Sequence[int], window: Sequence[int], *, ordered: bool) -> float:
    """Return the p-value of the two-sample chi-square test.

    Parameters
    ----------
    baseline, window
        Rows per cell.
    ordered
        Whether cells that expect too few rows are pooled with their neighbour, or with all other such cells and with
        the last, which holds what is not listed.
    """
    one, other = np.asarray(baseline, dtype=np.float64), np.asarray(window, dtype=np.float64)
    rows, other_rows = one.sum(), other.sum()
    if rows == 0 or other_rows == 0:
        return 1.0
    expected = (one + other) * min(rows, other_rows) / (rows + other_rows)
    groups = _neighbours(expected) if ordered else _rare_together(expected)
    cells = int(groups.max()) + 1
    pooled = np.column_stack([np.bincount(groups, one, cells), np.bincount(groups, other, cells)])
    pooled = pooled[pooled.sum(axis=1) > 0]
    if len(pooled) < 2:
        return 1.0
    ratio = np.sqrt(rows / other_rows)
    statistic = np.sum((ratio * pooled[:, 1] - pooled[:, 0] / ratio) ** 2 / pooled.sum(axis=1))
    return chi2_sf(float(statistic), len(pooled) - 1)


def _neighbours(expected: FloatArray) -> npt.NDArray[np.int64]:
    """Number cells so that neighbours sharing a number expect enough together; a rest joins the group before it."""
    groups, group, held = np.zeros(len(expected), dtype=np.int64), 0, 0.0
    for cell, rows in enumerate(expected):
        groups[cell] = group
        held += rows
        if held >= LEAST_EXPECTED:
            group, held = group + 1, 0.0
    if group and held < LEAST_EXPECTED:
        groups[groups == group] = group - 1
    return groups


def _rare_together(expected: FloatArray) -> npt.NDArray[np.int64]:
    """Number the cells, those that expect too few rows sharing a number with the last, and more if it is too few too.

    Which words are listed depends on the baseline, which so has more of the rare listed ones and less of the others
    than the window, drift or not; together they are free of that choice.
    """
    rare = expected < LEAST_EXPECTED
    rare[-1] = True
    if expected[rare].sum() < LEAST_EXPECTED and not rare.all():
        rare |= expected == expected[~rare].min()
    groups = np.cumsum(~rare) - 1
    groups[rare] = np.count_nonzero(~rare)
    return groups


Form = Literal["ordered", "unordered", "width"]


def long_run_p(baseline: Sequence[int], window: Sequence[int], long: LongRun, form: Form) -> float:
    """Return the p-value of the difference in shares, whatever the correlation in time.

    Parameters
    ----------
    baseline, window
        Rows per coarse bin.
    long
        How much the baseline's own shares vary from stretch to stretch.
    form
        That of Anderson-Darling, of chi-square, or of Klotz's test.

    Returns
    -------
    float
        0 where there is nothing to compare: the other tests say so, and this one can only make them more careful.
    """
    one, other = np.asarray(baseline, dtype=np.float64), np.asarray(window, dtype=np.float64)
    rows, other_rows = one.sum(), other.sum()
    if rows == 0 or other_rows == 0 or len(one) < 2:
        return 0.0
    matrix = {"ordered": ordered_form, "unordered": unordered_form, "width": width_form}[form](one / rows)
    return long.form_p(other / other_rows - one / rows, matrix, 1 / (1 / rows + 1 / other_rows))


def ordered_form(shares: FloatArray) -> FloatArray:
    """Return the matrix of the Anderson-Darling form of a difference in shares."""
    sums = np.tri(len(shares) - 1, len(shares))
    return np.asarray(sums.T @ (anderson_darling_weights(shares)[:, None] * sums))


def width_form(shares: FloatArray) -> FloatArray:
    """Return the matrix of the square of the difference in mean score."""
    scores = width_scores(shares)
    return np.outer(scores, scores)


def unordered_form(shares: FloatArray) -> FloatArray:
    """Return the matrix of the chi-square form; cells without rows have no weight."""
    return np.diag(np.divide(1.0, shares, out=np.zeros_like(shares), where=shares > 0))
