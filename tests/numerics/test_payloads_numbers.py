"""Numbers from bytes: what `float` gives, to the last bit."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from muster_numerics.payloads_numbers import PADDING, number, parse

DIGITS = st.text("0123456789", min_size=1, max_size=22)
DECIMALS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-"]),
    DIGITS,
    st.sampled_from(["", "."]),
    st.text("0123456789", max_size=18),
)
FIELDS = st.one_of(
    st.floats(allow_nan=False).map(repr),
    st.floats(-1e6, 1e6).map("{:.6f}".format),
    st.integers(-(10**21), 10**21).map(str),
    DECIMALS,
    st.text("0123456789.-+eE /:_nif", max_size=26),
    st.text(st.characters(exclude_characters=",", exclude_categories=["Cs"]), max_size=12),
)


def parsed(fields: list[str]) -> tuple[list[float], list[int]]:
    text = np.frombuffer(PADDING[:-1] + b"," + "".join(f"{each}," for each in fields).encode() + PADDING, np.uint8)
    commas = np.flatnonzero(text == ord(","))
    values, wrong = parse(text, np.stack([commas[:-1], commas[1:]], axis=1))
    return values[:, 0].tolist(), wrong.tolist()


def same(one: float, other: float) -> bool:
    return (math.isnan(one) and math.isnan(other)) or (
        one == other and math.copysign(1, one) == math.copysign(1, other)
    )


@given(st.lists(FIELDS, min_size=1, max_size=40))
@example(["9007199254740993", "0.30000000000000004", "-0", "5e-324", "1.7976931348623157e308", "1e400"])
@example(
    ["123456789.23456789", "1234567890.12345678", "12345678.123456789", "1.2345678901234567", "-123456789012.3456789"]
)
@example(["1..2", "12..345678", "1.2.3", ".", "-", "-.", "5.", ".5", "0/1", "7/", "1:2", "1_0", "٣", " 1", "+1"])
def test_every_field_is_what_float_reads(fields):
    # Given fields of any form, When they are parsed together
    values, wrong = parsed(fields)
    # Then each is the double that Python reads, or is told to be none
    expected = [math.nan if each == "" else number(each) for each in fields]
    assert wrong == [index for index, value in enumerate(expected) if value is None]
    assert all(same(math.nan if a is None else a, b) for a, b in zip(expected, values, strict=True))


@pytest.mark.parametrize("text", ["1_000", "٣", "abc", "1.2.3", "--1", "0x10", "1,5"])
def test_number_refuses(text):
    assert number(text) is None


@pytest.mark.parametrize(("text", "value"), [(" 1.5 ", 1.5), ("1e3", 1000.0), ("-inf", -math.inf), ("+2", 2.0)])
def test_number_reads(text, value):
    assert number(text) == value


def test_halfway_numbers_round_to_even():
    # Given numbers half-way between two doubles in the extended format's last bits
    fields = [str(2**53 + odd) for odd in range(1, 200, 2)] + [f"{2**53 + odd}.5" for odd in range(1, 40)]
    # When they are parsed, Then they are rounded once
    values, wrong = parsed(fields)
    assert values == [float(each) for each in fields]
    assert wrong == []


def test_many_fields_are_worked_on_in_blocks():
    fields = [repr(value) for value in np.random.default_rng(5).normal(size=70_000).tolist()]
    fields[66_000] = "none"
    values, wrong = parsed(fields)
    assert wrong == [66_000]
    assert values[:66_000] == [float(each) for each in fields[:66_000]]
