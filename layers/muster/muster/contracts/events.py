"""Events on Muster's own bus (source ``muster``): the detail of each. Events are hints; the registry is the truth."""

from typing import Literal

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
    """The population has moved. Written by monitoring; ``window`` names the time that was looked at."""

    model: ModelName
    verdict: Literal["drift"]
    window: Text
    evidence_uri: S3Uri
    features: Items[str] = ()
