"""The spec's metrics on live answers, with intervals in closed form: a window may have a million rows.

Values are those of the evaluation job (`muster_jobs.metrics`). Its bootstrapped intervals are replaced:

=================  ====================================================================================================
average_precision  logit interval by the number of positive rows (Boyd, Eng, Page 2013, ECML PKDD 8190:451, section 3.1)
brier, log_loss    the mean's central limit, on the log scale
macro_f1           delta method for multinomial counts, on the logit scale, as the F scores of `quality_figures`
the others         as in `quality_figures`
=================  ====================================================================================================
"""

import math

import numpy as np
import numpy.typing as npt

from muster_jobs.curves import confusion
from muster_jobs.intervals import logistic, wilson, z_of
from muster_jobs.metrics import average_precision, terms, why_undefined
from muster_jobs.scores import Scores
from muster_numerics.quality_figures import (
    Counts,
    Figure,
    area_under_curve,
    f_score,
    mean_error,
    regression_figures,
    share,
    within_unit,
)

SHARES = frozenset({"accuracy", "precision", "recall"})
MEANS = frozenset({"brier", "log_loss"})
Mask = npt.NDArray[np.bool_]


def figure_of(name: str, scores: Scores, confidence: float) -> Figure:
    """Return a metric of the spec with its two-sided interval, or why it is not defined."""
    if len(scores) == 0:
        return Figure(None, reason="no row")
    if scores.problem_type == "regression":
        return regression_figures(scores.truth, scores.predicted, confidence)[name]
    if name == "auc":
        return area_under_curve(scores, confidence)
    if name in SHARES:
        hits, rows = terms(name, scores).sum(axis=0).tolist()
        return share(hits, rows, confidence, why_undefined(name, scores) if rows == 0 else "")
    if name in MEANS:
        return mean_error(terms(name, scores)[:, 0], confidence)
    if name == "average_precision":
        return average_precision_figure(scores, confidence)
    counts = confusion(scores)
    if name == "macro_f1":
        return macro_f1(counts, confidence)
    return f_score(counts, 1.0, confidence, only=1)


def average_precision_figure(scores: Scores, confidence: float) -> Figure:
    """Return the average precision; its standard error on the logit scale is 1 / sqrt(positives x AP x (1 - AP))."""
    positives = int(np.count_nonzero(scores.truth == 1))
    if positives == 0:
        return Figure(None, reason=why_undefined("average_precision", scores))
    value = float(average_precision(scores.truth, scores.predicted, np.ones((1, len(scores))))[0])
    error = math.sqrt(value * (1 - value) / positives) if 0 < value < 1 else 0.0
    if error == 0:
        low, high = wilson(value * positives, positives, confidence)
        return Figure(value, min(low, value), max(high, value), 0.0)
    middle, reach = math.log(value / (1 - value)), z_of(confidence) / math.sqrt(positives * value * (1 - value))
    return Figure(value, logistic(middle - reach), logistic(middle + reach), error)


def macro_f1(counts: Counts, confidence: float) -> Figure:
    """Return the mean F1 of the classes that are there or decided for.

    F1 of class k is 2 h / w, h its share of rows on the diagonal, w that of its row plus its column; the derivative by
    the share of a cell (i, j) is 2 / w(i) on the diagonal, less F(i) / w(i) and F(j) / w(j).
    """
    rows = int(counts.sum())
    chance = counts / rows
    whole = chance.sum(axis=1) + chance.sum(axis=0)
    there = whole > 0
    weight = np.where(there, 1 / np.where(there, whole, 1.0), 0.0) / np.count_nonzero(there)
    each = np.where(there, 2 * np.diag(chance) / np.where(there, whole, 1.0), 0.0)
    value = float(each.sum() / np.count_nonzero(there))
    slope = np.diag(2 * weight) - (each * weight)[:, None] - (each * weight)[None, :]
    variance = float(np.sum(chance * slope**2) - np.sum(chance * slope) ** 2) / rows
    return within_unit(value, math.sqrt(max(variance, 0.0)), rows, confidence)


def difference_between(name: str, scores: Scores, group: Mask, confidence: float, least_rows: int) -> Figure:
    """Return a group's metric less that of all other rows.

    The interval is put together from those of the two (MOVER: Zou, Donner 2008, Statistics in Medicine 27:1693), which
    for shares of rows is Newcombe's method 10.
    """
    mine, theirs = scores.only(group), scores.only(~group)
    if min(len(mine), len(theirs)) < max(least_rows, 1):
        return Figure(None, reason=f"{len(mine)} rows against {len(theirs)}, wanted {least_rows} in each")
    one, other = figure_of(name, mine, confidence), figure_of(name, theirs, confidence)
    for figure in (one, other):
        if figure.value is None or figure.low is None or figure.high is None:
            return Figure(None, reason=figure.reason)
    return moved(one, other)


def moved(one: Figure, other: Figure) -> Figure:
    """Return the difference of two independent figures, both defined."""
    assert one.value is not None and one.low is not None and one.high is not None  # noqa: PT018
    assert other.value is not None and other.low is not None and other.high is not None  # noqa: PT018
    value = one.value - other.value
    down = math.hypot(one.value - one.low, other.high - other.value)
    up = math.hypot(one.high - one.value, other.value - other.low)
    return Figure(value, value - down, value + up)
