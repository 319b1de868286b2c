"""Batch files in S3: what lies below a prefix, and a file of any size written piece by piece."""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from muster.aws.clients import Client, client
from muster.contracts.batch import ArrivedObject
from muster.naming import split_s3_uri

_PART_BYTES = 8 * 1024**2
"""S3 takes parts of 5 MiB and more, 10,000 of them: 80 GB here."""


@dataclass(frozen=True)
class Uploaded:
    """What was written."""

    version_id: str | None
    sha256: str
    bytes: int


class BatchFiles:
    """Objects of batches."""

    def __init__(self, s3: Client = None) -> None:
        self._s3 = s3 or client("s3")

    def arrived(self, bucket: str, prefix: str) -> list[ArrivedObject]:
        """Return the current version of every object below a prefix, folder markers left out, sorted by key."""
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        found = [
            ArrivedObject(
                key=each["Key"], version_id=each["VersionId"], bytes=each["Size"], modified=each["LastModified"]
            )
            for page in pages
            for each in page.get("Versions", [])
            if each["IsLatest"] and not (each["Key"].endswith("/") and each["Size"] == 0)
        ]
        return sorted(found, key=lambda each: each.key)

    def upload(self, uri: str, pieces: Iterable[bytes], content_type: str) -> Uploaded:
        """Write an object in parts, none of which is kept; S3 checks each part's SHA-256.

        When anything fails the object is not there, and what it had been given is given up.
        """
        bucket, key = split_s3_uri(uri)
        place = {"Bucket": bucket, "Key": key}
        started = self._s3.create_multipart_upload(**place, ContentType=content_type, ChecksumAlgorithm="SHA256")
        place["UploadId"] = started["UploadId"]
        state, size, parts = hashlib.sha256(), 0, []
        try:
            for number, part in enumerate(_parts(pieces), start=1):
                state.update(part)
                size += len(part)
                checksum = base64.b64encode(hashlib.sha256(part).digest()).decode()
                answer = self._s3.upload_part(
                    **place, PartNumber=number, Body=part, ChecksumAlgorithm="SHA256", ChecksumSHA256=checksum
                )
                parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum})
            done = self._s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
        except BaseException:
            self._s3.abort_multipart_upload(**place)
            raise
        return Uploaded(done.get("VersionId"), state.hexdigest(), size)


def _parts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what the pieces hold in parts of one size, the last one smaller; one empty part of nothing."""
    part, given = bytearray(), False
    for piece in pieces:
        part += piece
        while len(part) >= _PART_BYTES:
            yield bytes(part[:_PART_BYTES])
            del part[:_PART_BYTES]
            given = True
    if part or not given:
        yield bytes(part)
