"""Writes down how a deployment or rollback ended, tidies up, tells the others, and frees the endpoint.

``{claim, plan?, verification?, fault?, workflow, execution, entered_at} -> DeploymentResult``

What is recorded as serving is what the endpoint says, also after a fault. Every step can be repeated; the lease goes
last.
"""

import contextlib
import re
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ConfigDict

from muster import history, naming, rollout
from muster.aws.endpoints import Serving
from muster.aws.events import EventBus
from muster.aws.ledger import Ledger
from muster.aws.ledger_endpoints import DeploymentStatus, Endpoints
from muster.contracts.base import Contract, Items, Time, parse
from muster.contracts.deployment import Claim, DeploymentPlan, DeploymentResult, HistoryRecord, Verification, Workflow
from muster.contracts.pipeline import Execution
from muster.errors import Refused
from muster.runtime import Event, entry, settings

Result = Literal["deployed", "rolled_back", "refused"]


class Fault(Contract):
    """What `explain_failure` found."""

    model_config = ConfigDict(extra="ignore")

    error: str
    cause: str


class Input(Contract):
    """The function's event."""

    claim: Claim
    plan: DeploymentPlan | None = None
    verification: Verification | None = None
    fault: Fault | None = None
    workflow: Workflow
    execution: Execution
    entered_at: Time


@dataclass(frozen=True)
class Conclusion:
    """How it ended: for the record, for the caller, and why."""

    recorded: history.Recorded
    result: Result
    reasons: Items[str]


@entry
def handler(event: Event) -> DeploymentResult:
    """Conclude, record, tidy, announce, release."""
    given = parse(Input, event, "record_deployment")
    names, serving = settings(), Serving()
    endpoint, endpoints = given.claim.endpoint, Endpoints(Ledger.of(names))
    described = serving.endpoint(endpoint)
    ended = _conclude(given, described)
    record = history.record(
        given.workflow, given.claim, given.plan, given.execution.arn, given.entered_at, ended.recorded, ended.reasons
    )
    endpoints.record(record)
    _update_live(record, given, described, endpoints)
    _finish_marks(given, ended, endpoints)
    if described is not None and described["EndpointStatus"] == "InService":
        _remove_old_alarms(endpoint, str(described["EndpointConfigName"]), endpoints, serving, names.prefix)
    _announce(ended, record, described, endpoints, EventBus.of(names))
    endpoints.forget_attempt(record)
    endpoints.release(endpoint, given.execution.arn)
    return DeploymentResult(
        outcome=ended.result,
        endpoint=endpoint,
        config_name=record.config_name,
        package_arn=record.package_arn,
        evidence_digest=record.evidence_digest,
        reasons=ended.reasons,
    )


# -- how it ended ------------------------------------------------------------------------------------------------------
def _conclude(given: Input, described: dict[str, Any] | None) -> Conclusion:
    serves = _what_serves(given.claim.endpoint, described)
    if given.fault is not None:
        new_serves = given.plan is not None and history.serves(described, given.plan.config_name)
        why = f"{given.fault.error}: {given.fault.cause}"
        went_forward: Result = "deployed" if given.workflow == "deployment" else "rolled_back"
        return Conclusion("failed", went_forward if new_serves else "rolled_back", (why, serves))
    for refusal in (given.claim, given.plan):
        if refusal is not None and refusal.status == "refused":
            return Conclusion("refused", "refused", (refusal.reason or "no reason given",))
    if given.verification is None:
        return Conclusion("failed", "rolled_back", ("nothing was verified", serves))
    verdict, reasons = given.verification.verdict, given.verification.reasons
    if verdict == "unhealthy":
        return Conclusion("failed", "rolled_back", (*reasons, serves))
    return Conclusion(verdict, verdict, reasons)


def _what_serves(endpoint: str, described: dict[str, Any] | None) -> str:
    if described is None:
        return f"there is no endpoint {endpoint}"
    return f"endpoint {endpoint} is {described['EndpointStatus']} on {described['EndpointConfigName']}"


# -- the ledger --------------------------------------------------------------------------------------------------------
def _update_live(record: HistoryRecord, given: Input, described: dict[str, Any] | None, endpoints: Endpoints) -> None:
    if described is None:
        # Only who held the lease may say that nothing serves: it deleted the endpoint, or found none.
        if given.claim.status == "claimed":
            endpoints.clear_live(record.endpoint, record.at)
    elif record.outcome != "refused" and history.serves(described, record.config_name):
        endpoints.set_live(record)
    elif given.claim.status == "claimed":
        _correct_live(record, described, endpoints)


def _correct_live(record: HistoryRecord, described: dict[str, Any], endpoints: Endpoints) -> None:
    """Say again what serves, when an earlier attempt of this execution had recorded a configuration that was then undone."""
    live = endpoints.live(record.endpoint)
    if live is None or history.serves(described, live.config_name):
        return
    for served in endpoints.history(record.endpoint):
        if served.outcome in ("deployed", "rolled_back") and history.serves(described, served.config_name):
            endpoints.set_live(served.model_copy(update={"at": record.at}))
            return


def _finish_marks(given: Input, ended: Conclusion, endpoints: Endpoints) -> None:
    claim, at = given.claim, given.entered_at
    if claim.status != "claimed":
        return
    if given.workflow == "deployment" and claim.package_arn and claim.evidence_digest:
        status: DeploymentStatus = "failed" if ended.recorded == "refused" else ended.recorded
        endpoints.finish(claim.endpoint, claim.package_arn, claim.evidence_digest, given.execution.arn, status, at)
    if given.workflow == "rollback" and ended.recorded == "rolled_back" and given.plan is not None:
        for left in endpoints.history(claim.endpoint):
            if left.config_name == given.plan.previous_config and left.package_arn and left.evidence_digest:
                endpoints.supersede(claim.endpoint, left.package_arn, left.evidence_digest, at)


# -- tidying and telling -----------------------------------------------------------------------------------------------
def _remove_old_alarms(endpoint: str, live_config: str, endpoints: Endpoints, serving: Serving, prefix: str) -> None:
    """Remove the alarms of configurations that neither serve nor are the last good one. Configurations stay."""
    kept = {live_config}
    live = endpoints.live(endpoint)
    if live is not None:
        with contextlib.suppress(Refused):  # the first deployment has nothing to go back to
            kept.add(rollout.choose_last_good(endpoints.history(endpoint), live, lambda _: None).config_name or "")
    # Another endpoint's name may begin with this one's: after it comes exactly one configuration's unique part.
    mine = re.compile(re.escape(naming.alarm_prefix(prefix, endpoint)) + r"[0-9a-f]{12}-")
    wanted = tuple(naming.alarm_name(prefix, endpoint, config, "") for config in kept if config)
    old = [name for name in serving.alarms(naming.alarm_prefix(prefix, endpoint)) if not name.startswith(wanted)]
    serving.delete_alarms([name for name in old if mine.match(name)])


def _announce(
    ended: Conclusion, record: HistoryRecord, described: dict[str, Any] | None, endpoints: Endpoints, bus: EventBus
) -> None:
    """Tell what serves now: the package of this record, or after an automatic rollback the one that still does."""
    if ended.recorded not in ("deployed", "rolled_back"):
        return
    serves = record if history.serves(described, record.config_name) else endpoints.live(record.endpoint)
    if serves is None or not history.serves(described, serves.config_name):
        return
    change = history.change(serves.model_copy(update={"execution_arn": record.execution_arn, "at": record.at}))
    if change is not None:
        bus.put(history.EVENTS[ended.recorded], change)
