"""One column of a window against the baseline: what was tested, with which p-value, and how large the difference is."""

from dataclasses import dataclass

from muster_numerics.baseline import Profile
from muster_numerics.blocks import LongRun, coarse_counts, long_run
from muster_numerics.counts import CategoricalCounts, Counts, NumericCounts
from muster_numerics.distribution import anderson_darling_p, chi_square_p, long_run_p, width_p
from muster_numerics.effects import Effects, effects
from muster_numerics.findings import ANDERSON_DARLING, CHI_SQUARE, DISTRIBUTION, MISSING, WIDTH, Finding, Gate
from muster_numerics.grid import CategoricalGrid, NumericGrid, Role
from muster_numerics.special import two_sample_exact
from muster_numerics.words import WordTests

FINDINGS_KEPT = 5
"""Findings that are kept although their difference does not matter."""


@dataclass(frozen=True)
class Comparison:
    """A column of a window against the baseline.

    Attributes
    ----------
    name, role
        The column.
    p
        The smallest of its findings.
    findings
        By rising p-value.
    effects
        The size of the difference.
    block_rows
        Length of the blocks whose variation was allowed for; None if rows were taken for independent.
    """

    name: str
    role: Role
    p: float
    findings: tuple[Finding, ...]
    effects: Effects
    block_rows: float | None = None


def compare(name: str, profile: Profile, after: Counts, gate: Gate) -> Comparison:
    """Compare a column of a window with the baseline.

    Raises
    ------
    ValueError
        If the window was counted on another grid.
    """
    before, cut = profile.counts, profile.grid
    bins = long_run(profile.blocks, after.present, "bins")
    gaps = long_run(profile.blocks, after.rows, "missing")
    findings = [_missing(before, after, gate, gaps)]
    if type(before) is not type(after) or _cells(before) != _cells(after):
        raise ValueError(f"{name}: the window was not counted on this baseline's grid: observe it again")
    if isinstance(cut, NumericGrid) and isinstance(before, NumericCounts) and isinstance(after, NumericCounts):
        sizes = effects(before, after, cut)
        large = sizes.ks >= gate.ks or abs(sizes.width or 0.0) >= gate.width
        findings.append(_numbers(cut, before, after, bins, material=large, greatest=sizes.ks))
    elif (
        isinstance(cut, CategoricalGrid)
        and isinstance(before, CategoricalCounts)
        and isinstance(after, CategoricalCounts)
    ):
        sizes = effects(before, after, cut)
        findings += WordTests(cut, before, after, gate, bins).findings()
    else:
        raise ValueError(f"{name}: grid and counts of the baseline differ in kind")  # noqa: TRY004  a file's fault
    findings.sort(key=lambda finding: finding.p)
    kept = (found for rank, found in enumerate(findings) if rank < FINDINGS_KEPT or found.material)
    known = bins or gaps
    return Comparison(name, cut.role, findings[0].p, tuple(kept), sizes, known.block_rows if known else None)


def _cells(counts: Counts) -> int:
    return len(counts.bins if isinstance(counts, NumericCounts) else counts.levels)


def _missing(before: Counts, after: Counts, gate: Gate, long: LongRun | None) -> Finding:
    p = two_sample_exact(after.missing, after.rows, before.missing, before.rows)
    shares = tuple(counts.missing / counts.rows if counts.rows else 0.0 for counts in (before, after))
    if long and after.rows:
        p = max(p, long.share_p(0, shares[0], shares[1], 1 / (1 / before.rows + 1 / after.rows)))
    return Finding("missing", min(1.0, MISSING * p), abs(shares[1] - shares[0]) >= gate.missing, shares[0], shares[1])


def _numbers(
    cut: NumericGrid,
    before: NumericCounts,
    after: NumericCounts,
    long: LongRun | None,
    *,
    material: bool,
    greatest: float,
) -> Finding:
    coarse = coarse_counts(before, cut)[:-1], coarse_counts(after, cut)[:-1]
    tests = (
        (ANDERSON_DARLING, anderson_darling_p(before.bins, after.bins), "ordered"),
        (WIDTH, width_p(before.bins, after.bins)[0], "width"),
        (CHI_SQUARE, chi_square_p(*coarse, ordered=True), "ordered"),
    )
    slow = {form: long_run_p(*coarse, long, form) if long else 0.0 for form in ("ordered", "width")}
    p = min(part * max(p, slow[form]) for part, p, form in tests)
    return Finding("distribution", min(1.0, DISTRIBUTION * p), material, 0.0, greatest)
