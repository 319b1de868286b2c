"""Measure one holdout: both models overall, per slice and per bias group, and one against the other."""

from dataclasses import dataclass, field

import numpy as np

from muster_jobs import intervals, paired
from muster_jobs.groups import Bias, bias_of, masks_of
from muster_jobs.intervals import Estimate, estimate
from muster_jobs.paired import Difference, compare
from muster_jobs.resampling import Resamples
from muster_jobs.scores import Scores
from muster_jobs.tables import Features


@dataclass(frozen=True)
class Measured:
    """One model on one holdout.

    Attributes
    ----------
    overall
        Metric to estimate.
    slices
        ``column=value`` to (rows, metric to estimate).
    bias
        Column to bias.
    """

    overall: dict[str, Estimate]
    slices: dict[str, tuple[int, dict[str, Estimate]]]
    bias: dict[str, Bias]

    def as_json(self) -> dict:
        """Return what evaluation.json holds of it."""
        return {
            "overall": {metric: each.as_json() for metric, each in self.overall.items()},
            "slices": {
                name: {"rows": rows, "metrics": {metric: each.as_json() for metric, each in metrics.items()}}
                for name, (rows, metrics) in self.slices.items()
            },
            "bias": {column: each.as_json() for column, each in self.bias.items()},
        }


@dataclass(frozen=True)
class Compared:
    """Candidate against champion on one holdout: overall, and by ``column=value``."""

    overall: dict[str, Difference]
    slices: dict[str, dict[str, Difference]]

    def as_json(self) -> dict:
        """Return what evaluation.json holds of it."""
        return {
            "overall": {metric: each.as_json() for metric, each in self.overall.items()},
            "slices": {
                name: {metric: each.as_json() for metric, each in metrics.items()}
                for name, metrics in self.slices.items()
            },
        }


@dataclass(frozen=True)
class HoldoutResult:
    """All that was measured on one holdout, and the scores it was measured from.

    ``models`` and ``scores`` are keyed by ``candidate`` and, when there is one, ``champion``.
    """

    kind: str
    features: Features
    scores: dict[str, Scores]
    models: dict[str, Measured]
    comparison: Compared | None


@dataclass(frozen=True)
class Wanted:
    """What to measure, from the evaluation plan.

    Attributes
    ----------
    metrics
        Names, the primary one among them.
    confidence
        Of every interval.
    slices
        Columns.
    bias_groups
        (column, metric, min_rows).
    seed
        Of the resampling.
    """

    metrics: list[str]
    confidence: float
    slices: list[str] = field(default_factory=list)
    bias_groups: list[tuple[str, str, int]] = field(default_factory=list)
    seed: int = 0


def measure(features: Features, scores: dict[str, Scores], wanted: Wanted) -> HoldoutResult:
    """Measure a holdout.

    Parameters
    ----------
    features
        Its rows.
    scores
        The candidate's and, when there is one, the champion's scores on them.
    wanted
        Metrics and groups.
    """
    resamples = Resamples(len(features.ids), wanted.seed)
    masks = {"": np.ones(len(features.ids), dtype=bool)}
    for column in wanted.slices:
        masks |= {f"{column}={value}": mask for value, mask in masks_of(features, column).items()}
    tables = {name: measure_rows(scores, mask, wanted, resamples) for name, mask in masks.items()}
    bias_masks = {column: masks_of(features, column) for column, _, _ in wanted.bias_groups}
    measured = {}
    for model, each in scores.items():
        slices = {name: (int(masks[name].sum()), table[0][model]) for name, table in tables.items() if name}
        bias = {
            column: bias_of(metric, each, bias_masks[column], min_rows, wanted.confidence, resamples)
            for column, metric, min_rows in wanted.bias_groups
        }
        measured[model] = Measured(tables[""][0][model], slices, bias)
    compared = None
    if "champion" in scores:
        compared = Compared(tables[""][1], {name: table[1] for name, table in tables.items() if name})
    return HoldoutResult(features.kind, features, scores, measured, compared)


def measure_rows(
    scores: dict[str, Scores], mask: np.ndarray, wanted: Wanted, resamples: Resamples
) -> tuple[dict[str, dict[str, Estimate]], dict[str, Difference]]:
    """Return the estimates of each model on the rows where `mask`, and the differences between the two (or nothing)."""
    parts = {model: each.only(mask) for model, each in scores.items()}
    both = "champion" in scores
    drawn_for = intervals.BOOTSTRAPPED | (paired.BOOTSTRAPPED if both else frozenset())
    names = [name for name in wanted.metrics if name in drawn_for]
    drawn = resamples.values(names, scores, mask)
    estimates = {
        model: {name: estimate(name, part, wanted.confidence, drawn[model].get(name)) for name in wanted.metrics}
        for model, part in parts.items()
    }
    if not both:
        return estimates, {}
    differences = {}
    for name in wanted.metrics:
        pair = (drawn["candidate"][name], drawn["champion"][name]) if name in paired.BOOTSTRAPPED else None
        differences[name] = compare(name, parts["candidate"], parts["champion"], wanted.confidence, pair)
    return estimates, differences
