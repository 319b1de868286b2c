"""Copies state data quickly: it is JSON, and copy.deepcopy took half of an execution's time."""

from __future__ import annotations

import copy
import importlib
from types import SimpleNamespace
from typing import Any

from rehearsal.patching import replace

_ASL = "moto.stepfunctions.parser.asl."
_COPYING = (
    "component.common.path.result_path",
    "component.common.string.string_expression",
    "component.state.exec.execute_state",
    "component.state.exec.state_parallel.state_parallel",
    "component.state.exec.state_task.service.state_task_service",
    "eval.environment",
    "eval.states",
)


def install() -> None:
    """Replace the module ``copy`` where moto's interpreter copies state data."""
    namespace = SimpleNamespace(deepcopy=fast_copy)
    for name in _COPYING:
        replace(importlib.import_module(_ASL + name), "copy", namespace)


def fast_copy(value: Any) -> Any:
    """Return a deep copy; anything that is not JSON is left to copy.deepcopy."""
    kind = type(value)
    if kind is dict:
        return {key: fast_copy(item) for key, item in value.items()}
    if kind is list:
        return [fast_copy(item) for item in value]
    if kind in (str, int, float, bool, type(None)):
        return value
    return copy.deepcopy(value)
