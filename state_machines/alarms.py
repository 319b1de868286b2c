"""The alarms that guard a switch of traffic: one PutMetricAlarm per alarm of the plan."""

from state_machines.extension import Choice, ChoiceRule, Map, State
from state_machines.policies import api_task

_MEMBERS = (
    "AlarmName",
    "AlarmDescription",
    "ActionsEnabled",
    "AlarmActions",
    "Namespace",
    "MetricName",
    "Dimensions",
    "Period",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
)


def create_alarms() -> State:
    """Return the map over ``$.plan.alarms``; each is a PutMetricAlarm request with exactly the members used here."""
    return Map(
        "CreateAlarms",
        _put_alarm(),
        comment="The alarms that roll this change back, bound to the configuration that it brings.",
        items_path="$.plan.alarms",
        max_concurrency=5,
        result_path=None,
    )


def _put_alarm() -> State:
    """One alarm: CloudWatch takes a plain statistic and a percentile in different members, and JSONPath omits none."""
    common = {f"{name}.$": f"$.{name}" for name in _MEMBERS}
    action, comment = "cloudwatch:putMetricAlarm", "Creates the alarm; the same call again changes nothing."
    percentile = api_task(
        "PutPercentileAlarm", action, {**common, "ExtendedStatistic.$": "$.ExtendedStatistic"}, comment=comment
    )
    plain = api_task("PutAlarm", action, {**common, "Statistic.$": "$.Statistic"}, comment=comment)
    kind = Choice("Percentile?", comment="A percentile has a member of its own in PutMetricAlarm.")
    kind.add_choice(ChoiceRule.IsPresent("$.ExtendedStatistic", True), percentile)
    kind.default_choice(plain)
    return kind
