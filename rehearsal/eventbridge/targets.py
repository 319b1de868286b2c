"""How EventBridge hands an event to each kind of target, with the permission that it needs there.

Functions, topics, queues and log groups say in their own policies that ``events.amazonaws.com`` may, on behalf of the
rule; for everything else, and for those too where the target names one, EventBridge assumes the target's role.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.eventbridge.delivery import Failure
from rehearsal.host import Host
from rehearsal.iam.errors import AccessDenied

SERVICE = "events.amazonaws.com"

NO_PERMISSIONS, NO_RESOURCE, THROTTLING, OTHER = "NO_PERMISSIONS", "NO_RESOURCE", "THROTTLING", "SDK_CLIENT_ERROR"

_DENIED = frozenset(["AccessDenied", "AccessDeniedException", "AuthorizationError", "NotAuthorized"])
_GONE = frozenset(
    [
        "ResourceNotFoundException",
        "ResourceNotFound",
        "StateMachineDoesNotExist",
        "NotFound",
        "NotFoundException",
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
    ]
)
_SLOW = frozenset(["ThrottlingException", "TooManyRequestsException", "ProvisionedThroughputExceededException"])


def failure_of(error: ClientError) -> Failure:
    """Return an error of a service's API as a failed attempt."""
    code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", str(error))
    if code in _DENIED:
        return Failure(NO_PERMISSIONS, message, retry=False)
    if code in _GONE:
        return Failure(NO_RESOURCE, message, retry=False)
    return Failure(THROTTLING if code in _SLOW else OTHER, f"{code}: {message}", retry=True)


class Roles:
    """Credentials of the roles that a service has assumed, one session for each role and resource."""

    def __init__(self, host: Host, service: str, prefix: str) -> None:
        self._host, self._service, self._prefix = host, service, prefix
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], dict[str, str]] = {}

    def client(self, service: str, role_arn: str, source_arn: str, source_name: str) -> Any:
        """Return a boto3 client that acts with `role_arn`, assumed for `source_arn`.

        Raises
        ------
        Failure
            When the role does not exist or does not trust the service.
        """
        with self._lock:
            keys = self._kept.get((role_arn, source_arn))
            if keys is None:
                name = f"{self._prefix}{source_name}"[:64]
                try:
                    keys = self._host.iam.assume(role_arn, self._service, name, source_arn=source_arn)
                except AccessDenied as denied:
                    raise Failure(NO_PERMISSIONS, denied.message, retry=False) from denied
                self._kept[role_arn, source_arn] = keys
        return self._host.client(service, keys, source_arn.split(":")[3])

    def forget(self, role_arn: str) -> None:
        """Assume a role anew next time: its trust policy may have changed."""
        with self._lock:
            self._kept = {key: value for key, value in self._kept.items() if key[0] != role_arn}


class Targets:
    """Sends events to targets for one host."""

    def __init__(self, host: Host, forward: Callable[[str, dict[str, Any]], None]) -> None:
        self._host = host
        self._forward = forward
        self._roles = Roles(host, SERVICE, "AWSEvents_")

    def send(self, target: dict[str, Any], rule_arn: str, event: dict[str, Any], text: str) -> None:
        """Make one attempt to give `text` (made from `event`) to a target.

        Raises
        ------
        Failure
            When the target did not take it.
        """
        try:
            _SENDERS[kind_of(target["Arn"])](self, target, rule_arn, event, text)
        except AccessDenied as denied:
            raise Failure(NO_PERMISSIONS, denied.message, retry=False) from denied
        except ClientError as error:
            raise failure_of(error) from error

    def send_to_queue(self, queue_arn: str, source_arn: str, body: str, attributes: dict[str, str]) -> None:
        """Put a dead letter into a queue whose policy allows it.

        Raises
        ------
        Failure
            When the queue is not there or its policy does not allow it.
        """
        try:
            self._allowed("sqs:SendMessage", queue_arn, source_arn)
            self._client("sqs", queue_arn).send_message(
                QueueUrl=self._url(queue_arn),
                MessageBody=body,
                MessageAttributes=as_attributes(attributes),
            )
        except AccessDenied as denied:
            raise Failure(NO_PERMISSIONS, denied.message, retry=False) from denied
        except ClientError as error:
            raise failure_of(error) from error

    def _allowed(self, action: str, resource: str, rule_arn: str) -> None:
        self._host.iam.require_service(SERVICE, action, resource, rule_arn)

    def _client(self, service: str, arn: str) -> Any:
        return self._host.client(service, region=arn.split(":")[3])

    def _url(self, queue_arn: str) -> str:
        parts = queue_arn.split(":")
        return f"{self._host.endpoint}/{parts[4]}/{parts[5]}"

    def _for(self, service: str, action: str, target: dict[str, Any], rule_arn: str) -> Any:
        """Return a client for a target that works with its own policy, or with a role where one is named."""
        if target.get("RoleArn"):
            return self._roles.client(service, target["RoleArn"], rule_arn, rule_arn.rsplit("/", 1)[1])
        self._allowed(action, target["Arn"], rule_arn)
        return self._client(service, target["Arn"])

    def _lambda(self, target: dict[str, Any], rule_arn: str, _: dict[str, Any], text: str) -> None:
        """Invoke asynchronously: what the function then does is Lambda's affair, retries included."""
        from moto.awslambda.exceptions import LambdaClientError
        from moto.awslambda.models import lambda_backends

        arn = target["Arn"]
        backend = lambda_backends[self._host.account][arn.split(":")[3]]
        try:
            backend.get_function(arn)
        except LambdaClientError as error:
            raise Failure(NO_RESOURCE, f"Function not found: {arn}", retry=False) from error
        self._allowed("lambda:InvokeFunction", arn, rule_arn)
        backend.invoke(arn, None, text, {"X-Amz-Invocation-Type": "Event"}, {})

    def _states(self, target: dict[str, Any], rule_arn: str, event: dict[str, Any], text: str) -> None:
        client = self._roles.client("stepfunctions", target["RoleArn"], rule_arn, rule_arn.rsplit("/", 1)[1])
        name = f"{event['id']}_{uuid.uuid4()}"
        client.start_execution(stateMachineArn=target["Arn"], name=name, input=text)

    def _sns(self, target: dict[str, Any], rule_arn: str, _: dict[str, Any], text: str) -> None:
        self._for("sns", "sns:Publish", target, rule_arn).publish(TopicArn=target["Arn"], Message=text)

    def _sqs(self, target: dict[str, Any], rule_arn: str, _: dict[str, Any], text: str) -> None:
        group = (target.get("SqsParameters") or {}).get("MessageGroupId")
        more = {"MessageGroupId": group} if group else {}
        client = self._for("sqs", "sqs:SendMessage", target, rule_arn)
        client.send_message(QueueUrl=self._url(target["Arn"]), MessageBody=text, **more)

    def _events(self, target: dict[str, Any], rule_arn: str, event: dict[str, Any], _: str) -> None:
        """Another bus of the account: with the target's role where it has one, else without a permission."""
        if target.get("RoleArn"):
            context = {"events:source": event["source"], "events:detail-type": event["detail-type"]}
            self._roles.client("events", target["RoleArn"], rule_arn, rule_arn.rsplit("/", 1)[1])
            self._host.iam.require(target["RoleArn"], "events:PutEvents", target["Arn"], context)
        self._forward(target["Arn"], event)

    def _logs(self, target: dict[str, Any], rule_arn: str, _: dict[str, Any], text: str) -> None:
        group = target["Arn"].split(":log-group:")[1].removesuffix(":*")
        stream = str(uuid.uuid4())
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            self._allowed(action, f"{target['Arn'].removesuffix(':*')}:log-stream:{stream}", rule_arn)
        client = self._client("logs", target["Arn"])
        client.create_log_stream(logGroupName=group, logStreamName=stream)
        now = int(self._host.clock.time() * 1000)
        client.put_log_events(
            logGroupName=group, logStreamName=stream, logEvents=[{"timestamp": now, "message": text}]
        )  # fmt: skip

    def _archive(self, target: dict[str, Any], rule_arn: str, event: dict[str, Any], _: str) -> None:
        from moto.events.models import events_backends

        name = rule_arn.rsplit("/", 1)[1].removeprefix("Events-Archive-")
        events_backends[self._host.account][target["Arn"].split(":")[3]].archives[name].events.append(dict(event))


_SENDERS: dict[str, Callable[[Targets, dict[str, Any], str, dict[str, Any], str], None]] = {
    "lambda": Targets._lambda,
    "states": Targets._states,
    "sns": Targets._sns,
    "sqs": Targets._sqs,
    "event-bus": Targets._events,
    "logs": Targets._logs,
    "archive": Targets._archive,
}


def kind_of(arn: str) -> str:
    """Return the kind of a target, or "" when the rehearsal does not know it."""
    parts = arn.split(":", 5)
    service, rest = parts[2], parts[5]
    if service == "events":
        return "event-bus" if rest.startswith("event-bus/") else "archive" if rest in ("", ":", "::") else ""
    return service if service in _SENDERS and service not in ("event-bus", "archive") else ""


def as_attributes(texts: dict[str, str]) -> dict[str, dict[str, str]]:
    """Return texts as message attributes of a dead letter, without the empty ones."""
    return {name: {"DataType": "String", "StringValue": text[:1024]} for name, text in texts.items() if text}
