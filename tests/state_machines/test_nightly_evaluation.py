"""The `nightly_evaluation` workflow."""

import re

import pytest

from muster import nightly
from muster.contracts.base import parse
from muster.contracts.events import QualityRegressed
from state_machines import limits
from tests.state_machines.harness import execute, function_calls, transitions
from tests.state_machines.scenes_nightly import ENDPOINT, RUN, SCENES, asked, judged, nightly_scene


def test_a_night_in_which_all_is_well() -> None:
    # Given an endpoint that answers in one turn, when the workflow runs
    trace = execute("nightly_evaluation", *nightly_scene())
    # Then a job of the run scores what it answered, and the output is the contract's
    assert trace.states == [
        "PlanNightly",
        "Ready?",
        "QuestionEndpoint",
        "Answered?",
        "NameJob",
        "Evaluate",
        "JudgeNightly",
        "Announce?",
        "Judged",
    ]
    assert trace.output == judged()
    assert (transitions(trace), function_calls(trace)) == (9, 3)
    (job,) = trace.parameters("Evaluate")
    assert re.fullmatch(RUN + r"-evaluate-[0-9a-f]{32}", job["ProcessingJobName"])
    (ask,) = trace.parameters("QuestionEndpoint")
    assert ask["Payload"]["asked"] is None


def test_more_rows_than_a_turn_has_time_for_take_more_turns() -> None:
    trace = execute("nightly_evaluation", *nightly_scene(turns=3))
    given = [each["Payload"]["asked"] for each in trace.parameters("QuestionEndpoint")]
    assert given == [None, asked("more", next=1, turn=1), asked("more", next=2, turn=2)]
    assert trace.status == "SUCCEEDED"


def test_an_endpoint_that_is_too_slow_is_not_asked_for_ever() -> None:
    # Given an endpoint that has answered a few rows more after every turn, when the turns are used up, then it is judged.
    input_, script = nightly_scene(outcome="unavailable")
    turns = [asked("more", next=number, turn=number) for number in range(1, 20)]
    trace = execute("nightly_evaluation", input_, {**script, "QuestionEndpoint": turns})
    assert len(trace.parameters("QuestionEndpoint")) == nightly.TURNS == 12
    assert "Evaluate" not in trace.states
    assert trace.output["outcome"] == "unavailable"


def test_worse_answers_are_announced() -> None:
    trace = execute("nightly_evaluation", *nightly_scene(outcome="regressed", announce=True))
    (entry,) = trace.parameters("AnnounceRegression")[0]["Entries"]
    event = parse(QualityRegressed, entry["Detail"])
    assert (event.source, event.endpoint, event.metrics) == ("nightly_evaluation", ENDPOINT, ("auc",))
    assert event.evidence_uri == judged()["evidence_uri"]
    assert trace.output["outcome"] == "regressed"


def test_worse_answers_again_are_not() -> None:
    trace = execute("nightly_evaluation", *nightly_scene(outcome="regressed"))
    assert "AnnounceRegression" not in trace.states
    assert trace.output["outcome"] == "regressed"


@pytest.mark.parametrize("status", ["unavailable", "changing"])
def test_an_endpoint_that_does_not_answer_is_judged_without_a_job(status: str) -> None:
    trace = execute("nightly_evaluation", *nightly_scene(status=status, outcome=status))
    assert "Evaluate" not in trace.states
    assert (trace.status, trace.output["outcome"]) == ("SUCCEEDED", status)


def test_nothing_that_serves_is_an_outcome_with_its_reason() -> None:
    trace = execute("nightly_evaluation", *SCENES["nothing serves"])
    assert trace.states == ["PlanNightly", "Ready?", "NothingServes"]
    assert (trace.output["outcome"], trace.output["endpoint"]) == ("nothing_serves", ENDPOINT)
    assert "found nothing" in trace.output["reasons"][0]


def test_workflow_and_rule_know_the_same_number_of_turns() -> None:
    assert limits.NIGHTLY_TURNS == nightly.TURNS
    # Two events of the Choice, five of the Task: far from a history's 25,000.
    assert nightly.TURNS * 7 < 1_000
