"""How Scheduler invokes the target of a schedule: always with the target's role."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.eventbridge.delivery import Deliveries, Delivery, Failure
from rehearsal.eventbridge.targets import Roles, as_attributes, failure_of
from rehearsal.host import Host
from rehearsal.iam.errors import AccessDenied

SERVICE = "scheduler.amazonaws.com"

#: Service of a target's ARN -> (boto3 service, operation).
_OPERATIONS = {
    "lambda": ("lambda", "invoke"),
    "states": ("stepfunctions", "start_execution"),
    "sns": ("sns", "publish"),
    "sqs": ("sqs", "send_message"),
    "events": ("events", "put_events"),
}


class Targets:
    """Invokes targets for one host."""

    def __init__(self, host: Host, deliveries: Deliveries) -> None:
        self._host = host
        self._deliveries = deliveries
        self._roles = Roles(host, SERVICE, "")

    def invoke(self, schedule: Any, due: float) -> None:
        """Start the invocation of a schedule's target for one due time."""
        target = dict(schedule.target)
        policy = target.get("RetryPolicy") or {}
        occurrence = _Occurrence(schedule.arn, due, uuid.uuid4().hex[:16])
        queue = (target.get("DeadLetterConfig") or {}).get("Arn")
        delivery = Delivery(
            origin=schedule.arn,
            target=target["Arn"],
            event=None,
            send=lambda: self._send(schedule, target, self._request(target, occurrence, delivery.attempts)),
            bury=(lambda sent: self._bury(schedule, target, queue, occurrence, sent)) if queue else None,
            retries=int(policy.get("MaximumRetryAttempts", 185)),
            age=float(policy.get("MaximumEventAgeInSeconds", 86400)),
        )
        self._deliveries.begin(delivery)

    def check(self, schedule_arn: str, role_arn: str) -> None:
        """Check that Scheduler may assume a role, as it does when a schedule is made or changed.

        Raises
        ------
        AccessDenied
            When it may not.
        """
        self._roles.forget(role_arn)
        self._host.iam.assume(role_arn, SERVICE, "scheduler", source_arn=_group(schedule_arn))

    def _client(self, service: str, schedule: Any, target: dict[str, Any]) -> Any:
        return self._roles.client(service, target["RoleArn"], _group(schedule.arn), schedule.name)

    def _send(self, schedule: Any, target: dict[str, Any], request: dict[str, Any]) -> None:
        service, operation = _OPERATIONS[target["Arn"].split(":")[2]]
        try:
            answer = getattr(self._client(service, schedule, target), operation)(**request)
        except ClientError as error:
            raise failure_of(error) from error
        failed = [each for each in answer.get("Entries", []) if "ErrorCode" in each] if service == "events" else []
        if failed:
            raise Failure(failed[0]["ErrorCode"], failed[0]["ErrorMessage"], retry=False)

    def _request(self, target: dict[str, Any], occurrence: _Occurrence, attempt: int) -> dict[str, Any]:
        """Return the members of the API call that invokes a target."""
        arn, text = target["Arn"], occurrence.fill(target.get("Input") or self._default(occurrence), attempt)
        service = arn.split(":")[2]
        if service == "lambda":
            return {"FunctionName": arn, "InvocationType": "Event", "Payload": text}
        if service == "states":
            return {"stateMachineArn": arn, "input": text, "name": occurrence.name}
        if service == "sns":
            return {"TopicArn": arn, "Message": text}
        if service == "sqs":
            group = (target.get("SqsParameters") or {}).get("MessageGroupId")
            return {"QueueUrl": self._url(arn), "MessageBody": text, **({"MessageGroupId": group} if group else {})}
        given = target.get("EventBridgeParameters") or {}
        entry = {"Source": given.get("Source"), "DetailType": given.get("DetailType"), "Detail": text}
        return {"Entries": [{**entry, "EventBusName": arn}]}

    def _default(self, occurrence: _Occurrence) -> str:
        """What a target gets when the schedule names no input."""
        return json.dumps(
            {
                "version": "0",
                "id": str(uuid.uuid4()),
                "detail-type": "Scheduled Event",
                "source": "aws.scheduler",
                "account": self._host.account,
                "time": occurrence.time,
                "region": occurrence.schedule_arn.split(":")[3],
                "resources": [occurrence.schedule_arn],
                "detail": "{}",
            }
        )

    def _bury(
        self, schedule: Any, target: dict[str, Any], queue: str, occurrence: _Occurrence, delivery: Delivery
    ) -> None:
        """Send what could not be delivered to the dead-letter queue, with the role of the target.

        Scheduler User Guide, "Configuring a schedule's dead-letter queue".
        """
        failure = delivery.failure
        attributes = {
            "ERROR_CODE": failure.code if failure else "",
            "ERROR_MESSAGE": failure.message if failure else "",
            "EXECUTION_ID": occurrence.execution_id,
            "EXHAUSTED_RETRY_CONDITION": delivery.exhausted or "",
            "IS_PAYLOAD_TRUNCATED": "false",
            "RETRY_ATTEMPTS": str(delivery.attempts - 1),
            "SCHEDULED_TIME": occurrence.time,
            "SCHEDULE_ARN": schedule.arn,
            "TARGET_ARN": target["Arn"],
        }
        body = json.dumps(self._request(target, occurrence, delivery.attempts))
        try:
            self._client("sqs", schedule, target).send_message(
                QueueUrl=self._url(queue), MessageBody=body, MessageAttributes=as_attributes(attributes)
            )
        except ClientError as error:
            raise failure_of(error) from error

    def _url(self, queue_arn: str) -> str:
        parts = queue_arn.split(":")
        return f"{self._host.endpoint}/{parts[4]}/{parts[5]}"


class _Occurrence:
    """One due time of a schedule."""

    def __init__(self, schedule_arn: str, due: float, execution_id: str) -> None:
        self.schedule_arn = schedule_arn
        self.time = datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.execution_id = execution_id
        self.name = str(uuid.uuid4())  # of the execution that it starts; the same for each attempt

    def fill(self, text: str, attempt: int) -> str:
        """Put the context attributes in their places ("Adding context attributes")."""
        values = {
            "schedule-arn": self.schedule_arn,
            "scheduled-time": self.time,
            "execution-id": self.execution_id,
            "attempt-number": str(attempt),
        }
        for name, value in values.items():
            text = text.replace(f"<aws.scheduler.{name}>", value)
        return text


def _group(schedule_arn: str) -> str:
    """ARN of a schedule's group: what Scheduler sends as aws:SourceArn when it assumes a role."""
    head, _, rest = schedule_arn.partition(":schedule/")
    return f"{head}:schedule-group/{rest.partition('/')[0]}"


def is_known(target_arn: str) -> bool:
    """Whether the rehearsal can invoke a target."""
    return target_arn.split(":")[2] in _OPERATIONS


__all__ = ["AccessDenied", "Targets", "is_known"]
