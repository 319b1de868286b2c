"""What S3 asks for besides the action itself, of who reads or writes objects.

A rehearsal shows these only when the case comes up: an object that is missing, one that is there already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from checks.permissions.application import Application
from checks.permissions.needed import Need

_READS = ("s3:GetObject", "s3:GetObjectVersion")
_LIST = "S3 API Reference, GetObject: a missing object is 404 only to who may list the bucket, else 403"
_RETENTION = "S3 API Reference, HeadObject: tells the retention only to who may read it"
_KEY = "S3 User Guide, Protecting data with SSE-KMS"


def implied(application: Application, needs: Iterable[Need]) -> list[Need]:
    """Return what the S3 actions among `needs` bring with them."""
    keys = {bucket.arn: _key(bucket.properties) for bucket in application.of("AWS::S3::Bucket")}
    needs = list(needs)
    found: list[Need] = []
    failing = {need.principal for need in needs if not need.looks}  # also where the record has their calls
    for need in needs:
        bucket = need.resource.partition("/")[0]
        if bucket in keys:
            found += _of(replace(need, looks=need.principal not in failing), bucket, keys[bucket])
    return list(dict.fromkeys(found))


def _of(need: Need, bucket: str, key: str | None) -> Iterator[Need]:
    if need.action in _READS:
        if need.looks:
            yield replace(need, action="s3:ListBucket", resource=bucket, why=_LIST)
        if key:
            yield replace(need, action="kms:Decrypt", resource=key, why=_KEY, via="s3")
    if need.action == "s3:PutObject" and key:
        yield replace(need, action="kms:GenerateDataKey", resource=key, why=_KEY, via="s3")
    if need.action == "s3:PutObjectRetention":
        yield replace(need, action="s3:GetObjectRetention", why=_RETENTION)


def _key(properties: dict[str, object]) -> str | None:
    """Return the ARN of the key that a bucket encrypts with by default."""
    match properties.get("BucketEncryption"):
        case {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"KMSMasterKeyID": str(key)}}]}:
            return key
    return None
