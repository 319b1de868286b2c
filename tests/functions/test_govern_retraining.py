"""govern_retraining against what serves and what is there to learn from, and a thousand wishes at once."""

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from moto import mock_aws

from muster import errors, naming
from muster.aws import clients, retrainings
from muster.aws.ledger import Ledger
from tests.functions import fakes
from tests.functions.world import MODEL, PREFIX_OF_DATA, World, bucket, execution

CALM = {"retraining__cooldown_seconds": 3600, "retraining__daily_budget": 4}


def _wish(cause: str = "drift", **members: Any) -> dict[str, Any]:
    return {"model": MODEL, "cause": cause, **members}


def _drift(world: World, episode: str = "2026-11-21T10:00:00Z", **members: Any) -> dict[str, Any]:
    """The request that the rule makes of a DriftDetected event of the model that serves."""
    champion = world.item(f"MODEL#{MODEL}", "CHAMPION") or {}
    event = {
        "model": MODEL,
        "verdict": "drift",
        "window": "2026-11-21T10:00:00Z/2026-11-21T11:00:00Z",
        "evidence_uri": f"s3://{bucket('evidence')}/monitoring/muster-dev-tumour/w/drift_report.json",
        "features": ["scanner"],
        "effects": {"scanner": "new category in 31.0 % of rows"},
        "windows": ["2026-11-21T09:00:00Z", "2026-11-21T10:00:00Z"],
        "episode": episode,
        "endpoint": "muster-dev-tumour",
        "package_arn": champion.get("package_arn"),
        **members,
    }
    return _wish(drift=event, evidence_uri=event["evidence_uri"], event_id="e-1")


def _govern(world: World, request: dict[str, Any], name: str = "one") -> dict[str, Any]:
    return world.call("govern_retraining", {"request": request, **world.step("retraining", name)})


def _end(world: World, decision: dict[str, Any], outcome: str) -> str:
    """Let the pipeline that a decision started end: failed, or with an outcome."""
    arn = execution("pipeline", decision["pipeline_name"])["arn"]
    if outcome.isupper():
        world.stepfunctions.run(arn, outcome, error="JobFailed", cause="scanner 17 is unknown")
    else:
        world.stepfunctions.run(arn, "SUCCEEDED", output=json.dumps({"outcome": outcome}))
    return arn


@pytest.fixture
def serving(world: World) -> World:
    """A model that serves, trained on two files, and nothing new since."""
    world.publish(**CALM)
    world.deployed()
    return world


def _new_data(world: World) -> None:
    world.put("data", PREFIX_OF_DATA + "part3.csv", b"sample_id,diagnosis\n3,malignant\n")


# -- what moved --------------------------------------------------------------------------------------------------------
def test_the_decision_and_the_ledger_say_what_moved(serving: World) -> None:
    _new_data(serving)
    decision = _govern(serving, _drift(serving))
    assert decision["decision"] == "started"
    assert decision["features"] == ["scanner"]
    assert decision["effects"] == {"scanner": "new category in 31.0 % of rows"}
    assert decision["windows"] == ["2026-11-21T09:00:00Z", "2026-11-21T10:00:00Z"]
    (item,) = serving.ledger.below(f"MODEL#{MODEL}", "DECISION#")
    assert (item["features"], item["effects"]) == (decision["features"], decision["effects"])
    assert item["request"]["drift"]["episode"] == "2026-11-21T10:00:00Z"
    # And the same execution gets the same answer from what is recorded
    assert _govern(serving, _drift(serving)) == decision


def test_the_same_episode_again_and_drift_of_an_old_package_ask_for_nothing(serving: World) -> None:
    _new_data(serving)
    _end(serving, _govern(serving, _drift(serving)), "approved")
    serving.later(hours=2)
    assert "was acted on at" in _govern(serving, _drift(serving), "two")["reason"]
    old = _drift(serving, "2026-11-21T13:00:00Z", package_arn="arn:old")
    assert "serves no more: arn:old" in _govern(serving, old, "three")["reason"]


# -- new data ----------------------------------------------------------------------------------------------------------
def test_without_new_data_nothing_starts(serving: World) -> None:
    decision = _govern(serving, _drift(serving))
    assert decision["decision"] == "suppressed"
    assert decision["reason"].startswith(
        f"no object new or changed below s3://{bucket('data')}/{PREFIX_OF_DATA} since the champion's snapshot "
    )
    assert "of 2026-11-21T12:00:00.000Z: put new labelled data" in decision["reason"]
    # And a person may force it
    forced = _wish("manual", force=True)
    assert _govern(serving, forced, "two")["decision"] == "started"


@pytest.mark.parametrize("change", ["a new object", "a new version", "one gone", "a folder"])
def test_what_counts_as_new(serving: World, change: str) -> None:
    if change == "a new object":
        _new_data(serving)
    elif change == "a new version":
        serving.put("data", PREFIX_OF_DATA + "part1.csv", b"sample_id,diagnosis\n1,malignant\n")
    elif change == "one gone":
        serving.s3.delete_object(Bucket=bucket("data"), Key=PREFIX_OF_DATA + "part1.csv")
    else:
        serving.put("data", PREFIX_OF_DATA + "more/", b"")
    started = change in ("a new object", "a new version")
    assert _govern(serving, _drift(serving))["decision"] == ("started" if started else "suppressed")


@pytest.mark.parametrize(("pages", "decision"), [(2, "suppressed"), (3, "started")])
def test_a_listing_without_end_counts_as_new(
    serving: World, monkeypatch: pytest.MonkeyPatch, pages: int, decision: str
) -> None:
    # Given a prefix of so many pages of two versions each, of which two pages are looked through
    monkeypatch.setattr(retrainings, "LISTED_VERSIONS", 4)
    monkeypatch.setattr(fakes.Pages, "paginate", lambda self, **request: (self.call(**request) for _ in range(pages)))
    assert _govern(serving, _drift(serving))["decision"] == decision
    assert len(serving.s3.of("list_object_versions")) - 2 == pages  # the snapshot listed twice


def test_a_spec_may_do_without_new_data(world: World) -> None:
    world.publish(**CALM, retraining__require_new_data=False)
    world.deployed()
    assert _govern(world, _drift(world))["decision"] == "started"


def test_a_champion_whose_evidence_is_gone_is_an_error_and_not_new_data(serving: World) -> None:
    digest = serving.item(f"MODEL#{MODEL}", "CHAMPION")["evidence_digest"]  # type: ignore[index]
    serving.s3.delete_object(Bucket=bucket("evidence"), Key=naming.evidence_key(MODEL, digest))
    with pytest.raises(errors.NotFound, match="found nothing there"):
        _govern(serving, _drift(serving))


# -- escalation --------------------------------------------------------------------------------------------------------
def _messages(world: World) -> list[dict[str, Any]]:
    return [each for each in world.sns.of("publish") if "needs a person" in each["Subject"]]


@pytest.mark.parametrize("ended", ["FAILED", "TIMED_OUT", "ABORTED", "failed_gate", "kept_champion", "rejected"])
def test_a_retraining_that_led_to_nothing_is_handed_to_a_person_once(serving: World, ended: str) -> None:
    # Given a retraining for drift that came to nothing
    _new_data(serving)
    arn = _end(serving, _govern(serving, _drift(serving)), ended)
    # When drift is found again and again
    for number in range(3):
        serving.later(hours=2)
        decision = _govern(serving, _drift(serving, f"episode-{number}"), f"again-{number}")
        assert decision["reason"].startswith("escalated: the retraining of 2026-11-21T")
        assert f"(drift) ended {ended}: {arn}" in decision["reason"]
    # Then people are told once, with the command that starts it, and without the words of the error
    (message,) = _messages(serving)
    assert message["Subject"] == "Muster: retraining of tumour needs a person"
    assert ":stateMachine:muster-dev-retraining --input" in message["Message"]
    assert '"cause": "manual"' in message["Message"]
    assert "scanner 17" not in message["Message"]
    state = serving.item(f"MODEL#{MODEL}", "RETRAINING")
    assert state is not None
    assert (state["escalated"], state["told"]) == (arn, True)
    # And a person's wish ends it
    serving.later(hours=2)
    assert _govern(serving, _wish("manual"), "by-hand")["decision"] == "started"
    state = serving.item(f"MODEL#{MODEL}", "RETRAINING")
    assert state is not None
    assert (state["escalated"], state["told"]) == (None, False)


def _sweep(world: World) -> list[str]:
    return [each for each in world.call("reconcile", {"time": world.at})["mended"] if each.startswith("retraining")]


def test_reconcile_tells_of_a_dead_end_that_no_second_wish_has_met(serving: World) -> None:
    # Given an episode that asked once, whose retraining failed
    _new_data(serving)
    decision = _govern(serving, _drift(serving))
    _end(serving, decision, "RUNNING")
    assert _sweep(serving) == []
    _end(serving, decision, "kept_champion")
    assert _sweep(serving) == ["retraining of tumour: people were told of its end"]
    assert len(_messages(serving)) == 1
    # And neither the next sweep nor the governor tells again
    assert _sweep(serving) == []
    serving.later(hours=2)
    assert _govern(serving, _drift(serving, "next"), "two")["reason"].startswith("escalated: ")
    assert len(_messages(serving)) == 1


def test_a_message_that_did_not_get_out_is_sent_by_the_next_sweep(serving: World) -> None:
    _new_data(serving)
    _end(serving, _govern(serving, _drift(serving)), "FAILED")
    serving.later(hours=2)
    serving.sns.fail("publish", fakes.error("InternalError", status=500))
    with pytest.raises(errors.Transient):
        _govern(serving, _drift(serving, "next"), "two")
    # The repetition of the execution decides, and leaves the message to the sweep
    assert _govern(serving, _drift(serving, "next"), "two")["reason"].startswith("escalated: ")
    assert _sweep(serving) == ["retraining of tumour: people were told of its end"]
    assert _sweep(serving) == []


def test_one_model_that_cannot_be_looked_at_does_not_hide_the_others(serving: World) -> None:
    serving.ledger.put("MODEL#a_broken_one", "RETRAINING", {"in_flight": 7})
    _new_data(serving)
    _end(serving, _govern(serving, _drift(serving)), "FAILED")
    assert _sweep(serving) == ["retraining of tumour: people were told of its end"]


# -- a thousand at once ------------------------------------------------------------------------------------------------
def _all_started_once(world: World, answers: list[dict[str, Any]]) -> None:
    found = Counter(each["decision"] for each in answers)
    assert found == {"started": 1, "suppressed": len(answers) - 1}
    assert all(each["reason"] for each in answers)
    recorded = list(world.ledger.below(f"MODEL#{MODEL}", "DECISION#"))
    assert Counter(each["decision"] for each in recorded) == found
    assert all(each["reason"] for each in recorded)
    state = world.item(f"MODEL#{MODEL}", "RETRAINING")
    assert state is not None
    assert (state["started_today"], len(state["starts"])) == (1, 1)


@pytest.mark.parametrize("same", [True, False], ids=["one episode", "an episode each"])
def test_a_thousand_drift_events_in_an_hour_start_one_and_record_999_reasons(serving: World, same: bool) -> None:
    _new_data(serving)
    answers = []
    for number in range(1000):
        answers.append(_govern(serving, _drift(serving, "episode" if same else f"{number}"), f"storm-{number}"))
        if number == 0:
            _end(serving, answers[0], "RUNNING")
        serving.later(seconds=3.6)
    _all_started_once(serving, answers)
    words = (
        "this episode (episode) was acted on at 2026-11-21T" if same else "a retraining is in flight: arn:aws-us-gov:"
    )
    assert all(each["reason"].startswith(words) for each in answers[1:])


class _Table:
    """A table on moto: one write at a time, as DynamoDB has it, and the first writers of the counters meet."""

    def __init__(self, dynamodb: Any, writers: int) -> None:
        self._dynamodb, self._lock = dynamodb, threading.Lock()
        self._meeting, self.met = threading.Barrier(writers), 0

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._dynamodb, name)
        return call if name == "get_paginator" else lambda **request: self._locked(call, request)

    def put_item(self, **request: Any) -> Any:
        if request["Item"]["sk"]["S"] == "RETRAINING" and self.met < self._meeting.parties:
            self._meeting.wait(timeout=30)
            self.met += 1
        return self._locked(self._dynamodb.put_item, request)

    def _locked(self, call: Any, request: dict[str, Any]) -> Any:
        with self._lock:
            return call(**request)


@pytest.mark.xdist_group("moto")
def test_a_thousand_wishes_at_the_same_moment_start_one(serving: World) -> None:
    # Given a table on moto, and as many threads as the function has reserved concurrency
    _new_data(serving)
    keep = [dict(item) for item in serving.dynamodb.items.values()]
    with mock_aws():
        dynamodb = boto3.client("dynamodb")
        keys = [("pk", "HASH"), ("sk", "RANGE")]
        dynamodb.create_table(
            TableName=serving.settings.ledger_table,
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        for item in keep:
            dynamodb.put_item(TableName=serving.settings.ledger_table, Item=item)
        table = _Table(dynamodb, writers=5)
        serving.dynamodb = table  # type: ignore[assignment]
        serving.ledger = Ledger(table, serving.settings.ledger_table)
        clients.client.cache_clear()
        # When a thousand wishes come at the same moment, and the first five have all read that nothing is in flight
        with ThreadPoolExecutor(5) as pool:
            answers = list(pool.map(lambda n: _govern(serving, _drift(serving, f"{n}"), f"s-{n}"), range(1000)))
        # Then one is granted, and every other has its reason
        assert table.met == 5
        _all_started_once(serving, answers)
    assert all(
        each["reason"].startswith("a retraining is in flight: ") for each in answers if each["pipeline_name"] is None
    )
