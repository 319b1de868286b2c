"""Deployments and rollbacks whose execution ended without recording it: stopped, timed out, or lost.

SageMaker goes on with an update when the execution that asked for it is gone. What came of it is found by looking, once
the endpoint has settled, and written down as `record_deployment` would have done.
"""

from datetime import datetime

from muster import history
from muster.aws.endpoints import Serving
from muster.aws.events import EventBus
from muster.aws.executions import Executions
from muster.aws.ledger_endpoints import Endpoints
from muster.contracts.deployment import HistoryRecord

_MOVING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})


def conclude(endpoints: Endpoints, serving: Serving, executions: Executions, bus: EventBus, at: datetime) -> list[str]:
    """Record every abandoned attempt whose endpoint has settled; return a line for each.

    Every step can be repeated; the attempt itself goes last. ``at`` is the time of the sweep.
    """
    concluded = []
    for attempt in endpoints.attempts():
        owner = executions.describe(attempt.execution_arn)
        if (owner is not None and owner.running) or endpoints.lease(attempt.endpoint) is not None:
            continue
        described = serving.endpoint(attempt.endpoint)
        if described is not None and described["EndpointStatus"] in _MOVING:
            continue
        why = f"the execution ended {owner.status if owner else 'long ago'} without recording it"
        if history.serves(described, attempt.config_name):
            _serves(attempt, why, endpoints, bus, at)
            concluded.append(f"{attempt.workflow} of {attempt.config_name} to {attempt.endpoint}: it serves, recorded")
        else:
            reasons = (why, f"{attempt.config_name} does not serve")
            endpoints.record(attempt.model_copy(update={"outcome": "failed", "reasons": reasons}))
            concluded.append(f"{attempt.workflow} of {attempt.config_name} to {attempt.endpoint}: failed, recorded")
        endpoints.forget_attempt(attempt)
    return concluded


def _serves(attempt: HistoryRecord, why: str, endpoints: Endpoints, bus: EventBus, at: datetime) -> None:
    record = attempt.model_copy(update={"reasons": (why, "found in service, not verified with golden records")})
    endpoints.record(record)
    endpoints.set_live(record)
    if record.workflow == "deployment" and record.package_arn and record.evidence_digest:
        owner = record.execution_arn
        endpoints.finish(record.endpoint, record.package_arn, record.evidence_digest, owner, "deployed", at)
    change = history.change(record)
    if change is not None:
        bus.put(history.EVENTS[record.outcome], change)
