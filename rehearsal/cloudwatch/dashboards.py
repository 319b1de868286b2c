"""What PutDashboard refuses: a body that is no dashboard. moto keeps any text.

"Dashboard body structure and syntax", CloudWatch API reference. The messages are the rehearsal's; the code is AWS's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

KINDS = ("metric", "text", "log", "alarm", "explorer")
WIDTH, HEIGHT, MOST_WIDGETS = 24, 1000, 500
_VIEWS = ("timeSeries", "singleValue", "gauge", "bar", "pie", "table")
_LIMITS = {"x": (0, WIDTH - 1), "y": (0, 10**9), "width": (1, WIDTH), "height": (1, HEIGHT)}
_NEEDS = {"text": "markdown", "alarm": "alarms", "log": "query", "explorer": "metrics"}


def problems(body: str) -> list[str]:
    """Return what is wrong with the body of a dashboard, one line each."""
    try:
        document = json.loads(body)
    except ValueError as error:
        return [f"The field DashboardBody must be a valid JSON object: {error}"]
    widgets = document.get("widgets") if isinstance(document, dict) else None
    if not isinstance(widgets, list):
        return ["/widgets: should be an array"]
    if len(widgets) > MOST_WIDGETS:
        return [f"/widgets: has {len(widgets)} widgets, at most {MOST_WIDGETS} are allowed"]
    return [f"/widgets/{number}{text}" for number, widget in enumerate(widgets) for text in _of_widget(widget)]


def _of_widget(widget: Any) -> Iterator[str]:
    if not isinstance(widget, dict) or widget.get("type") not in KINDS:
        yield f"/type: should be one of {', '.join(KINDS)}"
        return
    for name, (least, most) in _LIMITS.items():
        value = widget.get(name, least)
        if not isinstance(value, int) or not least <= value <= most:
            yield f"/{name}: is {value!r}, should be a whole number from {least} to {most}"
    if isinstance(widget.get("x"), int) and widget["x"] + int(widget.get("width", 6)) > WIDTH:
        yield f"/width: reaches beyond column {WIDTH}"
    properties = widget.get("properties")
    if not isinstance(properties, dict):
        yield "/properties: should be an object"
    elif widget["type"] == "metric":
        yield from _of_metric(properties)
    elif not properties.get(_NEEDS[widget["type"]]):
        yield f"/properties/{_NEEDS[widget['type']]}: is required"


def _of_metric(properties: dict[str, Any]) -> Iterator[str]:
    if not properties.get("region"):
        yield "/properties/region: is required"
    if bool(properties.get("metrics")) == bool(properties.get("annotations", {}).get("alarms")):
        yield "/properties/metrics: either metrics or the annotation of an alarm is required"
    if properties.get("view", "timeSeries") not in _VIEWS:
        yield f"/properties/view: should be one of {', '.join(_VIEWS)}"
    for number, metric in enumerate(properties.get("metrics", [])):
        yield from (f"/properties/metrics/{number}{text}" for text in _of_row(metric))


def _of_row(metric: Any) -> Iterator[str]:
    """A metric is ``[namespace, name, dimension, value, ..., {options}]``; an expression ``[{"expression": ...}]``."""
    if not isinstance(metric, list) or not metric:
        yield ": should be an array"
        return
    plain, options = (metric[:-1], metric[-1]) if isinstance(metric[-1], dict) else (metric, {})
    if not all(isinstance(part, str) for part in plain):
        yield ": should hold text, and options at its end only"
    elif not plain and not options.get("expression"):
        yield ": has neither a metric nor an expression"
    elif plain and (len(plain) < 2 or len(plain) % 2):
        yield ": should be namespace, name, and a value for each dimension"
