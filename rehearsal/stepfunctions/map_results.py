"""What a ResultWriter leaves in S3: one file per status of the children, and a manifest that names them.

Format: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html. Not rehearsed: that a file of
more than 5 GB is split, and WriterConfig.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rehearsal.stepfunctions.runtime import current, iso

if TYPE_CHECKING:
    from rehearsal.stepfunctions.map_runs import Child, MapRun

_FILES = ("FAILED", "PENDING", "SUCCEEDED")


def written(run: MapRun) -> dict[str, Any]:
    """Write the results of a Map Run and return what the state's result is then.

    Raises
    ------
    FailureEventException
        States.ResultWriterFailed, when the role cannot write there.
    """
    run.state.result_writer.parargs.eval(env=run.env)
    parameters = run.env.stack.pop()
    bucket, prefix = parameters["Bucket"], parameters.get("Prefix", "")
    folder = f"{prefix.rstrip('/')}/" if prefix else ""
    folder += run.record.map_run_arn.rpartition(":")[2]
    files: dict[str, list[dict[str, Any]]] = {name: [] for name in _FILES}
    for name in _FILES:
        found = [each for each in run.children if _file(each) == name]
        if found:
            text = _text(found)
            key = f"{folder}/{name}_0.json"
            current().write_results(run, bucket, key, text)
            files[name].append({"Key": key, "Size": len(text.encode())})
    manifest = {"DestinationBucket": bucket, "MapRunArn": run.record.map_run_arn, "ResultFiles": files}
    key = f"{folder}/manifest.json"
    current().write_results(run, bucket, key, json.dumps(manifest))
    for counter in (run.record.item_counter, run.record.execution_counter):
        counter.results_written.count(len(run.children))
    return {"MapRunArn": run.record.map_run_arn, "ResultWriterDetails": {"Bucket": bucket, "Key": key}}


def _file(child: Child) -> str:
    return child.status if child.status in ("SUCCEEDED", "PENDING") else "FAILED"


def _text(children: Iterable[Child]) -> str:
    return json.dumps([_entry(each) for each in children], separators=(",", ":"))


def _entry(child: Child) -> dict[str, Any]:
    """Return what AWS writes of one child: DescribeExecution's members, input and output as JSON text."""
    entry: dict[str, Any] = {
        "ExecutionArn": child.arn,
        "Input": json.dumps(child.given, separators=(",", ":")),
        "InputDetails": {"Included": True},
        "Name": child.name,
        "RedriveCount": 0,
        "StateMachineArn": child.machine,
        "Status": child.status,
    }
    if child.status == "SUCCEEDED":
        entry["Output"] = json.dumps(child.output, separators=(",", ":"))
        entry["OutputDetails"] = {"Included": True}
        entry["RedriveStatus"] = "NOT_REDRIVABLE"
        entry["RedriveStatusReason"] = "Execution is SUCCEEDED and cannot be redriven"
    else:
        entry["RedriveStatus"] = "REDRIVABLE_BY_MAP_RUN"
        entry |= {name: value for name, value in (("Error", child.error), ("Cause", child.cause)) if value is not None}
    for name, moment in (("StartDate", child.started), ("StopDate", child.stopped)):
        if moment is not None:
            entry[name] = iso(moment)
    return dict(sorted(entry.items()))
