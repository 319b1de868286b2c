"""The tests of a categorical column: new words together, all words together, and each word alone.

Half of the budget goes to new words: the model never learned them, and one percent of them is to be found in a window
of 1,000 rows. The other half is shared by the chi-square test of all words and the exact tests of each.
"""

from dataclasses import dataclass, replace

from muster_numerics.blocks import LongRun, coarse_counts
from muster_numerics.counts import CategoricalCounts
from muster_numerics.distribution import chi_square_p, long_run_p
from muster_numerics.findings import ALONE, DISTRIBUTION, NEW, TOGETHER, Finding, Gate, Kind
from muster_numerics.grid import CategoricalGrid
from muster_numerics.special import excess_exact, two_sample_exact


@dataclass(frozen=True)
class WordTests:
    """A categorical column of baseline and window.

    Attributes
    ----------
    cut
        The words that are counted.
    before, after
        Their rows in the baseline and in the window.
    gate
        When a difference matters.
    long
        How much the shares vary in time; None if the rows are taken for independent.
    """

    cut: CategoricalGrid
    before: CategoricalCounts
    after: CategoricalCounts
    gate: Gate
    long: LongRun | None

    def findings(self) -> list[Finding]:
        """Run the tests; none if baseline or window has no word at all."""
        if not self.before.present or not self.after.present:
            return []
        rows = zip(self.cut.levels, self.before.levels, self.after.levels, strict=True)
        alone = [self._one(number, *case) for number, case in enumerate(rows)]
        if self.cut.complete:
            alone += [self._share("level", 0, rows, word) for word, rows in self.after.new.items()]
        new = [self._new()] if self.cut.complete else []
        material = any(found.material for found in (*new, *alone))
        greatest = max(abs(found.after - found.before) for found in (*new, *alone))
        together = Finding("distribution", self._together(), material, 0.0, greatest)
        return [
            replace(found, p=min(1.0, DISTRIBUTION * factor * found.p))
            for factor, findings in ((NEW, new), (TOGETHER, [together]), (ALONE * len(alone), alone))
            for found in findings
        ]

    def _share(self, kind: Kind, before: int, after: int, word: str | None = None) -> Finding:
        rows, other_rows = self.before.present, self.after.present
        shares = before / rows, after / other_rows
        p = two_sample_exact(after, other_rows, before, rows)
        return Finding(kind, p, self.gate.level_passes(*shares), *shares, word)

    def _one(self, number: int, word: str, before: int, after: int) -> Finding:
        found = self._share("level", before, after, word)
        if not self.long:
            return found
        cell = min(number, len(self.long.shares) - 1)  # rare words are judged by how much their sum varies
        rows = 1 / (1 / self.before.present + 1 / self.after.present)
        return replace(found, p=max(found.p, self.long.share_p(cell, found.before, found.after, rows)))

    def _new(self) -> Finding:
        """Test the words that the baseline does not have, together.

        The baseline's expectation of them is the share of its words that occurred once (Good 1953, Biometrika 40:237):
        a column of names has new ones every day. Fewer than expected are no finding. The rows are taken for independent
        even where the others are not: no block of the baseline says how new words come.
        """
        once = sum(rows == 1 for rows in self.before.levels)
        p = excess_exact(self.after.other, self.after.present, once, self.before.present)
        return replace(self._share("new_levels", once, self.after.other), p=p)

    def _together(self) -> float:
        before, after = self.before, self.after
        p = chi_square_p((*before.levels, before.other), (*after.levels, after.other), ordered=False)
        if not self.long:
            return p
        coarse = coarse_counts(before, self.cut)[:-1], coarse_counts(after, self.cut)[:-1]
        return max(p, long_run_p(*coarse, self.long, "unordered"))
