"""What a nightly evaluation asks of an endpoint, and the job that scores the answers: the evaluation's own."""

from collections.abc import Mapping

from muster import naming, nightly
from muster.contracts.deployment import HistoryRecord
from muster.contracts.documents import DocumentRef
from muster.contracts.evaluation import EvaluationPlan, HoldoutKind
from muster.contracts.evidence import Evidence
from muster.contracts.nightly import AskedHoldout, Nightly
from muster.contracts.pipeline import JobFragment
from muster.contracts.policy import Policy
from muster.contracts.spec import ModelSpec
from muster.contracts.spec_terms import METRICS
from muster.errors import ContractError
from muster.plans import evaluation
from muster.settings import Settings


def subject(
    run: str,
    live: HistoryRecord,
    evidence: Evidence,
    spec: ModelSpec,
    policy: Policy,
    settings: Settings,
    *,
    holdouts: Mapping[HoldoutKind, AskedHoldout],
    paired: bool,
) -> Nightly:
    """Return whom to ask what.

    Raises
    ------
    ContractError
        The holdouts are too large to be asked in a night, or the ledger does not say what serves.
    """
    if live.package_arn is None or live.evidence_digest is None or live.config_name is None:
        raise ContractError(f"ledger: LIVE of {live.endpoint}: found no package, evidence or configuration, wanted all")
    asked = spec.monitoring.nightly
    # The floor may have been tightened since the spec was published.
    rate = min(asked.requests_per_second, policy.monitoring.max_requests_per_second)
    count = len(nightly.requests(holdouts, asked.rows_per_request))
    nightly.check_length(count, asked, rate)

    def work(step: str) -> str:
        return naming.s3_uri(settings.work_bucket, naming.work_prefix(run, step))

    return Nightly(
        run=run,
        model=spec.name,
        endpoint=live.endpoint,
        package_arn=live.package_arn,
        evidence_digest=live.evidence_digest,
        config_name=live.config_name,
        spec=DocumentRef(uri=evidence.code.spec_uri, digest=evidence.code.spec_digest),
        registered=DocumentRef(uri=evidence.evaluation.evaluation_uri, digest=evidence.evaluation.evaluation_digest),
        problem_type=spec.problem_type,
        numbers=nightly.numbers_of(spec.problem_type, spec.classes),
        holdouts=dict(holdouts),
        requests=count,
        turns=nightly.TURNS,
        rows_per_request=asked.rows_per_request,
        requests_per_second=rate,
        predictions=work("predict"),
        champion=work("champion"),
        report=work("evaluate"),
        work=work("nightly"),
        paired=paired,
    )


def document(asked: Nightly, evidence: Evidence, spec: ModelSpec) -> EvaluationPlan:
    """Return what the scoring job is told: the registered evaluation, with the seed of the same spec.

    What it compares with, where an evaluation has the champion, are the registered model's own predictions.
    """
    artifact = evidence.artifact.digest
    return EvaluationPlan(
        run=asked.run,
        model=asked.model,
        problem_type=spec.problem_type,
        target=spec.target,
        classes=spec.classes,
        row_id=spec.row_id,
        evaluation=spec.evaluation,
        metrics=METRICS[spec.problem_type],
        holdouts={kind: each.digest for kind, each in asked.holdouts.items()},
        snapshot_digest=evidence.data.digest,
        candidate_artifact_digest=artifact,
        champion_artifact_digest=artifact if asked.paired else None,
        seed=int(evidence.code.spec_digest[:8], 16),
    )


def document_uri(run: str, settings: Settings) -> str:
    """Return where that has to be before the job starts."""
    return naming.s3_uri(settings.work_bucket, naming.work_prefix(run, "plan") + evaluation.PLAN_FILE)


def job(
    asked: Nightly, evidence: Evidence, spec: ModelSpec, policy: Policy, settings: Settings, *, jobs_digest: str
) -> JobFragment:
    """Return the job, on the package's own image."""
    return evaluation.scoring_job(
        asked.run,
        spec,
        policy,
        settings,
        snapshot=evidence.data,
        holdouts={kind: each.uri for kind, each in asked.holdouts.items()},
        paired=asked.paired,
        image_uri=evidence.image.uri,
        jobs_digest=jobs_digest,
    )
