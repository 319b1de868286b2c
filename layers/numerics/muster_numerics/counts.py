"""Counts: what is left of a column after it has been observed. Adding two gives the counts of both.

All numbers of rows add up exactly, in any order and grouping. The two sums of a numeric column are floating-point and
agree to their last digits.
"""

import hashlib
import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NEW_WORDS_KEPT = 64
"""New words that are counted by name. Which ones is decided by their hash, so that any partition keeps the same."""
LONGEST_WORD = 200
"""Characters of a new word that are kept."""


@dataclass(frozen=True)
class NumericCounts:
    """A numeric column, counted on its grid.

    Attributes
    ----------
    bins
        Rows per bin, one more than the grid has edges: the first is below the baseline's range, the last above it.
    buckets
        Rows per bucket of equal width; what is out of range is in the nearest.
    missing, unparsed
        As in `muster_numerics.columns.Numeric`. All other rows are in a bin.
    infinite, fractional
        Of the rows in bins: those that are infinite; those that are not whole although the baseline's all are.
    total, squares
        Sum of the finite values' distance to the grid's centre, and of its square.
    low, high
        Least and greatest finite value; None if there is none.
    """

    bins: tuple[int, ...]
    buckets: tuple[int, ...]
    missing: int = 0
    unparsed: int = 0
    infinite: int = 0
    fractional: int = 0
    total: float = 0.0
    squares: float = 0.0
    low: float | None = None
    high: float | None = None

    @property
    def present(self) -> int:
        """Rows with a number."""
        return sum(self.bins)

    @property
    def rows(self) -> int:
        """All rows."""
        return self.present + self.missing + self.unparsed

    @property
    def deviation(self) -> float:
        """The standard deviation of the finite values; NaN without any."""
        finite = self.present - self.infinite
        if finite == 0:
            return math.nan
        return math.sqrt(max(0.0, self.squares / finite - (self.total / finite) ** 2))

    def mean(self, centre: float) -> float:
        """Return the mean of the finite values, given the grid's centre; NaN without any."""
        finite = self.present - self.infinite
        return centre + self.total / finite if finite else math.nan

    def __add__(self, other: "NumericCounts") -> "NumericCounts":
        return NumericCounts(
            bins=_sum(self.bins, other.bins),
            buckets=_sum(self.buckets, other.buckets),
            missing=self.missing + other.missing,
            unparsed=self.unparsed + other.unparsed,
            infinite=self.infinite + other.infinite,
            fractional=self.fractional + other.fractional,
            total=self.total + other.total,
            squares=self.squares + other.squares,
            low=min((v for v in (self.low, other.low) if v is not None), default=None),
            high=max((v for v in (self.high, other.high) if v is not None), default=None),
        )


@dataclass(frozen=True)
class CategoricalCounts:
    """A categorical column, counted on its grid.

    Attributes
    ----------
    levels
        Rows per word of the grid, in its order.
    other
        Rows with a word that is not in the grid.
    new
        Some of these words with their rows (`NEW_WORDS_KEPT`).
    missing
        Rows without a word.
    """

    levels: tuple[int, ...]
    other: int = 0
    new: Mapping[str, int] = field(default_factory=dict)
    missing: int = 0

    @property
    def present(self) -> int:
        """Rows with a word."""
        return sum(self.levels) + self.other

    @property
    def rows(self) -> int:
        """All rows."""
        return self.present + self.missing

    def __add__(self, other: "CategoricalCounts") -> "CategoricalCounts":
        new = dict(self.new)
        for word, rows in other.new.items():
            new[word] = new.get(word, 0) + rows
        return CategoricalCounts(
            levels=_sum(self.levels, other.levels),
            other=self.other + other.other,
            new=keep_new(new),
            missing=self.missing + other.missing,
        )


Counts = NumericCounts | CategoricalCounts


def keep_new(words: Mapping[str, int]) -> dict[str, int]:
    """Return the new words to keep.

    The words of least hash: one that is among them over all rows is among them in every part of the rows in which it
    occurs, so its count is complete however the rows were split.
    """
    kept = sorted(words, key=lambda word: (hashlib.sha256(word.encode(errors="replace")).digest(), word))
    return {word: words[word] for word in sorted(kept[:NEW_WORDS_KEPT])}


def add(one: Counts, other: Counts) -> Counts:
    """Add the counts of two parts of a column.

    Raises
    ------
    ValueError
        If they were not made on the same grid.
    """
    if isinstance(one, NumericCounts) and isinstance(other, NumericCounts):
        return one + other
    if isinstance(one, CategoricalCounts) and isinstance(other, CategoricalCounts):
        return one + other
    raise ValueError("counts: one part is numeric and the other categorical: they are not of one grid")


def _sum(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    if len(one) != len(other):
        raise ValueError(f"counts: one part has {len(one)} bins and the other {len(other)}: they are not of one grid")
    return tuple(map(operator.add, one, other))


def counts_to_json(counts: Counts) -> dict[str, Any]:
    """Return the counts as a dictionary of JSON types."""
    members = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(counts).items()}
    if isinstance(counts, NumericCounts):
        return {"kind": "numeric"} | members
    return {"kind": "categorical"} | members | {"new": dict(counts.new)}


def counts_from_json(found: Mapping[str, Any]) -> Counts:
    """Read what `counts_to_json` wrote.

    Raises
    ------
    ValueError
        If the kind is neither "numeric" nor "categorical".
    """
    members: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in found.items() if name != "kind"
    }
    if found.get("kind") == "numeric":
        return NumericCounts(**members)
    if found.get("kind") == "categorical":
        return CategoricalCounts(**members)
    raise ValueError(f"counts: kind: expected 'numeric' or 'categorical', got {found.get('kind')!r}")
