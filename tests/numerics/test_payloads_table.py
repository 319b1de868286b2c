"""Tables of CSV payloads: the words are those that stand there, and payloads that are alike read as any others."""

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from muster_numerics.capture_schema import Field
from muster_numerics.columns import Categorical, Numeric
from muster_numerics.payloads_numbers import number
from muster_numerics.payloads_table import coded, columns_of, tabulate

WORDS = st.text(st.characters(exclude_characters=',"\\', exclude_categories=["Cs", "Cc"]), max_size=12)
FIELDS = (Field("size"), Field("colour", "word"))


def encoded(payloads: list[str]) -> list[bytes]:
    return [json.dumps(each, ensure_ascii=False).encode() for each in payloads]


@given(st.lists(WORDS, min_size=1, max_size=40), st.sampled_from(["", "\n"]))
@example(["a\0", "a"], "")
@example(["longer than eight", "", "longer than"], "\n")
def test_words_are_those_that_stand_there(words, end):
    # Given payloads that are alike, with a word of any length
    table = tabulate(encoded([f"1.5,{word}{end}" for word in words]), FIELDS)
    # When their columns are made
    columns = columns_of(table, FIELDS)
    # Then each word is what stood there, and each level occurs
    colour = columns["colour"]
    assert isinstance(colour, Categorical)
    assert table.plain.tolist() == ["\0" not in word for word in words]
    kept = [word or None for word in words if "\0" not in word]
    assert colour.values == kept
    assert sorted(colour.levels) == sorted({word for word in kept if word})


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=200))
def test_codes_lead_back_to_the_keys(keys):
    found = np.array(keys, dtype=np.uint64)
    codes, levels = coded(found)
    assert np.array_equal(levels[codes], found)
    assert len(np.unique(levels)) == len(levels)


def test_more_words_than_the_table_has_places_are_told_apart():
    keys = np.random.default_rng(1).integers(0, 20_000, 50_000).astype(np.uint64)
    codes, levels = coded(keys)
    assert np.array_equal(levels[codes], keys)
    assert len(np.unique(levels)) == len(levels) > 10_000


@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize(
    "odd", ["2.5", "2.5,red,3", "2.5,red\n3.5,blue\n", "\n", "", 'a,"b"', "2.5,r\\ed", "2.5,r\ted", "size,colour"]
)
def test_one_odd_payload_changes_nothing_of_the_others(odd, end):
    # Given payloads that are alike, and one that is not
    plain = [f"{value},red{end}" for value in range(5)]
    table = tabulate(encoded([*plain[:2], odd, *plain[2:]]), FIELDS)
    # When their columns are made
    size = columns_of(table.only(np.arange(6) != 2), FIELDS)["size"]
    # Then the others are read as they are without it
    assert isinstance(size, Numeric)
    assert table.plain[[0, 1, 3, 4, 5]].all()
    assert size.values.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("payloads", [[b'"1"', b"5", b'"2"'], [b'"1"', b"null", b'"2"'], [b'"1"', b'""', b'"2"'], []])
def test_what_is_no_string_or_empty_is_left_for_the_slower_reader(payloads):
    table = tabulate(payloads, (Field("size"),))
    expected = [number(each.decode().strip('"')) for each in payloads if len(each) == 3]
    size = columns_of(table, (Field("size"),))["size"]
    assert isinstance(size, Numeric)
    assert table.plain.tolist() == [len(each) == 3 for each in payloads]
    assert size.values.tolist() == expected
