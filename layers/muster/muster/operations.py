"""What an operator should hear of before anybody asks: approvals nearly out of time, leases past their end, stuck work.

No AWS service has a metric for these. `reconcile` reads the ledger and the running executions at every sweep, and emits
the figures; alarms in stacks/operations.yaml watch them, docs/runbook.md says what to do. The figures name no model and
no endpoint: metrics are no place for controlled data.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from muster.contracts.pipeline import PendingApproval
from muster.contracts.spec_terms import MAX_APPROVAL_SECONDS

NAMESPACE = "Muster"
"""CloudWatch namespace of the figures; their one dimension is ``service``, the installation's prefix."""

LONGEST_SECONDS = {
    "approval": 2_599_200 - MAX_APPROVAL_SECONDS,
    "batch_inference": 190_800,
    "deployment": 187_200,
    "evaluation": 280_800,
    "monitoring": 187_200,
    "nightly_evaluation": 158_400,
    "pipeline": 4_075_200 - MAX_APPROVAL_SECONDS,
    "registration": 7_200,
    "retraining": 10_800,
    "rollback": 187_200,
    "sweep": 21_600,
    "training": 1_177_200,
}
"""Each workflow's TimeoutSeconds, less the longest wait for a person; a test holds them against the rendered workflows."""

STUCK_SHARE = 0.5
"""The part of its longest time after which an execution counts as stuck, so that half is left to look and to act."""


@dataclass(frozen=True)
class Running:
    """A running execution: its workflow, and since when it runs (its last redrive, if there was one)."""

    arn: str
    workflow: str
    since: datetime


@dataclass(frozen=True)
class Figures:
    """What one sweep found.

    Attributes
    ----------
    approval_wait_used
        How much of its own wait the most urgent open question has used, in percent; 100 is expired.
    lease_overdue
        How long the most overdue lease of an endpoint is past its end, in seconds. Another deployment may then claim the
        endpoint while the owner of the lease still works on it.
    stuck_executions
        How many executions are stuck.
    """

    approval_wait_used: float
    lease_overdue: float
    stuck_executions: int


def figures(
    running: Iterable[Running], approvals: Iterable[PendingApproval], lease_ends: Iterable[datetime], at: datetime
) -> Figures:
    """Return the figures at a moment.

    Parameters
    ----------
    approvals
        Those that are open, or decided without the waiting execution knowing.
    lease_ends
        When the leases end whose owners still run, or may be about to start.
    """
    asked = list(approvals)
    waited = _waits(asked, at)
    return Figures(
        approval_wait_used=max((_used(each, at) for each in asked if each.status == "pending"), default=0.0),
        lease_overdue=max(((at - end).total_seconds() for end in lease_ends if end < at), default=0.0),
        stuck_executions=sum(_stuck(each, waited.get(each.arn, timedelta()), at) for each in running),
    )


def _stuck(execution: Running, waited: timedelta, at: datetime) -> bool:
    """Tell whether an execution has run for more than `STUCK_SHARE` of the longest time that its workflow may take.

    Step Functions ends it at the whole of that time. The wait for a person is not counted, up to the expiry that the
    question was given: an execution that goes on waiting after it is stuck.
    """
    ran = at - execution.since - waited
    return ran.total_seconds() > STUCK_SHARE * LONGEST_SECONDS[execution.workflow]


def _waits(approvals: Iterable[PendingApproval], at: datetime) -> dict[str, timedelta]:
    """Return how long each execution has waited for a person: `approval`'s own, and the pipeline around it."""
    waits: dict[str, timedelta] = {}
    for each in approvals:
        ended = min(each.decided_at or at, each.expires_at)
        for arn in (each.execution_arn, each.pipeline_execution_arn):
            if arn is not None:
                waits[arn] = max(ended - each.requested_at, timedelta())
    return waits


def _used(approval: PendingApproval, at: datetime) -> float:
    whole = (approval.expires_at - approval.requested_at).total_seconds()
    return min(100.0, max(0.0, 100.0 * (at - approval.requested_at).total_seconds() / whole)) if whole > 0 else 100.0
