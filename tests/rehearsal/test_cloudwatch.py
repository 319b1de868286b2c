"""Alarms: the evaluation rules, and what a change of state sets off."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sagemaker_support import Events, wait

from rehearsal import Rehearsal, cloudwatch
from rehearsal.cloudwatch import embedded
from rehearsal.cloudwatch.evaluation import Rule, evaluate
from rehearsal.cloudwatch.metrics import Bucket, key_of, statistic

X, O, _ = 9.0, 1.0, None  # noqa: E741 - breaching, not breaching, missing: as AWS's tables show them

# CloudWatch user guide, "How alarm state is evaluated when data is missing", threshold 5: columns are the treatments
# missing, ignore, breaching, notBreaching; "=" is "retain current state".
THREE_OF_THREE = [
    ([O, _, X, _, X], "OK OK OK OK"),
    ([O, _, _, _, _], "OK OK OK OK"),
    ([_, _, _, _, _], "INSUFFICIENT_DATA = ALARM OK"),
    ([O, X, X, _, X], "ALARM ALARM ALARM ALARM"),
    ([_, _, X, _, _], "ALARM = ALARM OK"),
]
TWO_OF_THREE = [
    ([O, _, X, _, X], "ALARM ALARM ALARM ALARM"),
    ([O, O, X, O, X], "ALARM ALARM ALARM ALARM"),
    ([O, _, X, _, _], "OK OK ALARM OK"),
    ([_, _, _, _, O], "OK OK ALARM OK"),
]
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")


@pytest.mark.parametrize(
    ("needed", "points", "states"), [(3, *row) for row in THREE_OF_THREE] + [(2, *row) for row in TWO_OF_THREE]
)
def test_states_are_those_of_awss_tables(needed: int, points: list[float | None], states: str) -> None:
    for treatment, expected in zip(TREATMENTS, states.split(), strict=True):
        rule = Rule("GreaterThanThreshold", 5.0, 3, needed, treatment)
        state = evaluate(rule, points, "before")
        assert state == ("before" if expected == "=" else expected), treatment


def test_a_young_breach_alone_is_no_premature_alarm() -> None:
    rule = Rule("GreaterThanThreshold", 5.0, 3, 3)
    assert evaluate(rule, [_, _, _, _, X], "OK") == "OK"
    assert evaluate(rule, [_, _, X, _, _], "OK") == "ALARM"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Sum", 5050),
        ("Average", 50.5),
        ("SampleCount", 100),
        ("Minimum", 1),
        ("Maximum", 100),
        ("p50", 50.5),
        ("p99", 99.01),
    ],
)
def test_statistics(name: str, value: float) -> None:
    assert statistic(Bucket([float(n) for n in range(1, 101)]), name) == pytest.approx(value)
    with pytest.raises(ValueError, match="not rehearsed"):
        statistic(Bucket([1.0]), "tm99")


def alarm(rehearsal: Rehearsal, name: str, **changes: Any) -> dict[str, Any]:
    """Put an alarm on the sum of a metric of its own and return the request."""
    request: dict[str, Any] = {
        "AlarmName": name,
        "Namespace": "Test",
        "MetricName": name,
        "Dimensions": [{"Name": "Who", "Value": "me"}],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 2.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }
    rehearsal.client("cloudwatch").put_metric_alarm(**{**request, **changes})
    return request


def state_of(rehearsal: Rehearsal, name: str) -> dict[str, Any]:
    found: dict[str, Any] = rehearsal.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    return found


def put(rehearsal: Rehearsal, name: str, value: float) -> None:
    datum = {"MetricName": name, "Dimensions": [{"Name": "Who", "Value": "me"}], "Value": value}
    rehearsal.client("cloudwatch").put_metric_data(Namespace="Test", MetricData=[datum])


def received(sqs: Any, url: str, so_far: list[Any]) -> list[Any]:
    """Add what the queue has to a list and return it."""
    so_far += sqs.receive_message(QueueUrl=url).get("Messages", [])
    return so_far


def test_an_alarm_trips_tells_bus_topic_and_history_and_recovers(rehearsal: Rehearsal) -> None:
    # Given an alarm with an SNS action on a topic that CloudWatch may publish to, and one that it may not
    sns, sqs = rehearsal.client("sns"), rehearsal.client("sqs")
    topic = sns.create_topic(Name="cw-topic")["TopicArn"]
    closed = sns.create_topic(Name="cw-closed")["TopicArn"]
    for arn, service in ((topic, "cloudwatch.amazonaws.com"), (closed, "events.amazonaws.com")):
        statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sns:Publish", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    url = sqs.create_queue(QueueName="cw-told")["QueueUrl"]
    queue = rehearsal.host.arn("sqs", "cw-told")
    from_topic = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [from_topic]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    events = Events(rehearsal, "cw-events", {"source": ["aws.cloudwatch"], "detail": {"alarmName": ["trips"]}})
    alarm(rehearsal, "trips", AlarmActions=[topic, closed])
    assert state_of(rehearsal, "trips")["StateValue"] == "INSUFFICIENT_DATA"
    # When no data is not breaching
    rehearsal.clock.advance(60)
    wait(lambda: state_of(rehearsal, "trips"), "StateValue", ("OK",))
    # And then the metric crosses the threshold
    put(rehearsal, "trips", 3.0)
    rehearsal.clock.advance(60)
    tripped = wait(lambda: state_of(rehearsal, "trips"), "StateValue", ("ALARM",))
    assert "was greater than or equal to the threshold (2.0)" in tripped["StateReason"]
    # Then the topic got the message
    told_by_mail: list[Any] = []
    wait(lambda: {"n": len(received(sqs, url, told_by_mail))}, "n", (1,))
    message = json.loads(told_by_mail[0]["Body"])
    assert json.loads(message["Message"])["NewStateValue"] == "ALARM"
    assert message["Subject"].startswith('ALARM: "trips"')
    # And the bus the events
    told = events.all(2)
    told = sorted(told, key=lambda each: str(each["detail"]["state"]["value"]), reverse=True)
    assert [each["detail"]["state"]["value"] for each in told] == ["OK", "ALARM"]
    assert told[1]["detail"]["previousState"]["value"] == "OK"
    assert told[1]["detail"]["configuration"]["metrics"][0]["metricStat"]["metric"]["dimensions"] == {"Who": "me"}
    # And when the data has left the range it is OK again, and the history has it all
    rehearsal.clock.advance(240)
    wait(lambda: state_of(rehearsal, "trips"), "StateValue", ("OK",))
    history = rehearsal.client("cloudwatch").describe_alarm_history(AlarmName="trips", ScanBy="TimestampAscending")
    summaries = [each["HistorySummary"] for each in history["AlarmHistoryItems"]]
    assert summaries[0] == "Alarm updated from INSUFFICIENT_DATA to OK"
    assert f"Successfully executed action {topic}" in summaries
    assert any(text.startswith(f"Failed to execute action {closed}") for text in summaries)


def test_an_idle_alarm_leaves_no_timer(rehearsal: Rehearsal) -> None:
    alarm(rehearsal, "idle", TreatMissingData="missing")
    rehearsal.clock.advance(120)
    assert "idle" not in cloudwatch.watcher()._timers
    assert state_of(rehearsal, "idle")["StateValue"] == "INSUFFICIENT_DATA"


def test_changing_an_alarm_keeps_its_state_and_setting_it_by_hand_counts(rehearsal: Rehearsal) -> None:
    alarm(rehearsal, "hand")
    with cloudwatch.watching(lambda name, state: seen.append((name, state))):
        seen: list[tuple[str, str | None]] = []
        client = rehearsal.client("cloudwatch")
        client.set_alarm_state(AlarmName="hand", StateValue="ALARM", StateReason="drill")
        alarm(rehearsal, "hand", Threshold=7.0)
        assert state_of(rehearsal, "hand")["StateValue"] == "ALARM"
        client.delete_alarms(AlarmNames=["hand"])
        # It may be looked at, and found quiet, before it is set and after it is changed
        assert [state for _, state in seen if state != "OK"] == ["ALARM", None]
        assert cloudwatch.state("hand") is None


def test_what_is_not_evaluated_is_refused(rehearsal: Rehearsal) -> None:
    for change, words in (
        ({"AlarmActions": ["arn:aws-us-gov:automate:us-gov-west-1:ec2:stop"]}, "is not rehearsed"),
        ({"ExtendedStatistic": "p99"}, "Exactly one of"),
        ({"DatapointsToAlarm": 2}, "less than or equal to EvaluationPeriods"),
    ):
        with pytest.raises(ClientError, match=words):
            alarm(rehearsal, "refused", **change)


def test_metrics_are_read_back_by_exact_dimensions_with_percentiles(rehearsal: Rehearsal) -> None:
    # Given a service's metric with and without a further dimension
    base = {"EndpointName": "e", "VariantName": "v"}
    for value in (10.0, 30.0):
        cloudwatch.record("AWS/SageMaker", {"ModelLatency": (value, "Microseconds")}, base)
        cloudwatch.record(
            "AWS/SageMaker", {"ModelLatency": (value, "Microseconds")}, {**base, "EndpointConfigName": "c"}
        )
    client, now = rehearsal.client("cloudwatch"), rehearsal.clock.now()
    from datetime import timedelta

    metric = {
        "Namespace": "AWS/SageMaker",
        "MetricName": "ModelLatency",
        "Dimensions": [{"Name": key, "Value": value} for key, value in base.items()],
    }
    span = {"StartTime": now - timedelta(hours=1), "EndTime": now + timedelta(hours=1)}
    # When they are read
    points = client.get_metric_statistics(**metric, **span, Period=3600, Statistics=["Sum", "SampleCount"])[
        "Datapoints"
    ]
    query = {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": "p50"}}
    data = client.get_metric_data(MetricDataQueries=[query], **span)["MetricDataResults"][0]
    # Then the series do not mix
    assert sum(each["Sum"] for each in points) == 40
    assert data["Values"]
    listed = client.list_metrics(Namespace="AWS/SageMaker", MetricName="ModelLatency")["Metrics"]
    assert len([each for each in listed if {"Name": "EndpointName", "Value": "e"} in each["Dimensions"]]) == 2


def test_metrics_are_found_in_log_events_of_the_embedded_format(rehearsal: Rehearsal) -> None:
    # Given a log event as Powertools writes it, and others that only look like one
    directive = {
        "Namespace": "Embedded",
        "Dimensions": [["service"], ["service", "kind"]],
        "Metrics": [{"Name": "Age", "Unit": "Seconds"}],
    }
    document = {"_aws": {"CloudWatchMetrics": [directive]}, "service": "me", "kind": "x", "Age": [3.0, 4.0]}
    broken = {**document, "_aws": {"CloudWatchMetrics": [{**directive, "Metrics": [{"Name": "Missing"}]}]}}
    # When the log gets them
    for message in (json.dumps(document), json.dumps(broken), '{"_aws": ', '{"_aws": 5}', "plain"):
        embedded.extract(message)
    # Then each set of dimensions has the values of the good one
    for dimensions in ({"service": "me"}, {"service": "me", "kind": "x"}):
        series = cloudwatch.watcher().store.get(key_of("Embedded", "Age", dimensions))
        assert series is not None
        (bucket,) = series.buckets.values()
        assert (bucket.values, series.unit) == ([3.0, 4.0], "Seconds")
