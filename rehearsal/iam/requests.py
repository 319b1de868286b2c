"""From an HTTP request of any AWS protocol to the service, the operation and its parameters.

JSON requests name their operation in X-Amz-Target and query requests in Action; REST requests are matched against
botocore's service models by moto's own router, which also knows both ways to address a bucket.
"""

from __future__ import annotations

import gzip
import io
import json
import threading
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from rehearsal.iam.errors import RehearsalGap, UnknownOperation

if TYPE_CHECKING:
    from moto.core.model import OperationModel
    from moto.core.request import Request

#: Signing name -> botocore's name of the service, where they differ.
_SERVICES = {
    "states": "stepfunctions",
    "monitoring": "cloudwatch",
    "tagging": "resourcegroupstaggingapi",
    "eventbridge": "events",
}

#: Protocol of a service, and the protocols' wire forms of errors (see `denials`).
QUERY, JSON, REST_JSON, REST_XML = "query", "json", "rest-json", "rest-xml"

#: S3 operations whose XML body says what is asked for; others are recognised without reading what they carry.
_S3_BODIES = frozenset(["DeleteObjects", "PutObjectRetention", "PutObjectLegalHold"])


@dataclass(frozen=True)
class Credential:
    """What a request says of who signed it: the access key, and the scope of the signature."""

    access_key: str
    region: str
    service: str
    token: str | None


@dataclass(frozen=True)
class ApiRequest:
    """One API request.

    Attributes
    ----------
    service
        botocore's name, such as ``stepfunctions``.
    operation
        Such as ``StartExecution``.
    params
        Members of the operation's input, named as in botocore. Streamed bodies are left out.
    headers
        HTTP headers, names in lower case.
    """

    service: str
    operation: str
    region: str
    protocol: str
    params: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


def credential(environ: dict[str, Any]) -> Credential | None:
    """Read who signed a request (Signature Version 4, in a header or presigned); None when nobody did."""
    header = environ.get("HTTP_AUTHORIZATION", "")
    token = environ.get("HTTP_X_AMZ_SECURITY_TOKEN")
    scope = ""
    if "Credential=" in header:
        scope = header.partition("Credential=")[2].partition(",")[0]
    elif "X-Amz-Credential=" in environ.get("QUERY_STRING", ""):
        values = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
        scope, token = values["X-Amz-Credential"], values.get("X-Amz-Security-Token")
    parts = unquote(scope).strip().split("/")
    if len(parts) != 5:
        return None
    return Credential(access_key=parts[0], region=parts[2], service=parts[3].lower(), token=token)


def service_of(environ: dict[str, Any], signed: Credential) -> str:
    """Return botocore's name of the service that a request is for."""
    path = environ.get("PATH_INFO", "")
    if signed.service == "sagemaker":
        if path.endswith(("/invocations", "/async-invocations", "/invocations-response-stream")):
            return "sagemaker-runtime"
        return "sagemaker-metrics" if path.endswith("BatchPutMetrics") else "sagemaker"
    if signed.service == "dynamodb" and environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDBStreams"):
        return "dynamodbstreams"
    if signed.service == "s3" and path.startswith("/v20180820/"):
        return "s3control"
    return _SERVICES.get(signed.service, signed.service)


def parse(environ: dict[str, Any], signed: Credential) -> ApiRequest:
    """Recognise a request.

    Raises
    ------
    UnknownOperation
        When the service's model has no such operation.
    RehearsalGap
        For a protocol that is not known here.
    """
    service = service_of(environ, signed)
    headers = {
        name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")
    }  # fmt: skip
    protocol = protocol_of(environ, service)
    if protocol == JSON:
        operation = headers["x-amz-target"].rpartition(".")[2]
        params = _json_body(environ)
    elif protocol == QUERY:
        operation, params = _query(environ, service)
    else:
        operation, params = _rest(environ, service)
    return ApiRequest(service, operation, signed.region, protocol, params, headers)


def protocol_of(environ: dict[str, Any], service: str) -> str:
    """Return the protocol in which a request speaks."""
    kind = environ.get("CONTENT_TYPE") or ""
    if "cbor" in kind or environ.get("HTTP_SMITHY_PROTOCOL"):
        raise RehearsalGap(f"the rehearsal does not know the CBOR protocol, in which {service} was called")
    if service in ("s3", "s3control"):
        return REST_XML
    if environ.get("HTTP_X_AMZ_TARGET"):
        return JSON
    return QUERY if _model_protocol(service) in ("query", "ec2") or kind.startswith(_FORM) else REST_JSON


_FORM = "application/x-www-form-urlencoded"


@lru_cache
def _model_protocol(service: str) -> str:
    from botocore.exceptions import UnknownServiceError
    from moto.core.utils import get_service_model

    try:
        return str(get_service_model(service).protocol)
    except UnknownServiceError as error:
        raise UnknownOperation(f"the rehearsal does not know the service {service!r}") from error


def _body(environ: dict[str, Any]) -> bytes:
    """Read the body and leave it in place for moto."""
    length = environ.get("CONTENT_LENGTH")
    stream = environ["wsgi.input"]
    if length:
        body = stream.read(int(length))
    else:
        body = stream.read() if environ.get("wsgi.input_terminated") else b""
    environ["wsgi.input"] = io.BytesIO(body)
    return gzip.decompress(body) if environ.get("HTTP_CONTENT_ENCODING") == "gzip" else body


def _json_body(environ: dict[str, Any]) -> dict[str, Any]:
    body = _body(environ)
    try:
        params = json.loads(body) if body else {}
    except ValueError:
        params = {}
    return params if isinstance(params, dict) else {}


def _query(environ: dict[str, Any], service: str) -> tuple[str, dict[str, Any]]:
    from moto.core.parse import EC2QueryParser, QueryParser
    from moto.core.utils import get_service_model

    values = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    values |= dict(parse_qsl(_body(environ).decode(), keep_blank_values=True))
    operation = values.get("Action", "")
    model = get_service_model(service)
    if operation not in model.operation_names:
        raise UnknownOperation(f"{service} has no operation {operation!r}")
    kind = EC2QueryParser if str(model.protocol) == "ec2" else QueryParser
    return operation, dict(kind(model.operation_model(operation)).parse({"values": values}))


def _rest(environ: dict[str, Any], service: str) -> tuple[str, dict[str, Any]]:
    from moto.core.parse import PROTOCOL_PARSERS
    from moto.core.request import Request
    from werkzeug.exceptions import NotFound

    request = Request(environ)
    try:
        model, labels = _router(service).match(request)
    except NotFound as error:
        raise UnknownOperation(f"{service} has no operation for {request.method} {request.raw_path}") from error
    body = _body(environ) if _carries_parameters(service, model) else b""
    parser = PROTOCOL_PARSERS[str(model.service_model.protocol)](model)
    params = parser.parse(_as_moto_wants_it(request, labels, body))
    return model.name, {name: value for name, value in params.items() if value is not None}


_routers: dict[str, Any] = {}
_routers_lock = threading.Lock()


def _router(service: str) -> Any:
    """Return moto's router for a REST service: one of our own, made once, since making one is slow and not guarded."""
    from moto.core.routing import get_router_class
    from moto.core.utils import get_service_model

    with _routers_lock:
        if service not in _routers:
            model = get_service_model(service)
            kind = get_router_class(service, str(model.protocol))
            if kind is None:
                raise UnknownOperation(f"the rehearsal does not know the protocol of {service}")
            _routers[service] = kind(model)
        return _routers[service]


def _as_moto_wants_it(request: Request, labels: dict[str, Any], body: bytes) -> dict[str, Any]:
    return {
        "method": request.method,
        "values": request.args,
        "headers": request.headers,
        "body": body,
        "url_path": request.path,
        "url_params": labels,
    }


def _carries_parameters(service: str, model: OperationModel) -> bool:
    """Whether the body holds members of the input, rather than an object, a payload, or nothing that counts here."""
    if service == "s3":
        return model.name in _S3_BODIES
    shape = model.input_shape
    payload = shape.serialization.get("payload") if shape is not None else None
    return shape is not None and (payload is None or shape.members[payload].type_name not in ("blob", "string"))
