"""Approvals in the ledger: one pending question per package, one decision, and every answer that was ever seen.

The conditional write on ``status`` decides between an answer, an expiry and a second answer: whoever moves it away from
``pending`` first has decided; everybody else reads what was decided.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from muster.aws.ledger import NEW, Condition, Ledger, without_keys
from muster.contracts.base import iso, parse
from muster.contracts.pipeline import PendingApproval
from muster.errors import Conflict

_SK = "APPROVAL"
# They belong to the ledger, not to the contract: whether people were asked, and the waiting execution was told.
_OWN = ("notified", "resumed")
Decided = Literal["approved", "rejected", "expired", "void"]


@dataclass(frozen=True)
class Answer:
    """An answer that was seen: who said what, and what became of it."""

    package_arn: str
    at: str
    status: str
    who: str | None
    outcome: Literal["accepted", "refused", "ignored"]
    why: str


@dataclass(frozen=True)
class Unfinished:
    """An approval that something is still owed to, and whether people were told of it."""

    approval: PendingApproval
    notified: bool


class Approvals:
    """PACKAGE#<arn> items."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def get(self, package_arn: str) -> PendingApproval | None:
        """Return the approval of a package, decided or not."""
        item = self._ledger.get(_pk(package_arn), _SK)
        return _contract(item) if item else None

    def standing(self, package_arn: str) -> PendingApproval:
        """Return the approval of a package that is known to have one.

        Raises
        ------
        Conflict
            It was deleted, which nothing of Muster's does.
        """
        found = self.get(package_arn)
        if found is None:
            raise Conflict(
                f"ledger: the approval of {package_arn} has gone, wanted it kept; was the item deleted by hand?"
            )
        return found

    def open(self, approval: PendingApproval) -> PendingApproval:
        """Store a question with its token, and return what stands then.

        A repeated request (a retried task has a new token) and one after a void question replace it; a decision is
        never replaced, but returned.
        """
        undecided = Condition(
            "attribute_not_exists(pk) OR #status = :pending OR #status = :void",
            {"status": "status"},
            {"pending": "pending", "void": "void"},
        )
        if self._ledger.put(
            _pk(approval.package_arn), _SK, {**approval.payload(), "notified": False, "resumed": False}, undecided
        ):
            return approval
        return self.standing(approval.package_arn)

    def decide(
        self, approval: PendingApproval, status: Decided, approver: str | None, at: datetime, reason: str
    ) -> bool:
        """Move a pending approval to its end; False when somebody else decided first."""
        changes = {"status": status, "approver": approver, "decided_at": iso(at), "reason": reason}
        pending = Condition(
            "#status = :was AND evidence_digest = :digest",
            {"status": "status"},
            {"was": "pending", "digest": approval.evidence_digest},
        )
        return self._ledger.update(_pk(approval.package_arn), _SK, changes, pending)

    def note(self, package_arn: str, what: Literal["notified", "resumed"]) -> None:
        """Note that people were asked, or that the waiting execution knows the decision (or waits no more)."""
        self._ledger.update(_pk(package_arn), _SK, {what: True}, Condition("attribute_exists(pk)"))

    def noted(self, package_arn: str, what: Literal["notified", "resumed"]) -> bool:
        """Tell what was noted."""
        return bool((self._ledger.get(_pk(package_arn), _SK) or {}).get(what))

    def record(self, answer: Answer) -> bool:
        """Keep an answer. The same answer seen again (a repeated event) changes nothing: False."""
        document = {
            "status": answer.status,
            "who": answer.who,
            "outcome": answer.outcome,
            "why": answer.why,
            "at": answer.at,
        }
        return self._ledger.put(_pk(answer.package_arn), f"ANSWER#{answer.at}#{answer.status}", document, NEW)

    def answers(self, package_arn: str) -> list[dict[str, object]]:
        """Return every recorded answer, oldest first."""
        return [without_keys(item) for item in self._ledger.below(_pk(package_arn), "ANSWER#")]

    def unfinished(self) -> Iterator[Unfinished]:
        """Yield the approvals of all packages that are pending, or decided without the execution being told."""
        which = Condition(
            "sk = :sk AND (#status = :pending OR (resumed = :no AND #status IN (:approved, :rejected)))",
            {"status": "status"},
            {"sk": _SK, "pending": "pending", "no": False, "approved": "approved", "rejected": "rejected"},
        )
        for item in self._ledger.everywhere(which):
            yield Unfinished(_contract(without_keys(item)), bool(item.get("notified")))

    def of_execution(self, execution_arn: str) -> Iterator[PendingApproval]:
        """Yield the pending approvals that an execution waits for: `approval`'s own, or its pipeline."""
        which = Condition(
            "sk = :sk AND #status = :pending AND (execution_arn = :arn OR pipeline_execution_arn = :arn)",
            {"status": "status"},
            {"sk": _SK, "pending": "pending", "arn": execution_arn},
        )
        for item in self._ledger.everywhere(which):
            yield _contract(without_keys(item))


def _pk(package_arn: str) -> str:
    return f"PACKAGE#{package_arn}"


def _contract(item: dict[str, object]) -> PendingApproval:
    return parse(PendingApproval, {key: value for key, value in item.items() if key not in _OWN}, "ledger: approval")
