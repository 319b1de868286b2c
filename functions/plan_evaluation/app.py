"""Plans the evaluation: candidate and champion predict the holdouts, Muster's own job scores them.

``{run, training} -> EvaluationJobs``

The champion is what the ledger's pointer names. A pointer to something that is gone is an error, never "no champion":
else losing the champion's package would lower the bar.
"""

from muster import digests, naming
from muster.aws import job_code
from muster.aws.documents import policy, spec_of
from muster.aws.ledger import Ledger
from muster.aws.ledger_models import Models
from muster.aws.registry import ModelRegistry, SageMakerModelRegistry
from muster.aws.s3 import ObjectStore
from muster.contracts.base import Contract, parse
from muster.contracts.evaluation import Champion, EvaluationJobs, HoldoutKind, HoldoutRef
from muster.contracts.pipeline import Run, TrainingResult
from muster.errors import ArtifactMissing, DigestMismatch, NotFound
from muster.plans import evaluation
from muster.runtime import Event, entry, settings


class Input(Contract):
    """The function's event."""

    run: Run
    training: TrainingResult


@entry
def handler(event: Event) -> EvaluationJobs:
    """Find champion and holdouts, write the scoring job's plan, and build the three requests."""
    given = parse(Input, event, "plan_evaluation")
    names = settings()
    store, models = ObjectStore.of(names), Models(Ledger.of(names))
    spec = spec_of(store, given.run.spec_uri, given.run.spec_digest)
    champion = models.champion(given.run.model)
    if champion is not None:
        _check_champion(champion, store, SageMakerModelRegistry())
    holdouts = _holdouts(given.run.model, models, store, champion is not None)
    document = evaluation.plan_document(given.run, given.training, spec, holdouts, champion)
    uri = evaluation.plan_document_uri(given.run, names)
    store.write(uri, digests.canonical(document), "application/json", locked=False)
    return evaluation.plan(
        given.run,
        given.training,
        spec,
        policy()[0],
        names,
        holdouts=holdouts,
        champion=champion,
        jobs_digest=job_code.publish(names, store),
    )


def _holdouts(model: str, models: Models, store: ObjectStore, champion_present: bool) -> dict[HoldoutKind, HoldoutRef]:
    """Return the holdouts that judge: the reference set always, the recent one where it is put or a champion serves."""
    found: dict[HoldoutKind, HoldoutRef] = {"reference": models.needed_holdout(model, "reference")}
    recent = models.needed_holdout(model, "recent") if champion_present else models.holdout(model, "recent")
    if recent is not None:
        found["recent"] = recent
    for each in found.values():
        # The manifest is what the digest names; the job checks the files against it.
        bucket, prefix = naming.split_s3_uri(each.uri)
        store.read_pinned(naming.s3_uri(bucket, prefix + "manifest.json"), each.digest)
    return found


def _check_champion(champion: Champion, store: ObjectStore, registry: ModelRegistry) -> None:
    name = f"champion {champion.package_arn}"
    package = registry.describe(champion.package_arn)
    if package is None:
        raise NotFound(f"{name}: found no such package, wanted the one that the ledger's pointer names")
    if package.evidence_digest != champion.evidence_digest:
        raise DigestMismatch(f"{name}: found evidence {package.evidence_digest}, wanted {champion.evidence_digest}")
    if store.stat(champion.artifact_uri) is None:
        raise ArtifactMissing(f"{name}: found no artifact at {champion.artifact_uri}, wanted the one that serves")
