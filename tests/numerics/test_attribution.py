"""Attribution drift: Clarify's nDCG."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muster_numerics.attribution import absent, judge, ndcg, ranks

WEIGHTS = st.integers(0, 5).map(float)


@st.composite
def pairs(draw):
    names = draw(st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=5, unique=True))
    return tuple({name: draw(WEIGHTS) for name in names} for _ in range(2))


def by_definition(baseline: dict[str, float], live: dict[str, float]) -> float:
    """The nDCG of scikit-learn, by its definition: the mean over all orders of what the live attributions leave open."""

    def gain(order) -> float:
        return sum(baseline[name] / math.log2(place + 2) for place, name in enumerate(order))

    orders = list(itertools.permutations(live))
    descending = [order for order in orders if [live[name] for name in order] == sorted(live.values(), reverse=True)]
    ideal = max(gain(order) for order in orders)
    return sum(map(gain, descending)) / len(descending) / ideal if ideal else 1.0


@settings(deadline=None)
@given(pairs())
def test_is_the_mean_gain_of_the_live_order(given_pair):
    baseline, live = given_pair
    assert ndcg(baseline, live) == pytest.approx(by_definition(baseline, live), abs=1e-12)


@settings(deadline=None)
@given(pairs())
def test_is_one_for_the_baseline_s_own_order_and_never_more(given_pair):
    baseline, live = given_pair
    assert ndcg(baseline, baseline) == pytest.approx(1)
    assert 0 <= ndcg(baseline, live) <= 1


def test_scikit_learn_s_example():
    # sklearn.metrics.ndcg_score([[10, 0, 0, 1, 5]], [[.1, .2, .3, 4, 70]]) of its documentation
    baseline = dict(zip("abcde", [10.0, 0.0, 0.0, 1.0, 5.0], strict=True))
    live = dict(zip("abcde", [0.1, 0.2, 0.3, 4.0, 70.0], strict=True))
    assert ndcg(baseline, live) == pytest.approx(0.6956940443813076)


@pytest.mark.parametrize(
    ("baseline", "live", "message"),
    [
        ({}, {}, "the baseline has none"),
        ({"a": 1.0}, {"b": 1.0}, "the live ones lack 'a'"),
        ({"a": 1.0}, {"a": 1.0, "b": 1.0}, "the baseline lack 'b'"),
        ({"a": -1.0}, {"a": 1.0}, "baseline: a is -1.0"),
        ({"a": 1.0}, {"a": math.nan}, "live: a is nan"),
    ],
)
def test_attributions_that_cannot_be_compared(baseline, live, message):
    with pytest.raises(ValueError, match=message):
        ndcg(baseline, live)


def test_a_ranking_that_has_moved_is_told_feature_by_feature():
    # Given a model whose second feature has become its first
    found = judge({"a": 3.0, "b": 1.0, "c": 0.0}, {"a": 0.1, "b": 0.5, "c": 0.0}, rows=500, least=0.9)
    # Then
    assert (found["status"], found["rows"], found["least"]) == ("moved", 500, 0.9)
    assert found["reason"] == "nDCG 0.797 of 500 rows, below 0.9"
    assert found["features"][0] == {"name": "b", "baseline_rank": 2, "live_rank": 1, "baseline": 1.0, "live": 0.5}
    assert judge({"a": 3.0, "b": 1.0}, {"a": 9.0, "b": 2.0}, rows=9, least=0.9)["status"] == "measured"


def test_members_of_what_stands_in_are_the_same():
    assert absent("why", least=0.9).keys() == judge({"a": 1.0}, {"a": 1.0}, rows=1, least=0.9).keys()


def test_names_decide_between_equals():
    assert ranks({"b": 1.0, "a": 1.0, "c": 2.0}) == {"c": 1, "a": 2, "b": 3}
