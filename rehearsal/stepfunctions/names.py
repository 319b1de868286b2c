"""What Step Functions calls a failed AWS call.

Optimized integrations carry the names of the Java SDK's first version, ``aws-sdk:*`` those of the second: a modelled
error gives ``<Service>.<Error>Exception``, anything else the service's own class. SageMaker's optimized integration
knows one error by name (https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from rehearsal.stepfunctions.shapes import service_model


@dataclass(frozen=True)
class Naming:
    """Prefix of the error names, the SDK's name of the service, and the name of errors that are not modelled."""

    prefix: str
    service: str
    other: str
    known: frozenset[str] | None = None  # None: whatever the API model declares


_OPTIMIZED = {
    "lambda": Naming("Lambda", "AWSLambda", "AWSLambdaException"),
    "states": Naming("StepFunctions", "AWSStepFunctions", "AWSStepFunctionsException"),
    "sns": Naming("SNS", "AmazonSNS", "AmazonSNSException"),
    "sqs": Naming("SQS", "AmazonSQS", "AmazonSQSException"),
    "dynamodb": Naming("DynamoDB", "AmazonDynamoDBv2", "AmazonDynamoDBException"),
    "events": Naming("EventBridge", "AmazonEventBridge", "AmazonEventBridgeException"),
    "sagemaker": Naming(
        "SageMaker", "AmazonSageMaker", "AmazonSageMakerException", frozenset({"ResourceLimitExceeded"})
    ),
}


def failure_event(state: Any, env: Any, error: Exception) -> Any:
    """Return moto's FailureEvent for an exception that an attempt of `state` has raised."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (
        StateTaskService,
    )

    if isinstance(error, ParamValidationError) and isinstance(state, StateTaskService):
        return _task_failed(
            state, env, "States.Runtime", not_startable(getattr(env, "rehearsal_parameters", {}), error)
        )
    if isinstance(error, ClientError) and isinstance(state, StateTaskService):
        return _task_failed(state, env, *named(state.resource.service_name, state.resource.api_name, error))
    if isinstance(error, ClientError):  # a function by its bare ARN: Lambda itself has refused, as when it throttles
        return _task_failed(state, env, *named("lambda", "lambda", error))
    if type(error).__name__ == "LambdaFunctionErrorException":
        return _task_failed(state, env, *_lambda_error(error))
    return state._from_error(env=env, ex=error)


def named(service: str, api: str, error: ClientError) -> tuple[str, str]:
    """Return the error name and the cause of a failed call.

    Parameters
    ----------
    service
        Of the resource ARN: ``sagemaker``, ``lambda``, ..., or ``aws-sdk``.
    api
        Behind ``aws-sdk:``; otherwise the same as `service`.
    """
    code = str(error.response["Error"].get("Code", ""))
    message = error.response["Error"].get("Message", "")
    meta = error.response.get("ResponseMetadata", {})
    status, request = meta.get("HTTPStatusCode", 400), meta.get("RequestId", "")
    if service == "aws-sdk":
        model = service_model(api)
        prefix = java_name(str(model.service_id))
        name = exception_name(code) if _modelled(model, code) else f"{prefix}Exception"
        return f"{prefix}.{name}", f"{message} (Service: {prefix}, Status Code: {status}, Request ID: {request})"
    naming = _OPTIMIZED.get(service) or Naming(service, service, f"{service}Exception")
    is_known = _modelled(service_model(service), code) if naming.known is None else code in naming.known
    name = exception_name(code) if is_known else naming.other
    cause = (
        f"{message} (Service: {naming.service}; Status Code: {status}; Error Code: {code}; "
        f"Request ID: {request}; Proxy: null)"
    )
    return f"{naming.prefix}.{name}", cause


def exception_name(code: str) -> str:
    """Return the name of the Java class for an error code."""
    short = code.rsplit(".", 1)[-1]
    return short if short.endswith("Exception") else f"{short}Exception"


def java_name(service_id: str) -> str:
    """Return a service id as version 2 of the Java SDK writes it: ``DynamoDB`` is ``DynamoDb``, ``SQS`` is ``Sqs``."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+|[a-z]+|\d+", service_id)
    return "".join(word.capitalize() for word in words)


def not_startable(parameters: Any, error: Exception) -> str:
    """Return the cause that Step Functions gives for parameters that do not fit the API (States.Runtime)."""
    report = str(getattr(error, "kwargs", {}).get("report", error)).replace("\n", "; ")
    text = json.dumps(parameters, default=str, separators=(",", ":"))
    return f"The Parameters '{text}' could not be used to start the Task: [{report}]"


def _modelled(model: Any, code: str) -> bool:
    return any(code in (shape.name, shape.metadata.get("error", {}).get("code")) for shape in model.error_shapes)


def _lambda_error(error: Any) -> tuple[str, str]:
    """Return the type of the function's exception; ``Lambda.Unknown`` when the runtime reports none."""
    try:
        kind = json.loads(error.payload).get("errorType")
    except (AttributeError, ValueError):
        kind = None
    return kind or "Lambda.Unknown", error.payload


def failed(state: Any, env: Any, error: str, cause: str) -> Exception:
    """Return the exception with which an attempt of `state` fails under a given name."""
    from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException

    return FailureEventException(_task_failed(state, env, error, cause))


def _task_failed(state: Any, env: Any, error: str, cause: str) -> Any:
    from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
    from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_lambda import StateTaskLambda
    from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

    name = ErrorName(error)  # type: ignore[abstract]
    if isinstance(state, StateTaskLambda):
        return FailureEvent(
            env=env,
            error_name=name,
            event_type=HistoryEventType.LambdaFunctionFailed,
            event_details=EventDetails(lambdaFunctionFailedEventDetails={"error": error, "cause": cause}),
        )
    details = TaskFailedEventDetails(
        resourceType=state._get_sfn_resource_type(), resource=state._get_sfn_resource(), error=error, cause=cause
    )
    return FailureEvent(
        env=env,
        error_name=name,
        event_type=HistoryEventType.TaskFailed,
        event_details=EventDetails(taskFailedEventDetails=details),
    )
