"""Puts the rehearsal's executor in the place of moto's, and keeps configuration that moto drops.

Every replacement asserts that moto's symbol has the parameters that it has in the pinned version.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from rehearsal.host import current
from rehearsal.iam.errors import AccessDenied
from rehearsal.patching import replace

from . import logs
from .errors import ServiceError, too_large
from .executor import log_group
from .service import service

#: Bytes of an event. Source: AWS Lambda quotas, "Invocation payload (request and response)".
LARGEST_EVENT = {"RequestResponse": 6 * 1024 * 1024, "Event": 1024 * 1024}

_moto: dict[str, Callable[..., Any]] = {}  # what was replaced, by name
_delivery = threading.local()  # the delivery that SNS is making in this thread


def install() -> None:
    """Replace what moto does; harmless when it has been done before."""
    from moto.awslambda.models import LambdaBackend, LambdaFunction, LambdaStorage
    from moto.sns.models import Subscription
    from moto.sqs.models import Queue

    publish = "message message_id subject message_attributes group_id deduplication_id message_structure"
    for owner, name, new, parameters in (
        (LambdaFunction, "__init__", _init, "account_id spec region version"),
        (LambdaFunction, "update_configuration", _update_configuration, "config_updates"),
        (LambdaFunction, "get_configuration", _get_configuration, "on_create"),
        (LambdaFunction, "_invoke_lambda", _invoke_lambda, "event"),
        (LambdaFunction, "invoke", _invoke, "body request_headers response_headers"),
        (LambdaStorage, "put_function", _put_function, "fn"),
        (LambdaBackend, "create_event_source_mapping", _create_event_source_mapping, "spec"),
        (LambdaBackend, "send_sns_message", _send_sns_message, "function_name message subject qualifier"),
        (Subscription, "publish", _publish, publish),
        (Queue, "add_message", _add_message, "message"),
    ):
        _moto[name] = replace(owner, name, new, ("self", *parameters.split()))


# ---- configuration

_KEPT = {
    "DeadLetterConfig": "dead_letter_config",
    "KMSKeyArn": "kms_key_arn",
    "LoggingConfig": "logging_config",
    "TracingConfig": "tracing_config",
}


def _init(self: Any, account_id: str, spec: dict[str, Any], region: str, version: str | int = 1) -> None:
    _moto["__init__"](self, account_id, spec, region, version)
    self.logging_config = spec.get("LoggingConfig")
    self.dead_letter_config = spec.get("DeadLetterConfig")


def _update_configuration(self: Any, config_updates: dict[str, Any]) -> dict[str, Any]:
    check_role(self, config_updates.get("Role", self.role), config_updates.get("VpcConfig"))
    for key, attribute in _KEPT.items():
        if key in config_updates:
            setattr(self, attribute, config_updates[key])
    if "EphemeralStorage" in config_updates:
        self.ephemeral_storage = config_updates["EphemeralStorage"]["Size"]
    result: dict[str, Any] = _moto["update_configuration"](self, config_updates)
    return result


def _get_configuration(self: Any, on_create: bool = False) -> dict[str, Any]:
    told: dict[str, Any] = _moto["get_configuration"](self, on_create)
    if self.dead_letter_config:
        told["DeadLetterConfig"] = self.dead_letter_config
    told["LoggingConfig"] = {"LogFormat": "Text", **(self.logging_config or {}), "LogGroup": log_group(self)}
    return told


def _put_function(self: Any, fn: Any) -> None:
    check_role(fn, fn.role, fn.vpc_config)
    _moto["put_function"](self, fn)


def check_role(function: Any, role: str, network: dict[str, Any] | None) -> None:
    """Hold an execution role against what Lambda needs of it when a function is created or changed.

    Raises
    ------
    ServiceError
        When Lambda cannot assume the role, or a function in a VPC could not have its network interfaces.
    """
    iam = current().iam
    if iam is None:
        return
    try:
        iam.assume(role, "lambda.amazonaws.com", function.function_name, source_arn=function.function_arn)
    except AccessDenied as error:
        text = "The role defined for the function cannot be assumed by Lambda."
        raise ServiceError(400, "InvalidParameterValueException", text) from error
    if network and network.get("SubnetIds"):
        interface = current().arn("ec2", "network-interface/*")
        needs = {
            "CreateNetworkInterface": interface,
            "DescribeNetworkInterfaces": "*",
            "DeleteNetworkInterface": interface,
        }
        _demand(role, "ec2", "EC2", needs)


def _demand(role: str, prefix: str, service_name: str, needs: Mapping[str, str]) -> None:
    """Demand permissions of an execution role as Lambda does before it accepts a configuration."""
    for action, resource in needs.items():
        try:
            current().iam.require(role, f"{prefix}:{action}", resource)
        except AccessDenied as error:
            text = f"The provided execution role does not have permissions to call {action} on {service_name}"
            raise ServiceError(400, "InvalidParameterValueException", text) from error


# ---- invocation


def _invoke(self: Any, body: Any, request_headers: Any, response_headers: Any) -> str | bytes:
    """Answer Invoke: at once for an event, with the result or the function's error otherwise."""
    headers = {str(name).lower(): value for name, value in dict(request_headers).items()}
    kind = str(headers.get("x-amz-invocation-type") or "RequestResponse")
    size = len(body.encode() if isinstance(body, str) else body or b"")
    if size > LARGEST_EVENT.get(kind, size):
        raise too_large(LARGEST_EVENT[kind])
    try:
        event = json.loads(body) if body else {}
    except ValueError as error:
        text = f"Could not parse request body into json: {error}"
        raise ServiceError(400, "InvalidRequestContentException", text) from error
    if kind == "DryRun":
        return ""
    if kind == "Event":
        service().asynchronous.accept(self, event)
        return ""
    outcome = service().executor.execute(self, event)
    if outcome.error is not None:
        response_headers["x-amz-function-error"] = "Unhandled"
    response_headers["x-amz-executed-version"] = str(self.version)
    response_headers["x-amz-log-result"] = base64.b64encode(logs.tail(outcome.log)).decode()
    return outcome.payload.encode()


def _invoke_lambda(self: Any, event: Any = None) -> tuple[str, bool, str]:
    """Run the function as moto's own callers ask for it."""
    outcome = service().executor.execute(self, {} if event is None else event)
    return outcome.payload, outcome.error is not None, outcome.log


# ---- sources


def _publish(
    self: Any,
    message: str,
    message_id: str,
    subject: str | None = None,
    message_attributes: dict[str, Any] | None = None,
    group_id: str | None = None,
    deduplication_id: str | None = None,
    message_structure: str | None = None,
) -> None:
    """Remember what is being delivered: moto tells a function neither topic nor message id."""
    _delivery.now = (self, message_id, message_attributes)
    try:
        _moto["publish"](
            self, message, message_id, subject, message_attributes, group_id, deduplication_id, message_structure
        )
    finally:
        _delivery.now = None


def _send_sns_message(
    self: Any, function_name: str, message: str, subject: str | None = None, qualifier: str | None = None
) -> None:
    subscription, message_id, attributes = _delivery.now
    function = self.get_function(function_name, qualifier)
    service().topics.deliver(subscription, function, message, message_id, subject, attributes)


def _add_message(self: Any, message: Any) -> None:
    _moto["add_message"](self, message)
    service().queues.notify(self.queue_arn)


def _create_event_source_mapping(self: Any, spec: dict[str, Any]) -> Any:
    """Take a queue's mapping out of moto's hands, which would call the function in the sender's request."""
    from moto.sqs.models import sqs_backends

    function = self.get_function(spec.get("FunctionName", ""))
    arn = str(spec.get("EventSourceArn"))
    if arn.split(":")[2:3] == ["sqs"] and current().iam is not None:
        actions = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
        _demand(function.role, "sqs", "SQS", dict.fromkeys(actions, arn))
    mapping = _moto["create_event_source_mapping"](self, spec)
    for queue in sqs_backends[self.account_id][self.region_name].queues.values():
        if queue.queue_arn == mapping.event_source_arn:
            queue.lambda_event_source_mappings.pop(mapping.function_arn, None)
            service().queues.add(mapping)
    return mapping
