"""S3: objects and buckets. Some operations need an action of another name, or several."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from rehearsal.iam.keys import Need, Values
from rehearsal.iam.tables.rules import Ask, Rule, Table, prefixed, table


def _header(ask: Ask, name: str) -> str | None:
    return ask.request.headers.get(name)


def object_arn(ask: Ask, bucket: str | None = None, key: str | None = None) -> str:
    """Return the ARN of an object: the request's own unless another is named."""
    place, name = bucket or ask.params["Bucket"], key if key is not None else ask.params["Key"]
    return f"{bucket_arn(ask, place)}/{name}"


def bucket_arn(ask: Ask, bucket: str | None = None) -> str:
    """Return the ARN of a bucket: the request's own unless another is named."""
    return f"arn:{ask.host.partition}:s3:::{bucket or ask.params['Bucket']}"


def _days_left(ask: Ask, until: object) -> int | None:
    if not until:
        return None
    moment = until if isinstance(until, datetime) else datetime.fromisoformat(str(until).replace("Z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - ask.host.clock.now()).days


def _lock(ask: Ask, mode: object, until: object, hold: object) -> Values:
    return prefixed(
        "s3",
        object_lock_mode=mode,
        object_lock_retain_until_date=until,
        object_lock_legal_hold=hold,
        object_lock_remaining_retention_days=_days_left(ask, until),
    )


def _written(ask: Ask) -> Values:
    """Condition keys of a request that writes an object."""
    tags = dict(parse_qsl(_header(ask, "x-amz-tagging") or ""))
    return {
        **prefixed(
            "s3",
            x_amz_server_side_encryption=_header(ask, "x-amz-server-side-encryption"),
            x_amz_server_side_encryption_aws_kms_key_id=_header(ask, "x-amz-server-side-encryption-aws-kms-key-id"),
            x_amz_acl=_header(ask, "x-amz-acl"),
            x_amz_copy_source=unquote(_header(ask, "x-amz-copy-source") or "").lstrip("/") or None,
            x_amz_metadata_directive=_header(ask, "x-amz-metadata-directive"),
            x_amz_storage_class=_header(ask, "x-amz-storage-class"),
            requestobjecttagkeys=list(tags) or None,
        ),
        **{f"s3:requestobjecttag/{key.lower()}": (value,) for key, value in tags.items()},
        **_lock(ask, *_lock_headers(ask)),
    }


def _lock_headers(ask: Ask) -> tuple[str | None, str | None, str | None]:
    return (
        _header(ask, "x-amz-object-lock-mode"),
        _header(ask, "x-amz-object-lock-retain-until-date"),
        _header(ask, "x-amz-object-lock-legal-hold"),
    )


def _put(ask: Ask) -> list[Need]:
    """Writing needs PutObject, and more for what its headers also set: retention, legal hold, tags, ACL."""
    arn, context = object_arn(ask), _written(ask)
    mode, _, hold = _lock_headers(ask)
    needs = [ask.need(arn, context, action="s3:PutObject")]
    extra = {
        "s3:PutObjectRetention": mode,
        "s3:PutObjectLegalHold": hold,
        "s3:PutObjectTagging": _header(ask, "x-amz-tagging"),
        "s3:PutObjectAcl": _header(ask, "x-amz-acl"),
    }
    return needs + [ask.need(arn, context, action=action) for action, given in extra.items() if given]


def copy_source(ask: Ask) -> tuple[str, str, str | None]:
    """Return bucket, key and version of what a copy reads."""
    path, _, query = (_header(ask, "x-amz-copy-source") or "").partition("?")
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    return bucket, key, dict(parse_qsl(query)).get("versionId")


def _copy(ask: Ask) -> list[Need]:
    bucket, key, version = copy_source(ask)
    source = ask.need(
        object_arn(ask, bucket, key),
        prefixed("s3", versionid=version),
        action="s3:GetObjectVersion" if version else "s3:GetObject",
    )
    return [source, *_put(ask)]


def _read(plain: str, versioned: str) -> Rule:
    """Need one action for the current version, another when a version is named."""

    def rule(ask: Ask) -> list[Need]:
        version = ask.params.get("VersionId")
        action = versioned if version else plain
        return [ask.need(object_arn(ask), prefixed("s3", versionid=version), action=f"s3:{action}")]

    return rule


def _attributes(ask: Ask) -> list[Need]:
    version = "Version" if ask.params.get("VersionId") else ""
    arn, context = object_arn(ask), prefixed("s3", versionid=ask.params.get("VersionId"))
    return [ask.need(arn, context, action=f"s3:GetObject{version}{part}") for part in ("", "Attributes")]


def _delete_many(ask: Ask) -> list[Need]:
    needs = []
    for each in ask.get("Delete", "Objects") or []:
        version = each.get("VersionId")
        action = "s3:DeleteObjectVersion" if version else "s3:DeleteObject"
        needs.append(ask.need(object_arn(ask, key=each["Key"]), prefixed("s3", versionid=version), action=action))
    return needs


def _retention(ask: Ask) -> list[Need]:
    new = ask.params.get("Retention") or {}
    arn, context = object_arn(ask), _lock(ask, new.get("Mode"), new.get("RetainUntilDate"), None)
    needs = [ask.need(arn, context)]
    if str(_header(ask, "x-amz-bypass-governance-retention")).lower() == "true":
        needs.append(ask.need(arn, context, action="s3:BypassGovernanceRetention"))
    return needs


def _legal_hold(ask: Ask) -> list[Need]:
    return [ask.need(object_arn(ask), _lock(ask, None, None, ask.get("LegalHold", "Status")))]


def _list(action: str) -> Rule:
    def rule(ask: Ask) -> list[Need]:
        get = ask.params.get
        context = prefixed("s3", prefix=get("Prefix"), delimiter=get("Delimiter"), max_keys=get("MaxKeys"))
        return [ask.need(bucket_arn(ask), context, action=f"s3:{action}")]

    return rule


def _object(action: str) -> Rule:
    def rule(ask: Ask) -> list[Need]:
        return [ask.need(object_arn(ask), action=f"s3:{action}")]

    return rule


def _bucket(action: str) -> Rule:
    def rule(ask: Ask) -> list[Need]:
        return [ask.need(bucket_arn(ask), action=f"s3:{action}")]

    return rule


def _nothing(ask: Ask) -> list[Need]:
    return [ask.need("*", action="s3:ListAllMyBuckets")]


#: Operations on a bucket whose action has another name. All others have the operation's own.
_BUCKET_ACTIONS: dict[str, Any] = {
    "HeadBucket": "ListBucket",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "PutBucketCors": "PutBucketCORS",
    "ListMultipartUploads": "ListBucketMultipartUploads",
}
_BUCKET_PLAIN = (
    "CreateBucket DeleteBucket GetBucketLocation GetBucketVersioning PutBucketVersioning GetBucketPolicy "
    "PutBucketPolicy DeleteBucketPolicy GetBucketPolicyStatus GetBucketTagging PutBucketTagging GetBucketAcl "
    "GetBucketLogging PutBucketLogging GetBucketOwnershipControls PutBucketOwnershipControls"
)

S3: Table = {
    **table(
        ("GetObject HeadObject", _read("GetObject", "GetObjectVersion")),
        ("PutObject CreateMultipartUpload", _put),
        ("UploadPart CompleteMultipartUpload", _object("PutObject")),
        ("CopyObject UploadPartCopy", _copy),
        ("AbortMultipartUpload", _object("AbortMultipartUpload")),
        ("ListParts", _object("ListMultipartUploadParts")),
        ("DeleteObject", _read("DeleteObject", "DeleteObjectVersion")),
        ("DeleteObjects", _delete_many),
        ("GetObjectAttributes", _attributes),
        ("GetObjectTagging", _read("GetObjectTagging", "GetObjectVersionTagging")),
        ("PutObjectTagging", _read("PutObjectTagging", "PutObjectVersionTagging")),
        ("GetObjectAcl", _read("GetObjectAcl", "GetObjectVersionAcl")),
        ("GetObjectRetention", _object("GetObjectRetention")),
        ("GetObjectLegalHold", _object("GetObjectLegalHold")),
        ("PutObjectRetention", _retention),
        ("PutObjectLegalHold", _legal_hold),
        ("ListObjects ListObjectsV2", _list("ListBucket")),
        ("ListObjectVersions", _list("ListBucketVersions")),
        ("ListBuckets", _nothing),
    ),
    **{operation: _bucket(action) for operation, action in _BUCKET_ACTIONS.items()},
    **{operation: _bucket(operation) for operation in _BUCKET_PLAIN.split()},
}
