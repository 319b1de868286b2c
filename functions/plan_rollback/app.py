"""Finds the last known good deployment of an endpoint, and plans the way back to it.

``{claim, execution, entered_at} -> DeploymentPlan``

Good is what was deployed, was not rolled back from, and may serve today: still approved, its bytes and its
configuration still there.
"""

from muster import history, rollout
from muster.aws.clearance import Clearance, Cleared
from muster.aws.endpoints import Serving
from muster.aws.ledger import Ledger
from muster.aws.ledger_approvals import Approvals
from muster.aws.ledger_endpoints import Endpoints
from muster.aws.registry import SageMakerModelRegistry
from muster.aws.s3 import ObjectStore
from muster.contracts.base import Contract, Time, parse
from muster.contracts.deployment import Claim, DeploymentPlan, HistoryRecord
from muster.contracts.pipeline import Execution
from muster.errors import Refused
from muster.plans import deployment
from muster.runtime import Event, entry, settings


class Input(Contract):
    """The function's event."""

    claim: Claim
    execution: Execution
    entered_at: Time


@entry
def handler(event: Event) -> DeploymentPlan:
    """Look at the endpoint, choose, plan; a no is a plan that says ``refused``."""
    given = parse(Input, event, "plan_rollback")
    names, endpoint, serving = settings(), given.claim.endpoint, Serving()
    ledger = Ledger.of(names)
    endpoints = Endpoints(ledger)
    clearance = Clearance(SageMakerModelRegistry(), Approvals(ledger), ObjectStore.of(names), names.records_bucket)
    cleared: dict[str | None, Cleared] = {}

    def problem_with(record: HistoryRecord) -> str | None:
        try:
            cleared[record.config_name] = _check(record, clearance, serving)
        except Refused as refusal:
            return str(refusal)
        return None

    try:
        live = _live(endpoint, endpoints, serving)
        target = rollout.choose_last_good(endpoints.history(endpoint), live, problem_with)
    except Refused as refusal:
        return deployment.refused(endpoint, str(refusal))
    found = cleared[target.config_name]
    plan = deployment.plan_back(
        target, found.spec, names, live_config=live.config_name or "", golden_uri=found.servable.golden_uri
    )
    endpoints.attempt(history.intended("rollback", given.claim, plan, given.execution.arn, given.entered_at))
    return plan


def _live(endpoint: str, endpoints: Endpoints, serving: Serving) -> HistoryRecord:
    """Return the record of what serves; the endpoint itself says which configuration that is."""
    described, live = serving.endpoint(endpoint), endpoints.live(endpoint)
    if described is None or live is None:
        raise Refused(
            f"endpoint {endpoint}: found nothing that Muster deployed, wanted an endpoint that it did deploy to"
        )
    if described["EndpointStatus"] != "InService":
        raise Refused(f"endpoint {endpoint}: found status {described['EndpointStatus']}, wanted InService")
    return live.model_copy(update={"config_name": described["EndpointConfigName"]})


def _check(record: HistoryRecord, clearance: Clearance, serving: Serving) -> Cleared:
    config = serving.config(record.config_name) if record.config_name else None
    if config is None:
        raise Refused("its endpoint configuration was deleted")
    for variant in config["ProductionVariants"]:
        if serving.model(variant["ModelName"]) is None:
            raise Refused(f"its model {variant['ModelName']} was deleted")
    if record.package_arn is None or record.evidence_digest is None:
        raise Refused("its record names no package")
    return clearance.check(record.package_arn, record.evidence_digest)
