"""Registers the candidate as a model package that waits for approval.

``{run, training, evaluation, evidence: {evidence_uri, evidence_digest}, baseline?} -> RegisteredModel``
"""

from muster import naming
from muster.aws.documents import spec_of
from muster.aws.registry import Registration, SageMakerModelRegistry
from muster.aws.s3 import ObjectStore
from muster.contracts.base import Contract, parse
from muster.contracts.documents import BaselineRef
from muster.contracts.evaluation import EvaluationResult
from muster.contracts.pipeline import EvidenceRef, RegisteredModel, Run, TrainingResult
from muster.errors import Refused
from muster.plans.deployment import container_environment
from muster.runtime import Event, entry, settings


class Input(Contract):
    """The function's event."""

    run: Run
    training: TrainingResult
    evaluation: EvaluationResult
    evidence: EvidenceRef
    baseline: BaselineRef | None = None


@entry
def handler(event: Event) -> RegisteredModel:
    """Ensure the model's group, create the package; the same run again gets the package that it made."""
    given = parse(Input, event, "register_model")
    run, training, evaluation, evidence = given.run, given.training, given.evaluation, given.evidence
    if evaluation.verdict != "passed":
        raise Refused(f"{run.model}: verdict: found {evaluation.verdict}, wanted passed: there is nothing to register")
    names = settings()
    store = ObjectStore.of(names)
    spec = spec_of(store, run.spec_uri, run.spec_digest)
    store.read_pinned(evidence.evidence_uri, evidence.evidence_digest)
    group = naming.package_group(names.prefix, run.model)
    registry = SageMakerModelRegistry()
    registry.ensure_group(group)
    package = registry.register(
        Registration(
            group=group,
            model=run.model,
            run=run.run,
            execution_arn=run.execution_arn,
            publisher=run.publisher,
            commit=run.commit,
            artifact_uri=training.artifact.uri,
            artifact_digest=training.artifact.digest,
            image_uri=run.image_uri,
            image_digest=run.image_digest,
            environment=container_environment(spec),
            content_type=spec.inference.content_type,
            instance_type=spec.inference.instance_type,
            evidence_uri=evidence.evidence_uri,
            evidence_digest=evidence.evidence_digest,
            evaluation_uri=evaluation.evaluation_uri,
            evaluation_digest=evaluation.evaluation_digest,
            report_uri=evaluation.report_uri,
            report_digest=evaluation.report_digest,
            snapshot_digest=training.snapshot.digest,
            spec_digest=run.spec_digest,
            code_digest=run.code_digest,
            card=spec.card,
            baseline=given.baseline,
        )
    )
    return RegisteredModel(
        package_arn=package.package_arn,
        package_group=group,
        version=package.version,
        evidence_uri=evidence.evidence_uri,
        evidence_digest=evidence.evidence_digest,
    )
