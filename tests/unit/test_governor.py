"""The retraining governor: never two within the cooldown, never more than the budget, one at a time."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster import naming, retraining
from muster.contracts.base import parse
from muster.contracts.retraining import RetrainingRequest, RetrainingState
from muster.contracts.spec_monitoring import RetrainingSpec
from tests.unit import samples

SPEC = RetrainingSpec(cooldown_seconds=7200, daily_budget=2)
EMPTY = RetrainingState()


def govern(state=EMPTY, at=0, execution="e1", running=False, spec=SPEC, policy=None, **request):
    wish = parse(RetrainingRequest, {"model": "tumour", "cause": "drift", **request})
    return retraining.govern(
        wish,
        state,
        spec,
        policy or samples.policy(),
        entered_at=samples.NOW + timedelta(seconds=at),
        pipeline_name=naming.retrained_pipeline_name(execution),
        pipeline_execution=f"arn:{execution}",
        in_flight_running=running,
    )


def test_the_first_wish_starts_the_pipeline():
    found = govern(reason="radius_mean moved", verdict="drift")
    assert found.decision.decision == "started"
    assert found.decision.reason == "drift (radius_mean moved): number 1 on 2026-11-21 (UTC)"
    assert found.decision.pipeline_input.payload() == {
        "model": "tumour",
        "spec_digest": None,
        "reason": "radius_mean moved",
        "trigger": "drift",
    }
    assert found.state == RetrainingState(
        in_flight="arn:e1", last_started_at=samples.NOW, day=samples.NOW.date(), started_today=1, version=1
    )


def test_a_second_wish_is_suppressed_with_figures():
    state = govern().state
    found = govern(state, at=60, execution="e2")
    assert (found.decision.decision, found.state) == ("suppressed", None)
    assert found.decision.reason == (
        "cooldown: 60 of 7200 seconds since the last start; possible again at 2026-11-21T14:00:00.000Z"
    )


def test_one_at_a_time_even_after_the_cooldown():
    found = govern(govern().state, at=10_000, execution="e2", running=True)
    assert found.decision.reason == "a retraining is in flight: arn:e1"


def test_the_budget_of_the_day():
    state = RetrainingState(last_started_at=samples.NOW, day=samples.NOW.date(), started_today=2, version=2)
    assert govern(state, at=8000, execution="e3").decision.reason == "daily budget: 2 of 2 started on 2026-11-21 (UTC)"
    assert govern(state, at=86400, execution="e3").state.started_today == 1


def test_the_platforms_floor_holds_against_a_spec_published_before():
    policy = samples.policy(retraining__min_cooldown_seconds=10_000, retraining__max_daily_budget=0)
    assert "0 of 0" in govern(policy=policy).decision.reason
    assert "of 10000 seconds" in govern(govern().state, at=9000, execution="e2", policy=policy).decision.reason


@pytest.mark.parametrize("verdict", ["failed", "insufficient", "no_drift", "error"])
def test_a_job_that_failed_is_not_drift(verdict):
    found = govern(verdict=verdict)
    assert found.decision.decision == "suppressed"
    assert f"the drift report's verdict is {verdict!r}, not 'drift'" in found.decision.reason


def test_a_person_may_skip_the_cooldown_but_nothing_else():
    state = govern().state
    assert govern(state, at=60, execution="e2", cause="manual", force=True).decision.decision == "started"
    assert govern(state, at=60, execution="e2", cause="drift", force=True).decision.decision == "suppressed"
    assert govern(state, at=60, execution="e2", cause="manual", force=True, running=True).state is None
    spent = state.model_copy(update={"started_today": 2})
    assert "daily budget" in govern(spent, at=60, execution="e2", cause="manual", force=True).decision.reason


def test_a_late_wish_counts_against_the_day_that_is_counted_and_turns_no_counter_back():
    # Given one start today, and a person's wish that was entered yesterday and arrives now
    state = govern().state
    late = {"at": -86400, "execution": "e2", "cause": "manual", "force": True}
    granted = govern(state, **late).state
    assert (granted.started_today, granted.day, granted.last_started_at) == (2, samples.NOW.date(), samples.NOW)
    assert "daily budget: 2 of 2" in govern(granted, **{**late, "execution": "e3"}).decision.reason


def test_a_second_try_of_the_same_execution_is_granted_again_and_counted_once():
    # Given a grant that was written, and a function that died before it could say so
    state = govern().state
    found = govern(state, at=5, running=False)
    assert (found.decision.decision, found.state) == ("started", None)
    assert found.decision.pipeline_name == govern().decision.pipeline_name


wishes = st.lists(
    st.tuples(
        st.integers(-5000, 40_000),  # seconds after the wish before; events may be late
        st.sampled_from(["drift", "manual", "schedule", "data"]),
        st.booleans(),  # whether what is in flight still runs
    ),
    max_size=25,
)


@given(wishes, st.integers(3600, 50_000), st.integers(0, 4))
def test_never_two_within_the_cooldown_nor_more_than_the_budget(sequence, cooldown, budget):
    spec = RetrainingSpec(cooldown_seconds=cooldown, daily_budget=budget)
    state, now, starts = EMPTY, 0, []
    for number, (passed, cause, running) in enumerate(sequence):
        now += passed
        found = govern(state, at=now, execution=f"e{number}", running=running, spec=spec, cause=cause)
        if found.decision.decision == "started":
            assert not (running and state.in_flight)
            assert found.state.version == state.version + 1
            state = found.state
            starts.append(samples.NOW + timedelta(seconds=now))
        else:
            assert found.state is None
            assert found.decision.reason
    for one, other in itertools.pairwise(starts):
        assert (other - one).total_seconds() >= cooldown
    for day in {each.date() for each in starts}:
        assert sum(each.date() == day for each in starts) <= budget
