"""Parameters and results between the States Language (Java's member names, JSON) and botocore (the API's shapes).

moto has emptied the two methods that LocalStack uses for this. Results must be JSON: ``aws-sdk:*`` writes times as
ISO 8601, optimized integrations as milliseconds since 1970.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import botocore.session
from botocore.response import StreamingBody

from rehearsal.patching import replace
from rehearsal.stepfunctions.runtime import iso

#: Names in resource ARNs that are not boto3's.
_BOTO_NAMES = {
    "states": "stepfunctions",
    "sfn": "stepfunctions",
    "eventbridge": "events",
    "cloudwatchlogs": "logs",
    "sagemakerruntime": "sagemaker-runtime",
}
_NAMES = ("self", "parameters", "boto_service_name", "service_action_name")


def install() -> None:
    """Replace the empty methods, and the table of service names."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (
        StateTaskService,
    )

    replace(StateTaskService, "_normalise_parameters", _normalise_parameters, _NAMES)
    replace(StateTaskService, "_normalise_response", _normalise_response, ("self", "response", *_NAMES[2:]))
    replace(StateTaskService, "_get_boto_service_name", _boto_service_name, ("self", "boto_service_name"))


@lru_cache(maxsize=1)
def _loader() -> Any:
    return botocore.session.get_session()


@lru_cache(maxsize=64)
def service_model(service: str) -> Any:
    """Return botocore's model of a service, named as boto3 or a resource ARN names it."""
    return _loader().get_service_model(_BOTO_NAMES.get(service, service))


def operation_model(service: str, action: str) -> Any:
    """Return botocore's model of an operation, `action` written as in a resource ARN (``createTrainingJob``).

    Raises
    ------
    KeyError
        When the service has no such operation.
    """
    model = service_model(service)
    wanted = action.replace("_", "").lower()
    for name in model.operation_names:
        if name.lower() == wanted:
            return model.operation_model(name)
    raise KeyError(f"{service} has no operation {action}")


def jsonable(value: Any, *, milliseconds: bool) -> Any:
    """Return `value` as JSON can hold it."""
    if isinstance(value, dict):
        return {str(key): jsonable(item, milliseconds=milliseconds) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item, milliseconds=milliseconds) for item in value]
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000) if milliseconds else iso(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, StreamingBody):
        value = value.read()
    return value.decode("utf-8", "replace") if isinstance(value, (bytes, bytearray)) else value


def _boto_service_name(self: Any, boto_service_name: str | None = None) -> str:
    name = boto_service_name or self.resource.api_name
    return _BOTO_NAMES.get(name, name)


def _normalise_parameters(
    self: Any, parameters: dict[str, Any], boto_service_name: str | None = None, service_action_name: str | None = None
) -> None:
    """Rename members to the API's spelling and turn objects into text where the API wants a string."""
    operation = operation_model(
        self._get_boto_service_name(boto_service_name), self._get_boto_service_action(service_action_name)
    )
    if operation.input_shape is not None:
        self._to_boto_request(parameters, operation.input_shape)


def _normalise_response(
    self: Any, response: Any, boto_service_name: str | None = None, service_action_name: str | None = None
) -> None:
    """Rename members to the States Language's spelling, in place, and leave only what JSON can hold."""
    if not isinstance(response, dict):
        return
    operation = operation_model(
        self._get_boto_service_name(boto_service_name), self._get_boto_service_action(service_action_name)
    )
    if operation.output_shape is not None:
        self._from_boto_response(response, operation.output_shape)
    plain = jsonable(response, milliseconds=self.resource.service_name != "aws-sdk")
    response.clear()
    response.update(plain)
