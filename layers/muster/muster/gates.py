"""The judgement of a candidate: gates, then not worse than the champion, then better than the champion.

1. *Gates* on every holdout: each metric overall and per slice, and the difference between bias groups, judged on the
   unfavourable end of the confidence interval.
2. *Not inferior* on the reference holdout, overall and per slice: the low end of the paired difference is above minus
   the margin.
3. *Better* on the recent holdout: a one-sided paired test on the primary metric.

Without a champion the gates decide alone. A fault in the report (a metric missing, NaN, rows that were trained on) is
an error and never a verdict.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from muster.contracts.evaluation import (
    BiasReport,
    Difference,
    Estimate,
    EvaluationReport,
    HoldoutComparison,
    HoldoutKind,
    HoldoutMetrics,
    PrimaryScore,
    Verdict,
)
from muster.contracts.policy import Policy
from muster.contracts.spec import BiasGroup, Gate, ModelSpec, SliceGates
from muster.contracts.spec_terms import LOWER_IS_BETTER
from muster.errors import HoldoutMissing, HoldoutOverlap, ReportInvalid

_KINDS: tuple[HoldoutKind, ...] = ("reference", "recent")


@dataclass
class _Findings:
    """Sentences by what they say for the candidate."""

    against: list[str] = field(default_factory=list)
    unjudged: list[str] = field(default_factory=list)
    in_favour: list[str] = field(default_factory=list)

    def add(self, good: bool, sentence: str) -> None:
        (self.in_favour if good else self.against).append(sentence)

    @property
    def reasons(self) -> tuple[str, ...]:
        return (*self.against, *self.unjudged, *self.in_favour)


def judge(report: EvaluationReport, spec: ModelSpec, policy: Policy, champion_present: bool) -> Verdict:
    """Conclude from an evaluation report whether the candidate may be registered.

    Parameters
    ----------
    report
        What jobs/evaluate.py measured.
    spec, policy
        The bar. The spec has been checked against the floor at publication.
    champion_present
        Whether a model serves: then the candidate has to earn its place.

    Returns
    -------
    Verdict
        ``passed``; ``failed_gate``; or ``kept_champion`` when the gates are met but the champion stays. The decisive
        reasons come first, what was not judged next, what was met last.

    Raises
    ------
    HoldoutMissing
        No reference holdout; or a champion serves and there is no recent one.
    HoldoutOverlap
        Rows of a holdout are in the training snapshot.
    ReportInvalid
        The report is about something else, lacks a figure that is needed, or contradicts itself.
    """
    _check_what_was_measured(report, spec, champion_present)
    gates = _Findings()
    for kind in _KINDS:
        if kind in report.candidate:
            _judge_gates(kind, report.candidate[kind], spec, policy, gates)
    if gates.against:
        return Verdict(verdict="failed_gate", reasons=gates.reasons)
    if not champion_present:
        gates.in_favour.append("no champion serves: the gates decide alone")
        return Verdict(verdict="passed", reasons=gates.reasons)
    rivalry = _Findings()
    _judge_not_inferior(report, spec, policy, rivalry)
    _judge_better(report, spec, rivalry)
    unjudged = list(dict.fromkeys(rivalry.unjudged + gates.unjudged))  # a small slice is noted by both
    reasons = (*rivalry.against, *unjudged, *rivalry.in_favour, *gates.in_favour)
    return Verdict(verdict="kept_champion" if rivalry.against else "passed", reasons=reasons)


def primary_score(report: EvaluationReport) -> PrimaryScore:
    """Return the primary metric of candidate and champion on the holdout that decides."""
    kind: HoldoutKind = "recent" if report.champion is not None and "recent" in report.candidate else "reference"
    metric = report.primary_metric
    candidate = _figure(f"{kind}: {metric}", report.candidate[kind].overall.get(metric), "value")
    champion = None
    if report.champion is not None and kind in report.champion:
        champion = _figure(f"{kind}: champion's {metric}", report.champion[kind].overall.get(metric), "value")
    return PrimaryScore(metric=metric, candidate=candidate, champion=champion)


# -- is it the right report? -------------------------------------------------------------------------------------------
def _check_what_was_measured(report: EvaluationReport, spec: ModelSpec, champion_present: bool) -> None:
    for name, found, wanted in (
        ("problem_type", report.problem_type, spec.problem_type),
        ("primary_metric", report.primary_metric, spec.evaluation.primary_metric),
        ("confidence", report.confidence, spec.evaluation.confidence),
    ):
        if found != wanted:
            raise ReportInvalid(f"evaluation.json: {name}: found {found}, wanted {wanted} as in the spec")
    _check_holdouts(report, spec, champion_present)
    if champion_present and (report.champion is None or report.comparison is None):
        raise ReportInvalid("evaluation.json: found no comparison with the champion, wanted one: a champion serves")
    if not champion_present and report.comparison is not None:
        raise ReportInvalid("evaluation.json: found a comparison with a champion, wanted none: no champion serves")


def _check_holdouts(report: EvaluationReport, spec: ModelSpec, champion_present: bool) -> None:
    needed = _KINDS if champion_present else ("reference",)
    for kind in needed:
        if kind not in report.holdouts:
            why = "a champion serves, and a candidate has to be better on recent rows" if kind == "recent" else "always"
            raise HoldoutMissing(
                f"{spec.name}: found no {kind} holdout, wanted one ({why}): "
                f"put it with `muster data put --holdout {kind}` and start again"
            )
    for kind, facts in report.holdouts.items():
        if kind not in report.candidate:
            raise ReportInvalid(f"evaluation.json: candidate: found no figures on the {kind} holdout, wanted them")
        if facts.overlap_rows:
            raise HoldoutOverlap(
                f"{spec.name}: found {facts.overlap_rows} of {facts.rows} rows of the {kind} holdout in the training "
                "snapshot, wanted none: take them out of the training data, or put another holdout"
            )


# -- gates -------------------------------------------------------------------------------------------------------------
def _judge_gates(
    kind: HoldoutKind, metrics: HoldoutMetrics, spec: ModelSpec, policy: Policy, findings: _Findings
) -> None:
    confidence = spec.evaluation.confidence
    for gate in spec.evaluation.gates:
        findings.add(*_meets(f"{kind}", gate, metrics.overall.get(gate.metric), confidence))
    for sliced in spec.evaluation.slices:
        for name in _judged_slices(kind, metrics, sliced, policy, findings):
            for gate in sliced.gates:
                estimate = metrics.slices[name].metrics.get(gate.metric)
                findings.add(*_meets(f"{kind}, slice {name}", gate, estimate, confidence))
    for group in spec.evaluation.bias_groups:
        _judge_bias(kind, metrics.bias.get(group.column), group, policy, findings)


def _meets(where: str, gate: Gate, estimate: Estimate | None, confidence: float) -> tuple[bool, str]:
    """Return whether a gate is met, and the sentence that says so."""
    what = f"{where}: {gate.metric}"
    lower_is_better = gate.metric in LOWER_IS_BETTER
    bound = gate.max if lower_is_better else gate.min
    if bound is None:
        raise ReportInvalid(f"{what}: the gate has no bound")
    value = _figure(what, estimate, "value")
    if gate.bound == "value":
        judged, words = value, f"{what} {_text(value, bound)}"
    else:
        end = "high" if lower_is_better else "low"
        judged = _figure(what, estimate, end)
        words = f"{what} {_text(value, bound)}, {end} end of its {_percent(confidence)} interval {_text(judged, bound)}"
    good = judged <= bound if lower_is_better else judged >= bound
    wanted = f"at {'most' if lower_is_better else 'least'} {_text(bound, bound)}"
    return good, f"{words}: {'meets' if good else 'misses'} {wanted}"


def _judged_slices(
    kind: HoldoutKind, metrics: HoldoutMetrics, sliced: SliceGates, policy: Policy, findings: _Findings
) -> Iterator[str]:
    """Yield the slices of a column that have enough rows; note the others."""
    names = sorted(name for name in metrics.slices if name.startswith(f"{sliced.column}="))
    if not names:
        raise ReportInvalid(f"evaluation.json: {kind}: found no slice of column {sliced.column}, wanted one per value")
    wanted = max(sliced.min_rows, policy.evaluation.min_rows)
    for name in names:
        rows = metrics.slices[name].rows
        if rows >= wanted:
            yield name
        else:
            _note_small(f"{kind}, slice {name}: not judged: {rows} rows, {wanted} wanted", policy, findings)


def _note_small(sentence: str, policy: Policy, findings: _Findings) -> None:
    if policy.evaluation.small_groups == "fail":
        findings.against.append(f"{sentence}; policy.yaml fails a candidate for it")
    else:
        findings.unjudged.append(sentence)


def _judge_bias(
    kind: HoldoutKind, report: BiasReport | None, group: BiasGroup, policy: Policy, findings: _Findings
) -> None:
    what = f"{kind}, {group.metric} between groups of {group.column}"
    if report is None:
        raise ReportInvalid(f"evaluation.json: {what}: found nothing, wanted the difference")
    if report.metric != group.metric:
        raise ReportInvalid(f"evaluation.json: {what}: found {report.metric}, wanted {group.metric}")
    wanted = max(group.min_rows, policy.evaluation.min_rows)
    judged = [name for name, each in sorted(report.groups.items()) if each.rows >= wanted]
    for name, each in sorted(report.groups.items()):
        if name not in judged:
            small = f"{kind}, group {group.column}={name}: not judged: {each.rows} rows, {wanted} wanted"
            _note_small(small, policy, findings)
    if len(judged) < 2:
        return
    difference = _figure(what, report.difference, "value")
    high = _figure(what, report.difference, "high")
    limit = group.max_difference
    good = high <= limit
    findings.add(
        good,
        f"{what}: difference {_text(difference, limit)}, high end of its interval {_text(high, limit)}: "
        f"{'meets' if good else 'misses'} at most {_text(limit, limit)}",
    )


# -- against the champion ----------------------------------------------------------------------------------------------
def _comparison(report: EvaluationReport, kind: HoldoutKind) -> HoldoutComparison:
    found = (report.comparison or {}).get(kind)
    if found is None:
        raise ReportInvalid(f"evaluation.json: comparison: found nothing on the {kind} holdout, wanted differences")
    return found


def _judge_not_inferior(report: EvaluationReport, spec: ModelSpec, policy: Policy, findings: _Findings) -> None:
    comparison, metric = _comparison(report, "reference"), spec.evaluation.primary_metric
    places: list[tuple[str, Difference | None]] = [("reference", comparison.overall.get(metric))]
    for sliced in spec.evaluation.slices:
        judged = _judged_slices("reference", report.candidate["reference"], sliced, policy, findings)
        places.extend((f"reference, slice {name}", comparison.slices.get(name, {}).get(metric)) for name in judged)
    margin = spec.evaluation.non_inferiority_margin
    for where, difference in places:
        what = f"{where}: {metric} against the champion"
        value, low = _figure(what, difference, "difference"), _figure(what, difference, "low")
        good = low > -margin
        findings.add(
            good,
            f"{what}: difference {_signed(value, margin)}, low end of its interval {_signed(low, margin)}: "
            f"{'not worse' if good else 'may be worse'} by the margin of {_text(margin, margin)}",
        )


def _judge_better(report: EvaluationReport, spec: ModelSpec, findings: _Findings) -> None:
    metric, wanted = spec.evaluation.primary_metric, spec.evaluation.significance
    difference = _comparison(report, "recent").overall.get(metric)
    what = f"recent: {metric} against the champion"
    value, p_value = _figure(what, difference, "difference"), _figure(what, difference, "p_better")
    _check_consistent(what, difference, p_value)
    good = value > 0 and p_value < wanted
    ours, theirs = _both_scores(report)
    findings.add(
        good,
        f"{what}: {_text(ours, theirs)} against {_text(theirs, ours)}, difference {_signed(value, 0)}, one-sided "
        f"paired test p = {p_value:.3g}: {'better' if good else 'not shown to be better'} at {wanted:g}",
    )


def _both_scores(report: EvaluationReport) -> tuple[float, float]:
    score = primary_score(report)
    if score.champion is None:
        raise ReportInvalid(f"recent: champion's {score.metric}: found nothing, wanted a number")
    return score.candidate, score.champion


def _check_consistent(what: str, difference: Difference | None, p_value: float) -> None:
    """Refuse a p-value that points the other way than its interval: one of the two is not what it is called."""
    low, high = _figure(what, difference, "low"), _figure(what, difference, "high")
    if not 0 <= p_value <= 1 or (low > 0 and p_value > 0.5) or (high < 0 and p_value < 0.5):
        raise ReportInvalid(
            f"{what}: found p_better {p_value:g} with the interval {low:g} to {high:g}, wanted a p-value that agrees "
            "with it (small means better)"
        )


# -- figures -----------------------------------------------------------------------------------------------------------
def _figure(what: str, source: Estimate | Difference | None, name: str) -> float:
    """Return a figure of the report, which has to be there and finite."""
    value = getattr(source, name) if source is not None else None
    if value is None:
        raise ReportInvalid(f"{what}: {name}: found nothing, wanted a number (is the metric defined on these rows?)")
    if not math.isfinite(value):
        raise ReportInvalid(f"{what}: {name}: found {value}, wanted a finite number")
    return float(value)


def _text(value: float, beside: float) -> str:
    """Write a figure with four digits, or with all of them where four would hide a difference."""
    short = f"{value:.4g}"
    return short if short != f"{beside:.4g}" or value == beside else repr(value)


def _signed(value: float, beside: float) -> str:
    return f"{'+' if value >= 0 else '-'}{_text(abs(value), abs(beside))}"


def _percent(confidence: float) -> str:
    return f"{confidence * 100:g} %"
