"""AWS::SNS::Topic, AWS::SNS::TopicPolicy and AWS::SNS::Subscription."""

from __future__ import annotations

import json
from typing import Any

from ..kinds import Kind, Made
from ..work import Work

_TOPIC_ATTRIBUTES = (
    "ContentBasedDeduplication",
    "DisplayName",
    "FifoTopic",
    "KmsMasterKeyId",
    "SignatureVersion",
    "TracingConfig",
)
_SUBSCRIPTION_ATTRIBUTES = (
    "DeliveryPolicy",
    "FilterPolicy",
    "FilterPolicyScope",
    "RawMessageDelivery",
    "RedrivePolicy",
    "SubscriptionRoleArn",
)


def _create_topic(work: Work) -> Made:
    fifo = str(work.get("FifoTopic", False)).lower() == "true"
    name = work.name("TopicName", 256)
    if fifo and not name.endswith(".fifo"):
        name += ".fifo"
    params: dict[str, Any] = {"Name": name, "Attributes": work.only(*_TOPIC_ATTRIBUTES)}
    if work.tags():
        params["Tags"] = work.tag_list()
    arn = work.call("sns", "create_topic", params)["TopicArn"]
    for index, subscription in enumerate(work.get("Subscription") or []):
        work.call("sns", "subscribe", {"TopicArn": arn, **subscription}, f"Subscription[{index}]")
    return Made(arn, {"TopicArn": arn, "TopicName": name})


def _put_policies(work: Work) -> Made:
    for topic in work.get("Topics"):
        params = {"TopicArn": topic, "AttributeName": "Policy", "AttributeValue": work.policy()}
        work.call("sns", "set_topic_attributes", params, "PolicyDocument")
    return Made(work.name())


def _subscribe(work: Work) -> Made:
    attributes = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in work.only(*_SUBSCRIPTION_ATTRIBUTES).items()
    }
    params = {**work.only("TopicArn", "Protocol", "Endpoint"), "Attributes": attributes, "ReturnSubscriptionArn": True}
    return Made(work.call("sns", "subscribe", params)["SubscriptionArn"])


KINDS = [
    Kind(
        "AWS::SNS::Topic",
        _create_topic,
        f"TopicName Tags Subscription[].Protocol Subscription[].Endpoint {' '.join(_TOPIC_ATTRIBUTES)}",
        {"DeliveryStatusLogging": "delivery in a rehearsal always succeeds, and is not logged"},
    ),
    Kind(
        "AWS::SNS::TopicPolicy",
        _put_policies,
        "Topics PolicyDocument",
        required="Topics PolicyDocument",
        update=lambda work, _: _put_policies(work),
    ),
    Kind(
        "AWS::SNS::Subscription",
        _subscribe,
        f"TopicArn Protocol Endpoint {' '.join(_SUBSCRIPTION_ATTRIBUTES)}",
        {"Region": "all is in one region"},
        required="TopicArn Protocol",
    ),
]
