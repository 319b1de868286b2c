"""An endpoint's history: the record that a deployment or rollback leaves, and whether an endpoint serves what it names."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from muster.contracts.base import Items
from muster.contracts.deployment import Claim, DeploymentPlan, HistoryRecord, Workflow
from muster.contracts.events import ServingChanged

Recorded = Literal["deployed", "rolled_back", "refused", "failed"]
GOES_WELL: dict[Workflow, Literal["deployed", "rolled_back"]] = {"deployment": "deployed", "rollback": "rolled_back"}
"""How each workflow ends when the configuration that it planned serves."""
EVENTS: dict[Recorded, str] = {"deployed": "ModelDeployed", "rolled_back": "ModelRolledBack"}
"""What is announced when another model serves."""


def record(
    workflow: Workflow,
    claim: Claim,
    plan: DeploymentPlan | None,
    execution_arn: str,
    at: datetime,
    outcome: Recorded,
    reasons: Items[str] = (),
) -> HistoryRecord:
    """Return the record of one deployment or rollback. What the plan does not say, because it refused, the claim does."""
    request = (plan.model_request or {}) if plan else {}
    expected = plan.expected if plan else None
    return HistoryRecord(
        workflow=workflow,
        at=at,
        execution_arn=execution_arn,
        endpoint=claim.endpoint,
        config_name=plan.config_name if plan else None,
        model_name=request.get("ModelName"),
        model=claim.model,
        package_arn=(plan.package_arn if plan else None) or claim.package_arn,
        evidence_digest=(plan.evidence_digest if plan else None) or claim.evidence_digest,
        artifact_digest=plan.artifact_digest if plan else None,
        image_digest=expected.image_digest if expected else None,
        outcome=outcome,
        previous_config=plan.previous_config if plan else None,
        reasons=reasons,
    )


def intended(workflow: Workflow, claim: Claim, plan: DeploymentPlan, execution_arn: str, at: datetime) -> HistoryRecord:
    """Return what will be true if the plan's configuration comes to serve; kept until the execution has recorded its end."""
    return record(workflow, claim, plan, execution_arn, at, GOES_WELL[workflow])


def serves(described: Mapping[str, Any] | None, config_name: str | None) -> bool:
    """Return whether DescribeEndpoint's answer shows this configuration in service."""
    return bool(
        described
        and config_name
        and described["EndpointStatus"] == "InService"
        and described["EndpointConfigName"] == config_name
    )


def change(serving: HistoryRecord) -> ServingChanged | None:
    """Return the event's detail that says what serves; None when the record does not name a whole deployment."""
    if not (serving.model and serving.package_arn and serving.evidence_digest and serving.config_name):
        return None
    return ServingChanged(
        model=serving.model,
        endpoint=serving.endpoint,
        package_arn=serving.package_arn,
        evidence_digest=serving.evidence_digest,
        config_name=serving.config_name,
        execution_arn=serving.execution_arn,
        at=serving.at,
    )
