"""Judges a night: the answers' figures beside the registered ones, a report, the history, and what CloudWatch counts.

``{nightly, asked, execution, started_at} -> NightlyOutcome``
"""

from datetime import datetime

from muster import digests, naming, nightly
from muster.aws import metrics
from muster.aws.documents import json_of, spec_of
from muster.aws.ledger import Ledger
from muster.aws.ledger_endpoints import Endpoints
from muster.aws.ledger_nightly import Nights
from muster.aws.s3 import ObjectStore
from muster.contracts.base import Contract, Time, iso, parse
from muster.contracts.evaluation import EvaluationReport
from muster.contracts.nightly import AnswersDifference, Asked, Nightly, NightlyOutcome, NightlyRecord, NightlyReport
from muster.contracts.pipeline import Execution
from muster.errors import ReportInvalid
from muster.reasons import told
from muster.runtime import Event, entry, settings
from muster_numerics import nightly_html


class Input(Contract):
    """The function's event."""

    nightly: Nightly
    asked: Asked
    execution: Execution
    started_at: Time


@entry
def handler(event: Event) -> NightlyOutcome:
    """Compare, conclude; write report, evidence and ledger in this order; count."""
    given = parse(Input, event, "judge_nightly")
    subject, at, names = given.nightly, given.started_at, settings()
    store, ledger = ObjectStore.of(names), Ledger.of(names)
    nights, asked = Nights(ledger), _settled(given, Endpoints(ledger))
    spec = spec_of(store, subject.spec.uri, subject.spec.digest)
    scored = store.read(f"{subject.report}evaluation.json") if asked.status == "answered" else None
    figures, answers, confidence = (), None, None
    if scored is not None:
        tonight, registered = _tonight(scored, subject), _registered(subject, store)
        figures, confidence = nightly.compare(tonight, registered, spec), tonight.confidence
        if nightly.rests_on_registered(tonight, registered):
            answers = _answers(subject, store)
    found = nightly.conclude(subject, asked, figures, answers)
    history = nights.history(subject.endpoint, subject.run)
    report = NightlyReport(
        outcome=found.outcome,
        headline=found.headline,
        reasons=found.reasons,
        at=at,
        execution_arn=given.execution.arn,
        nightly=subject,
        asked=asked,
        primary_metric=spec.evaluation.primary_metric,
        confidence=confidence,
        figures=figures,
        answers=answers,
        history=tuple(reversed(history)),
    )
    prefix = _write(report, scored, store, naming.s3_uri(names.evidence_bucket, _prefix(subject, at)))
    record = NightlyRecord(
        run=subject.run,
        at=at,
        model=subject.model,
        package_arn=subject.package_arn,
        outcome=found.outcome,
        figures=nightly.kept(figures),
        report_uri=f"{prefix}report.html",
    )
    nights.keep(subject.endpoint, record)
    counted = {
        "NightlyRuns": 1,
        "NightlyRegressed": int(found.outcome == "regressed"),
        "NightlyUnavailable": int(found.outcome == "unavailable"),
    }
    metrics.count(subject.endpoint, "nightly_evaluation", counted)
    return NightlyOutcome(
        outcome=found.outcome,
        reasons=told(found.reasons, "the report"),
        model=subject.model,
        endpoint=subject.endpoint,
        package_arn=subject.package_arn,
        metrics=found.metrics,
        announce=nightly.announces(found, subject.package_arn, history),
        report_uri=record.report_uri,
        evidence_uri=f"{prefix}nightly.json",
    )


def _settled(given: Input, endpoints: Endpoints) -> Asked:
    endpoint = given.nightly.endpoint
    live, lease = endpoints.live(endpoint), endpoints.lease(endpoint)
    leased = lease is not None and lease.expires_at > iso(given.started_at)
    return nightly.settled(given.asked, given.nightly, live.config_name if live else None, leased=leased)


def _prefix(subject: Nightly, at: datetime) -> str:
    return naming.nightly_prefix(subject.endpoint, f"{at:%Y%m%dT%H%M%SZ}", subject.run)


def _tonight(data: bytes, subject: Nightly) -> EvaluationReport:
    """Return the scoring job's report, which must be of the planned rows."""
    report = parse(EvaluationReport, json_of(data, "evaluation.json"), "evaluation.json")
    measured = {kind: each.digest for kind, each in report.holdouts.items()}
    wanted = {kind: each.digest for kind, each in subject.holdouts.items()}
    if measured != wanted:
        raise ReportInvalid(f"evaluation.json: holdouts: found {measured}, wanted {wanted} as planned")
    return report


def _registered(subject: Nightly, store: ObjectStore) -> EvaluationReport:
    ref = subject.registered
    return parse(EvaluationReport, json_of(store.read_pinned(ref.uri, ref.digest), ref.uri), ref.uri)


def _answers(subject: Nightly, store: ObjectStore) -> AnswersDifference:
    def files(prefix: str) -> list[str]:
        return [store.read(f"{prefix}{kind}.csv").decode() for kind in sorted(subject.holdouts)]

    return nightly.difference(files(subject.predictions), files(subject.champion))


def _write(report: NightlyReport, scored: bytes | None, store: ObjectStore, prefix: str) -> str:
    """Write the night's evidence; return its prefix."""
    page = nightly_html.render(report.payload()).encode()
    files = [
        ("evaluation.json", scored, "application/json"),
        ("nightly.json", digests.canonical(report), "application/json"),
        ("report.html", page, "text/html; charset=utf-8"),
    ]
    for name, data, media in files:
        if data is not None:
            store.write(f"{prefix}{name}", data, media, locked=True)
    return prefix
