"""Nightly evaluation: is what answers in production as good as what was registered? Pure rules.

*What is asked.* The frozen holdouts that the registered evaluation measured, in requests of a few rows, no faster than
the spec says, in turns that a function has time for.

*What is compared.* The spec's primary metric and those of its gates (`quality.judged_metrics`), on each holdout. The rows
are the same as then, so where the registered predictions are at hand both are compared row by row: a metric is worse when
the whole interval of the paired difference is on the wrong side of zero, and the loss is more than rounding. Where they
are not, a metric is worse when tonight's interval does not reach the registered one. A model answers the same rows alike
every night: no chance is in it, so as long as the registered model serves nothing is ever called worse.
"""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from muster.contracts.evaluation import Difference as PairedDifference
from muster.contracts.evaluation import Estimate, EvaluationReport, HoldoutKind
from muster.contracts.nightly import (
    Answers,
    AnswersDifference,
    Asked,
    AskedHoldout,
    Interval,
    Judgement,
    NightFigure,
    Nightly,
    NightlyFigure,
    NightlyRecord,
    Outcome,
)
from muster.contracts.spec import ModelSpec
from muster.contracts.spec_monitoring import NightlySpec
from muster.contracts.spec_terms import LOWER_IS_BETTER, Metric, ProblemType
from muster.errors import ContractError, DataRefused
from muster.quality import judged_metrics

TURN_SECONDS = 300
"""A turn starts no request later: with one that hangs to the end of its tries it stays below a function's 900 s."""
TURNS = 12
"""Most turns of a night."""
PAUSES = (1.0, 4.0, 15.0)
"""Seconds before a request is sent again that the model, or SageMaker, failed to answer."""
ROUNDING = 1e-3
"""Part of a registered figure below which a loss is rounding, as of another processor: not worse."""
SAME = 1e-6
"""Answers closer than this, relative to one plus their size, are the same: a float32 has seven digits."""


# -- what is asked -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Request:
    """Some rows of a holdout, ``start`` up to before ``end``."""

    kind: HoldoutKind
    start: int
    end: int


def requests(holdouts: Mapping[HoldoutKind, AskedHoldout], rows_per_request: int) -> list[Request]:
    """Return what is sent, in its order: the reference holdout first."""
    return [
        Request(kind, start, min(start + rows_per_request, each.rows))
        for kind, each in sorted(holdouts.items(), reverse=True)
        for start in range(0, each.rows, rows_per_request)
    ]


def check_length(count: int, asked: NightlySpec, rate: float) -> None:
    """Refuse holdouts that would take longer than half the time that there is; the other half is for slow answers.

    Raises
    ------
    ContractError
        Says how long, and what to set.
    """
    most = TURNS * TURN_SECONDS / 2
    if count / rate > most:
        raise ContractError(
            f"monitoring.nightly: found {count} requests of {asked.rows_per_request} rows, which take {count / rate:.0f} s "
            f"at {rate:g} a second; wanted at most {most:.0f} s: raise rows_per_request or requests_per_second, or put "
            "smaller holdouts"
        )


def numbers_of(problem_type: ProblemType, classes: Sequence[str] | None) -> int:
    """Return how many numbers an answer has per row."""
    return len(classes or ()) if problem_type == "multiclass" else 1


# -- rows and answers --------------------------------------------------------------------------------------------------
def read_rows(data: bytes, what: str) -> tuple[list[str], list[list[str]]]:
    """Return row ids and features of a features.csv, whose first column is the row id."""
    header, *lines = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    if any(len(line) != len(header) for line in lines):
        raise DataRefused(f"{what}: found lines of another length than the header's {len(header)} fields")
    return [line[0] for line in lines], [line[1:] for line in lines]


def body_of(rows: Iterable[Sequence[str]]) -> str:
    """Return the body of a request, as a prediction job writes it: no header, one row per line."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def read_answer(body: str, rows: int, nightly: Nightly) -> list[list[float]]:
    """Return an answer's numbers, a line per row.

    Raises
    ------
    DataRefused
        When they cannot be predictions of that many rows. The answer itself is not quoted: it may be about somebody.
    """
    lines = [line for line in body.splitlines() if line.strip()]
    if len(lines) != rows:
        raise DataRefused(f"found {len(lines)} lines for {rows} rows, wanted as many")
    try:
        found = [[float(text) for text in line.split(",")] for line in lines]
    except ValueError:
        raise DataRefused("found a line that is no number, wanted numbers") from None
    if any(len(line) != nightly.numbers for line in found):
        raise DataRefused(f"found a line without {nightly.numbers} numbers, wanted as many in each")
    if not all(math.isfinite(number) for line in found for number in line):
        raise DataRefused("found a number that is not finite, wanted finite ones")
    if nightly.problem_type != "regression" and not all(0 <= number <= 1 for line in found for number in line):
        raise DataRefused("found a number outside of 0 to 1, wanted probabilities")
    return found


def predictions_of(
    nightly: Nightly, ids: Mapping[HoldoutKind, Sequence[str]], parts: Sequence[Answers]
) -> dict[str, str]:
    """Return ``<kind>.csv`` per holdout, spelled as a prediction job does, so that equal numbers are equal bytes."""
    lines = [line for part in parts for line in part.lines]
    files: dict[str, str] = {}
    at = 0
    for kind, _ in sorted(nightly.holdouts.items(), reverse=True):
        mine = lines[at : at + len(ids[kind])]
        at += len(mine)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["row_id", *(f"prediction_{number}" for number in range(nightly.numbers))])
        writer.writerows([row_id, *map(repr, line)] for row_id, line in zip(ids[kind], mine, strict=True))
        files[kind] = text.getvalue()
    return files


def difference(tonight: Iterable[str], registered: Iterable[str]) -> AnswersDifference:
    """Compare files of predictions, pair by pair; rows that only one of them has differ by all there is to differ."""
    rows = differing = 0
    largest = 0.0
    for ours, theirs in zip(tonight, registered, strict=True):
        mine, then = _by_id(ours), _by_id(theirs)
        rows += len(mine)
        for row_id, numbers in mine.items():
            before = then.get(row_id, [])
            if len(before) != len(numbers):
                differing += 1
                continue
            apart = [abs(one - other) for one, other in zip(numbers, before, strict=True)]
            differing += any(gap > SAME * (1 + abs(one)) for gap, one in zip(apart, numbers, strict=True))
            largest = max(largest, *apart)
    return AnswersDifference(rows=rows, differing=differing, largest=largest)


def _by_id(text: str) -> dict[str, list[float]]:
    _, *lines = csv.reader(io.StringIO(text, newline=""))
    return {line[0]: [float(number) for number in line[1:]] for line in lines}


# -- the comparison ----------------------------------------------------------------------------------------------------
def rests_on_registered(tonight: EvaluationReport, registered: EvaluationReport) -> bool:
    """Tell whether the predictions that were compared with give the registered figures: else they are not those."""
    if tonight.champion is None or set(tonight.champion) != set(registered.candidate):
        return False
    return all(
        _close(found.value, registered.candidate[kind].overall[metric].value)
        for kind, measured in tonight.champion.items()
        for metric, found in measured.overall.items()
        if metric in registered.candidate[kind].overall
    )


def _close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


def compare(tonight: EvaluationReport, registered: EvaluationReport, spec: ModelSpec) -> tuple[NightlyFigure, ...]:
    """Return the judged metrics on each holdout, tonight beside registered."""
    paired = tonight.comparison if rests_on_registered(tonight, registered) else None
    return tuple(
        judge(
            kind,
            metric,
            _measured(tonight, kind, metric),
            _measured(registered, kind, metric),
            paired[kind].overall.get(metric) if paired and kind in paired else None,
        )
        for kind in sorted(registered.candidate, reverse=True)
        for metric in judged_metrics(spec)
    )


def _measured(report: EvaluationReport, kind: HoldoutKind, metric: Metric) -> Estimate:
    absent = Estimate(value=None, low=None, high=None)
    return report.candidate[kind].overall.get(metric, absent) if kind in report.candidate else absent


def judge(
    kind: HoldoutKind, metric: Metric, tonight: Estimate, registered: Estimate, paired: PairedDifference | None
) -> NightlyFigure:
    """Return whether a metric is worse than registered.

    Parameters
    ----------
    paired
        Tonight's answers against the registered predictions on the same rows, positive where tonight is better; None
        when these are not at hand.
    """
    now, then = (
        _interval(tonight.value, tonight.low, tonight.high),
        _interval(registered.value, registered.low, registered.high),
    )
    gap = _interval(paired.difference, paired.low, paired.high) if paired else None

    def told(verdict: Judgement, words: str) -> NightlyFigure:
        place = f"{metric} on the {kind} holdout"
        return NightlyFigure(
            holdout=kind,
            metric=metric,
            tonight=now,
            registered=then,
            difference=gap if gap and gap.value is not None else None,
            verdict=verdict,
            reason=f"{place}: {words}",
        )

    if then.value is None:
        return told("not_judged", "was not defined when the model was registered")
    if now.value is None:
        return told("worse", f"is not defined any more, registered {then.value:.4g}")
    figures = f"{now.value:.4g}, registered {then.value:.4g}"
    if gap and gap.value is not None and gap.low is not None and gap.high is not None:
        if gap.value == 0:
            return told("fine", f"{figures}: the same")
        lost = f"{figures}: {'worse' if gap.value < 0 else 'better'} by {abs(gap.value):.3g}"
        if gap.high < 0 and -gap.value > ROUNDING * abs(then.value):
            return told("worse", f"{lost} on the same rows, at least by {-gap.high:.3g}")
        return told("fine", f"{lost}, which is not sure or too little to matter")
    if now.low is None or now.high is None or then.low is None or then.high is None:
        return told("not_judged", f"{figures}: has no interval")
    worse = now.low > then.high if metric in LOWER_IS_BETTER else now.high < then.low
    beside = f"{figures}: the interval {now.low:.4g} to {now.high:.4g} beside {then.low:.4g} to {then.high:.4g}"
    return told("worse", f"{beside}, all of it worse") if worse else told("fine", beside)


def _interval(value: float | None, low: float | None, high: float | None) -> Interval:
    return Interval(value=_finite(value), low=_finite(low), high=_finite(high))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def settled(asked: Asked, nightly: Nightly, live_config: str | None, *, leased: bool) -> Asked:
    """Return the answers, or ``changing`` when they are those of a model that Muster is just bringing into service.

    A rollout that SageMaker has ended, and the ledger does not know yet or has just heard of, is nobody's swap.

    Parameters
    ----------
    live_config
        The configuration that the ledger says serves, now that the answers are there.
    leased
        A deployment or rollback of the endpoint is under way.
    """
    if asked.status != "answered" or asked.config_name == nightly.config_name:
        return asked
    if not leased and live_config == nightly.config_name:
        return asked
    reason = f"endpoint {nightly.endpoint}: found configuration {asked.config_name} coming into service: the next night judges"
    return asked.model_copy(update={"status": "changing", "reason": reason})


# -- the conclusion ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Conclusion:
    """What a night found; reasons are sentences, the decisive ones first, and ``metrics`` are the worse ones."""

    outcome: Outcome
    headline: str
    reasons: tuple[str, ...]
    metrics: tuple[str, ...] = ()


_HEADLINES: dict[Outcome, str] = {
    "unchanged": "As good as registered",
    "regressed": "Worse than registered",
    "unavailable": "The endpoint could not be asked",
    "changing": "Not judged: another model was coming into service",
}


def conclude(
    nightly: Nightly, asked: Asked, figures: Sequence[NightlyFigure], answers: AnswersDifference | None
) -> Conclusion:
    """Return a night's outcome.

    Parameters
    ----------
    answers
        Beside the registered predictions; None where these are not at hand, or are not those.
    """
    if asked.status != "answered":
        outcome: Outcome = "changing" if asked.status == "changing" else "unavailable"
        slow = (
            f"endpoint {nightly.endpoint}: found answers to {asked.next} of {nightly.requests} requests in {asked.turn} turns of "
            f"{TURN_SECONDS} s, wanted all: it is too slow"
        )
        return Conclusion(outcome, _HEADLINES[outcome], (slow if asked.status == "more" else asked.reason,))
    worse = [each for each in figures if each.verdict == "worse"]
    outcome = "regressed" if worse else "unchanged"
    headline = _HEADLINES[outcome]
    other = []
    if asked.config_name != nightly.config_name:
        other.append(
            f"the endpoint serves configuration {asked.config_name}, the ledger says {nightly.config_name}: somebody has "
            "changed it past Muster"
        )
    if answers and answers.differing:
        headline += "" if worse else ", but not the same answers"
        other.append(
            f"{answers.differing} of {answers.rows} answers are not what the registered model predicted, by up to "
            f"{answers.largest:.3g}"
        )
    elif answers:
        other.append(f"all {answers.rows} answers are what the registered model predicted")
    elif nightly.paired:
        other.append(
            "what is kept of the registered predictions does not give the registered figures: by intervals only"
        )
    rest = [each.reason for each in figures if each.verdict != "worse"]
    metrics = tuple(dict.fromkeys(each.metric for each in worse))
    return Conclusion(outcome, headline, (*(each.reason for each in worse), *other, *rest), metrics)


def announces(conclusion: Conclusion, package_arn: str, history: Iterable[NightlyRecord]) -> bool:
    """Tell whether this night is the first of successive ones that are worse: the others say nothing new.

    Parameters
    ----------
    history
        Earlier nights, the newest first.
    """
    if conclusion.outcome != "regressed":
        return False
    judged = (
        each for each in history if each.package_arn == package_arn and each.outcome in ("unchanged", "regressed")
    )
    last = next(judged, None)
    return last is None or last.outcome == "unchanged"


def kept(figures: Iterable[NightlyFigure]) -> tuple[NightFigure, ...]:
    """Return what the history keeps of a night's figures."""
    return tuple(
        NightFigure(
            holdout=each.holdout,
            metric=each.metric,
            value=each.tonight.value,
            low=each.tonight.low,
            high=each.tonight.high,
            worse=each.verdict == "worse",
        )
        for each in figures
    )
