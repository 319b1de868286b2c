"""statistics.json: Model Monitor's summary of a data set ("Schema for statistics", developer guide).

Written from counts, so for a baseline and for a window alike. Buckets are those of the baseline's grid, and what is
outside its range is in the nearest. There is no KLL sketch: Muster's own baseline and state hold what it would be for.
"""

import math
from collections.abc import Mapping
from typing import Any

from muster_numerics.counts import CategoricalCounts, Counts, NumericCounts
from muster_numerics.grid import CategoricalGrid, FeatureGrid, Grid, NumericGrid
from muster_numerics.redaction import Redaction

VERSION = 0.0
NOT_A_NUMBER = "NaN"
"""How Model Monitor writes a number that is not there."""


def statistics(grid: Grid, columns: Mapping[str, Counts], rows: int, redaction: Redaction) -> dict[str, Any]:
    """Return the content of statistics.json.

    Parameters
    ----------
    grid, columns
        Of a baseline (`Baseline.grid`, and each profile's counts) or a window (`State.columns`).
    rows
        Of the data set.
    redaction
        Of a controlled number only rows are written. Words are digests already (`redaction.redacted`).
    """
    features = [feature(name, grid[name], columns[name], name in redaction.controlled) for name in grid]
    return {"version": VERSION, "dataset": {"item_count": rows}, "features": features}


def feature(name: str, cut: FeatureGrid, counts: Counts, masked: bool) -> dict[str, Any]:
    """Return one column's entry."""
    said = {"name": name, "inferred_type": inferred_type(cut, counts)}
    common = {"num_present": counts.rows - counts.missing, "num_missing": counts.missing}
    if isinstance(cut, NumericGrid) and isinstance(counts, NumericCounts):
        return said | {"numerical_statistics": {"common": common} | numbers(cut, counts, masked)}
    if isinstance(cut, CategoricalGrid) and isinstance(counts, CategoricalCounts):
        return said | {"string_statistics": {"common": common} | words(cut, counts)}
    raise ValueError(f"{name}: grid and counts differ in kind: the data were not counted on this grid")


def inferred_type(cut: FeatureGrid, counts: Counts) -> str:
    """Return Model Monitor's name for a column's type."""
    if isinstance(counts, CategoricalCounts):
        return "String"
    if counts.present == 0:
        return "Unknown"
    return "Integral" if isinstance(cut, NumericGrid) and cut.integral and not counts.fractional else "Fractional"


def numbers(cut: NumericGrid, counts: NumericCounts, masked: bool) -> dict[str, Any]:
    """Return what is written of a numeric column."""
    finite = counts.present - counts.infinite
    mean = counts.mean(cut.centre)
    figures = {
        "mean": mean,
        "sum": counts.total + cut.centre * finite,
        "std_dev": counts.deviation,
        "min": math.nan if counts.low is None else counts.low,
        "max": math.nan if counts.high is None else counts.high,
    }
    edges = cut.bucket_edges.tolist()
    buckets = [
        {"lower_bound": low, "upper_bound": high, "count": float(rows)}
        for low, high, rows in zip(edges[:-1], edges[1:], counts.buckets, strict=True)
    ]
    if masked:
        figures, buckets = dict.fromkeys(figures, math.nan), []
    written = {name: NOT_A_NUMBER if math.isnan(value) else value for name, value in figures.items()}
    return written | {"distribution": {"kll": {"buckets": buckets}}}


def words(cut: CategoricalGrid, counts: CategoricalCounts) -> dict[str, Any]:
    """Return what is written of words: those of the grid that occur, and the new ones that were kept."""
    rows = dict(zip(cut.levels, counts.levels, strict=True)) | dict(counts.new)
    there = sorted((word for word in rows if rows[word]), key=lambda word: (-rows[word], word))
    buckets = [{"value": word, "count": rows[word]} for word in there]
    return {"distinct_count": float(len(there)), "distribution": {"categorical": {"buckets": buckets}}}
