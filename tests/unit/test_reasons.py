"""Reasons that travel stay few and short, and say what was left out."""

import json

from hypothesis import given
from hypothesis import strategies as st

from muster.reasons import LONGEST, MOST, told

REASONS = st.lists(st.text(st.characters(codec="ascii"), max_size=400), max_size=60)


@given(REASONS)
def test_few_short_reasons_travel_as_they_are_and_all_are_counted(reasons: list[str]) -> None:
    # Given any reasons ; When they are told
    shown = told(reasons, "the report")
    # Then the first ones come in their order, each whole or cut
    for each, full in zip(shown, reasons[:MOST], strict=False):
        assert len(each) <= LONGEST
        assert each == full or (each.endswith("…") and full.startswith(each[:-1]))
    # And what is left out is counted
    assert len(shown) == min(len(reasons), MOST) + (len(reasons) > MOST)
    if len(reasons) > MOST:
        assert shown[-1] == f"and {len(reasons) - MOST} more: see the report"


def test_the_longest_reasons_are_a_third_of_what_a_state_may_hold() -> None:
    assert len(json.dumps(told(["x" * 1000] * 5000, "the report"))) < 32 * 1024 / 3
