"""Publishes a batch's predictions, or withholds them, and writes down where they come from.

``{staged, plan, found, transform_job, execution} -> BatchOutcome``

Predictions are read from the versions that were counted. What is published is the row id and the model's answer.
"""

from collections.abc import Iterator

from muster import batch, batch_files, digests, naming
from muster.aws import metrics
from muster.aws.batches import BatchFiles
from muster.aws.documents import json_of
from muster.aws.ledger import Ledger
from muster.aws.ledger_batches import Batches
from muster.aws.s3 import ObjectStore
from muster.contracts.base import Contract, Text, parse
from muster.contracts.batch import (
    BatchLineage,
    BatchManifest,
    BatchOutcome,
    BatchRecord,
    Predictions,
    StagedBatch,
)
from muster.contracts.monitoring import MonitoringOutcome, MonitoringPlan, SketchBatch, Watched
from muster.contracts.pipeline import Execution
from muster.errors import ContractError
from muster.plans import batch as plans
from muster.runtime import Event, entry, settings


class Input(Contract):
    """The function's event."""

    staged: StagedBatch
    plan: MonitoringPlan
    found: MonitoringOutcome
    transform_job: Text
    execution: Execution


@entry
def handler(event: Event) -> BatchOutcome:
    """Conclude; write predictions, lineage and ledger in this order; say what came of it."""
    given = parse(Input, event, "publish_batch")
    staged, found, names = given.staged, given.found, settings()
    watched, job, at = staged.watched, staged.transform, given.execution.started_at
    if watched is None or job is None or staged.on_drift is None or staged.inputs_digest is None or at is None:
        raise ContractError(f"staged, execution: found {staged.status}, wanted a batch that is ready, and its start")
    store, uri = ObjectStore.of(names), plans.manifest(watched)
    manifest = parse(BatchManifest, json_of(store.read(uri), uri), uri)
    conclusion = batch.conclude(staged.on_drift, found.outcome)
    reasons = batch.reasons_of(conclusion, found)
    target = naming.s3_uri(names.data_bucket, naming.predictions_prefix(watched.model, watched.run))
    predictions = None
    if conclusion != "withheld":
        predictions = _publish(f"{target}predictions.csv", watched, given.plan, manifest, store)
    lineage = BatchLineage(
        model=watched.model,
        run=watched.run,
        execution_arn=given.execution.arn,
        at=at,
        endpoint=watched.endpoint,
        package_arn=watched.package_arn,
        evidence_digest=watched.evidence_digest,
        spec_digest=watched.spec.digest,
        baseline_digest=watched.baseline.baseline.digest,
        sagemaker_model=manifest.sagemaker_model,
        transform_job=given.transform_job,
        prefix=manifest.prefix,
        inputs_digest=staged.inputs_digest,
        inputs=manifest.inputs,
        outcome=conclusion,
        verdict=found.outcome,
        reasons=reasons,
        report_uri=found.report_uri,
        evidence_uri=found.evidence_uri,
        predictions=predictions,
        withheld_uri=None if predictions else f"{job.output_uri}/",
    )
    lineage_uri = f"{target}batch.json"
    store.write(lineage_uri, digests.canonical(lineage), "application/json", locked=False)
    record = BatchRecord(
        run=watched.run,
        at=at,
        prefix=manifest.prefix,
        inputs_digest=staged.inputs_digest,
        package_arn=watched.package_arn,
        outcome=conclusion,
        verdict=found.outcome,
        rows=manifest.rows,
        batch_uri=lineage_uri,
    )
    Batches(Ledger.of(names)).finish(watched.model, record)
    figures = {"BatchFlagged": conclusion == "flagged", "BatchWithheld": conclusion == "withheld"}
    metrics.count(watched.endpoint, "batch_inference", {"BatchRuns": 1, **figures})
    return BatchOutcome(
        outcome=conclusion,
        reasons=reasons,
        run=watched.run,
        model=watched.model,
        prefix=manifest.prefix,
        rows=manifest.rows,
        verdict=found.outcome,
        package_arn=watched.package_arn,
        predictions_uri=predictions.uri if predictions else None,
        batch_uri=lineage_uri,
        report_uri=found.report_uri,
    )


def _publish(
    uri: str, watched: Watched, plan: MonitoringPlan, manifest: BatchManifest, store: ObjectStore
) -> Predictions:
    table = batch_files.answers(
        _outputs(watched, plan, store), len(manifest.features), manifest.predictions, manifest.rows
    )
    written = BatchFiles().upload(uri, batch_files.parts(table), "text/csv")
    return Predictions(
        uri=uri, version_id=written.version_id, sha256=written.sha256, bytes=written.bytes, rows=manifest.rows
    )


def _outputs(watched: Watched, plan: MonitoringPlan, store: ObjectStore) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield name and bytes of the outputs as they were counted, in the order of the rows."""
    for number in range(plan.batches):
        uri = f"{watched.work}batches/{number}.json"
        for each in parse(SketchBatch, json_of(store.read(uri), uri), uri).files:
            yield each.uri, store.chunks(each.uri, each.version_id)
