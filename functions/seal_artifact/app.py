"""Seals what the training job made: model.tar.gz is hashed and copied to a key that is named by its digest.

``{run, snapshot, training_job_name} -> TrainingResult``
"""

from muster import naming
from muster.aws.jobs import Jobs, TrainingJob
from muster.aws.s3 import ObjectStore, Stored
from muster.contracts.base import Contract, Text, parse
from muster.contracts.pipeline import ArtifactRef, Run, SnapshotRef, TrainingJobRef, TrainingResult
from muster.errors import ArtifactMissing
from muster.plans.training import plain_hyperparameters
from muster.runtime import Event, entry, settings


class Input(Contract):
    """The function's event."""

    run: Run
    snapshot: SnapshotRef
    training_job_name: Text


@entry
def handler(event: Event) -> TrainingResult:
    """Describe the job, hash its artifact, copy it under Object Lock."""
    given = parse(Input, event, "seal_artifact")
    names = settings()
    store = ObjectStore.of(names)
    job = Jobs().training(given.training_job_name)
    made = _artifact(job, store)
    digest = store.sha256_of(made.uri, made.version_id)
    target = naming.s3_uri(names.records_bucket, naming.artifact_key(digest))
    sealed = store.seal(made.uri, made.version_id, target, digest)
    return TrainingResult(
        snapshot=given.snapshot,
        artifact=ArtifactRef(uri=target, digest=digest, bytes=made.bytes, version_id=sealed.version_id),
        training_job=TrainingJobRef(
            name=job.name, arn=job.arn, seconds=job.seconds, billable_seconds=job.billable_seconds, spot=job.spot
        ),
        hyperparameters=plain_hyperparameters(job.hyperparameters),
    )


def _artifact(job: TrainingJob, store: ObjectStore) -> Stored:
    """Return the job's model.tar.gz as it lies there."""
    if job.status != "Completed":
        why = f": {job.failure_reason}" if job.failure_reason else ""
        raise ArtifactMissing(f"training job {job.name}: found status {job.status}{why}, wanted Completed")
    stored = store.stat(job.artifact_uri) if job.artifact_uri else None
    if stored is None or stored.bytes == 0:
        where = job.artifact_uri or "(the job names none)"
        raise ArtifactMissing(
            f"training job {job.name}: found no model.tar.gz at {where}, wanted what the script saves to SM_MODEL_DIR"
        )
    return stored
