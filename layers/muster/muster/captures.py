"""Which capture files belong to a stretch of time: by their place and name, as SageMaker writes them.

Place: ``<endpoint>/<variant>/yyyy/mm/dd/hh/<file>.jsonl`` ("Capture data from real-time endpoint", developer guide), hours
in UTC. Names begin with minute, second and millisecond of the first record, ``mm-ss-mmm-<uuid>.jsonl``. A file's time is
that of its first record: what a window's last file holds beyond the window's end is counted with it.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HOUR = timedelta(hours=1)
_KEY = re.compile(r"/(\d{4})/(\d{2})/(\d{2})/(\d{2})/([^/]*)$")
_NAME = re.compile(r"^([0-5]\d)-([0-5]\d)-(\d{3})-")


@dataclass(frozen=True)
class CapturedFile:
    """A capture file, pinned.

    Attributes
    ----------
    uri, version_id, bytes
        Which object.
    at
        When its first record was captured, as far as its name tells (`time_of`).
    modified
        When S3 got it.
    """

    uri: str
    version_id: str
    bytes: int
    at: datetime
    modified: datetime


def hours(start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the beginning of every hour that a stretch of time touches, in UTC."""
    hour = hour_of(start)
    while hour < end:
        yield hour
        hour += HOUR


def hour_of(moment: datetime) -> datetime:
    """Return the beginning of a time's hour, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def hour_prefix(endpoint: str, variant: str, hour: datetime) -> str:
    """Return the prefix below which an hour's files are in the capture bucket."""
    return f"{endpoint}/{variant}/{hour:%Y/%m/%d/%H}/"


def time_of(key: str, modified: datetime) -> datetime | None:
    """Return a file's time: hour and name, or within its hour when it was written; None if the key has no hour."""
    place = _KEY.search(key)
    if place is None:
        return None
    try:
        hour = datetime(int(place[1]), int(place[2]), int(place[3]), int(place[4]), tzinfo=UTC)
    except ValueError:
        return None
    name = _NAME.match(place[5])
    if name:
        return hour + timedelta(minutes=int(name[1]), seconds=int(name[2]), milliseconds=int(name[3]))
    return min(max(hour, modified.astimezone(UTC)), hour + HOUR - timedelta(milliseconds=1))


def gaps(files: Collection[CapturedFile], start: datetime, end: datetime) -> list[str]:
    """Return the hours of a stretch without a file, in words; hours that follow each other as one."""
    there = {hour_of(each.at) for each in files}
    empty = [hour for hour in hours(start, end) if hour not in there]
    found: list[list[datetime]] = []
    for hour in empty:
        if found and found[-1][-1] + HOUR == hour:
            found[-1].append(hour)
        else:
            found.append([hour])
    return [f"{_spelled(each[0])} to {_spelled(each[-1] + HOUR)}" for each in found]


def _spelled(hour: datetime) -> str:
    return f"{hour:%Y-%m-%dT%H:%MZ}"


def packed(files: Sequence[CapturedFile], batch_bytes: int) -> list[list[CapturedFile]]:
    """Pack files into batches of at most so many bytes, in their order; a larger file is a batch alone."""
    batches: list[list[CapturedFile]] = []
    room = 0
    for each in files:
        if not batches or each.bytes > room:
            batches.append([])
            room = batch_bytes
        batches[-1].append(each)
        room -= each.bytes
    return batches
