"""The verdict: what counts as drift, what does not, and what it says of itself."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from muster_numerics.baseline import make_baseline
from muster_numerics.columns import Categorical, Numeric
from muster_numerics.comparison import compare
from muster_numerics.decide import Rules, benjamini_hochberg, decide, decision_to_json, holm
from muster_numerics.findings import Gate
from muster_numerics.grid import make_grid
from muster_numerics.sketch import merge, observe
from tests.numerics.samples import drawn

BASELINE = make_baseline(drawn(1, 5_000))


def decision_of(columns, baseline=BASELINE, rules=None, poison=0):
    return decide(observe(columns, baseline.grid, poison), baseline, rules)


p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@settings(deadline=None)
@given(p_values)
def test_benjamini_hochberg_is_scipys(given_p):
    named = {f"{number:02}": p for number, p in enumerate(given_p)}
    expected = {
        name for name, p in zip(named, stats.false_discovery_control(given_p), strict=True) if p <= 0.05 * (1 - 1e-12)
    }
    surely = {
        name for name, p in zip(named, stats.false_discovery_control(given_p), strict=True) if p <= 0.05 * (1 + 1e-12)
    }
    assert expected <= benjamini_hochberg(named, 0.05) <= surely


def test_holm_is_as_in_his_example():
    # Given the p-values of Holm 1979, table 1: 0.01, 0.04, 0.03, 0.005
    named = dict(zip("abcd", (0.01, 0.04, 0.03, 0.005), strict=True))
    # Then the adjusted ones are 0.03, 0.06, 0.06, 0.02
    adjusted = {name: max(floor, factor * named[name]) for name, (factor, floor) in holm(named).items()}
    assert adjusted == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})


def test_the_same_distribution_is_no_drift():
    found = decision_of(drawn(2, 1_000))
    assert found.verdict == "none"
    assert found.reasons == ("no column differs: 1,000 rows, 2 columns compared",)
    assert found.assumptions == (
        "independence of rows is assumed: the baseline is not in the order of time, or too short",
    )


def test_a_shifted_column_drifts_and_the_reason_names_it():
    found = decision_of(drawn(2, 1_000, shift=0.5))
    assert found.verdict == "drift"
    assert [name for name, column in found.columns.items() if column.verdict == "drift"] == ["size"]
    assert found.reasons[0].startswith("size: distribution moved by 0.191 (KS), PSI 0.23; p < 1e-12")
    assert not found.breach


def test_a_wider_column_drifts_though_its_cumulative_shares_hardly_move():
    # Given values a tenth wider, which moves no cumulative share by 3 %
    rng = np.random.default_rng(8)
    baseline = make_baseline({"size": Numeric.of(rng.normal(size=40_000))})
    found = decision_of({"size": Numeric.of(rng.normal(size=40_000) * 1.1)}, baseline)
    # Then it is drift all the same, and the reason says why
    assert found.columns["size"].comparison.effects.ks < 0.03
    assert found.verdict == "drift"
    assert "wider by 9%" in found.reasons[0]


def test_significant_but_small_is_a_warning():
    # Given so many rows that a shift of two hundredths of a deviation is certain
    baseline = make_baseline(drawn(1, 400_000))
    found = decision_of(drawn(2, 400_000, shift=0.02), baseline)
    # Then it warns and says why it does not alarm
    assert found.verdict == "warn"
    assert found.reasons[0].endswith("but too small to matter")
    # And alarms for who wants to know of less
    assert decision_of(drawn(2, 400_000, shift=0.02), baseline, Rules(gate=Gate(ks=0.005))).verdict == "drift"


def test_likely_but_not_sure_is_a_warning():
    found = decision_of(drawn(3, 1_000, shift=0.04))
    assert 0.01 < found.columns["size"].adjusted < 0.05
    assert found.verdict == "warn"
    assert "not sure enough (at most 0.01 is)" in found.reasons[0]


def test_missing_values_drift_however_they_are_distributed():
    columns = drawn(2, 1_000)
    values = columns["size"].values.copy()
    values[:30] = np.nan
    found = decision_of(columns | {"size": Numeric.of(values)})
    assert found.columns["size"].comparison.findings[0].kind == "missing"
    assert found.reasons[0].startswith("size: missing 0.0% to 3.0%")


def test_a_new_word_drifts_and_is_named():
    columns = drawn(2, 1_000)
    words = columns["colour"].values
    words[:10] = ["violet"] * 10
    found = decision_of(columns | {"colour": Categorical.of(words)})
    assert {finding.kind for finding in found.columns["colour"].comparison.findings} >= {"level", "new_levels"}
    assert any("'violet' 0.0% to 1.0%" in reason for reason in found.reasons)


def test_new_names_in_a_column_of_names_are_nothing_new():
    # Given a column in which most words occur once, few enough to be listed one by one
    rng = np.random.default_rng(4)
    alarms = 0
    for _ in range(40):
        names = [f"name {number}" for number in rng.zipf(1.5, 700) % 10_000_000]
        baseline = make_baseline({"name": Categorical.of(names[:200])})
        assert baseline.grid["name"].complete
        found = decision_of({"name": Categorical.of(names[200:])}, baseline)
        alarms += found.verdict == "drift"
    # Then a window that has others is no drift
    assert alarms <= 2


def test_a_column_of_identifiers_is_no_drift():
    before = {"id": Categorical.of([f"order {number}" for number in range(5_000)])}
    after = {"id": Categorical.of([f"order {number}" for number in range(5_000, 6_000)])}
    assert decision_of(after, make_baseline(before)).verdict == "none"


def test_a_change_that_matters_is_found_behind_many_that_do_not():
    # Given so many rows that all words move for certain and by too little, and some values go missing as well
    rng = np.random.default_rng(6)
    words = np.array([f"word {number}" for number in range(30)])
    shares = np.full(30, 1 / 30)
    moved = shares * np.where(np.arange(30) % 2, 0.9, 1.1)
    before = {"word": Categorical.of(rng.choice(words, 300_000, p=shares).tolist())}
    after = rng.choice(words, 300_000, p=moved / moved.sum())
    # When the window is judged
    after[:3_900] = ""
    found = decision_of({"word": Categorical.of(after.tolist())}, make_baseline(before))
    # Then the verdict rests on what matters
    assert [reason.split(";")[0] for reason in found.reasons] == ["word: missing 0.0% to 1.3%"]
    assert found.verdict == "drift"


def test_rare_words_must_move_by_much_to_matter():
    gate = Gate()
    assert not gate.level_passes(0.05, 0.065)  # 1.5 points, neither large nor a multiple
    assert gate.level_passes(0.05, 0.08)
    assert gate.level_passes(0.01, 0.03)
    assert gate.level_passes(0.03, 0.01)
    assert not gate.level_passes(0.001, 0.009)
    assert gate.level_passes(0.0, 0.002)


@pytest.mark.parametrize(
    ("rows", "poison", "verdict"),
    [
        (199, 0, "insufficient"),
        (200, 0, "none"),
        (100, 50, "insufficient"),
        (190, 10, "insufficient"),
        (950, 50, "none"),
        (949, 51, "inconclusive"),
        (0, 1_000, "inconclusive"),
    ],
)
def test_too_few_rows_and_too_much_poison_decide_nothing(rows, poison, verdict):
    found = decision_of(drawn(2, rows), poison=poison)
    assert found.verdict == verdict
    assert (found.rows, found.poison) == (rows, poison)
    assert bool(found.columns) == (verdict == "none")


def test_poison_never_ends_in_no_drift_even_when_drift_is_plain():
    assert decision_of(drawn(2, 1_000, shift=3), poison=500).verdict == "inconclusive"


def test_a_missing_column_is_a_breach_and_is_not_compared():
    columns = drawn(2, 1_000)
    del columns["colour"]
    found = decision_of(columns)
    assert (found.verdict, found.breach) == ("drift", True)
    assert found.reasons[0] == "colour: the column is missing from 100.0% of the rows"
    assert "colour" not in found.columns


def test_a_column_missing_from_few_rows_is_told_and_breaks_nothing():
    size = {"size": drawn(2, 5)["size"]}
    window = merge(observe(drawn(2, 995), BASELINE.grid), observe(size, BASELINE.grid))
    found = decide(window, BASELINE)
    assert not found.breach
    assert [(each.kind, each.rows) for each in found.quality] == [("missing_column", 5)]


def test_an_extra_column_is_told_and_breaks_nothing():
    found = decision_of(drawn(2, 1_000) | {"weight": Numeric.of(np.ones(1_000))})
    assert found.verdict == "none"
    assert [(each.kind, each.column) for each in found.quality] == [("extra_column", "weight")]


def test_values_of_the_wrong_type_are_a_breach_unless_the_baseline_has_as_many():
    columns = drawn(2, 1_000)
    values = columns["size"].values.copy()
    values[:20] = np.nan
    broken = {"size": Numeric.of(values, unparsed=20), "colour": columns["colour"]}
    found = decision_of(broken)
    assert found.breach
    assert "size: 2.0% of the values are no number (0.0% in the baseline)" in found.reasons
    assert not decision_of(broken, make_baseline(broken)).breach


def test_fractions_in_a_whole_column_are_a_breach():
    whole = np.random.default_rng(1).integers(0, 9, 1_000).astype(float)
    found = decision_of({"rooms": Numeric.of(whole + 0.5)}, make_baseline({"rooms": Numeric.of(whole)}))
    assert "rooms: 100.0% of the values are not whole, as all of the baseline are" in found.reasons[0]


def test_predictions_have_their_own_share_of_false_alarms():
    # Given a change of the score for which p lies between its share and the whole
    rng = np.random.default_rng(2)
    score = make_baseline({"score": Numeric.of(rng.normal(size=5_000))}, "prediction")
    columns = drawn(2, 1_000) | {"score": Numeric.of(rng.normal(0.05, 1, 1_000))}
    alone = decision_of({"score": columns["score"]}, score).columns["score"]
    beside = decision_of(columns, BASELINE | score).columns["score"]
    # Then it alarms when it is all there is, and not when the features have four fifths
    assert 0.002 < alone.adjusted < 0.01
    assert (alone.verdict, beside.verdict) == ("drift", "warn")
    assert alone.adjusted == beside.adjusted
    assert "at most 0.002 is" in beside.reasons[0]


def test_with_a_baseline_in_the_order_of_time_the_report_says_so():
    baseline = make_baseline(drawn(1, 12_000), time_ordered=True)
    found = decision_of(drawn(2, 1_000), baseline)
    assert found.assumptions == ("correlation in time is allowed for as the baseline's stretches of 600 rows show it",)
    mixed = baseline | make_baseline({"score": Numeric.of([0.5] * 50)}, "prediction")
    columns = drawn(2, 1_000) | {"score": Numeric.of([0.5] * 1_000)}
    assert decision_of(columns, mixed).assumptions[1] == "independence of rows is assumed for score"


def test_a_constant_column_drifts_when_it_is_no_longer_constant_and_the_other_way_round():
    constant, varying = {"x": Numeric.of(np.ones(1_000))}, {"x": Numeric.of(1 + np.arange(1_000) / 1_000)}
    assert decision_of(varying, make_baseline(constant)).verdict == "drift"
    assert decision_of(constant, make_baseline(varying)).verdict == "drift"
    assert decision_of(constant, make_baseline(constant)).verdict == "none"
    assert decision_of(varying, make_baseline(constant, time_ordered=True)).verdict == "drift"


def test_a_column_without_any_value_is_compared_without_a_fault():
    empty = {"x": Numeric.of([np.nan] * 300), "y": Categorical.of([None] * 300)}
    full = {"x": Numeric.of(np.arange(300.0)), "y": Categorical.of(["a"] * 300)}
    assert decision_of(empty, make_baseline(empty)).verdict == "none"
    assert decision_of(full, make_baseline(empty)).verdict == "drift"
    assert decision_of(empty, make_baseline(full)).verdict == "drift"


def test_a_decision_is_json():
    found = decision_of(drawn(2, 1_000, shift=0.5))
    text = json.dumps(decision_to_json(found), allow_nan=False)
    assert json.loads(text)["columns"]["size"]["comparison"]["effects"]["ks"] > 0.1


def test_a_window_that_was_counted_on_another_grid_is_refused():
    with pytest.raises(ValueError, match="size: the window was not counted on this baseline's grid"):
        decide(observe(drawn(2, 300), make_grid(drawn(1, 30))), BASELINE)
    size = observe(drawn(2, 300), BASELINE.grid).columns["size"]
    with pytest.raises(ValueError, match="colour: the window was not counted"):
        compare("colour", BASELINE.columns["colour"], size, Gate())
    mixed = replace(BASELINE.columns["colour"], counts=BASELINE.columns["size"].counts)
    with pytest.raises(ValueError, match="colour: grid and counts of the baseline differ in kind"):
        compare("colour", mixed, size, Gate())
