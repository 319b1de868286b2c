"""The policy documents that moto keeps: of roles, and of the resources that have policies of their own.

Read at every decision, so that a change of a policy counts at once. Reading them is cheap: they are strings in this
process, and `policies.read` remembers what it has read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rehearsal.host import Host

if TYPE_CHECKING:
    from moto.iam.models import Role


def role(host: Host, name_or_arn: str) -> Role | None:
    """Return moto's record of a role of the rehearsal's account, or None when there is none."""
    from moto.iam.models import iam_backends

    roles = iam_backends[host.account][host.partition].roles
    name = name_or_arn.rsplit("/", 1)[-1]
    found = next((each for each in list(roles.values()) if each.name == name), None)
    if found is not None and name_or_arn.startswith("arn:") and found.arn != name_or_arn:
        return None  # another account, or another path
    return found


def identity_documents(found: Role) -> list[str]:
    """Return a role's own policies: inline, and the default versions of the managed ones."""
    return [*found.policies.values(), *map(_default_version, list(found.managed_policies.values()))]


def boundary_document(host: Host, found: Role) -> str | None:
    """Return the document of the role's permissions boundary, if it has one."""
    from moto.iam.models import iam_backends

    if not found.permissions_boundary_arn:
        return None
    return _default_version(iam_backends[host.account][host.partition].managed_policies[found.permissions_boundary_arn])


def tags(found: Role) -> Mapping[str, str]:
    """Return the tags of a role."""
    return {tag["Key"]: tag["Value"] for tag in found.tags}


def _default_version(policy: Any) -> str:
    return str(next(version.document for version in policy.versions if version.is_default))


@dataclass(frozen=True)
class _Place:
    """An ARN taken apart."""

    host: Host
    action: str
    arn: str
    region: str
    name: str


def resource_document(host: Host, action: str, arn: str) -> str | None:
    """Return the policy of the resource that `arn` names, or None when it has none (or does not exist)."""
    parts = arn.split(":", 5)
    reader = _READERS.get(parts[2]) if len(parts) > 5 else None
    return None if reader is None else reader(_Place(host, action, arn, parts[3], parts[5]))


def _of_bucket(place: _Place) -> str | None:
    from moto.s3.models import s3_backends

    bucket = s3_backends[place.host.account][place.host.partition].buckets.get(place.name.partition("/")[0])
    return bucket.policy.decode() if bucket is not None and bucket.policy else None


def _of_key(place: _Place) -> str | None:
    key = kms_key(place.host, place.arn, place.region)
    return None if key is None else key.policy


def _of_topic(place: _Place) -> str | None:
    from moto.sns.models import sns_backends

    topic = sns_backends[place.host.account][place.region].topics.get(place.arn)
    return None if topic is None else topic.policy


def _of_queue(place: _Place) -> str | None:
    from moto.sqs.models import sqs_backends

    queue = sqs_backends[place.host.account][place.region].queues.get(place.name)
    return None if queue is None else queue.policy


def _of_function(place: _Place) -> str | None:
    from moto.awslambda.exceptions import LambdaClientError
    from moto.awslambda.models import lambda_backends

    if not place.name.startswith("function:"):
        return None
    try:
        function = lambda_backends[place.host.account][place.region].get_function(place.arn)
    except LambdaClientError:
        return None
    if not function.policy.statements:
        return None
    statements = [{k: v for k, v in each.items() if k in _LAMBDA_ELEMENTS} for each in function.policy.statements]
    return json.dumps({"Statement": statements})


#: moto keeps the other members of AddPermission in the statement too, under names that are no elements of a policy.
_LAMBDA_ELEMENTS = frozenset(["Sid", "Effect", "Action", "Resource", "Principal", "Condition"])


def _of_bus(place: _Place) -> str | None:
    from moto.events.models import events_backends

    bus = events_backends[place.host.account][place.region].event_buses.get(place.name.removeprefix("event-bus/"))
    return None if bus is None else bus.policy


def _of_role(place: _Place) -> str | None:
    """A role's trust policy, which counts for STS; other actions on a role have no resource policy."""
    found = role(place.host, place.arn) if place.action.startswith("sts:") else None
    return None if found is None else found.assume_role_policy_document


def _of_log_group(place: _Place) -> str | None:
    """Policies of CloudWatch Logs belong to the account; their statements name log groups."""
    from moto.logs.models import logs_backends

    kept = logs_backends[place.host.account][place.region].resource_policies
    statements = [statement for each in kept.values() for statement in _statements(each.policy_document)]
    return json.dumps({"Statement": statements}) if statements else None


def _statements(document: str) -> list[Any]:
    found = json.loads(document)["Statement"]
    return found if isinstance(found, list) else [found]


_READERS: dict[str, Callable[[_Place], str | None]] = {
    "s3": _of_bucket,
    "kms": _of_key,
    "sns": _of_topic,
    "sqs": _of_queue,
    "lambda": _of_function,
    "events": _of_bus,
    "iam": _of_role,
    "logs": _of_log_group,
}


def kms_key(host: Host, key: str, region: str = "") -> Any | None:
    """Return moto's record of a KMS key by id, ARN, alias or alias ARN, or None when there is none."""
    from moto.kms.models import kms_backends

    keys = kms_backends[host.account][region or host.region].keys
    name = key.split(":", 5)[5] if key.startswith("arn:") else key
    if name.startswith("alias/"):
        return next((each for each in list(keys.values()) if name in each.aliases), None)
    return keys.get(name.removeprefix("key/"))


def is_aws_managed(key: Any) -> bool:
    """Whether a key is one that AWS manages for a service (``alias/aws/...``), usable by all of the account."""
    return any(alias.startswith("alias/aws/") for alias in key.aliases)
