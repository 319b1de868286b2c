"""Checks once more that the package may serve, and plans how: model, configuration, alarms, shifts, waits.

``{claim, execution, entered_at} -> DeploymentPlan``
"""

from typing import Any

from muster import history
from muster.aws.clearance import Clearance
from muster.aws.endpoints import Serving
from muster.aws.ledger import Ledger
from muster.aws.ledger_approvals import Approvals
from muster.aws.ledger_endpoints import Endpoints
from muster.aws.registry import SageMakerModelRegistry
from muster.aws.s3 import ObjectStore
from muster.contracts.base import Contract, Time, iso, parse
from muster.contracts.deployment import Claim, DeploymentPlan
from muster.contracts.pipeline import Execution
from muster.errors import ContractError, Refused
from muster.plans import deployment
from muster.runtime import Event, entry, settings

_BUSY = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})


class Input(Contract):
    """The function's event."""

    claim: Claim
    execution: Execution
    entered_at: Time


@entry
def handler(event: Event) -> DeploymentPlan:
    """Ask registry and ledger, look at the endpoint, plan; a no is a plan that says ``refused``."""
    given = parse(Input, event, "plan_deployment")
    claim, names = given.claim, settings()
    if claim.package_arn is None or claim.evidence_digest is None:
        raise ContractError("claim: found no package_arn or evidence_digest, wanted both for a deployment")
    ledger = Ledger.of(names)
    registry, approvals = SageMakerModelRegistry(), Approvals(ledger)
    clearance = Clearance(registry, approvals, ObjectStore.of(names), names.records_bucket)
    try:
        cleared = clearance.check(claim.package_arn, claim.evidence_digest)
        previous = _previous_config(Serving(), claim.endpoint)
    except Refused as refusal:
        return deployment.refused(claim.endpoint, str(refusal))
    plan = deployment.plan(
        cleared.servable,
        cleared.spec,
        names,
        endpoint=claim.endpoint,
        previous_config=previous,
        execution_arn=given.execution.arn,
        entered_at=iso(given.entered_at),
    )
    Endpoints(ledger).attempt(history.intended("deployment", claim, plan, given.execution.arn, given.entered_at))
    return plan


def _previous_config(serving: Serving, endpoint: str) -> str | None:
    """Return the configuration that serves, None where there is no endpoint yet.

    Raises
    ------
    Refused
        The endpoint cannot be updated now, or there would be no way back.
    """
    described: dict[str, Any] | None = serving.endpoint(endpoint)
    if described is None:
        return None
    status = described["EndpointStatus"]
    if status != "InService":
        why = "it is busy" if status in _BUSY else "a person has to look at it"
        raise Refused(f"endpoint {endpoint}: found status {status}, wanted InService: {why}")
    config = str(described["EndpointConfigName"])
    if serving.config(config) is None:
        raise Refused(f"endpoint {endpoint}: its configuration {config} was deleted, so there would be no way back")
    return config
