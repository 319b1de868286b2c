"""InvokeEndpoint: finds the fleet, passes the request on, counts, measures and captures.

Shapes and errors: API reference, InvokeEndpoint (ModelError is 424 and carries what the container said).
"""

from __future__ import annotations

import json
import random
import time
from typing import Any

from rehearsal import patching
from rehearsal.host import current
from rehearsal.sagemaker import capture
from rehearsal.sagemaker.fleet import Answer, Fleet

MAX_BODY = 6 * 1024 * 1024
_PREFIX = "X-Amzn-SageMaker-"
_sampling = random.Random(0)


def _error(status: int, code: str, message: str, **members: Any) -> tuple[int, dict[str, Any], str]:
    headers = {"status": status, "x-amzn-ErrorType": code, "Content-Type": "application/json"}
    return status, headers, json.dumps({"Message": message, **members})


def invoke_endpoint(self: Any) -> Any:
    """Answer an InvokeEndpoint request (a method of moto's SageMakerRuntimeResponse)."""
    from moto.sagemaker.models import sagemaker_backends

    host = current()
    began = time.perf_counter()
    name = self.path.split("/")[2]
    body: bytes = self.raw_body if isinstance(self.raw_body, bytes) else str(self.raw_body).encode()
    endpoint = sagemaker_backends[host.account][self.region].endpoints.get(name)
    if endpoint is None or not endpoint.serves:
        return _error(400, "ValidationError", f"Endpoint {name} of account {host.account} not found.")
    if len(body) > MAX_BODY:
        return _error(400, "ValidationError", f"1 validation error detected: Body must have at most {MAX_BODY} bytes.")
    for member in ("Target-Model", "Session-Id", "Inference-Component"):
        if self.headers.get(_PREFIX + member):
            return _error(400, "ValidationError", f"rehearsal: {_PREFIX}{member} is not rehearsed")
    wanted = self.headers.get(_PREFIX + "Target-Variant")
    fleet = endpoint.choose(wanted)
    if fleet is None:
        return _error(400, "ValidationError", f"Variant {wanted} not found for endpoint {name}.")
    headers = {"Content-Type": self.headers.get("Content-Type") or "application/octet-stream"}
    for member in ("Accept", _PREFIX + "Custom-Attributes", _PREFIX + "Inference-Id"):
        if self.headers.get(member):
            headers[member] = self.headers[member]
    try:
        answer = fleet.invoke(body, headers)
    finally:
        fleet.leave()
    overhead = (time.perf_counter() - began) * 1e6 - answer.microseconds
    endpoint.counted(fleet.config.name, answer.status == 200)
    _measure(fleet, answer, overhead)
    if answer.status != 200:
        return _model_error(fleet, answer, self.region)
    given = {"Content-Type": headers["Content-Type"], "inference_id": self.headers.get(_PREFIX + "Inference-Id", "")}
    capture.record(fleet, _sampling.random(), given, body, answer)
    return 200, {"Content-Type": answer.kind, "x-Amzn-Invoked-Production-Variant": fleet.name}, answer.body


def _measure(fleet: Fleet, answer: Answer, overhead: float) -> None:
    """Emit the metrics of one invocation: per variant, and per variant and endpoint configuration.

    Dimensions: "Monitor Amazon SageMaker AI with CloudWatch" and "Auto-rollback configuration and monitoring", developer
    guide. Error metrics are 0 or 1 per invocation, so that their average is the error rate.
    """
    from rehearsal import cloudwatch

    variant = {"EndpointName": fleet.endpoint, "VariantName": fleet.name}
    values = {
        "Invocations": (1.0, "None"),
        "Invocation4XXErrors": (float(400 <= answer.status < 500), "None"),
        "Invocation5XXErrors": (float(answer.status >= 500), "None"),
        "ModelLatency": (answer.microseconds, "Microseconds"),
        "OverheadLatency": (max(0.0, overhead), "Microseconds"),
    }
    for dimensions in (variant, {**variant, "EndpointConfigName": fleet.config.name}):
        cloudwatch.record("AWS/SageMaker", values, dimensions)


def _model_error(fleet: Fleet, answer: Answer, region: str) -> tuple[int, dict[str, Any], str]:
    said = answer.body.decode(errors="replace")[:1024]
    kind = "server" if answer.status >= 500 else "client"
    group = fleet.shipper.group
    text = (
        f'Received {kind} error ({answer.status}) from primary with message "{said}". See '
        f"https://{region}.console.{_console(fleet)}/cloudwatch/home?region={region}#logEventViewer:group={group} "
        f"in account {fleet.host.account} for more information."
    )
    return _error(
        424,
        "ModelError",
        text,
        OriginalStatusCode=answer.status,
        OriginalMessage=said,
        LogStreamArn=fleet.stream_arn,
    )


def _console(fleet: Fleet) -> str:
    return "amazonaws-us-gov.com" if fleet.host.partition == "aws-us-gov" else "aws.amazon.com"


def invoke_endpoint_async(self: Any) -> Any:  # noqa: ARG001 - a method
    """Refuse: moto would answer with a made-up result."""
    return _error(400, "ValidationError", "rehearsal: InvokeEndpointAsync is not rehearsed")


def install() -> None:
    """Replace moto's canned answers."""
    from moto.sagemakerruntime.responses import SageMakerRuntimeResponse

    patching.replace(SageMakerRuntimeResponse, "invoke_endpoint", invoke_endpoint, ("self",))
    patching.replace(SageMakerRuntimeResponse, "invoke_endpoint_async", invoke_endpoint_async, ("self",))
    if not hasattr(SageMakerRuntimeResponse, "use_raw_body"):
        raise RuntimeError(f"SageMakerRuntimeResponse.use_raw_body is gone; written for {patching.PINNED}")
    SageMakerRuntimeResponse.use_raw_body = True  # a request's body may be binary
