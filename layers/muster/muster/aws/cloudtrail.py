"""Who started an execution. Step Functions does not tell; CloudTrail's StartExecution event does."""

import datetime
import json
from collections.abc import Iterator
from typing import Any

from muster.aws.clients import Client, client

# CloudTrail's time and Step Functions' start date are of two services: look a little around the start.
_AROUND = datetime.timedelta(minutes=5)
_PAGES = 40
"""50 events each: a bound on what one look-up may read (LookupEvents allows 2 calls a second)."""


class Trail:
    """Look-ups in CloudTrail's event history (90 days, no trail needed)."""

    def __init__(self, cloudtrail: Client = None) -> None:
        self._cloudtrail = cloudtrail or client("cloudtrail")

    def start_of(self, execution_arn: str, started_at: datetime.datetime) -> dict[str, Any] | None:
        """Return the decoded event of an execution's StartExecution; None when the history does not show it (yet)."""
        return next((event for event in self._start_executions(started_at) if _starts(event, execution_arn)), None)

    def _start_executions(self, around: datetime.datetime) -> Iterator[dict[str, Any]]:
        # LookupEvents takes one attribute only; the state machine and the name are compared here.
        pages = self._cloudtrail.get_paginator("lookup_events").paginate(
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "StartExecution"}],
            StartTime=around - _AROUND,
            EndTime=around + _AROUND,
            PaginationConfig={"MaxItems": _PAGES * 50, "PageSize": 50},
        )
        for page in pages:
            for each in page.get("Events", []):
                yield json.loads(each["CloudTrailEvent"])


def _starts(event: dict[str, Any], execution_arn: str) -> bool:
    """Tell whether an event is the successful start of this execution."""
    if event.get("eventSource") != "states.amazonaws.com" or event.get("errorCode"):
        return False
    response = event.get("responseElements") or {}
    if response.get("executionArn"):
        return bool(response["executionArn"] == execution_arn)
    request = event.get("requestParameters") or {}
    machine, name = str(request.get("stateMachineArn", "")), request.get("name")
    prefix, _, executed = execution_arn.rpartition(":")
    return bool(name) and name == executed and machine.replace(":stateMachine:", ":execution:") == prefix
