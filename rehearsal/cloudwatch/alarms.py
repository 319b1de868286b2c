"""The life of alarms: when they are evaluated, what a change of state sets off.

An alarm is looked at once a minute (every 10 s for periods below a minute), but only while that can change anything:
after its metric got data, until the data has left the evaluation range. So an idle rehearsal has no timers of alarms,
and its clock can jump.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from rehearsal.cloudwatch import actions
from rehearsal.cloudwatch.evaluation import INSUFFICIENT, WORDS, Rule, evaluate
from rehearsal.cloudwatch.metrics import Key, Store, dimensions_of, key_of, statistic
from rehearsal.host import Host

Listener = Callable[[str, str | None], None]


class Watcher:
    """Evaluates the alarms of one rehearsal."""

    def __init__(self, host: Host, store: Store) -> None:
        self._host, self.store = host, store
        self._lock = threading.RLock()
        self._timers: dict[str, Any] = {}
        self._by_key: dict[Key, set[str]] = {}
        self.listeners: list[Listener] = []

    def backend(self, region: str | None = None) -> Any:
        """Return moto's CloudWatch backend."""
        from moto.cloudwatch.models import cloudwatch_backends

        return cloudwatch_backends[self._host.account][region or self._host.region]

    # ---- what is watched

    def put(self, alarm: Any, before: Any) -> None:
        """Take on an alarm that was created, or changed: then it keeps its state."""
        now = self._host.clock.now()
        if before is None:
            alarm.state_value, alarm.state_reason = INSUFFICIENT, "Unchecked: Initial alarm creation"
            alarm.state_reason_data = ""
            alarm.state_updated_timestamp = now
        else:
            for name in ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp", "history"):
                setattr(alarm, name, getattr(before, name))
        alarm.configuration_updated_timestamp = now
        self.forget(alarm.name, tell=False)
        if alarm.rule is None:
            with self._lock:
                self._by_key.setdefault(_key(alarm), set()).add(alarm.name)
            self._schedule(alarm)

    def forget(self, name: str, *, tell: bool = True) -> None:
        """Stop watching an alarm."""
        with self._lock:
            timer = self._timers.pop(name, None)
            if timer is not None:
                timer.cancel()
            for names in self._by_key.values():
                names.discard(name)
        if tell:
            self._tell(name, None)

    def data(self, key: Key) -> None:
        """Note that a series got data."""
        if key in self._by_key:
            for name in list(self._by_key[key]):
                alarm = self.backend().alarms.get(name)
                if alarm is not None:
                    self._schedule(alarm)

    # ---- evaluation

    def _schedule(self, alarm: Any) -> None:
        """Look at the alarm at the end of the period in hand, unless that is planned already."""
        step = 60 if alarm.period >= 60 else 10
        with self._lock:
            if alarm.name in self._timers:
                return
            now = self._host.clock.time()
            wait = (now // step + 1) * step - now
            self._timers[alarm.name] = self._host.clock.call_later(wait, lambda: self._look(alarm.name))

    def _look(self, name: str) -> None:
        with self._lock:
            self._timers.pop(name, None)
            alarm = self.backend().alarms.get(name)
            if alarm is None:
                return
            points = self._points(alarm)
            state = evaluate(_rule(alarm), [value for _, value in points], alarm.state_value)
            if any(value is not None for _, value in points):
                self._schedule(alarm)  # it may change again when these points have left the range
        if state != alarm.state_value:
            self.change(alarm, state, *_reasons(alarm, state, points, self._host.clock.now()))

    def _points(self, alarm: Any) -> list[tuple[float, float | None]]:
        """Return ``(start, value)`` of each period of the evaluation range, oldest first."""
        step = 60 if alarm.period >= 60 else 10
        end = self._host.clock.time() // step * step
        name = alarm.extended_statistic or alarm.statistic
        key = _key(alarm)
        points: list[tuple[float, float | None]] = []
        for number in range(_rule(alarm).range, 0, -1):
            start = end - number * alarm.period
            bucket = self.store.window(key, start, start + alarm.period)
            points.append((start, None if bucket is None else statistic(bucket, name)))
        return points

    # ---- change

    def change(self, alarm: Any, state: str, reason: str, data: str) -> None:
        """Enter a state: history, event, listeners, actions."""
        now = self._host.clock.now()
        previous = {
            "value": alarm.state_value,
            "reason": alarm.state_reason,
            "reasonData": alarm.state_reason_data,
            "timestamp": _stamp(alarm.state_updated_timestamp),
        }
        alarm.state_value, alarm.state_reason, alarm.state_reason_data = state, reason, data
        alarm.state_updated_timestamp = now
        actions.note(alarm, now, "StateUpdate", f"Alarm updated from {previous['value']} to {state}", previous)
        actions.announce(self._host, alarm, previous)
        self._host.emit("alarm", name=alarm.name, state=state, reason=reason)
        self._tell(alarm.name, state)
        actions.act(self._host, alarm, previous["value"])

    def _tell(self, name: str, state: str | None) -> None:
        for listener in list(self.listeners):
            listener(name, state)


def _key(alarm: Any) -> Key:
    return key_of(alarm.namespace, alarm.metric_name, dimensions_of(alarm.dimensions))


def _rule(alarm: Any) -> Rule:
    return Rule(
        alarm.comparison_operator,
        float(alarm.threshold),
        int(alarm.evaluation_periods),
        int(alarm.datapoints_to_alarm or alarm.evaluation_periods),
        alarm.treat_missing_data or "missing",
    )


def _stamp(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}+0000"


def _reasons(alarm: Any, state: str, points: list[tuple[float, float | None]], now: datetime) -> tuple[str, str]:
    """Return StateReason and StateReasonData as CloudWatch words them."""
    rule = _rule(alarm)
    real = [(start, value) for start, value in points if value is not None][-rule.periods :]
    recent = [value for _, value in real]
    data = {
        "version": "1.0",
        "queryDate": _stamp(now),
        "statistic": alarm.extended_statistic or alarm.statistic,
        "period": alarm.period,
        "recentDatapoints": recent,
        "threshold": float(alarm.threshold),
    }
    if real:
        data["startDate"] = _stamp(datetime.fromtimestamp(real[0][0], now.tzinfo))
    if state == INSUFFICIENT:
        text = f"Insufficient Data: {rule.periods} datapoints were unknown."
    elif not real:
        count = rule.periods
        text = (
            f"Threshold Crossed: no datapoints were received for {count} periods and missing ones are {rule.missing}."
        )
    else:
        shown = ", ".join(
            f"{value} ({datetime.fromtimestamp(start, now.tzinfo).strftime('%d/%m/%y %H:%M:%S')})"
            for start, value in real
        )
        was = "was" if state == "ALARM" else "was not"
        text = (
            f"Threshold Crossed: {len(real)} out of the last {rule.periods} datapoints [{shown}] {was} "
            f"{WORDS[rule.comparison]} the threshold ({float(alarm.threshold)}) (minimum {rule.needed} datapoint"
            f"{'s' if rule.needed > 1 else ''} for {alarm.state_value} -> {state} transition)."
        )
    return text, json.dumps(data)
