"""Which capture files belong to a stretch of time, and how they are packed."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.captures import CapturedFile, gaps, hour_of, hour_prefix, hours, packed, time_of

T0 = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is given


def file(at: datetime, size: int = 10, name: str = "x") -> CapturedFile:
    return CapturedFile(f"s3://bucket/{name}", "v1", size, at, at)


@pytest.mark.parametrize(
    ("key", "modified", "at"),
    [
        ("e/primary/2026/11/21/09/05-06-007-uuid.jsonl", T0, T0 + timedelta(minutes=5, seconds=6, milliseconds=7)),
        ("e/primary/2026/11/21/09/part.jsonl", T0 + timedelta(minutes=3), T0 + timedelta(minutes=3)),
        ("e/primary/2026/11/21/09/99-06-007-uuid.jsonl", T0 + timedelta(minutes=3), T0 + timedelta(minutes=3)),
        ("e/primary/2026/11/21/09/part.jsonl", T0 - timedelta(days=1), T0),
        ("e/primary/2026/11/21/09/part.jsonl", T0 + timedelta(days=1), T0 + timedelta(minutes=59, seconds=59.999)),
        ("e/primary/2026/13/21/09/part.jsonl", T0, None),
        ("e/primary/readme.txt", T0, None),
    ],
)
def test_a_file_s_time_is_that_of_its_name_within_its_hour(key: str, modified: datetime, at: datetime | None) -> None:
    assert time_of(key, modified) == at


@given(MOMENTS, MOMENTS)
def test_a_file_s_time_is_within_the_hour_of_its_place(hour: datetime, modified: datetime) -> None:
    found = time_of(f"{hour_prefix('e', 'primary', hour)}file.jsonl", modified)
    assert found is not None
    assert hour_of(found) == hour_of(hour)


@given(MOMENTS, st.timedeltas(timedelta(milliseconds=1), timedelta(days=8)))
def test_the_hours_cover_the_stretch_and_no_more(start: datetime, length: timedelta) -> None:
    found = list(hours(start, start + length))
    assert found[0] <= start < found[0] + timedelta(hours=1)
    assert found[-1] < start + length <= found[-1] + timedelta(hours=1)
    assert [b - a for a, b in itertools.pairwise(found)] == [timedelta(hours=1)] * (len(found) - 1)


def test_hours_of_another_zone_are_utc_s() -> None:
    east = datetime.fromisoformat("2026-11-21T10:30:00+01:30")
    assert list(hours(east, east + timedelta(minutes=1))) == [T0]
    assert hour_prefix("e", "primary", T0) == "e/primary/2026/11/21/09/"


@given(st.sets(st.integers(0, 23)))
def test_gaps_are_the_hours_without_a_file(there: set[int]) -> None:
    files = [file(T0 + timedelta(hours=each, minutes=17)) for each in there]
    told = gaps(files, T0, T0 + timedelta(hours=24))
    spans = [tuple(datetime.fromisoformat(each) for each in one.split(" to ")) for one in told]
    empty = {int((hour - T0) / timedelta(hours=1)) for start, end in spans for hour in hours(start, end)}
    assert empty == set(range(24)) - there
    assert all(a[1] < b[0] for a, b in itertools.pairwise(spans))  # neighbours are one


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(1, 60))
def test_packing_keeps_every_file_in_order_and_no_batch_is_too_large(sizes: list[int], most: int) -> None:
    files = [file(T0, size, str(number)) for number, size in enumerate(sizes)]
    batches = packed(files, most)
    assert [each for batch in batches for each in batch] == files
    for batch in batches:
        assert sum(each.bytes for each in batch) <= most or len(batch) == 1
    for one, other in itertools.pairwise(batches):  # and none is begun without need
        assert sum(each.bytes for each in one) + other[0].bytes > most
