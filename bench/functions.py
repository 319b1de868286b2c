"""How long each built function takes to initialise and to answer warm, in the emulator that SAM CLI puts into its containers.

The events are those that the functions got in a deployment in a rehearsal. The time of AWS calls, here the rehearsal's, is
taken off the answer's: what is left is the function's own work. Tracing is on, as in Lambda.
"""

import shutil
import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ops.console import out, table
from ops.demo.story import FACTOR
from ops.invoking import events, replaying, variables
from ops.invoking.command import BUILT
from ops.invoking.emulator import Emulator
from ops.invoking.functions import Function, functions_of
from ops.stage import Stage

COLD, WARM = 3, 10
MOST_INIT_MS, MOST_OWN_MS = 800.0, 20.0
"""The second is for functions without the layer of statistics: those with it work on data."""
_TIMED = Path(__file__).with_name("timed.py")
_EMPTY = "import time\n\ndef handler(event, context):\n    return {'ms': 0.0, 'aws_ms': 0.0, 'error': None}\n"


def show() -> bool:
    """Print the table, slowest start first; whether every function keeps both bounds."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as scratch:
        measured = _measure_all(Path(scratch))
    empty = measured.pop("(an empty handler)")
    for name, (init, own, aws) in sorted(measured.items(), key=lambda pair: -pair[1][0]):
        rows.append((name, f"{init:.0f}", f"{init / empty[0]:.1f}", f"{own:.1f}", f"{aws:.1f}"))
    columns = ["function", "init ms", "ratio to an empty one", "own ms, warm", "ms in AWS calls"]
    out.print(table(columns, rows, right=(1, 2, 3, 4)))
    counting = {name for name, function in functions_of(BUILT).items() if len(function.layers) > 1}
    inits = [each[0] for each in measured.values()]
    owns = [each[1] for name, each in measured.items() if name not in counting]
    out.print(
        f"an empty handler initialises in {empty[0]:.0f} ms. Slowest here: {max(inits):.0f} ms, wanted at most {MOST_INIT_MS:.0f}; "
        f"{max(owns):.1f} ms of own work where there is no layer of statistics, wanted at most {MOST_OWN_MS:.0f}"
    )
    return max(inits) <= MOST_INIT_MS and max(owns) <= MOST_OWN_MS


def _measure_all(scratch: Path) -> dict[str, tuple[float, float, float]]:
    """Return initialisation, own work and AWS calls in ms by function."""
    functions, calls, measured = functions_of(BUILT), events.Calls(), {}
    with Stage(factor=FACTOR, on_event=calls) as stage:
        replaying.deploy_first_version(stage)
        known, settings = {call.function: call.event for call in calls.last()}, variables.of(stage)
        for name, function in functions.items():
            event = known.get(name, events.sample(name, settings[function.logical_id]))
            own = {**settings[function.logical_id]}
            own.pop("POWERTOOLS_TRACE_DISABLED", None)
            measured[name] = _measure(_with_clock(function, scratch / name), own, event)
        empty = scratch / "empty"
        empty.mkdir()
        (empty / "timed.py").write_text(_EMPTY, encoding="utf-8")
        measured["(an empty handler)"] = _measure(replace(function, code=empty), own, {})
    return measured


def _with_clock(function: Function, folder: Path) -> Function:
    """Return the function with `bench.timed` around its handler."""
    shutil.copytree(function.code, folder)
    shutil.copy(_TIMED, folder)
    return replace(function, code=folder)


def _measure(function: Function, settings: Mapping[str, str], event: Any) -> tuple[float, float, float]:
    inits, own, aws = [], [], []
    for _ in range(COLD):
        with Emulator(
            function.code,
            function.layers,
            settings,
            name=function.name,
            handler="timed.handler",
            memory_mb=function.memory_mb,
            timeout_seconds=function.timeout_seconds,
        ) as emulator:
            first = emulator.invoke(event)
            inits.append(first.init_ms or 0.0)
            if len(inits) < COLD:
                continue
            for _ in range(WARM):
                told = emulator.invoke(event).payload
                own.append(max(0.0, told["ms"] - told["aws_ms"]))  # calls from several threads add up to more
                aws.append(told["aws_ms"])
    return statistics.median(inits), statistics.median(own), statistics.median(aws)
