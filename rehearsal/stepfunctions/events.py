""" "Step Functions Execution Status Change" events on the default bus, for RUNNING and every final status; and metrics.

moto emits none. Shape: https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
Metrics: https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rehearsal.host import Host

#: Input and output are left out of the event when they are longer together (same page).
MAX_DATA_BYTES = 248 * 1024
_METRICS = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}


def status_changed(host: Host, execution: Any) -> None:
    """Put the event on the default bus, count it, and tell the host's listeners."""
    from rehearsal import cloudwatch

    detail = detail_of(execution)
    host.emit("execution", execution=execution.exec_arn, status=detail["status"], error=execution.error)
    _put(host, detail)
    if detail["status"] in _METRICS:
        machine = {"StateMachineArn": detail["stateMachineArn"]}
        cloudwatch.record("AWS/States", {_METRICS[detail["status"]]: (1.0, "Count")}, machine)


def detail_of(execution: Any) -> dict[str, Any]:
    """Return the member ``detail`` of the event."""
    status = execution.exec_status.value
    given = execution.execution_input
    output = json.dumps(execution.output, separators=(",", ":")) if status == "SUCCEEDED" else None
    fits = len(given.encode()) + len((output or "").encode()) <= MAX_DATA_BYTES
    included = {"included": fits}
    return {
        "executionArn": execution.exec_arn,
        "stateMachineArn": execution.state_machine_arn,
        "name": execution.name,
        "status": status,
        "startDate": int(execution.start_date.timestamp() * 1000),
        "stopDate": int(execution.stop_date.timestamp() * 1000) if execution.stop_date else None,
        "input": given if fits else None,
        "output": output if fits else None,
        "inputDetails": included,
        "outputDetails": included if output is not None else None,
        "error": execution.error,
        "cause": execution.cause,
        "redriveCount": 0,
        "redriveDate": None,
        "redriveStatus": redrive_status(status),
        "redriveStatusReason": None,
    }


def redrive_status(status: str) -> str:
    """Return what DescribeExecution says about redriving; the rehearsal itself redrives nothing."""
    return "REDRIVABLE" if status in ("FAILED", "TIMED_OUT", "ABORTED") else "NOT_REDRIVABLE"


def _put(host: Host, detail: dict[str, Any]) -> None:
    from moto.events.models import events_backends

    entry = {
        "Source": "aws.states",
        "DetailType": "Step Functions Execution Status Change",
        "Detail": json.dumps(detail),
        "Resources": [detail["executionArn"]],
        "Time": host.clock.time(),
    }
    events_backends[host.account][host.region].put_events([entry])
