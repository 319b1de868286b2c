"""S3: time of objects, and listings of versions in pages, as monitoring reads them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from rehearsal import Rehearsal

BUCKET = "versions-and-times"


@pytest.fixture(scope="module")
def s3(rehearsal: Rehearsal) -> Iterator[Any]:
    client = rehearsal.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": rehearsal.host.region})
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return client


def test_objects_have_the_time_of_the_rehearsal(rehearsal: Rehearsal, s3: Any) -> None:
    # Given a clock that is ahead of the machine's
    rehearsal.host.clock.advance(7200)
    before = rehearsal.host.clock.now()
    # When an object is written, copied and deleted
    s3.put_object(Bucket=BUCKET, Key="when", Body=b"1")
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": "when"})
    s3.delete_object(Bucket=BUCKET, Key="when")
    # Then every listing shows rehearsal time, to the second
    page = s3.list_object_versions(Bucket=BUCKET, Prefix="when")
    times = [each["LastModified"] for each in (*page["Versions"], *page["DeleteMarkers"])]
    times.append(s3.head_object(Bucket=BUCKET, Key="copy")["LastModified"])
    times += [each["LastModified"] for each in s3.list_objects_v2(Bucket=BUCKET, Prefix="copy")["Contents"]]
    assert len(times) == 4
    assert all(before - timedelta(seconds=1) <= time <= rehearsal.host.clock.now() for time in times)


def test_versions_are_listed_in_pages_below_a_prefix(s3: Any) -> None:
    # Given keys with one to three versions, a deleted one, and a neighbour
    wanted = []
    for number in range(7):
        for version in range(1 + number % 3):
            answer = s3.put_object(Bucket=BUCKET, Key=f"hour/{number}", Body=f"{version}".encode())
            wanted.append((f"hour/{number}", answer["VersionId"]))
    s3.put_object(Bucket=BUCKET, Key="hours", Body=b"x")
    s3.delete_object(Bucket=BUCKET, Key="hour/6")
    # When they are listed in pages of three
    pages = list(
        s3.get_paginator("list_object_versions").paginate(
            Bucket=BUCKET, Prefix="hour/", PaginationConfig={"PageSize": 3}
        )
    )
    # Then each version is there once, the newest of each key is the latest, and a deleted key has none
    found = [each for page in pages for each in page.get("Versions", [])]
    assert len(pages) == 5
    assert sorted((each["Key"], each["VersionId"]) for each in found) == sorted(wanted)
    latest = {each["Key"]: each["VersionId"] for each in found if each["IsLatest"]}
    assert latest == {key: dict(wanted)[key] for key in {key for key, _ in wanted} - {"hour/6"}}
    assert [each["Key"] for page in pages for each in page.get("DeleteMarkers", [])] == ["hour/6"]
    # And a version that is not the latest can be read
    old = next(version for key, version in wanted if key == "hour/1")
    assert s3.get_object(Bucket=BUCKET, Key="hour/1", VersionId=old)["Body"].read() == b"0"
