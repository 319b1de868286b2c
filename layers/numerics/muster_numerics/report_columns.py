"""The columns of a drift report: what was found of each, and its rows on the baseline's grid, without controlled values.

A controlled column of numbers keeps how many rows are in which tenth of the baseline, and no value: no edge, mean or
extreme. A controlled column of words keeps digests.
"""

import math
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict
from typing import Any

from muster_numerics.baseline import Baseline, Profile
from muster_numerics.blocks import coarse_counts
from muster_numerics.counts import CategoricalCounts, Counts, NumericCounts
from muster_numerics.decide import ColumnResult, Decision
from muster_numerics.grid import CategoricalGrid, FeatureGrid, NumericGrid
from muster_numerics.sketch import State

GRAVITY = {"drift": 0, "warn": 1, "none": 2}
DIGEST = re.compile(r"#[0-9a-f]{12}")
"""What `muster_numerics.redaction` writes for a word."""

Json = dict[str, Any]


def column_documents(decision: Decision, baseline: Baseline, state: State, controlled: Collection[str]) -> list[Json]:
    """Return what the report says of each column: the gravest verdict first, then the largest effect.

    Parameters
    ----------
    decision
        Its columns are described; those that were not compared are not there.
    baseline, state
        What was compared.
    controlled
        Names of the columns whose values may not be told.

    Raises
    ------
    ValueError
        If a controlled column of words holds anything but digests.
    """
    told = [
        _column(name, result, baseline.columns[name], state.columns[name], name in controlled)
        for name, result in decision.columns.items()
    ]
    return sorted(told, key=lambda column: (GRAVITY[column["verdict"]], -column["effect"], column["name"]))


def _column(name: str, result: ColumnResult, profile: Profile, after: Counts, masked: bool) -> Json:
    comparison, before, cut = result.comparison, profile.counts, profile.grid
    if masked:
        refuse_values(name, _words(cut, before, after, result))
    sizes = {key: finite(value) for key, value in asdict(comparison.effects).items()}
    return {
        "name": name,
        "role": comparison.role,
        "kind": "numeric" if isinstance(cut, NumericGrid) else "categorical",
        "controlled": masked,
        "verdict": result.verdict,
        "effect": effect_of(result),
        "p": comparison.p,
        "adjusted_p": result.adjusted,
        "reasons": list(result.reasons),
        "block_rows": comparison.block_rows,
        "effects": sizes,
        "findings": [asdict(found) for found in comparison.findings],
        "baseline": _figures(cut, before, masked),
        "window": _figures(cut, after, masked),
        "cells": _cells(cut, before, after, masked),
        "new_words": dict(after.new) if isinstance(after, CategoricalCounts) else {},
    }


def effect_of(result: ColumnResult) -> float:
    """Return the effect by which columns are ordered: the greater of the shift of shares and that of missing rows."""
    sizes = result.comparison.effects
    return max(sizes.ks, abs(sizes.missing_after - sizes.missing_before))


def finite(value: float | None) -> float | None:
    """Return the number, or None for one that JSON cannot hold."""
    return value if value is not None and math.isfinite(value) else None


def refuse_values(name: str, words: Iterable[str]) -> None:
    """Refuse to tell the words of a controlled column.

    Raises
    ------
    ValueError
        If one is no digest. The words themselves are not in the message.
    """
    plain = sum(not DIGEST.fullmatch(word) for word in words)
    if plain:
        raise ValueError(
            f"report: {name}: found {plain} words of a controlled column in plain, wanted their digests: redact "
            "baseline and window before they are counted"
        )


def _words(cut: FeatureGrid, before: Counts, after: Counts, result: ColumnResult) -> Iterator[str]:
    if isinstance(cut, CategoricalGrid):
        yield from cut.levels
    for counts in (before, after):
        if isinstance(counts, CategoricalCounts):
            yield from counts.new
    yield from (found.word for found in result.comparison.findings if found.word is not None)


def _figures(cut: FeatureGrid, counts: Counts, masked: bool) -> Json:
    """Return the figures of one side; of a controlled column no value."""
    said: Json = {"rows": counts.rows, "missing": counts.missing, "distinct": None}
    said |= dict.fromkeys(("below", "above", "unparsed", "infinite"), 0)
    said |= dict.fromkeys(("mean", "deviation", "low", "high"))
    if isinstance(counts, CategoricalCounts):
        new = len(counts.new)
        return said | {"distinct": sum(rows > 0 for rows in counts.levels) + new}
    said |= {
        "below": counts.bins[0],
        "above": counts.bins[-1] if len(counts.bins) > 1 else 0,
        "unparsed": counts.unparsed,
        "infinite": counts.infinite,
    }
    if masked or not isinstance(cut, NumericGrid):
        return said
    return said | {
        "mean": finite(counts.mean(cut.centre)),
        "deviation": finite(counts.deviation),
        "low": finite(counts.low),
        "high": finite(counts.high),
    }


def _cells(cut: FeatureGrid, before: Counts, after: Counts, masked: bool) -> Json:
    """Return rows per cell of both sides.

    Of numbers there is one cell more than edges: below the first, between two, above the last. Of words there is one
    more than labels: all other words. Tenths of the baseline have neither.
    """
    said: Json = {"edges": None, "labels": None}
    if isinstance(before, NumericCounts) and isinstance(after, NumericCounts):
        if masked:
            return said | {
                "baseline": list(coarse_counts(before, cut)[:-1]),
                "window": list(coarse_counts(after, cut)[:-1]),
            }
        assert isinstance(cut, NumericGrid)  # `compare` has refused what does not go together
        return said | {"edges": list(cut.edges), "baseline": list(before.bins), "window": list(after.bins)}
    assert isinstance(cut, CategoricalGrid)
    assert isinstance(before, CategoricalCounts)
    assert isinstance(after, CategoricalCounts)
    return said | {
        "labels": list(cut.levels),
        "baseline": [*before.levels, before.other],
        "window": [*after.levels, after.other],
    }
