"""Takes the lease of an endpoint, and for a deployment the mark that makes a second start of it harmless.

``{request, workflow, execution: {arn, name}, entered_at} -> Claim``

Refusals are verdicts: unknown package, other digest, deployed already, in progress, endpoint busy, nothing to roll
back.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from muster import naming, rollout
from muster.aws.clearance import Clearance
from muster.aws.documents import spec_of
from muster.aws.ledger import Ledger
from muster.aws.ledger_approvals import Approvals
from muster.aws.ledger_endpoints import Endpoints, Lease
from muster.aws.registry import Package, SageMakerModelRegistry
from muster.aws.s3 import ObjectStore
from muster.contracts.base import Contract, Time, iso, parse
from muster.contracts.deployment import Claim, DeploymentRequest, HistoryRecord, RollbackRequest, Workflow
from muster.contracts.pipeline import Execution
from muster.errors import DigestMismatch, NotFound
from muster.runtime import Event, entry, own_members, settings
from muster.settings import Settings

_AROUND_SECONDS = 3600
"""What a lease lasts beyond the rollout and a way back: planning, recording, retries."""

_DONE = {
    "in_progress": "already in progress",
    "deployed": "already deployed",
    "rolled_back": "deployed and rolled back (start a deployment by hand, without its run, to try it again)",
}


class Input(Contract):
    """The function's event."""

    request: dict[str, Any]
    workflow: Workflow
    execution: Execution
    entered_at: Time


@dataclass(frozen=True)
class Wanted:
    """What a deployment is about."""

    endpoint: str
    model: str | None
    package_arn: str
    evidence_digest: str
    maximum_seconds: int


@entry
def handler(event: Event) -> Claim:
    """Find the endpoint, mark, claim."""
    given = parse(Input, {**event, "request": own_members(event.get("request"))}, "claim_endpoint")
    names = settings()
    endpoints = Endpoints(Ledger.of(names))
    if given.workflow == "rollback":
        return _claim_rollback(given, parse(RollbackRequest, given.request), endpoints, names)
    return _claim_deployment(given, parse(DeploymentRequest, given.request), endpoints, names)


# -- deployment --------------------------------------------------------------------------------------------------------
def _claim_deployment(given: Input, request: DeploymentRequest, endpoints: Endpoints, names: Settings) -> Claim:
    wanted = _wanted(request, names)
    if isinstance(wanted, Claim):
        return wanted
    me, at = given.execution.arn, given.entered_at
    # The event of an approval names its run; a person who starts a deployment by hand need not.
    mark = endpoints.begin(
        wanted.endpoint, wanted.package_arn, wanted.evidence_digest, me, at, by_hand=request.run is None
    )
    if mark is not None:
        reason = f"{_DONE.get(mark.status, mark.status)}: by {mark.owner} since {mark.at}"
        return _refused(wanted.endpoint, reason, request, wanted.model)
    lease = _lease(given, wanted.endpoint, wanted.maximum_seconds)
    standing = endpoints.claim(lease)
    if standing is not None:
        endpoints.finish(wanted.endpoint, wanted.package_arn, wanted.evidence_digest, me, "failed", at)
        return _refused(wanted.endpoint, _busy(standing), request, wanted.model)
    return parse(
        Claim,
        {
            "status": "claimed",
            "endpoint": wanted.endpoint,
            "model": wanted.model,
            "package_arn": wanted.package_arn,
            "evidence_digest": wanted.evidence_digest,
            "lease_expires_at": lease.expires_at,
        },
    )


def _wanted(request: DeploymentRequest, names: Settings) -> Wanted | Claim:
    """Return what to deploy where, or a refusal."""
    arn = request.model_package_arn
    clearance = Clearance(
        SageMakerModelRegistry(), Approvals(Ledger.of(names)), ObjectStore.of(names), names.records_bucket
    )
    package = clearance.registry.describe(arn)
    if package is None:
        return _refused(_group_of(arn), f"package {arn}: found none in the registry", request)
    problem = _other_than_asked(package, request)
    if problem:
        return _refused(package.group or _group_of(arn), problem, request)
    try:
        evidence = clearance.evidence(package)
        spec = spec_of(clearance.store, evidence.code.spec_uri, evidence.code.spec_digest)
    except (NotFound, DigestMismatch) as error:
        return _refused(package.group or _group_of(arn), str(error), request)
    endpoint = naming.endpoint_name(names.prefix, spec.name, spec.rollout.endpoint)
    return Wanted(endpoint, spec.name, arn, request.evidence_digest, spec.rollout.maximum_seconds)


def _other_than_asked(package: Package, request: DeploymentRequest) -> str | None:
    for what, found, wanted in (
        ("evidence", package.evidence_digest, request.evidence_digest),
        ("model", package.model, request.model or package.model),
    ):
        if found != wanted:
            return f"package {package.package_arn}: {what}: found {found}, wanted {wanted} as asked for"
    return None


def _group_of(package_arn: str) -> str:
    """Return the group in a package's ARN (``…:model-package/<group>/<version>``): its endpoint's usual name."""
    return package_arn.rpartition(":model-package/")[2].partition("/")[0] or "unknown"


def _refused(endpoint: str, reason: str, request: DeploymentRequest, model: str | None = None) -> Claim:
    return Claim(
        status="refused",
        reason=reason,
        endpoint=endpoint,
        model=model or request.model,
        package_arn=request.model_package_arn,
        evidence_digest=request.evidence_digest,
    )


# -- rollback ----------------------------------------------------------------------------------------------------------
def _claim_rollback(given: Input, request: RollbackRequest, endpoints: Endpoints, names: Settings) -> Claim:
    live = endpoints.live(request.endpoint)
    if live is None:
        reason = (
            f"endpoint {request.endpoint}: found nothing that Muster deployed, wanted an endpoint that it did deploy to"
        )
        return Claim(status="refused", reason=reason, endpoint=request.endpoint)
    stale = _stale_alarm(request, live, names.prefix)
    if stale:
        return Claim(status="refused", reason=stale, endpoint=request.endpoint, model=live.model)
    lease = _lease(given, request.endpoint, rollout.RESTORE_SECONDS)
    standing = endpoints.claim(lease)
    if standing is not None:
        return Claim(status="refused", reason=_busy(standing), endpoint=request.endpoint, model=live.model)
    return parse(
        Claim,
        {
            "status": "claimed",
            "endpoint": request.endpoint,
            "model": live.model,
            "lease_expires_at": lease.expires_at,
        },
    )


def _stale_alarm(request: RollbackRequest, live: HistoryRecord, prefix: str) -> str | None:
    """Return why an alarm is no cause to roll back: it watches a configuration that does not serve.

    An alarm that turned a deployment round rings on: its event, late, must not take out the good model that serves
    again. The rule that starts `rollback` from an alarm gives ``alarm <name>`` as its reason.
    """
    word, _, alarm = (request.reason or "").partition(" ")
    if word != "alarm" or not alarm.startswith(naming.alarm_prefix(prefix, request.endpoint)):
        return None
    if alarm.startswith(naming.alarm_name(prefix, request.endpoint, live.config_name or "", "")):
        return None
    return f"alarm {alarm} watches a configuration that does not serve: {live.config_name} does"


# -- the lease ---------------------------------------------------------------------------------------------------------
def _lease(given: Input, endpoint: str, maximum_seconds: int) -> Lease:
    """Return a lease that outlasts its execution: the rollout and the way back, each waited for as long."""
    seconds = 2 * (maximum_seconds + rollout.SETTLE_MARGIN_SECONDS) + _AROUND_SECONDS
    return Lease(
        endpoint=endpoint,
        owner=given.execution.arn,
        workflow=given.workflow,
        acquired_at=iso(given.entered_at),
        expires_at=iso(given.entered_at + timedelta(seconds=seconds)),
    )


def _busy(standing: Lease) -> str:
    who = f"{standing.workflow} {standing.owner}"
    return f"endpoint {standing.endpoint} is busy: {who} has it until {standing.expires_at} at most"
