"""The `retraining` workflow."""

from rehearsal.interpreter import TaskFailure
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
