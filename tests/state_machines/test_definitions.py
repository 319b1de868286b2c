"""What can be said of the committed definitions without running them, and is not said by `checks` already."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from checks import tree
from checks.located import read
from state_machines import limits
from tests.state_machines.harness import FOLDER, WORKFLOWS, definition
from tests.unit.samples import policy

Machine = dict[str, Any]


def states(workflow: str) -> dict[str, Machine]:
    document = read(FOLDER, Path(f"{workflow}.asl.json"))
    return {state.name: state.body for state in tree.states(document)}


def test_jobs_and_models_run_with_their_roles_keys_and_tags() -> None:
    """That all of them are isolated, encrypted, bounded and in the VPC is what `checks.jobs` looks for."""
    jobs = [each for workflow in WORKFLOWS for each in states(workflow).values() if ".sync" in each.get("Resource", "")]
    jobs = [each["Parameters"] for each in jobs if "sagemaker" in each["Resource"]]
    assert len(jobs) == 11
    for job in jobs:
        transform = job.get("TransformResources")  # its role is its model's
        cluster = transform or job.get("ResourceConfig") or job["ProcessingResources"]["ClusterConfig"]
        output = job.get("TransformOutput") or job.get("OutputDataConfig") or job["ProcessingOutputConfig"]
        assert cluster["VolumeKmsKeyId"] == output["KmsKeyId"] == "${ModelsKeyArn}"
        assert job.get("RoleArn") == (None if transform else "${JobRoleArn}")
        assert {tag["Key"] for tag in job["Tags"]} == {"muster:run", "muster:prefix"}
    assert states("deployment")["CreateModel"]["Parameters"]["ExecutionRoleArn"] == "${EndpointRoleArn}"


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
