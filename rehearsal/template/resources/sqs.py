"""AWS::SQS::Queue and AWS::SQS::QueuePolicy."""

from __future__ import annotations

import json
from typing import Any

from ..kinds import Kind, Made
from ..work import Work

_ATTRIBUTES = (
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
)
#: Source: Amazon SQS API Reference, SetQueueAttributes.
_NUMBERS = {
    "DelaySeconds": (0, 900),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
    "MaximumMessageSize": (1024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
}


def _create_queue(work: Work) -> Made:
    name = work.name("QueueName", 75)
    if str(work.get("FifoQueue", False)).lower() == "true" and not name.endswith(".fifo"):
        name += ".fifo"
    attributes: dict[str, Any] = {}
    for key, value in work.only(*_ATTRIBUTES).items():
        if key == "FifoQueue" and str(value).lower() == "false":
            continue  # SQS refuses the attribute with the value false
        low, high = _NUMBERS.get(key, (0, 0))
        if high and not (str(value).isdigit() and low <= int(value) <= high):
            raise work.error(f"is {value!r}, wanted {low}..{high}", key)
        attributes[key] = json.dumps(value) if isinstance(value, dict) else value
    params: dict[str, Any] = {"QueueName": name, "Attributes": attributes}
    if work.tags():
        params["tags"] = work.tags()
    url = work.call("sqs", "create_queue", params)["QueueUrl"]
    return Made(url, {"Arn": work.host.arn("sqs", name), "QueueName": name, "QueueUrl": url})


def _put_policies(work: Work) -> Made:
    for queue in work.get("Queues"):
        work.call(
            "sqs",
            "set_queue_attributes",
            {"QueueUrl": queue, "Attributes": {"Policy": work.policy()}},
            "PolicyDocument",
        )
    return Made(work.name())


KINDS = [
    Kind("AWS::SQS::Queue", _create_queue, f"QueueName Tags {' '.join(_ATTRIBUTES)}"),
    Kind(
        "AWS::SQS::QueuePolicy",
        _put_policies,
        "Queues PolicyDocument",
        required="Queues PolicyDocument",
        update=lambda work, _: _put_policies(work),
    ),
]
