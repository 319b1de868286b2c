"""What can be said of the committed definitions without running them."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from statelint.config import Config
from statelint.linter import Linter
from statelint.problem import ProblemType

from state_machines import limits
from tests.state_machines.harness import WORKFLOWS, definition, placeholders, substitution
from tests.unit.samples import policy

Machine = dict[str, Any]


def machines(workflow: str) -> Iterator[Machine]:
    """The machine and those inside of its Parallel and Map states."""
    todo = [definition(workflow)]
    while todo:
        machine = todo.pop()
        yield machine
        for state in machine["States"].values():
            todo += [*state.get("Branches", ()), *([state["ItemProcessor"]] if "ItemProcessor" in state else ())]


def states(workflow: str) -> dict[str, Machine]:
    return {name: state for machine in machines(workflow) for name, state in machine["States"].items()}


def tasks() -> list[Any]:
    found = [
        (workflow, name) for workflow in WORKFLOWS for name, each in states(workflow).items() if each["Type"] == "Task"
    ]
    return [pytest.param(*each, id="-".join(each)) for each in found]


def onward(state: Machine) -> list[str]:
    """Where a state leads."""
    found = [state[key] for key in ("Next", "Default") if key in state]
    return found + [each["Next"] for each in (*state.get("Choices", ()), *state.get("Catch", ()))]


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_conforms_to_the_states_language(workflow: str) -> None:
    # Given the definition with its substitutions made, since a resource has to be an ARN
    text = json.dumps(definition(workflow))
    for name in placeholders(workflow):
        text = text.replace(f"${{{name}}}", substitution(name))
    # Then the language's own linter finds nothing, but for BackoffRate, which JSON may write without a point
    assert Linter.validate(json.loads(text), Config(ignored_problem_types=(ProblemType.FLOAT,))) == []


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_every_target_exists_and_every_state_can_be_reached(workflow: str) -> None:
    for machine in machines(workflow):
        reached, todo = set(), [machine["StartAt"]]
        while todo:
            name = todo.pop()
            assert name in machine["States"], f"{workflow}: {name} is no state"
            if name not in reached:
                reached.add(name)
                todo += onward(machine["States"][name])
        assert reached == set(machine["States"])


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_no_partition_account_or_region_is_written_down(workflow: str) -> None:
    text = json.dumps(definition(workflow))
    assert not re.search(r"arn:(?!\$\{Partition\})", text)
    assert not re.search(r"\b\d{12}\b|\b(us|eu|ap)-(gov-)?[a-z]+-\d\b", text)
    for name in re.findall(r"\$\{([^}]*)\}", text):
        substitution(name)


@pytest.mark.parametrize(("workflow", "task"), tasks())
def test_every_task_has_a_timeout_a_retry_and_a_catch(workflow: str, task: str) -> None:
    state = states(workflow)[task]
    assert ("TimeoutSeconds" in state) != ("TimeoutSecondsPath" in state)
    for retrier in state["Retry"]:
        assert retrier["JitterStrategy"] == "FULL"
        assert retrier["MaxAttempts"] <= 5
        assert retrier["MaxDelaySeconds"] >= retrier["IntervalSeconds"]
        # a job's failure, access denied and typed errors are not transient
        assert not {"States.ALL", "States.TaskFailed", "States.Timeout", "States.Permissions"} & set(
            retrier["ErrorEquals"]
        )
        if "SageMaker.AmazonSageMakerException" in retrier["ErrorEquals"]:
            assert retrier["MaxAttempts"] == 2
    top = definition(workflow)["States"]
    outer = [each for each in top.values() if task in json.dumps([each.get("Branches"), each.get("ItemProcessor")])]
    catching = state if task in top else outer[0]  # a task inside of another state is caught by that
    assert catching["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
    assert all(each["ResultPath"].startswith("$.") for each in catching["Catch"])


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_the_machine_outlasts_everything_inside_it(workflow: str) -> None:
    # Given the longest that each of its states may take, visited once
    inside = 0
    for name, state in states(workflow).items():
        if state["Type"] == "Wait":
            assert state["SecondsPath"] == "$.wait.seconds"  # by the plan: bounded by its wait_steps
            inside += 2 * limits.ENDPOINT_WAIT_SECONDS  # the switch, and its undoing
        if state["Type"] == "Task":
            inside += state.get("TimeoutSeconds") or limits.APPROVAL_SECONDS
            inside += sum(each["MaxAttempts"] * each["MaxDelaySeconds"] for each in state["Retry"])
        assert "Timestamp" not in json.dumps([name, *state])
    # Then its own timeout comes later: it ends what hangs, and nothing that still works
    assert definition(workflow)["TimeoutSeconds"] > inside


def test_a_child_is_waited_for_longer_than_it_may_take() -> None:
    for state in states("pipeline").values():
        if state.get("Resource", "").endswith("startExecution.sync:2"):
            child = re.search(r"\$\{(\w+)StateMachineArn\}", state["Parameters"]["StateMachineArn"])[1].lower()
            assert state["TimeoutSeconds"] > definition(child)["TimeoutSeconds"]


def test_the_platform_allows_no_wait_that_the_workflows_would_cut_short() -> None:
    floor = policy()
    assert floor.max_runtime_seconds.processing <= limits.PROCESSING_SECONDS
    assert max(floor.max_runtime_seconds.training, floor.max_runtime_seconds.training_wait) <= limits.TRAINING_SECONDS
    assert floor.approval.max_wait_seconds <= limits.APPROVAL_SECONDS
    assert floor.rollout.max_maximum_seconds <= limits.ROLLOUT_SECONDS


def test_the_longest_plan_is_within_the_longest_wait_and_the_longest_history() -> None:
    from muster.rollout import wait_steps

    # Given the waits of the longest rollout that SageMaker knows
    steps = wait_steps(limits.ROLLOUT_SECONDS)
    # Then they fit, and twice that many looks stay below the 25,000 events of a history (eleven for each)
    assert sum(steps) <= limits.ENDPOINT_WAIT_SECONDS
    assert len(steps) <= limits.ENDPOINT_LOOKS
    assert 2 * limits.ENDPOINT_LOOKS * 11 < 25_000


def test_jobs_are_isolated_encrypted_bounded_and_in_the_vpc() -> None:
    jobs = [each for workflow in WORKFLOWS for each in states(workflow).values() if ".sync" in each.get("Resource", "")]
    jobs = [each["Parameters"] for each in jobs if "sagemaker" in each["Resource"]]
    assert len(jobs) == 7
    for job in jobs:
        network = job.get("NetworkConfig", job)
        assert network["EnableNetworkIsolation"] is True
        assert network["EnableInterContainerTrafficEncryption"] is True
        assert "VpcConfig.$" in network
        cluster = job.get("ResourceConfig") or job["ProcessingResources"]["ClusterConfig"]
        output = job.get("OutputDataConfig") or job["ProcessingOutputConfig"]
        assert cluster["VolumeKmsKeyId"] == output["KmsKeyId"] == "${ModelsKeyArn}"
        assert "MaxRuntimeInSeconds.$" in job["StoppingCondition"]
        assert job["RoleArn"] == "${JobRoleArn}"
        assert {tag["Key"] for tag in job["Tags"]} == {"muster:run", "muster:prefix"}


def test_a_model_is_isolated_and_serves_with_the_endpoints_role() -> None:
    model = states("deployment")["CreateModel"]["Parameters"]
    assert model["EnableNetworkIsolation"] is True
    assert model["ExecutionRoleArn"] == "${EndpointRoleArn}"
    assert "VpcConfig.$" in model


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_person_can_read_it_in_the_console(workflow: str) -> None:
    # Given the machine's comment
    smallest = re.search(r"Smallest input: (\{.*\})$", definition(workflow)["Comment"])
    # Then it says what to type, and every task says in words what it does
    assert smallest
    assert json.loads(re.sub(r"<[^<>]*>(?!\")", "{}", smallest[1]))
    for name, state in states(workflow).items():
        if state["Type"] in ("Task", "Choice", "Map", "Parallel"):
            assert state.get("Comment", "").endswith((".", "?")), name


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_nothing_goes_in_circles_but_the_bounded_wait(workflow: str) -> None:
    """Apart from faults, whose end `test_deployment` proves with any sequence of them."""
    for machine in machines(workflow):
        leads = {name: list(_onward_without_faults(state)) for name, state in machine["States"].items()}
        if "EndpointSettled?" in leads:
            # The loop ends with the plan's waits, and it is entered again only to undo, which happens once.
            settled = machine["States"]["EndpointSettled?"]
            assert settled["Choices"][-1]["NumericGreaterThanEqualsPath"] == "$.wait.steps"
            assert machine["States"]["NextWait"]["Parameters"]["index.$"] == "States.MathAdd($.wait.index, 1)"
            leads["EndpointSettled?"].remove("NextWait")
            undoing = ("RestorePrevious", "DeleteEndpoint")
            leads = {name: [each for each in onward if each not in undoing] for name, onward in leads.items()}
        assert _in_circles(leads) == []


def _onward_without_faults(state: Machine) -> Iterator[str]:
    yield from onward({key: value for key, value in state.items() if key != "Catch"})


def _in_circles(leads: dict[str, list[str]]) -> list[str]:
    """States from which there is a way back to themselves."""
    circles = []
    for name, first in leads.items():
        seen, todo = set(), list(first)
        while todo:
            each = todo.pop()
            if each not in seen:
                seen.add(each)
                todo += leads[each]
        if name in seen:
            circles.append(name)
    return circles
