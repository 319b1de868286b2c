"""Renders a workflow to the JSON that is committed and deployed: the same text everywhere, in the order of reading."""

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
_ORDER = (
    "Type",
    "Comment",
    "ProcessorConfig",
    "StartAt",
    "Resource",
    "InputPath",
    "ItemsPath",
    "ItemReader",
    "ItemSelector",
    "MaxConcurrency",
    "ToleratedFailurePercentage",
    "Label",
    "Parameters",
    "Result",
    "ResultSelector",
    "ResultPath",
    "OutputPath",
    "Seconds",
    "SecondsPath",
    "TimeoutSeconds",
    "TimeoutSecondsPath",
    "ErrorPath",
    "CausePath",
    "Choices",
    "Default",
    "Branches",
    "ItemProcessor",
    "ResultWriter",
    "Retry",
    "Catch",
    "Next",
    "End",
    "States",
)


def rendered_path(workflow: str) -> Path:
    """Return where a workflow's rendered definition is."""
    return FOLDER / f"{workflow}.asl.json"


def render(workflow: str) -> str:
    """Return a workflow's definition as the text of its file. Needs neither credentials nor a region."""
    graph = importlib.import_module(f"state_machines.{workflow}").build()
    return json.dumps(_ordered_machine(graph.to_dict()), indent=2, ensure_ascii=False) + "\n"


def _ordered_machine(machine: dict[str, Any]) -> dict[str, Any]:
    states = machine["States"]
    ordered = {name: _ordered_state(states[name]) for name in _reading_order(machine["StartAt"], states)}
    return _ordered({**machine, "States": ordered})


def _ordered_state(state: dict[str, Any]) -> dict[str, Any]:
    state = dict(state)
    if "Branches" in state:
        state["Branches"] = [_ordered_machine(branch) for branch in state["Branches"]]
    if "ItemProcessor" in state:
        state["ItemProcessor"] = _ordered_machine(state["ItemProcessor"])
    return _ordered(state)


def _ordered(fields: dict[str, Any]) -> dict[str, Any]:
    place = {name: number for number, name in enumerate(_ORDER)}
    return dict(sorted(fields.items(), key=lambda item: place.get(item[0], len(place))))


def _reading_order(start: str, states: dict[str, Any]) -> list[str]:
    """Return the states as the work goes on, with what only catches lead to at the end."""
    order: list[str] = []
    waiting, caught = [start], list[str]()
    while waiting or caught:
        name = waiting.pop(0) if waiting else caught.pop(0)
        if name in order:
            continue
        order.append(name)
        state = states[name]
        waiting = list(_onward(state)) + waiting
        caught += [each["Next"] for each in state.get("Catch", ())]
    return order


def _onward(state: dict[str, Any]) -> Iterator[str]:
    if "Next" in state:
        yield state["Next"]
    for choice in state.get("Choices", ()):
        yield choice["Next"]
    if "Default" in state:
        yield state["Default"]
