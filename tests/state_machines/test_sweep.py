"""The `sweep` workflow."""

from rehearsal.interpreter import TaskFailure
from tests.state_machines.harness import after, execute
from tests.state_machines.scenes_monitoring import sweep_scene


def test_a_sweep_starts_one_execution_per_endpoint_under_a_name_of_the_hour() -> None:
    trace = execute("sweep", *sweep_scene("muster-a", "muster-b"))
    assert trace.output == {"outcome": "swept", "workflow": "monitoring", "executions": 2}
    requests = trace.parameters("StartExecution")
    assert sorted(each["Input"]["endpoint"] for each in requests) == ["muster-a", "muster-b"]
    assert len({each["Name"] for each in requests}) == 2
    assert all(each["Name"].endswith("-20261121T12") and len(each["Name"]) <= 80 for each in requests)
    again = execute("sweep", *sweep_scene("muster-a", "muster-b"))
    assert {each["Name"] for each in again.parameters("StartExecution")} == {each["Name"] for each in requests}


def test_what_is_started_already_keeps_nobody_waiting() -> None:
    input_, script = sweep_scene("muster-a", "muster-b")
    there = TaskFailure("StepFunctions.ExecutionAlreadyExistsException", "it is there")
    trace = execute("sweep", input_, {**script, "StartExecution": after([there], script["StartExecution"])})
    assert trace.output["executions"] == 2
    assert "StartedAlready" in trace.states


def test_nothing_that_serves_is_nothing_to_start() -> None:
    trace = execute("sweep", *sweep_scene())
    assert trace.output["executions"] == 0
    assert "StartExecution" not in trace.states
