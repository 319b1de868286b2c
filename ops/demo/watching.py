"""What the story waits for and reads: the ledger, executions, reports and the rehearsal's own observations."""

import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from muster import naming
from muster.aws.ledger import Ledger
from muster.errors import MusterError
from ops import executions
from ops.console import out
from ops.demo.load import Load
from ops.installation import Installation

T = TypeVar("T")
_PATIENCE = 120.0
"""Real seconds that the story waits for one thing before it gives up."""


class NeverHappened(MusterError):
    """What the story waited for did not come."""


def until(look: Callable[[], T | None], what: str) -> T:
    """Look until there is something to see.

    Raises
    ------
    NeverHappened
        When it does not come within two minutes.
    """
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(0.05)
    raise NeverHappened(f"waited {_PATIENCE:.0f} s for {what}")


def _ledger(installation: Installation) -> Ledger:
    return Ledger(installation.client("dynamodb"), installation.ledger)


def refused_answer(installation: Installation, package_arn: str) -> dict[str, Any] | None:
    """Return the first answer to a package's approval that was refused."""
    for item in _ledger(installation).below(f"PACKAGE#{package_arn}", "ANSWER#"):
        if item.get("outcome") == "refused":
            return item
    return None


def decisions(installation: Installation, model: str, count: int) -> list[dict[str, Any]] | None:
    """Return the decisions of the retraining governor, once there are so many."""
    found = list(_ledger(installation).below(f"MODEL#{model}", "DECISION#"))
    return found if len(found) >= count else None


def captured(installation: Installation, endpoint: str, since: datetime) -> int:
    """Return how many requests have been captured since a time and are in S3: files are closed a minute after it."""
    s3, bucket = installation.client("s3"), installation.buckets["capture"]
    keys = [
        each["Key"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{endpoint}/")
        for each in page.get("Contents", [])
    ]
    count = 0
    for key in keys:
        lines = s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()
        times = [datetime.fromisoformat(json.loads(line)["eventMetadata"]["inferenceTime"]) for line in lines]
        count += sum(each >= since.replace(microsecond=0) for each in times)
    return count


def ended(installation: Installation, execution: str) -> executions.Ended | None:
    """Return how an execution ended, once it has."""
    found = executions.describe(installation, execution)
    return None if found.running else found


def started_pipeline(installation: Installation, known: list[str]) -> str | None:
    """Return a pipeline execution that none of the acts started."""
    answer = installation.client("stepfunctions").list_executions(
        stateMachineArn=installation.state_machines["pipeline"]
    )
    return next((each["executionArn"] for each in answer["executions"] if each["executionArn"] not in known), None)


def deployment_of(installation: Installation, package_arn: str) -> str | None:
    """Return the deployment execution of a package."""
    sfn = installation.client("stepfunctions")
    for each in sfn.list_executions(stateMachineArn=installation.state_machines["deployment"])["executions"]:
        found = sfn.describe_execution(executionArn=each["executionArn"])
        if json.loads(found["input"]).get("model_package_arn") == package_arn:
            return str(each["executionArn"])
    return None


def evaluation(installation: Installation, pipeline: str) -> dict[str, Any]:
    """Return the evaluation report of a run."""
    # The model's name is the only thing of the key that the run does not know.
    started = json.loads(installation.client("stepfunctions").describe_execution(executionArn=pipeline)["input"])
    key = naming.report_key(started["model"], naming.run_id(pipeline), "evaluation.json")
    body = installation.client("s3").get_object(Bucket=installation.buckets["evidence"], Key=key)["Body"]
    report: dict[str, Any] = json.loads(body.read())
    return report


def figures(report: dict[str, Any], who: str, kind: str) -> str:
    """Say the primary metric of a model on a holdout, with its interval."""
    metric = report["primary_metric"]
    value = report[who][kind]["overall"][metric]
    return f"{metric} {value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})"


def comparison(report: dict[str, Any], kind: str) -> str:
    """Say champion and candidate on a holdout, and what the paired test says."""
    metric = report["primary_metric"]
    paired = report["comparison"][kind]["overall"][metric]
    champion, candidate = (report[who][kind]["overall"][metric]["value"] for who in ("champion", "candidate"))
    return f"{metric} {champion:.3f} → {candidate:.3f}, difference {paired['low']:+.3f} to {paired['high']:+.3f}, p {paired['p_better']:.3g}"


def shifts(endpoint: str) -> str:
    """Say how the last update of an endpoint moved its traffic, in percent to the new fleet."""
    return " → ".join(f"{percent:.0f}" for _, percent in _last_update(endpoint)) + " %"


def rollback_facts(endpoint: str, load: Load) -> str:
    """Say how long a bad model had traffic, and how much of it failed."""
    moves = _last_update(endpoint)
    seconds = moves[-1][0] - next(when for when, percent in moves if percent > 0)
    share = load.failed / max(load.sent, 1)
    return f"the alarm took the traffic back after {seconds:.0f} s of its life; {load.failed} of {load.sent} requests failed ({share:.1%})"


def _last_update(endpoint: str) -> list[tuple[float, int]]:
    """Return the observed moves of the last update: (rehearsal time, percent to the new fleet), from 0 on."""
    from rehearsal import sagemaker

    moves = list(sagemaker.traffic(endpoint))
    last = max(index for index, (_, percent) in enumerate(moves) if percent > 0)
    first = max((index for index in range(last) if moves[index][1] == 0), default=0)
    return moves[first:]


def printer() -> Callable[[dict[str, Any]], None]:
    """Return a listener that prints the states which workflows enter and the logs of jobs."""

    def tell(event: dict[str, Any]) -> None:
        if event["kind"] == "state":
            workflow = str(event["execution"]).split(":")[-2]
            out.print(f"     {workflow}: {event['name']}", style="dim")
        elif event["kind"] == "log":
            out.print(f"     | {event['line']}", style="dim")

    return tell
