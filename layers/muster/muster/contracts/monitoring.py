"""What the monitoring workflows hand on: baseline, window, plan, outcome. Large things travel as S3 URIs."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from muster.contracts.base import Contract, Digest, Items, ModelName, RunId, S3Uri, Text, Time
from muster.contracts.evaluation import Attribution


# -- the baseline ------------------------------------------------------------------------------------------------------
class CapturedField(Contract):
    """A field of a request or an answer, in the order of the payload."""

    name: Text
    kind: Literal["number", "word"] = "number"


class BaselineDocument(Contract):
    """baselines/<digest>/baseline.json in the records bucket; the digest is the sha256 of its canonical form.

    Attributes
    ----------
    snapshot_digest
        The training set that the features are counted on.
    artifact_digest
        The model whose predictions on the reference holdout are counted; None: features only.
    features, predictions
        Fields of a request's and of an answer's row.
    columns
        ``muster_numerics.baseline.to_json``.
    attributions
        The features by their importance on the reference holdout, the most important first.
    """

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    model: ModelName
    snapshot_digest: Digest
    artifact_digest: Digest | None = None
    rows: Annotated[int, Field(ge=1)]
    time_ordered: bool
    features: Annotated[Items[CapturedField], Field(min_length=1)]
    predictions: Items[CapturedField] = ()
    columns: dict[str, Any]
    attributions: Items[Attribution] = ()


class DocumentRef(Contract):
    """A sealed document, by digest."""

    uri: S3Uri
    digest: Digest


class BaselineRef(Contract):
    """A sealed baseline: Muster's own document, and the same in Model Monitor's formats.

    The two of model quality are there once the model has been evaluated.
    """

    baseline: DocumentRef
    statistics: DocumentRef
    constraints: DocumentRef
    quality_statistics: DocumentRef | None = None
    quality_constraints: DocumentRef | None = None
    rows: Annotated[int, Field(ge=1)]


# -- a window ----------------------------------------------------------------------------------------------------------
class Window(Contract):
    """A stretch of time, from ``start`` to just before ``end``."""

    start: Time
    end: Time

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "Window":
        if self.end <= self.start:
            raise ValueError(f"found end {self.end}, wanted a time after start ({self.start})")
        return self


class MonitoringRequest(Contract):
    """Which endpoint to look at, and for which window: without one, what has come since the last verdict, up to the
    last full hour."""

    endpoint: Text
    window: Window | None = None


class CapturedObject(Contract):
    """A capture file, pinned. ``late`` files belong to an earlier window that was judged without them."""

    uri: S3Uri
    version_id: Text
    bytes: Annotated[int, Field(ge=0)]
    late: bool = False


class SketchBatch(Contract):
    """The files that one worker counts: ``<work>batches/<number>.json``."""

    number: Annotated[int, Field(ge=0)]
    files: Annotated[Items[CapturedObject], Field(min_length=1)]


class Watched(Contract):
    """Who is watched, in every step of a monitoring run: small enough for every state.

    Attributes
    ----------
    subject
        An endpoint's traffic, or one batch.
    run
        First 20 hex characters of the sha256 of the monitoring execution's ARN.
    work
        Prefix in the work bucket where the run keeps plan, states and quarantine.
    """

    subject: Literal["endpoint", "batch"]
    run: RunId
    model: ModelName
    endpoint: Text
    package_arn: Text
    evidence_digest: Digest
    spec: DocumentRef
    baseline: BaselineRef
    window: Window
    work: S3Uri


class MonitoringPlan(Contract):
    """`plan_window`. ``watched`` and what follows are set when there is something to count."""

    status: Literal["ready", "insufficient"]
    reason: Text
    endpoint: Text
    watched: Watched | None = None
    batches: Annotated[int, Field(ge=0)] = 0
    files: Annotated[int, Field(ge=0)] = 0
    bytes: Annotated[int, Field(ge=0)] = 0
    late_files: Annotated[int, Field(ge=0)] = 0
    gaps: Items[str] = ()
    attribution: bool = False


WindowOutcome = Literal["none", "warn", "suspected", "drift", "insufficient", "inconclusive"]
"""``suspected``: this window drifts, the episode is not confirmed yet. ``drift``: it is."""


class MonitoringOutcome(Contract):
    """`assess_window`, and with it the output of `monitoring`.

    ``announce`` is true for the one window that confirms an episode (and for every retry of its execution).
    """

    outcome: WindowOutcome
    reasons: Annotated[Items[str], Field(min_length=1)]
    model: ModelName
    endpoint: Text
    package_arn: Text
    window: Window
    rows: Annotated[int, Field(ge=0)]
    report_uri: S3Uri
    evidence_uri: S3Uri
    announce: bool
    episode: str | None = None
    features: Items[str] = ()
    quality: Literal["measured", "regressed", "insufficient", "not_measured"] = "not_measured"
