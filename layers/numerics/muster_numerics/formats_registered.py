"""Model Monitor's files of a baseline: statistics and constraints of the data, and of the registered model quality.

The quality is that of the evaluation by which the model was registered: the figures that have a name in Model Monitor's
files, with their intervals. What it does not compute is left out.
"""

from collections.abc import Mapping
from typing import Any

from muster_jobs.intervals import z_of
from muster_numerics import formats_constraints, formats_statistics
from muster_numerics.formats_quality import Times, constraints_to_json, statistics, suggested
from muster_numerics.quality import Problem, Quality
from muster_numerics.quality_figures import Figure
from muster_numerics.redaction import Redaction
from muster_numerics.reference import baseline_of

SHARED = frozenset({"auc", "accuracy", "f1", "precision", "recall", "mae", "rmse", "r2"})
"""Metrics of the evaluation that Model Monitor calls so too, with the same definition."""


def data_files(document: Mapping[str, Any], key: bytes = b"") -> dict[str, dict[str, Any]]:
    """Return statistics and constraints of the data, by file name.

    Parameters
    ----------
    document
        Payload of a BaselineDocument.
    key
        What its controlled words were digested with. Of controlled numbers nothing is written but rows.
    """
    redaction = Redaction(frozenset(document["controlled"]), key)
    baseline = baseline_of(document)
    counts = {name: profile.counts for name, profile in baseline.columns.items()}
    return {
        "statistics.json": formats_statistics.statistics(baseline.grid, counts, document["rows"], redaction),
        "constraints.json": formats_constraints.to_json(formats_constraints.suggested(baseline, redaction)),
    }


def quality_files(
    overall: Mapping[str, Mapping[str, float | None]], problem: Problem, rows: int, confidence: float, at: str
) -> dict[str, dict[str, Any]]:
    """Return statistics and constraints of the registered quality, by file name.

    Parameters
    ----------
    overall
        Value, low and high of each metric on the reference holdout.
    problem
        What the model decides.
    rows
        Of the holdout.
    confidence
        Of the intervals, two-sided.
    at
        When the model was made, in ISO 8601: a holdout has no window, and gets this as its begin, end and evaluation.
    """
    reach = 2 * z_of(confidence)
    figures = {}
    for name in sorted(SHARED & overall.keys()):
        value, low, high = (overall[name][part] for part in ("value", "low", "high"))
        error = (high - low) / reach if low is not None and high is not None else None
        figures[name] = Figure(value, low, high, error)
    quality = Quality("measured", "as registered", problem, rows, 0, figures)
    return {
        "model_quality_statistics.json": statistics(quality, Times(at, at, at)),
        "model_quality_constraints.json": constraints_to_json(suggested(quality), problem.kind),
    }
