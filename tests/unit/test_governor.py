"""The retraining governor: never two within the cooldown, never more than the budgets, one at a time."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster import naming, retraining
from muster.contracts.base import parse
from muster.contracts.retraining import RetrainingRequest, RetrainingStart, RetrainingState
from muster.contracts.spec_monitoring import RetrainingSpec
from muster.errors import ContractError
from muster.retraining import Standing
from tests.unit import samples

SPEC = RetrainingSpec(cooldown_seconds=7200, daily_budget=2)
EMPTY = RetrainingState()
DAY = 86_400


def govern(
    state=EMPTY,
    at=0,
    execution="e1",
    running=False,
    last=None,
    champion=None,
    no_new_data=None,
    spec=SPEC,
    policy=None,
    **request,
):
    wish = parse(RetrainingRequest, {"model": "tumour", "cause": "drift", **request})
    return retraining.govern(
        wish,
        state,
        spec,
        policy or samples.policy(),
        Standing("RUNNING" if running else last, champion, lambda: no_new_data),
        entered_at=samples.NOW + timedelta(seconds=at),
        pipeline_name=naming.retrained_pipeline_name(execution),
        pipeline_execution=f"arn:{execution}",
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
        in_flight="arn:e1",
        last_started_at=samples.NOW,
        day=samples.NOW.date(),
        started_today=1,
        starts=(RetrainingStart(at=samples.NOW, execution="arn:e1", cause="drift"),),
        version=1,
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


def test_the_budget_of_seven_days_rolls():
    # Given a spec that allows two a week, and two starts three days apart
    spec = RetrainingSpec(cooldown_seconds=3600, daily_budget=4, weekly_budget=2)
    state = govern(spec=spec).state
    state = govern(state, at=3 * DAY, execution="e2", spec=spec).state
    # Then the third waits until the first is seven days old
    early = govern(state, at=6 * DAY, execution="e3", spec=spec, cause="manual", force=True)
    assert early.decision.reason == (
        "weekly budget: 2 of 2 started in the seven days before 2026-11-27T12:00:00.000Z; "
        "possible again at 2026-11-28T12:00:00.000Z"
    )
    later = govern(state, at=7 * DAY, execution="e3", spec=spec)
    assert later.decision.decision == "started"
    assert [each.execution for each in later.state.starts] == ["arn:e2", "arn:e3"]


@pytest.mark.parametrize(("weekly", "floor", "budget"), [(None, 20, 14), (None, 3, 3), (5, 20, 5), (5, 3, 3)])
def test_the_weekly_budget_is_the_stricter_of_spec_and_floor(weekly, floor, budget):
    spec = RetrainingSpec(cooldown_seconds=3600, daily_budget=2, weekly_budget=weekly)
    assert retraining.weekly_budget(spec, samples.policy(retraining__max_weekly_budget=floor)) == budget


# -- what drift it was, and whether it is new --------------------------------------------------------------------------
DRIFT = {
    "model": "tumour",
    "verdict": "drift",
    "window": "2026-11-21T10:00:00Z/2026-11-21T11:00:00Z",
    "evidence_uri": "s3://evidence/monitoring/e/drift_report.json",
    "features": ["scanner", "radius", "area", "texture"],
    "effects": {"scanner": "new category in 31.0 % of rows", "radius": "KS 0.21, p 1e-12"},
    "windows": ["2026-11-21T09:00:00Z", "2026-11-21T10:00:00Z"],
    "episode": "2026-11-21T10:00:00Z",
    "endpoint": "muster-tumour",
    "package_arn": samples.PACKAGE,
}
QUALITY = {
    "model": "tumour",
    "endpoint": "muster-tumour",
    "package_arn": samples.PACKAGE,
    "source": "ground_truth",
    "metrics": ["auc"],
    "reasons": ["auc 0.81 (0.78 to 0.84), registered 0.95"],
    "evidence_uri": "s3://evidence/monitoring/e/quality.json",
}
OTHER = samples.PACKAGE[:-1] + "2"


def champion(package=samples.PACKAGE, since=-DAY):
    """What serves: a package, since so many seconds after NOW."""
    made = samples.champion()
    return made.model_copy(update={"package_arn": package, "since": samples.NOW + timedelta(seconds=since)})


def drift(**changes):
    return {"drift": {**DRIFT, **changes}}


def test_a_decision_says_what_moved_how_far_and_when():
    found = govern(**drift(), champion=champion())
    words = (
        "scanner new category in 31.0 % of rows, radius KS 0.21, p 1e-12, area, 1 more; "
        "window 2026-11-21T09:00:00Z, 2026-11-21T10:00:00Z"
    )
    assert found.decision.reason == f"drift ({words}): number 1 on 2026-11-21 (UTC)"
    assert found.decision.pipeline_input.reason == words
    assert found.decision.features == ("scanner", "radius", "area", "texture")
    assert found.decision.effects == DRIFT["effects"]
    assert found.decision.windows == ("2026-11-21T09:00:00Z", "2026-11-21T10:00:00Z")
    assert found.state.starts[0].episode == "2026-11-21T10:00:00Z"


def test_a_decision_stays_small_however_many_features_moved():
    names = [f"feature_{number}" for number in range(500)]
    found = govern(**drift(features=names, effects=dict.fromkeys(names, "KS 0.5, p 1e-9")))
    assert len(found.decision.features) == len(found.decision.effects) == 20
    assert "497 more" in found.decision.reason


def test_quality_that_regressed_asks_in_its_own_words():
    found = govern(cause="quality", quality=QUALITY, champion=champion())
    assert found.decision.reason.startswith(
        "quality (ground_truth: auc 0.81 (0.78 to 0.84), registered 0.95): number 1"
    )
    assert found.decision.pipeline_input.trigger == "quality"
    assert "serves no more" in govern(cause="quality", quality=QUALITY, champion=champion(OTHER)).decision.reason


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"cause": "manual", **drift()}, "found cause 'manual' with the event drift, wanted cause 'drift'"),
        ({"cause": "drift", "quality": QUALITY}, "found cause 'drift' with the event quality"),
        (drift(model="other"), "found an event of model 'other', wanted one of 'tumour'"),
    ],
)
def test_an_event_belongs_to_its_cause_and_model(request_, words):
    with pytest.raises(ContractError, match=words):
        govern(**request_)


def test_an_episode_is_acted_on_once():
    state = govern(**drift()).state
    again = govern(state, at=30_000, execution="e2", **drift())
    assert again.decision.reason == (
        "this episode (2026-11-21T10:00:00Z) was acted on at 2026-11-21T12:00:00.000Z: arn:e1"
    )
    # And the same hour at another endpoint is another episode
    assert "acted on" not in govern(state, at=30_000, execution="e2", **drift(endpoint="e2")).decision.reason


def test_drift_of_a_model_that_serves_no_more_asks_for_nothing():
    found = govern(**drift(), champion=champion(OTHER))
    assert found.decision.reason == (
        f"drift of a model that serves no more: {samples.PACKAGE}; {OTHER} serves since 2026-11-20T12:00:00.000Z"
    )


def test_after_a_retraining_for_drift_another_needs_an_episode_under_its_model():
    # Given a retraining for drift that was approved, and a new episode of the model that it should replace
    state = govern(**drift(), champion=champion()).state
    wish = {"at": 30_000, "execution": "e2", "last": "approved", **drift(episode="later")}
    assert "ended approved and its model does not serve: deploy it first: arn:e1" in (
        govern(state, champion=champion(), **wish).decision.reason
    )
    # Then rolling back to the old model does not help, and a person or a schedule may ask
    assert govern(state, champion=champion(since=20_000), **wish).decision.decision == "suppressed"
    by_hand = {"at": 30_000, "execution": "e2", "last": "approved", "champion": champion()}
    assert govern(state, cause="manual", **by_hand).decision.decision == "started"
    assert govern(state, cause="schedule", **by_hand).decision.decision == "started"
    # But an episode of the new model does
    new = drift(episode="later", package_arn=OTHER)
    assert govern(state, champion=champion(OTHER, 20_000), **{**wish, **new}).decision.decision == "started"


# -- new data ----------------------------------------------------------------------------------------------------------
def test_nothing_is_retrained_on_the_same_data_unless_a_person_forces_it():
    same = {"no_new_data": "no object new or changed"}
    for cause in ("drift", "manual", "schedule", "data"):
        assert govern(cause=cause, **same).decision.reason == "no object new or changed"
    assert govern(cause="manual", force=True, **same).decision.decision == "started"
    assert govern(cause="schedule", force=True, **same).decision.decision == "suppressed"
    old = RetrainingSpec(cooldown_seconds=7200, daily_budget=2, require_new_data=False)
    assert govern(spec=old, **same).decision.decision == "started"


def test_the_bucket_is_listed_only_when_nothing_else_refuses():
    def listed():
        raise AssertionError("listed")

    standing = Standing("RUNNING", None, listed)
    wish = parse(RetrainingRequest, {"model": "tumour", "cause": "drift"})
    names = {"entered_at": samples.NOW, "pipeline_name": "p", "pipeline_execution": "arn:e2"}
    state = govern().state
    assert retraining.govern(wish, state, SPEC, samples.policy(), standing, **names).state is None
    with pytest.raises(AssertionError, match="listed"):
        retraining.govern(wish, EMPTY, SPEC, samples.policy(), standing, **names)


# -- escalation --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("cause", "last", "escalates"),
    [
        *[("drift", last, True) for last in ("FAILED", "TIMED_OUT", "ABORTED")],
        *[("schedule", last, True) for last in ("failed_gate", "rejected", "expired")],
        ("drift", "kept_champion", True),
        ("quality", "kept_champion", True),
        ("schedule", "kept_champion", False),
        ("manual", "kept_champion", False),
        ("drift", "approved", False),
        ("drift", None, False),
    ],
)
def test_which_ends_need_a_person(cause, last, escalates):
    state = govern(cause=cause, champion=champion()).state
    found = govern(state, at=30_000, execution="e2", cause="schedule", last=last, champion=champion())
    assert (found.escalation is not None) is escalates
    assert found.decision.decision == ("suppressed" if escalates else "started")
    if escalates:
        assert found.decision.reason == (
            f"escalated: the retraining of 2026-11-21T12:00:00.000Z ({cause}) ended {last}: arn:e1; "
            "a person starts the next one (cause manual) or deploys another model"
        )


def test_an_escalation_is_written_once_and_lasts_until_a_person_or_another_model_ends_it():
    started = govern(champion=champion()).state
    failed = {"at": 30_000, "execution": "e2", "last": "FAILED", "champion": champion()}
    first = govern(started, **failed)
    assert (first.state.escalated, first.state.told, first.state.version) == ("arn:e1", False, started.version + 1)
    again = govern(first.state, **{**failed, "at": 900_000})
    assert again.decision.reason.startswith("escalated: ")
    assert (again.state, again.escalation) == (None, None)
    by_hand = govern(first.state, **failed, cause="manual")
    assert (by_hand.decision.decision, by_hand.state.escalated) == ("started", None)
    overtaken = {**failed, "champion": champion(OTHER, since=20_000)}
    assert govern(first.state, **overtaken).decision.decision == "started"
    rolled_back = {**failed, "champion": champion(since=20_000)}
    assert govern(first.state, **rolled_back).decision.reason.startswith("escalated: ")


def test_what_an_earlier_version_started_is_not_escalated():
    state = RetrainingState(in_flight="arn:old", last_started_at=samples.NOW, day=samples.NOW.date(), started_today=1)
    assert govern(state, at=30_000, last="FAILED").decision.decision == "started"


# -- any sequence ------------------------------------------------------------------------------------------------------
wishes = st.lists(
    st.tuples(
        st.integers(-5000, 40_000),  # seconds after the wish before; events may be late
        st.sampled_from(["drift", "manual", "schedule", "data", "quality"]),
        st.booleans(),  # forced
        st.sampled_from(["RUNNING", "approved", "kept_champion", "FAILED", None]),  # what became of the last
    ),
    max_size=40,
)


@given(wishes, st.integers(3600, 50_000), st.integers(0, 4), st.none() | st.integers(0, 6))
def test_never_two_within_the_cooldown_nor_more_than_the_budget(sequence, cooldown, budget, weekly):
    spec = RetrainingSpec(cooldown_seconds=cooldown, daily_budget=budget, weekly_budget=weekly)
    state, now, starts = EMPTY, 0, []
    for number, (passed, cause, force, last) in enumerate(sequence):
        now += passed
        found = govern(state, at=now, execution=f"e{number}", last=last, spec=spec, cause=cause, force=force)
        moment = samples.NOW + timedelta(seconds=now)
        assert found.decision.reason
        if found.decision.decision == "suppressed":
            assert (found.state is None) == (found.escalation is None)
            state = found.state or state
            continue
        assert not (last == "RUNNING" and state.in_flight)
        assert found.state.version == state.version + 1
        if not (force and cause == "manual") and starts:
            assert (moment - starts[-1]).total_seconds() >= cooldown
        state = found.state
        starts.append(state.last_started_at)
    assert starts == sorted(starts)
    for day in {each.date() for each in starts}:
        assert sum(each.date() == day for each in starts) <= budget
    most = retraining.weekly_budget(spec, samples.policy())
    for each in starts:
        assert sum(each <= other < each + timedelta(days=7) for other in starts) <= most
    assert len(state.starts) <= most
