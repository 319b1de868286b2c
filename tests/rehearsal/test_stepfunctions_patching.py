"""The contract with moto: what is replaced is still there, and a moto that has changed is refused by name."""

from __future__ import annotations

import inspect
from importlib.metadata import version

import pytest

from rehearsal import patching
from rehearsal.server import MOTO_VERSION
from rehearsal.stepfunctions import install_interpreter


def test_moto_is_the_version_that_the_extensions_were_written_for() -> None:
    assert version("moto") == MOTO_VERSION
    assert f"moto=={MOTO_VERSION}" == patching.PINNED


def test_every_symbol_of_moto_that_is_replaced_was_found() -> None:
    # Installing checks names and parameters; it raises when moto has changed.
    install_interpreter()
    replaced = patching.replaced()
    added = {label for label, found in replaced.items() if found is None}
    assert len(replaced) > 60
    assert added >= {
        "moto.stepfunctions.parser.asl.eval.environment.Environment.rehearsal_finish",
        "moto.stepfunctions.parser.backend.execution.Execution.rehearsal_watch",
        "moto.stepfunctions.responses.StepFunctionResponse.validate_state_machine_definition",
    }
    assert all(label.startswith("moto.") for label in replaced)


def test_installing_twice_replaces_once() -> None:
    install_interpreter()
    before = patching.replaced()
    install_interpreter()
    assert patching.replaced() == before


class Changed:
    """Stands for a class of moto that is not what it was."""

    def run(self, other: int) -> None:
        """A method."""


def test_a_symbol_that_is_gone_is_named() -> None:
    with pytest.raises(RuntimeError, match=r"Changed\.walk is gone: .*moto==5\.2\.5"):
        patching.replace(Changed, "walk", None, ("self",))


def test_a_symbol_with_other_parameters_is_named() -> None:
    with pytest.raises(RuntimeError, match=r"Changed\.run\('self', 'other'\) should have the parameters \('self',\)"):
        patching.replace(Changed, "run", None, ("self",))
    assert list(inspect.signature(Changed.run).parameters) == ["self", "other"]


def test_a_lack_that_moto_has_filled_is_named() -> None:
    with pytest.raises(RuntimeError, match=r"Changed\.run exists by now"):
        patching.add(Changed, "run", None)


def test_lacks_of_moto_that_are_still_there() -> None:
    """Where one of these fails, moto has improved: look whether the extension is still needed."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_factory
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (
        StateTaskService,
    )
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend

    start = patching.original(StepFunctionsParserBackend, "start_execution")
    assert "exec_name = name" in inspect.getsource(start)  # unnamed executions are all called "None"
    normalise = patching.original(StateTaskService, "_normalise_parameters")
    assert inspect.getsource(normalise).rstrip().endswith("pass")  # parameters are not brought into shape
    assert "sagemaker" in state_task_service_factory._UNSUPPORTED_SERVICE_NAMES  # no .sync
