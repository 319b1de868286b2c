"""The `evaluation` workflow."""

import pytest

from tests.state_machines.harness import broken, execute, function_calls, transitions
from tests.state_machines.scenes import PACKAGE, evaluation_plan, evaluation_scene, judged


def test_candidate_and_champion_predict_at_once_and_are_scored_and_judged() -> None:
    # Given a model in production
    trace = execute("evaluation", *evaluation_scene())
    # Then both models predict at the same time, one job scores them, and the verdict is the output
    begun = {visit.state: visit.time for visit in trace.visits}
    assert begun["PredictCandidate"] == begun["PredictChampion"]
    assert trace.states[-2:] == ["Evaluate", "JudgeCandidate"]
    assert trace.output == judged(champion=PACKAGE)
    assert (transitions(trace), function_calls(trace)) == (7, 2)


def test_the_first_model_has_no_champion_to_be_compared_with() -> None:
    trace = execute("evaluation", *evaluation_scene(champion=False))
    assert "NoChampion" in trace.states
    assert "PredictChampion" not in trace.states
    assert trace.output["champion_package_arn"] is None


def test_the_judge_sees_the_plan_and_never_the_predictions() -> None:
    trace = execute("evaluation", *evaluation_scene())
    assert set(trace.parameters("JudgeCandidate")[0]["Payload"]) == {"run", "training", "plan"}
    assert trace.parameters("JudgeCandidate")[0]["Payload"]["plan"] == evaluation_plan(champion=True)


@pytest.mark.parametrize("job", ["PredictCandidate", "PredictChampion"])
def test_a_model_that_cannot_predict_fails_the_evaluation(job: str) -> None:
    # Given one of the two models raising
    input_, script = evaluation_scene()
    trace = execute("evaluation", input_, {**script, job: broken("States.TaskFailed", "no such column")})
    # Then nothing is scored, and the cause is the model's own
    assert "Evaluate" not in trace.states
    assert (trace.status, trace.cause) == ("FAILED", "because no such column")


def test_a_missed_gate_is_a_verdict_and_no_failure() -> None:
    input_, script = evaluation_scene()
    trace = execute("evaluation", input_, {**script, "JudgeCandidate": judged("failed_gate")})
    assert (trace.status, trace.output["verdict"]) == ("SUCCEEDED", "failed_gate")
