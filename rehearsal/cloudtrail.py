"""CloudTrail's event history: management events of the API calls that pass the IAM middleware, and LookupEvents.

The rehearsal's own calls are not recorded. Events reach the history after a delay that tests set; AWS documents "within
an average of about 5 minutes" and does not guarantee that. Record fields: CloudTrail User Guide, "CloudTrail record
contents" and "CloudTrail userIdentity element".
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rehearsal import host as hosts
from rehearsal.host import Host
from rehearsal.iam.principals import PERSON, Session
from rehearsal.iam.requests import JSON, REST_JSON, ApiRequest

__all__ = ["History", "history", "install", "set_delay"]

_SOURCES = {
    "stepfunctions": "states",
    "cloudwatch": "monitoring",
    "resourcegroupstaggingapi": "tagging",
    "sagemaker-metrics": "sagemaker",
    "dynamodbstreams": "dynamodb",
}

_NOT_MANAGEMENT = {
    "s3": (
        "GetObject HeadObject PutObject CopyObject DeleteObject DeleteObjects ListObjects ListObjectsV2 "
        "ListObjectVersions CreateMultipartUpload UploadPart UploadPartCopy CompleteMultipartUpload ListParts "
        "AbortMultipartUpload GetObjectAttributes GetObjectTagging PutObjectTagging GetObjectRetention "
        "PutObjectRetention GetObjectLegalHold PutObjectLegalHold GetObjectAcl HeadBucket"
    ),
    "dynamodb": (
        "GetItem PutItem UpdateItem DeleteItem Query Scan BatchGetItem BatchWriteItem TransactGetItems "
        "TransactWriteItems ExecuteStatement ExecuteTransaction BatchExecuteStatement"
    ),
    "dynamodbstreams": "GetRecords GetShardIterator",
    "lambda": "Invoke InvokeAsync",
    "sns": "Publish PublishBatch",
    "sqs": (
        "SendMessage SendMessageBatch ReceiveMessage DeleteMessage DeleteMessageBatch ChangeMessageVisibility "
        "ChangeMessageVisibilityBatch GetQueueUrl"
    ),
    "cloudwatch": "PutMetricData GetMetricData GetMetricStatistics ListMetrics",
    "logs": "PutLogEvents GetLogEvents FilterLogEvents",
    "events": "PutEvents",
    "sagemaker-runtime": "InvokeEndpoint InvokeEndpointAsync",
    "sagemaker-metrics": "BatchPutMetrics",
    "xray": "PutTraceSegments PutTelemetryRecords GetSamplingRules GetSamplingTargets",
    "stepfunctions": "SendTaskSuccess SendTaskFailure SendTaskHeartbeat GetActivityTask",
}

#: Data events, and calls that CloudTrail does not log: none of them is in the event history.
_OUTSIDE = {(service, name) for service, names in _NOT_MANAGEMENT.items() for name in names.split()}
_READ = re.compile(r"^(Get|List|Describe|BatchGet|BatchDescribe|Head|Search|Lookup|Query|Scan|Test|Validate)")

#: Services that make calls themselves with the role they assumed; a function's own calls are its own.
_CALLING_SERVICES = frozenset(
    f"{name}.amazonaws.com" for name in ("states", "events", "scheduler", "sagemaker", "cloudformation")
)

_ATTRIBUTES: dict[str, Callable[[dict[str, Any]], str]] = {
    "EventId": lambda event: str(event["EventId"]),
    "EventName": lambda event: str(event["EventName"]),
    "EventSource": lambda event: str(event["EventSource"]),
    "ReadOnly": lambda event: str(event["ReadOnly"]),
    "Username": lambda event: str(event["Username"]),
    "AccessKeyId": lambda event: str(event["AccessKeyId"]),
}
_PAGE = 50


@dataclass(frozen=True)
class _Kept:
    moment: float
    region: str
    event: dict[str, Any]


class History:
    """The event history of one host. A watcher of the IAM middleware."""

    def __init__(self, host: Host) -> None:
        self.host = host
        #: Seconds of rehearsal time until an event can be looked up.
        self.delay = 0.0
        self._lock = threading.Lock()
        self._events: list[_Kept] = []

    def wants(self, request: ApiRequest) -> bool:
        """Whether a request is a management event."""
        return (request.service, request.operation) not in _OUTSIDE

    def saw(self, session: Session, request: ApiRequest, status: int, body: bytes) -> None:
        """Keep the record of an answered request."""
        moment = self.host.clock.time()
        record = self._record(session, request, status, body, moment)
        event = {
            "EventId": record["eventID"],
            "EventName": record["eventName"],
            "ReadOnly": "true" if record["readOnly"] else "false",
            "AccessKeyId": session.access_key,
            "EventTime": int(moment),
            "EventSource": record["eventSource"],
            "Username": session.name,
            "Resources": [],
            "CloudTrailEvent": json.dumps(record),
        }
        with self._lock:
            self._events.append(_Kept(moment, request.region, event))

    def _record(self, session: Session, request: ApiRequest, status: int, body: bytes, moment: float) -> dict[str, Any]:
        service = _SOURCES.get(request.service, request.service)
        invoked_by = session.service if session.service in _CALLING_SERVICES else None
        read_only = _READ.match(request.operation) is not None
        answer = _answer(request, body)
        record: dict[str, Any] = {
            "eventVersion": "1.11",
            "userIdentity": _identity(session, invoked_by),
            "eventTime": datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventSource": f"{service}.amazonaws.com",
            "eventName": request.operation,
            "awsRegion": request.region,
            "sourceIPAddress": invoked_by or "127.0.0.1",
            "userAgent": invoked_by or request.headers.get("user-agent", ""),
        }
        if status >= 400:
            code = str(answer.get("__type") or answer.get("code") or "ClientError")
            record["errorCode"] = code.rpartition("#")[2]
            record["errorMessage"] = str(answer.get("message") or answer.get("Message") or "")
        record["requestParameters"] = _camel(request.params, _shape(request, "input_shape")) or None
        shown = status < 400 and not read_only
        record["responseElements"] = (_camel(answer, _shape(request, "output_shape")) or None) if shown else None
        return record | {
            "requestID": str(uuid.uuid4()),
            "eventID": str(uuid.uuid4()),
            "readOnly": read_only,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": session.account,
            "eventCategory": "Management",
        }

    def look_up(self, region: str, params: dict[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
        """Return one page of events, newest first, and the token of the next page."""
        now = self.host.clock.time()
        start, end = params.get("StartTime"), params.get("EndTime")
        if start is not None and end is not None and float(start) > float(end):
            raise _refusal("InvalidTimeRangeException", "The start time must be before the end time.")
        test = _attribute_test(params.get("LookupAttributes") or [])
        with self._lock:
            kept = list(self._events)
        found = [
            each.event
            for each in reversed(kept)
            if each.region == region
            and each.moment + self.delay <= now
            and (start is None or int(each.moment) >= float(start))
            and (end is None or int(each.moment) <= float(end))
            and test(each.event)
        ]
        size = int(params.get("MaxResults") or _PAGE)
        if not 1 <= size <= _PAGE:
            raise _refusal("InvalidMaxResultsException", "A value between 1 and 50 must be specified.")
        return _page(found, params.get("NextToken"), size)


def _identity(session: Session, invoked_by: str | None) -> dict[str, Any]:
    """Return the userIdentity element of an assumed role."""
    context: dict[str, Any] = {
        "sessionIssuer": {
            "type": "Role",
            "principalId": session.role_id,
            "arn": session.role_arn,
            "accountId": session.account,
            "userName": session.role_name,
        },
        "attributes": {
            "creationDate": session.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "mfaAuthenticated": "true" if session.service == PERSON else "false",
        },
    }
    if session.source_identity:
        context["sourceIdentity"] = session.source_identity
    identity = {
        "type": "AssumedRole",
        "principalId": session.principal_id,
        "arn": session.arn,
        "accountId": session.account,
        "accessKeyId": session.access_key,
        "sessionContext": context,
    }
    return identity | ({"invokedBy": invoked_by} if invoked_by else {})


def _answer(request: ApiRequest, body: bytes) -> dict[str, Any]:
    """Return the JSON of a response; XML ones are not taken apart."""
    if request.protocol not in (JSON, REST_JSON) or not body:
        return {}
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _shape(request: ApiRequest, side: str) -> Any:
    from moto.core.utils import get_service_model

    return getattr(get_service_model(request.service).operation_model(request.operation), side)


def _camel(value: Any, shape: Any) -> Any:
    """Return a value with members named as CloudTrail does: first letter in lower case; keys of maps as they are."""
    if shape is None or value is None:
        return value
    if shape.type_name == "structure" and isinstance(value, dict):
        return {name[:1].lower() + name[1:]: _camel(item, shape.members.get(name)) for name, item in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [_camel(item, shape.member) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _camel(item, shape.value) for key, item in value.items()}
    if shape.type_name == "timestamp" and isinstance(value, int | float):
        moment = datetime.fromtimestamp(value, UTC)
        return f"{moment:%b} {moment.day}, {moment.year}, {moment.hour % 12 or 12}:{moment:%M:%S %p}"
    return value if isinstance(value, str | int | float | bool) else str(value)


def _attribute_test(attributes: list[dict[str, str]]) -> Callable[[dict[str, Any]], bool]:
    if not attributes:
        return lambda _: True
    if len(attributes) > 1:
        raise _refusal("InvalidLookupAttributesException", "Only one lookup attribute can be specified.")
    key, value = attributes[0].get("AttributeKey", ""), attributes[0].get("AttributeValue")
    if key in ("ResourceName", "ResourceType"):
        raise _refusal("RehearsalGap", f"the rehearsal's CloudTrail does not know the resources of events ({key})")
    if key not in _ATTRIBUTES:
        raise _refusal("InvalidLookupAttributesException", f"{key} is no lookup attribute.")
    return lambda event: _ATTRIBUTES[key](event) == value


def _page(found: list[dict[str, Any]], token: str | None, size: int) -> tuple[list[dict[str, Any]], str | None]:
    """Return the events after the one that `token` names, and the token of what follows.

    A token names an event, not a position: events that arrive between two calls come before it and shift nothing.
    """
    begin = 0
    if token:
        ids = [event["EventId"] for event in found]
        if token not in ids:
            raise _refusal("InvalidNextTokenException", "The token is not valid.")
        begin = ids.index(token) + 1
    page = found[begin : begin + size]
    return page, page[-1]["EventId"] if begin + size < len(found) else None


def _refusal(code: str, message: str) -> Exception:
    from moto.core.exceptions import JsonRESTError

    return JsonRESTError(code, message)


# ---- installation

_history: History | None = None


def install(host: Host) -> None:
    """Record API calls and answer LookupEvents, which moto lacks. Called once by the server when it starts."""
    global _history
    from moto.cloudtrail.responses import CloudTrailResponse

    from rehearsal.patching import add

    _history = History(host)
    host.iam.watchers.append(_history)
    add(CloudTrailResponse, "lookup_events", _lookup_events)


def history() -> History:
    """Return the event history of the rehearsal that runs.

    Raises
    ------
    RuntimeError
        When no rehearsal runs, or one without CloudTrail.
    """
    if _history is None or _history.host is not hosts.current():
        raise RuntimeError("the rehearsal that runs has no CloudTrail: install rehearsal.cloudtrail first")
    return _history


def set_delay(seconds: float) -> None:
    """Let events be found only `seconds` of rehearsal time after they happened."""
    history().delay = seconds


def _lookup_events(self: Any) -> str:
    params = json.loads(self.body or "{}")
    if params.get("EventCategory"):
        raise _refusal("RehearsalGap", "the rehearsal's CloudTrail has no Insights events")
    page, token = history().look_up(self.region, params)
    return json.dumps({"Events": page, **({"NextToken": token} if token else {})})
