"""EventBridge, SNS, SQS, KMS and STS: what a message, a key or a session needs."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from rehearsal.iam import sources
from rehearsal.iam.keys import Need, Values
from rehearsal.iam.tables.plain import ANY
from rehearsal.iam.tables.rules import Ask, Rule, Table, at, prefixed, table

# ---- EventBridge


def bus_arn(ask: Ask, bus: str | None) -> str:
    """Return the ARN of an event bus named by name or ARN; the default bus if not named."""
    name = bus or "default"
    return name if name.startswith("arn:") else ask.arn(f"event-bus/{name}")


def _put_events(ask: Ask) -> list[Need]:
    """Need PutEvents on each entry's bus, with that entry's source and detail-type."""
    needs: dict[tuple[str, Any, Any], Need] = {}
    for entry in ask.params.get("Entries") or []:
        bus, source, detail_type = entry.get("EventBusName"), entry.get("Source"), entry.get("DetailType")
        context = {
            **prefixed("events", source=source, eventbusinvocation=False),
            **prefixed("events", detail_type=detail_type),
        }
        needs[bus or "", source, detail_type] = ask.need(bus_arn(ask, bus), context)
    return list(needs.values())


def _rule_arn(ask: Ask, name: str) -> str:
    bus = str(ask.params.get("EventBusName") or "default").rpartition("/")[2]
    return ask.arn(f"rule/{name}" if bus == "default" else f"rule/{bus}/{name}")


def _rule(ask: Ask) -> list[Need]:
    name = ask.params.get("Rule") or ask.params.get("Name")
    targets = [each.get("Arn") for each in ask.params.get("Targets") or []]
    return [ask.need(_rule_arn(ask, str(name)), prefixed("events", targetarn=targets or None))]


EVENTS: Table = table(
    ("PutEvents", _put_events),
    ("PutRule DescribeRule DeleteRule EnableRule DisableRule", _rule),
    ("PutTargets RemoveTargets ListTargetsByRule", _rule),
    ("ListRules", at("rule/{NamePrefix=}*")),
    ("ListEventBuses ListRuleNamesByTarget TestEventPattern ListArchives ListReplays", ANY),
    ("DescribeEventBus CreateEventBus DeleteEventBus", at("event-bus/{Name=default}")),
    ("DescribeArchive CreateArchive", at("archive/{ArchiveName}")),
    ("StartReplay DescribeReplay", at("replay/{ReplayName}")),
    ("TagResource UntagResource ListTagsForResource", at("{ResourceARN}")),
)

# ---- SNS and SQS


def _topic(ask: Ask) -> list[Need]:
    name = ask.params.get("TopicArn") or ask.params.get("TargetArn") or ask.params.get("ResourceArn")
    if name is None and ask.params.get("Name"):
        name = ask.arn(str(ask.params["Name"]))
    return [ask.need(str(name or "*"), _subscribing(ask), worded=_sns_words(ask))]


def _subscription(ask: Ask) -> list[Need]:
    topic = str(ask.params["SubscriptionArn"]).rpartition(":")[0]
    return [ask.need(topic, worded=_sns_words(ask))]


def _sns_words(ask: Ask) -> str:
    return f"SNS:{ask.request.operation}"  # SNS writes its prefix in capitals


def _subscribing(ask: Ask) -> Values:
    return prefixed("sns", protocol=ask.params.get("Protocol"), endpoint=ask.params.get("Endpoint"))


def _publish_batch(ask: Ask) -> list[Need]:
    return [ask.need(str(ask.params["TopicArn"]), action="sns:Publish", worded="SNS:Publish")]


SNS: Table = table(
    ("Publish Subscribe GetTopicAttributes SetTopicAttributes ListSubscriptionsByTopic", _topic),
    ("CreateTopic DeleteTopic ConfirmSubscription TagResource ListTagsForResource", _topic),
    ("PublishBatch", _publish_batch),
    ("Unsubscribe GetSubscriptionAttributes SetSubscriptionAttributes", _subscription),
    ("ListTopics ListSubscriptions", ANY),
)


def queue_arn(ask: Ask) -> str:
    """Return the ARN of the queue that a request names by URL or name."""
    url = ask.params.get("QueueUrl")
    return ask.arn(str(url).rstrip("/").rpartition("/")[2] if url else str(ask.params.get("QueueName", "*")))


def _queue(action: str = "") -> Rule:
    def rule(ask: Ask) -> list[Need]:
        name = f"sqs:{action or ask.request.operation}"
        return [ask.need(queue_arn(ask), action=name, worded=name.lower())]  # SQS writes actions in lower case

    return rule


SQS: Table = table(
    ("SendMessage ReceiveMessage DeleteMessage ChangeMessageVisibility PurgeQueue", _queue()),
    ("GetQueueUrl GetQueueAttributes SetQueueAttributes CreateQueue DeleteQueue ListQueueTags", _queue()),
    ("SendMessageBatch", _queue("SendMessage")),
    ("DeleteMessageBatch", _queue("DeleteMessage")),
    ("ChangeMessageVisibilityBatch", _queue("ChangeMessageVisibility")),
    ("ListQueues", ANY),
)

# ---- KMS


def _key_context(ask: Ask, key: str | None) -> Values:
    get = ask.params.get
    encryption = get("EncryptionContext") or {}
    return {
        **prefixed(
            "kms",
            calleraccount=ask.host.account,
            encryptioncontextkeys=list(encryption) or None,
            requestalias=_alias(key),
            keyspec=get("KeySpec"),
            messagetype=get("MessageType"),
            signingalgorithm=get("SigningAlgorithm"),
            encryptionalgorithm=get("EncryptionAlgorithm"),
            grantoperations=get("Operations"),
            grantisforawsresource=False if ask.request.operation == "CreateGrant" else None,
        ),
        **{f"kms:encryptioncontext:{name.lower()}": (str(value),) for name, value in encryption.items()},
    }


def _alias(key: str | None) -> str | None:
    name = (key or "").rpartition(":")[2]
    return name if name.startswith("alias/") else None


def _key(ask: Ask) -> list[Need]:
    named = ask.params.get("KeyId") or _key_of_ciphertext(ask)
    found = sources.kms_key(ask.host, str(named), ask.request.region) if named else None
    arn = found.arn if found is not None else _as_arn(ask, named)
    return [ask.need(arn, _key_context(ask, named))]


def _as_arn(ask: Ask, named: object) -> str:
    """An ARN for a key that does not exist: the service itself says so once the request is let through."""
    text = str(named or "*")
    return text if text.startswith("arn:") or text == "*" else ask.arn(f"key/{text}")


def _key_of_ciphertext(ask: Ask) -> str | None:
    """moto writes the key's id in front of a ciphertext, as KMS itself knows which key made it."""
    from moto.kms.utils import KEY_ID_LEN

    try:
        return base64.b64decode(ask.params.get("CiphertextBlob") or "")[:KEY_ID_LEN].decode() or None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _aliased(ask: Ask) -> list[Need]:
    """Changing an alias needs the action on the alias and on its key."""
    alias = ask.arn(str(ask.params["AliasName"]))
    target = ask.params.get("TargetKeyId") or ask.params["AliasName"]
    found = sources.kms_key(ask.host, str(target), ask.request.region)
    context = _key_context(ask, None)
    return [ask.need(alias, context)] + ([ask.need(found.arn, context)] if found is not None else [])


def _reencrypt(ask: Ask) -> list[Need]:
    source = sources.kms_key(ask.host, ask.params.get("SourceKeyId") or _key_of_ciphertext(ask) or "")
    target = sources.kms_key(ask.host, str(ask.params["DestinationKeyId"]))
    pairs = [("kms:ReEncryptFrom", source), ("kms:ReEncryptTo", target)]
    return [ask.need(key.arn, _key_context(ask, None), action) for action, key in pairs if key is not None]


KMS: Table = table(
    ("Encrypt Decrypt GenerateDataKey GenerateDataKeyWithoutPlaintext GenerateMac VerifyMac", _key),
    ("Sign Verify GetPublicKey DescribeKey CreateGrant ListGrants RevokeGrant GetKeyPolicy PutKeyPolicy", _key),
    ("GetKeyRotationStatus EnableKeyRotation ListResourceTags EnableKey DisableKey ScheduleKeyDeletion", _key),
    ("ReEncrypt", _reencrypt),
    ("CreateAlias UpdateAlias DeleteAlias", _aliased),
    ("ListKeys ListAliases CreateKey GenerateRandom", ANY),
)

# ---- STS


def _assume(ask: Ask) -> list[Need]:
    get = ask.params.get
    context = prefixed(
        "sts",
        externalid=get("ExternalId"),
        rolesessionname=get("RoleSessionName"),
        sourceidentity=get("SourceIdentity"),
        transitivetagkeys=get("TransitiveTagKeys"),
    )
    actions = ["sts:AssumeRole"]
    actions += ["sts:SetSourceIdentity"] if get("SourceIdentity") else []
    actions += ["sts:TagSession"] if get("Tags") else []
    return [ask.need(str(get("RoleArn")), context, action) for action in actions]


def _free(_: Ask) -> list[Need]:
    """GetCallerIdentity needs no permission."""
    return []


STS: Table = table(
    ("AssumeRole", _assume),
    ("GetCallerIdentity", _free),
    ("DecodeAuthorizationMessage GetAccessKeyInfo", ANY),
)
