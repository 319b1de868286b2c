"""Settles what an execution left behind that failed, timed out or was stopped.

EventBridge event "Step Functions Execution Status Change" ``-> {settled: [...]}``

A Catch sees no top-level timeout and no stop; this does. It frees the endpoint's lease, closes the approval, stops
jobs, and records the error. The execution is described first: a redriven one runs again, and its event is void.
"""

import re

from muster import naming
from muster.aws.events import Envelope, envelope
from muster.aws.executions import Executions, ExecutionState
from muster.aws.jobs import Jobs
from muster.aws.judging import Judging
from muster.aws.ledger import Ledger
from muster.aws.ledger_endpoints import Endpoints
from muster.aws.ledger_models import Runs
from muster.errors import ContractError
from muster.runtime import Event, entry, logger, settings
from muster.settings import Settings

EVENT = "Step Functions Execution Status Change"
_RUN = re.compile(r"^[0-9a-f]{20}$")


_OWN_RUNS = ("monitoring", "batch_inference", "nightly_evaluation")
"""Workflows that nobody's execution starts as its child: they name their runs after themselves."""


@entry
def handler(event: Event) -> dict[str, list[str]]:
    """Look at the execution, then tidy up after it."""
    seen = envelope(event, EVENT)
    arn = seen.detail.get("executionArn")
    if not isinstance(arn, str):
        raise ContractError(f"detail.executionArn: found {arn!r}, wanted the ARN of an execution")
    logger.append_keys(execution_arn=arn)
    names = settings()
    workflow = naming.workflow_of(arn, names.prefix)
    if workflow is None:
        return {"settled": []}
    state = Executions().describe(arn)
    if state is None or state.running or state.status == "SUCCEEDED":
        return {"settled": []}
    settled = _free_endpoints(state, seen, names)
    if workflow in ("pipeline", "approval"):
        settled += _close_approvals(state, seen, names)
    if workflow == "pipeline":
        settled += _settle_run(naming.run_id(arn), state, seen, names)
    elif workflow in ("training", "evaluation"):
        settled += _stop_jobs(arn.rpartition(":")[2].partition("-")[0])
    elif workflow in _OWN_RUNS:
        settled += _stop_jobs(naming.run_id(arn))
    return {"settled": settled}


def _free_endpoints(state: ExecutionState, seen: Envelope, names: Settings) -> list[str]:
    endpoints, settled = Endpoints(Ledger.of(names)), []
    for mark in endpoints.in_progress():
        if mark.owner == state.arn:
            endpoints.finish(mark.endpoint, mark.package_arn, mark.digest, state.arn, "failed", seen.time)
            settled.append(f"deployment of {mark.package_arn} to {mark.endpoint}: failed")
    mine = [lease.endpoint for lease in endpoints.leases() if lease.owner == state.arn]
    return settled + [f"lease of {name}: freed" for name in mine if endpoints.release(name, state.arn)]


def _close_approvals(state: ExecutionState, seen: Envelope, names: Settings) -> list[str]:
    judging, settled = Judging.of(names), []
    for approval in judging.approvals.of_execution(state.arn):
        reason = f"the execution that waited is over: {state.status}"
        if judging.void(approval, seen.time, "ExecutionOver", reason):
            settled.append(f"approval of {approval.package_arn}: void")
    return settled


def _settle_run(run: str, state: ExecutionState, seen: Envelope, names: Settings) -> list[str]:
    error = state.error or f"States.{state.status}"
    text = f"{error}: {state.cause}" if state.cause else error
    settled = _stop_jobs(run)
    if Runs(Ledger.of(names)).fail(run, text, seen.time):
        settled.append(f"run {run}: error recorded")
    return settled


def _stop_jobs(run: str) -> list[str]:
    # Children are named "<run>-<workflow>-<hash>"; one that a person started under another name has no run.
    if not _RUN.match(run):
        return []
    return [f"job {name}: stopped" for name in Jobs().stop_all(naming.job_prefix(run))]
