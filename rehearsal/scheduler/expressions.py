"""Schedule expressions: ``rate(...)``, ``cron(...)`` and ``at(...)``, and when they are due next.

After the EventBridge Scheduler User Guide, "Schedule types": six cron fields (minutes, hours, day of month, month, day
of week, year) with ``* ? , - / L W #``.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
_YEARS = (1970, 2199)


class InvalidExpression(ValueError):
    """Not a schedule expression."""


@dataclass(frozen=True)
class Rate:
    """Every `seconds`, counted from when the schedule began."""

    seconds: int
    at_once: bool  # Scheduler fires when the schedule begins, a rule one interval later

    def after(self, moment: float, began: float) -> float | None:
        """Return the first due time after `moment` (POSIX seconds)."""
        if self.at_once and began > moment:
            return began
        return began + (int((moment - began) // self.seconds) + 1) * self.seconds


@dataclass(frozen=True)
class At:
    """Once."""

    when: float

    def after(self, moment: float, began: float) -> float | None:  # noqa: ARG002 - the same for all expressions
        """Return the due time, or None when it has passed."""
        return self.when if self.when > moment else None


@dataclass(frozen=True)
class Cron:
    """At the times of a calendar."""

    minutes: frozenset[int]
    hours: frozenset[int]
    months: frozenset[int]
    years: frozenset[int]
    days: str  # of the month, or ? when the days of the week count
    weekdays: str
    zone: ZoneInfo

    def after(self, moment: float, began: float) -> float | None:  # noqa: ARG002
        """Return the first due time after `moment`; None when there is none before the year 2200."""
        start = datetime.fromtimestamp(moment, self.zone)
        for day in self._dates(start.date()):
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    due = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone)
                    exists = due.astimezone(UTC).astimezone(self.zone).hour == hour  # not skipped by summer time
                    if exists and due.timestamp() > moment:
                        return due.timestamp()
        return None

    def _dates(self, first: date) -> Iterator[date]:
        for year in sorted(year for year in self.years if year >= first.year):
            for month in sorted(self.months):
                if (year, month) >= (first.year, first.month):
                    for day in sorted(self._days_of(year, month)):
                        if date(year, month, day) >= first:
                            yield date(year, month, day)

    def _days_of(self, year: int, month: int) -> set[int]:
        last = calendar.monthrange(year, month)[1]
        if self.days == "?":
            return _by_weekday(self.weekdays, year, month, last)
        return _by_number(self.days, year, month, last)


Expression = Rate | At | Cron


def parse(text: str, timezone: str = "UTC", *, rule: bool = False) -> Expression:
    """Read an expression.

    Parameters
    ----------
    rule
        Whether it stands in a rule of EventBridge: no ``at``, no time zone, and ``1 minute`` but ``2 minutes``.

    Raises
    ------
    InvalidExpression
        When it is none.
    """
    match = re.fullmatch(r"(rate|cron|at)\((.*)\)", text.strip())
    if match is None or (rule and match[1] == "at"):
        raise InvalidExpression(f"Invalid Schedule Expression {text}.")
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidExpression(f"Invalid Schedule Expression Timezone {timezone}.") from error
    try:
        if match[1] == "rate":
            return _rate(match[2], rule)
        if match[1] == "at":
            return At(datetime.fromisoformat(match[2]).replace(tzinfo=zone).timestamp())
        return _cron(match[2], zone)
    except (ValueError, KeyError, IndexError) as error:
        raise InvalidExpression(f"Invalid Schedule Expression {text}.") from error


def _rate(text: str, rule: bool) -> Rate:
    number, unit = text.split()
    singular = unit.removesuffix("s")
    if int(number) < 1 or (rule and (int(number) == 1) != (unit == singular)):
        raise ValueError(text)
    return Rate(int(number) * _UNITS[singular], at_once=not rule)


def _cron(text: str, zone: ZoneInfo) -> Cron:
    minutes, hours, days, months, weekdays, years = text.upper().split()
    if (days == "?") == (weekdays == "?"):
        raise ValueError("exactly one of day of month and day of week must be ?")
    cron = Cron(
        minutes=_numbers(minutes, 0, 59, {}),
        hours=_numbers(hours, 0, 23, {}),
        months=_numbers(months, 1, 12, _MONTHS),
        years=_numbers(years, *_YEARS, {}),
        days=days,
        weekdays=weekdays,
        zone=zone,
    )
    cron._days_of(2024, 1)  # raises for a day field that is no day field
    return cron


def _numbers(field: str, low: int, high: int, names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if span == "*":
            first, last = low, high
        else:
            begin, _, end = span.partition("-")
            first = names[begin] if begin in names else int(begin)
            last = (names[end] if end in names else int(end)) if end else (high if step else first)
        if not low <= first <= high or not low <= last <= high or (step and int(step) < 1):
            raise ValueError(field)
        if first > last:  # FRI-MON goes round
            found |= set(range(first, high + 1)) | set(range(low, last + 1))
        else:
            found |= set(range(first, last + 1, int(step or 1)))
    return frozenset(found)


def _by_number(field: str, year: int, month: int, last: int) -> set[int]:
    if field == "L":
        return {last}
    if field == "LW":
        return {_nearest_workday(year, month, last, last)}
    if field.endswith("W"):
        return {_nearest_workday(year, month, min(int(field[:-1]), last), last)}
    return {day for day in _numbers(field, 1, 31, {}) if day <= last}


def _nearest_workday(year: int, month: int, day: int, last: int) -> int:
    weekday = date(year, month, day).weekday()
    if weekday == 5:  # Saturday
        return day - 1 if day > 1 else day + 2
    if weekday == 6:  # Sunday
        return day + 1 if day < last else day - 2
    return day


def _by_weekday(field: str, year: int, month: int, last: int) -> set[int]:
    of_day = {day: (date(year, month, day) + timedelta(days=1)).weekday() + 1 for day in range(1, last + 1)}
    if field == "L":
        field = "7L"
    if "#" in field:
        name, _, which = field.partition("#")
        wanted = _DAYS[name] if name in _DAYS else int(name)
        same = [day for day, number in of_day.items() if number == wanted]
        return {same[int(which) - 1]} if int(which) <= len(same) else set()
    if field.endswith("L"):
        wanted = _DAYS[field[:-1]] if field[:-1] in _DAYS else int(field[:-1])
        return {max(day for day, number in of_day.items() if number == wanted)}
    numbers = _numbers(field, 1, 7, _DAYS)
    return {day for day, number in of_day.items() if number in numbers}
