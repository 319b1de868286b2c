"""A topic delivers to a queue only as the queue's policy says, and the policy of its key.

moto puts the message into any queue. In AWS a delivery that is not allowed is lost, which the publisher never learns.
"""

from __future__ import annotations

import logging
from typing import Any

from rehearsal import host as hosts
from rehearsal.iam.errors import AccessDenied
from rehearsal.patching import replace

logger = logging.getLogger(__name__)

_MEMBERS = "self message subject message_attributes group_id deduplication_id message_structure"


def install() -> None:
    """Replace moto's delivery of a topic; harmless when it has been done before."""
    from moto.moto_api._internal import mock_random
    from moto.sns.models import Topic

    def _publish(
        self: Any,
        message: str,
        subject: str | None = None,
        message_attributes: dict[str, Any] | None = None,
        group_id: str | None = None,
        deduplication_id: str | None = None,
        message_structure: str | None = None,
    ) -> str:
        message_id = str(mock_random.uuid4())
        subscriptions, _ = self.sns_backend.list_subscriptions_by_topic(topic_arn=self.arn)
        for subscription in filter(_allowed, subscriptions):
            subscription.publish(
                message,
                message_id,
                subject=subject,
                message_attributes=message_attributes,
                group_id=group_id,
                deduplication_id=deduplication_id,
                message_structure=message_structure,
            )
        self.sent_notifications.append((message_id, message, subject, message_attributes, group_id))
        return message_id

    replace(Topic, "publish", _publish, tuple(_MEMBERS.split()))


def _allowed(subscription: Any) -> bool:
    """Whether a topic may deliver. Functions are Lambda's affair, which asks for itself."""
    if subscription.protocol != "sqs":
        return True
    topic = subscription.topic.arn
    try:
        hosts.current().iam.require_service("sns.amazonaws.com", "sqs:SendMessage", subscription.endpoint, topic)
    except AccessDenied as denied:
        logger.warning("a message of %s is lost: %s", topic, denied)
        return False
    return True
