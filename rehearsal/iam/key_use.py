"""The use of KMS keys that services make with their caller's rights, seen in kms:ViaService.

The encryption contexts are those that the services document.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rehearsal.host import Host
from rehearsal.iam import sources
from rehearsal.iam.keys import Need
from rehearsal.iam.tables import dynamodb, s3
from rehearsal.iam.tables.messaging import queue_arn
from rehearsal.iam.tables.rules import Ask, members


def key_needs(
    host: Host,
    key: str,
    via: str,
    actions: Sequence[str],
    context: dict[str, str] | None = None,
    or_role: str | None = None,
    region: str | None = None,
) -> list[Need]:
    """Return the use of a KMS key that a service makes for a caller.

    Parameters
    ----------
    key
        Id, ARN or alias. A key that AWS manages for a service needs no permission, and one that is not there none
        either: the service itself reports it.
    via
        First part of kms:ViaService.
    context
        The encryption context that the service sends.
    """
    place = region or host.region
    found = sources.kms_key(host, key, place)
    if found is None or sources.is_aws_managed(found):
        return []
    service = f"{via}.{place}.amazonaws.com"
    values: dict[str, tuple[str, ...]] = {
        "kms:viaservice": (service,),
        "kms:calleraccount": (host.account,),
        "aws:viaawsservice": ("true",),
        "aws:calledvia": (f"{via}.amazonaws.com",),
        "aws:calledviafirst": (f"{via}.amazonaws.com",),
        "aws:calledvialast": (f"{via}.amazonaws.com",),
    }
    if context:
        values["kms:encryptioncontextkeys"] = tuple(context)
        values |= {f"kms:encryptioncontext:{name.lower()}": (value,) for name, value in context.items()}
    if "kms:CreateGrant" in actions:
        values["kms:grantisforawsresource"] = ("true",)
    return [Need(action, found.arn, values, implied=True, or_role=or_role) for action in actions]


def key_use(ask: Ask) -> list[Need]:
    """Return the key permissions that a request implies."""
    finder = _KEY_USERS.get(ask.request.service)
    return [] if finder is None else finder(ask)


def _of_s3(ask: Ask) -> list[Need]:
    """SSE-KMS: a data key for what is written, decryption of what is read, both for a copy.

    S3 User Guide, "Protecting data with SSE-KMS", and for uploads in parts "Multipart upload and permissions".
    """
    operation = ask.request.operation
    needs: list[Need] = []
    if operation == "GetObject" or (
        operation == "HeadObject" and ask.request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED"
    ):
        needs += _reading(ask, ask.params["Bucket"], ask.params["Key"], ask.params.get("VersionId"))
    if operation in ("CopyObject", "UploadPartCopy"):
        needs += _reading(ask, *s3.copy_source(ask))
    if operation in ("PutObject", "CopyObject", "CreateMultipartUpload", "UploadPart", "UploadPartCopy"):
        needs += _writing(ask, ["kms:GenerateDataKey"])
    if operation in ("CreateMultipartUpload", "UploadPart", "UploadPartCopy", "CompleteMultipartUpload"):
        needs += _writing(ask, ["kms:Decrypt"])
    return needs


def _buckets(ask: Ask) -> Any:
    from moto.s3.models import s3_backends

    return s3_backends[ask.host.account][ask.host.partition].buckets


def _reading(ask: Ask, bucket: str, key: str, version: str | None) -> list[Need]:
    found = _buckets(ask).get(bucket)
    versions = found.keys.getlist(key, default=[]) if found is not None else []
    if version is not None:
        versions = [each for each in versions if str(each.version_id) == version]
    stored: Any = versions[-1] if versions else None
    if getattr(stored, "encryption", None) != "aws:kms" or not stored.kms_key_id:
        return []
    return _s3_key(ask, stored.kms_key_id, ["kms:Decrypt"], bucket, key, bool(stored.bucket_key_enabled))


def _writing(ask: Ask, actions: Sequence[str]) -> list[Need]:
    bucket, key = ask.params["Bucket"], ask.params["Key"]
    found = _buckets(ask).get(bucket)
    rule = ((found.encryption or {}).get("Rule") or {}) if found is not None else {}
    if isinstance(rule, list):
        rule = rule[0]
    default = rule.get("ApplyServerSideEncryptionByDefault") or {}
    method = ask.request.headers.get("x-amz-server-side-encryption") or default.get("SSEAlgorithm")
    named = ask.request.headers.get("x-amz-server-side-encryption-aws-kms-key-id") or default.get("KMSMasterKeyID")
    if method != "aws:kms" or not named:
        return []
    return _s3_key(ask, named, actions, bucket, key, str(rule.get("BucketKeyEnabled")).lower() == "true")


def _s3_key(ask: Ask, named: str, actions: Sequence[str], bucket: str, key: str, by_bucket: bool) -> list[Need]:
    place = s3.bucket_arn(ask, bucket) if by_bucket else s3.object_arn(ask, bucket, key)
    return key_needs(ask.host, named, "s3", actions, {"aws:s3:arn": place}, region=ask.request.region)


def _of_dynamodb(ask: Ask) -> list[Need]:
    """A table under a customer managed key: the caller must be allowed to decrypt with it, through DynamoDB."""
    names = [ask.params["TableName"]] if ask.params.get("TableName") else list(ask.params.get("RequestItems") or {})
    for entry in ask.params.get("TransactItems") or []:
        names += [part["TableName"] for part in entry.values() if isinstance(part, dict) and "TableName" in part]
    needs: list[Need] = []
    for name in dict.fromkeys(names):
        found = dynamodb.moto_table(ask, name)
        if found is None:
            continue
        secured = found.sse_specification or {}
        if (
            secured.get("Enabled")
            and secured.get("KMSMasterKeyId")
            and not ask.request.operation.startswith("Describe")
        ):
            context = {"aws:dynamodb:tableName": found.name, "aws:dynamodb:subscriberId": ask.host.account}
            key = secured["KMSMasterKeyId"]
            needs += key_needs(ask.host, key, "dynamodb", ["kms:Decrypt"], context, region=ask.request.region)
    return needs


def _of_messages(ask: Ask) -> list[Need]:
    if ask.request.service == "sqs":
        action = {"SendMessageBatch": "SendMessage"}.get(ask.request.operation, ask.request.operation)
        return message_key_needs(ask.host, f"sqs:{action}", queue_arn(ask))
    if ask.request.operation not in ("Publish", "PublishBatch"):
        return []
    return message_key_needs(ask.host, "sns:Publish", str(ask.params.get("TopicArn")))


#: Action on a topic or queue -> what it needs of the key (SNS and SQS Developer Guides, "Key management").
_MESSAGE_KEYS = {
    "sns:Publish": ("kms:GenerateDataKey", "kms:Decrypt"),
    "sqs:SendMessage": ("kms:GenerateDataKey", "kms:Decrypt"),
    "sqs:ReceiveMessage": ("kms:Decrypt",),
}


def message_key_needs(host: Host, action: str, resource: str) -> list[Need]:
    """Return the use of a key that an action on a topic or queue implies; none where it has no key of ours."""
    from moto.sns.models import sns_backends
    from moto.sqs.models import sqs_backends

    actions, parts = _MESSAGE_KEYS.get(action), resource.split(":")
    if actions is None or len(parts) < 6:
        return []
    service, region = parts[2], parts[3]
    found = (
        sns_backends[host.account][region].topics.get(resource)
        if service == "sns"
        else sqs_backends[host.account][region].queues.get(parts[5])
    )
    key = found.kms_master_key_id if found is not None else None
    context = {"aws:sns:topicArn" if service == "sns" else "aws:sqs:arn": resource}
    return key_needs(host, key, service, actions, context, region=region) if key else []


#: SageMaker operation -> (path of the key of its volumes, path of the role whose right does as well).
_VOLUME_KEYS = {
    "CreateTrainingJob": ("ResourceConfig.VolumeKmsKeyId", "RoleArn"),
    "CreateProcessingJob": ("ProcessingResources.ClusterConfig.VolumeKmsKeyId", "RoleArn"),
    "CreateTransformJob": ("TransformResources.VolumeKmsKeyId", ""),
    "CreateHyperParameterTuningJob": (
        "TrainingJobDefinition.ResourceConfig.VolumeKmsKeyId",
        "TrainingJobDefinition.RoleArn",
    ),
}


def _of_sagemaker(ask: Ask) -> list[Need]:
    """A volume's key needs kms:CreateGrant, by the caller or by the role that is passed; an endpoint's by the caller.

    SageMaker Developer Guide, "SageMaker API permissions: actions, permissions, and resources reference".
    """
    operation, region = ask.request.operation, ask.request.region
    if operation in ("CreateEndpoint", "UpdateEndpoint"):
        key = _endpoint_config_key(ask)
        return key_needs(ask.host, key, "sagemaker", ["kms:CreateGrant"], region=region) if key else []
    if operation not in _VOLUME_KEYS:
        return []
    key_path, role_path = _VOLUME_KEYS[operation]
    keys = members(ask.params, key_path)
    roles = members(ask.params, role_path) if role_path else []
    role = roles[0] if roles else None
    return [
        need
        for key in keys
        for need in key_needs(ask.host, key, "sagemaker", ["kms:CreateGrant"], or_role=role, region=region)
    ]


def _endpoint_config_key(ask: Ask) -> str | None:
    from moto.sagemaker.models import sagemaker_backends

    configs = sagemaker_backends[ask.host.account][ask.request.region].endpoint_configs
    found = configs.get(str(ask.params.get("EndpointConfigName")))
    return None if found is None else found.request.get("KmsKeyId")


_KEY_USERS = {
    "s3": _of_s3,
    "dynamodb": _of_dynamodb,
    "sns": _of_messages,
    "sqs": _of_messages,
    "sagemaker": _of_sagemaker,
}
