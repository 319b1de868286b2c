"""Endpoints in the ledger: who may change one now (lease), what was deployed already, what serves, and the history.

A lease names its owner execution and when it ends. It is taken by one conditional write, is the owner's own for the
asking (a retried or redriven step), and is free for others only when released or past its end.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from muster.aws.ledger import Condition, Ledger, without_keys
from muster.contracts.base import iso, parse
from muster.contracts.deployment import HistoryRecord
from muster.errors import Conflict

DeploymentStatus = Literal["in_progress", "deployed", "rolled_back", "failed"]
_LEASE, _LIVE = "LEASE", "LIVE"


@dataclass(frozen=True)
class Lease:
    """The right to change an endpoint. Times are ISO 8601 in UTC with milliseconds, so that text sorts by time."""

    endpoint: str
    owner: str
    workflow: str
    acquired_at: str
    expires_at: str


@dataclass(frozen=True)
class DeploymentMark:
    """That a package was, or is being, deployed to an endpoint."""

    owner: str
    status: DeploymentStatus
    at: str


@dataclass(frozen=True)
class UnfinishedDeployment:
    """A deployment that is marked as in progress, and by which execution."""

    endpoint: str
    package_arn: str
    digest: str
    owner: str


class Endpoints:
    """ENDPOINT#<name> items."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    # -- the lease ---------------------------------------------------------------------------------------------------
    def claim(self, lease: Lease) -> Lease | None:
        """Take the lease, and return None; or return the one that stands in the way."""
        free = Condition(
            "attribute_not_exists(pk) OR #owner = :me OR expires_at < :now",
            {"owner": "owner"},
            {"me": lease.owner, "now": lease.acquired_at},
        )
        document = {
            "owner": lease.owner,
            "workflow": lease.workflow,
            "acquired_at": lease.acquired_at,
            "expires_at": lease.expires_at,
        }
        if self._ledger.put(_pk(lease.endpoint), _LEASE, document, free):
            return None
        # Released between the two calls: there is nobody to name, and the claim may be tried again.
        standing = self.lease(lease.endpoint)
        if standing is None:
            raise Conflict(f"endpoint {lease.endpoint}: its lease was released while it was being claimed; try again")
        return standing

    def lease(self, endpoint: str) -> Lease | None:
        """Return the lease that stands."""
        item = self._ledger.get(_pk(endpoint), _LEASE)
        return Lease(endpoint=endpoint, **item) if item else None

    def release(self, endpoint: str, owner: str) -> bool:
        """Free the lease if it is this owner's; False when it was not."""
        return self._ledger.delete(_pk(endpoint), _LEASE, Condition("#owner = :me", {"owner": "owner"}, {"me": owner}))

    def leases(self) -> Iterator[Lease]:
        """Yield the leases of all endpoints."""
        for item in self._ledger.everywhere(Condition("sk = :lease", values={"lease": _LEASE})):
            yield Lease(endpoint=_name(item["pk"]), **without_keys(item))

    # -- dedupe ------------------------------------------------------------------------------------------------------
    def mark(self, endpoint: str, package_arn: str, digest: str) -> DeploymentMark | None:
        """Return what is known of a package on an endpoint."""
        item = self._ledger.get(_pk(endpoint), _mark(package_arn, digest))
        return DeploymentMark(**item) if item else None

    def begin(
        self, endpoint: str, package_arn: str, digest: str, owner: str, at: datetime, *, by_hand: bool
    ) -> DeploymentMark | None:
        """Mark a deployment as in progress, and return None; or return the mark that forbids it.

        Forbidden are a second start while the first is under way, and a repeat of what was deployed. What failed may be
        asked for again by a new execution. What was rolled back only by hand: a late copy of the event that approved it
        must not bring it back.
        """
        free = Condition(
            "attribute_not_exists(pk) OR #owner = :me OR #status IN (:failed, :back)",
            {"owner": "owner", "status": "status"},
            {"me": owner, "failed": "failed", "back": "rolled_back" if by_hand else "failed"},
        )
        document = {"owner": owner, "status": "in_progress", "at": iso(at)}
        if self._ledger.put(_pk(endpoint), _mark(package_arn, digest), document, free):
            return None
        standing = self.mark(endpoint, package_arn, digest)
        if standing is None:
            raise Conflict(f"ledger: the mark of {package_arn} on {endpoint} has gone; was the item deleted by hand?")
        return standing

    def finish(
        self, endpoint: str, package_arn: str, digest: str, owner: str, status: DeploymentStatus, at: datetime
    ) -> bool:
        """End a deployment's mark, if it is this owner's."""
        changes = {"status": status, "at": iso(at)}
        mine = Condition("#owner = :me", {"owner": "owner"}, {"me": owner})
        return self._ledger.update(_pk(endpoint), _mark(package_arn, digest), changes, mine)

    def supersede(self, endpoint: str, package_arn: str, digest: str, at: datetime) -> bool:
        """Note that a deployed package was taken out of service by a rollback."""
        deployed = Condition("#status = :deployed", {"status": "status"}, {"deployed": "deployed"})
        changes = {"status": "rolled_back", "at": iso(at)}
        return self._ledger.update(_pk(endpoint), _mark(package_arn, digest), changes, deployed)

    def in_progress(self) -> Iterator[UnfinishedDeployment]:
        """Yield the deployments of all endpoints that are marked as in progress."""
        unfinished = Condition(
            "begins_with(sk, :mark) AND #status = :status",
            {"status": "status"},
            {"mark": "DEPLOYMENT#", "status": "in_progress"},
        )
        for item in self._ledger.everywhere(unfinished):
            _, package_arn, digest = str(item["sk"]).split("#")
            yield UnfinishedDeployment(_name(item["pk"]), package_arn, digest, item["owner"])

    # -- what serves, and what has served ----------------------------------------------------------------------------
    def record(self, record: HistoryRecord) -> None:
        """Keep one record of an endpoint's history. The same execution's record again replaces itself."""
        self._ledger.put(_pk(record.endpoint), f"HISTORY#{iso(record.at)}#{_execution(record)}", record.payload())

    def attempt(self, intended: HistoryRecord) -> None:
        """Keep what will be true if a rollout goes well, until its execution has recorded how it ended."""
        self._ledger.put(_pk(intended.endpoint), f"ATTEMPT#{_execution(intended)}", intended.payload())

    def attempts(self) -> Iterator[HistoryRecord]:
        """Yield the attempts of all endpoints whose end is not recorded."""
        for item in self._ledger.everywhere(Condition("begins_with(sk, :attempt)", values={"attempt": "ATTEMPT#"})):
            yield parse(HistoryRecord, without_keys(item), "ledger: attempt")

    def forget_attempt(self, record: HistoryRecord) -> bool:
        """Drop the attempt of the execution whose end is recorded; False when there was none."""
        exists = Condition("attribute_exists(pk)")
        return self._ledger.delete(_pk(record.endpoint), f"ATTEMPT#{_execution(record)}", exists)

    def history(self, endpoint: str) -> list[HistoryRecord]:
        """Return the history, newest first."""
        items = self._ledger.below(_pk(endpoint), "HISTORY#", newest_first=True)
        return [parse(HistoryRecord, without_keys(item), "ledger: history") for item in items]

    def live(self, endpoint: str) -> HistoryRecord | None:
        """Return the record of what serves."""
        item = self._ledger.get(_pk(endpoint), _LIVE)
        return parse(HistoryRecord, item, "ledger: live") if item else None

    def set_live(self, record: HistoryRecord) -> bool:
        """Move the record of what serves, never back in time: False when a later one stands."""
        older = Condition("attribute_not_exists(pk) OR #at <= :at", {"at": "at"}, {"at": iso(record.at)})
        return self._ledger.put(_pk(record.endpoint), _LIVE, record.payload(), older)

    def clear_live(self, endpoint: str, at: datetime) -> bool:
        """Forget what serves, when nothing does any more; False when a later record stands."""
        older = Condition("attribute_not_exists(pk) OR #at <= :at", {"at": "at"}, {"at": iso(at)})
        return self._ledger.delete(_pk(endpoint), _LIVE, older)


def _pk(endpoint: str) -> str:
    return f"ENDPOINT#{endpoint}"


def _name(pk: str) -> str:
    return pk.removeprefix("ENDPOINT#")


def _execution(record: HistoryRecord) -> str:
    return record.execution_arn.rpartition(":")[2]


def _mark(package_arn: str, digest: str) -> str:
    return f"DEPLOYMENT#{package_arn}#{digest}"
