"""When a model in production is worse than it was registered. Pure rules over figures with intervals.

*Which answers.* Those of the stretch that ends the spec's delay before the monitoring window does, and that the model
gave itself: nothing from before it came to serve. Stretches of successive windows overlap, so a label that comes late
counts in every later run whose stretch still holds its answer.

*What is compared.* The spec's primary metric and the metrics of its gates, with their registered values on the reference
holdout. A metric is worse when its live interval lies wholly on the wrong side of its registered interval: the
favourable end of the one does not reach the unfavourable end of the other.

*How sure.* The intervals of m metrics, live and registered, are of confidence 1 - 2 x 1 % / m (Bonferroni; Holm's
procedure decides at the same bound whether there is any worse metric at all), or of the spec's own confidence where that
is higher. So a model that is as good as registered is called worse in at most 1 % of runs: that many if holdout or window
is so large that its figure is exact, and where both are of a size about a tenth of it, since each interval has its width
(tests/numerics/test_quality_alarms.py). Bounds on bias are a second family of tests, with 1 % of their own. Both assume
rows that are independent of each other; successive stretches share most of theirs, and with them a false alarm.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import NormalDist
from typing import Literal, Protocol, TypeVar

from muster import digests
from muster.contracts.evaluation import EvaluationReport
from muster.contracts.monitoring import Window
from muster.contracts.quality import Figure, FilesRead, Joined, Judged, LiveBias, QualityReport, Registered, Status
from muster.contracts.spec import BiasGroup, ModelSpec
from muster.contracts.spec_monitoring import QualitySpec
from muster.contracts.spec_terms import LOWER_IS_BETTER, Metric

FALSE_ALARMS = 0.01
"""Share of runs, at most, in which a model that is as good as registered is called worse."""


class Pinned(Protocol):
    """A pinned file: of captures or of labels."""

    @property
    def uri(self) -> str: ...  # noqa: D102
    @property
    def version_id(self) -> str: ...  # noqa: D102
    @property
    def bytes(self) -> int: ...  # noqa: D102


PinnedT = TypeVar("PinnedT", bound=Pinned)


@dataclass(frozen=True)
class Sources:
    """What a report rests on; all None while no answer is old enough."""

    window: Window | None = None
    captured: FilesRead | None = None
    labelled: FilesRead | None = None


# -- which answers -----------------------------------------------------------------------------------------------------
def stretch(window_end: datetime, spec: QualitySpec, serves_since: datetime) -> Window | None:
    """Return the stretch of time whose answers are judged; None while the model serves for less than the delay."""
    end = window_end - timedelta(hours=spec.delay_hours)
    start = max(end - timedelta(hours=spec.window_hours), serves_since)
    return Window(start=start, end=end) if start < end else None


def chosen(files: Collection[PinnedT], most_bytes: int) -> list[PinnedT]:
    """Return files of at most so many bytes together, in the order of their keys; at least one, if there is any.

    Of more, those with the smallest sha256 of their URI: a sample that does not depend on what is in them, and the same
    on every try.
    """
    room = most_bytes
    found: list[PinnedT] = []
    for each in sorted(files, key=lambda one: digests.sha256(one.uri.encode())):
        if found and each.bytes > room:
            break
        found.append(each)
        room -= each.bytes
    return sorted(found, key=lambda one: one.uri)


def files_read(read: Sequence[Pinned], there: Collection[Pinned]) -> FilesRead:
    """Return what a report says of the files that it rests on."""
    listed = [[each.uri, each.version_id] for each in read]
    size, digest = sum(each.bytes for each in read), digests.sha256(digests.canonical(listed))
    return FilesRead(read=len(read), there=len(there), bytes=size, digest=digest)


# -- metrics -----------------------------------------------------------------------------------------------------------
def judged_metrics(spec: ModelSpec) -> tuple[Metric, ...]:
    """Return what is judged: the primary metric, then those of the gates."""
    return tuple(dict.fromkeys([spec.evaluation.primary_metric, *(gate.metric for gate in spec.evaluation.gates)]))


def judged_confidence(tests: int, at_least: float) -> float:
    """Return the two-sided confidence of each of some intervals, of which a test looks at one end."""
    return max(1 - 2 * FALSE_ALARMS / max(tests, 1), at_least)


def registered(report: EvaluationReport, metric: Metric, confidence: float) -> Registered | None:
    """Return a metric of the candidate on the reference holdout; None where it was not defined.

    Its interval is widened from the report's confidence to `confidence`, as a normal interval would be, each side by
    itself, and kept within what the metric can be.
    """
    found = report.candidate["reference"].overall.get(metric) if "reference" in report.candidate else None
    if found is None or found.value is None or found.low is None or found.high is None:
        return None
    if not all(map(math.isfinite, (found.value, found.low, found.high))):
        return None
    wider = max(_z(confidence) / _z(report.confidence), 1.0)
    low, high = found.value - wider * (found.value - found.low), found.value + wider * (found.high - found.value)
    if metric in LOWER_IS_BETTER:
        low = max(low, 0.0)
    else:
        high = min(high, 1.0)
    return Registered(value=found.value, low=low, high=high)


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


def compare(metric: Metric, live: Figure, before: Registered | None) -> Judged:
    """Return whether a metric is worse than registered."""

    def judged(verdict: Literal["fine", "worse", "not_judged"], reason: str) -> Judged:
        return Judged(
            name=metric,
            value=live.value,
            low=live.low,
            high=live.high,
            registered=before,
            verdict=verdict,
            reason=reason,
        )

    if live.value is None or live.low is None or live.high is None:
        return judged("not_judged", f"{metric} is not defined: {live.reason or 'no figure'}")
    if before is None:
        return judged("not_judged", f"{metric} has no registered value with an interval")
    worse = live.low > before.high if metric in LOWER_IS_BETTER else live.high < before.low
    words = f"{metric} {_spelled(live.value, live.low, live.high)}"
    beside = f"registered {_spelled(before.value, before.low, before.high)}"
    if worse:
        return judged("worse", f"{words}: worse than {beside}")
    return judged("fine", f"{words}: not shown to be worse than {beside}")


# -- bias --------------------------------------------------------------------------------------------------------------
def bounded(group: BiasGroup | None, measure: str, metric: str | None) -> float | None:
    """Return the spec's bound on a difference, if it is one on the same figure: a recall is a true-positive rate."""
    if group is None:
        return None
    same = (measure == "true_positive_rate" and group.metric == "recall") or metric == group.metric
    return group.max_difference if same else None


def beyond(found: LiveBias) -> LiveBias:
    """Return a difference with its verdict: beyond its bound when its whole interval is."""
    if found.value is None or found.low is None or found.high is None:
        return found
    text = f"{_named(found)}: difference {_spelled(found.value, found.low, found.high)}"
    if found.limit is None:
        return found.model_copy(update={"reason": f"{text}; the spec sets no bound on it"})
    over = found.low > found.limit or found.high < -found.limit
    verdict = "beyond" if over else "fine"
    words = "beyond" if over else "not shown to be beyond"
    return found.model_copy(update={"verdict": verdict, "reason": f"{text}: {words} {found.limit:g}"})


def _named(found: LiveBias) -> str:
    figure = found.metric or found.measure.replace("_", " ")
    return f"{figure} of {found.column}={found.group} against the rest"


# -- the verdict -------------------------------------------------------------------------------------------------------
def unmeasured(
    spec: ModelSpec,
    status: Status,
    reason: str,
    *,
    bias: tuple[LiveBias, ...] = (),
    joined: Joined | None = None,
    sources: Sources | None = None,
) -> QualityReport:
    """Return the report that there are no figures, and why."""
    found = sources or Sources()
    return QualityReport(
        status=status,
        reason=reason,
        reasons=(reason,),
        window=found.window,
        rows=0,
        files_read=found.captured.read if found.captured else 0,
        files=found.captured.there if found.captured else 0,
        captured=found.captured,
        labelled=found.labelled,
        joined=joined or Joined(),
        confidence=spec.monitoring.quality.confidence,
        judged_confidence=judged_confidence(len(judged_metrics(spec)), spec.monitoring.quality.confidence),
        bias=bias,
    )


def conclude(metrics: Sequence[Judged], bias: Iterable[LiveBias], rows: int) -> tuple[Status, tuple[str, ...]]:
    """Return what the figures say together, with the decisive reasons first."""
    against = [each.reason for each in metrics if each.verdict == "worse"]
    over = [each.reason for each in bias if each.verdict == "beyond"]
    judged = [each.reason for each in metrics if each.verdict == "fine"]
    unjudged = [each.reason for each in metrics if each.verdict == "not_judged"]
    if against or over:
        return "regressed", (*against, *over, *unjudged, *judged)
    if not judged:
        return "insufficient", (f"none of the spec's metrics can be judged on {rows} rows", *unjudged)
    return "measured", (*unjudged, *judged)


def regressions(metrics: Iterable[Judged], bias: Iterable[LiveBias]) -> tuple[str, ...]:
    """Return the names of what has regressed; groups are not named."""
    worse = [each.name for each in metrics if each.verdict == "worse"]
    over = [f"{each.metric or each.measure} of {each.column}" for each in bias if each.verdict == "beyond"]
    return tuple(dict.fromkeys([*worse, *over]))


def poisoned(what: str, poison: Mapping[str, int], records: int, most_share: float) -> str | None:
    """Return why nothing can be concluded: more records than the spec's share were unreadable; None if not so."""
    bad = sum(poison.values())
    share = bad / max(bad + records, 1)
    if share <= most_share:
        return None
    return (
        f"{bad} of {bad + records} {what} cannot be read, {share:.1%}: more than {most_share:.1%}, so nothing is judged"
    )


def _spelled(value: float, low: float, high: float) -> str:
    return f"{value:.4g} ({low:.4g} to {high:.4g})"
