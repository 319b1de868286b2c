"""sketch_batch and assess_window."""

import gzip
import json
import random
from typing import Any

import pytest

from muster import errors, naming
from muster.aws import ledger_monitoring
from muster.aws.documents import policy
from muster.contracts.base import parse
from muster.contracts.drift_report import DriftReport
from muster.contracts.monitoring import MonitoringOutcome
from tests.functions import fakes
from tests.functions.watched_world import PACKAGE, WatchedWorld, hour, rows
from tests.functions.world import ENDPOINT, MODEL, World, bucket, execution
from tests.numerics.capture_records import record
from tests.unit import samples


@pytest.fixture
def watched(world: World, monkeypatch: pytest.MonkeyPatch) -> WatchedWorld:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Muster")
    return WatchedWorld(world)


# -- sketch_batch ------------------------------------------------------------------------------------------------------
def test_the_same_input_gives_the_same_output(watched: WatchedWorld) -> None:
    watched.capture("09:00:00", rows(50, 1), more=["{broken", record("1,a", "0.5", inference="muster-nightly-1")])
    plan = watched.plan()
    work = plan["watched"]["work"]
    assert watched.sketch(plan) == [{"number": 0, "rows": 50, "poison": 1}]
    states, before = watched.found(f"{work}states/0.json"), len(watched.world.s3.of("put_object"))
    assert watched.sketch(plan) == [{"number": 0, "rows": 50, "poison": 1}]
    assert len(watched.world.s3.of("put_object")) == before  # the same bytes are there already
    assert states["tally"]["own"] == 1
    assert states["state"]["rows"] == 50
    assert "predicted_label" in states["state"]["columns"]
    quarantine = [json.loads(line) for line in watched.world.body(f"{work}quarantine/0.jsonl").splitlines()]
    assert [(each["line"], each["reason"]) for each in quarantine] == [(51, "not_json")]


def test_any_partition_of_a_window_gives_the_same_verdict(
    watched: WatchedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.world.put(
        "capture",
        f"{ENDPOINT}/primary/2026/11/21/09/30-00-000-z.jsonl",
        gzip.compress("".join(f"{record(f'{s},{w}', str(p))}\n" for s, w, p in rows(100, 8)).encode()),
    )
    for n in range(5):
        watched.capture("09:00:00", rows(100, n), name=str(n), minutes=n)
    whole = watched.run("whole", window=hour(9, 10))
    floor = samples.policy(monitoring__batch_bytes=1)
    monkeypatch.setattr("functions.plan_window.app.policy", lambda: (floor, policy()[1]))
    plan = watched.plan("parts", window=hour(9, 10))
    assert plan["batches"] == 6
    order = list(range(6))
    random.Random(1).shuffle(order)
    for number in order:
        watched.world.call("sketch_batch", {"watched": plan["watched"], "number": number})
    parts = watched.assess(plan, "parts")
    one, other = (watched.found(each["evidence_uri"]) for each in (whole, parts))
    assert whole["rows"] == parts["rows"] == 600
    assert [(each["name"], each["p"]) for each in one["columns"]] == [
        (each["name"], each["p"]) for each in other["columns"]
    ]


@pytest.mark.parametrize("huge", [1e155, 1e200, 1e308])
def test_numbers_beyond_all_measure_are_counted(watched: WatchedWorld, huge: float) -> None:
    # Given numbers whose squares, or whose sum, no float holds
    watched.capture("09:00:00", [(huge, "a", 0.5), (huge, "b", 0.5), *rows(200, 1)])
    outcome = watched.run()
    assert (outcome["outcome"], outcome["rows"]) in (("none", 202), ("warn", 202))


def test_a_file_that_has_gone_is_said(watched: WatchedWorld) -> None:
    key = watched.capture("09:00:00", rows(5, 1))
    plan = watched.plan()
    del watched.world.s3.buckets[bucket("capture")].objects[key]
    with pytest.raises(errors.NotFound, match=key):
        watched.sketch(plan)


# -- assess_window -----------------------------------------------------------------------------------------------------
def _hours(watched: WatchedWorld, *shifts: float) -> list[dict[str, Any]]:
    """One run per hour from nine o'clock, each over traffic that is moved so far."""
    outcomes = []
    for number, shift in enumerate(shifts):
        at = 9 + number
        watched.capture(f"{at:02}:10:00", rows(300, number + 1, shift=shift), name=str(number))
        outcomes.append(watched.run(f"at-{at}", at=f"2026-11-21T{at + 1:02}:20:00Z"))
    return outcomes


def test_drift_is_suspected_then_confirmed_and_announced_once(watched: WatchedWorld) -> None:
    outcomes = _hours(watched, 0, 3, 3, 3)
    assert [each["outcome"] for each in outcomes] == ["none", "suspected", "drift", "drift"]
    assert [each["announce"] for each in outcomes] == [False, False, True, False]
    confirmed = outcomes[2]
    assert confirmed["features"] == ["size"]
    assert "size" in confirmed["effects"]
    assert confirmed["episode"] == "2026-11-21T11:00:00.000Z/2026-11-21T12:00:00.000Z"
    assert confirmed["windows"] == ["2026-11-21T10:00:00.000Z/2026-11-21T11:00:00.000Z", confirmed["episode"]]
    assert confirmed["package_arn"] == PACKAGE
    parse(MonitoringOutcome, confirmed)


def test_the_evidence_stands_with_the_report_and_model_monitor_s_files(
    watched: WatchedWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = _hours(watched, 3)[0]
    run = naming.run_id(execution("monitoring", "at-9")["arn"])
    prefix = f"monitoring/{ENDPOINT}/20261121T100000Z-{run}/"
    names = [key.removeprefix(prefix) for key in watched.keys("evidence", "monitoring/")]
    assert names == [
        "constraint_violations.json",
        "constraints.json",
        "drift_report.json",
        "report.html",
        "statistics.json",
    ]
    report = parse(DriftReport, watched.found(outcome["evidence_uri"]))
    assert report.outcome == "suspected"
    assert watched.world.body(outcome["report_uri"]).startswith(b"<!doctype html>")
    violations = watched.found(outcome["evidence_uri"].replace("drift_report", "constraint_violations"))["violations"]
    assert [(each["feature_name"], each["constraint_check_type"]) for each in violations] == [
        ("size", "baseline_drift_check")
    ]
    held = watched.world.s3.buckets[bucket("evidence")].objects[f"{prefix}report.html"]
    assert [each.mode for each in held] == ["GOVERNANCE"]
    assert '"MonitoringSuspected":[1.0]' in capsys.readouterr().out


def test_the_same_execution_again_gives_the_same_answer(watched: WatchedWorld) -> None:
    _hours(watched, 3)
    watched.capture("10:10:00", rows(300, 7, shift=3), name="more")
    plan = watched.plan("twice", at="2026-11-21T11:20:00Z")
    watched.sketch(plan)
    first, state = watched.assess(plan, "twice"), watched.state
    written = len(watched.world.s3.of("put_object"))
    # When the step is tried again, be it that its answer was lost
    assert watched.assess(plan, "twice") == first
    # Or that it died before it had recorded the window
    for key in [key for key in watched.world.dynamodb.items if key[1].startswith("WINDOW#") and "12:00" in key[1]]:
        del watched.world.dynamodb.items[key]
    recorded = [key for key in watched.world.dynamodb.items if key[1].endswith(plan["watched"]["run"])]
    for key in recorded:
        del watched.world.dynamodb.items[key]
    assert watched.assess(plan, "twice") == first
    assert first["announce"] is True
    assert watched.state == state
    assert len(watched.world.s3.of("put_object")) == written


def test_two_runs_of_one_window_announce_once(watched: WatchedWorld) -> None:
    _hours(watched, 3)
    watched.capture("10:10:00", rows(300, 7, shift=3), name="more")
    plans = [watched.plan(name, at="2026-11-21T11:20:00Z") for name in ("one", "two")]
    for plan in plans:
        watched.sketch(plan)
    found = [watched.assess(plan, name) for plan, name in zip(plans, ("one", "two"), strict=True)]
    assert [each["outcome"] for each in found] == ["drift", "drift"]
    assert [each["announce"] for each in found] == [True, False]


def test_a_run_that_is_overtaken_looks_again(watched: WatchedWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given another run that judges the same window between the read and the write of this one
    watched.capture("09:10:00", rows(300, 1), name="a")
    plans = [watched.plan(name, at="2026-11-21T10:20:00Z") for name in ("slow", "fast")]
    for plan in plans:
        watched.sketch(plan)
    put, others = watched.world.dynamodb.do_put_item, []

    def faster(**request: Any) -> Any:
        if not others and request["Item"]["sk"]["S"] == "MONITORING":
            others.append(None)
            others.append(watched.assess(plans[1], "fast"))
        return put(**request)

    monkeypatch.setattr(watched.world.dynamodb, "do_put_item", faster)
    assert watched.assess(plans[0], "slow")["outcome"] == others[1]["outcome"] == "none"
    assert watched.state is not None
    assert watched.state["version"] == 2
    assert len(watched.state["episodes"]["recent"]) == 1


def test_a_crowd_is_an_error(watched: WatchedWorld) -> None:
    watched.capture("09:10:00", rows(300, 1))
    plan = watched.plan()
    watched.sketch(plan)
    watched.world.dynamodb.fail("put_item", *[fakes.error("ConditionalCheckFailedException")] * 5)
    with pytest.raises(errors.Conflict, match="5 other runs were faster"):
        watched.assess(plan)


def test_an_old_window_asked_for_by_hand_is_reported_and_counts_for_nothing(watched: WatchedWorld) -> None:
    _hours(watched, 3, 0)
    before = watched.state
    again = watched.run("by hand", window={"start": "2026-11-21T09:00:00Z", "end": "2026-11-21T09:30:00Z"})
    assert (again["outcome"], again["announce"]) == ("suspected", False)
    assert (
        "counted for nothing: windows up to 2026-11-21T11:00:00.000Z are judged already"
        in (watched.found(again["evidence_uri"])["confirmation"]["reason"])
    )
    assert watched.state == before


def test_another_model_begins_anew(watched: WatchedWorld) -> None:
    _hours(watched, 3, 3)
    watched.serve(f"{PACKAGE[:-1]}2", "2026-11-21T11:30:00Z")
    watched.capture("11:45:00", rows(300, 9, shift=3), name="new")
    outcome = watched.run("new", at="2026-11-21T12:20:00Z")
    assert outcome["window"]["start"] == "2026-11-21T11:30:00.000Z"
    assert (outcome["outcome"], outcome["announce"]) == ("suspected", False)


def test_a_model_that_was_replaced_meanwhile_changes_nothing(watched: WatchedWorld) -> None:
    _hours(watched, 3)
    watched.capture("10:10:00", rows(300, 7, shift=3), name="more")
    plan = watched.plan("late", at="2026-11-21T11:20:00Z")
    watched.sketch(plan)
    before = watched.state
    watched.serve(f"{PACKAGE[:-1]}2", "2026-11-21T11:21:00Z")
    outcome = watched.assess(plan, "late")
    assert (outcome["outcome"], outcome["announce"]) == ("suspected", False)
    assert watched.state == before


def test_poison_above_the_spec_s_share_is_inconclusive_never_no_drift(watched: WatchedWorld) -> None:
    watched.capture("09:10:00", rows(300, 1), more=["{broken"] * 30)
    outcome = watched.run(at="2026-11-21T10:20:00Z")
    assert outcome["outcome"] == "inconclusive"
    assert "9.1% of 330 records cannot be read" in outcome["reasons"][0]
    # And the next window begins after it
    watched.capture("10:10:00", rows(300, 2), name="next")
    assert watched.plan("two", at="2026-11-21T11:20:00Z")["watched"]["window"] == hour(10, 11)


def test_a_batch_that_drifts_is_its_own_episode(watched: WatchedWorld) -> None:
    watched.capture("09:10:00", rows(300, 1))
    plan = watched.plan()
    watched.sketch(plan)
    work, run = plan["watched"]["work"], plan["watched"]["run"]
    transformed = "".join(f"r{n},{s},{w},{p}\n" for n, (s, w, p) in enumerate(rows(400, 5, shift=3)))
    uri = watched.world.put("work", "transforms/x/00000.csv.out", transformed.encode())
    watched.world.put(
        "work",
        naming.split_s3_uri(work)[1] + "batches/0.json",
        json.dumps({"number": 0, "files": [{"uri": uri, "version_id": "null", "bytes": 9, "late": False}]}).encode(),
    )
    plan["watched"] |= {"subject": "batch"}
    watched.sketch(plan)
    outcome = watched.assess(plan)
    assert (outcome["outcome"], outcome["announce"], outcome["episode"], outcome["rows"]) == ("drift", True, run, 400)
    assert outcome["evidence_uri"].startswith(f"s3://{bucket('evidence')}/monitoring/{MODEL}/")
    assert watched.state is None
    assert watched.world.item(f"MODEL#{MODEL}", f"WINDOW#{plan['watched']['window']['end']}#{run}") is not None


def test_windows_that_nobody_needs_any_more_are_dropped(watched: WatchedWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_monitoring, "KEPT", 2)
    last = _hours(watched, 0, 0, 0, 0)[-1]
    kept = [key[1] for key in watched.world.dynamodb.items if key[1].startswith("WINDOW#")]
    assert [each[7:31] for each in sorted(kept)] == ["2026-11-21T12:00:00.000Z", "2026-11-21T13:00:00.000Z"]
    assert len(watched.found(last["evidence_uri"])["history"]) == 2


def test_a_plan_without_anything_to_count_is_refused(watched: WatchedWorld) -> None:
    with pytest.raises(errors.ContractError, match="plan: watched: found nothing"):
        watched.assess({"status": "insufficient", "reason": "none", "endpoint": ENDPOINT})


# -- quality and attribution -------------------------------------------------------------------------------------------
def _quality(watched: WatchedWorld, work: str, status: str) -> dict[str, Any]:
    report = {
        "status": status,
        "reason": f"auc is {status}",
        "reasons": [f"auc is {status}"],
        "window": None,
        "rows": 500,
        "files_read": 1,
        "files": 1,
        "joined": {},
        "confidence": 0.95,
        "judged_confidence": 0.99,
        "documents": {"statistics": {"version": 0.0}, "constraints": {}, "violations": {"violations": []}},
    }
    uri = f"{work}quality/quality.json"
    watched.world.put("work", naming.split_s3_uri(uri)[1], json.dumps(report).encode())
    return {"status": status, "uri": uri, "metrics": ["auc"], "reasons": [f"auc is {status}"]}


def test_quality_that_regressed_is_announced_once_until_it_is_well_again(watched: WatchedWorld) -> None:
    told = []
    for number, status in enumerate(("measured", "regressed", "insufficient", "regressed", "measured", "regressed")):
        at = 9 + number
        watched.capture(f"{at:02}:10:00", rows(300, number + 1), name=str(number))
        plan = watched.plan(f"at-{at}", at=f"2026-11-21T{at + 1:02}:20:00Z")
        watched.sketch(plan)
        outcome = watched.assess(plan, f"at-{at}", quality=_quality(watched, plan["watched"]["work"], status))
        told.append((outcome["quality"], outcome["announce_quality"], outcome["quality_metrics"]))
        assert watched.assess(plan, f"at-{at}", quality=None)["announce_quality"] == outcome["announce_quality"]
    assert [each[:2] for each in told] == [
        ("measured", False),
        ("regressed", True),
        ("insufficient", False),
        ("regressed", False),
        ("measured", False),
        ("regressed", True),
    ]
    assert told[1][2] == ["auc"]
    names = {key.rpartition("/")[2] for key in watched.keys("evidence", "monitoring/")}
    assert {
        "quality.json",
        *(f"model_quality_{each}.json" for each in ("statistics", "constraints", "violations")),
    } <= names


@pytest.mark.parametrize(
    ("live", "status", "words"),
    [
        ({"size": 0.1, "site": 0.9}, "moved", "below 0.9"),
        ({"size": 0.9, "site": 0.1}, "measured", "at least 0.9"),
        ({"size": 0.9}, "not_measured", "lack 'site'"),
        (None, "not_measured", "no explain_fn"),
        ("skipped", "not_measured", "too few rows"),
    ],
)
def test_attribution_is_held_against_the_baseline_s_ranking(world: World, live: Any, status: str, words: str) -> None:
    wanted = {"rows": 50, "min_ndcg": 0.9, "instance_type": "ml.m5.large", "max_runtime_seconds": 600}
    watched = WatchedWorld(world, monitoring={"attribution": wanted})
    watched.capture("09:10:00", rows(300, 1))
    plan = watched.plan()
    assert plan["attribution"] is True
    watched.sketch(plan)
    uri = f"{plan['watched']['work']}attributions/attributions.json"
    if isinstance(live, dict):
        world.put("work", naming.split_s3_uri(uri)[1], json.dumps({"schema": 1, "holdouts": {"live": live}}).encode())
    sample = {"status": "ready", "reason": "50 rows", "rows": 50, "job": None, "attributions_uri": uri}
    if live == "skipped":
        sample = {"status": "skipped", "reason": "too few rows", "rows": 0, "job": None, "attributions_uri": None}
    found = watched.found(watched.assess(plan, sample=sample)["evidence_uri"])["attribution"]
    assert found["status"] == status
    assert words in found["reason"]
