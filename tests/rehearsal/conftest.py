"""One rehearsal for all tests of this folder: starting it costs more than most tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.stage import Stage
from rehearsal import Rehearsal
from tests.rehearsal.stage_support import FACTOR, Site

ROOT = Path(__file__).parents[2]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Say which of the two worlds a test needs.

    A process has room for one rehearsal. pytest keeps one parameter of a fixture alive at a time, so the one world ends
    before the other begins, in whatever order the tests come.
    """
    if "world" in metafunc.fixturenames:
        kind = "stage" if "site" in metafunc.fixturenames else "bare"
        metafunc.parametrize("world", [kind], indirect=True, scope="session", ids=[pytest.HIDDEN_PARAM])


@pytest.fixture(scope="session")
def world(request: pytest.FixtureRequest) -> Iterator[Rehearsal | Stage]:
    """A bare rehearsal, or a stage: a rehearsal with an installation of Muster and people."""
    with Stage(factor=FACTOR) if request.param == "stage" else Rehearsal(ROOT) as running:
        yield running


@pytest.fixture(scope="session")
def rehearsal(world: Rehearsal) -> Rehearsal:
    """A running rehearsal; tests name their resources so that they do not meet."""
    return world


@pytest.fixture(scope="session")
def site(world: Stage, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """An installation with people, for the end-to-end tests; each uses a model of its own."""
    return Site(world, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def role(rehearsal: Rehearsal) -> Callable[..., str]:
    """Return a function that makes a role for a service and returns its ARN."""

    def make(name: str, service: str, *actions: str) -> str:
        iam = rehearsal.client("iam")
        trust = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
        }
        policy = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": list(actions) or "*", "Resource": "*"}],
        }
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(policy))
        return arn

    return make


@pytest.fixture(scope="session")
def states_role(role: Callable[..., str]) -> str:
    """ARN of a role with which executions may do everything."""
    return role("test-states", "states.amazonaws.com")


@pytest.fixture
def machine(rehearsal: Rehearsal, states_role: str, request: Any) -> Callable[..., str]:
    """Return a function that creates a state machine named after the test and returns its ARN."""
    made: list[str] = []

    def create(definition: dict[str, Any], role_arn: str = states_role) -> str:
        name = f"{request.node.name[:60]}-{len(made)}".replace("[", "-").replace("]", "")
        made.append(name)
        answer = rehearsal.client("stepfunctions").create_state_machine(
            name=name, definition=json.dumps(definition), roleArn=role_arn
        )
        arn: str = answer["stateMachineArn"]
        return arn

    return create
