"""The end of the demo: one table, the reports, an honest line, the next step."""

import json
import shutil
from pathlib import Path
from typing import Any

from rich.table import Table

from ops import executions
from ops.console import out, table
from ops.stage import Stage

HONEST = (
    "Stood in for: AWS itself (moto's server with Muster's extensions: no network, no instances, and time runs faster while "
    "everything waits). Real: templates, policies, workflows, functions, training, evaluation, endpoints, captured traffic and the "
    "drift found in it. Never run on live GovCloud."
)


def show(stage: Stage, folder: Path, seconds: float) -> None:
    """Print the table of executions and where the reports are."""
    out.print()
    out.print(_executions(stage))
    out.print()
    for path in _fetch_reports(stage, folder):
        out.print(f"report: {path}")
    out.print(f"\n{HONEST}")
    out.print(f"\n{seconds:.0f} s in all. Next: `make play` keeps an installation up and shows three commands to try.")


def _executions(stage: Stage) -> Table:
    installation = stage.everything()
    sfn = installation.client("stepfunctions")
    found: list[tuple[str, dict[str, Any]]] = [
        (workflow, sfn.describe_execution(executionArn=each["executionArn"]))
        for workflow, machine in installation.state_machines.items()
        for each in sfn.list_executions(stateMachineArn=machine)["executions"]
    ]
    cells = []
    for workflow, execution in sorted(found, key=lambda pair: pair[1]["startDate"]):
        output = json.loads(execution.get("output") or "{}")
        words = (output.get("outcome"), output.get("decision"), output.get("verdict"), execution["status"].lower())
        seconds = (execution["stopDate"] - execution["startDate"]).total_seconds() if "stopDate" in execution else 0.0
        counts = executions.counted(installation, execution["executionArn"])
        cells.append(
            (workflow, next(word for word in words if word), f"{seconds:,.0f}", counts.transitions, counts.lambda_calls)
        )
    columns = ["workflow", "outcome", "seconds (rehearsed)", "transitions", "Lambda calls"]
    return table(columns, cells, right=(2, 3, 4))


def _fetch_reports(stage: Stage, folder: Path) -> list[Path]:
    installation = stage.everything()
    s3, bucket = installation.client("s3"), installation.buckets["evidence"]
    reports = [
        each
        for prefix in ("reports/", "monitoring/")
        for each in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        if each["Key"].endswith(".html")
    ]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    paths = []
    for number, each in enumerate(sorted(reports, key=lambda item: item["LastModified"]), 1):
        paths.append(folder / f"report-{number}.html")
        paths[-1].write_bytes(s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read())
    return paths
