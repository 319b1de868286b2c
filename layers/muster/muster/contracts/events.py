"""Events on Muster's own bus (source ``muster``): the detail of each. Events are hints; the registry is the truth."""

from typing import Annotated, Literal

from pydantic import Field

from muster.contracts.base import Contract, Digest, Items, ModelName, RunId, S3Uri, Text, Time

SOURCE = "muster"


class ModelApproved(Contract):
    """`pipeline` ended with an approval; each environment's `deployment` starts from it."""

    model: ModelName
    model_package_arn: Text
    evidence_digest: Digest
    run: RunId


class PipelineFinished(Contract):
    """`pipeline` ended with any other outcome."""

    model: ModelName
    run: RunId
    outcome: Literal["rejected", "expired", "failed_gate", "kept_champion"]
    reasons: Items[str] = ()


class ServingChanged(Contract):
    """Another model serves: detail of ``ModelDeployed`` and of ``ModelRolledBack``."""

    model: ModelName
    endpoint: Text
    package_arn: Text
    evidence_digest: Digest
    config_name: Text
    execution_arn: Text
    at: Time


class DriftDetected(Contract):
    """The population has moved, confirmed: one event per episode, written by `monitoring` and `batch_inference`.

    Attributes
    ----------
    window
        Start and end of the window that confirmed it.
    evidence_uri
        The drift report (drift_report.json).
    features
        The columns that moved, the largest effect first.
    effects
        How far, in words, by column: the difference and its p-value; no value of a controlled field.
    windows
        The windows that the confirmation rests on, oldest first.
    episode, endpoint, package_arn
        By which the governor knows a repeat, and drift of a model that serves no more.
    """

    model: ModelName
    verdict: Literal["drift"]
    window: Text
    evidence_uri: S3Uri
    features: Items[str] = ()
    effects: dict[str, str] = Field(default_factory=dict)
    windows: Items[str] = ()
    episode: str | None = None
    endpoint: str | None = None
    package_arn: str | None = None


class QualityRegressed(Contract):
    """A model in production is worse than it was registered: by later labels, or by its frozen holdouts at night."""

    model: ModelName
    endpoint: Text
    package_arn: Text
    source: Literal["ground_truth", "nightly_evaluation"]
    metrics: Annotated[Items[str], Field(min_length=1)]
    reasons: Annotated[Items[str], Field(min_length=1)]
    evidence_uri: S3Uri
