"""Slices and bias groups: the rows of a holdout by the values of a column, and how far apart the groups are."""

import math
from dataclasses import dataclass

import numpy as np

from muster_jobs.failure import JobError
from muster_jobs.intervals import Estimate, auc_variance, percentiles, placements, undefined, wilson, z_of
from muster_jobs.metrics import METRICS, terms, value_of
from muster_jobs.resampling import Resamples
from muster_jobs.scores import Scores
from muster_jobs.tables import Features

MOST_VALUES = 50
"""A column with more values than this is no slice: groups get too small to measure and too many to read."""


@dataclass(frozen=True)
class Bias:
    """A metric in the groups of a column.

    Attributes
    ----------
    metric
        Its name.
    groups
        Group to (rows, value); the value is None where the metric is not defined.
    difference
        Largest minus smallest value among the groups that are large enough, with its interval.
    """

    metric: str
    groups: dict[str, tuple[int, float | None]]
    difference: Estimate

    def as_json(self) -> dict:
        """Return what evaluation.json holds of it."""
        groups = {name: {"rows": rows, "value": value} for name, (rows, value) in self.groups.items()}
        return {"metric": self.metric, "groups": groups, "difference": self.difference.as_json()}


def masks_of(features: Features, column: str) -> dict[str, np.ndarray]:
    """Return, by value of the column, which rows have it; an empty field counts as ``(empty)``."""
    values = np.array([str(value).strip() or "(empty)" for value in features.column(column)], dtype=object)
    names = sorted(set(values))
    if len(names) > MOST_VALUES:
        raise JobError(
            f"holdout {features.kind}: column {column} has {len(names)} values; a slice or bias column may have "
            f"{MOST_VALUES}: put the values into ranges first"
        )
    return {name: values == name for name in names}


def bias_of(
    metric: str, scores: Scores, masks: dict[str, np.ndarray], min_rows: int, confidence: float, resamples: Resamples
) -> Bias:
    """Return the metric in each group, and the difference between the highest and the lowest.

    Groups with fewer than `min_rows` rows are shown but do not take part in the difference, nor do groups in which the
    metric is not defined.
    """
    groups: dict[str, tuple[int, float | None]] = {}
    for name, mask in masks.items():
        value = value_of(metric, scores.only(mask))
        groups[name] = (int(mask.sum()), None if math.isnan(value) else value)
    values = {name: value for name, (rows, value) in groups.items() if rows >= min_rows and value is not None}
    if len(values) < 2:
        return Bias(metric, groups, undefined(f"fewer than two groups with {min_rows} rows or more and a value"))
    highest = max(values, key=lambda name: values[name])
    lowest = min(values, key=lambda name: values[name])
    value = values[highest] - values[lowest]
    if value == 0:
        highest, lowest = list(values)[:2]
    low, high = difference_interval(metric, scores, masks[highest], masks[lowest], value, confidence, resamples)
    return Bias(metric, groups, Estimate(value, min(low, value), max(high, value)))


def difference_interval(
    metric: str,
    scores: Scores,
    first: np.ndarray,
    second: np.ndarray,
    value: float,
    confidence: float,
    resamples: Resamples,
) -> tuple[float, float]:
    """Return the interval of the difference between two groups, which share no row.

    Shares of rows: Newcombe 1998, method 10 for independent samples (Statistics in Medicine 17:873). AUC: the DeLong
    variances add up. All others: percentile bootstrap.
    """
    parts = [scores.only(first), scores.only(second)]
    if METRICS[metric].share:
        bounds = [wilson(*terms(metric, part).sum(axis=0).tolist(), confidence) for part in parts]
        shares = [value_of(metric, part) for part in parts]
        down = math.hypot(shares[0] - bounds[0][0], bounds[1][1] - shares[1])
        up = math.hypot(bounds[0][1] - shares[0], shares[1] - bounds[1][0])
        return value - down, value + up
    if metric == "auc":
        reach = z_of(confidence) * math.sqrt(sum(auc_variance(*placements(part)) for part in parts))
        return value - reach, value + reach
    drawn = [resamples.values([metric], {"model": scores}, mask)["model"][metric] for mask in (first, second)]
    differences = drawn[0] - drawn[1]
    differences = differences[np.isfinite(differences)]
    if len(differences) == 0:
        return value, value
    return percentiles(differences, (1 - confidence) / 2, (1 + confidence) / 2)
