"""Findings in words, for reports and events."""

from muster_numerics.comparison import Comparison
from muster_numerics.findings import Finding

WIDTH_TO_KS = 2.0
"""A change of width alone is about five times KS; in a shift it is less than KS."""


def in_words(comparison: Comparison, finding: Finding, adjusted: float, alpha: float) -> str:
    """Say what was found of a column, how sure it is, and if it does not alarm, why."""
    said = f"{comparison.name}: {_what(comparison, finding)}; p {_short(adjusted)} over all columns"
    if adjusted > alpha:
        return f"{said}: not sure enough (at most {alpha:.2g} is)"
    return said if finding.material else f"{said}, but too small to matter"


def _what(comparison: Comparison, finding: Finding) -> str:
    change = f"{finding.before:.1%} to {finding.after:.1%}"
    if finding.kind == "missing":
        return f"missing {change}"
    if finding.kind == "level":
        return f"{finding.word!r} {change}"
    if finding.kind == "new_levels":
        return f"words that the baseline does not have {change}"
    sizes = comparison.effects
    said = f"distribution moved by {sizes.ks:.3f} (KS), PSI {sizes.psi:.2f}"
    if sizes.width is None or abs(sizes.width) <= WIDTH_TO_KS * sizes.ks:
        return said
    return f"{said}, {'wider' if sizes.width > 0 else 'narrower'} by {abs(sizes.width):.0%}"


def _short(p: float) -> str:
    return "< 1e-12" if p < 1e-12 else f"= {p:.2g}"
