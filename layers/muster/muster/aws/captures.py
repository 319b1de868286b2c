"""The capture bucket: which files an endpoint has written, each pinned by its version."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from muster.aws.clients import Client, client
from muster.captures import CapturedFile, hour_prefix, hours, time_of
from muster.errors import DataRefused
from muster.naming import VARIANT, s3_uri
from muster.settings import Settings

_THREADS = 8
_UNVERSIONED = "null"


class Captures:
    """Files of data capture, by time."""

    def __init__(self, s3: Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    @classmethod
    def of(cls, settings: Settings) -> "Captures":
        """Return the captures of an installation."""
        return cls(client("s3"), settings.capture_bucket)

    def between(self, endpoint: str, start: datetime, end: datetime) -> list[CapturedFile]:
        """Return the files of a stretch of time by their time, the current version of each; empty ones left out.

        Raises
        ------
        DataRefused
            When the bucket keeps no versions: what was counted could not be told later.
        """

        def of_hour(hour: datetime) -> list[CapturedFile]:
            prefix = hour_prefix(endpoint, VARIANT, hour)
            return [each for each in pinned_below(self._s3, self._bucket, prefix) if start <= each.at < end]

        with ThreadPoolExecutor(_THREADS) as pool:
            found = [each for files in pool.map(of_hour, hours(start, end)) for each in files]
        return sorted(found, key=lambda each: (each.at, each.uri))


def pinned_below(s3: Client, bucket: str, prefix: str) -> Iterator[CapturedFile]:
    """Yield the current version of each file below a prefix whose key names an hour; empty ones left out.

    Raises
    ------
    DataRefused
        When the bucket keeps no versions.
    """
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for each in page.get("Versions", ()):
            at = time_of(each["Key"], each["LastModified"])
            if not each["IsLatest"] or not each["Size"] or at is None:
                continue
            uri = s3_uri(bucket, each["Key"])
            if each["VersionId"] == _UNVERSIONED:
                raise DataRefused(
                    f"{uri}: found no version, wanted a bucket with versioning on: data without versions cannot be pinned"
                )
            yield CapturedFile(uri, each["VersionId"], each["Size"], at, each["LastModified"])
