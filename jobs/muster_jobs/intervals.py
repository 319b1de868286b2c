"""Confidence intervals of a metric's value: one method per metric, each from the literature.

===================  ==================================================================================================
accuracy, recall,    Wilson's score interval (Wilson 1927, JASA 22:209; recommended by Brown, Cai, DasGupta 2001,
precision            Statistical Science 16:101)
f1                   Wilson's interval of TP / (TP + FP + FN), of which F1 is an increasing function (Lam, Gopal, Qian
                     2023, arXiv:2309.14621, "Wilson indirect")
auc                  variance of DeLong, DeLong, Clarke-Pearson 1988 (Biometrics 44:837), interval on the logit scale
                     (Pepe 2003, section 5.2); where the variance is zero, which it is at AUC 1, Newcombe's method 5
                     (Newcombe 2006, Statistics in Medicine 25:559)
average_precision    percentile bootstrap over rows; where all resamples agree, which they do at 1, Wilson's interval
                     with the number of positive rows (after Boyd, Eng, Page 2013, ECML PKDD, "binomial interval")
brier, log_loss,     BCa bootstrap over rows (Efron 1987, JASA 82:171)
macro_f1, rmse,
mae, r2
===================  ==================================================================================================
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from muster_jobs.metrics import METRICS, combine, midranks, terms, value_of, why_undefined
from muster_jobs.scores import Scores

BOOTSTRAPPED = frozenset({"average_precision", "brier", "log_loss", "macro_f1", "rmse", "mae", "r2"})
"""Metrics whose interval needs resamples."""
_WILSON = "Wilson's score interval."
_BCA = "BCa bootstrap over rows."
METHODS = {
    "auc": "DeLong's variance on the logit scale; Newcombe's method 5 where that variance is zero.",
    "average_precision": "Percentile bootstrap over rows.",
    "accuracy": _WILSON,
    "precision": _WILSON,
    "recall": _WILSON,
    "f1": "Wilson's score interval of TP / (TP + FP + FN), mapped to F1.",
    **dict.fromkeys(("brier", "log_loss", "macro_f1", "rmse", "mae", "r2"), _BCA),
}
"""What the report says of each metric's interval."""
HIGHEST = {"rmse": math.inf, "mae": math.inf, "log_loss": math.inf}
LOWEST = {"r2": -math.inf}


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, or the reason why there is none.

    Attributes
    ----------
    value, low, high
        All numbers, or all None.
    reason
        Why they are None, in words; empty otherwise.
    """

    value: float | None
    low: float | None
    high: float | None
    reason: str = ""

    def as_json(self) -> dict:
        """Return what evaluation.json holds of it."""
        return {"value": self.value, "low": self.low, "high": self.high}


def undefined(reason: str) -> Estimate:
    """Return the estimate of a metric that has no value."""
    return Estimate(None, None, None, reason)


def estimate(name: str, scores: Scores, confidence: float, resampled: np.ndarray | None) -> Estimate:
    """Return a metric's value on these rows, with its confidence interval.

    Parameters
    ----------
    name
        The metric.
    scores
        The rows.
    confidence
        Of the two-sided interval, for example 0.95.
    resampled
        The metric in each bootstrap resample of the rows, for the metrics of `BOOTSTRAPPED`.

    Returns
    -------
    Estimate
        The interval always contains the value and stays within the metric's range.
    """
    value = value_of(name, scores)
    if math.isnan(value):
        return undefined(why_undefined(name, scores))
    if name == "auc":
        low, high = auc_interval(scores, value, confidence)
    elif METRICS[name].share:
        low, high = wilson(*terms(name, scores).sum(axis=0).tolist(), confidence)
    elif name == "f1":
        low, high = f1_interval(scores, confidence)
    else:
        if len(scores) < 2:
            return undefined("one row has no interval")
        low, high = bootstrap_interval(name, scores, value, confidence, resampled)
    return Estimate(value, max(min(low, value), LOWEST.get(name, 0.0)), min(max(high, value), HIGHEST.get(name, 1.0)))


def z_of(confidence: float) -> float:
    """Return the normal quantile of a two-sided interval."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def wilson(hits: float, rows: float, confidence: float) -> tuple[float, float]:
    """Return Wilson's score interval of a share of rows."""
    z, share = z_of(confidence), hits / rows
    middle = share + z**2 / (2 * rows)
    reach = z * math.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    scale = 1 + z**2 / rows
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def f1_interval(scores: Scores, confidence: float) -> tuple[float, float]:
    """Return the interval of F1 through that of the share J = TP / (TP + FP + FN): F1 = 2 J / (1 + J)."""
    twice_hits, whole = terms("f1", scores).sum(axis=0).tolist()
    low, high = wilson(twice_hits / 2, whole - twice_hits / 2, confidence)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def placements(scores: Scores) -> tuple[np.ndarray, np.ndarray]:
    """Return DeLong's structural components of the AUC.

    Returns
    -------
    positive, negative : numpy.ndarray
        For each positive row the share of negative rows below it, for each negative row the share of positive rows
        above it, ties half. Computed from ranks (Sun, Xu 2014, IEEE Signal Processing Letters 21:1389), so in n log n.
    """
    is_positive = scores.truth == 1
    ranks = midranks(scores.predicted)
    positives, negatives = int(is_positive.sum()), int((~is_positive).sum())
    among_positives, among_negatives = midranks(scores.predicted[is_positive]), midranks(scores.predicted[~is_positive])
    return (ranks[is_positive] - among_positives) / negatives, 1 - (ranks[~is_positive] - among_negatives) / positives


def auc_variance(positive: np.ndarray, negative: np.ndarray) -> float:
    """Return DeLong's variance of a mean of placements; 0 where a class has one row and tells no variance."""
    return sum(float(np.var(each, ddof=1)) / len(each) for each in (positive, negative) if len(each) > 1)


def auc_interval(scores: Scores, value: float, confidence: float) -> tuple[float, float]:
    """Return the interval of the AUC."""
    positive, negative = placements(scores)
    error = math.sqrt(auc_variance(positive, negative))
    if min(len(positive), len(negative)) < 2 or error < 1e-12 or not 0 < value < 1:
        return newcombe_auc(value, len(positive), len(negative), confidence)
    reach = z_of(confidence) * error / (value * (1 - value))
    middle = math.log(value / (1 - value))
    return logistic(middle - reach), logistic(middle + reach)


def logistic(x: float) -> float:
    """Return 1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1 + math.tanh(x / 2))


def newcombe_auc(value: float, positives: int, negatives: int, confidence: float) -> tuple[float, float]:
    """Return Newcombe's method 5: the AUCs whose own standard error does not exclude `value`.

    The variance at an AUC of t is Hanley and McNeil's with both class sizes replaced by their mean N in the bracket:
    t (1 - t) (1 + (N - 1) ((1 - t) / (2 - t) + t / (1 + t))) / (positives x negatives).
    """
    z, middle = z_of(confidence), (positives + negatives) / 2

    def excess(t: float) -> float:
        bracket = 1 + (middle - 1) * ((1 - t) / (2 - t) + t / (1 + t))
        return abs(value - t) - z * math.sqrt(t * (1 - t) * bracket / (positives * negatives))

    return bisect(excess, 0.0, value), bisect(excess, 1.0, value)


def bisect(excess: Callable[[float], float], outer: float, inner: float) -> float:
    """Return where `excess` changes its sign, positive at `outer` and not at `inner`; `outer` when it never does."""
    if excess(outer) <= 0:
        return outer
    for _ in range(60):
        middle = (outer + inner) / 2
        outer, inner = (middle, inner) if excess(middle) > 0 else (outer, middle)
    return inner


def bootstrap_interval(
    name: str, scores: Scores, value: float, confidence: float, resampled: np.ndarray | None
) -> tuple[float, float]:
    """Return the bootstrap interval: BCa for functions of sums, percentiles for average precision."""
    if resampled is None:
        raise ValueError(f"{name} needs resamples")
    drawn = resampled[np.isfinite(resampled)]
    if len(drawn) == 0:
        return value, value
    if name == "average_precision":
        if np.ptp(drawn) < 1e-12:
            positives = float(np.sum(scores.truth == 1))
            return wilson(value * positives, positives, confidence)
        return percentiles(drawn, (1 - confidence) / 2, (1 + confidence) / 2)
    if name == "macro_f1" and value == 1.0:
        return wilson(len(scores), len(scores), confidence)  # nothing varies: the accuracy's bound stands in
    whole = terms(name, scores)
    return bca(drawn, value, combine(name, whole.sum(axis=0) - whole), confidence)


def bca(drawn: np.ndarray, value: float, left_out: np.ndarray, confidence: float) -> tuple[float, float]:
    """Return Efron's bias-corrected and accelerated interval.

    Parameters
    ----------
    drawn
        The metric in each resample.
    value
        The metric on the rows themselves.
    left_out
        The metric with each row left out in turn (the jackknife).
    confidence
        Of the interval.
    """
    normal = NormalDist()
    below = (np.sum(drawn < value) + 0.5 * np.sum(drawn == value)) / len(drawn)
    least = 0.5 / len(drawn)
    bias = normal.inv_cdf(min(max(float(below), least), 1 - least))
    rest = left_out[np.isfinite(left_out)]
    spread = rest.mean() - rest if len(rest) else np.zeros(1)
    scale = float(np.sum(spread**2)) ** 1.5
    acceleration = float(np.sum(spread**3)) / (6 * scale) if scale > 1e-300 else 0.0

    def adjusted(share: float) -> float:
        shifted = bias + normal.inv_cdf(share)
        return normal.cdf(bias + shifted / (1 - acceleration * shifted))

    return percentiles(drawn, adjusted((1 - confidence) / 2), adjusted((1 + confidence) / 2))


def percentiles(drawn: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """Return two quantiles."""
    found = np.quantile(drawn, [low, high])
    return float(found[0]), float(found[1])
