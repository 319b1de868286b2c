"""The `retraining` workflow."""

import heapq
import random
from typing import Any

import pytest
import yaml

from checks.permissions.application import ROOT
from rehearsal.interpreter import TaskFailure
from state_machines import retraining
from tests.state_machines.harness import after, execute, transitions
from tests.state_machines.scenes import retraining_scene


def test_what_the_governor_allows_starts_the_pipeline_under_its_name() -> None:
    input_, script = retraining_scene()
    trace = execute("retraining", input_, script)
    request = trace.parameters("StartPipeline")[0]
    assert request["Name"] == script["GovernRetraining"]["pipeline_name"]
    assert request["Input"] == script["GovernRetraining"]["pipeline_input"]
    assert request["StateMachineArn"].endswith(":muster-pipeline")
    assert trace.output == {
        "outcome": "started",
        "model": "tumour",
        "reason": "started: the cooldown is over",
        "pipeline_execution_arn": script["StartPipeline"]["ExecutionArn"],
    }
    assert transitions(trace) == 4


def test_what_the_governor_refuses_is_an_outcome_with_its_reason() -> None:
    trace = execute("retraining", *retraining_scene(decision="suppressed"))
    assert (trace.status, trace.output["outcome"]) == ("SUCCEEDED", "suppressed")
    assert trace.output["reason"] == "suppressed: one is in flight"
    assert "StartPipeline" not in trace.states


def test_a_start_in_doubt_is_repeated_under_the_same_name() -> None:
    input_, script = retraining_scene()
    doubt = TaskFailure("StepFunctions.AWSStepFunctionsException", "rate exceeded")
    trace = execute("retraining", input_, {**script, "StartPipeline": after([doubt], script["StartPipeline"])})
    assert len({request["Name"] for request in trace.parameters("StartPipeline")}) == 1
    assert trace.output["outcome"] == "started"


def test_the_governor_is_told_who_asks_and_when() -> None:
    sent = execute("retraining", *retraining_scene()).parameters("GovernRetraining")[0]["Payload"]
    assert sent["request"] == {"model": "tumour", "cause": "manual"}
    assert sent["execution"]["arn"].endswith("muster-retraining:one")
    assert sent["entered_at"].startswith("2026-01-01T00:00:00")


@pytest.mark.parametrize(("error", "times"), [("Lambda.TooManyRequestsException", 5), ("Conflict", 2)])
def test_who_finds_a_crowd_comes_again(error: str, times: int) -> None:
    input_, script = retraining_scene(decision="suppressed")
    crowd = after([TaskFailure(error, "Rate Exceeded.")] * times, script["GovernRetraining"])
    trace = execute("retraining", input_, {**script, "GovernRetraining": crowd})
    assert (trace.status, trace.output["outcome"]) == ("SUCCEEDED", "suppressed")


def _in_a_crowd(retrier: dict[str, Any], wishes: int, concurrency: int, seconds: float, seed: int) -> int:
    """Return how many of so many wishes at once never get through, when a call takes so many seconds."""
    chance, busy, lost = random.Random(seed), list[float](), 0
    waiting = [(0.0, wish, 0) for wish in range(wishes)]
    while waiting:
        now, wish, tries = heapq.heappop(waiting)
        while busy and busy[0] <= now:
            heapq.heappop(busy)
        if len(busy) < concurrency:
            heapq.heappush(busy, now + seconds)
        elif tries == retrier["MaxAttempts"]:
            lost += 1
        else:
            most = min(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** tries, retrier["MaxDelaySeconds"])
            heapq.heappush(waiting, (now + most * chance.random(), wish, tries + 1))
    return lost


@pytest.mark.parametrize("seconds", [0.2, 0.5, 1.0])
def test_a_thousand_wishes_at_once_all_get_through(seconds: float) -> None:
    # Given the retrier that counts for a throttled governor, and the governor's reserved concurrency
    retriers = retraining.build().to_dict()["States"]["GovernRetraining"]["Retry"]
    known = [each for each in retriers if "Lambda.TooManyRequestsException" in each["ErrorEquals"]]
    template = yaml.load((ROOT / "stacks" / "monitoring.yaml").read_text(encoding="utf-8"), _Loader)
    concurrency = template["Globals"]["Function"]["ReservedConcurrentExecutions"]
    # Then it carries a thousand at the same moment, and the one of every other function would not
    assert [_in_a_crowd(known[0], 1000, concurrency, seconds, seed) for seed in range(5)] == [0] * 5
    assert _in_a_crowd(known[1], 1000, concurrency, seconds, seed=0) > 400


class _Loader(yaml.SafeLoader):
    """Reads a template and leaves its functions (!Ref, !Sub ...) aside."""


_Loader.add_multi_constructor("!", lambda *_: None)
