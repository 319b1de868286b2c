"""The joint of the approval rule and its adapters, shared by every place that may see an answer.

`request_approval` (an answer that came first), `record_decision` (the event), `expire_approval` (the last look) and
`reconcile` (an event that never came) all do the same: describe the package, judge what is there, act on it. Each step
can be repeated: the ledger's conditional write decides, and whoever comes second finds the decision and only makes sure
that the waiting execution knows it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from muster import approval as rule
from muster.approval import Judgement, Starter
from muster.aws.clients import client
from muster.aws.cloudtrail import Trail
from muster.aws.executions import Executions
from muster.aws.ledger import Ledger
from muster.aws.ledger_approvals import Answer, Approvals
from muster.aws.ledger_models import Runs
from muster.aws.notifications import Notifications
from muster.aws.registry import ModelRegistry, Package, SageMakerModelRegistry
from muster.aws.tokens import TokenVault
from muster.contracts.base import Contract, Time, iso, parse
from muster.contracts.pipeline import ApprovalDecision, PendingApproval
from muster.errors import NotFound
from muster.settings import Settings


@dataclass(frozen=True)
class Outcome:
    """What became of a look at a package."""

    outcome: Literal["accepted", "refused", "ignored"]
    reason: str


class _Started(Contract):
    started_at: Time


@dataclass(frozen=True)
class Judging:
    """Everything that judging an answer touches."""

    approvals: Approvals
    runs: Runs
    registry: ModelRegistry
    executions: Executions
    trail: Trail
    vault: TokenVault
    notifications: Notifications
    machine_roles: tuple[str, ...]

    @classmethod
    def of(cls, settings: Settings) -> "Judging":
        """Return the judging of an installation."""
        ledger = Ledger.of(settings)
        return cls(
            approvals=Approvals(ledger),
            runs=Runs(ledger),
            registry=SageMakerModelRegistry(),
            executions=Executions(),
            trail=Trail(client("cloudtrail")),
            vault=TokenVault.of(settings),
            notifications=Notifications.of(settings),
            machine_roles=settings.machine_roles,
        )

    def look(self, package_arn: str, at: datetime) -> Outcome:
        """Describe a package and act on what the registry says now.

        Parameters
        ----------
        package_arn
            The package; one that no approval was asked for is none of Muster's business.
        at
            When the look is taken: for what is recorded about a package that is gone.
        """
        approval = self.approvals.get(package_arn)
        if approval is None:
            return Outcome("ignored", f"no approval was asked for {package_arn}")
        package = self.registry.describe(package_arn)
        if package is None:
            return self._gone(approval, at)
        judgement = self._judge(package, approval)
        if judgement.outcome == "accepted":
            judgement = self._accept(judgement, package, approval)
        self._record(judgement, package, approval)
        if judgement.set_back:
            self.registry.set_status(package_arn, "Rejected", rule.set_back_description(judgement.reason))
        if judgement.outcome in ("accepted", "ignored"):
            # Last, so that an execution goes on from what is recorded. And also when the answer changes nothing: the
            # decision may stand although its first messenger died before the execution was told.
            self.resume(package_arn)
        return Outcome(judgement.outcome, judgement.reason)

    def resume(self, package_arn: str, token: str | None = None) -> bool:
        """Tell the waiting execution what was decided; False when nothing is decided yet, or nobody waits any more.

        ``token`` is a newer one than the ledger's, of a retried task. Without it an execution that was told is left in
        peace.
        """
        approval = self.approvals.get(package_arn)
        if approval is None or approval.status not in ("approved", "rejected", "expired"):
            return False
        if token is None and self.approvals.noted(package_arn, "resumed"):
            return False
        plain = token or self.vault.decrypt(approval.token, package_arn)
        answered = self.executions.succeed(plain, decision_of(approval).payload())
        self.approvals.note(package_arn, "resumed")
        return answered == "answered"

    def void(self, approval: PendingApproval, at: datetime, error: str, reason: str) -> bool:
        """Close an approval that nobody can use any more, and end the waiting task; False when it was decided."""
        if not self.approvals.decide(approval, "void", None, at, reason):
            return False
        self.executions.fail(self.vault.decrypt(approval.token, approval.package_arn), error, reason)
        self.approvals.note(approval.package_arn, "resumed")
        return True

    # -- steps -----------------------------------------------------------------------------------------------------
    def _judge(self, package: Package, approval: PendingApproval) -> Judgement:
        if package.answer.status == "Approved" and package.evidence_digest != approval.evidence_digest:
            found = package.evidence_digest or "none"
            reason = f"the package now names evidence {found}, the approval was asked for {approval.evidence_digest}"
            return Judgement("refused", reason, set_back=True)
        return rule.judge(package.answer, approval, self._starter(package, approval), self.machine_roles)

    def _starter(self, package: Package, approval: PendingApproval) -> Starter:
        """Look the starter up only where the rule will ask for it: CloudTrail allows two look-ups a second."""
        if package.answer.status != "Approved":
            return Starter("unknown", None, "not looked up: nobody approved")
        run = self.runs.get(approval.run)
        if run is None:
            raise NotFound(f"ledger: found no run {approval.run}, wanted the run of {approval.package_arn}")
        started = parse(_Started, {"started_at": run["started_at"]}, f"ledger: run {approval.run}")
        record = self.trail.start_of(approval.pipeline_execution_arn, started.started_at)
        return rule.starter_of(record, self.machine_roles, approval.publisher)

    def _accept(self, judgement: Judgement, package: Package, approval: PendingApproval) -> Judgement:
        decision = judgement.decision or "rejected"  # the rule sets one with every acceptance; in doubt it is no
        at = package.answer.at
        if self.approvals.decide(approval, decision, judgement.approver, at, judgement.reason):
            return judgement
        # Somebody else was faster: judged again, against what was decided meanwhile.
        standing = self.approvals.standing(approval.package_arn)
        return rule.judge(package.answer, standing, self._starter(package, standing), self.machine_roles)

    def _record(self, judgement: Judgement, package: Package, approval: PendingApproval) -> None:
        answer = package.answer
        if answer.status == "PendingManualApproval":
            return
        who = judgement.approver or (answer.identity.arn if answer.identity else None)
        seen = Answer(approval.package_arn, iso(answer.at), answer.status, who, judgement.outcome, judgement.reason)
        if self.approvals.record(seen) and judgement.outcome == "refused":
            self.notifications.approval_refused(approval, judgement.reason)

    def _gone(self, approval: PendingApproval, at: datetime) -> Outcome:
        reason = f"package {approval.package_arn} was deleted while it waited for approval"
        if approval.status == "pending" and self.void(approval, at, "NotFound", reason):
            return Outcome("refused", reason)
        return Outcome("ignored", f"{reason}; its approval is {approval.status}")


def decision_of(approval: PendingApproval) -> ApprovalDecision:
    """Return what `approval` ends with for a decided approval."""
    if approval.status not in ("approved", "rejected", "expired") or approval.decided_at is None:
        raise NotFound(f"ledger: found approval of {approval.package_arn} {approval.status}, wanted a decision")
    return ApprovalDecision(
        decision=approval.status,
        package_arn=approval.package_arn,
        evidence_digest=approval.evidence_digest,
        approver=approval.approver,
        decided_at=approval.decided_at,
        reason=approval.reason or "",
    )
