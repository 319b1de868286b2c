"""What a change of an alarm's state sets off: history, the event, and its actions (SNS topics and Lambda functions)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from rehearsal.host import Host

CLOUDWATCH = "cloudwatch.amazonaws.com"
LAMBDA_ALARMS = "lambda.alarms.cloudwatch.amazonaws.com"
KINDS = ("sns", "lambda")


def service_of(action: str) -> str:
    """Return the service of an action's ARN."""
    parts = action.split(":")
    return parts[2] if len(parts) > 5 else ""


def note(alarm: Any, when: datetime, kind: str, summary: str, data: Any) -> None:
    """Add to the alarm's history (DescribeAlarmHistory)."""
    alarm.history.append(
        {
            "AlarmName": alarm.name,
            "AlarmType": "MetricAlarm",
            "Timestamp": when,
            "HistoryItemType": kind,
            "HistorySummary": summary,
            "HistoryData": json.dumps({"version": "1.0", "data": data}, default=str),
        }
    )


def announce(host: Host, alarm: Any, previous: dict[str, Any]) -> None:
    """Send "CloudWatch Alarm State Change" ("Alarm events and EventBridge", CloudWatch user guide)."""
    from moto.events.models import events_backends

    when = alarm.state_updated_timestamp
    metric = {
        "id": "m1",
        "metricStat": {
            "metric": {
                "namespace": alarm.namespace,
                "name": alarm.metric_name,
                "dimensions": {item.name: item.value for item in alarm.dimensions},
            },
            "period": alarm.period,
            "stat": alarm.extended_statistic or alarm.statistic,
        },
        "returnData": True,
    }
    detail = {
        "alarmName": alarm.name,
        "configuration": {"description": alarm.description or "", "metrics": [metric]},
        "previousState": previous,
        "state": {
            "value": alarm.state_value,
            "reason": alarm.state_reason,
            "reasonData": alarm.state_reason_data,
            "timestamp": when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}+0000",
        },
    }
    entry = {
        "Source": "aws.cloudwatch",
        "DetailType": "CloudWatch Alarm State Change",
        "Detail": json.dumps(detail),
        "Resources": [alarm.alarm_arn],
        "Time": host.clock.time(),
    }
    events_backends[host.account][alarm.region_name].put_events([entry])


def act(host: Host, alarm: Any, previous: str) -> None:
    """Run the actions of the state that the alarm has entered."""
    if not alarm.actions_enabled:
        return
    wanted = {
        "ALARM": alarm.alarm_actions,
        "OK": alarm.ok_actions,
        "INSUFFICIENT_DATA": alarm.insufficient_data_actions,
    }[alarm.state_value]
    for action in wanted or []:
        try:
            {"sns": _publish, "lambda": _invoke}[service_of(action)](host, alarm, action, previous)
            text = f"Successfully executed action {action}"
        except Exception as error:
            # An alarm goes on when an action fails, as in AWS; its history says so.
            text = f"Failed to execute action {action}. Received error: {error}"
            host.emit("alarm_action_failed", name=alarm.name, action=action, reason=str(error))
        note(alarm, host.clock.now(), "Action", text, {"actionState": text.split()[0], "notificationResource": action})


def _publish(host: Host, alarm: Any, topic: str, previous: str) -> None:
    host.iam.require_service(CLOUDWATCH, "sns:Publish", topic, source_arn=alarm.alarm_arn)
    when = alarm.state_updated_timestamp
    trigger = {
        "MetricName": alarm.metric_name,
        "Namespace": alarm.namespace,
        "StatisticType": "ExtendedStatistic" if alarm.extended_statistic else "Statistic",
        "Statistic": (alarm.extended_statistic or alarm.statistic or "").upper(),
        "Unit": alarm.unit,
        "Dimensions": [{"value": item.value, "name": item.name} for item in alarm.dimensions],
        "Period": alarm.period,
        "EvaluationPeriods": alarm.evaluation_periods,
        "DatapointsToAlarm": alarm.datapoints_to_alarm or alarm.evaluation_periods,
        "ComparisonOperator": alarm.comparison_operator,
        "Threshold": float(alarm.threshold),
        "TreatMissingData": alarm.treat_missing_data or "missing",
    }
    message = {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": host.account,
        "AlarmConfigurationUpdatedTimestamp": alarm.configuration_updated_timestamp.strftime(
            "%Y-%m-%dT%H:%M:%S.000+0000"
        ),
        "NewStateValue": alarm.state_value,
        "NewStateReason": alarm.state_reason,
        "StateChangeTime": when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}+0000",
        "Region": alarm.region_name,
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": previous,
        "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
        "Trigger": trigger,
    }
    subject = f'{alarm.state_value}: "{alarm.name}" in {alarm.region_name}'[:100]
    host.client("sns", region=topic.split(":")[3]).publish(TopicArn=topic, Subject=subject, Message=json.dumps(message))


def _invoke(host: Host, alarm: Any, function: str, previous: str) -> None:
    host.iam.require_service(LAMBDA_ALARMS, "lambda:InvokeFunction", function, source_arn=alarm.alarm_arn)
    event = {
        "source": "aws.cloudwatch",
        "alarmArn": alarm.alarm_arn,
        "accountId": host.account,
        "time": alarm.state_updated_timestamp.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        "region": alarm.region_name,
        "alarmData": {
            "alarmName": alarm.name,
            "state": {"value": alarm.state_value, "reason": alarm.state_reason},
            "previousState": {"value": previous},
        },
    }
    host.client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode())
