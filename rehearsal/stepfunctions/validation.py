"""Refuses a state machine that AWS would refuse when it is created or updated.

moto only parses. AWS also follows every transition (MISSING_TRANSITION_TARGET), knows which parameters an optimized
integration takes, assumes the role, and makes the EventBridge rule of a ``.sync`` task with the role's rights.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import UnknownServiceError

from rehearsal.patching import replace, wrap
from rehearsal.stepfunctions import distributed
from rehearsal.stepfunctions.permissions import RULE_ACTIONS, split_resource, wait_of
from rehearsal.stepfunctions.runtime import host_runtime
from rehearsal.stepfunctions.shapes import operation_model

_CREATE = (
    "self",
    "name",
    "definition",
    "roleArn",
    "tags",
    "publish",
    "loggingConfiguration",
    "tracingConfiguration",
    "encryptionConfiguration",
    "version_description",
    "sm_type",
)
_UPDATE = (
    "self",
    "arn",
    "definition",
    "role_arn",
    "logging_configuration",
    "tracing_configuration",
    "encryption_configuration",
    "publish",
    "version_description",
)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: AWS's code, a sentence, and where, as a JSON pointer."""

    code: str
    message: str
    location: str


def install() -> None:
    """Replace the validation, and check the role at create and update."""
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend as Backend

    replace(Backend, "_validate_definition", staticmethod(_validate), ("definition",))
    wrap(Backend, "create_state_machine", _checked_create, _CREATE)
    wrap(Backend, "update_state_machine", _checked_update, _UPDATE)


def _checked_create(original: Any) -> Any:
    def create_state_machine(self: Any, name: str, definition: str, roleArn: str, **rest: Any) -> Any:  # noqa: N803
        _validate(definition)
        machine = host_runtime().host.arn("states", f"stateMachine:{name}")
        _check_role(definition, roleArn, machine)
        return original(self, name, definition, roleArn, **rest)

    return create_state_machine


def _checked_update(original: Any) -> Any:
    def update_state_machine(
        self: Any, arn: str, definition: str | None = None, role_arn: str | None = None, **rest: Any
    ) -> Any:
        if definition is not None or role_arn is not None:
            now = self.describe_state_machine(arn)
            _validate(definition or now.definition)
            _check_role(definition or now.definition, role_arn or now.roleArn, arn)
        return original(self, arn, definition, role_arn, **rest)

    return update_state_machine


def problems(definition: str) -> list[Problem]:
    """Return what is wrong with a definition (JSON text, its substitutions made); nothing when AWS would take it."""
    from moto.stepfunctions.parser.asl.parse.asl_parser import ASLParserException

    from rehearsal.stepfunctions.parsing import parse

    try:
        machine = json.loads(definition)
    except (TypeError, ValueError) as error:
        return [Problem("INVALID_JSON_DESCRIPTION", str(error), "/")]
    if not isinstance(machine, dict):
        return [Problem("SCHEMA_VALIDATION_FAILED", "The definition must be an object", "/")]
    found = list(_of_scope(machine, ""))
    if not found:
        try:
            parse(definition)
        except ASLParserException as error:
            found.append(Problem("SCHEMA_VALIDATION_FAILED", str(error), "/"))
        except Exception as error:  # moto raises whatever its components raise for a value that they do not take
            found.append(Problem("SCHEMA_VALIDATION_FAILED", f"{type(error).__name__}: {error}", "/"))
    return found


def scopes(machine: dict[str, Any], where: str = "") -> Iterator[tuple[dict[str, Any], str]]:
    """Yield every object with StartAt and States, from the outside in, with its JSON pointer."""
    yield machine, where
    for name, state in machine.get("States", {}).items():
        place = f"{where}/States/{name}"
        for index, branch in enumerate(state.get("Branches", [])):
            yield from scopes(branch, f"{place}/Branches[{index}]")
        for member in ("ItemProcessor", "Iterator"):
            if member in state:
                yield from scopes(state[member], f"{place}/{member}")


def targets(state: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield ``(name of a state, pointer inside the state)`` for each transition of a state."""
    for member in ("Next", "Default"):
        if isinstance(state.get(member), str):
            yield state[member], f"/{member}"
    for member in ("Choices", "Catch"):
        for index, rule in enumerate(state.get(member, [])):
            if isinstance(rule.get("Next"), str):
                yield rule["Next"], f"/{member}[{index}]/Next"


def _of_scope(machine: dict[str, Any], where: str) -> Iterator[Problem]:
    names: set[str] = set()
    for scope, place in scopes(machine, where):
        states = scope.get("States")
        if not isinstance(states, dict) or not states or not isinstance(scope.get("StartAt"), str):
            yield Problem("SCHEMA_VALIDATION_FAILED", "StartAt and States are required", place or "/")
            continue
        for name in names & states.keys():
            yield Problem("DUPLICATE_STATE_NAME", f"Duplicate state name: {name}", f"{place}/States/{name}")
        names |= states.keys()
        yield from _transitions(scope["StartAt"], states, place)
        for name, state in states.items():
            yield from _parameters(state, f"{place}/States/{name}")
            for pointer, text in distributed.problems(state):
                yield Problem("SCHEMA_VALIDATION_FAILED", text, f"{place}/States/{name}{pointer}")


def _transitions(start: str, states: dict[str, Any], place: str) -> Iterator[Problem]:
    code = "MISSING_TRANSITION_TARGET"
    if start not in states:
        yield Problem(code, f"Missing 'StartAt' target: {start}", f"{place}/StartAt")
    for name, state in states.items():
        for target, pointer in targets(state):
            if target not in states:
                kind = pointer.rsplit("/", 1)[-1]
                yield Problem(code, f"Missing '{kind}' target: {target}", f"{place}/States/{name}{pointer}")
    reached, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name in states and name not in reached:
            reached.add(name)
            waiting += [target for target, _ in targets(states[name])]
    for name in states.keys() - reached:
        yield Problem(code, f'State "{name}" is not reachable.', f"{place}/States/{name}")


def _parameters(state: dict[str, Any], place: str) -> Iterator[Problem]:
    """The operation exists, and Parameters has what it requires and nothing that it does not know."""
    service, action, _ = split_resource(str(state.get("Resource", "")))
    if state.get("Type") != "Task" or not service:
        return
    code = "SCHEMA_VALIDATION_FAILED"
    try:
        shape = operation_model(service.removeprefix("aws-sdk:"), action).input_shape
    except (KeyError, UnknownServiceError):
        yield Problem(code, f"The resource provided {state['Resource']} is not recognized.", f"{place}/Resource")
        return
    given = state.get("Parameters", {})
    if shape is None or not isinstance(given, dict):
        return
    names = {name.removesuffix(".$").lower() for name in given}
    for member in shape.required_members:
        if member.lower() not in names:
            text = f'The field "{_pascal(member)}" is required but was missing'
            yield Problem(code, text, f"{place}/Parameters")
    known = {member.lower() for member in shape.members}
    for name in (name.removesuffix(".$") for name in given):
        if name.lower() not in known:
            yield Problem(code, f'The field "{name}" is not supported by Step Functions', f"{place}/Parameters")


def _pascal(member: str) -> str:
    return member[0].upper() + member[1:]


def _validate(definition: str) -> None:
    """Raise InvalidDefinition as the service words it."""
    from rehearsal.stepfunctions.api_errors import InvalidDefinition

    found = problems(definition)
    if found:
        texts = ", ".join(f"{each.code}: {each.message} at {each.location}" for each in found)
        raise InvalidDefinition(f"Invalid State Machine Definition: '{texts}'")


def _check_role(definition: str, role_arn: str, machine_arn: str) -> None:
    """Assume the role, and demand what the managed rules of its ``.sync`` tasks need."""
    from rehearsal.stepfunctions.api_errors import AccessDenied

    host = host_runtime().host
    if host.iam is None:  # only in tests of single extensions
        return
    from rehearsal.iam.errors import AccessDenied as Refused

    try:
        host_runtime().assume(role_arn, machine_arn)
    except Refused:
        raise AccessDenied(
            "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume "
            "the provided role."
        ) from None
    try:
        for rule in sorted(_rules(json.loads(definition))):
            for action in RULE_ACTIONS:
                host.iam.require(role_arn, action, host.arn("events", f"rule/{rule}"))
    except Refused as error:
        raise AccessDenied(f"'{role_arn}' is not authorized to create managed-rule. {error}") from None


def _rules(machine: dict[str, Any]) -> set[str]:
    waits = [
        wait_of(str(state.get("Resource", ""))) for scope, _ in scopes(machine) for state in scope["States"].values()
    ]
    return {wait.rule for wait in waits if wait is not None}
