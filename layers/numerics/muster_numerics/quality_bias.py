"""Bias on live data: how differently a model decides for the groups of a facet.

Two of SageMaker Clarify's measures ("Measure post-training data and model bias", developer guide), each of a group
against all other rows: the difference in positive proportions of predicted labels (DPPL), which needs no ground truth,
and the difference in true-positive rates (recall difference, RD). Clarify takes the other facet's value minus the
group's; here a positive figure says that the group gets more. Intervals are Newcombe's for the difference of two
independent shares (Newcombe 1998, Statistics in Medicine 17:873, method 10).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from muster_jobs.intervals import wilson
from muster_numerics.quality_figures import Figure

Mask = npt.NDArray[np.bool_]
Measure = Literal["positive_proportion", "true_positive_rate"]
EMPTY = "(empty)"
"""The group of rows without a value."""
MOST_GROUPS = 50
"""A facet with more values has groups too small to compare; the rest is one group."""
REST = "(other values)"
MOST_KEPT = 1_000
"""Values of a facet that are counted while a window is read: a column of measurements has as many as rows."""


@dataclass(frozen=True)
class GroupCounts:
    """A group's rows; those of parts add up.

    Attributes
    ----------
    rows, said
        All rows, and those decided to be positive.
    positives, hits
        Rows known to be positive, and of these those decided so.
    """

    rows: int = 0
    said: int = 0
    positives: int = 0
    hits: int = 0

    def __add__(self, other: "GroupCounts") -> "GroupCounts":
        return GroupCounts(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


Groups = Mapping[str, GroupCounts]


@dataclass(frozen=True)
class Difference:
    """A group's share less that of all other rows, with its interval."""

    measure: Measure
    group: str
    rows: int
    difference: Figure


def count_groups(facet: Sequence[str | None], said: Mask, truth: Mask | None = None) -> dict[str, GroupCounts]:
    """Count the groups of a facet.

    Parameters
    ----------
    facet
        Each row's value.
    said
        Whether each row is decided to be positive.
    truth
        Whether it is; without it true-positive rates are not counted.
    """
    places: dict[str, int] = {}
    codes = np.fromiter((places.setdefault(value or EMPTY, len(places)) for value in facet), np.int64, len(said))
    known = np.zeros(len(said), dtype=bool) if truth is None else truth
    counts = [np.bincount(codes[mask], minlength=len(places)) for mask in (..., said, known, known & said)]
    return {name: GroupCounts(*(int(each[places[name]]) for each in counts)) for name in sorted(places)}


def add_groups(one: Groups, other: Groups) -> dict[str, GroupCounts]:
    """Add the counts of two parts of a facet."""
    none = GroupCounts()
    return {name: one.get(name, none) + other.get(name, none) for name in sorted(one.keys() | other.keys())}


def differences(groups: Groups, *, least_rows: int, confidence: float = 0.95) -> tuple[Difference, ...]:
    """Compare each group with all other rows.

    A group, or the rows beside it, with fewer than `least_rows` rows to take the share of is not compared; the figure's
    reason says so.
    """
    groups = largest(groups)
    whole = sum(groups.values(), GroupCounts())
    found = []
    for name, group in groups.items():
        rest = GroupCounts(*(a - b for a, b in zip(vars(whole).values(), vars(group).values(), strict=True)))
        pairs: tuple[tuple[Measure, tuple[int, int], tuple[int, int]], ...] = (
            ("positive_proportion", (group.said, group.rows), (rest.said, rest.rows)),
            ("true_positive_rate", (group.hits, group.positives), (rest.hits, rest.positives)),
        )
        for measure, mine, theirs in pairs:
            figure = difference(mine, theirs, least_rows, confidence)
            found.append(Difference(measure, name, mine[1], figure))
    return tuple(found)


def largest(groups: Groups, most: int = MOST_GROUPS) -> dict[str, GroupCounts]:
    """Return the groups, the smallest of very many together as `REST`."""
    ordered = sorted(groups.keys() - {REST}, key=lambda name: (-groups[name].rows, name))
    kept = {name: groups[name] for name in sorted(ordered[:most])}
    rest = [groups[name] for name in ordered[most:]] + ([groups[REST]] if REST in groups else [])
    return kept | ({REST: sum(rest, GroupCounts())} if rest else {})


def difference(mine: tuple[int, int], theirs: tuple[int, int], least_rows: int, confidence: float) -> Figure:
    """Return the difference of two shares, given as hits and rows."""
    if min(mine[1], theirs[1]) < max(least_rows, 1):
        return Figure(None, reason=f"{mine[1]} rows against {theirs[1]}, wanted {least_rows} in each")
    one, other = mine[0] / mine[1], theirs[0] / theirs[1]
    (low, high), (other_low, other_high) = wilson(*mine, confidence), wilson(*theirs, confidence)
    down, up = math.hypot(one - low, other_high - other), math.hypot(high - one, other - other_low)
    error = math.sqrt(one * (1 - one) / mine[1] + other * (1 - other) / theirs[1])
    return Figure(one - other, one - other - down, one - other + up, error)
