"""Distributed Map in definitions: what AWS would refuse, what is not rehearsed, and what moto's grammar cannot read.

moto's grammar knows no EXPRESS children and takes no whole number for a tolerated failure. Those members are taken out of
a definition before it is parsed and put on its Map states afterwards; `rehearsal.stepfunctions.map_runs` reads them there.
Rules: https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.host import PARTITION

READER = f"arn:{PARTITION}:states:::s3:getObject"
WRITER = f"arn:{PARTITION}:states:::s3:putObject"
#: Members that a Map state has in distributed mode only.
_OWN = ("ItemReader", "ResultWriter", "Label", "ToleratedFailurePercentage", "ToleratedFailureCount", "ItemBatcher")
_OWN_PATHS = ("ToleratedFailurePercentagePath", "ToleratedFailureCountPath")
#: Integration patterns that Express workflows lack ("Choosing workflow type in Step Functions").
_WAITING = (".sync", ".sync:2", ".waitForTaskToken")


@dataclass(frozen=True)
class Settings:
    """What was taken out of a Map state in distributed mode.

    Attributes
    ----------
    percentage, count
        Failures that are tolerated, of 100 items and in all; None where the state does not say.
    """

    percentage: float | None = None
    count: int | None = None

    def exceeded(self, failed: int, total: int) -> bool:
        """Whether a Map Run with so many failed items has failed; without any setting none is tolerated."""
        if self.percentage is None and self.count is None:
            return failed > 0
        over_count = self.count is not None and failed > self.count
        return over_count or (self.percentage is not None and 100 * failed > self.percentage * total)


def is_distributed(state: Mapping[str, Any]) -> bool:
    """Whether a state of a definition is a Map in distributed mode."""
    config = state.get("ItemProcessor", {}).get("ProcessorConfig", {}) if state.get("Type") == "Map" else {}
    return config.get("Mode") == "DISTRIBUTED"


def problems(state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield ``(JSON pointer inside the state, what is wrong)`` for a Map state, or one that has a Map's members."""
    if not is_distributed(state):
        for member in (*_OWN, *_OWN_PATHS):
            if state.get("Type") == "Map" and member in state:
                yield f"/{member}", "is supported in DISTRIBUTED mode only"
        return
    kind = state["ItemProcessor"]["ProcessorConfig"].get("ExecutionType")
    if kind not in ("STANDARD", "EXPRESS"):
        yield "/ItemProcessor/ProcessorConfig/ExecutionType", f"must be STANDARD or EXPRESS, is {kind!r}"
    elif kind == "STANDARD":
        yield "/ItemProcessor/ProcessorConfig/ExecutionType", "STANDARD children are not rehearsed: use EXPRESS"
    yield from _of_children(state["ItemProcessor"].get("States", {}))
    yield from _of_reader(state)
    yield from _of_writer(state)
    for member in ("ItemBatcher", *_OWN_PATHS):
        if member in state:
            yield f"/{member}", "is not rehearsed"
    for member, most in (("ToleratedFailurePercentage", 100), ("ToleratedFailureCount", 10**9)):
        value = state.get(member, 0)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
            yield f"/{member}", f"must be a number from 0 to {most}, is {value!r}"


def _of_children(states: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, child in states.items():
        place = f"/ItemProcessor/States/{name}"
        if str(child.get("Resource", "")).endswith(_WAITING):
            yield f"{place}/Resource", "Express workflows support no .sync and no .waitForTaskToken"
        if is_distributed(child):
            yield place, "Express workflows support no Distributed Map"
        for branch in child.get("Branches", []):
            yield from _of_children(branch.get("States", {}))
        if child.get("Type") == "Map":
            yield from _of_children(child.get("ItemProcessor", {}).get("States", {}))


def _of_reader(state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "ItemReader" not in state:
        return
    reader = state["ItemReader"]
    kind = reader.get("ReaderConfig", {}).get("InputType")
    if reader.get("Resource") != READER:
        yield "/ItemReader/Resource", f"is {reader.get('Resource')!r}; only {READER} is rehearsed"
    if kind != "JSON":
        yield "/ItemReader/ReaderConfig/InputType", f"is {kind!r}; only JSON is rehearsed"
    yield from _named(reader, "/ItemReader", ("Bucket", "Key"))
    if "ItemsPath" in state:
        yield "/ItemsPath", "ItemReader gives the items"


def _of_writer(state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "ResultWriter" in state:
        writer = state["ResultWriter"]
        if writer.get("Resource") != WRITER:
            yield "/ResultWriter/Resource", f"is {writer.get('Resource')!r}; only {WRITER} is rehearsed"
        if "WriterConfig" in writer:
            yield "/ResultWriter/WriterConfig", "is not rehearsed"
        yield from _named(writer, "/ResultWriter", ("Bucket",))
    elif state.get("ToleratedFailurePercentage") or state.get("ToleratedFailureCount"):
        yield "/ResultWriter", "tolerated failures without a ResultWriter are not rehearsed"


def _named(member: Mapping[str, Any], place: str, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    given = {name.removesuffix(".$") for name in member.get("Parameters", {})}
    for name in names:
        if name not in given:
            yield f"{place}/Parameters", f'The field "{name}" is required but was missing'


def take_out(definition: str) -> tuple[str, dict[str, Settings]]:
    """Return a definition that moto can parse, and by state what was taken out of it."""
    if "DISTRIBUTED" not in definition:
        return definition, {}
    from rehearsal.stepfunctions.validation import scopes

    machine = json.loads(definition)
    found = {}
    for scope, _ in scopes(machine):
        for name, state in scope["States"].items():
            if is_distributed(state):
                state["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] = "STANDARD"
                percentage, count = (state.pop(f"ToleratedFailure{kind}", None) for kind in ("Percentage", "Count"))
                found[name] = Settings(percentage, count)
    return json.dumps(machine), found


def put_back(program: Any, settings: Mapping[str, Settings]) -> None:
    """Put what `take_out` has found on the Map states of the parsed program, whose names are unique in it."""
    if settings:
        for name, state in _states(program.states.states):
            if name in settings:
                state.rehearsal_settings = settings[name]


def _states(states: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, state in states.items():
        yield name, state
        if hasattr(state, "iteration_component"):
            yield from _states(state.iteration_component._states.states)
        for branch in getattr(getattr(state, "branches", None), "programs", []):
            yield from _states(branch.states.states)
