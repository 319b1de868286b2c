"""From a request to a registered model: what the pipeline's workflows hand on."""

from typing import Annotated, Any, Literal

from pydantic import Field

from muster.contracts.base import Contract, Digest, ImageDigest, Items, ModelName, RunId, S3Uri, Text, Time
from muster.contracts.documents import BaselineRef
from muster.contracts.spec_terms import ProblemType

Trigger = Literal["manual", "schedule", "drift", "data", "quality"]


class PipelineRequest(Contract):
    """What a person, a schedule or `retraining` asks for.

    ``trigger`` is information for the report only; who started a run is read from CloudTrail.
    """

    model: ModelName
    spec_digest: Digest | None = None
    reason: str | None = None
    trigger: Trigger = "manual"


class Execution(Contract):
    """An execution of a state machine, as the context object shows it."""

    arn: Text
    name: Text
    started_at: Time | None = None


class Publication(Contract):
    """A published version of a model's code and spec (ledger: MODEL#<m> / PUBLICATION and PUBLICATION#<spec
    digest>)."""

    model: ModelName
    spec_digest: Digest
    spec_uri: S3Uri
    code_digest: Digest
    code_uri: S3Uri
    golden_uri: S3Uri
    image_uri: Text
    image_digest: ImageDigest
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")]
    publisher: Text
    published_at: Time
    problem_type: ProblemType


class Run(Contract):
    """One run of the pipeline: everything it will use, by digest. ``image_uri`` is pinned (``…@sha256:…``)."""

    run: RunId
    execution_arn: Text
    started_at: Time
    model: ModelName
    trigger: Trigger
    spec_digest: Digest
    spec_uri: S3Uri
    code_digest: Digest
    code_uri: S3Uri
    golden_uri: S3Uri
    image_uri: Annotated[str, Field(pattern=r"@sha256:[0-9a-f]{64}$", max_length=255)]
    image_digest: ImageDigest
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")]
    publisher: Text
    problem_type: ProblemType
    approval_wait_seconds: Annotated[int, Field(ge=1)]


class SnapshotRef(Contract):
    """A pinned training set. ``data_uri`` is the prefix of its objects, ``bytes`` their sum."""

    digest: Digest
    manifest_uri: S3Uri
    data_uri: S3Uri
    objects: Annotated[int, Field(ge=1)]
    bytes: Annotated[int, Field(ge=0)]


class JobFragment(Contract):
    """The variable members of one CreateProcessingJob request; the fixed ones stand in the ASL."""

    image_uri: Text
    inputs: Items[dict[str, Any]]
    outputs: Items[dict[str, Any]]
    entrypoint: Items[str]
    arguments: Items[str]
    instance_type: Text
    instance_count: int
    volume_gb: int
    max_runtime_seconds: int
    environment: dict[str, str]
    vpc_config: dict[str, Any]


class SnapshotComplete(Contract):
    """`snapshot_data`: the snapshot stands."""

    status: Literal["complete"] = "complete"
    snapshot: SnapshotRef


class SnapshotNeedsHashes(Contract):
    """`snapshot_data`: too large for the function, a job has to hash it first. ``hashes_uri`` is where it will
    write."""

    status: Literal["hash_needed"] = "hash_needed"
    job: JobFragment
    hashes_uri: S3Uri


class TrainingFragment(Contract):
    """The variable members of one CreateTrainingJob request."""

    image_uri: Text
    channels: Items[dict[str, Any]]
    hyperparameters: dict[str, str]
    output_uri: S3Uri
    checkpoint_uri: S3Uri
    instance_type: Text
    instance_count: int
    volume_gb: int
    max_runtime_seconds: int
    max_wait_seconds: int
    spot: bool
    fall_back: bool
    environment: dict[str, str]
    vpc_config: dict[str, Any]


class TrainingPlan(Contract):
    """`plan_training`."""

    prepare: JobFragment
    training: TrainingFragment


class ArtifactRef(Contract):
    """A sealed model.tar.gz: copied to a key that is named by its digest, under Object Lock."""

    uri: S3Uri
    digest: Digest
    bytes: Annotated[int, Field(ge=1)]
    version_id: str | None = None


class TrainingJobRef(Contract):
    """The job that made the artifact."""

    name: Text
    arn: Text
    seconds: Annotated[int, Field(ge=0)]
    billable_seconds: Annotated[int, Field(ge=0)]
    spot: bool


class TrainingResult(Contract):
    """Output of `training`. ``baseline`` counts the features; None while the baseline is not made yet."""

    snapshot: SnapshotRef
    artifact: ArtifactRef
    training_job: TrainingJobRef
    hyperparameters: dict[str, str]
    baseline: BaselineRef | None = None


class BaselineComplete(Contract):
    """`make_baseline`: the features' baseline stands, and the training's result names it."""

    status: Literal["complete"] = "complete"
    training: TrainingResult


class BaselineNeedsCounts(Contract):
    """`make_baseline`: the data are too many for the function, a job counts them first. ``counts_uri`` is where it will
    write."""

    status: Literal["job_needed"] = "job_needed"
    job: JobFragment
    counts_uri: S3Uri


class SealedBaseline(Contract):
    """`seal_baseline`: the model's baseline; None when `training` made none (it ran before Muster made baselines)."""

    baseline: BaselineRef | None = None


class RegisteredModel(Contract):
    """Output of `registration`. ``evidence_digest`` is *the* evidence digest: what a person approves."""

    package_arn: Text
    package_group: Text
    version: Annotated[int, Field(ge=1)]
    evidence_uri: S3Uri
    evidence_digest: Digest


class EvidenceRef(Contract):
    """Where an evidence document is: `assemble_evidence`."""

    evidence_uri: S3Uri
    evidence_digest: Digest


class ApprovalDecision(Contract):
    """Output of `approval`."""

    decision: Literal["approved", "rejected", "expired"]
    package_arn: Text
    evidence_digest: Digest
    approver: str | None = None
    decided_at: Time
    reason: str


class PendingApproval(Contract):
    """An approval and what became of it (ledger: PACKAGE#<arn> / APPROVAL).

    ``execution_arn`` is `approval`'s own, ``pipeline_execution_arn`` the one whose starter may not approve.
    """

    package_arn: Text
    run: RunId
    execution_arn: Text | None = None
    pipeline_execution_arn: Text
    model: ModelName
    evidence_digest: Digest
    evidence_uri: S3Uri
    publisher: Text
    token: Text
    requested_at: Time
    expires_at: Time
    status: Literal["pending", "approved", "rejected", "expired", "void"]
    approver: str | None = None
    decided_at: Time | None = None
    reason: str | None = None


class PipelineOutcome(Contract):
    """Output of `pipeline`."""

    outcome: Literal["approved", "rejected", "expired", "failed_gate", "kept_champion"]
    run: RunId
    model: ModelName
    package_arn: str | None = None
    evidence_digest: Digest | None = None
    report_uri: str | None = None
    reasons: Items[str] = ()
