"""`muster invoke`: one built function, or all of them, in Lambda's runtime interface emulator."""

import json
from pathlib import Path

from muster.errors import NotFound
from ops.console import FAILED, OK, err, out, table
from ops.demo.story import FACTOR
from ops.invoking import events, replaying, runtime, variables
from ops.invoking.emulator import Invocation
from ops.invoking.functions import Function, functions_of
from ops.stage import Stage

BUILT = Path(".aws-sam") / "build" / "template.yaml"
_WIDTH = 90
"""Characters of an answer in the table."""


def invoke_one(name: str, event: Path | None) -> int:
    """Invoke a built function against the rehearsal that is up; print its log, its answer and its times.

    Raises
    ------
    NotFound
        When there is no such function, no build, no event or no rehearsal.
    """
    function = _find(_built(), name)
    data = events.read(event or events.FOLDER / f"{function.name}.json")
    got = replaying.invoke(function, variables.served(), data)
    _show(got)
    return FAILED if got.failed else OK


def invoke_all() -> int:
    """Deploy a first version in a rehearsal of this command's own, and invoke every built function against it.

    Returns 1 when a function fails, 0 otherwise.
    """
    functions = _built()
    calls = events.Calls()
    failed = False
    rows = []
    with Stage(factor=FACTOR, on_event=calls) as stage:
        replaying.deploy_first_version(stage)
        for answer in replaying.invoke_all(functions, variables.of(stage), calls.last()):
            got = answer.got
            failed |= got.failed
            if got.failed:
                err.print(f"{answer.function}:")
                _show(got)
            rows.append((answer.function, _told(answer), f"{got.init_ms or 0:.0f}", f"{got.duration_ms:.0f}"))
    out.print(table(["function", "answer", "init ms", "ms"], rows, right=(2, 3)))
    return FAILED if failed else OK


def _built() -> dict[str, Function]:
    """Return the functions of the build, whose compiled packages this Python must be able to load."""
    functions = functions_of(BUILT)
    for function in functions.values():
        if function.runtime != runtime.VERSION:
            raise runtime.NoEmulator(
                f"python: found {runtime.VERSION}, wanted {function.runtime}, for which the functions are built: "
                f"make clean, then make PYTHON={function.runtime} build"
            )
    return functions


def _find(functions: dict[str, Function], name: str) -> Function:
    by_id = {function.logical_id: function for function in functions.values()}
    found = functions.get(name) or by_id.get(name)
    if found is None:
        raise NotFound(f"function: found no {name!r} in the build, wanted one of {', '.join(functions)}")
    return found


def _told(answer: replaying.Answer) -> str:
    """Return an answer in a few words."""
    if answer.got.failed:
        return f"failed: {_shortened(answer.got.payload)}"
    if answer.before is not None and not answer.changed:
        return "as in the deployment"
    shown = answer.changed if answer.before is not None else answer.got.payload
    # The few plain members tell more than the start of a long request.
    return _shortened({key: value for key, value in shown.items() if not isinstance(value, dict)})


def _shortened(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _show(got: Invocation) -> None:
    # Lambda joins the lines of one log entry with carriage returns.
    out.print(got.log.replace("\r", "\n").rstrip(), style="dim")
    text = json.dumps(got.payload, indent=2, ensure_ascii=False)
    (err if got.failed else out).print(text)
    started = "warm" if got.init_ms is None else f"initialised in {got.init_ms:.0f} ms"
    out.print(f"{'failed' if got.failed else 'answered'} in {got.duration_ms:.0f} ms, {started}")
