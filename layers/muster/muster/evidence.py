"""evidence.json: the one document about a model version. The sha256 of its canonical bytes is what a person approves.

Approval and deployments come after the document; they are recorded in the ledger under its digest, and the document
says where.
"""

import json
from collections.abc import Mapping

from muster import digests
from muster.contracts.base import parse
from muster.contracts.documents import BaselineRef
from muster.contracts.evaluation import EvaluationResult
from muster.contracts.evidence import (
    CodeEvidence,
    EvaluationEvidence,
    Evidence,
    ExecutionEvidence,
    ImageEvidence,
    RecordedElsewhere,
    TrainingEvidence,
)
from muster.contracts.pipeline import Run, TrainingResult
from muster.contracts.spec import ModelSpec
from muster.errors import ContractError, DigestMismatch, Refused

_SEED_NAMES = ("seed", "random_state", "random_seed")
LATER = "recorded in the ledger after this document, under the evidence digest"


def assemble(
    run: Run,
    training: TrainingResult,
    evaluation: EvaluationResult,
    spec: ModelSpec,
    *,
    policy_digest: str,
    ledger_table: str,
    endpoint: str,
    baseline: BaselineRef | None = None,
) -> Evidence:
    """Put the evidence of a candidate together.

    Parameters
    ----------
    run, training, evaluation
        What the pipeline's steps said.
    spec
        The published spec of the run.
    policy_digest
        sha256 of the policy.yaml that the candidate was judged by.
    ledger_table, endpoint
        Where approval and deployment history will be found.
    baseline
        What the model's traffic will be held against; None for a training without one.

    Raises
    ------
    Refused
        The candidate has not passed.
    ContractError
        Spec and run are not of the same model.
    """
    if evaluation.verdict != "passed":
        raise Refused(f"{run.model}: verdict: found {evaluation.verdict}, wanted passed: there is nothing to register")
    if spec.name != run.model:
        raise ContractError(f"spec: found model {spec.name}, wanted {run.model}")
    return Evidence(
        model=run.model,
        problem_type=run.problem_type,
        produced_by=ExecutionEvidence(
            run=run.run, execution_arn=run.execution_arn, started_at=run.started_at, trigger=run.trigger
        ),
        artifact=training.artifact,
        training=_training(training, spec),
        code=CodeEvidence(
            commit=run.commit,
            code_uri=run.code_uri,
            code_digest=run.code_digest,
            spec_uri=run.spec_uri,
            spec_digest=run.spec_digest,
            publisher=run.publisher,
        ),
        image=ImageEvidence(
            uri=run.image_uri, digest=run.image_digest, framework=spec.image.framework, version=spec.image.version
        ),
        data=training.snapshot,
        evaluation=_evaluation(evaluation, policy_digest),
        approval=RecordedElsewhere(
            statement=f"Approval state and approver: {LATER}.",
            table=ledger_table,
            keys=("PACKAGE#<package arn> / APPROVAL", "PACKAGE#<package arn> / ANSWER#*"),
        ),
        deployment_history=RecordedElsewhere(
            statement=f"Deployments and rollbacks: {LATER}.",
            table=ledger_table,
            keys=(f"ENDPOINT#{endpoint} / HISTORY#*", f"ENDPOINT#{endpoint} / LIVE"),
        ),
        card=spec.card,
        baseline=baseline,
    )


def _training(training: TrainingResult, spec: ModelSpec) -> TrainingEvidence:
    job, used = training.training_job, training.hyperparameters
    return TrainingEvidence(
        job_name=job.name,
        job_arn=job.arn,
        seconds=job.seconds,
        billable_seconds=job.billable_seconds,
        spot=job.spot,
        instance_type=spec.training.instance_type,
        instance_count=spec.training.instance_count,
        entry_point=spec.training.entry_point,
        hyperparameters=used,
        seeds=seeds(used),
        input_manifest_uri=training.snapshot.manifest_uri,
        input_manifest_digest=training.snapshot.digest,
    )


def seeds(hyperparameters: Mapping[str, str]) -> dict[str, str]:
    """Return the hyperparameters that fix chance."""
    return {name: value for name, value in hyperparameters.items() if name in _SEED_NAMES or name.endswith("_seed")}


def _evaluation(evaluation: EvaluationResult, policy_digest: str) -> EvaluationEvidence:
    return EvaluationEvidence(
        verdict="passed",
        reasons=evaluation.reasons,
        primary=evaluation.primary,
        evaluation_uri=evaluation.evaluation_uri,
        evaluation_digest=evaluation.evaluation_digest,
        report_uri=evaluation.report_uri,
        report_digest=evaluation.report_digest,
        holdouts=evaluation.holdouts,
        champion_package_arn=evaluation.champion_package_arn,
        policy_digest=policy_digest,
    )


def document(evidence: Evidence) -> tuple[bytes, str]:
    """Return the canonical bytes of the document and the evidence digest, which is their sha256."""
    data = digests.canonical(evidence)
    return data, digests.sha256(data)


def read(data: bytes, wanted_digest: str) -> Evidence:
    """Read a document and check that it is the one that was meant.

    Raises
    ------
    DigestMismatch
        Its sha256 is another, or its bytes are not canonical.
    ContractError
        It is not an evidence document.
    """
    digests.check("evidence.json", data, wanted_digest)
    try:
        found = parse(Evidence, json.loads(data), "evidence.json")
    except ValueError as error:
        raise ContractError(f"evidence.json: found no JSON ({error}), wanted an evidence document") from error
    if digests.canonical(found) != data:
        raise DigestMismatch("evidence.json: found bytes that are not canonical, wanted the form that Muster writes")
    return found
