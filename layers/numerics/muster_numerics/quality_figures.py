"""Figures of model quality with standard errors and intervals, all in closed form: without resampling.

==================  ===================================================================================================
shares of rows      Wilson's score interval (Wilson 1927, JASA 22:209)
auc                 DeLong, DeLong, Clarke-Pearson 1988 (Biometrics 44:837), on the logit scale
f1 of two classes   Wilson's interval of TP / (TP + FP + FN), mapped to F1 (Lam, Gopal, Qian 2023, arXiv:2309.14621)
other F, weighted   delta method for multinomial counts, on the logit scale (Takahashi, Yamamoto, Kuchiba, Koyama 2022,
figures             Applied Intelligence 52:4961, give it for F1)
mae, mse, rmse, r2  the mean's central limit, and the delta method; errors on the log scale (rmse is that of mse)
==================  ===================================================================================================

Wilson's and DeLong's are those of the evaluation job, and its code: `muster_jobs.intervals`.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from muster_jobs.intervals import auc_interval, auc_variance, logistic, placements, wilson, z_of
from muster_jobs.metrics import auc
from muster_jobs.scores import Scores
from muster_numerics.columns import FloatArray

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Figure:
    """A figure, or the reason why there is none.

    Attributes
    ----------
    value, low, high
        The figure and its interval; all None if it is not defined.
    error
        Its standard error; None if it is not defined, or if so few rows tell none.
    reason
        Why it is not defined.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    error: float | None = None
    reason: str = ""


def share(hits: float, rows: float, confidence: float, none: str) -> Figure:
    """Return a share of rows; `none` says what is missing if there are no rows."""
    if rows == 0:
        return Figure(None, reason=none)
    value = hits / rows
    low, high = wilson(hits, rows, confidence)
    return Figure(value, min(low, value), max(high, value), math.sqrt(value * (1 - value) / rows))


def area_under_curve(scores: Scores, confidence: float) -> Figure:
    """Return the AUC of a binary model."""
    value = auc(scores.truth, scores.predicted)
    if math.isnan(value):
        return Figure(None, reason="all rows are of one class")
    low, high = auc_interval(scores, value, confidence)
    return Figure(value, min(low, value), max(high, value), math.sqrt(auc_variance(*placements(scores))))


def f_score(counts: Counts, beta: float, confidence: float, only: int | None = None) -> Figure:
    """Return an F score, or with a beta of 0 precision: of one class, or weighted by the classes' rows.

    Parameters
    ----------
    counts
        Rows by true and decided class.
    beta
        How much more recall counts than precision.
    confidence
        Of the interval.
    only
        The class; all, weighted, if None. A class that is neither there nor decided for counts as 0.
    """
    rows = int(counts.sum())
    hits, true, said = np.diag(counts) / rows, counts.sum(axis=1) / rows, counts.sum(axis=0) / rows
    whole = beta**2 * true + said
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(whole > 0, (1 + beta**2) * hits / whole, 0.0)
        by_hits = np.where(whole > 0, (1 + beta**2) / whole, 0.0)
        by_said = np.where(whole > 0, -each / whole, 0.0)
    if only is None:
        weight, by_true = true, each + true * beta**2 * by_said
    else:
        weight = np.arange(len(true)) == only
        by_true = weight * beta**2 * by_said
        if whole[only] == 0:
            return Figure(None, reason="no row is of the class or decided for it")
    value = float(weight @ each)
    # The derivative by the share of each cell of the table, whose variance over the rows is the estimate's times n.
    slope = by_true[:, None] + (weight * by_said)[None, :] + np.diag(weight * by_hits)
    chance = counts / rows
    variance = float(np.sum(chance * slope**2) - np.sum(chance * slope) ** 2) / rows
    if only is not None and beta == 1:
        union = counts[only, :].sum() + counts[:, only].sum() - counts[only, only]
        low, high = (2 * end / (1 + end) for end in wilson(float(counts[only, only]), float(union), confidence))
        return Figure(value, min(low, value), max(high, value), math.sqrt(max(variance, 0.0)))
    return within_unit(value, math.sqrt(max(variance, 0.0)), rows, confidence)


def within_unit(value: float, error: float, rows: int, confidence: float) -> Figure:
    """Return a figure between 0 and 1 with its interval on the logit scale; at 0 and 1, which have none, Wilson's."""
    if not 0 < value < 1 or error < 1e-12:
        low, high = wilson(value * rows, rows, confidence)
        return Figure(value, min(low, value), max(high, value), error)
    middle, reach = math.log(value / (1 - value)), z_of(confidence) * error / (value * (1 - value))
    return Figure(value, logistic(middle - reach), logistic(middle + reach), error)


def regression_figures(truth: FloatArray, predicted: FloatArray, confidence: float) -> dict[str, Figure]:
    """Return mae, mse, rmse and r2; none of them if an error is so large that its square is no double."""
    with np.errstate(over="ignore", invalid="ignore"):
        error = predicted - truth
        mae, mse = mean_error(np.abs(error), confidence), mean_error(error**2, confidence)
        root = math.sqrt(float(np.mean(error**2)))
        slope = mse.error / (2 * root) if mse.error and root > 0 else mse.error
        rmse = Figure(root, math.sqrt(mse.low or 0.0), math.sqrt(mse.high or 0.0), slope)
        figures = {"mae": mae, "mse": mse, "rmse": rmse, "r2": explained(truth, error, confidence)}
    return {name: within_doubles(figure) for name, figure in figures.items()}


def within_doubles(figure: Figure) -> Figure:
    """Return the figure, or the reason why it is none."""
    if all(each is None or math.isfinite(each) for each in (figure.value, figure.low, figure.error)):
        return figure
    return Figure(None, reason="an error is too large to be squared")


def mean_error(sizes: FloatArray, confidence: float) -> Figure:
    """Return the mean of errors' sizes, its interval on the log scale, which keeps it above 0."""
    value = float(sizes.mean())
    if len(sizes) < 2:
        return Figure(value, 0.0, math.inf)
    error = float(sizes.std(ddof=1)) / math.sqrt(len(sizes))
    if error == 0:
        return Figure(value, value, value, 0.0)
    factor = math.exp(min(z_of(confidence) * error / value, 700.0))  # below what a double holds
    return Figure(value, value / factor, value * factor, error)


def explained(truth: FloatArray, error: FloatArray, confidence: float) -> Figure:
    """Return r2, its interval by the variance of each row's influence on it."""
    spread = (truth - truth.mean()) ** 2
    variance, square = float(spread.mean()), float(np.mean(error**2))
    if len(truth) < 2 or variance <= 1e-12 * float(np.mean(truth**2)):
        return Figure(None, reason="the truth does not vary")
    influence = square * (spread - variance) / variance**2 - (error**2 - square) / variance
    value, doubt = 1 - square / variance, float(influence.std(ddof=1)) / math.sqrt(len(truth))
    reach = z_of(confidence) * doubt
    return Figure(value, value - reach, min(value + reach, 1.0), doubt)
