"""Batch inference: what is asked for, staged, predicted and kept."""

from typing import Annotated, Literal

from pydantic import Field

from muster.contracts.base import Contract, Digest, Items, ModelName, RunId, S3Uri, Text, Time
from muster.contracts.monitoring import Watched, WindowOutcome

OnDrift = Literal["flag", "withhold"]
Conclusion = Literal["published", "flagged", "withheld"]


class BatchRequest(Contract):
    """Predict a batch with the model that serves.

    ``prefix`` is a folder (``raw/<model>/batch/…/``) or one object below ``raw/<model>/batch/`` of the data bucket; None:
    everything there.
    """

    model: ModelName
    prefix: Text | None = None


class ArrivedObject(Contract):
    """An object of a batch as a listing shows it: the version that is current, and since when."""

    key: Text
    version_id: Text
    bytes: Annotated[int, Field(ge=0)]
    modified: Time


class BatchInput(Contract):
    """An object of a batch as it was read; ``rows`` without the header."""

    key: Text
    version_id: Text
    bytes: Annotated[int, Field(ge=0)]
    sha256: Digest
    rows: Annotated[int, Field(ge=0)]


class BatchManifest(Contract):
    """<work>/manifest.json of a batch's run: what was staged, and how a row of the transform job's output is made up.

    Attributes
    ----------
    row_id, features, predictions
        The output's fields in their order.
    sagemaker_model
        What the transform job runs.
    parts
        Files that were staged, and so the number of outputs that have to come.
    rows
        Rows in all of them.
    """

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    model: ModelName
    prefix: Text
    inputs: Annotated[Items[BatchInput], Field(min_length=1)]
    row_id: Text
    features: Annotated[Items[str], Field(min_length=1)]
    predictions: Annotated[Items[str], Field(min_length=1)]
    sagemaker_model: Text
    parts: Annotated[int, Field(ge=1)]
    rows: Annotated[int, Field(ge=1)]


class TransformFragment(Contract):
    """The variable members of one CreateTransformJob request; the fixed ones stand in the ASL."""

    model_name: Text
    input_uri: S3Uri
    output_uri: S3Uri
    instance_type: Text
    max_runtime_seconds: Annotated[int, Field(ge=60)]


class StagedBatch(Contract):
    """`stage_batch`. The members after ``prefix`` are set when the batch is ready.

    ``inputs_digest`` names the batch: the sha256 of keys and versions of its objects.
    """

    status: Literal["ready", "nothing_new", "refused"]
    reason: Text
    run: RunId
    model: ModelName
    prefix: Text
    watched: Watched | None = None
    transform: TransformFragment | None = None
    inputs_digest: Digest | None = None
    on_drift: OnDrift | None = None
    rows: Annotated[int, Field(ge=0)] = 0


class Predictions(Contract):
    """The published file: row id and predictions, with a header."""

    uri: S3Uri
    version_id: str | None = None
    sha256: Digest
    bytes: Annotated[int, Field(ge=0)]
    rows: Annotated[int, Field(ge=1)]


class BatchLineage(Contract):
    """predictions/<model>/<run>/batch.json in the data bucket: where predictions come from.

    ``predictions`` is None when they were withheld; they lie at ``withheld_uri`` then, until the work bucket expires.
    """

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    model: ModelName
    run: RunId
    execution_arn: Text
    at: Time
    endpoint: Text
    package_arn: Text
    evidence_digest: Digest
    spec_digest: Digest
    baseline_digest: Digest
    sagemaker_model: Text
    transform_job: Text
    prefix: Text
    inputs_digest: Digest
    inputs: Items[BatchInput]
    outcome: Conclusion
    verdict: WindowOutcome
    reasons: Items[str]
    report_uri: S3Uri
    evidence_uri: S3Uri
    predictions: Predictions | None = None
    withheld_uri: S3Uri | None = None


class BatchMark(Contract):
    """The run that tried some inputs last (ledger: MODEL#<m> / BATCHED#<inputs digest>). What follows ``at`` is set when
    the run has concluded."""

    run: RunId
    at: Time
    package_arn: str | None = None
    outcome: Conclusion | None = None
    batch_uri: S3Uri | None = None


class BatchRecord(Contract):
    """One batch in a model's history (ledger: MODEL#<m> / BATCH#<time>#<run>)."""

    run: RunId
    at: Time
    prefix: Text
    inputs_digest: Digest
    package_arn: Text
    outcome: Conclusion
    verdict: WindowOutcome
    rows: Annotated[int, Field(ge=0)]
    batch_uri: S3Uri


class BatchOutcome(Contract):
    """`publish_batch`, and with it the output of `batch_inference`; ``verdict`` is that of the monitoring."""

    outcome: Conclusion
    reasons: Annotated[Items[str], Field(min_length=1)]
    run: RunId
    model: ModelName
    prefix: Text
    rows: Annotated[int, Field(ge=0)]
    verdict: WindowOutcome
    package_arn: Text
    predictions_uri: S3Uri | None = None
    batch_uri: S3Uri
    report_uri: S3Uri
