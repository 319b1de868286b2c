"""Puts SageMaker's events on the default bus.

Names and fields: "Events that Amazon SageMaker AI sends to Amazon EventBridge" in the SageMaker developer guide.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from rehearsal.host import Host
from rehearsal.sagemaker import control


def milliseconds(value: Any) -> Any:
    """Return `value` with every datetime as milliseconds since 1970, as job and endpoint events have them."""
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    return _each(value, milliseconds)


def iso(value: Any) -> Any:
    """Return `value` with every datetime as ``2021-02-24T17:00:14Z``, as model package events have them."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return _each(value, iso)


def _each(value: Any, convert: Any) -> Any:
    if isinstance(value, dict):
        return {key: convert(item) for key, item in value.items()}
    if isinstance(value, list):
        return [convert(item) for item in value]
    return value


def tags_of(tags: list[dict[str, str]]) -> dict[str, str]:
    """Return tags as events carry them: a map."""
    return {tag["Key"]: tag["Value"] for tag in tags}


def emit(
    host: Host, region: str, detail_type: str, arn: str, detail: dict[str, Any], source: str = "aws.sagemaker"
) -> None:
    """Put an event on the default bus, as often as `control.duplicate_events` says.

    Parameters
    ----------
    arn
        The resource that changed.
    detail
        JSON-serialisable; see `milliseconds` and `iso`.
    """
    from moto.events.models import events_backends

    entry = {
        "Source": source,
        "DetailType": detail_type,
        "Detail": json.dumps(detail),
        "Resources": [arn],
        "Time": host.clock.time(),
    }
    times = control.orders().duplicates if source == "aws.sagemaker" else 1
    for _ in range(times):
        events_backends[host.account][region].put_events([dict(entry)])
