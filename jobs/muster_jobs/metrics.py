"""The metrics: definitions, and their values on a set of rows.

Most metrics are a function of sums over rows: `terms` gives the numbers to be summed, `combine` makes the metric of the
sums. Written so, a resample of the rows is one product of a matrix of counts with the terms. AUC and average precision
depend on the order of the rows instead. Definitions are those of scikit-learn, against which the tests compare.
"""

from dataclasses import dataclass

import numpy as np

from muster_jobs.scores import Scores

SMALLEST_PROBABILITY = 1e-15
"""Probabilities are kept this far from 0 and 1 in the log loss, which would be infinite there."""


@dataclass(frozen=True)
class Metric:
    """A metric's facts.

    Attributes
    ----------
    name
        As in the spec.
    title
        As in the report.
    lower_is_better
        The direction.
    share
        Whether it is a share of rows, for which binomial intervals exist.
    """

    name: str
    title: str
    lower_is_better: bool = False
    share: bool = False


METRICS = {
    metric.name: metric
    for metric in (
        Metric("auc", "AUC"),
        Metric("average_precision", "Average precision"),
        Metric("accuracy", "Accuracy", share=True),
        Metric("f1", "F1"),
        Metric("precision", "Precision", share=True),
        Metric("recall", "Recall", share=True),
        Metric("brier", "Brier score", lower_is_better=True),
        Metric("log_loss", "Log loss", lower_is_better=True),
        Metric("macro_f1", "Macro F1"),
        Metric("rmse", "RMSE", lower_is_better=True),
        Metric("mae", "MAE", lower_is_better=True),
        Metric("r2", "R²"),
    )
}
BY_PROBLEM_TYPE = {
    "binary": ("auc", "average_precision", "accuracy", "f1", "precision", "recall", "brier", "log_loss"),
    "multiclass": ("accuracy", "macro_f1", "log_loss"),
    "regression": ("rmse", "mae", "r2"),
}


def value_of(name: str, scores: Scores) -> float:
    """Return the metric's value; NaN where it is not defined (`why_undefined` says why)."""
    if len(scores) == 0:
        return float("nan")
    if name == "auc":
        return auc(scores.truth, scores.predicted)
    if name == "average_precision":
        return float(average_precision(scores.truth, scores.predicted, np.ones((1, len(scores))))[0])
    return float(combine(name, terms(name, scores).sum(axis=0)))


def terms(name: str, scores: Scores) -> np.ndarray:
    """Return what each row adds to the sums that `combine` wants, shape (rows, sums)."""
    if scores.problem_type == "regression":
        return regression_terms(name, scores)
    ones = np.ones(len(scores))
    if name == "accuracy":
        return np.column_stack([scores.decided == scores.truth, ones])
    if name == "log_loss":
        return np.column_stack([-np.log(probability_of_truth(scores)), ones])
    if name == "macro_f1":
        return macro_f1_terms(scores)
    said, true = scores.decided == 1, scores.truth == 1
    if name == "precision":
        return np.column_stack([said & true, said])
    if name == "recall":
        return np.column_stack([said & true, true])
    if name == "f1":
        return np.column_stack([2 * (said & true), 2 * (said & true) + (said != true)])
    if name == "brier":
        return np.column_stack([(scores.predicted - scores.truth) ** 2, ones])
    raise KeyError(name)


def probability_of_truth(scores: Scores) -> np.ndarray:
    """Return the probability that the model gave to the class that each row has."""
    if scores.problem_type == "binary":
        chances = np.where(scores.truth == 1, scores.predicted, 1 - scores.predicted)
    else:
        # scikit-learn scales rows that do not add up to exactly one; so do we.
        chances = scores.predicted[np.arange(len(scores)), scores.truth] / scores.predicted.sum(axis=1)
    return np.clip(chances, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)


def macro_f1_terms(scores: Scores) -> np.ndarray:
    """Return, per class, twice the true positives; then, per class, that plus the mistakes it is part of."""
    number = np.arange(len(scores.classes))
    said, true = scores.decided[:, None] == number, scores.truth[:, None] == number
    hits = 2 * (said & true)
    return np.column_stack([hits, hits + (said != true)])


def regression_terms(name: str, scores: Scores) -> np.ndarray:
    """Return the terms of the regression metrics."""
    error, ones = scores.predicted - scores.truth, np.ones(len(scores))
    if name == "mae":
        return np.column_stack([np.abs(error), ones])
    if name == "rmse":
        return np.column_stack([error**2, ones])
    if name == "r2":
        centred = scores.truth - scores.truth.mean()  # so that the variance below does not cancel
        return np.column_stack([error**2, centred, centred**2, ones])
    raise KeyError(name)


def combine(name: str, sums: np.ndarray) -> np.ndarray:
    """Return the metric of sums of terms, shape (..., sums) to (...); NaN where it is not defined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if name == "macro_f1":
            classes = sums.shape[-1] // 2
            each = sums[..., :classes] / sums[..., classes:]  # NaN for a class that is neither there nor predicted
            there = sums[..., classes:] > 0
            return np.where(there, each, 0).sum(axis=-1) / there.sum(axis=-1)
        if name == "rmse":
            return np.sqrt(sums[..., 0] / sums[..., 1])
        if name == "r2":
            spread = sums[..., 2] - sums[..., 1] ** 2 / sums[..., 3]
            return np.where(spread > 1e-12 * sums[..., 2], 1 - sums[..., 0] / spread, np.nan)
        return sums[..., 0] / sums[..., 1]


def auc(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the area under the ROC curve: the chance that a positive row is above a negative one, ties half."""
    positives = int(np.sum(truth == 1))
    negatives = len(truth) - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    ranks = midranks(predicted)
    above = ranks[truth == 1].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def midranks(values: np.ndarray) -> np.ndarray:
    """Return ranks from 1, equal values sharing the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]


def average_precision(truth: np.ndarray, predicted: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the average precision of several resamples of the same rows.

    The sum over thresholds of (gain in recall) x precision, rows of equal prediction entering together.

    Parameters
    ----------
    truth, predicted
        Shape (n,).
    counts
        Shape (resamples, n): how often each row is in each resample.

    Returns
    -------
    numpy.ndarray
        Shape (resamples,); NaN where a resample has no positive row.
    """
    order = np.argsort(-predicted, kind="stable")
    ordered, is_positive = predicted[order], truth[order] == 1
    taken = counts[:, order]
    rows = np.cumsum(taken, axis=1)
    positive = np.flatnonzero(is_positive)
    hits = np.cumsum(taken[:, positive], axis=1)
    if not len(positive):
        return np.full(len(counts), np.nan)
    # Precision counts to the end of a row's group of ties: of all rows, and of the positive ones.
    last = np.searchsorted(-ordered, -ordered[positive], side="right") - 1
    last_positive = np.searchsorted(positive, last, side="right") - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = hits[:, last_positive] / rows[:, last]
        return np.nansum(taken[:, positive] * precision, axis=1) / hits[:, -1]


def why_undefined(name: str, scores: Scores) -> str:
    """Say why a metric has no value on these rows."""
    if len(scores) == 0:
        return "no row"
    if scores.problem_type == "regression":
        return "the target does not vary"
    positive = scores.classes[1]
    if name == "auc":
        return f"every row is {scores.classes[int(scores.truth[0])]}"
    if name == "precision":
        return f"no row is predicted {positive}"
    if name == "f1":
        return f"no row is {positive} or predicted {positive}"
    return f"no row is {positive}"
