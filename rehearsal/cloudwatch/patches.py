"""The methods of moto's CloudWatch that the rehearsal replaces, and the metrics that it hands to moto."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from rehearsal import cloudwatch, host, patching
from rehearsal.cloudwatch import actions, dashboards
from rehearsal.cloudwatch.metrics import Bucket, Series, dimensions_of, ingest, key_of, statistic

_originals: dict[str, Callable[..., Any]] = {}


def install() -> None:
    """Replace and add the methods.

    Raises
    ------
    RuntimeError
        When moto is not what this was written for.
    """
    from moto.cloudwatch.models import CloudWatchBackend
    from moto.cloudwatch.responses import CloudWatchResponse

    for function, expected in _REPLACED.items():
        name = function.__name__
        _originals[name] = patching.replace(CloudWatchBackend, name, function, tuple(expected.split()))
    patching.add(CloudWatchResponse, "describe_alarm_history", describe_alarm_history)
    _provide()


# ---- alarms


def put_metric_alarm(self: Any, **members: Any) -> Any:
    """Keep the alarm, and watch it."""
    _refuse(members)
    before = self.alarms.get(members["name"])
    alarm = _originals["put_metric_alarm"](self, **members)
    cloudwatch.watcher().put(alarm, before)
    return alarm


def _refuse(members: dict[str, Any]) -> None:
    """Refuse what would be stored and never be evaluated or done."""
    from moto.cloudwatch.exceptions import InvalidParameterValue, ValidationError

    if members.get("rule"):
        raise InvalidParameterValue("rehearsal: composite alarms are not rehearsed")
    if members.get("metric_data_queries"):
        raise InvalidParameterValue("rehearsal: alarms on metric math are not rehearsed, name one metric")
    if not members.get("namespace") or not members.get("metric_name") or not members.get("period"):
        raise ValidationError("MetricName, Namespace and Period must be specified for a metric alarm.")
    if bool(members.get("statistic")) == bool(members.get("extended_statistic")):
        raise ValidationError("Exactly one of Statistic and ExtendedStatistic must be specified.")
    needed, periods = members.get("datapoints_to_alarm"), members["evaluation_periods"]
    if needed is not None and needed > periods:
        raise ValidationError("DatapointsToAlarm must be less than or equal to EvaluationPeriods.")
    for name in ("alarm_actions", "ok_actions", "insufficient_data_actions"):
        for action in members.get(name) or []:
            if actions.service_of(action) not in actions.KINDS:
                raise InvalidParameterValue(f"rehearsal: the alarm action {action} is not rehearsed")


def delete_alarms(self: Any, alarm_names: list[str]) -> None:
    """Delete alarms, and watch them no more."""
    known = [name for name in alarm_names if name in self.alarms]
    _originals["delete_alarms"](self, alarm_names)
    for name in known:
        cloudwatch.watcher().forget(name)


def set_alarm_state(self: Any, alarm_name: str, reason: str, reason_data: str, state_value: str) -> None:
    """Let moto check the request, then enter the state with all that it sets off."""
    alarm = self.alarms.get(alarm_name)
    kept = ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp")
    before = {name: getattr(alarm, name) for name in kept} if alarm else {}
    _originals["set_alarm_state"](self, alarm_name, reason, reason_data, state_value)
    alarm.history.pop()  # moto's own entry, which is a tuple
    for name, value in before.items():
        setattr(alarm, name, value)
    if before["state_value"] != state_value:
        cloudwatch.watcher().change(alarm, state_value, reason, reason_data or "")


def describe_alarm_history(self: Any) -> Any:
    """Answer DescribeAlarmHistory, which moto lacks."""
    from moto.core.responses import ActionResult

    name, kind = self._get_param("AlarmName"), self._get_param("HistoryItemType")
    items = [
        item
        for alarm in self.cloudwatch_backend.alarms.values()
        for item in alarm.history
        if name in (None, alarm.name) and kind in (None, item["HistoryItemType"])
    ]
    newest_first = self._get_param("ScanBy", "TimestampDescending") == "TimestampDescending"
    items.sort(key=lambda item: item["Timestamp"], reverse=newest_first)
    return ActionResult({"AlarmHistoryItems": items[: self._get_param("MaxRecords", 100)]})


# ---- dashboards


def put_dashboard(self: Any, name: str, body: str) -> Any:
    """Keep a dashboard, if its body is one."""
    from moto.cloudwatch.exceptions import DashboardInvalidInputError

    found = dashboards.problems(body)
    if found:
        raise DashboardInvalidInputError("The dashboard is invalid: " + "; ".join(found))
    return _originals["put_dashboard"](self, name, body)


# ---- metrics


def put_metric_data(self: Any, namespace: str, metric_data: list[dict[str, Any]]) -> None:
    """Keep custom metrics, and look at the alarms on them."""
    watcher = cloudwatch.watcher()
    now = host.current().clock.now()
    stamped = [{**datum, "Timestamp": datum.get("Timestamp") or now.replace(tzinfo=None)} for datum in metric_data]
    _originals["put_metric_data"](self, namespace, stamped)
    for datum in stamped:
        watcher.data(ingest(watcher.store, namespace, datum, now.timestamp()))


def get_metric_statistics(
    self: Any,
    namespace: str,
    metric_name: str,
    start_time: datetime,
    end_time: datetime,
    period: int,
    stats: list[str],
    dimensions: list[dict[str, str]],
    unit: str | None = None,
) -> Any:
    """Answer from the rehearsal's series: moto would add up series with further dimensions."""
    series = cloudwatch.watcher().store.get(key_of(namespace, metric_name, dimensions_of(dimensions)))
    if series is None:
        return _originals["get_metric_statistics"](
            self, namespace, metric_name, start_time, end_time, period, stats, dimensions, unit
        )
    return [
        {"Timestamp": when, "Unit": series.unit, **{name: statistic(bucket, name) for name in stats}}
        for when, bucket in _periods(series, start_time, end_time, period)
    ]


def get_metric_data(
    self: Any,
    queries: list[dict[str, Any]],
    start_time: datetime,
    end_time: datetime,
    scan_by: str = "TimestampAscending",
) -> Any:
    """Answer plain queries from the rehearsal's series, all else as moto does."""
    series = [_series_of(query) for query in queries]
    if None in series:
        return _originals["get_metric_data"](self, queries, start_time, end_time, scan_by)
    results = []
    for query, found in zip(queries, series, strict=True):
        assert found is not None
        given = query["MetricStat"]
        points = [
            (when, statistic(bucket, given["Stat"]))
            for when, bucket in _periods(found, start_time, end_time, int(given["Period"]))
        ]
        if scan_by == "TimestampDescending":
            points.reverse()
        results.append(
            {
                "Id": query["Id"],
                "Label": query.get("Label") or given["Metric"]["MetricName"],
                "Timestamps": [when for when, _ in points],
                "Values": [value for _, value in points],
                "StatusCode": "Complete",
            }
        )
    return results


def _series_of(query: dict[str, Any]) -> Series | None:
    if "MetricStat" not in query:
        return None
    metric = query["MetricStat"]["Metric"]
    key = key_of(metric["Namespace"], metric["MetricName"], dimensions_of(metric.get("Dimensions", [])))
    return cloudwatch.watcher().store.get(key)


def _periods(series: Series, start: datetime, end: datetime, period: int) -> Iterator[tuple[datetime, Bucket]]:
    """Yield the periods that have data, aligned as CloudWatch aligns them: to multiples of the period."""
    first = (start if start.tzinfo else start.replace(tzinfo=UTC)).timestamp()
    last = (end if end.tzinfo else end.replace(tzinfo=UTC)).timestamp()
    starts = sorted({when // period * period for when in series.buckets if first <= when < last})
    for when in starts:
        bucket = series.window(when, when + period)
        if bucket is not None:
            yield datetime.fromtimestamp(when, UTC), bucket


def _provide() -> None:
    """Tell moto of the metrics that services emit, for ListMetrics."""
    from moto.cloudwatch.models import MetricDatum
    from moto.core.common_models import CloudWatchMetricProvider

    if any(provider.__name__ == "RehearsedMetrics" for provider in CloudWatchMetricProvider.__subclasses__()):
        return

    class RehearsedMetrics(CloudWatchMetricProvider):
        """Series as moto's provider interface wants them; one datum stands for each series."""

        @staticmethod
        def get_cloudwatch_metrics(account_id: str, region: str) -> list[Any]:  # noqa: ARG004 - one of each
            found = []
            for series in cloudwatch.watcher().store.all():
                if series.platform:
                    namespace, name, dimensions = series.key
                    newest = datetime.fromtimestamp(max(series.buckets), UTC).replace(tzinfo=None)
                    listed = [{"Name": key, "Value": value} for key, value in sorted(dimensions)]
                    found.append(MetricDatum(namespace, name, 0.0, listed, newest, series.unit))
            return found

    _PROVIDERS.append(RehearsedMetrics)


_PROVIDERS: list[type] = []  # __subclasses__ holds classes weakly

_REPLACED: dict[Callable[..., Any], str] = {
    put_metric_alarm: "self name namespace metric_name comparison_operator evaluation_periods period threshold statistic "
    "description dimensions alarm_actions metric_data_queries datapoints_to_alarm extended_statistic ok_actions "
    "insufficient_data_actions unit actions_enabled treat_missing_data evaluate_low_sample_count_percentile "
    "threshold_metric_id rule tags",
    delete_alarms: "self alarm_names",
    put_dashboard: "self name body",
    set_alarm_state: "self alarm_name reason reason_data state_value",
    put_metric_data: "self namespace metric_data",
    get_metric_statistics: "self namespace metric_name start_time end_time period stats dimensions unit",
    get_metric_data: "self queries start_time end_time scan_by",
}
