"""Refusals on the wire: the error code, status and shape of each service's protocol."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from xml.sax.saxutils import escape  # nosec B406 # writes XML, reads none

from rehearsal.iam.requests import QUERY, REST_JSON, REST_XML

#: Services whose JSON protocol still answers with the codes of its query protocol (awsQueryCompatible).
_QUERY_COMPATIBLE = frozenset(["sqs", "cloudwatch"])
#: Where the query protocol's code for a refusal is not AccessDenied.
_QUERY_CODES = {"sns": "AuthorizationError", "ec2": "UnauthorizedOperation"}

_BAD_TOKEN = "The security token included in the request is invalid."  # nosec B105 # noqa: S105 - a message of AWS
_NO_KEY = "The AWS Access Key Id you provided does not exist in our records."


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: str
    body: bytes
    headers: list[tuple[str, str]] = field(default_factory=list)


def access_denied(service: str, protocol: str, message: str) -> Answer:
    """Answer that a principal may not."""
    if protocol == QUERY:
        return _error(service, protocol, 403, _QUERY_CODES.get(service, "AccessDenied"), message)
    if protocol == REST_XML:
        return _error(service, protocol, 403, "AccessDenied", message)
    status = 403 if protocol == REST_JSON or service in _QUERY_COMPATIBLE else 400
    return _error(service, protocol, status, "AccessDeniedException", message, query_code="AccessDenied")


def unknown_credentials(service: str, protocol: str) -> Answer:
    """Answer that the access key is not known."""
    if protocol == REST_XML:
        return _error(service, protocol, 403, "InvalidAccessKeyId", _NO_KEY)
    if protocol == QUERY:
        return _error(service, protocol, 403, "InvalidClientTokenId", _BAD_TOKEN)
    status = 403 if protocol == REST_JSON or service in _QUERY_COMPATIBLE else 400
    return _error(
        service, protocol, status, "UnrecognizedClientException", _BAD_TOKEN, query_code="InvalidClientTokenId"
    )  # fmt: skip


def unsigned(service: str, protocol: str) -> Answer:
    """Answer that a request is not signed."""
    if protocol == REST_XML:
        return _error(service, protocol, 403, "AccessDenied", "Access Denied")
    code = "MissingAuthenticationToken" if protocol == QUERY else "MissingAuthenticationTokenException"
    return _error(service, protocol, 403, code, "Missing Authentication Token")


def gap(service: str, protocol: str, message: str) -> Answer:
    """Answer that the rehearsal lacks something. 501 is no status of AWS, and no SDK retries it."""
    return _error(service, protocol, 501, "RehearsalGap", message)


def _error(service: str, protocol: str, status: int, code: str, message: str, query_code: str = "") -> Answer:
    request_id = str(uuid.uuid4())
    line = f"{status} {_REASONS[status]}"
    headers = [("x-amzn-RequestId", request_id)]
    if protocol == REST_XML:
        text = (
            f"<Error><Code>{code}</Code><Message>{escape(message)}</Message><RequestId>{request_id}</RequestId></Error>"
        )
        return _xml(line, text, [("x-amz-request-id", request_id)])
    if protocol == QUERY:
        text = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return _xml(line, text, headers)
    body: dict[str, str] = {"Message": message, "message": message}
    if protocol == REST_JSON:
        headers.append(("x-amzn-ErrorType", code))
    else:
        body["__type"] = f"com.amazon.coral.service#{code}"
        if query_code and service in _QUERY_COMPATIBLE:
            headers.append(("x-amzn-query-error", f"{query_code};Sender"))
    content_type = "application/json" if protocol == REST_JSON else "application/x-amz-json-1.1"
    return Answer(line, json.dumps(body).encode(), [*headers, ("Content-Type", content_type)])


def _xml(line: str, text: str, headers: list[tuple[str, str]]) -> Answer:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()
    return Answer(line, body, [*headers, ("Content-Type", "text/xml")])


_REASONS = {400: "Bad Request", 403: "Forbidden", 501: "Not Implemented"}
