"""After all other tests of this folder: no state, no branch and no catch of any workflow was left out."""

import os

import pytest

from rehearsal.coverage import KINDS, table
from tests.state_machines.coverage_table import all_selected
from tests.state_machines.harness import COVERAGE, WORKFLOWS


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_every_state_every_branch_and_every_catch_was_taken(request: pytest.FixtureRequest, workflow: str) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        pytest.skip("the runs are spread over several processes: coverage_table counts them all, and fails the session")
    if not all_selected(request.session):
        pytest.skip("counts what all tests of this folder do: run them all")
    assert COVERAGE[workflow].complete(KINDS), "\n" + table([COVERAGE[workflow]])
