"""The points of the report's curves."""

import numpy as np

from muster_jobs.scores import Scores

MOST_POINTS = 400
"""A figure of more points than this shows some of them: enough to see, and the page stays small."""


def roc(scores: Scores) -> list[tuple[float, float]]:
    """Return (false positive rate, true positive rate) from (0, 0) to (1, 1), one point per threshold.

    Points on a straight line between their neighbours are left out, and of very many points some.
    """
    order = np.argsort(-scores.predicted, kind="stable")
    hits, falls = np.cumsum(scores.truth[order] == 1), np.cumsum(scores.truth[order] != 1)
    last = np.append(np.diff(scores.predicted[order]) != 0, True)
    ups = np.concatenate([[0], hits[last]]) / hits[-1]
    rights = np.concatenate([[0], falls[last]]) / falls[-1]
    corner = np.ones(len(ups), dtype=bool)
    turn = np.diff(ups)[1:] * np.diff(rights)[:-1] - np.diff(ups)[:-1] * np.diff(rights)[1:]
    corner[1:-1] = np.abs(turn) > 1e-12
    kept = np.flatnonzero(corner)
    if len(kept) > MOST_POINTS:
        kept = kept[np.linspace(0, len(kept) - 1, MOST_POINTS).round().astype(int)]
    return list(zip(rights[kept].tolist(), ups[kept].tolist(), strict=True))


def calibration(said: np.ndarray, happened: np.ndarray) -> list[tuple[float, int, int]]:
    """Return (mean of what was said, times it happened, rows) per bin; bins hold about equally many rows.

    Equal predictions stay in one bin, so there may be fewer bins than one per 20 rows, ten at most.
    """
    wanted = int(np.clip(len(said) // 20, 2, 10))
    edges = np.unique(np.quantile(said, np.linspace(0, 1, wanted + 1)))
    bins = np.clip(np.searchsorted(edges, said, side="right") - 1, 0, max(len(edges) - 2, 0))
    return [
        (float(said[bins == each].mean()), int(happened[bins == each].sum()), int((bins == each).sum()))
        for each in np.unique(bins)
    ]


def confidence_of(scores: Scores) -> tuple[np.ndarray, np.ndarray]:
    """Return what calibration compares.

    Binary: the probability of the second class and whether it was that class. Multiclass: the probability of the class
    decided for and whether the decision was right.
    """
    if scores.problem_type == "binary":
        return scores.predicted, scores.truth == 1
    return scores.predicted.max(axis=1), scores.decided == scores.truth


def confusion(scores: Scores) -> np.ndarray:
    """Return counts, true class by decided class."""
    classes = len(scores.classes)
    return np.bincount(scores.truth * classes + scores.decided, minlength=classes**2).reshape(classes, classes)


def thinned(rows: int) -> np.ndarray:
    """Return the positions of the rows that a scatter shows."""
    return np.arange(0, rows, max(1, -(-rows // MOST_POINTS)))
