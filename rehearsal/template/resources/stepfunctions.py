"""AWS::StepFunctions::StateMachine."""

from __future__ import annotations

import json
import re
from typing import Any

from ..kinds import Kind, Made
from ..work import Work

_PLACE = re.compile(r"\$\{([A-Za-z0-9_]+)\}")


def _source(work: Work) -> bytes:
    """Return the definition as it is written, before substitution."""
    given = [name for name in ("Definition", "DefinitionString", "DefinitionS3Location") if work.get(name) is not None]
    if len(given) != 1:
        raise work.error(
            f"wants one of Definition, DefinitionString and DefinitionUri, got {', '.join(given) or 'none'}"
        )
    if given == ["DefinitionS3Location"]:
        return work.content("DefinitionS3Location")
    value = work.get(given[0])
    return (value if isinstance(value, str) else json.dumps(value)).encode()


def _definition(work: Work) -> str:
    """Return the definition with ``${Name}`` replaced by the substitutions, as CloudFormation does: plain text.

    A name without a value stays in the text in CloudFormation, and fails later where nobody looks: here it is an error.
    """
    text = _source(work).decode("utf-8")
    values = {name: _plain(value) for name, value in (work.get("DefinitionSubstitutions") or {}).items()}
    used = set(_PLACE.findall(text))
    place = "DefinitionUri" if work.get("DefinitionS3Location") is not None else "Definition"
    for name in sorted(used - values.keys()):
        raise work.error(f"uses ${{{name}}}, which DefinitionSubstitutions does not give", place)
    text = _PLACE.sub(lambda match: values[match.group(1)], text)
    try:
        json.loads(text)
    except ValueError as error:
        raise work.error(f"is no JSON once its substitutions are made: {error}", place) from error
    return text


def _plain(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _settings(work: Work) -> dict[str, Any]:
    names = {
        "RoleArn": "roleArn",
        "LoggingConfiguration": "loggingConfiguration",
        "TracingConfiguration": "tracingConfiguration",
        "EncryptionConfiguration": "encryptionConfiguration",
    }
    return {names[name]: value for name, value in work.only(*names).items()}


def _create(work: Work) -> Made:
    name = work.name("StateMachineName", 80, "{id}-{tail}")
    params: dict[str, Any] = {
        "name": name,
        "definition": _definition(work),
        "type": work.get("StateMachineType", "STANDARD"),
        **_settings(work),
    }
    if work.tags():
        params["tags"] = work.tag_list("key", "value")
    arn = work.call("stepfunctions", "create_state_machine", params)["stateMachineArn"]
    return Made(arn, {"Arn": arn, "Name": name})


def _update(work: Work, made: Made) -> Made:
    if made.attributes["Name"] != work.name("StateMachineName", 80, "{id}-{tail}"):
        raise work.error("has changed, which replaces the state machine: start the rehearsal anew", "StateMachineName")
    params = {"stateMachineArn": made.physical_id, "definition": _definition(work), **_settings(work)}
    work.call("stepfunctions", "update_state_machine", params)
    return made


KINDS = [
    Kind(
        "AWS::StepFunctions::StateMachine",
        _create,
        """
        Definition DefinitionString DefinitionS3Location.Bucket DefinitionS3Location.Key DefinitionSubstitutions
        EncryptionConfiguration LoggingConfiguration RoleArn StateMachineName StateMachineType Tags TracingConfiguration
        """,
        required="RoleArn",
        update=_update,
        source=_source,
    )
]
