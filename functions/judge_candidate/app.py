"""Judges the candidate by the evaluation job's report, and keeps the report with its verdict as evidence.

``{run, training, plan} -> EvaluationResult``
"""

import html
from typing import Any

from pydantic import ConfigDict

from muster import digests, gates, naming
from muster.aws.documents import json_of, policy, spec_of
from muster.aws.s3 import ObjectStore
from muster.contracts.base import Contract, Digest, S3Uri, parse
from muster.contracts.evaluation import EvaluationReport, EvaluationResult, HoldoutKind, Verdict
from muster.contracts.pipeline import Run, TrainingResult
from muster.errors import NotFound, ReportInvalid
from muster.reasons import told
from muster.runtime import Event, entry, settings

MARKER = "<!--muster:verdict-->"
_TITLES = {
    "passed": "Passed: may be registered and put to approval",
    "failed_gate": "Failed a gate: is not registered",
    "kept_champion": "The champion stays: the candidate is not registered",
}


class Plan(Contract):
    """What judging needs of `plan_evaluation`'s result; the job requests are left out."""

    model_config = ConfigDict(extra="ignore")

    report_prefix: S3Uri
    champion_package_arn: str | None
    holdouts: dict[HoldoutKind, Digest]


class Input(Contract):
    """The function's event."""

    run: Run
    training: TrainingResult
    plan: Plan


@entry
def handler(event: Event) -> EvaluationResult:
    """Read the report, ask the rule, write verdict and reasons into the page, keep both files."""
    given = parse(Input, event, "judge_candidate")
    names = settings()
    store = ObjectStore.of(names)
    spec = spec_of(store, given.run.spec_uri, given.run.spec_digest)
    figures, page = (_report(given.plan, file, store) for file in ("evaluation.json", "report.html"))
    report = parse(EvaluationReport, json_of(figures, "evaluation.json"), "evaluation.json")
    _check_holdouts(report, given.plan)
    verdict = gates.judge(report, spec, policy()[0], given.plan.champion_package_arn is not None)
    judged = _with_verdict(page, verdict)
    uris = {}
    for file, data, media in (
        ("evaluation.json", figures, "application/json"),
        ("report.html", judged, "text/html; charset=utf-8"),
    ):
        uris[file] = naming.s3_uri(names.evidence_bucket, naming.report_key(given.run.model, given.run.run, file))
        store.write(uris[file], data, media, locked=True)
    return EvaluationResult(
        verdict=verdict.verdict,
        reasons=told(verdict.reasons, "the report"),
        report_uri=uris["report.html"],
        report_digest=digests.sha256(judged),
        evaluation_uri=uris["evaluation.json"],
        evaluation_digest=digests.sha256(figures),
        primary=gates.primary_score(report),
        champion_package_arn=given.plan.champion_package_arn,
        holdouts=given.plan.holdouts,
    )


def _report(plan: Plan, file: str, store: ObjectStore) -> bytes:
    bucket, prefix = naming.split_s3_uri(plan.report_prefix)
    try:
        return store.read(naming.s3_uri(bucket, prefix + file))
    except NotFound as error:
        raise ReportInvalid(f"{file}: found none below {plan.report_prefix}, wanted the evaluation job's") from error


def _check_holdouts(report: EvaluationReport, plan: Plan) -> None:
    """Refuse figures that were measured on other rows than were planned."""
    measured: dict[Any, str] = {kind: each.digest for kind, each in report.holdouts.items()}
    if measured != plan.holdouts:
        raise ReportInvalid(f"evaluation.json: holdouts: found {measured}, wanted {dict(plan.holdouts)} as planned")


def _with_verdict(page: bytes, verdict: Verdict) -> bytes:
    text = page.decode("utf-8")
    if text.count(MARKER) != 1:
        raise ReportInvalid(f"report.html: found the marker {MARKER} {text.count(MARKER)} times, wanted it once")
    reasons = "".join(f"<li>{html.escape(reason)}</li>" for reason in verdict.reasons)
    title = _TITLES[verdict.verdict]
    block = f'<section id="verdict" class="verdict {verdict.verdict}"><h2>{title}</h2><ol>{reasons}</ol></section>'
    return text.replace(MARKER, block).encode("utf-8")
