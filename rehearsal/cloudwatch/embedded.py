"""Metrics that CloudWatch Logs finds in log events: the embedded metric format.

Specification: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
Values obey PutMetricData's rules for a MetricDatum. An event that breaks a rule gives no metric and counts in
``AWS/Logs`` as EMFParsingErrors or EMFValidationErrors of its log group, as in AWS.
The time is that of arrival in rehearsal time: the event's own was taken from the clock of the machine.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rehearsal import cloudwatch

MOST_METRICS, MOST_VALUES, MOST_DIMENSIONS = 100, 100, 30
LARGEST = 2.0**360
_LONGEST_NAME, _LONGEST_VALUE = 255, 1024
#: Units of a MetricDatum (CloudWatch API reference).
_BYTES = [f"{prefix}{unit}" for unit in ("bytes", "bits") for prefix in ("kilo", "mega", "giga", "tera")]
UNITS = frozenset(
    ["Seconds", "Microseconds", "Milliseconds", "Percent", "Count", "Count/Second", "None"]
    + [f"{name.capitalize()}{rate}" for name in ["bytes", "bits", *_BYTES] for rate in ("", "/Second")]
)


class Invalid(Exception):
    """A metric definition, a dimension or a value breaks a rule."""


@dataclass(frozen=True)
class Found:
    """One value of one metric with one set of dimensions."""

    namespace: str
    name: str
    value: float
    unit: str
    dimensions: dict[str, str]
    resolution: int


def extract(message: str, group: str = "") -> None:
    """Record the metrics of a log event, if it has any.

    Parameters
    ----------
    message
        The event's text.
    group
        Its log group, for the metrics about broken events.
    """
    if not message.startswith("{") or '"_aws"' not in message:
        return
    try:
        document = json.loads(message)
        directives = document["_aws"]["CloudWatchMetrics"]
        found = [each for directive in directives for each in _metrics(directive, document)]
    except Invalid:
        _broken("EMFValidationErrors", group)
        return
    except (ValueError, KeyError, TypeError, AttributeError):
        _broken("EMFParsingErrors", group)
        return
    for each in found:
        cloudwatch.record(
            each.namespace, {each.name: (each.value, each.unit)}, each.dimensions, resolution=each.resolution
        )


def _broken(name: str, group: str) -> None:
    cloudwatch.record("AWS/Logs", {name: (1.0, "Count")}, {"LogGroupName": group} if group else {})


def _metrics(directive: dict[str, Any], document: dict[str, Any]) -> Iterator[Found]:
    namespace = directive["Namespace"]
    if not 1 <= len(namespace) <= _LONGEST_NAME or namespace.startswith(("AWS/", ":")):
        raise Invalid(f"Namespace {namespace!r}")
    if len(directive["Metrics"]) > MOST_METRICS:
        raise Invalid(f"{len(directive['Metrics'])} metrics in one directive")
    for names in directive["Dimensions"]:
        dimensions = _dimensions(names, document)
        for metric in directive["Metrics"]:
            name, unit = metric["Name"], metric.get("Unit", "None")
            resolution = metric.get("StorageResolution", 60)
            if not 1 <= len(name) <= _LONGEST_NAME or unit not in UNITS or resolution not in (1, 60):
                raise Invalid(f"metric {metric}")
            for value in _values(document[name]):
                yield Found(namespace, name, value, unit, dimensions, resolution)


def _dimensions(names: list[str], document: dict[str, Any]) -> dict[str, str]:
    found = {name: str(document[name]) for name in names}
    if len(found) > MOST_DIMENSIONS:
        raise Invalid(f"{len(found)} dimensions")
    for name, value in found.items():
        if not name or name.startswith(":") or not value.strip() or not value.isascii() or len(value) > _LONGEST_VALUE:
            raise Invalid(f"dimension {name!r} = {value!r}")
    return found


def _values(given: Any) -> list[float]:
    values = given if isinstance(given, list) else [given]
    if len(values) > MOST_VALUES:
        raise Invalid(f"{len(values)} values of one metric")
    for value in values:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or math.isnan(value) or abs(value) > LARGEST:
            raise Invalid(f"value {value!r}")
    return [float(value) for value in values]
