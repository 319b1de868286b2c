"""How differently a model decides for the groups of a facet."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster_numerics.quality_bias import (
    EMPTY,
    MOST_GROUPS,
    REST,
    GroupCounts,
    add_groups,
    count_groups,
    differences,
    largest,
)

ROWS = st.lists(st.tuples(st.sampled_from(["x", "y", "z", None]), st.booleans(), st.booleans()), max_size=60)


def groups_of(rows):
    facet, said, truth = zip(*rows, strict=True) if rows else ((), (), ())
    return count_groups(facet, np.array(said, dtype=bool), np.array(truth, dtype=bool))


def by_group(found):
    return {(each.measure, each.group): each.difference for each in found}


def test_shares_of_a_group_against_the_rest():
    # Given 30 of 100 rows of x decided positive, and 60 of 100 others; 20 of 40 true ones found, and 45 of 50
    groups = {"x": GroupCounts(100, 30, 40, 20), "y": GroupCounts(60, 40, 30, 27), "z": GroupCounts(40, 20, 20, 18)}
    # When they are compared
    found = by_group(differences(groups, least_rows=30))
    # Then x gets 30 points less, and its true rows are found 40 points less often
    proportion, recall = found["positive_proportion", "x"], found["true_positive_rate", "x"]
    assert proportion.value == pytest.approx(-0.3)
    assert recall.value == pytest.approx(-0.4)
    assert proportion.low < -0.3 < proportion.high < 0
    assert found["true_positive_rate", "z"].value is None
    assert found["true_positive_rate", "z"].reason == "20 rows against 70, wanted 30 in each"


def test_newcombe_s_own_example():
    # Given 56 of 70 against 48 of 80 (Newcombe 1998, table II, method 10: 0.0524 to 0.3339)
    found = by_group(differences({"a": GroupCounts(70, 56), "b": GroupCounts(80, 48)}, least_rows=1))[
        "positive_proportion", "a"
    ]
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_intervals_hold_no_difference_in_95_percent_of_fair_samples():
    chance, held = np.random.default_rng(4), []
    for _ in range(2000):
        groups = {
            "a": GroupCounts(150, int(chance.binomial(150, 0.3))),
            "b": GroupCounts(400, int(chance.binomial(400, 0.3))),
        }
        found = by_group(differences(groups, least_rows=1))["positive_proportion", "a"]
        held.append(found.low <= 0 <= found.high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


@given(ROWS, st.integers(0, 60))
def test_counts_of_parts_add_up(rows, cut):
    assert add_groups(groups_of(rows[:cut]), groups_of(rows[cut:])) == groups_of(rows)


def test_missing_values_are_a_group():
    found = count_groups(["x", None, ""], np.array([True, False, True]))
    assert found == {"x": GroupCounts(1, 1), EMPTY: GroupCounts(2, 1)}


def test_of_many_groups_the_smallest_are_one():
    groups = {f"g{number}": GroupCounts(100 + number, 10) for number in range(MOST_GROUPS + 5)}
    found = {
        each.group: each.rows for each in differences(groups, least_rows=1) if each.measure == "positive_proportion"
    }
    assert len(found) == MOST_GROUPS + 1
    assert found[REST] == sum(100 + number for number in range(5))


def test_values_of_a_column_of_measurements_are_counted_within_bounds():
    # Given parts of a facet with a value per row, and one that is often there
    groups: dict[str, GroupCounts] = {}
    for part in range(20):
        facet = [f"{part}-{n}" for n in range(90)] + ["often"] * 10
        groups = largest(add_groups(groups, count_groups(facet, np.arange(100) % 2 == 0)), 50)
    # Then no row is lost, and what is frequent is still told
    assert len(groups) == 51
    assert groups["often"] == GroupCounts(200, 100)
    assert sum(groups.values(), GroupCounts()) == GroupCounts(2000, 1000)
