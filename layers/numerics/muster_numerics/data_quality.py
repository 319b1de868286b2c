"""What is wrong with the data themselves: columns that are not there, or not of their type."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from muster_numerics.baseline import Baseline, Profile
from muster_numerics.counts import Counts, NumericCounts
from muster_numerics.sketch import State
from muster_numerics.special import two_sample_exact

QualityKind = Literal["missing_column", "extra_column", "data_type"]


@dataclass(frozen=True)
class QualityFinding:
    """Something wrong with a column's data.

    Attributes
    ----------
    kind
        As Model Monitor names its checks, without "_check".
    column
        The column's name.
    rows, share
        How many rows of the window are concerned.
    breach
        Whether the data are broken; an extra column alone breaks nothing.
    text
        In words.
    """

    kind: QualityKind
    column: str
    rows: int
    share: float
    breach: bool
    text: str


def quality_findings(window: State, baseline: Baseline, limit: float, alpha: float) -> tuple[QualityFinding, ...]:
    """Check columns and types.

    Parameters
    ----------
    window, baseline
        What is checked, and against what.
    limit
        Share of rows from which a wrong type or a missing column is a breach.
    alpha
        Chance of a false alarm over all columns, for wrong types: a baseline may have some itself.
    """
    return tuple(_columns(window, limit)) + tuple(
        found
        for name, profile in baseline.columns.items()
        for found in _types(name, profile, window.columns[name], limit, alpha / len(baseline.columns))
    )


def _columns(window: State, limit: float) -> Iterator[QualityFinding]:
    for name, rows in window.absent.items():
        share = rows / window.rows
        text = f"{name}: the column is missing from {share:.1%} of the rows"
        yield QualityFinding("missing_column", name, rows, share, share >= limit, text)
    for name, rows in window.extra.items():
        share = rows / window.rows
        text = f"{name}: {share:.1%} of the rows have this column, the baseline does not"
        yield QualityFinding("extra_column", name, rows, share, breach=False, text=text)


def _types(name: str, profile: Profile, after: Counts, limit: float, alpha: float) -> Iterator[QualityFinding]:
    before = profile.counts
    if not isinstance(before, NumericCounts) or not isinstance(after, NumericCounts) or not after.rows:
        return
    wrong = {
        "no number": (before.unparsed, after.unparsed),
        "infinite": (before.infinite, after.infinite),
        "not whole, as all of the baseline are": (before.fractional, after.fractional),
    }
    for what, (earlier, now) in wrong.items():
        share, usual = now / after.rows, earlier / max(1, before.rows)
        if share - usual >= limit and two_sample_exact(now, after.rows, earlier, before.rows) <= alpha:
            text = f"{name}: {share:.1%} of the values are {what} ({usual:.1%} in the baseline)"
            yield QualityFinding("data_type", name, now, share, breach=True, text=text)
