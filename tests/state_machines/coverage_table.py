"""A pytest plugin: prints at the end which states, branches and catches of the workflows the tests have taken.

With pytest-xdist the runs are spread over workers; what they have taken is sent to the process that prints, and a session
that ran everything and left something out fails. Loaded by ``tests/conftest.py``, because only a plugin that is there from
the start can do that.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

_KEY = "workflow_coverage"
_HERE = Path(__file__).parent
_Taken = dict[str, dict[str, list[str]]]
_received: list[tuple[bool, _Taken]] = []


def all_selected(session: pytest.Session) -> bool:
    """Whether every test of this folder is part of the session."""
    option = session.config.option
    present = {item.path.name for item in session.items if item.path.parent == _HERE}
    narrowed = [
        option.keyword,
        option.markexpr,
        getattr(option, "lf", False),
        *["::" in each for each in session.config.args],
    ]
    return not any(narrowed) and present == {path.name for path in _HERE.glob("test_*.py")}


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a worker: hand over what was taken. Where the workers report: fail when something was left out."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_KEY] = (all_selected(session), _own())
    elif _received and all(complete for complete, _ in _received) and not _complete() and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Where the workers report: one has ended."""
    reported = getattr(node, "workeroutput", {}).get(_KEY)
    if reported:
        _received.append(tuple(reported))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table, when any workflow was run."""
    coverages = _coverages()
    if not coverages:
        return
    from rehearsal.coverage import table

    terminalreporter.write_sep("-", "workflows: what the tests have taken")
    terminalreporter.write_line(table(coverages))
    if _received and not _complete() and all(complete for complete, _ in _received):
        terminalreporter.write_line("FAILED: everything has to be taken by some test", red=True)


def _coverages() -> Sequence[Any]:
    """What was taken in all processes, one per workflow."""
    taken = [each for each in [*[taken for _, taken in _received], _own()] if each]
    if not taken:
        return []
    from rehearsal.coverage import Coverage
    from tests.state_machines.harness import definition

    coverages: dict[str, Coverage] = {}
    for each in taken:
        for workflow, kinds in each.items():
            coverage = coverages.setdefault(workflow, Coverage(workflow, definition(workflow)))
            for kind, names in kinds.items():
                coverage.taken[kind].update(names)
    return list(coverages.values())


def _complete() -> bool:
    from rehearsal.coverage import KINDS
    from tests.state_machines.harness import WORKFLOWS

    coverages = _coverages()
    return len(coverages) == len(WORKFLOWS) and all(each.complete(KINDS) for each in coverages)


def _own() -> _Taken:
    """What was taken in this process; nothing, without importing the interpreter, when no workflow was run."""
    harness = sys.modules.get("tests.state_machines.harness")
    if harness is None:
        return {}
    return {
        name: {kind: sorted(taken) for kind, taken in each.taken.items()} for name, each in harness.COVERAGE.items()
    }
