"""The dashboard of monitoring shows figures that are emitted, alarms that exist, and is a dashboard."""

import json
import re
from typing import Any

from translated import ROOT, translate

from rehearsal.cloudwatch.dashboards import problems

RESOURCES = translate("watch")["Resources"]
PSEUDO = {
    "Prefix": "muster",
    "AWS::Region": "us-gov-west-1",
    "AWS::Partition": "aws-us-gov",
    "AWS::AccountId": "1" * 12,
}
OWN = set(re.findall(r'"((?:Monitoring|Nightly|Batch)[A-Z]\w+)"', "".join(
    path.read_text() for path in (*ROOT.glob("layers/muster/muster/**/*.py"), *ROOT.glob("functions/*/app.py"))
)))  # fmt: skip


def _substituted(value: Any) -> str:
    text: str = value["Fn::Sub"] if isinstance(value, dict) else value
    text = re.sub(r"\$\{([\w:]+)\}", lambda found: PSEUDO[found[1]], text)
    return text.replace("${!", "${")


def _dashboard() -> tuple[str, list[dict[str, Any]]]:
    body = _substituted(RESOURCES["Dashboard"]["Properties"]["DashboardBody"])
    return body, json.loads(body)["widgets"]


def _expressions() -> list[str]:
    return [
        metric[0]["expression"]
        for widget in _dashboard()[1]
        for metric in widget["properties"].get("metrics", ())
        if isinstance(metric[0], dict)
    ]


def test_the_body_is_a_dashboard_whose_widgets_do_not_overlap() -> None:
    body, widgets = _dashboard()
    assert problems(body) == []
    taken: set[tuple[int, int]] = set()
    for widget in widgets:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken, widget
        taken |= cells


def test_it_shows_only_figures_that_are_emitted() -> None:
    shown = {
        metric[1]
        for widget in _dashboard()[1]
        for metric in widget["properties"].get("metrics", ())
        if isinstance(metric[0], str) and metric[0] == "Muster"
    }
    shown |= {name for each in _expressions() for name in re.findall(r'MetricName="([A-Z]\w+)"', each)}
    assert len(shown) > 10
    assert shown <= OWN


def test_searches_look_in_the_dimensions_that_are_emitted_and_stay_within_the_installation() -> None:
    for expression in _expressions():
        assert "{Muster,service,Endpoint,MonitoringSchedule}" in expression
        assert 'service="muster"' in expression
        assert expression.count("(") == expression.count(")")


def test_alarms_on_it_exist_in_every_installation() -> None:
    here = {
        _substituted(each["Properties"]["AlarmName"]): each.get("Condition")
        for each in RESOURCES.values()
        if each["Type"] == "AWS::CloudWatch::Alarm"
    }
    (widget,) = (each for each in _dashboard()[1] if each["type"] == "alarm")
    names = [arn.rpartition(":")[2] for arn in widget["properties"]["alarms"]]
    assert len(names) > 3
    assert all(name in here and here[name] is None for name in names)
