"""AWS::CloudWatch::Alarm and AWS::CloudWatch::Dashboard."""

from __future__ import annotations

import json
from typing import Any

from ..kinds import Kind, Made
from ..work import Work

_ALARM = (
    "ActionsEnabled",
    "AlarmActions",
    "AlarmDescription",
    "ComparisonOperator",
    "DatapointsToAlarm",
    "Dimensions",
    "EvaluateLowSampleCountPercentile",
    "EvaluationPeriods",
    "ExtendedStatistic",
    "InsufficientDataActions",
    "MetricName",
    "Metrics",
    "Namespace",
    "OKActions",
    "Period",
    "Statistic",
    "Threshold",
    "ThresholdMetricId",
    "TreatMissingData",
    "Unit",
)


def _put_alarm(work: Work) -> Made:
    name = work.name("AlarmName", 255)
    params: dict[str, Any] = {"AlarmName": name, **work.only(*_ALARM)}
    if work.tags():
        params["Tags"] = work.tag_list()
    work.call("cloudwatch", "put_metric_alarm", params)
    return Made(name, {"Arn": work.host.arn("cloudwatch", f"alarm:{name}")})


def _put_dashboard(work: Work) -> Made:
    name = work.name("DashboardName", 255)
    body = work.get("DashboardBody")
    try:
        json.loads(body) if isinstance(body, str) else None
    except ValueError as error:
        raise work.error(f"is no JSON: {error}", "DashboardBody") from error
    text = body if isinstance(body, str) else json.dumps(body)
    work.call("cloudwatch", "put_dashboard", {"DashboardName": name, "DashboardBody": text})
    return Made(name)


KINDS = [
    Kind(
        "AWS::CloudWatch::Alarm",
        _put_alarm,
        f"AlarmName Tags {' '.join(_ALARM)}",
        required="ComparisonOperator EvaluationPeriods",
        update=lambda work, _: _put_alarm(work),
    ),
    Kind(
        "AWS::CloudWatch::Dashboard",
        _put_dashboard,
        "DashboardBody DashboardName",
        required="DashboardBody",
        update=lambda work, _: _put_dashboard(work),
    ),
]
