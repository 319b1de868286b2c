"""AWS::S3::Bucket and AWS::S3::BucketPolicy."""

from __future__ import annotations

from typing import Any

from rehearsal.iam.errors import AccessDenied

from ..kinds import Kind, Made
from ..work import Work

#: CloudFormation's names of the notification lists -> the API's list, and its name for the target.
_TARGETS = {
    "QueueConfigurations": ("QueueConfigurations", "Queue", "QueueArn"),
    "TopicConfigurations": ("TopicConfigurations", "Topic", "TopicArn"),
}


def _create_bucket(work: Work) -> Made:
    name = work.name("BucketName", 63, "{stack}-{id}-{tail}").lower()
    params: dict[str, Any] = {"Bucket": name, "CreateBucketConfiguration": {"LocationConstraint": work.host.region}}
    if work.get("ObjectLockEnabled") is not None:
        params["ObjectLockEnabledForBucket"] = work.get("ObjectLockEnabled")
    ownership = work.get("OwnershipControls")
    if ownership:
        params["ObjectOwnership"] = ownership["Rules"][0]["ObjectOwnership"]
    work.call("s3", "create_bucket", params)
    _configure(work, name)
    return Made(name, _attributes(work, name))


def _configure(work: Work, name: str) -> None:
    def put(prop: str, operation: str, member: str, value: Any = None) -> None:
        if work.get(prop) is not None:
            work.call("s3", operation, {"Bucket": name, member: value or work.get(prop)}, prop)

    put("VersioningConfiguration", "put_bucket_versioning", "VersioningConfiguration")
    put("BucketEncryption", "put_bucket_encryption", "ServerSideEncryptionConfiguration", _encryption(work))
    put("PublicAccessBlockConfiguration", "put_public_access_block", "PublicAccessBlockConfiguration")
    put("ObjectLockConfiguration", "put_object_lock_configuration", "ObjectLockConfiguration")
    put("LifecycleConfiguration", "put_bucket_lifecycle_configuration", "LifecycleConfiguration", _lifecycle(work))
    put(
        "NotificationConfiguration",
        "put_bucket_notification_configuration",
        "NotificationConfiguration",
        _notifications(work),
    )
    put("OwnershipControls", "put_bucket_ownership_controls", "OwnershipControls")
    if work.get("LoggingConfiguration") is not None:
        # Later: the target's policy, which lets S3 deliver, may be created after this bucket.
        work.later.append(lambda: _log_to(work, name))
    if work.tags():
        work.call("s3", "put_bucket_tagging", {"Bucket": name, "Tagging": {"TagSet": work.tag_list()}}, "Tags")


def _log_to(work: Work, name: str) -> None:
    """Have accesses logged. S3 says nothing of a target whose policy does not let it deliver; here it is an error."""
    given = work.get("LoggingConfiguration")
    bucket, prefix = given.get("DestinationBucketName", name), given.get("LogFilePrefix", "")
    if work.host.iam is not None:
        key, source = (work.host.arn("s3", path, region="", account="") for path in (f"{bucket}/{prefix}log", name))
        try:
            work.host.iam.require_service("logging.s3.amazonaws.com", "s3:PutObject", key, source)
        except AccessDenied as error:
            text = f"no log would be delivered: {error}"
            raise work.error(text, "LoggingConfiguration.DestinationBucketName") from error
    status = {"LoggingEnabled": {"TargetBucket": bucket, "TargetPrefix": prefix}}
    work.call("s3", "put_bucket_logging", {"Bucket": name, "BucketLoggingStatus": status}, "LoggingConfiguration")


def _attributes(work: Work, name: str) -> dict[str, str]:
    region = work.host.region
    return {
        "Arn": work.host.arn("s3", name, region="", account=""),
        "DomainName": f"{name}.s3.amazonaws.com",
        "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
        "DualStackDomainName": f"{name}.s3.dualstack.{region}.amazonaws.com",
    }


def _encryption(work: Work) -> dict[str, Any] | None:
    given = work.get("BucketEncryption")
    if given is None:
        return None
    rules = []
    for rule in given["ServerSideEncryptionConfiguration"]:
        rule = dict(rule)
        if "ServerSideEncryptionByDefault" in rule:
            rule["ApplyServerSideEncryptionByDefault"] = rule.pop("ServerSideEncryptionByDefault")
        rules.append(rule)
    return {"Rules": rules}


def _lifecycle(work: Work) -> dict[str, Any] | None:
    given = work.get("LifecycleConfiguration")
    return None if given is None else {"Rules": [_lifecycle_rule(rule) for rule in given["Rules"]]}


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """Return a rule as the API has it: expiration and filter in structures of their own, days under other names."""
    same = ("Id", "Status", "AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration")
    made = {"ID" if name == "Id" else name: rule[name] for name in same if name in rule}
    expiration = {
        "Days": rule.get("ExpirationInDays"),
        "Date": rule.get("ExpirationDate"),
        "ExpiredObjectDeleteMarker": rule.get("ExpiredObjectDeleteMarker"),
    }
    if any(value is not None for value in expiration.values()):
        made["Expiration"] = {name: value for name, value in expiration.items() if value is not None}
    if "NoncurrentVersionExpirationInDays" in rule:
        made["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    if "AbortIncompleteMultipartUpload" in made:
        made["AbortIncompleteMultipartUpload"] = {
            "DaysAfterInitiation": rule["AbortIncompleteMultipartUpload"].get("DaysAfterInitiation")
        }
    names = {"TransitionInDays": "Days", "TransitionDate": "Date"}
    if "Transitions" in rule:
        made["Transitions"] = [_renamed(item, names) for item in rule["Transitions"]]
    if "NoncurrentVersionTransitions" in rule:
        names = {"TransitionInDays": "NoncurrentDays"}
        made["NoncurrentVersionTransitions"] = [_renamed(item, names) for item in rule["NoncurrentVersionTransitions"]]
    made["Filter"] = _lifecycle_filter(rule)
    return made


def _lifecycle_filter(rule: dict[str, Any]) -> dict[str, Any]:
    parts: dict[str, Any] = {
        name: rule[name] for name in ("Prefix", "ObjectSizeGreaterThan", "ObjectSizeLessThan") if name in rule
    }
    tags = rule.get("TagFilters") or []
    if not tags and len(parts) <= 1:
        return parts or {"Prefix": ""}
    if len(tags) == 1 and not parts:
        return {"Tag": tags[0]}
    return {"And": {**parts, **({"Tags": tags} if tags else {})}}


def _notifications(work: Work) -> dict[str, Any] | None:
    given = work.get("NotificationConfiguration")
    if given is None:
        return None
    made: dict[str, Any] = {}
    if "EventBridgeConfiguration" in given:
        enabled = given["EventBridgeConfiguration"].get("EventBridgeEnabled", True)
        if str(enabled).lower() == "true":
            made["EventBridgeConfiguration"] = {}
    for name, (api, target, arn) in _TARGETS.items():
        if name in given:
            made[api] = [_notification(item, target, arn) for item in given[name]]
    return made


def _notification(item: dict[str, Any], target: str, arn: str) -> dict[str, Any]:
    made: dict[str, Any] = {arn: item[target], "Events": [item["Event"]]}
    if "Filter" in item:
        made["Filter"] = {"Key": {"FilterRules": item["Filter"]["S3Key"]["Rules"]}}
    return made


def _renamed(item: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in item.items()}


def _put_policy(work: Work) -> Made:
    work.call("s3", "put_bucket_policy", {"Bucket": work.get("Bucket"), "Policy": work.policy()}, "PolicyDocument")
    return Made(f"{work.get('Bucket')}-policy")


KINDS = [
    Kind(
        "AWS::S3::Bucket",
        _create_bucket,
        """
        BucketName ObjectLockEnabled Tags
        VersioningConfiguration.Status
        BucketEncryption.ServerSideEncryptionConfiguration[].ServerSideEncryptionByDefault.SSEAlgorithm
        BucketEncryption.ServerSideEncryptionConfiguration[].ServerSideEncryptionByDefault.KMSMasterKeyID
        BucketEncryption.ServerSideEncryptionConfiguration[].BucketKeyEnabled
        PublicAccessBlockConfiguration
        ObjectLockConfiguration
        OwnershipControls.Rules[].ObjectOwnership
        LoggingConfiguration.DestinationBucketName LoggingConfiguration.LogFilePrefix
        LifecycleConfiguration.Rules[].Id LifecycleConfiguration.Rules[].Status
        LifecycleConfiguration.Rules[].Prefix LifecycleConfiguration.Rules[].TagFilters
        LifecycleConfiguration.Rules[].ObjectSizeGreaterThan LifecycleConfiguration.Rules[].ObjectSizeLessThan
        LifecycleConfiguration.Rules[].ExpirationInDays LifecycleConfiguration.Rules[].ExpirationDate
        LifecycleConfiguration.Rules[].ExpiredObjectDeleteMarker
        LifecycleConfiguration.Rules[].AbortIncompleteMultipartUpload.DaysAfterInitiation
        LifecycleConfiguration.Rules[].NoncurrentVersionExpiration
        LifecycleConfiguration.Rules[].NoncurrentVersionExpirationInDays
        LifecycleConfiguration.Rules[].Transitions[].StorageClass
        LifecycleConfiguration.Rules[].Transitions[].TransitionInDays
        LifecycleConfiguration.Rules[].Transitions[].TransitionDate
        LifecycleConfiguration.Rules[].NoncurrentVersionTransitions[].StorageClass
        LifecycleConfiguration.Rules[].NoncurrentVersionTransitions[].TransitionInDays
        LifecycleConfiguration.Rules[].NoncurrentVersionTransitions[].NewerNoncurrentVersions
        NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled
        NotificationConfiguration.QueueConfigurations
        NotificationConfiguration.TopicConfigurations
        """,
    ),
    Kind(
        "AWS::S3::BucketPolicy",
        _put_policy,
        "Bucket PolicyDocument",
        required="Bucket PolicyDocument",
        update=lambda work, _: _put_policy(work),
    ),
]
