"""evidence.json: what an assessor reads about one model version. Its sha256 is the evidence digest."""

from typing import Annotated, Any, Literal

from pydantic import Field

from muster.contracts.base import Contract, Digest, ImageDigest, Items, ModelName, RunId, S3Uri, Text, Time
from muster.contracts.documents import BaselineRef
from muster.contracts.evaluation import HoldoutKind, PrimaryScore
from muster.contracts.pipeline import ArtifactRef, SnapshotRef, Trigger
from muster.contracts.spec import CardSpec
from muster.contracts.spec_terms import ProblemType


class TrainingEvidence(Contract):
    """The training job and its inputs. ``seeds`` are the hyperparameters that fix chance."""

    job_name: Text
    job_arn: Text
    seconds: int
    billable_seconds: int
    spot: bool
    instance_type: Text
    instance_count: int
    entry_point: Text
    hyperparameters: dict[str, str]
    seeds: dict[str, str]
    input_manifest_uri: S3Uri
    input_manifest_digest: Digest


class CodeEvidence(Contract):
    """Where the code came from, and who published it."""

    commit: Text
    code_uri: S3Uri
    code_digest: Digest
    spec_uri: S3Uri
    spec_digest: Digest
    publisher: Text


class ImageEvidence(Contract):
    """The container image of every job and of the endpoint."""

    uri: Text
    digest: ImageDigest
    framework: Text
    version: Text


class EvaluationEvidence(Contract):
    """The verdict and where its figures are."""

    verdict: Literal["passed"]
    reasons: Items[str]
    primary: PrimaryScore
    evaluation_uri: S3Uri
    evaluation_digest: Digest
    report_uri: S3Uri
    report_digest: Digest
    holdouts: dict[HoldoutKind, Digest]
    champion_package_arn: str | None
    policy_digest: Digest


class RecordedElsewhere(Contract):
    """A fact that comes after this document: recorded under the evidence digest, in the ledger."""

    statement: Text
    table: Text
    keys: Annotated[Items[str], Field(min_length=1)]


class ExecutionEvidence(Contract):
    """The run that made the model."""

    run: RunId
    execution_arn: Text
    started_at: Time
    trigger: Trigger


class Evidence(Contract):
    """The document: the eight facts of requirement R1, and what else reproduces and explains the model.

    R1: ``artifact``; ``training`` with its input manifest; ``code.commit``; ``image.digest``; ``data``; ``evaluation``;
    ``approval``; ``deployment_history``. ``baseline`` is what the model's traffic is held against.
    """

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    model: ModelName
    problem_type: ProblemType
    produced_by: ExecutionEvidence
    artifact: ArtifactRef
    training: TrainingEvidence
    code: CodeEvidence
    image: ImageEvidence
    data: SnapshotRef
    evaluation: EvaluationEvidence
    approval: RecordedElsewhere
    deployment_history: RecordedElsewhere
    card: CardSpec
    baseline: BaselineRef | None = None

    def payload(self) -> dict[str, Any]:
        """Return the document's data. One without a baseline does not name it: so were all written before there was one,
        and their digests are those of these bytes.
        """
        data = super().payload()
        if self.baseline is None:
            del data["baseline"]
        return data
