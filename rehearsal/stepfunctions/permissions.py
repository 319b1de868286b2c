"""What a Task state needs of its workflow's role: the one table from integration to IAM actions.

A task needs what its own API call needs (`rehearsal.iam.tables`). One that waits for what it started (``.sync``) also
looks at it, may stop it, and hears of its end through an EventBridge rule that Step Functions keeps in the account.
Rules and waits: https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html#sagemaker-iam and
https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html#sync-async-iam.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.host import Host
from rehearsal.iam.actions import needs_of
from rehearsal.iam.keys import Need
from rehearsal.iam.requests import JSON, ApiRequest
from rehearsal.stepfunctions import distributed, jobs, nested
from rehearsal.stepfunctions.shapes import operation_model, service_model

#: On the managed rule.
RULE_ACTIONS = ("events:PutRule", "events:PutTargets", "events:DescribeRule")

#: What a ResultWriter does ("IAM policies for ResultWriter").
_WRITES = ("PutObject", "GetObject", "ListMultipartUploadParts", "AbortMultipartUpload")

_FORMAT = re.compile(r"States\.Format\('([^']*)'")


@dataclass(frozen=True)
class Wait:
    """What a task that waits for what it started needs besides the start.

    Attributes
    ----------
    operations
        botocore's operations on what was started: to learn its result, and to stop it with its task.
    member
        Parameter of those operations that names it.
    rule
        Name of the EventBridge rule that Step Functions makes with the role's rights.
    """

    operations: tuple[str, ...]
    member: str
    rule: str


def _job(kind: jobs.Kind) -> Wait:
    noun = kind.name.removesuffix("Name")
    return Wait((f"Describe{noun}", f"Stop{noun}"), kind.name, kind.rule)


#: (service, action in lower case) of an optimized integration -> what its ``.sync`` needs.
WAITS: dict[tuple[str, str], Wait] = {
    **{("sagemaker", action): _job(kind) for action, kind in jobs.KINDS.items()},
    ("states", "startexecution"): Wait(("DescribeExecution", "StopExecution"), "executionArn", nested.RULE),
}


def wait_of(resource: str) -> Wait | None:
    """Return what the ``.sync`` of a Task's resource needs; None when the task does not wait for a job or execution."""
    service, action, pattern = split_resource(resource)
    return WAITS.get((service, action.lower())) if pattern.startswith("sync") else None


def task_needs(host: Host, state: Mapping[str, Any]) -> list[Need]:
    """Return what a Task state needs of its role.

    A name that is known only at run time is ``*``; of one made by ``States.Format``, the fixed part stays.

    Parameters
    ----------
    host
        Account, region and partition; nothing has to run in it.
    state
        The Task, with the definition's substitutions made.
    """
    resource = str(state["Resource"])
    service, action, _ = split_resource(resource)
    if not service:
        return [Need("lambda:InvokeFunction", resource)]
    api = service.removeprefix("aws-sdk:")
    model = operation_model(api, action)
    given = _literal(state.get("Parameters") or {}, model.input_shape)
    if given.get("stateMachineArn") == "*":  # a state machine all the same, where `*` alone would be any resource
        given["stateMachineArn"] = host.arn("states", "stateMachine:*")
    needs = _needs(host, api, model.name, given)
    wait = wait_of(resource)
    if wait is not None:
        name = given.get(wait.member) or _execution(str(given.get("stateMachineArn")))
        for operation in wait.operations:
            needs += _needs(host, api, operation, {wait.member: name})
        needs += [Need(each, host.arn("events", f"rule/{wait.rule}"), implied=True) for each in RULE_ACTIONS]
    return needs


def map_needs(host: Host, state: Mapping[str, Any], machine: str) -> list[Need]:
    """Return what a Map state in distributed mode needs of its role; nothing for any other state.

    https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html: it starts executions of its own
    machine and looks after them, reads the items, and writes the results, in parts when they are large.

    Parameters
    ----------
    host
        Account, region and partition; nothing has to run in it.
    state
        The state, with the definition's substitutions made.
    machine
        ARN of the state machine that it belongs to.
    """
    if not distributed.is_distributed(state):
        return []
    children = _execution(machine)
    needs = [Need("states:StartExecution", machine)]
    needs += [Need(f"states:{action}", children) for action in ("DescribeExecution", "StopExecution")]
    if "ItemReader" in state:
        needs += _s3(host, state["ItemReader"], "Key", ("GetObject",))
    if "ResultWriter" in state:
        needs += _s3(host, state["ResultWriter"], "Prefix", _WRITES)
    return needs


def _s3(host: Host, member: Mapping[str, Any], name: str, actions: tuple[str, ...]) -> list[Need]:
    given = _literal(member["Parameters"], None)
    key = str(given.get(name, "")) + ("/*" if name == "Prefix" else "")
    place = host.arn("s3", f"{given['Bucket']}/{key.lstrip('/')}", region="", account="")
    return [Need(f"s3:{action}", place) for action in actions]


def split_resource(resource: str) -> tuple[str, str, str]:
    """Return service, action and pattern of ``arn:<partition>:states:::<service>:<action>[.<pattern>]``.

    The service of ``aws-sdk:sagemaker:describeEndpoint`` is ``aws-sdk:sagemaker``; of another ARN, empty.
    """
    parts = resource.split(":", 5)
    if len(parts) < 6 or parts[2] != "states" or ":" not in parts[5] or parts[5].startswith("activity:"):
        return "", "", ""
    service, _, action = parts[5].partition(":")
    if service == "aws-sdk":
        api, _, action = action.partition(":")
        service = f"aws-sdk:{api}"
    action, _, pattern = action.partition(".")
    return service, action, pattern


def _needs(host: Host, api: str, operation: str, params: dict[str, Any]) -> list[Need]:
    return needs_of(host, ApiRequest(service_model(api).service_name, operation, host.region, JSON, params))


def _execution(machine: str) -> str:
    """Return the ARNs of the executions of a state machine."""
    return f"{machine.replace(':stateMachine:', ':execution:')}:*"


def _literal(value: Any, shape: Any) -> Any:
    """Return Parameters as the API spells them, with what is known only at run time as ``*``."""
    if isinstance(value, list):
        return [_literal(item, getattr(shape, "member", None)) for item in value]
    if not isinstance(value, Mapping):
        return value
    members = {name.lower(): name for name in getattr(shape, "members", {})}
    found = {}
    for key, item in value.items():
        name = key.removesuffix(".$")
        name = members.get(name.lower(), name)
        inner = getattr(shape, "members", {}).get(name)
        found[name] = _at_run_time(str(item), inner) if key.endswith(".$") else _literal(item, inner)
    return found


def _at_run_time(expression: str, shape: Any) -> Any:
    """Return what stands for a value that comes from a JSONPath or an intrinsic function."""
    kind = getattr(shape, "type_name", "string")
    if kind == "list":
        return [_at_run_time("", shape.member)]
    if kind in ("structure", "map"):
        return {}
    made = _FORMAT.match(expression)
    return made.group(1).replace("{}", "*") if made else "*"
