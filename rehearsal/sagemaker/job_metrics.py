"""FinalMetricDataList: what the regular expressions of a training job's MetricDefinitions find in its log."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any


def final(definitions: Iterable[dict[str, str]], log: str, when: datetime) -> list[dict[str, Any]]:
    """Return the last number that each definition finds; one that finds none gives no metric, as in AWS."""
    found = []
    for definition in definitions:
        value = _last_number(re.findall(definition["Regex"], log, re.MULTILINE))
        if value is not None:
            found.append({"MetricName": definition["Name"], "Value": value, "Timestamp": when})
    return found


def _last_number(matches: list[Any]) -> float | None:
    if not matches:
        return None
    last = matches[-1][0] if isinstance(matches[-1], tuple) else matches[-1]
    try:
        return float(last)
    except ValueError:
        return None
