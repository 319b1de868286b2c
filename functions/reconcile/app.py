"""Finds what no event reported: answers nobody acted on, what ended executions hold, retrainings that led nowhere.

``{"time": "<aws.scheduler.scheduled-time>"} -> {mended: [...]}``

What is left after a sweep is measured: the figures of `muster.operations` go to CloudWatch through the log.
"""

from datetime import datetime

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

from muster import naming, operations
from muster.aws import abandoned
from muster.aws.endpoints import Serving
from muster.aws.events import EventBus
from muster.aws.executions import Executions
from muster.aws.judging import Judging
from muster.aws.ledger import Ledger
from muster.aws.ledger_approvals import Unfinished
from muster.aws.ledger_endpoints import Endpoints
from muster.aws.ledger_models import Models
from muster.aws.ledger_retraining import Retraining
from muster.aws.retrainings import tell_of_dead_end
from muster.contracts.base import Contract, Time, iso, parse
from muster.contracts.pipeline import PendingApproval
from muster.errors import MusterError
from muster.runtime import Event, entry, logger, settings
from muster.settings import Settings

metrics = Metrics(namespace=operations.NAMESPACE)


class Input(Contract):
    """The function's event."""

    time: Time


@entry
def handler(event: Event) -> dict[str, list[str]]:
    """Sweep approvals, endpoints, retrainings. One that cannot be mended now is logged and keeps no other waiting."""
    at = parse(Input, event, "reconcile").time
    names = settings()
    judging, executions = Judging.of(names), Executions()
    mended: list[str] = []
    for each in judging.approvals.unfinished():
        try:
            mended += _mend_approval(each, judging, executions, names, at)
        except (MusterError, ClientError, BotoCoreError):
            logger.exception("an approval was not mended", extra={"package_arn": each.approval.package_arn})
    endpoints = Endpoints(Ledger.of(names))
    mended += _mend_endpoints(endpoints, executions, at)
    mended += abandoned.conclude(endpoints, Serving(), executions, EventBus.of(names), at)
    mended += _tell_of_dead_ends(judging, executions, Ledger.of(names), at)
    _emit(_measure(judging, endpoints, executions, names, at))
    return {"mended": mended}


def _mend_approval(
    each: Unfinished, judging: Judging, executions: Executions, names: Settings, at: datetime
) -> list[str]:
    approval = each.approval
    arn = approval.package_arn
    if approval.status != "pending":
        told = judging.resume(arn)
        return [f"approval of {arn}: execution {'told' if told else 'waits no more'}"]
    waiting = executions.describe(approval.pipeline_execution_arn)
    if waiting is None or not waiting.running:
        reason = f"the execution that waited is over: {waiting.status if waiting else 'gone'}"
        return [f"approval of {arn}: void"] if judging.void(approval, at, "ExecutionOver", reason) else []
    seen = judging.look(arn, at)
    if seen.outcome != "ignored":
        return [f"approval of {arn}: {seen.outcome}: {seen.reason}"]
    return [] if each.notified else _notify(approval, judging, names)


def _notify(approval: PendingApproval, judging: Judging, names: Settings) -> list[str]:
    report = naming.report_key(approval.model, approval.run, "report.html")
    judging.notifications.approval_wanted(approval, naming.s3_uri(names.evidence_bucket, report))
    judging.approvals.note(approval.package_arn, "notified")
    return [f"approval of {approval.package_arn}: people were told"]


def _mend_endpoints(endpoints: Endpoints, executions: Executions, at: datetime) -> list[str]:
    """Free what executions hold that are over. One that Step Functions does not know may be about to start."""
    mended = []
    for mark in endpoints.in_progress():
        owner = executions.describe(mark.owner)
        if owner is not None and not owner.running:
            endpoints.finish(mark.endpoint, mark.package_arn, mark.digest, mark.owner, "failed", at)
            mended.append(f"deployment of {mark.package_arn} to {mark.endpoint}: failed")
    for lease in endpoints.leases():
        owner = executions.describe(lease.owner)
        over = lease.expires_at < iso(at) if owner is None else not owner.running
        if over and endpoints.release(lease.endpoint, lease.owner):
            mended.append(f"lease of {lease.endpoint}: freed, {lease.owner} is over")
    return mended


def _tell_of_dead_ends(judging: Judging, executions: Executions, ledger: Ledger, at: datetime) -> list[str]:
    """Hand over to people what retrained a model to no avail."""
    retrainings, models, told = Retraining(ledger), Models(ledger), []
    people = judging.notifications
    for model in retrainings.models():
        try:
            if tell_of_dead_end(
                model, retrainings=retrainings, models=models, executions=executions, people=people, at=at
            ):
                told.append(f"retraining of {model}: people were told of its end")
        except (MusterError, ClientError, BotoCoreError):
            logger.exception("a retraining was not looked at", extra={"model": model})
    return told


def _measure(
    judging: Judging, endpoints: Endpoints, executions: Executions, names: Settings, at: datetime
) -> operations.Figures:
    """Read anew what still waits: the leases of executions that are over are gone by now."""
    running = [
        each
        for workflow in operations.LONGEST_SECONDS
        for each in executions.running(workflow, naming.state_machine_arn(names, workflow))
    ]
    approvals = [each.approval for each in judging.approvals.unfinished()]
    lease_ends = [datetime.fromisoformat(lease.expires_at) for lease in endpoints.leases()]
    return operations.figures(running, approvals, lease_ends, at)


def _emit(found: operations.Figures) -> None:
    """Write the figures in CloudWatch's embedded metric format: a line of the log, no call and no permission."""
    metrics.add_metric("ApprovalWaitUsed", MetricUnit.Percent, found.approval_wait_used)
    metrics.add_metric("LeaseOverdue", MetricUnit.Seconds, found.lease_overdue)
    metrics.add_metric("StuckExecutions", MetricUnit.Count, found.stuck_executions)
    metrics.flush_metrics()
