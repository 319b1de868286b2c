"""Every task of every workflow: what breaks is explained and ends the execution, what is transient is tried again."""

from functools import cache
from typing import Any

import pytest

from rehearsal.interpreter import TaskFailure, TimeOut, Trace
from tests.state_machines.harness import after, broken, definition, execute
from tests.state_machines.scenes import SCENES

# Tasks whose own failure has a meaning of its own, with tests of their own.
_OWN_TESTS = {"TrainOnSpot", "RequestApproval", "ExplainFailure", "ExplainSpotFailure", "ExplainRows"}


def _states(workflow: str) -> dict[str, dict[str, Any]]:
    """All states of a workflow, those inside of others too."""
    found, todo = {}, [definition(workflow)]
    while todo:
        for name, state in todo.pop()["States"].items():
            found[name] = state
            todo += [*state.get("Branches", ()), *([state["ItemProcessor"]] if "ItemProcessor" in state else ())]
    return found


@cache
def _undisturbed(workflow: str, title: str) -> Trace:
    return execute(workflow, *SCENES[workflow][title])


@cache
def _scene(workflow: str, task: str) -> str:
    """The first scene that calls the task."""
    for title in SCENES[workflow]:
        if any(call.state == task for call in _undisturbed(workflow, title).calls):
            return title
    raise LookupError(f"{workflow}: no scene calls {task}")


def _cases() -> list[Any]:
    """Every task of every workflow. (Nothing is run here: each worker of xdist collects.)"""
    return [
        pytest.param(workflow, name, id=f"{workflow}-{name}")
        for workflow in SCENES
        for name, state in _states(workflow).items()
        if state["Type"] == "Task" and name not in _OWN_TESTS
    ]


def _one_of_each_kind() -> list[Any]:
    """One task for each way to call something: all tasks of a kind have one policy (see `test_definitions`)."""
    kinds: dict[str, Any] = {}
    for case in CASES:
        workflow, task = case.values
        resource = _states(workflow)[task]["Resource"]
        kinds.setdefault("function" if resource.startswith("${") else resource.split(":::")[1], case)
    return list(kinds.values())


def _execute(workflow: str, task: str, **changes: Any) -> Trace:
    input_, script = SCENES[workflow][_scene(workflow, task)]
    return execute(workflow, input_, {**script, **changes})


CASES = _cases()
KINDS = _one_of_each_kind()


# What RecordFault records is the fault that ends the execution, whether it can or not: see test_deployment. What breaks in
# the child of a Distributed Map is seen as too many failures of children: see test_monitoring.
@pytest.mark.parametrize(
    ("workflow", "task"), [case for case in CASES if case.values[1] not in ("RecordFault", "SketchBatch")]
)
def test_what_breaks_is_explained_and_ends_the_execution(workflow: str, task: str) -> None:
    # Given a task that fails for good
    # When the workflow comes to it
    trace = _execute(workflow, task, **{task: broken("DataRefused", "prefix empty")})
    # Then it is not repeated, one function explains it, and the execution ends with the explanation
    assert trace.status == "FAILED"
    assert (trace.error, trace.cause) == ("DataRefused", "because prefix empty")
    assert not trace.retries
    sent = trace.parameters("ExplainFailure")[-1]["Payload"]
    assert (sent["workflow"], sent["error"], sent["cause"]) == (workflow, "DataRefused", "prefix empty")
    assert sent["execution_arn"].endswith(f"muster-{workflow}:one")


@pytest.mark.parametrize(("workflow", "task"), CASES)
def test_what_is_transient_is_tried_again(workflow: str, task: str) -> None:
    title = _scene(workflow, task)
    expected = _undisturbed(workflow, title)
    # Given a first attempt that fails in a way that passes, under the last name that the task retries
    error = _states(workflow)[task]["Retry"][-1]["ErrorEquals"][-1]
    # When the workflow comes to it
    trace = _execute(workflow, task, **{task: after([TaskFailure(error)], SCENES[workflow][title][1][task])})
    # Then it goes on as if nothing had been
    assert [(each.state, each.error) for each in trace.retries] == [(task, error)]
    assert sorted(trace.states) == sorted(expected.states)
    assert (trace.status, trace.output) == (expected.status, expected.output)


@pytest.mark.parametrize(("workflow", "task"), KINDS)
def test_what_hangs_is_ended_by_its_timeout(workflow: str, task: str) -> None:
    # Given a task that never answers
    # When its timeout comes
    trace = _execute(workflow, task, **{task: TimeOut()})
    # Then the execution fails by that, and was not itself timed out
    assert (trace.status, trace.error) == ("FAILED", "States.Timeout")


@pytest.mark.parametrize(("workflow", "task"), KINDS)
def test_retries_come_to_an_end(workflow: str, task: str) -> None:
    for retrier in _states(workflow)[task]["Retry"]:
        # Given a transient error that does not pass
        error = retrier["ErrorEquals"][0]
        trace = _execute(workflow, task, **{task: TaskFailure(error, "throttled")})
        # Then the attempts are counted, each wait is bounded, and the fault is explained
        waits = [each.wait for each in trace.retries if each.state == task]
        times = len(trace.parameters(task)) - len(waits)  # a state may be entered again, to look at what is undone
        assert len(waits) == times * retrier["MaxAttempts"]
        assert max(waits) <= retrier["MaxDelaySeconds"]
        assert (trace.status, trace.error) == ("FAILED", error)


@pytest.mark.parametrize("workflow", SCENES)
def test_a_fault_that_cannot_be_explained_is_shown_as_it_was_reported(workflow: str) -> None:
    first = definition(workflow)["StartAt"]
    input_, script = next(iter(SCENES[workflow].values()))
    # Given a task that fails, and an explanation that fails too
    trace = execute(workflow, input_, {**script, first: broken("Boom", "it broke"), "ExplainFailure": broken("Worse")})
    # Then the execution ends with the error of the task
    assert (trace.status, trace.error, trace.cause) == ("FAILED", "Boom", "it broke")
