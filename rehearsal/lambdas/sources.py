"""Services that invoke functions with records: topics (asynchronously) and queues (polled by Lambda itself).

Source: AWS Lambda Developer Guide, "Invoking Lambda functions with Amazon SNS notifications" and "Using Lambda with
Amazon SQS": record shapes, batches, partial batch responses. moto calls a function in the sender's own request, with
made-up records, and never again after a failure.
"""

from __future__ import annotations

import json
import logging
import threading
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.iam.errors import AccessDenied

from .asynchronous import Asynchronous
from .errors import ServiceError
from .executor import Executor
from .logs import started

_log = logging.getLogger(__name__)
_LARGEST_BATCH = 10  # without a batching window


class Topics:
    """Deliveries of topics to functions."""

    def __init__(self, executor: Executor, asynchronous: Asynchronous) -> None:
        self._host, self._asynchronous = executor.host, asynchronous

    def deliver(
        self, subscription: Any, function: Any, message: str, message_id: str, subject: str | None, attributes: Any
    ) -> None:
        """Hand a notification over, if the function's policy lets the topic invoke it."""
        topic = subscription.topic_arn
        try:
            if self._host.iam is not None:
                arn = function.function_arn
                self._host.iam.require_service("sns.amazonaws.com", "lambda:InvokeFunction", arn, topic)
        except AccessDenied as error:
            _log.warning("SNS cannot deliver from %s: %s", topic, error)
            return
        self._asynchronous.accept(
            function,
            {
                "Records": [
                    {
                        "EventVersion": "1.0",
                        "EventSubscriptionArn": subscription.arn,
                        "EventSource": "aws:sns",
                        "Sns": {
                            "SignatureVersion": "1",
                            "Timestamp": started(self._host.clock.now()),
                            "Signature": "rehearsal",
                            "SigningCertUrl": "",
                            "MessageId": message_id,
                            "Message": message,
                            "MessageAttributes": attributes or {},
                            "Type": "Notification",
                            "UnsubscribeUrl": "",
                            "TopicArn": topic,
                            "Subject": subject,
                        },
                    }
                ]
            },
        )


class Queues:
    """Event source mappings of queues: Lambda polls with the function's role.

    Parameters
    ----------
    executor
        Runs the functions.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor, self._host = executor, executor.host
        self._lock = threading.Lock()
        self._mappings: dict[str, list[Any]] = {}
        self._polling: dict[str, bool] = {}  # mappings in work; true when something has arrived since the last look

    def add(self, mapping: Any) -> None:
        """Take on a mapping, and what is already in its queue."""
        with self._lock:
            self._mappings.setdefault(mapping.event_source_arn, []).append(mapping)
        self.notify(mapping.event_source_arn)

    def notify(self, queue: str) -> None:
        """Poll a queue soon, because something has arrived."""
        begin = []
        with self._lock:
            for mapping in self._mappings.get(queue, []):
                if mapping.uuid not in self._polling:
                    begin.append(mapping)
                self._polling[mapping.uuid] = True
        for mapping in begin:
            self._host.clock.start_thread(self._poll, mapping, name=f"poll-{queue.rsplit(':', 1)[1]}")

    def _poll(self, mapping: Any) -> None:
        """Hand over batches until the queue is empty and nothing has arrived meanwhile."""
        while self._again(mapping.uuid):
            try:
                while mapping.enabled and not self._executor.closed and self._batch(mapping):
                    pass
            except (ClientError, ServiceError) as error:  # such as a role that may no longer read the queue
                _log.warning("Lambda cannot poll %s: %s", mapping.event_source_arn, error)

    def _again(self, mapping: str) -> bool:
        with self._lock:
            if self._polling[mapping] and not self._executor.closed:
                self._polling[mapping] = False
                return True
            del self._polling[mapping]
            return False

    def _batch(self, mapping: Any) -> bool:
        """Hand over one batch; False when there was nothing."""
        function = self._function(mapping)
        client = self._host.client("sqs", self._executor.role(function))
        arn = mapping.event_source_arn
        url = f"{self._host.endpoint}/{arn.split(':')[4]}/{arn.split(':')[5]}"
        size = min(int(mapping.batch_size), _LARGEST_BATCH)
        messages = client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=size, AttributeNames=["All"], MessageAttributeNames=["All"]
        ).get("Messages", [])
        if not messages:
            return False
        failed = self._run(function, mapping, messages)
        for message in messages:
            if message["MessageId"] not in failed:
                client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        if failed:
            self._later(
                mapping, client, url, [each["ReceiptHandle"] for each in messages if each["MessageId"] in failed]
            )
        return True

    def _run(self, function: Any, mapping: Any, messages: list[dict[str, Any]]) -> set[str]:
        """Invoke the function with a batch; return the ids of the messages that it did not handle."""
        everything = {message["MessageId"] for message in messages}
        records = [_record(message, mapping.event_source_arn, function.region) for message in messages]
        try:
            outcome = self._executor.execute(function, {"Records": records})
        except ServiceError as error:
            if error.code != 429:
                raise
            return everything
        if outcome.error is not None:
            return everything
        if "ReportBatchItemFailures" not in (mapping.function_response_types or []):
            return set()
        failures = (json.loads(outcome.payload) or {}).get("batchItemFailures") or []
        named = {str(failure.get("itemIdentifier")) for failure in failures}
        return named if named <= everything else everything  # an unknown id fails the whole batch

    def _later(self, mapping: Any, client: Any, url: str, handles: list[str]) -> None:
        """Make messages visible again when their visibility timeout is over, in rehearsal time."""
        attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
        own = self._host.client("sqs")

        def again() -> None:
            for handle in handles:
                own.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
            self.notify(mapping.event_source_arn)

        self._host.clock.call_later(float(attributes["VisibilityTimeout"]), again)

    def _function(self, mapping: Any) -> Any:
        from moto.awslambda.models import lambda_backends

        return lambda_backends[self._host.account][self._host.region].get_function(mapping.function_arn)


def _record(message: dict[str, Any], queue: str, region: str) -> dict[str, Any]:
    attributes = {
        name: {
            "stringValue": value.get("StringValue"),
            "binaryValue": value.get("BinaryValue"),
            "dataType": value["DataType"],
        }
        for name, value in message.get("MessageAttributes", {}).items()
    }
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": attributes,
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue,
        "awsRegion": region,
    }
