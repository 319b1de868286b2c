"""Ends an approval that nobody answered in time.

``{run, registered, expired_at} -> ApprovalDecision``

An answer of the last moment, whose event is still under way, is looked for first. Then one conditional write decides
between this expiry and an answer; whichever was first is returned.
"""

from muster import approval as rule
from muster.aws.judging import Judging, decision_of
from muster.contracts.base import Contract, Time, parse
from muster.contracts.pipeline import ApprovalDecision, PendingApproval, RegisteredModel, Run
from muster.runtime import Event, entry, settings


class Input(Contract):
    """The function's event."""

    run: Run
    registered: RegisteredModel
    expired_at: Time


@entry
def handler(event: Event) -> ApprovalDecision:
    """Look once more, expire, and let the registry say no."""
    given = parse(Input, event, "expire_approval")
    judging = Judging.of(settings())
    arn = given.registered.package_arn
    judging.look(arn, given.expired_at)
    standing = judging.approvals.get(arn)
    reason = f"nobody answered within {given.run.approval_wait_seconds} seconds"
    if standing is not None and standing.status == "pending":
        judging.approvals.decide(standing, "expired", None, given.expired_at, reason)
        standing = judging.approvals.standing(arn)
    if standing is not None and standing.status in ("approved", "rejected"):
        judging.approvals.note(arn, "resumed")
        return decision_of(standing)
    _say_no(judging, arn, reason)
    return _expired(given, standing, reason)


def _say_no(judging: Judging, arn: str, reason: str) -> None:
    package = judging.registry.describe(arn)
    if package is not None and package.answer.status != "Rejected":
        judging.registry.set_status(arn, "Rejected", rule.set_back_description(f"expired, {reason}"))


def _expired(given: Input, standing: PendingApproval | None, reason: str) -> ApprovalDecision:
    return ApprovalDecision(
        decision="expired",
        package_arn=given.registered.package_arn,
        evidence_digest=given.registered.evidence_digest,
        decided_at=(standing and standing.decided_at) or given.expired_at,
        reason=(standing and standing.reason) or reason,
    )
