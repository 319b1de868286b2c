"""Every Parameters block of a Task is a valid request, literal members and the fragments of ``plan_*`` functions alike.

A block is filled with what the plan functions return for every model (`checks.examples`) and compared with botocore's
service model (`checks.shapes`). What only a run can know stays unknown. A state that is entered for some plans only (a
champion, an endpoint that exists) is filled with those that have all it asks for; with none of them is a finding.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from checks import shapes
from checks.examples import Example, examples, substitution
from checks.findings import Finding, Result, result
from checks.tree import Placed, Tree, tasks

_PATH = re.compile(r"\$(\.\w+)+")
_SUBSTITUTION = re.compile(r"\$\{(\w+)\}")
_INTEGRATION = re.compile(r"arn:[^:]+:states:::(?:aws-sdk:)?(\w+):(\w+)(?:\.sync|\.waitForTaskToken)?(?::2)?")
_BOTOCORE_NAMES = {"states": "stepfunctions", "sfn": "stepfunctions"}


@dataclass(frozen=True)
class Request:
    """A Task's request to AWS, filled as far as a plan can fill it."""

    state: Placed
    example: str
    service: str
    operation: str
    parameters: dict[str, Any]


class _LeadsNowhereError(Exception):
    """A path that the plan of an example does not have, or that is null in it."""


def check(tree: Tree) -> Result:
    """Find requests that AWS would refuse for their shape."""
    found: list[Finding] = []
    states, blocks = 0, 0
    plans = list(examples(tree))
    for workflow, document in tree.definitions.items():
        for state in tasks(document):
            if api_of(str(state.body.get("Resource"))) is None:
                continue
            states += 1
            filled = list(requests(state, [each for each in plans if each.workflow == workflow]))
            blocks += len(filled)
            if not filled:
                found.append(_never_filled(state))
            for request in filled:
                found += _problems(request)
    return result(f"{states} Parameters blocks, filled {blocks} times from {len(plans)} plans", found)


def requests(state: Placed, plans: list[Example]) -> Iterator[Request]:
    """Yield the request of a Task for every plan that has all of its paths; once, unfilled, where no plan is known."""
    api = api_of(str(state.body.get("Resource")))
    if api is None:
        return
    for example in plans or [Example("", "no plan", {})]:
        for values in _inputs(state, example.state):
            try:
                filled = _fill(state.body.get("Parameters", {}), values)
            except _LeadsNowhereError:
                continue
            yield Request(state, example.label, *api, as_request(*api, filled))


def api_of(resource: str) -> tuple[str, str] | None:
    """Return botocore's service and operation for an ASL resource; None for a function called by its ARN."""
    match = _INTEGRATION.fullmatch(resource)
    if match is None:
        return None
    service, action = match[1], match[2]
    return _BOTOCORE_NAMES.get(service, service), action[0].upper() + action[1:]


def as_request(service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the members as the API spells and types them: integrations take JSON where the API takes its text."""
    if service == "stepfunctions":  # this API spells its members with a small letter
        small = {name[0].lower() + name[1:]: value for name, value in parameters.items()}
        return {**small, "input": _text(small["input"])} if "input" in small else small
    if (service, operation) == ("events", "PutEvents"):
        return {"Entries": [{**entry, "Detail": _text(entry.get("Detail"))} for entry in parameters["Entries"]]}
    if (service, operation) == ("lambda", "Invoke"):
        return {**parameters, "Payload": b"{}"}
    return parameters


def _text(value: Any) -> Any:
    return value if isinstance(value, shapes.Unknown) else json.dumps(value, default=repr)


@dataclass(frozen=True)
class _Values:
    """What a state gets: all of it, or the part of the workflow's state that the plan gives."""

    known: dict[str, Any]
    whole: bool

    def at(self, path: str) -> Any:
        """Return what a path leads to; `UNKNOWN` for the context object, an intrinsic or another part of the state."""
        if not _PATH.fullmatch(path):
            return shapes.UNKNOWN
        names = path.removeprefix("$.").split(".")
        if names[0] not in self.known and not self.whole:
            return shapes.UNKNOWN
        found: Any = self.known
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        if found is None:
            raise _LeadsNowhereError(path)
        return found


def _inputs(state: Placed, plan: dict[str, Any]) -> list[_Values]:
    """Return what a state may get: the workflow's state, or inside of a Map each of its items."""
    values = _Values(plan, whole=False)
    if "ItemProcessor" not in state.place:
        return [values]
    outer = state.document.data
    for key in state.place[: state.place.index("ItemProcessor")]:
        outer = outer[key]
    items = values.at(outer["ItemsPath"])
    return [values] if isinstance(items, shapes.Unknown) else [_Values(each, whole=True) for each in items]


def _fill(template: Any, values: _Values) -> Any:
    if isinstance(template, dict):
        return {
            name.removesuffix(".$"): values.at(each) if name.endswith(".$") else _fill(each, values)
            for name, each in template.items()
        }
    if isinstance(template, list):
        return [_fill(each, values) for each in template]
    if isinstance(template, str):
        return _SUBSTITUTION.sub(lambda match: substitution(match[1]), template)
    return template


def _never_filled(state: Placed) -> Finding:
    message = f"{state.where}: found no plan that has all that its Parameters ask for, wanted one"
    return Finding(state.document.path, state.line("Parameters"), message)


def _problems(request: Request) -> Iterator[Finding]:
    state, path = request.state, request.state.document.path
    if request.operation not in shapes.operations(request.service):
        message = f"{state.where}: found {request.service} {request.operation}, wanted an operation of that service"
        yield Finding(path, state.line("Resource"), message)
        return
    for problem in shapes.problems(request.service, request.operation, request.parameters):
        member = re.search(rf"{request.operation}\.(\w+)|\"(\w+)\"|in input: (\w+)", problem)
        yield Finding(path, _line(state, member), f"{state.where}: {problem} ({request.example})")


def _line(state: Placed, member: re.Match[str] | None) -> int:
    """Return the line of the member that a problem names, as far as it does."""
    for name in (member[1] or member[2] or member[3],) if member else ():
        for spelled in (name, f"{name}.$"):
            if spelled in state.body.get("Parameters", {}):
                return state.line("Parameters", spelled)
    return state.line("Parameters")
