"""Metric data in memory: what endpoints emit and what PutMetricData brings, by series and by minute.

Metrics of AWS services have a resolution of one minute, custom ones of one second when StorageResolution says so.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

MINUTE = 60
#: Seconds of rehearsal time that data points are kept.
KEPT = 3 * 86400

Key = tuple[str, str, frozenset[tuple[str, str]]]
STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")


@dataclass
class Bucket:
    """The values of one series in one minute (or second): single values, and sums that came aggregated."""

    values: list[float] = field(default_factory=list)
    sets: list[tuple[float, float, float, float]] = field(default_factory=list)  # count, sum, minimum, maximum


@dataclass
class Series:
    """All data of one namespace, name and set of dimensions."""

    key: Key
    unit: str = "None"
    platform: bool = False  # emitted by a service, so that moto does not hold it
    buckets: dict[int, Bucket] = field(default_factory=dict)

    def window(self, start: float, end: float) -> Bucket | None:
        """Return all values of ``[start, end)`` together, None when there are none."""
        found = Bucket()
        for when, bucket in self.buckets.items():
            if start <= when < end:
                found.values += bucket.values
                found.sets += bucket.sets
        return found if found.values or found.sets else None


def statistic(bucket: Bucket, name: str) -> float:
    """Return a statistic: one of `STATISTICS`, or a percentile such as ``p99`` or ``p99.9``.

    Percentiles of data that came aggregated are not known, as in CloudWatch, unless all its values are the same; they
    are taken from the single values.

    Raises
    ------
    ValueError
        When the name is none of these, or there is no single value for a percentile.
    """
    count = len(bucket.values) + sum(entry[0] for entry in bucket.sets)
    total = math.fsum(bucket.values) + math.fsum(entry[1] for entry in bucket.sets)
    lowest = min([*bucket.values, *(entry[2] for entry in bucket.sets)])
    highest = max([*bucket.values, *(entry[3] for entry in bucket.sets)])
    known = {"SampleCount": count, "Sum": total, "Minimum": lowest, "Maximum": highest}
    if name in known:
        return known[name]
    if name == "Average":
        return total / count
    return _percentile(bucket, name)


def _percentile(bucket: Bucket, name: str) -> float:
    if not name.startswith("p"):
        raise ValueError(f"the statistic {name!r} is not rehearsed")
    percent = float(name[1:])
    values = sorted([*bucket.values, *(entry[2] for entry in bucket.sets if entry[2] == entry[3])])
    if not values:
        raise ValueError(f"{name} of aggregated values is not known")
    place = (len(values) - 1) * percent / 100
    low, high = math.floor(place), math.ceil(place)
    return values[low] + (values[high] - values[low]) * (place - low)


def key_of(namespace: str, name: str, dimensions: Mapping[str, str]) -> Key:
    """Return the identity of a series."""
    return namespace, name, frozenset(dimensions.items())


def dimensions_of(listed: Iterable[Any]) -> dict[str, str]:
    """Return dimensions of a request (dicts) or of moto (objects) as a map."""
    return {
        (item["Name"] if isinstance(item, dict) else item.name): (
            item["Value"] if isinstance(item, dict) else item.value
        )
        for item in listed
    }


class Store:
    """All series of one rehearsal."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[Key, Series] = {}

    def add(
        self, key: Key, when: float, bucket: Bucket, *, unit: str, platform: bool, resolution: int = MINUTE
    ) -> None:
        """Add values at a time (POSIX seconds)."""
        slot = int(when // resolution * resolution)
        with self._lock:
            series = self._series.get(key)
            if series is None:
                series = self._series[key] = Series(key, unit, platform)
            held = series.buckets.setdefault(slot, Bucket())
            held.values += bucket.values
            held.sets += bucket.sets
            if len(series.buckets) % 64 == 0:
                for old in [other for other in series.buckets if other < when - KEPT]:
                    del series.buckets[old]

    def get(self, key: Key) -> Series | None:
        """Return a series."""
        return self._series.get(key)

    def window(self, key: Key, start: float, end: float) -> Bucket | None:
        """Return a series' values of ``[start, end)``, None when there are none."""
        with self._lock:
            series = self._series.get(key)
            return series.window(start, end) if series else None

    def all(self) -> list[Series]:
        """Return all series."""
        with self._lock:
            return list(self._series.values())


def ingest(store: Store, namespace: str, datum: Mapping[str, Any], now: float) -> Key:
    """Add one MetricDatum of PutMetricData and return its series."""
    key = key_of(namespace, datum["MetricName"], dimensions_of(datum.get("Dimensions", [])))
    given = datum.get("Timestamp")
    when = now if given is None else _posix(given)
    if datum.get("Values"):
        counts = datum.get("Counts") or [1.0] * len(datum["Values"])
        values = [float(value) for value, count in zip(datum["Values"], counts, strict=True) for _ in range(int(count))]
        bucket = Bucket(values)
    elif datum.get("StatisticValues"):
        s = datum["StatisticValues"]
        bucket = Bucket(sets=[(float(s["SampleCount"]), float(s["Sum"]), float(s["Minimum"]), float(s["Maximum"]))])
    else:
        bucket = Bucket([float(datum.get("Value", 0.0))])
    resolution = 1 if datum.get("StorageResolution") == 1 else MINUTE
    store.add(key, when, bucket, unit=datum.get("Unit") or "None", platform=False, resolution=resolution)
    return key


def _posix(value: Any) -> float:
    from datetime import UTC

    return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
