"""S3 and DynamoDB in memory, as far as Muster's adapters use them: moto takes 20 ms for what these do in much less.

`test_storage.py` runs the same tests on these and on moto, so that they stay true.
"""

import base64
import hashlib
import io
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from tests.functions.fakes import Fake, error


@dataclass
class Version:
    version_id: str
    body: bytes
    checksum: str | None
    held_until: datetime | None = None
    content_type: str = ""
    mode: str | None = None
    modified: datetime = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass
class Bucket:
    versioning: str | None = None
    locked: bool = False
    objects: dict[str, list[Version]] = field(default_factory=dict)


class Chunks(io.BytesIO):
    """A StreamingBody."""

    def iter_chunks(self, size: int) -> Any:
        return iter(lambda: self.read(size), b"")


class FakeS3(Fake):
    """Keeps every version; unversioned buckets have the version id that S3 does not show."""

    service = "s3"

    def __init__(self) -> None:
        super().__init__()
        self.buckets: dict[str, Bucket] = {}
        self.denied: set[str] = set()
        self.uploads: dict[str, dict[int, bytes]] = {}

    def do_create_bucket(self, Bucket: str, ObjectLockEnabledForBucket: bool = False, **_: Any) -> Any:
        made = globals()["Bucket"](locked=ObjectLockEnabledForBucket)
        made.versioning = "Enabled" if ObjectLockEnabledForBucket else None
        self.buckets[Bucket] = made
        return {}

    def do_put_bucket_versioning(self, Bucket: str, VersioningConfiguration: dict[str, str]) -> Any:
        self.buckets[Bucket].versioning = VersioningConfiguration["Status"]

    def do_get_bucket_versioning(self, Bucket: str) -> Any:
        status = self.buckets[Bucket].versioning
        return {"Status": status} if status else {}

    def do_put_object(
        self,
        Bucket: str,
        Key: str,
        Body: bytes,
        ChecksumSHA256: str | None = None,
        ObjectLockRetainUntilDate: datetime | None = None,
        IfNoneMatch: str | None = None,
        **more: Any,
    ) -> Any:
        if Bucket not in self.buckets:
            raise error("NoSuchBucket", "The specified bucket does not exist", status=404)
        if IfNoneMatch == "*" and self.buckets[Bucket].objects.get(Key):
            raise error("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412)
        digest = base64.b64encode(hashlib.sha256(Body).digest()).decode()
        if ChecksumSHA256 not in (None, digest):
            raise error("BadDigest", "The SHA256 you specified did not match the calculated checksum.")
        checksum = digest if ChecksumSHA256 or more.get("ChecksumAlgorithm") == "SHA256" else None
        made = Version("", Body, checksum, ObjectLockRetainUntilDate, more.get("ContentType", ""))
        made.mode = more.get("ObjectLockMode")
        return self._shown(self._add(Bucket, Key, made))

    def do_head_object(self, Bucket: str, Key: str, VersionId: str | None = None, **_: Any) -> Any:
        found = self._find(Bucket, Key, VersionId, "404")
        held = {"ObjectLockRetainUntilDate": found.held_until, "ObjectLockMode": found.mode} if found.held_until else {}
        return {**self._shown(found), "ContentLength": len(found.body), "ContentType": found.content_type, **held}

    def do_get_object(self, Bucket: str, Key: str, VersionId: str | None = None, **_: Any) -> Any:
        found = self._find(Bucket, Key, VersionId, "NoSuchKey")
        return {**self._shown(found), "ContentLength": len(found.body), "Body": Chunks(found.body)}

    def do_copy_object(
        self, Bucket: str, Key: str, CopySource: dict[str, str], ContentType: str, ChecksumAlgorithm: str, **_: Any
    ) -> Any:
        source = self._find(CopySource["Bucket"], CopySource["Key"], CopySource.get("VersionId"), "NoSuchKey")
        digest = base64.b64encode(hashlib.sha256(source.body).digest()).decode()
        made = self._add(Bucket, Key, Version("", source.body, digest, None, ContentType))
        return {**self._shown(made), "CopyObjectResult": {"ChecksumSHA256": digest}}

    def do_create_multipart_upload(self, Bucket: str, Key: str, ContentType: str, ChecksumAlgorithm: str) -> Any:
        self.uploads[f"{Bucket}/{Key}"] = {}
        return {"UploadId": f"{Bucket}/{Key}"}

    def do_upload_part(self, UploadId: str, PartNumber: int, Body: bytes, ChecksumSHA256: str, **_: Any) -> Any:
        assert ChecksumSHA256 == base64.b64encode(hashlib.sha256(Body).digest()).decode()
        self.uploads[UploadId][PartNumber] = Body
        return {"ETag": f'"{PartNumber}"'}

    def do_complete_multipart_upload(self, Bucket: str, Key: str, UploadId: str, MultipartUpload: Any) -> Any:
        parts = self.uploads.pop(UploadId)
        assert [each["PartNumber"] for each in MultipartUpload["Parts"]] == sorted(parts)
        return self._shown(self._add(Bucket, Key, Version("", b"".join(parts.values()), None)))

    def do_abort_multipart_upload(self, Bucket: str, Key: str, UploadId: str) -> Any:
        del self.uploads[UploadId]

    def do_put_object_retention(
        self, Bucket: str, Key: str, Retention: dict[str, Any], VersionId: str | None = None, **_: Any
    ) -> Any:
        if not self.buckets[Bucket].locked:
            raise error("InvalidRequest", "Bucket is missing Object Lock Configuration")
        found = self._find(Bucket, Key, VersionId, "NoSuchKey")
        found.held_until, found.mode = Retention["RetainUntilDate"], Retention["Mode"]
        return {}

    def do_delete_object(self, Bucket: str, Key: str) -> Any:
        del self.buckets[Bucket].objects[Key]

    def do_list_object_versions(self, Bucket: str, Prefix: str) -> Any:
        found = [
            {
                "Key": key,
                "VersionId": each.version_id,
                "Size": len(each.body),
                "IsLatest": each is versions[-1],
                "LastModified": each.modified,
            }
            for key, versions in self.buckets[Bucket].objects.items()
            for each in versions
            if key.startswith(Prefix)
        ]
        return {"Versions": found} if found else {}

    def _add(self, bucket: str, key: str, made: Version) -> Version:
        place = self.buckets[bucket]
        versions = place.objects.setdefault(key, [])
        if place.versioning == "Enabled":
            made.version_id = f"v{sum(map(len, (o for b in self.buckets.values() for o in b.objects.values()))) + 1}"
        else:
            made.version_id = "null"
            versions.clear()
        versions.append(made)
        return made

    def _find(self, bucket: str, key: str, version_id: str | None, missing: str) -> Version:
        if key in self.denied:
            raise error("AccessDenied" if missing != "404" else "403", "Access Denied", status=403)
        if bucket not in self.buckets:
            raise error("NoSuchBucket" if missing != "404" else "404", status=404)
        for each in reversed(self.buckets[bucket].objects.get(key, [])):
            if version_id in (None, each.version_id):
                return each
        raise error(missing, "Not Found", status=404)

    @staticmethod
    def _shown(version: Version) -> dict[str, Any]:
        shown = {"VersionId": version.version_id} if version.version_id != "null" else {}
        return {**shown, **({"ChecksumSHA256": version.checksum} if version.checksum else {})}


class _Absent:
    """An attribute that is not there: no comparison with it holds."""

    def __eq__(self, other: object) -> bool:
        return False

    __lt__ = __le__ = __gt__ = __ge__ = __eq__

    def __hash__(self) -> int:
        return 0


_RESERVED = frozenset(
    resources.files("moto.dynamodb").joinpath("parsing/reserved_keywords.txt").read_text(encoding="utf-8").split()
)
_FUNCTIONS = ("attribute_exists", "attribute_not_exists", "begins_with")
_TOKEN = re.compile(r"\s*(<=|>=|<>|[=<>(),]|[#:]?[A-Za-z_][A-Za-z0-9_]*)")


def _holds(expression: str, item: dict[str, Any], names: dict[str, str], values: dict[str, Any]) -> bool:
    """Evaluate a condition expression of the forms that the ledger uses."""
    parts: list[str] = []
    for token in _TOKEN.findall(expression):
        if token.upper() in ("AND", "OR", "NOT", "IN"):
            parts.append(token.lower())
        elif token == "=":
            parts.append("==")
        elif token in _FUNCTIONS or token in ("(", ")", ",", "<", ">", "<=", ">="):
            parts.append(token)
        elif token.startswith(":"):
            parts.append(f"value[{token!r}]")
        else:
            assert token.upper() not in _RESERVED, f"{token} is a reserved word of DynamoDB"
            parts.append(f"attribute({names.get(token, token)!r})")
    absent = _Absent()
    place = {
        "value": values,
        "attribute": lambda name: item.get(name, absent),
        "attribute_exists": lambda found: found is not absent,
        "attribute_not_exists": lambda found: found is absent,
        "begins_with": lambda found, prefix: found is not absent and found.startswith(prefix),
    }
    return bool(eval(" ".join(parts), {"__builtins__": {}}, place))


class FakeDynamoDB(Fake):
    service = "dynamodb"

    def seen(self, request: dict[str, Any]) -> None:
        self._all_used(request)

    def __init__(self) -> None:
        super().__init__()
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        self._read = TypeDeserializer().deserialize

    def do_create_table(self, **_: Any) -> Any:
        return {}

    def do_get_item(self, Key: dict[str, Any], **_: Any) -> Any:
        found = self.items.get(self._key(Key))
        return {"Item": found} if found else {}

    def do_put_item(self, Item: dict[str, Any], **condition: Any) -> Any:
        self._check(self._key(Item), condition)
        self.items[self._key(Item)] = Item

    def do_update_item(self, Key: dict[str, Any], UpdateExpression: str, **condition: Any) -> Any:
        self._check(self._key(Key), condition)
        item = self.items.setdefault(self._key(Key), dict(Key))
        names = condition.get("ExpressionAttributeNames", {})
        for change in UpdateExpression.removeprefix("SET ").split(", "):
            name, value = change.split(" = ")
            item[names.get(name, name)] = condition["ExpressionAttributeValues"][value]

    def do_delete_item(self, Key: dict[str, Any], **condition: Any) -> Any:
        self._check(self._key(Key), condition)
        self.items.pop(self._key(Key), None)

    def do_query(self, KeyConditionExpression: str, ScanIndexForward: bool = True, **more: Any) -> Any:
        found = self._matching(KeyConditionExpression, more)
        return {"Items": found if ScanIndexForward else found[::-1]}

    def do_scan(self, FilterExpression: str, **more: Any) -> Any:
        return {"Items": self._matching(FilterExpression, more)}

    def _matching(self, expression: str, more: dict[str, Any]) -> list[dict[str, Any]]:
        return [item for _, item in sorted(self.items.items()) if self._meets(expression, item, more)]

    def _all_used(self, request: dict[str, Any]) -> None:
        """DynamoDB refuses a request that defines a name or value which none of its expressions uses."""
        text = " ".join(value for name, value in request.items() if name.endswith("Expression"))
        tokens = set(re.findall(r"[#:][A-Za-z0-9_]+", text))
        defined = {*request.get("ExpressionAttributeNames", {}), *request.get("ExpressionAttributeValues", {})}
        assert tokens == defined, f"used {sorted(tokens)}, defined {sorted(defined)}"

    def _check(self, key: tuple[str, str], condition: dict[str, Any]) -> None:
        expression = condition.get("ConditionExpression")
        if expression and not self._meets(expression, self.items.get(key, {}), condition):
            raise error("ConditionalCheckFailedException", "The conditional request failed")

    def _meets(self, expression: str, item: dict[str, Any], more: dict[str, Any]) -> bool:
        plain = {name: self._read(value) for name, value in item.items()}
        values = {name: self._read(value) for name, value in more.get("ExpressionAttributeValues", {}).items()}
        return _holds(expression, plain, more.get("ExpressionAttributeNames", {}), values)

    @staticmethod
    def _key(item: dict[str, Any]) -> tuple[str, str]:
        return item["pk"]["S"], item["sk"]["S"]
