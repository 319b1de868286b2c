"""A sample that is the same on every try."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muster_numerics.capture import read_capture
from muster_numerics.sample import features_csv, sample
from tests.numerics.capture_records import SCHEMA, record

NAMES = ("age", "density", "margin")


def drawn(lines: list[str], most: int, block_bytes: int = 600) -> list[list[str]]:
    file = io.BytesIO("".join(f"{line}\n" for line in lines).encode())
    return sample(read_capture([("f", file)], SCHEMA, [].append, named=True, block_bytes=block_bytes), NAMES, most)


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(1, 30), st.randoms(use_true_random=False), st.sampled_from([300, 900, 10**6]))
def test_depends_on_the_rows_alone(count, most, chance, block_bytes):
    lines = [record(f"{n},a,{n / 7!r}", event=f"e-{n}") for n in range(count)]
    before = drawn(lines, most)
    chance.shuffle(lines)
    assert drawn(lines, most, block_bytes) == before
    assert len(before) == min(count, most)
    assert len({row[0] for row in before}) == len(before)


def test_every_row_has_the_same_chance():
    lines = [
        record("\n".join(f"{n * 3 + k},a,1" for k in range(3)), "0.1\n0.2\n0.3", event=f"e-{n}") for n in range(2000)
    ]
    taken = np.array([int(row[0]) for row in drawn(lines, 1500, 10**6)])
    assert np.bincount(taken % 3) == pytest.approx(500, abs=80)
    assert np.bincount(taken // 600) == pytest.approx(150, abs=45)


def test_values_come_back_to_the_bit():
    number = 0.1 + 0.2
    (row,) = drawn([record(f'{number!r},"a, ""b""",', event="e")], 5)
    assert row == [f"{number:.17g}", 'a, "b"', ""]
    header, line = csv.reader(io.StringIO(features_csv(NAMES, [row]).decode()))
    assert header == ["row_id", *NAMES]
    assert float(line[1]) == number
    assert line[2:] == ['a, "b"', ""]


def test_no_rows():
    assert drawn([], 5) == []
    assert features_csv(NAMES, []).decode() == "row_id,age,density,margin\n"
