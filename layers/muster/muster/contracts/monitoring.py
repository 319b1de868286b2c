"""What the monitoring workflows hand on: baseline, window, plan, outcome. Large things travel as S3 URIs."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from muster.contracts.base import Contract, Digest, Items, ModelName, RunId, S3Uri, Text, Time
from muster.contracts.documents import BaselineRef as BaselineRef
from muster.contracts.documents import DocumentRef as DocumentRef
from muster.contracts.evaluation import Attribution


# -- the baseline ------------------------------------------------------------------------------------------------------
class CapturedField(Contract):
    """A field of a request or an answer, in the order of the payload."""

    name: Text
    kind: Literal["number", "word"] = "number"


class FeatureCounts(Contract):
    """counts.json: what `muster_numerics.table_baseline.count_features` returns, in the function or in jobs/baseline.py."""

    rows: Annotated[int, Field(ge=1)]
    features: Annotated[Items[CapturedField], Field(min_length=1)]
    columns: dict[str, Any]


class BaselinePlan(Contract):
    """baseline_plan.json: all that jobs/baseline.py is told."""

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    row_id: Text
    target: Text
    categorical: Items[Text]
    controlled: Items[Text]
    time_ordered: bool
    redaction_key_digest: Digest | None


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
    classes, label
        The classes in the order of the answer's fields, and the name of the column that says which one an answer
        decides for; none for regression.
    columns
        ``muster_numerics.baseline.to_json``.
    controlled
        Of the fields and the label those whose values are controlled.
    redaction_key
        What their words are digested with; the digest is the key's sha256. None: nothing is controlled.
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
    classes: Items[Text] = ()
    label: Text | None = None
    columns: dict[str, Any]
    controlled: Items[Text] = ()
    redaction_key: DocumentRef | None = None
    attributions: Items[Attribution] = ()


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


QualityStatus = Literal["measured", "regressed", "insufficient", "not_measured"]
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
    effects: dict[str, str] = Field(default_factory=dict)
    windows: Items[str] = ()
    quality: QualityStatus = "not_measured"
    announce_quality: bool = False
    quality_metrics: Items[str] = ()
    quality_reasons: Items[str] = ()


# -- what is remembered ------------------------------------------------------------------------------------------------
class Bookkept(Contract):
    """What a run's verdict meant for its endpoint: kept, so that a retry says the same.

    Attributes
    ----------
    counted
        Whether the window counts for the confirmation: windows go forward only.
    windows
        The drifting windows that the confirmation rests on, oldest first.
    reason
        Of the confirmation, in words.
    """

    run: RunId
    outcome: WindowOutcome
    counted: bool
    announce: bool
    announce_quality: bool
    episode: str | None
    windows: Items[str]
    reason: Text


class Announced(Contract):
    """The episode that was announced last, and by which run: no other run announces it again."""

    episode: Text
    run: RunId


class WatchState(Contract):
    """ENDPOINT#<e> / MONITORING: where the watching of an endpoint stands; one conditional write per verdict.

    Attributes
    ----------
    package_arn
        The package that the windows are of: another one begins anew.
    judged_to
        The end of the last window with a verdict other than insufficient.
    episodes
        ``muster_numerics.confirm.to_json``.
    quality_regressed
        Whether the last measured quality was worse than registered.
    last
        What the latest run was told.
    """

    package_arn: Text
    judged_to: Time | None = None
    episodes: dict[str, Any]
    announced: Announced | None = None
    quality_regressed: bool = False
    last: Bookkept | None = None
    version: Annotated[int, Field(ge=0)] = 0


class WindowRecord(Contract):
    """ENDPOINT#<e> (or MODEL#<m>, of a batch) / WINDOW#<end>#<run>: a window that was assessed.

    ``plan_uri`` holds the `PlanRecord`, ``summary`` the JSON text of ``muster_numerics.report_document.summary``.
    """

    counted: bool
    plan_uri: S3Uri
    result: MonitoringOutcome
    summary: Text


class PlanRecord(Contract):
    """<work>plan.json: a plan, and the files in it, each by the beginning of the sha256 of its URI."""

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    planned_at: Time
    plan: MonitoringPlan
    files: Items[str]


# -- the sweep ---------------------------------------------------------------------------------------------------------
SweptWorkflow = Literal["monitoring", "nightly_evaluation", "batch_inference"]


class SweepRequest(Contract):
    """Start a workflow for everything that serves. ``at``: the scheduled time; None: when the sweep began."""

    workflow: SweptWorkflow
    at: Time | None = None


class Sweep(Contract):
    """`list_endpoints`: whole inputs of the executions to start, and what all their names end with."""

    workflow: SweptWorkflow
    state_machine_arn: Text
    suffix: Text
    inputs: Items[dict[str, str]]
