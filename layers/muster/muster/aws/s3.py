"""Objects in S3: pinned reads, digests, and writes that can be repeated.

What Muster writes is named by its digest, so a write that finds the same bytes in place is done already. SHA-256 is
asked for on every write: S3 checks it on arrival and keeps it, and a later reader need not stream the object to know
it.
"""

import base64
import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from botocore.exceptions import ClientError

from muster.aws.clients import Client, client, code_of, denied
from muster.contracts.snapshot import ListedObject
from muster.digests import check, sha256, sha256_of_chunks
from muster.errors import DataRefused, DigestMismatch, NotFound
from muster.naming import split_s3_uri
from muster.settings import Settings

READ_LIMIT = 64 * 1024**2
"""Bytes of the largest document that is read whole into a function: specs, manifests, reports."""
_CHUNK = 1024 * 1024
_MISSING = frozenset({"NoSuchKey", "NoSuchVersion", "NoSuchBucket", "404", "NotFound"})


@dataclass(frozen=True)
class Stored:
    """An object version as HeadObject shows it; ``sha256`` is None when S3 keeps no full-object SHA-256 of it."""

    uri: str
    version_id: str | None
    bytes: int
    sha256: str | None
    held_until: datetime.datetime | None = None


@dataclass(frozen=True)
class Lock:
    """Object Lock of what is written to the buckets of record. ``none`` leaves retention to the bucket's default.

    Compliance, which nobody can shorten, holds in the evidence bucket alone; elsewhere it becomes governance, so that
    spilled data can be removed.
    """

    mode: Literal["none", "governance", "compliance"] = "none"
    days: int = 0
    evidence_bucket: str = ""

    def mode_in(self, bucket: str) -> str:
        """Return the mode in S3's word for what is written to a bucket; not asked where there is no lock."""
        return "COMPLIANCE" if self.mode == "compliance" and bucket == self.evidence_bucket else "GOVERNANCE"

    def until(self) -> datetime.datetime:
        """Return the retention date. S3 counts retention by real time, so this is the one use of the host's clock."""
        return datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=self.days)


class Body(Protocol):
    """The content of an object, as botocore's StreamingBody gives it."""

    def read(self, size: int = ..., /) -> bytes:
        """Return up to so many bytes, none at the end."""


class ObjectStore:
    """S3 with Muster's manners.

    Examples
    --------
    >>> store = ObjectStore.of(settings)                                            # doctest: +SKIP
    >>> spec = store.read_pinned(run.spec_uri, run.spec_digest)                     # doctest: +SKIP
    >>> store.write(s3_uri(bucket, key), data, "application/json", locked=True)     # doctest: +SKIP
    """

    def __init__(self, s3: Client, lock: Lock | None = None) -> None:
        self._s3 = s3
        self._lock = lock or Lock()

    @classmethod
    def of(cls, settings: Settings) -> "ObjectStore":
        """Return the store of an installation."""
        return cls(client("s3"), Lock(settings.object_lock, settings.object_lock_days, settings.evidence_bucket))

    # -- looking ---------------------------------------------------------------------------------------------------
    def versioned(self, bucket: str) -> bool:
        """Tell whether a bucket keeps every version."""
        return bool(self._s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled")

    def current(self, bucket: str, prefix: str) -> list[ListedObject]:
        """Return the current version of every object below a prefix, folder markers left out, sorted by key."""
        return sorted(self.listed(bucket, prefix), key=lambda each: each.key)

    def listed(self, bucket: str, prefix: str, most: int | None = None) -> Iterator[ListedObject]:
        """Yield the current version of every object below a prefix, folder markers left out, page by page.

        Parameters
        ----------
        most
            Versions and delete markers that are looked through, by whole pages; None: all there are.

        Raises
        ------
        DataRefused
            When there are more.
        """
        looked_at = 0
        for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
            if most is not None and looked_at >= most:
                raise DataRefused(
                    f"s3://{bucket}/{prefix}: found more than {most} versions, wanted fewer: let a lifecycle rule "
                    "remove the noncurrent ones"
                )
            looked_at += len(page.get("Versions", [])) + len(page.get("DeleteMarkers", []))
            for each in page.get("Versions", []):
                if each["IsLatest"] and not (each["Key"].endswith("/") and each["Size"] == 0):
                    yield ListedObject(key=each["Key"], version_id=each["VersionId"], bytes=each["Size"])

    def stat(self, uri: str, version_id: str | None = None) -> Stored | None:
        """Describe an object, or return None when it is not there."""
        bucket, key = split_s3_uri(uri)
        try:
            answer = self._s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED", **_version(version_id))
        except ClientError as error:
            if code_of(error) in _MISSING:
                return None
            raise
        return Stored(
            uri=uri,
            version_id=answer.get("VersionId"),
            bytes=answer["ContentLength"],
            sha256=_full_object_sha256(answer),
            held_until=answer.get("ObjectLockRetainUntilDate"),
        )

    def sha256_of(self, uri: str, version_id: str | None = None) -> str:
        """Return an object's digest: S3's own checksum where it has one, else by streaming the object.

        Raises
        ------
        NotFound
            When there is no such object.
        """
        stored = self.stat(uri, version_id)
        if stored is None:
            raise _not_found(uri)
        return stored.sha256 or self.stream_sha256(uri, version_id)[0]

    # -- reading ---------------------------------------------------------------------------------------------------
    def read(self, uri: str, version_id: str | None = None, limit: int = READ_LIMIT) -> bytes:
        """Return a whole small object.

        Raises
        ------
        NotFound
            When there is no such object.
        DataRefused
            When it is larger than ``limit`` bytes.
        """
        answer = self._get(uri, version_id)
        if answer["ContentLength"] > limit:
            raise DataRefused(f"{uri}: found {answer['ContentLength']} bytes, wanted at most {limit}")
        return bytes(answer["Body"].read())

    def read_pinned(self, uri: str, digest: str) -> bytes:
        """Return a small object whose sha256 is known.

        Raises
        ------
        DigestMismatch
            When the bytes are not the pinned ones.
        """
        return check(uri, self.read(uri), digest)

    def stream_sha256(self, uri: str, version_id: str | None = None) -> tuple[str, int]:
        """Return sha256 and length of an object of any size, reading it piece by piece."""
        return sha256_of_chunks(self.chunks(uri, version_id))

    def chunks(self, uri: str, version_id: str | None = None) -> Iterator[bytes]:
        """Yield an object's bytes in pieces."""
        yield from self._get(uri, version_id)["Body"].iter_chunks(_CHUNK)

    def open(self, uri: str, version_id: str | None = None) -> Body:
        """Return an object's content to be read piece by piece: what it gives is read from S3 as it is asked for.

        Raises
        ------
        NotFound
            When there is no such object.
        """
        body: Body = self._get(uri, version_id)["Body"]
        return body

    def _get(self, uri: str, version_id: str | None) -> dict[str, Any]:
        bucket, key = split_s3_uri(uri)
        try:
            answer: dict[str, Any] = self._s3.get_object(Bucket=bucket, Key=key, **_version(version_id))
        except ClientError as error:
            if code_of(error) in _MISSING:
                raise _not_found(uri) from error
            raise
        return answer

    # -- writing ---------------------------------------------------------------------------------------------------
    def write(self, uri: str, data: bytes, content_type: str, *, locked: bool) -> Stored:
        """Put an object; when the same bytes are there already only the retention is prolonged."""
        digest = sha256(data)
        present = self._present(uri, digest)
        if present is not None:
            return self._hold(present) if locked else present
        bucket, key = split_s3_uri(uri)
        answer = self._s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=data,
            ContentType=content_type,
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=_base64(digest),
            **(self._retention(bucket) if locked else {}),
        )
        return Stored(uri, answer.get("VersionId"), len(data), digest)

    def create(self, uri: str, data: bytes, content_type: str) -> None:
        """Put an object unless there is one: of two writers at once the first stays."""
        bucket, key = split_s3_uri(uri)
        try:
            self._s3.put_object(
                Bucket=bucket,
                Key=key,
                Body=data,
                ContentType=content_type,
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=_base64(sha256(data)),
                IfNoneMatch="*",
            )
        except ClientError as error:
            if code_of(error) not in ("PreconditionFailed", "ConditionalRequestConflict", "412", "409"):
                raise

    def seal(self, source: str, version_id: str | None, target: str, digest: str) -> Stored:
        """Copy one version to a digest-named, locked key, and check that the copy is what it is named.

        Without a version (a bucket that keeps none) the check of the copy's digest is what binds it.

        Raises
        ------
        DataRefused
            When the object is larger than S3 copies in one call.
        DigestMismatch
            When the copy has another digest than ``digest``.
        """
        present = self._present(target, digest)
        if present is not None:
            return self._hold(present)
        bucket, key = split_s3_uri(target)
        from_bucket, from_key = split_s3_uri(source)
        try:
            answer = self._s3.copy_object(
                Bucket=bucket,
                Key=key,
                CopySource={"Bucket": from_bucket, "Key": from_key, **_version(version_id)},
                ChecksumAlgorithm="SHA256",
                # The source's metadata and tags are not part of what was pinned.
                MetadataDirective="REPLACE",
                TaggingDirective="REPLACE",
                ContentType="application/octet-stream",
            )
        except ClientError as error:
            if code_of(error) in _MISSING:
                raise _not_found(source) from error
            if code_of(error) == "InvalidRequest":
                raise DataRefused(
                    f"{source}: S3 refused the copy ({error}), wanted an object of at most 5 GiB"
                ) from error
            raise
        copy = self.stat(target, answer.get("VersionId"))
        if copy is None:
            raise _not_found(target)
        found = copy.sha256 or self.stream_sha256(target, copy.version_id)[0]
        if found != digest:
            raise DigestMismatch(f"{target}: found sha256 {found} in the copy of {source}, wanted {digest}")
        return self._hold(copy)

    def _present(self, uri: str, digest: str) -> Stored | None:
        try:
            stored = self.stat(uri)
        except ClientError as error:
            # Without s3:ListBucket S3 says "denied" for "not there". If it is a true denial, the write will say so.
            if denied(error):
                return None
            raise
        if stored is None:
            return None
        return stored if (stored.sha256 or self.stream_sha256(uri)[0]) == digest else None

    def _hold(self, stored: Stored) -> Stored:
        """Prolong the retention of an object that a new record now relies on. Prolonging needs no bypass permission."""
        if self._lock.mode == "none":
            return stored
        until = self._lock.until()
        if stored.held_until is not None and stored.held_until >= until - datetime.timedelta(days=1):
            return stored
        bucket, key = split_s3_uri(stored.uri)
        self._s3.put_object_retention(
            Bucket=bucket,
            Key=key,
            Retention={"Mode": self._lock.mode_in(bucket), "RetainUntilDate": until},
            ChecksumAlgorithm="SHA256",
            **_version(stored.version_id),
        )
        return stored

    def _retention(self, bucket: str) -> dict[str, Any]:
        if self._lock.mode == "none":
            return {}
        return {"ObjectLockMode": self._lock.mode_in(bucket), "ObjectLockRetainUntilDate": self._lock.until()}


def _version(version_id: str | None) -> dict[str, str]:
    return {"VersionId": version_id} if version_id else {}


def _not_found(uri: str) -> NotFound:
    return NotFound(f"{uri}: found nothing there, wanted the object that was recorded")


def _base64(digest: str) -> str:
    return base64.b64encode(bytes.fromhex(digest)).decode()


def _full_object_sha256(answer: dict[str, Any]) -> str | None:
    """Return S3's SHA-256 as hex; None for the checksum of a multipart upload, which is one of checksums (``…-3``)."""
    value = answer.get("ChecksumSHA256")
    if not value or "-" in value or answer.get("ChecksumType", "FULL_OBJECT") != "FULL_OBJECT":
        return None
    return base64.b64decode(value).hex()
