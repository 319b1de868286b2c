"""plan_nightly, question_endpoint and judge_nightly, as the workflow calls them."""

import json
from datetime import timedelta
from typing import Any

import pytest

from muster import errors, naming, nightly
from muster.aws.ledger_endpoints import Lease
from muster.aws.ledger_nightly import NIGHTS, Nights
from muster.contracts.base import iso, parse
from muster.contracts.nightly import NightlyReport
from tests.functions.nightly_world import ROWS, NightlyWorld, failed
from tests.functions.world import ENDPOINT, World, bucket, execution
from tests.unit import samples


@pytest.fixture
def nights(world: World, monkeypatch: pytest.MonkeyPatch) -> NightlyWorld:
    return NightlyWorld(world, monkeypatch)


# -- a night -----------------------------------------------------------------------------------------------------------
def test_a_night_asks_all_rows_and_finds_the_registered_figures(nights: NightlyWorld, world: World) -> None:
    # Given a model that serves, when its night comes
    plan = nights.plan()
    (asked,) = nights.ask(plan)
    # Then 50 rows go out in three requests, five a second, under a name by which monitoring knows them ...
    assert (asked["status"], asked["next"], nights.calls) == ("answered", 3, 3)
    assert [body.count("\n") for body in nights.bodies] == [20, 20, 10]
    assert nights.bodies[0].startswith("0.5,a\n1.5,a\n")
    assert nights.slept == pytest.approx([0.0, 0.19, 0.19])
    assert nights.last_id == f"muster-nightly-{plan['nightly']['run']}-2"
    assert len(nights.last_id) <= 64  # InvokeEndpoint's limit of InferenceId
    assert nights.last["TargetVariant"] == "primary"
    # ... the answers are written as a prediction job writes them, ...
    assert world.body(f"{plan['nightly']['predictions']}reference.csv").decode() == nights.predictions()
    # ... and judged.
    nights.score(plan)
    done = nights.judge(plan, asked)
    assert (done["outcome"], done["announce"], done["metrics"]) == ("unchanged", False, [])
    report = parse(NightlyReport, nights.found(done["evidence_uri"]))
    assert report.answers is not None
    assert (report.answers.rows, report.answers.differing) == (ROWS, 0)
    assert b"As good as registered" in world.body(done["report_uri"])
    (night,) = Nights(world.ledger).history(ENDPOINT, run="")
    assert (night.outcome, night.figures[0].metric, night.figures[0].value) == ("unchanged", "auc", 0.985)


def test_the_figures_are_counted_once_and_by_their_names(
    nights: NightlyWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    nights.night(auc=0.5)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    (line,) = [each for each in lines if "NightlyRuns" in each]
    assert [line[name] for name in ("NightlyRuns", "NightlyRegressed", "NightlyUnavailable")] == [[1], [1], [0]]
    assert line["Endpoint"] == ENDPOINT


def test_a_repeated_judgement_writes_the_same_and_announces_the_same(nights: NightlyWorld, world: World) -> None:
    plan = nights.plan()
    (asked,) = nights.ask(plan)
    nights.score(plan, auc=0.5)
    done, page = nights.judge(plan, asked), None
    page = world.body(done["report_uri"])
    assert nights.judge(plan, asked) == done
    assert done["announce"]
    assert world.body(done["report_uri"]) == page
    assert len(Nights(world.ledger).history(ENDPOINT, run="")) == 1


def test_worse_nights_are_announced_once_and_shown_in_the_history(nights: NightlyWorld, world: World) -> None:
    # Given nights that are good, worse, worse again, unanswered, worse still, and good
    done = [nights.night(f"night-{at}", auc) for at, auc in enumerate((0.985, 0.9, 0.9))]
    nights.failures = [failed("ValidationError", 400)]
    done += [
        nights.night("night-3"),
        nights.night("night-4", 0.9),
        nights.night("night-5"),
        nights.night("night-6", 0.9),
    ]
    # Then each has its outcome, and only the first of successive worse ones is announced
    outcomes = ["unchanged", "regressed", "regressed", "unavailable", "regressed", "unchanged", "regressed"]
    assert [each["outcome"] for each in done] == outcomes
    assert [each["announce"] for each in done] == [False, True, False, False, False, False, True]
    assert done[1]["metrics"] == ["auc"]
    # ... and the last page tells of all of them, the oldest first.
    report = parse(NightlyReport, nights.found(done[-1]["evidence_uri"]))
    assert [each.outcome for each in report.history] == outcomes[:-1]
    page = world.body(done[-1]["report_uri"]).decode()
    assert "The last 7 nights" in page
    assert "×" in page


def test_a_report_shows_the_last_nights_only(nights: NightlyWorld, world: World) -> None:
    for at in range(NIGHTS + 2):
        nights.night(f"night-{at}")
    assert len(Nights(world.ledger).history(ENDPOINT, run="")) == NIGHTS


def test_answers_of_a_model_that_was_swapped_are_told_even_if_they_are_as_good(
    nights: NightlyWorld, world: World
) -> None:
    # Given an endpoint that somebody has led to another configuration, whose answers are a little higher
    world.sagemaker.serve(ENDPOINT, "somebody-elses", "image")
    nights.offset = 0.005
    done = nights.night()
    # Then it is no regression, and is said first
    assert done["outcome"] == "unchanged"
    assert "serves configuration somebody-elses" in done["reasons"][0]
    assert f"{ROWS} of {ROWS} answers are not what the registered model predicted" in done["reasons"][1]


# -- what the registered model predicted -------------------------------------------------------------------------------
def test_registered_predictions_are_kept_when_the_work_bucket_forgets(nights: NightlyWorld, world: World) -> None:
    first = nights.plan()
    made = naming.work_prefix(nights.evaluated["run"]["run"], "predict") + "reference.csv"
    world.s3.delete_object(Bucket=bucket("work"), Key=made)
    again = nights.plan("two")
    assert first["nightly"]["paired"]
    assert again["nightly"]["paired"]
    assert world.body(f"{again['nightly']['champion']}reference.csv").decode() == nights.predictions()


def test_without_them_intervals_are_compared(nights: NightlyWorld, world: World) -> None:
    made = naming.work_prefix(nights.evaluated["run"]["run"], "predict") + "reference.csv"
    world.s3.delete_object(Bucket=bucket("work"), Key=made)
    done = [nights.night("one"), nights.night("two", 0.97), nights.night("three", 0.96)]
    # 0.985 +- 0.01 registered: 0.97 +- 0.01 meets it, 0.96 +- 0.01 does not.
    assert [each["outcome"] for each in done] == ["unchanged", "unchanged", "regressed"]
    report = parse(NightlyReport, nights.found(done[-1]["evidence_uri"]))
    assert report.answers is None
    assert all(each.difference is None for each in report.figures)
    page = world.body(done[-1]["report_uri"]).decode()
    assert "The registered predictions are not at hand" in page


def test_predictions_that_do_not_give_the_registered_figures_are_not_compared_with(
    nights: NightlyWorld, world: World
) -> None:
    # Given predictions in the work bucket that somebody has replaced, when the job measures them, then they count for nothing
    plan = nights.plan()
    (asked,) = nights.ask(plan)
    other = samples.bent(
        samples.REPORT["candidate"]["reference"], overall={"auc": {"value": 0.5, "low": 0.4, "high": 0.6}}
    )
    nights.score(plan, champion={"reference": other})
    report = parse(NightlyReport, nights.found(nights.judge(plan, asked)["evidence_uri"]))
    assert "does not give the registered figures" in report.reasons[0]
    assert report.answers is None
    assert all(each.difference is None for each in report.figures)


# -- planning ----------------------------------------------------------------------------------------------------------
def test_nothing_that_serves_is_an_outcome(world: World, nights: NightlyWorld) -> None:
    plan = nights.plan(endpoint="muster-dev-nobody")
    assert (plan["status"], plan["nightly"], plan["evaluate"]) == ("nothing_serves", None, None)


def test_another_holdout_than_the_registered_one_is_refused(nights: NightlyWorld, world: World) -> None:
    uri = nights.features.replace("features.csv", "manifest.json")
    world.put("records", naming.split_s3_uri(uri)[1], b"{}")
    with pytest.raises(errors.DigestMismatch, match="manifest.json"):
        nights.plan()


def test_changed_rows_are_not_asked(nights: NightlyWorld, world: World) -> None:
    plan = nights.plan()
    world.put("records", naming.split_s3_uri(nights.features)[1], b"row_id,size,site\nR000,1.5,a\n")
    with pytest.raises(errors.DigestMismatch, match=r"features.csv"):
        nights.ask(plan)
    assert nights.calls == 0


def test_figures_of_other_rows_are_refused(nights: NightlyWorld) -> None:
    plan = nights.plan()
    (asked,) = nights.ask(plan)
    other = {"reference": {"digest": "f" * 64, "rows": ROWS, "overlap_rows": 0}}
    nights.score(plan, holdouts=other)
    with pytest.raises(errors.ReportInvalid, match="holdouts: found .* wanted .* as planned"):
        nights.judge(plan, asked)


# -- asking ------------------------------------------------------------------------------------------------------------
def test_time_that_is_up_before_the_rows_are_is_another_turn(nights: NightlyWorld, world: World) -> None:
    # Given an endpoint that takes 200 s for an answer, when it is asked, then a turn has time for two
    plan = nights.plan()
    nights.seconds = 200.0
    turns = nights.ask(plan)
    assert [(each["status"], each["next"], each["turn"]) for each in turns] == [("more", 2, 1), ("answered", 3, 2)]
    assert world.body(f"{plan['nightly']['predictions']}reference.csv").decode() == nights.predictions()


def test_a_turn_that_is_repeated_goes_on_where_the_last_one_ended(nights: NightlyWorld, world: World) -> None:
    # Given a turn whose answer got lost, when it is asked again, though faster, then nothing is doubled and nothing missing
    plan = nights.plan()
    nights.seconds = 200.0
    lost = world.call("question_endpoint", {"nightly": plan["nightly"], "asked": None})
    nights.seconds = 301.0
    again = world.call("question_endpoint", {"nightly": plan["nightly"], "asked": None})
    assert (lost["next"], again["next"]) == (2, 1)
    nights.seconds = 0.1
    done = world.call("question_endpoint", {"nightly": plan["nightly"], "asked": again})
    assert done["status"] == "answered"
    assert world.body(f"{plan['nightly']['predictions']}reference.csv").decode() == nights.predictions()


def test_an_endpoint_that_is_too_slow_is_unavailable(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    nights = NightlyWorld(world, monkeypatch, rows_per_request=1)
    nights.seconds = 301.0
    plan = nights.plan()
    turns = nights.ask(plan)
    assert (len(turns), turns[-1]["status"]) == (nightly.TURNS, "more")
    done = nights.judge(plan, turns[-1])
    assert done["outcome"] == "unavailable"
    assert f"found answers to {nightly.TURNS} of {ROWS} requests in {nightly.TURNS} turns" in done["reasons"][0]


@pytest.mark.parametrize(
    "code", ["ModelError", "InternalFailure", "ServiceUnavailable", "ThrottlingException", "ModelNotReadyException"]
)
def test_what_may_pass_is_tried_again(nights: NightlyWorld, code: str) -> None:
    nights.failures = [failed(code), failed(code, 503)]
    (asked,) = nights.ask(nights.plan())
    assert (asked["status"], asked["retried"], nights.calls) == ("answered", 2, 5)
    assert {1.0, 4.0} <= set(nights.slept)


@pytest.mark.parametrize(("status", "calls"), [(500, 4), (400, 1)])
def test_what_does_not_pass_is_unavailable_and_quotes_nothing(nights: NightlyWorld, status: int, calls: int) -> None:
    nights.failures = [failed("ModelError", status)] * 4
    (asked,) = nights.ask(nights.plan())
    assert (asked["status"], nights.calls) == ("unavailable", calls)
    assert f"request 1 of 3: found status {status} after {calls} tries" in asked["reason"]
    assert "patient" not in asked["reason"]


@pytest.mark.parametrize("answer", ["0.5\n", "ill\n" * 20, "nan\n" * 20], ids=["too few", "words", "not finite"])
def test_answers_that_are_no_predictions_are_unavailable(nights: NightlyWorld, answer: str) -> None:
    nights.failures = [answer]
    (asked,) = nights.ask(nights.plan())
    assert asked["status"] == "unavailable"
    assert "answer to request 1: found" in asked["reason"]


def test_a_denied_request_is_a_fault_and_no_outcome(nights: NightlyWorld) -> None:
    denied: Any = failed("AccessDeniedException", 403)
    nights.failures = [denied]
    with pytest.raises(type(denied)):
        nights.ask(nights.plan())


def test_an_endpoint_that_is_gone_is_unavailable(nights: NightlyWorld, world: World) -> None:
    plan = nights.plan()
    world.sagemaker.endpoints.clear()
    (asked,) = nights.ask(plan)
    assert (asked["status"], nights.calls) == ("unavailable", 0)
    done = nights.judge(plan, asked)
    assert (done["outcome"], done["announce"]) == ("unavailable", False)
    assert b"The endpoint could not be asked" in world.body(done["report_uri"])


def test_a_rollout_is_not_judged(nights: NightlyWorld, world: World) -> None:
    # Given a rollout that is under way, or one that begins and ends between two looks, when the endpoint is asked
    plan = nights.plan()
    world.sagemaker.endpoints[ENDPOINT]["EndpointStatus"] = "Updating"
    (asked,) = nights.ask(plan)
    assert (asked["status"], nights.calls) == ("changing", 0)
    assert nights.judge(plan, asked)["outcome"] == "changing"
    world.sagemaker.endpoints[ENDPOINT]["EndpointStatus"] = "InService"
    seen = {"status": "more", "reason": "", "next": 0, "turn": 1, "retried": 0, "config_name": "the-one-before"}
    again = world.call("question_endpoint", {"nightly": plan["nightly"], "asked": seen})
    assert again["status"] == "changing"
    assert "after the-one-before" in again["reason"]


def test_answers_of_a_model_that_comes_into_service_are_not_judged_by_the_figures_of_the_other(
    nights: NightlyWorld, world: World
) -> None:
    # Given a rollout that SageMaker has ended after the night was planned, and that Muster still verifies
    plan = nights.plan()
    world.sagemaker.serve(ENDPOINT, "the-next", "image")
    (asked,) = nights.ask(plan)
    nights.score(plan, auc=0.5)
    start, end = iso(world.now), iso(world.now + timedelta(hours=1))
    owner = execution("deployment", "next")["arn"]
    assert world.endpoints.claim(Lease(ENDPOINT, owner, "deployment", start, end)) is None
    # When the night is judged, then its figures are nobody's; and a lease that has run out protects nothing.
    assert nights.judge(plan, asked)["outcome"] == "changing"
    world.later(hours=2)
    assert nights.judge(plan, asked)["outcome"] == "regressed"
