"""The verdict over a window: which columns moved, how sure that is, and whether it matters.

Holm's step-down procedure (Holm 1979, Scandinavian Journal of Statistics 6:65) keeps the chance of any false alarm in a
run at 1 %, over all columns together, and an effect gate keeps what is significant but small from alarming. The warning
list holds what the Benjamini-Hochberg procedure (1995, JRSS B 57:289) finds at 5 %: some of it will be false.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from muster_numerics.baseline import Baseline
from muster_numerics.comparison import Comparison, compare
from muster_numerics.data_quality import QualityFinding, quality_findings
from muster_numerics.findings import Finding, Gate
from muster_numerics.sketch import State
from muster_numerics.wording import in_words

Verdict = Literal["none", "warn", "drift", "insufficient", "inconclusive"]
ColumnVerdict = Literal["none", "warn", "drift"]


@dataclass(frozen=True)
class Rules:
    """When a window drifts.

    Attributes
    ----------
    false_alarms
        Chance of any false alarm in a run over a window without drift.
    false_warnings
        Share of false ones among the warnings.
    prediction_share
        Part of ``false_alarms`` that is kept for the predictions, if the baseline has any.
    minimum_rows
        Rows below which nothing is decided.
    poison_limit
        Share of unreadable records above which nothing is concluded.
    type_limit
        Share of rows of the wrong type, or without the column, from which the data are broken.
    gate
        How large a difference must be to matter.
    """

    false_alarms: float = 0.01
    false_warnings: float = 0.05
    prediction_share: float = 0.2
    minimum_rows: int = 200
    poison_limit: float = 0.05
    type_limit: float = 0.01
    gate: Gate = field(default_factory=Gate)


@dataclass(frozen=True)
class ColumnResult:
    """What was decided of one column.

    Attributes
    ----------
    verdict
        "drift" if a finding is sure and large; "warn" if it is only likely, or sure and too small to matter.
    adjusted
        The p-value after Holm: below ``false_alarms`` of the column's role means sure.
    comparison
        The tests.
    reasons
        In words; empty unless something was found.
    """

    verdict: ColumnVerdict
    adjusted: float
    comparison: Comparison
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """The verdict over a window.

    Attributes
    ----------
    verdict
        "none", "warn", "drift"; "insufficient" with too few rows, "inconclusive" with too many unreadable records.
    reasons
        In words, the most important first.
    columns
        What was decided of each column, in the order of the baseline; empty when nothing was decided.
    quality
        What is wrong with the data themselves.
    assumptions
        In words: what the p-values rest on.
    rows, poison
        Of the window.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    columns: Mapping[str, ColumnResult]
    quality: tuple[QualityFinding, ...]
    assumptions: tuple[str, ...]
    rows: int
    poison: int

    @property
    def breach(self) -> bool:
        """Whether the data are broken, which confirms drift at once."""
        return any(found.breach for found in self.quality)


def decide(window: State, baseline: Baseline, rules: Rules | None = None) -> Decision:
    """Decide whether a window differs from the baseline.

    Parameters
    ----------
    window
        The window, counted on the baseline's grid.
    baseline
        What it is compared with.
    rules
        The bounds; the defaults if None.
    """
    rules = rules or Rules()
    undecided = _undecided(window, rules)
    if undecided:
        return Decision(*undecided, {}, (), (), window.rows, window.poison)
    quality = quality_findings(window, baseline, rules.type_limit, rules.false_alarms)
    gone = {found.column for found in quality if found.kind == "missing_column" and found.breach}
    compared = {
        name: compare(name, profile, window.columns[name], rules.gate)
        for name, profile in baseline.columns.items()
        if name not in gone
    }
    columns = judge(compared, rules)
    verdict, reasons = _overall(columns, quality)
    return Decision(
        verdict,
        reasons or (f"no column differs: {window.rows:,} rows, {len(columns)} columns compared",),
        columns,
        quality,
        assumptions(compared),
        window.rows,
        window.poison,
    )


def _overall(
    columns: Mapping[str, ColumnResult], quality: Sequence[QualityFinding]
) -> tuple[ColumnVerdict, tuple[str, ...]]:
    """Return the gravest verdict, and the reasons by falling gravity."""
    reasons = [found.text for found in quality if found.breach]
    overall: ColumnVerdict = "drift" if reasons else "none"
    grades: tuple[ColumnVerdict, ...] = ("drift", "warn")
    for grade in grades:
        of_grade = [column for column in columns.values() if column.verdict == grade]
        reasons += [reason for column in of_grade for reason in column.reasons]
        if of_grade and overall == "none":
            overall = grade
    return overall, tuple(reasons)


def _undecided(window: State, rules: Rules) -> tuple[Verdict, tuple[str, ...]] | None:
    records = window.rows + window.poison
    if records < rules.minimum_rows:
        return "insufficient", (f"{records:,} rows, {rules.minimum_rows:,} are needed: take a longer window",)
    if window.poison > rules.poison_limit * records:
        share = f"{window.poison / records:.1%} of {records:,} records cannot be read"
        return "inconclusive", (f"{share}, at most {rules.poison_limit:.1%} may be: see the quarantine",)
    if window.rows < rules.minimum_rows:
        return "insufficient", (f"{window.rows:,} readable rows, {rules.minimum_rows:,} are needed",)
    return None


def judge(compared: Mapping[str, Comparison], rules: Rules) -> dict[str, ColumnResult]:
    """Give each column its verdict: Holm among the features and among the predictions, warnings over all together."""
    predictions = [name for name, comparison in compared.items() if comparison.role == "prediction"]
    features = [name for name in compared if name not in predictions]
    share = rules.prediction_share if predictions and features else float(bool(predictions))
    warned = benjamini_hochberg({name: comparison.p for name, comparison in compared.items()}, rules.false_warnings)
    results = {}
    for names, alpha in ((features, rules.false_alarms * (1 - share)), (predictions, rules.false_alarms * share)):
        factors = holm({name: compared[name].p for name in names})
        for name in names:
            factor, floor = factors[name]
            results[name] = _column(compared[name], factor, floor, alpha, warned=name in warned)
    return {name: results[name] for name in compared}


def _column(comparison: Comparison, factor: int, floor: float, alpha: float, *, warned: bool) -> ColumnResult:
    def adjusted(finding: Finding) -> float:
        return min(1.0, max(floor, finding.p * factor))

    sure = [finding for finding in comparison.findings if adjusted(finding) <= alpha]
    large = [finding for finding in sure if finding.material]
    if large:
        verdict: ColumnVerdict = "drift"
    else:
        verdict = "warn" if sure or warned else "none"
    told = large or sure or (comparison.findings[:1] if warned else ())
    reasons = tuple(in_words(comparison, finding, adjusted(finding), alpha) for finding in told)
    return ColumnResult(verdict, adjusted(comparison.findings[0]), comparison, reasons)


def holm(p_values: Mapping[str, float]) -> dict[str, tuple[int, float]]:
    """Return, by name, what Holm multiplies a p-value by, and the largest adjusted p-value of a smaller one."""
    floor, found = 0.0, {}
    for rank, name in enumerate(sorted(p_values, key=lambda name: (p_values[name], name))):
        factor = len(p_values) - rank
        found[name] = (factor, floor)
        floor = max(floor, min(1.0, factor * p_values[name]))
    return found


def benjamini_hochberg(p_values: Mapping[str, float], rate: float) -> set[str]:
    """Return the names whose p-values the procedure rejects at this false discovery rate."""
    ordered = sorted(p_values, key=lambda name: (p_values[name], name))
    passing = [
        rank for rank, name in enumerate(ordered, start=1) if p_values[name] <= rate * rank / max(1, len(ordered))
    ]
    return set(ordered[: max(passing, default=0)])


def assumptions(compared: Mapping[str, Comparison]) -> tuple[str, ...]:
    """Say what the p-values rest on."""
    assumed = sorted(name for name, comparison in compared.items() if comparison.block_rows is None)
    lengths = sorted({round(c.block_rows) for c in compared.values() if c.block_rows is not None})
    said = []
    if lengths:
        span = f"{lengths[0]:,}" if len(lengths) == 1 else f"{lengths[0]:,} to {lengths[-1]:,}"
        said.append(f"correlation in time is allowed for as the baseline's stretches of {span} rows show it")
    if assumed and not lengths:
        said.append("independence of rows is assumed: the baseline is not in the order of time, or too short")
    elif assumed:
        said.append(f"independence of rows is assumed for {_named(assumed)}")
    return tuple(said)


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def decision_to_json(decision: Decision) -> dict[str, Any]:
    """Return the decision as a dictionary of JSON types."""
    return asdict(decision) | {"breach": decision.breach}
