"""list_endpoints and plan_window."""

import json
from typing import Any

import pytest

from checks.payloads import size
from muster import digests, errors, naming
from muster.aws.documents import policy
from muster.monitoring import MOST_ENDPOINTS
from state_machines import limits
from tests.functions.watched_world import PACKAGE, WatchedWorld, hour, rows
from tests.functions.world import ENDPOINT, MODEL, World, bucket, execution
from tests.unit import samples


@pytest.fixture
def watched(world: World, monkeypatch: pytest.MonkeyPatch) -> WatchedWorld:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Muster")
    return WatchedWorld(world)


# -- plan_window -------------------------------------------------------------------------------------------------------
def test_the_window_begins_where_this_model_began_to_serve_and_ends_with_the_last_full_hour(
    watched: WatchedWorld,
) -> None:
    watched.world.later(minutes=20)
    for at in ("07:59:59", "08:00:00", "10:59:59", "12:00:01"):
        watched.capture(at, rows(3, 1), name=at.replace(":", ""))
    plan = watched.plan()
    assert plan["watched"]["window"] == hour(8, 12)
    assert (plan["status"], plan["files"], plan["late_files"], plan["batches"]) == ("ready", 2, 0, 1)
    assert plan["gaps"] == ["2026-11-21T09:00Z to 2026-11-21T10:00Z", "2026-11-21T11:00Z to 2026-11-21T12:00Z"]
    batch = watched.found(f"{plan['watched']['work']}batches/0.json")
    assert [each["uri"].rpartition("/")[2] for each in batch["files"]] == [
        "00-00-000-080000.jsonl",
        "59-59-000-105959.jsonl",
    ]
    assert all(each["version_id"].startswith("v") for each in batch["files"])
    assert watched.found(f"{plan['watched']['work']}batches.json") == [{"number": 0}]


def test_a_person_may_ask_for_any_window_of_this_model(watched: WatchedWorld) -> None:
    for minute in (10, 20, 30):
        watched.capture("09:00:00", rows(3, 1), name=str(minute), minutes=minute)
    window = {"start": "2026-11-21T09:15:00Z", "end": "2026-11-21T09:30:00Z"}
    assert watched.plan(window=window)["files"] == 1
    for window, words in (
        ({"start": "2026-11-21T07:00:00Z", "end": "2026-11-21T09:00:00Z"}, "2026-11-21T08:00:00.000Z or later"),
        ({"start": "2026-11-21T09:00:00Z", "end": "2026-11-21T12:00:01Z"}, "a time that has passed"),
        ({"start": "2026-09-01T09:00:00Z", "end": "2026-11-21T12:00:00Z"}, "at most 744"),
        ({"start": "2026-11-21T09:00:00Z", "end": "2026-11-21T09:00:00Z"}, "after start"),
    ):
        with pytest.raises(errors.ContractError, match=words):
            watched.plan(window=window)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"with_baseline": False}, "has no baseline: it was trained before"),
        ({"nothing": True}, "no captured file from 2026-11-21T08:00:00.000Z/2026-11-21T12:00:00.000Z"),
        ({"elsewhere": True}, "endpoint elsewhere: found nothing that Muster deployed"),
        ({"early": True}, "no full hour has passed since 2026-11-21T08:00:00.000Z, when this model serves"),
    ],
)
def test_nothing_to_count_is_an_outcome_with_its_reason(
    world: World, change: dict[str, bool], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made = WatchedWorld(world, with_baseline=change.get("with_baseline", True))
    request = {"endpoint": "elsewhere"} if "elsewhere" in change else {}
    plan = made.plan(at="2026-11-21T08:40:00Z" if "early" in change else None, **request)
    assert (plan["status"], plan["watched"]) == ("insufficient", None)
    assert words in plan["reason"]
    assert '"MonitoringInsufficient"' in capsys.readouterr().out


def test_an_endpoint_without_capture_is_not_looked_at(world: World) -> None:
    made = WatchedWorld(world)
    world.publish(capture={"enabled": False, "controlled_fields": []})
    digest = world.item(f"MODEL#{MODEL}", "PUBLICATION")["spec_digest"]
    evidence = json.loads(
        world.body(naming.s3_uri(bucket("evidence"), naming.evidence_key(MODEL, made.evidence_digest)))
    )
    evidence["code"] |= {"spec_digest": digest, "spec_uri": naming.s3_uri(bucket("records"), naming.spec_key(digest))}
    made.evidence_digest = digests.digest_of(evidence)
    world.put("evidence", naming.evidence_key(MODEL, made.evidence_digest), digests.canonical(evidence))
    made.serve()
    assert "enabled is false" in made.plan()["reason"]
    assert world.call("list_endpoints", _sweep(world))["inputs"] == []


def test_unversioned_captures_are_refused(watched: WatchedWorld) -> None:
    watched.world.s3.buckets[bucket("capture")].versioning = None
    watched.capture("09:00:00", rows(3, 1))
    with pytest.raises(errors.DataRefused, match="found no version, wanted a bucket with versioning on"):
        watched.plan()


def test_a_window_is_packed_by_bytes(watched: WatchedWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    for minute in range(6):
        watched.capture("09:00:00", rows(20 if minute == 2 else 4, 1), name=str(minute), minutes=minute)
    sizes = [len(each[-1].body) for each in watched.world.s3.buckets[bucket("capture")].objects.values()]
    floor = samples.policy(monitoring__batch_bytes=2 * sizes[0] + 10)
    monkeypatch.setattr("functions.plan_window.app.policy", lambda: (floor, policy()[1]))
    plan = watched.plan()
    batches = [watched.found(f"{plan['watched']['work']}batches/{n}.json") for n in range(plan["batches"])]
    assert [len(each["files"]) for each in batches] == [2, 1, 2, 1]  # the large one alone
    assert [each["number"] for each in batches] == [0, 1, 2, 3]
    floor = samples.policy(monitoring__batch_bytes=1, monitoring__max_batches=5)
    monkeypatch.setattr("functions.plan_window.app.policy", lambda: (floor, policy()[1]))
    with pytest.raises(errors.DataRefused, match="found 6 batches of 1 bytes, wanted at most 5"):
        watched.plan()


def test_files_that_come_late_are_counted_once_in_the_next_window(watched: WatchedWorld) -> None:
    # Given a window that was judged
    watched.capture("10:30:00", rows(300, 1), name="a")
    assert watched.run("one", at="2026-11-21T11:20:00Z")["outcome"] == "none"
    # When a file of it comes, and one of the time before any window
    watched.capture("10:45:00", rows(200, 2), name="late")
    watched.capture("11:10:00", rows(250, 3), name="b")
    second = watched.plan("two", at="2026-11-21T12:20:00Z")
    # Then the next window has it and says so
    assert second["watched"]["window"] == hour(11, 12)
    assert (second["files"], second["late_files"]) == (2, 1)
    assert "2 files, 1 of them late" in second["reason"]
    files = watched.found(f"{second['watched']['work']}batches/0.json")["files"]
    assert [each["late"] for each in files] == [False, True]
    watched.sketch(second)
    outcome = watched.assess(second, "two")
    assert outcome["rows"] == 450
    assert watched.found(outcome["evidence_uri"])["data"]["late_files"] == 1
    # And the one after has it no more
    watched.capture("12:10:00", rows(250, 4), name="c")
    third = watched.plan("three", at="2026-11-21T13:20:00Z")
    assert (third["files"], third["late_files"]) == (1, 0)


def test_what_an_earlier_model_was_asked_is_not_late_for_this_one(watched: WatchedWorld) -> None:
    watched.capture("10:30:00", rows(300, 1), name="a")
    watched.run("one", at="2026-11-21T11:20:00Z")
    watched.serve(f"{PACKAGE[:-1]}2", "2026-11-21T11:05:00Z")
    watched.capture("10:45:00", rows(200, 2), name="late")
    watched.capture("11:10:00", rows(250, 3), name="b")
    plan = watched.plan("two", at="2026-11-21T12:20:00Z")
    assert plan["watched"]["window"]["start"] == "2026-11-21T11:05:00.000Z"
    assert (plan["files"], plan["late_files"]) == (1, 0)


def test_windows_with_too_few_rows_are_joined_with_the_next(watched: WatchedWorld) -> None:
    watched.capture("10:30:00", rows(60, 1), name="a")
    first = watched.run("one", at="2026-11-21T11:20:00Z")
    assert (first["outcome"], first["rows"]) == ("insufficient", 60)
    watched.capture("11:30:00", rows(60, 2), name="b")
    second = watched.run("two", at="2026-11-21T12:20:00Z")
    assert (second["outcome"], second["rows"]) == ("none", 120)
    assert second["window"] == hour(8, 12)
    watched.capture("12:30:00", rows(60, 3), name="c")
    assert watched.plan("three", at="2026-11-21T13:20:00Z")["watched"]["window"] == hour(12, 13)


# -- list_endpoints ----------------------------------------------------------------------------------------------------
def _sweep(world: World, workflow: str = "monitoring", **request: Any) -> dict[str, Any]:
    return {"request": {"workflow": workflow, **request}, "entered_at": world.at}


def test_a_sweep_lists_what_serves_and_can_be_watched(watched: WatchedWorld) -> None:
    world = watched.world
    watched.serve(endpoint="muster-dev-other")
    found = world.call("list_endpoints", _sweep(world, at="2026-11-21T11:20:00Z"))
    assert found == {
        "workflow": "monitoring",
        "state_machine_arn": execution("x")["arn"].replace(
            ":execution:muster-dev-x:one", ":stateMachine:muster-dev-monitoring"
        ),
        "suffix": "20261121T11",
        "inputs": [{"endpoint": "muster-dev-other"}, {"endpoint": ENDPOINT}],
    }
    assert world.call("list_endpoints", _sweep(world, "batch_inference"))["inputs"] == [{"model": MODEL}]


def test_a_model_without_a_baseline_is_evaluated_at_night_only(world: World) -> None:
    WatchedWorld(world, with_baseline=False)
    assert world.call("list_endpoints", _sweep(world))["inputs"] == []
    assert world.call("list_endpoints", _sweep(world, "nightly_evaluation"))["inputs"] == [{"endpoint": ENDPOINT}]


def test_what_cannot_be_looked_up_is_listed_so_that_its_own_run_says_why(watched: WatchedWorld) -> None:
    world = watched.world
    watched.evidence_digest = "0" * 64
    watched.serve(endpoint="broken")
    assert world.call("list_endpoints", _sweep(world))["inputs"] == [{"endpoint": "broken"}, {"endpoint": ENDPOINT}]
    with pytest.raises(errors.NotFound):
        watched.plan(endpoint="broken")


def test_more_than_a_payload_holds_is_refused_loudly(watched: WatchedWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.list_endpoints.app.MOST_ENDPOINTS", 0)
    with pytest.raises(errors.ContractError, match="found 1 executions of monitoring to start, wanted at most 0"):
        watched.world.call("list_endpoints", _sweep(watched.world))


def test_the_longest_list_fits_a_payload() -> None:
    longest = [{"endpoint": "e" * 63}] * MOST_ENDPOINTS
    around = {"sweep": {"workflow": "nightly_evaluation", "state_machine_arn": "a" * 200, "suffix": "20261121T11"}}
    around["sweep"]["inputs"] = longest
    assert size(around) < limits.PAYLOAD_BYTES
    assert limits.SWEPT == MOST_ENDPOINTS
