"""Metrics that CloudWatch Logs finds in log events: the embedded metric format.

Specification: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
The time is that of arrival in rehearsal time: the event's own was taken from the clock of the machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from rehearsal import cloudwatch


def extract(message: str) -> None:
    """Record the metrics of a log event, if it has any. As in AWS, an event that is no such document is just a log event."""
    if not message.startswith("{") or '"_aws"' not in message:
        return
    try:
        document = json.loads(message)
        found = list(_metrics(document))
    except (ValueError, KeyError, TypeError, AttributeError):
        return
    for namespace, name, value, unit, dimensions in found:
        cloudwatch.record(namespace, {name: (value, unit)}, dimensions)


def _metrics(document: dict[str, Any]) -> Iterator[tuple[str, str, float, str, dict[str, str]]]:
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = {name: str(document[name]) for name in names}
            for metric in directive["Metrics"]:
                given = document[metric["Name"]]
                for value in given if isinstance(given, list) else [given]:
                    yield directive["Namespace"], metric["Name"], float(value), metric.get("Unit", "None"), dimensions
