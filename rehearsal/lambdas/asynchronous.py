"""Asynchronous invocation: the event is accepted at once, tried up to three times, then given to a destination.

Source: AWS Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous invocation" and "Capturing
records of Lambda asynchronous invocations". Waiting is in rehearsal time.
"""

from __future__ import annotations

import json
import logging
import uuid
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.host import Host

from .errors import ServiceError
from .executor import Executor, Outcome
from .logs import started

_log = logging.getLogger(__name__)

_RETRIES = 2
_WAITS = (60.0, 120.0)  # seconds before the second and the third attempt
_OLDEST = 6 * 3600.0  # seconds that an event is kept
_SLOWEST = 300.0  # longest wait of a throttled event; the first is one second


class Asynchronous:
    """The event queues of all functions.

    Parameters
    ----------
    executor
        Runs the functions.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._host: Host = executor.host

    def accept(self, function: Any, event: Any) -> str:
        """Take an event, return its request id, and have it handled in a thread of its own."""
        request_id = str(uuid.uuid4())
        self._host.clock.start_thread(
            self._handle, function, event, request_id, name=f"lambda-{function.function_name}"
        )
        return request_id

    def _handle(self, function: Any, event: Any, request_id: str) -> None:
        config = function.event_invoke_config[-1].config if function.event_invoke_config else {}
        destinations = config.get("DestinationConfig") or {}
        outcome, attempts, condition = self._try(function, event, request_id, config)
        if self._executor.closed:
            return
        failed = condition != "Success"
        record = self._record(function, event, request_id, outcome, attempts, condition)
        target = (destinations.get("OnFailure" if failed else "OnSuccess") or {}).get("Destination")
        if target:
            self._deliver(function, target, record, failed)
        queue = (getattr(function, "dead_letter_config", None) or {}).get("TargetArn")
        if failed and queue:
            self._bury(function, queue, event, request_id, outcome)

    def _try(
        self, function: Any, event: Any, request_id: str, config: dict[str, Any]
    ) -> tuple[Outcome | None, int, str]:
        """Return the last outcome, the number of attempts, and the condition as the record words it."""
        clock = self._host.clock
        retries = int(config.get("MaximumRetryAttempts", _RETRIES))
        deadline = clock.time() + float(config.get("MaximumEventAgeInSeconds", _OLDEST))
        outcome, attempts, pause = None, 0, 1.0
        while not self._executor.closed:
            try:
                outcome = self._executor.execute(function, event, request_id)
            except ServiceError as error:
                if error.code != 429 and error.code < 500:
                    _log.warning("Lambda cannot run %s: %s", function.function_name, error)
                    return None, attempts, "RetriesExhausted"
                wait, pause = pause, min(2 * pause, _SLOWEST)
            else:
                attempts += 1
                if outcome.error is None:
                    return outcome, attempts, "Success"
                if attempts > retries:
                    return outcome, attempts, "RetriesExhausted"
                wait = _WAITS[min(attempts, len(_WAITS)) - 1]
            if clock.time() + wait > deadline:
                return outcome, attempts, "EventAgeExceeded"
            clock.sleep(wait)
        return outcome, attempts, "Stopped"

    def _record(
        self, function: Any, event: Any, request_id: str, outcome: Outcome | None, attempts: int, condition: str
    ) -> dict[str, Any]:
        record: dict[str, Any] = {
            "version": "1.0",
            "timestamp": started(self._host.clock.now()),
            "requestContext": {
                "requestId": request_id,
                "functionArn": f"{function.function_arn}:$LATEST",
                "condition": condition,
                "approximateInvokeCount": attempts,
            },
            "requestPayload": event,
        }
        if outcome is not None:
            record["responseContext"] = {"statusCode": 200, "executedVersion": str(function.version)}
            if outcome.error is not None:
                record["responseContext"]["functionError"] = "Unhandled"
            record["responsePayload"] = json.loads(outcome.payload)
        return record

    def _deliver(self, function: Any, target: str, record: dict[str, Any], failed: bool) -> None:
        """Send a record to a destination, with the function's role."""
        service = target.split(":")[2]
        text = json.dumps(record)
        kind = f"Lambda Function Invocation Result - {'Failure' if failed else 'Success'}"
        entry = {
            "Source": "lambda",
            "DetailType": kind,
            "Detail": text,
            "Resources": [record["requestContext"]["functionArn"], target],
            "EventBusName": target,
        }
        calls: dict[str, tuple[str, dict[str, Any]]] = {
            "sqs": ("send_message", {"QueueUrl": self._queue_url(target), "MessageBody": text}),
            "sns": ("publish", {"TopicArn": target, "Message": text}),
            "lambda": ("invoke", {"FunctionName": target, "InvocationType": "Event", "Payload": text}),
            "events": ("put_events", {"Entries": [entry]}),
        }
        self._send(function, target, service, *calls[service])

    def _bury(self, function: Any, target: str, event: Any, request_id: str, outcome: Outcome | None) -> None:
        """Send the event itself to the dead-letter queue or topic, with the error in its attributes."""
        text = str((outcome.error or {}).get("errorMessage", "")) if outcome else ""
        attributes = {
            "RequestID": {"DataType": "String", "StringValue": request_id},
            "ErrorCode": {"DataType": "Number", "StringValue": "200"},
            "ErrorMessage": {"DataType": "String", "StringValue": text[:1024] or "none"},
        }
        service = target.split(":")[2]
        message: dict[str, Any] = {"MessageAttributes": attributes}
        if service == "sqs":
            message |= {"QueueUrl": self._queue_url(target), "MessageBody": json.dumps(event)}
        else:
            message |= {"TopicArn": target, "Message": json.dumps(event)}
        self._send(function, target, service, "send_message" if service == "sqs" else "publish", message)

    def _send(self, function: Any, target: str, service: str, operation: str, params: dict[str, Any]) -> None:
        try:
            client = self._host.client(service, self._executor.role(function))
            getattr(client, operation)(**params)
        except (ClientError, ServiceError) as error:  # AWS drops it too, and counts it in a metric
            _log.warning("Lambda cannot deliver to %s for %s: %s", target, function.function_name, error)

    def _queue_url(self, arn: str) -> str:
        parts = arn.split(":")
        return f"{self._host.endpoint}/{parts[4]}/{parts[5]}"
