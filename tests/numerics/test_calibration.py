"""The stated bounds, on few runs with fixed seeds and wide margins; `make calibrate` has the figures."""

import pytest

from calibrate.__main__ import LEAST_DETECTED, Bound
from calibrate.data import Traffic
from calibrate.limit import most_found
from calibrate.studies import CHANGES, detection, false_alarms, in_time, real_splits


@pytest.mark.parametrize("rows", [200, 1_000])
def test_few_runs_without_drift_alarm(rows):
    found = false_alarms(rows, 60, seed=7, baseline_rows=4_000)
    assert found.share() <= 0.07  # 1 % is meant: five of 60 would be one chance in 3,000
    assert found.share("Evidently's default") >= 0.15


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_one_changed_column_of_35_is_found(change):
    found = detection(change, 1_000, 20, seed=7)
    assert found.share() >= LEAST_DETECTED.get(change.name, 0.4) - 0.25
    assert found.share() >= found.share("Model Monitor, Robust > 0.1") + 0.3


def test_correlated_rows_seldom_alarm_if_the_baseline_is_in_the_order_of_time():
    found = in_time(Traffic(correlation=0.6), 1_000, 20, seed=7)
    assert found.share() <= 0.1
    assert found.share("independence assumed") >= 0.5


def test_random_splits_of_real_data_seldom_alarm():
    assert real_splits(200, 50, seed=7).share() <= 0.07


def test_a_daily_cycle_seldom_alarms_if_the_baseline_is_in_the_order_of_time():
    found = in_time(Traffic(cycle=0.2), 1_000, 20, seed=7)
    assert found.share() <= 0.1
    assert found.share("independence assumed") >= 0.5


def test_the_best_possible_test_of_a_stretched_column_finds_less_than_all():
    found = most_found(1.25**0.5, 1_000, 0.01, seed=7)
    # The sum of squares of 980 normal values; of the shapes with an end, a row beyond it settles the matter
    assert found["normal"] == pytest.approx(0.941, abs=0.001)
    assert found["gamma"] == pytest.approx(1.0, abs=1e-6)
    assert 0.55 < found["Student's t"] < 0.75
    assert sum(found.values()) / len(found) < LEAST_DETECTED["variance x 1.25"]


def test_a_bound_that_no_test_can_reach_says_so():
    assert "best possible test finds 91.0%" in Bound("x", 0.8, 0.95, at_least=True, possible=0.91).row()[-1]
    assert Bound("x", 0.8, 0.95, at_least=True).can_hold


def test_bounds_have_a_side():
    assert Bound("at most", 0.01, 0.015).holds
    assert not Bound("at most", 0.02, 0.015).holds
    assert Bound("at least", 0.99, 0.97, at_least=True).holds
    assert not Bound("at least", 0.96, 0.97, at_least=True).holds
