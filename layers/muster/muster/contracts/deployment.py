"""From an approved package to traffic: what `deployment` and `rollback` hand on and record."""

from typing import Annotated, Any, Literal

from pydantic import Field

from muster.contracts.base import Contract, Digest, ImageDigest, Items, ModelName, S3Uri, Text, Time

Workflow = Literal["deployment", "rollback"]


class DeploymentRequest(Contract):
    """Deploy this package, and only with this evidence."""

    model_package_arn: Text
    evidence_digest: Digest
    model: ModelName | None = None
    run: str | None = None


class RollbackRequest(Contract):
    """Go back to the last known good model of an endpoint."""

    endpoint: Text
    reason: str | None = None


class Claim(Contract):
    """`claim_endpoint`: the lease is ours, or why not."""

    status: Literal["claimed", "refused"]
    reason: str | None = None
    endpoint: Text
    model: ModelName | None = None
    package_arn: str | None = None
    evidence_digest: Digest | None = None
    lease_expires_at: Time | None = None


class Expected(Contract):
    """What DescribeEndpoint has to show when a rollout has gone well."""

    config_name: Text
    image_digest: ImageDigest
    variant: Text
    weight: float
    instance_count: Annotated[int, Field(ge=1)]


class DeploymentPlan(Contract):
    """`plan_deployment` and `plan_rollback`. With ``refused`` only endpoint and reason are set.

    ``model_request`` and ``config_request`` are whole CreateModel and CreateEndpointConfig requests (null in a
    rollback: both exist), ``alarms`` whole PutMetricAlarm requests, ``wait_steps`` the seconds between looks at the
    endpoint. ``problem_type`` and ``classes`` (how many) say what a sane answer to a golden record is.
    """

    status: Literal["ready", "refused"]
    reason: str | None = None
    endpoint: Text
    endpoint_exists: bool = False
    config_name: str | None = None
    previous_config: str | None = None
    model_request: dict[str, Any] | None = None
    config_request: dict[str, Any] | None = None
    alarms: Items[dict[str, Any]] = ()
    deployment_config: dict[str, Any] | None = None
    wait_steps: Items[int] = ()
    golden_uri: S3Uri | None = None
    expected: Expected | None = None
    package_arn: str | None = None
    evidence_digest: Digest | None = None
    artifact_digest: Digest | None = None
    problem_type: Literal["binary", "multiclass", "regression"] | None = None
    classes: int | None = None


class DeployedImage(Contract):
    """Member of DescribeEndpoint; other members are dropped by the reader."""

    specified: str | None = None
    resolved: str | None = None


class VariantFacts(Contract):
    """A production variant as DescribeEndpoint shows it."""

    name: Text
    images: Items[DeployedImage] = ()
    current_weight: float | None = None
    current_instance_count: int | None = None


class EndpointFacts(Contract):
    """What Muster reads of DescribeEndpoint; `rollout.endpoint_facts` makes it."""

    status: Text
    config_name: str | None = None
    variants: Items[VariantFacts] = ()
    failure_reason: str | None = None


Bounds = float | Items[float]
"""One bound, or one per prediction column."""


class GoldenExpectation(Contract):
    """Where the numbers of an answer have to lie."""

    low: Bounds | None = None
    high: Bounds | None = None


class GoldenLine(Contract):
    """One line of golden.jsonl: a request that every good version answers sanely.

    ``body`` is a request body (CSV: one row without header, row id and target). Each number of the answer has to be
    finite and, where ``expect`` says so, between ``low`` and ``high``.
    """

    content_type: Literal["text/csv"] = "text/csv"
    body: Text
    expect: GoldenExpectation = GoldenExpectation()
    name: str | None = None


class GoldenRecord(Contract):
    """A golden record as `rollout.read_golden_records` reads it: ``low`` and ``high`` hold one bound per column."""

    name: Text
    input: Text
    low: Items[float] | None = None
    high: Items[float] | None = None


class Verification(Contract):
    """`verify_deployment`."""

    verdict: Literal["deployed", "rolled_back", "unhealthy"]
    reasons: Items[str]


class DeploymentResult(Contract):
    """Output of `deployment` and `rollback`."""

    outcome: Literal["deployed", "rolled_back", "refused"]
    endpoint: Text
    config_name: str | None = None
    package_arn: str | None = None
    evidence_digest: Digest | None = None
    reasons: Items[str] = ()


class HistoryRecord(Contract):
    """One deployment or rollback of an endpoint (ledger: ENDPOINT#<e> / HISTORY#<time>#<execution>).

    ``config_name`` is what the execution wanted to serve, ``previous_config`` what served when it began. So after a
    `deployment` that ended ``rolled_back`` the previous configuration serves; after a `rollback` that ended
    ``rolled_back`` the ``config_name`` does.
    """

    workflow: Workflow
    at: Time
    execution_arn: Text
    endpoint: Text
    config_name: str | None
    model_name: str | None = None
    model: ModelName | None = None
    package_arn: str | None = None
    evidence_digest: Digest | None = None
    artifact_digest: Digest | None = None
    image_digest: ImageDigest | None = None
    outcome: Literal["deployed", "rolled_back", "refused", "failed"]
    previous_config: str | None = None
    reasons: Items[str] = ()
