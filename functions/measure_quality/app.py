"""Measures how good an endpoint's answers were, as far as their truth is known by now, and compares with the registry.

``{watched: Watched, plan: {batches}, entered_at} -> QualityResult``

Captures and labels are read by pinned versions, piece by piece; of more than the policy allows a sample of files. Every
run measures its stretch anew, so labels that came since the last one count. No labels is never "fine".
"""

from pydantic import ConfigDict

from muster import digests, live_quality, naming, quality
from muster.aws.answers import Answers
from muster.aws.documents import policy
from muster.aws.window_files import opened
from muster.contracts.base import Contract, Time, iso, parse
from muster.contracts.monitoring import Watched
from muster.contracts.quality import QualityReport, QualityResult
from muster.errors import ContractError
from muster.reasons import told
from muster.runtime import Event, entry, settings
from muster_numerics.poison import Poison

MOST_KEPT = 1_000
"""Lines of the quarantine; all are counted."""


class Plan(Contract):
    """What is needed of `plan_window`'s result."""

    model_config = ConfigDict(extra="ignore")

    batches: int


class Input(Contract):
    """The function's event."""

    watched: Watched
    plan: Plan
    entered_at: Time


@entry
def handler(event: Event) -> QualityResult:
    """Find the answers and their labels, measure, compare, write."""
    given = parse(Input, event, "measure_quality")
    if given.watched.subject != "endpoint":
        raise ContractError("watched: subject: found batch, wanted endpoint: the labels of a batch have no place yet")
    answers = Answers.of(given.watched, settings())
    kept: list[Poison] = []
    report = _report(given, answers, kept)
    work, store = given.watched.work, answers.store
    if kept:
        lines = b"".join(digests.canonical(each.as_json()) + b"\n" for each in kept)
        store.write(f"{work}quality/quarantine.jsonl", lines, "application/x-ndjson", locked=False)
    uri = f"{work}quality/quality.json"
    store.write(uri, digests.canonical(report), "application/json", locked=False)
    regressed = quality.regressions(report.metrics, report.bias)
    return QualityResult(status=report.status, uri=uri, metrics=regressed, reasons=told(report.reasons, "quality.json"))


def _report(given: Input, answers: Answers, kept: list[Poison]) -> QualityReport:
    spec, bias = answers.spec, answers.proportions(given.plan.batches)
    window = answers.stretch()
    if isinstance(window, str):
        return quality.unmeasured(spec, "not_measured", window, bias=bias)
    files = answers.files(window, given.entered_at)
    if not files.captures or not files.labels:
        place = f"{naming.ground_truth_prefix(given.watched.endpoint)}yyyy/mm/dd/hh/ of the data bucket"
        none = f"labels since {iso(window.start)} below {place}" if files.captures else "captured answers"
        reason = f"there are no {none}: answers from {iso(window.start)} to {iso(window.end)} cannot be judged"
        return quality.unmeasured(spec, "not_measured", reason, bias=bias, sources=files.sources)
    measured = live_quality.measured(
        lambda: opened(answers.store, files.captures),
        opened(answers.store, files.labels),
        answers.reference,
        spec,
        lambda found: kept.append(found) if len(kept) < MOST_KEPT else None,
    )
    return live_quality.report(
        measured,
        spec,
        policy()[0],
        answers.reference,
        registered=answers.registered,
        bias=bias,
        sources=files.sources,
        evaluated_at=iso(given.entered_at),
    )
