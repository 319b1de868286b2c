"""Metrics in log events, from a function's print to an alarm; and the rules that dashboards and metric definitions obey."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal import Rehearsal, cloudwatch
from rehearsal.cloudwatch import dashboards, embedded
from rehearsal.cloudwatch.metrics import key_of
from rehearsal.template import assets


def document(namespace: str, values: dict[str, Any], *sets: list[str], **rest: Any) -> dict[str, Any]:
    """One EMF document; `rest` are its dimensions' values."""
    metrics = [{"Name": name, "Unit": "Count"} for name in values]
    directive = {"Namespace": namespace, "Dimensions": list(sets), "Metrics": metrics}
    return {"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]}, **rest, **values}


def values(namespace: str, name: str, **dimensions: str) -> list[float]:
    series = cloudwatch.watcher().store.get(key_of(namespace, name, dimensions))
    return [] if series is None else [value for bucket in series.buckets.values() for value in bucket.values]


SOURCE = """
import json
def handler(event, context):
    print(json.dumps(event))
"""


def test_an_alarm_fires_on_what_a_function_prints(rehearsal: Rehearsal, role: Callable[..., str]) -> None:
    # Given a function that prints what it is given, and an alarm on a metric of one endpoint
    client, alarms = rehearsal.client("lambda"), rehearsal.client("cloudwatch")
    client.create_function(
        FunctionName="prints",
        Runtime="python3.12",
        Handler="index.handler",
        Role=role("prints", "lambda.amazonaws.com"),
        Code={"ZipFile": assets.inline(SOURCE)},
    )
    alarms.put_metric_alarm(
        AlarmName="drifting",
        Namespace="Printed",
        MetricName="Drift",
        Dimensions=[{"Name": "Endpoint", "Value": "e"}],
        Statistic="Maximum",
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        Threshold=1,
        Period=60,
        EvaluationPeriods=1,
        TreatMissingData="notBreaching",
    )
    # When it prints a value for that endpoint, and one for the installation
    printed = document("Printed", {"Drift": [0, 1]}, ["Endpoint", "service"], ["Endpoint"], Endpoint="e", service="s")
    client.invoke(FunctionName="prints", Payload=json.dumps(printed))
    # Then both series have both values, and the alarm fires
    assert values("Printed", "Drift", Endpoint="e") == values("Printed", "Drift", Endpoint="e", service="s") == [0, 1]
    assert rehearsal.host.clock.wait_for(lambda: cloudwatch.state("drifting") == "ALARM", 600)
    listed = alarms.list_metrics(Namespace="Printed")["Metrics"]
    assert len(listed) == 2


@pytest.mark.parametrize(
    ("broken", "counted"),
    [
        (document("Broken", {"A": 1}, ["gone"]), "EMFParsingErrors"),
        (document("Broken", {f"M{number}": 1 for number in range(101)}, []), "EMFValidationErrors"),
        (document("Broken", {"A": [1] * 101}, []), "EMFValidationErrors"),
        (document("Broken", {"A": float("nan")}, []), "EMFValidationErrors"),
        (document("Broken", {"A": "much"}, []), "EMFValidationErrors"),
        (document("Broken", {"A": 2.0**361}, []), "EMFValidationErrors"),
        (document("AWS/Broken", {"A": 1}, []), "EMFValidationErrors"),
        (document("Broken", {"A": 1}, ["d"], d="ü"), "EMFValidationErrors"),
        (document("Broken", {"A": 1}, ["d"], d=""), "EMFValidationErrors"),
        (document("Broken", {"x" * 256: 1}, []), "EMFValidationErrors"),
        (document("Broken", {"A": 1}, [f"d{n}" for n in range(31)], **{f"d{n}": "v" for n in range(31)}), "EMFVa"),
    ],
    ids=[
        "dimension",
        "metrics",
        "values",
        "nan",
        "text",
        "large",
        "namespace",
        "ascii",
        "empty",
        "name",
        "dimensions",
    ],
)
def test_a_broken_event_gives_no_metric_and_is_counted(
    rehearsal: Rehearsal, request: pytest.FixtureRequest, broken: dict[str, Any], counted: str
) -> None:
    group = f"/aws/lambda/{request.node.callspec.id}"
    embedded.extract(json.dumps(broken), group)
    names = [
        name for name in ("EMFParsingErrors", "EMFValidationErrors") if values("AWS/Logs", name, LogGroupName=group)
    ]
    assert len(names) == 1
    assert names[0].startswith(counted)
    assert not [series for series in cloudwatch.watcher().store.all() if "Broken" in series.key[0]]


def test_a_hundred_metrics_of_a_hundred_values_are_fine(rehearsal: Rehearsal) -> None:
    embedded.extract(json.dumps(document("Full", {f"M{n}": [1.0] * 100 for n in range(100)}, [])))
    assert values("Full", "M99") == [1.0] * 100


# ---- dashboards


def widget(kind: str = "metric", **members: Any) -> dict[str, Any]:
    properties = {"region": "us-gov-west-1", "metrics": [["N", "M", "D", "v", {"stat": "Sum"}]]}
    return {"type": kind, "x": 0, "y": 0, "width": 12, "height": 6, "properties": properties, **members}


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        (widget("picture"), "/widgets/0/type"),
        (widget(width=25), "/widgets/0/width"),
        (widget(x=18), "beyond column 24"),
        (widget(properties={"metrics": [["N", "M"]]}), "/properties/region"),
        (widget(properties={"region": "r"}), "/properties/metrics"),
        (widget(properties={"region": "r", "metrics": [["N", "M", "D"]]}), "/metrics/0"),
        (widget(properties={"region": "r", "metrics": [[{"label": "x"}]]}), "nor an expression"),
        (widget("text", properties={}), "/properties/markdown"),
    ],
)
def test_what_is_no_dashboard_is_refused(rehearsal: Rehearsal, changed: dict[str, Any], word: str) -> None:
    with pytest.raises(ClientError, match="InvalidParameterInput") as caught:
        rehearsal.client("cloudwatch").put_dashboard(
            DashboardName="bad", DashboardBody=json.dumps({"widgets": [changed]})
        )
    assert word in str(caught.value)


def test_a_dashboard_is_kept_as_it_is(rehearsal: Rehearsal) -> None:
    expression = {"expression": "SEARCH('{Muster,Endpoint} Drift', 'Maximum', 3600)", "id": "e1"}
    body = json.dumps(
        {"widgets": [widget(), widget(properties={"region": "r", "metrics": [[expression]]}), widget("text",
         properties={"markdown": "# m"})]}
    )  # fmt: skip
    client = rehearsal.client("cloudwatch")
    client.put_dashboard(DashboardName="good", DashboardBody=body)
    assert client.get_dashboard(DashboardName="good")["DashboardBody"] == body
    assert dashboards.problems("{") != []
    assert dashboards.problems("[]") == ["/widgets: should be an array"]
