"""Columns: what counts as missing, and that words survive being coded."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muster_numerics.columns import Categorical, Numeric, row_count
from tests.numerics.samples import words


@settings(deadline=None)
@given(st.lists(words))
def test_words_come_back_as_they_were_and_empty_ones_are_missing(given_words):
    column = Categorical.of(given_words)
    assert column.values == [word or None for word in given_words]
    assert column.missing == sum(not word for word in given_words)
    assert len(set(column.levels)) == len(column.levels)


def test_what_was_not_parsed_is_not_missing():
    column = Numeric.of([1.0, np.nan, np.nan, np.nan], unparsed=1)
    assert (column.missing, column.unparsed, len(column)) == (2, 1, 4)


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="the same number of rows"):
        row_count({"a": Numeric.of([1.0]), "b": Numeric.of([1.0, 2.0])})
    assert row_count({}) == 0
