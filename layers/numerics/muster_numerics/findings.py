"""Findings: what one test of one column found, and whether the difference is large enough to matter.

A column's tests share its p-value: two thirds of its budget go to its distribution, one third to its missing rows, and
each is shared among its tests. Weighted so, the smallest p-value of a column is one for the column (Bonferroni), and
many columns can be compared by it.
"""

from dataclasses import dataclass
from typing import Literal

DISTRIBUTION, MISSING = 1.5, 3.0
"""What p-values are multiplied by: the inverse of their part of the column's budget."""
ANDERSON_DARLING, WIDTH, CHI_SQUARE = 1.5, 4.0, 12.0
"""The same within the distribution of numbers: two thirds, a quarter, a twelfth, as shifts are the likeliest change."""
NEW, TOGETHER, ALONE = 2.0, 4.0, 4.0
"""The same within the distribution of words; the last is shared by all tests of single words."""


@dataclass(frozen=True)
class Gate:
    """How large a difference must be to matter, however significant it is.

    Attributes
    ----------
    ks
        Greatest difference of the cumulative shares of a numeric column.
    width
        By which share wider or narrower a numeric column is (`distribution.width_p`).
    missing
        Difference of the missing share.
    level
        Difference of a word's share, which must besides be ``level_large``, or a ratio of ``level_ratio``.
    level_large, level_ratio
        See there.
    new_level
        Share of a word, or of words, that the baseline does not have.
    """

    ks: float = 0.03
    width: float = 0.08
    missing: float = 0.01
    level: float = 0.01
    level_large: float = 0.03
    level_ratio: float = 2.0
    new_level: float = 0.002

    def level_passes(self, before: float, after: float) -> bool:
        """Return whether the change of a word's share matters."""
        if before == 0:
            return after >= self.new_level
        moved, rare = abs(after - before), min(before, after)
        large = moved >= self.level_large or max(before, after) >= self.level_ratio * rare
        return moved >= self.level and large


Kind = Literal["distribution", "level", "new_levels", "missing"]


@dataclass(frozen=True)
class Finding:
    """One test of a column.

    Attributes
    ----------
    kind
        "distribution": the shape of numbers, or the shares of words together. "level": the share of one word.
        "new_levels": the share of words that the baseline does not have. "missing": the share of rows without value.
    p
        The p-value, already multiplied for the column's tests; at most 1.
    material
        Whether the difference is large enough to matter.
    before, after
        The shares compared; of "distribution" 0 and the greatest difference of a share.
    word
        Of "level".
    """

    kind: Kind
    p: float
    material: bool
    before: float
    after: float
    word: str | None = None
