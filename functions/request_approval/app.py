"""Asks people for an answer, and keeps the task token until there is one.

``{run, registered, token, requested_at, execution?} -> {status}``; the task itself is answered by whoever sees the
decision.

The token is stored first and the package described after: an answer that came before is then found here, one that comes
later by its event.
"""

from datetime import timedelta

from botocore.exceptions import BotoCoreError, ClientError

from muster import naming
from muster.aws.judging import Judging
from muster.contracts.base import Contract, Text, Time, parse
from muster.contracts.pipeline import Execution, PendingApproval, RegisteredModel, Run
from muster.runtime import Event, entry, logger, settings


class Input(Contract):
    """The function's event. ``execution`` is `approval`'s own."""

    run: Run
    registered: RegisteredModel
    token: Text
    requested_at: Time
    execution: Execution | None = None


@entry
def handler(event: Event) -> dict[str, str]:
    """Store the question, act on an answer that is there already, else tell people."""
    given = parse(Input, event, "request_approval")
    names = settings()
    judging = Judging.of(names)
    package_arn = given.registered.package_arn
    question = PendingApproval(
        package_arn=package_arn,
        run=given.run.run,
        execution_arn=given.execution.arn if given.execution else None,
        pipeline_execution_arn=given.run.execution_arn,
        model=given.run.model,
        evidence_digest=given.registered.evidence_digest,
        evidence_uri=given.registered.evidence_uri,
        publisher=given.run.publisher,
        token=judging.vault.encrypt(given.token, package_arn),
        requested_at=given.requested_at,
        expires_at=given.requested_at + timedelta(seconds=given.run.approval_wait_seconds),
        status="pending",
    )
    standing = judging.approvals.open(question)
    if standing.status != "pending":
        # Decided on an earlier try of this task, whose token is void by now: this one is told.
        judging.resume(package_arn, given.token)
        return {"status": standing.status}
    seen = judging.look(package_arn, given.requested_at)
    if seen.outcome != "accepted":
        _notify(judging, question, naming.s3_uri(names.evidence_bucket, _report_key(given.run)))
    return {"status": judging.approvals.standing(package_arn).status, "reason": seen.reason}


def _report_key(run: Run) -> str:
    return naming.report_key(run.model, run.run, "report.html")


def _notify(judging: Judging, question: PendingApproval, report_uri: str) -> None:
    """Tell people. The approval works without, so a failure is logged, and `reconcile` tries again."""
    try:
        judging.notifications.approval_wanted(question, report_uri)
    except (ClientError, BotoCoreError):
        logger.exception("people were not notified; reconcile tries again")
        return
    judging.approvals.note(question.package_arn, "notified")
