"""Windows, late files, and what a verdict means for an endpoint."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster import monitoring, verdicts
from muster.captures import CapturedFile
from muster.contracts.base import parse
from muster.contracts.monitoring import Bookkept, Watched, WatchState, Window
from muster.contracts.spec_monitoring import ConfirmationSpec, MonitoringSpec
from muster.digests import sha256
from muster.errors import ContractError
from muster_numerics.data_quality import QualityFinding
from muster_numerics.decide import Decision
from tests.unit import samples
from tests.unit.samples import digest

T0 = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
SPEC = MonitoringSpec()


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def file(hours: float, name: str = "x") -> CapturedFile:
    return CapturedFile(f"s3://bucket/{name}", "v1", 10, at(hours), at(hours))


# -- windows -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("judged_to", "serves_since", "now", "start", "end"),
    [
        (None, at(-48), at(0.4), at(-24), at(0)),  # at most so far back
        (None, at(-3.2), at(0.4), at(-3.2), at(0)),  # not before this model
        (at(-1), at(-48), at(0.4), at(-1), at(0)),  # from the last verdict on
        (at(-5), at(-2), at(0.4), at(-2), at(0)),
        (at(-30), at(-48), at(0.0), at(-24), at(0)),
    ],
)
def test_the_window_that_is_due(judged_to: Any, serves_since: Any, now: Any, start: Any, end: Any) -> None:
    assert monitoring.due(judged_to, serves_since, now, SPEC) == Window(start=start, end=end)


@pytest.mark.parametrize(
    ("judged_to", "serves_since", "words"),
    [(at(0), at(-9), "when the last verdict"), (None, at(0.2), "when this model serves")],
)
def test_there_may_be_none_yet(judged_to: Any, serves_since: Any, words: str) -> None:
    found = monitoring.due(judged_to, serves_since, at(0.4), SPEC)
    assert isinstance(found, str)
    assert words in found


@given(st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=20), st.floats(0, 40))
def test_windows_never_overlap_what_was_judged(runs: list[tuple[float, bool]], since: float) -> None:
    # Given sweeps at any times, of which some find enough rows and others do not
    judged: datetime | None = None
    now = at(since)
    for wait, enough in runs:
        now += timedelta(hours=wait)
        window = monitoring.due(judged, at(0), now, SPEC)
        if isinstance(window, str):
            continue
        assert window.start >= (judged or at(0))
        assert window.end <= now
        assert window.end - window.start <= timedelta(hours=SPEC.max_window_hours)
        judged = window.end if enough else judged


def test_a_person_s_window_is_over_and_not_endless() -> None:
    window = Window(start=at(0), end=at(1))
    assert monitoring.asked(window, at(1)) == window
    with pytest.raises(ContractError, match="a time that has passed"):
        monitoring.asked(window, at(0.9))


# -- late files --------------------------------------------------------------------------------------------------------
@given(st.lists(st.tuples(st.floats(0, 3.99), st.booleans()), max_size=25), st.sets(st.integers(0, 3)))
def test_late_is_what_an_earlier_window_was_judged_without(drawn: list[tuple[float, bool]], windows: set[int]) -> None:
    files = [file(hours, str(number)) for number, (hours, _) in enumerate(drawn)]
    seen = {monitoring.file_id(each.uri) for each, (_, known) in zip(files, drawn, strict=True) if known}
    judged = [monitoring.Judged(Window(start=at(n), end=at(n + 1)), frozenset(seen)) for n in windows]
    late = monitoring.late(files, judged)
    for each, (hours, known) in zip(files, drawn, strict=True):
        assert (each in late) == (int(hours) in windows and not known), each


def test_a_file_is_remembered_by_the_beginning_of_its_uri_s_digest() -> None:
    assert monitoring.file_id("s3://a/b") == sha256(b"s3://a/b")[:16]


def test_many_gaps_are_told_short() -> None:
    spec = MonitoringSpec(max_window_hours=168)
    window = Window(start=at(0), end=at(100))
    plan = monitoring.ready(watched(0, 100), spec, [file(n) for n in range(0, 100, 2)], [], 1)
    assert plan.watched is not None
    assert plan.watched.window == window
    assert len(plan.gaps) == 21
    assert plan.gaps[-1] == "and 30 more"


# -- verdicts ----------------------------------------------------------------------------------------------------------
def watched(start: float, end: float, run: str = "0", package: str = "p-1") -> Watched:
    return parse(
        Watched,
        {
            "subject": "endpoint",
            "run": sha256(f"{start}{end}{run}".encode())[:20],
            "model": "tumour",
            "endpoint": "e",
            "package_arn": package,
            "evidence_digest": digest("e"),
            "spec": {"uri": "s3://muster-records/spec.json", "digest": digest("5")},
            "baseline": samples.baseline_ref().payload(),
            "window": {"start": at(start).isoformat(), "end": at(end).isoformat()},
            "work": "s3://muster-work/monitoring/x/",
        },
    )


def decision(verdict: Any, breach: bool = False) -> Decision:
    broken = (QualityFinding("data_type", "age", 10, 0.1, True, "age: broken"),) if breach else ()
    return Decision(verdict, ("because",), {}, broken, (), 500, 0)


def judge(
    state: WatchState | None, who: Watched, verdict: Any, quality: Any = "not_measured", **more: Any
) -> tuple[Bookkept, WatchState | None]:
    found = verdicts.of_window(
        state,
        who,
        decision(verdict, more.pop("breach", False)),
        quality,
        ConfirmationSpec(),
        serves=more.pop("serves", True),
    )
    return found.told, found.state or state


def story(*windows: Sequence[Any]) -> list[Bookkept]:
    """Windows of an hour each, one after the other."""
    state: WatchState | None = None
    told = []
    for number, (verdict, *quality) in enumerate(windows):
        one, state = judge(state, watched(number, number + 1), verdict, *quality)
        told.append(one)
    return told


def test_two_of_three_open_an_episode_that_is_announced_once() -> None:
    told = story(("drift",), ("none",), ("drift",), ("drift",), ("none",), ("none",), ("none",), ("drift",), ("drift",))
    outcomes = [each.outcome for each in told]
    assert outcomes == ["suspected", "none", "drift", "drift", "none", "none", "none", "suspected", "drift"]
    assert [number for number, each in enumerate(told) if each.announce] == [2, 8]
    assert told[2].episode == monitoring.spelled(watched(2, 3).window)
    assert told[2].windows == (monitoring.spelled(watched(0, 1).window), told[2].episode)
    assert told[8].episode != told[2].episode


def test_broken_data_are_confirmed_at_once() -> None:
    told, _ = judge(None, watched(0, 1), "drift", breach=True)
    assert (told.outcome, told.announce) == ("drift", True)


def test_what_has_no_verdict_counts_neither_way_and_only_the_insufficient_is_joined_on() -> None:
    _, state = judge(None, watched(0, 1), "insufficient")
    assert state is not None
    assert state.judged_to is None
    _, state = judge(state, watched(0, 2), "inconclusive")
    assert state is not None
    assert (state.judged_to, list(state.episodes["recent"])) == (at(2), [])


def test_the_same_run_is_told_the_same_whatever_has_come_since() -> None:
    first, state = judge(None, watched(0, 1), "drift", breach=True)
    again, after = judge(state, watched(0, 1), "drift", breach=True)
    assert (again, after) == (first, state)


def test_the_same_window_by_another_run_replaces_its_verdict_and_announces_nothing_again() -> None:
    _, state = judge(None, watched(0, 1), "drift", breach=True)
    other, after = judge(state, watched(0, 1, "by hand"), "drift", breach=True)
    assert (other.counted, other.outcome, other.announce) == (True, "drift", False)
    assert after is not None
    assert len(after.episodes["recent"]) == 1


def test_a_window_that_overlaps_counts_for_nothing() -> None:
    _, state = judge(None, watched(0, 2), "none")
    told, after = judge(state, watched(1, 3), "drift", breach=True)
    assert (told.counted, told.outcome, told.announce, after) == (False, "suspected", False, state)
    assert "counted for nothing" in told.reason


def test_another_package_begins_anew() -> None:
    _, state = judge(None, watched(0, 1), "drift", breach=True)
    told, after = judge(state, watched(0.5, 1, package="p-2"), "drift")
    assert (told.outcome, told.announce) == ("suspected", False)
    assert after is not None
    assert (after.package_arn, after.version, after.announced) == ("p-2", 2, None)
    told, unchanged = judge(after, watched(3, 4), "drift", serves=False)
    assert (told.counted, unchanged) == (False, after)


@given(st.lists(st.tuples(st.sampled_from(["none", "warn", "drift", "insufficient", "inconclusive"]), st.booleans())))
def test_at_most_one_announcement_per_episode_and_never_without_drift(drawn: list[tuple[Any, bool]]) -> None:
    told = story(*drawn and [(verdict,) for verdict, _ in drawn])
    announced = [each.episode for each in told if each.announce]
    assert len(announced) == len(set(announced))
    assert None not in announced
    for each, (verdict, _) in zip(told, drawn, strict=True):
        assert not each.announce or (verdict == "drift" and each.outcome == "drift")
        assert (each.outcome in ("suspected", "drift")) == (verdict == "drift")


@given(st.lists(st.sampled_from(["measured", "regressed", "insufficient", "not_measured"])))
def test_worse_quality_is_announced_once_until_it_is_well_again(found: list[Any]) -> None:
    told = story(*[("none", each) for each in found])
    worse = False
    for each, quality in zip(told, found, strict=True):
        assert each.announce_quality == (quality == "regressed" and not worse)
        worse = {"regressed": True, "measured": False}.get(quality, worse)


def test_a_batch_is_its_own_episode() -> None:
    who = watched(0, 1)
    drifts, quiet = verdicts.of_batch(who, decision("drift")), verdicts.of_batch(who, decision("warn"))
    assert (drifts.outcome, drifts.announce, drifts.episode) == ("drift", True, who.run)
    assert (quiet.outcome, quiet.announce, quiet.episode) == ("warn", False, None)


def test_the_stricter_of_spec_and_floor_holds() -> None:
    floor = samples.policy(monitoring__min_rows=300, monitoring__max_poison_share=0.02).monitoring
    found = verdicts.rules(MonitoringSpec(min_rows=200, max_poison_share=0.05), floor)
    assert (found.minimum_rows, found.poison_limit) == (300, 0.02)
    found = verdicts.rules(MonitoringSpec(min_rows=500, max_poison_share=0.01), floor)
    assert (found.minimum_rows, found.poison_limit) == (500, 0.01)
