"""The adapters of S3 and DynamoDB, on moto and on the fakes that the other tests use: both have to agree."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from muster import digests
from muster.aws.ledger import NEW, Condition, Ledger
from muster.aws.s3 import Lock, ObjectStore
from muster.errors import DataRefused, DigestMismatch, NotFound
from tests.functions import fakes
from tests.functions.fake_storage import FakeDynamoDB, FakeS3

pytestmark = pytest.mark.xdist_group("moto")
TEXT = "text/plain"


@pytest.fixture(scope="module", params=["moto", "fake"])
def clients(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Any]]:
    if request.param == "fake":
        yield _built(FakeS3(), FakeDynamoDB())
        return
    with mock_aws():
        yield _built(boto3.client("s3"), boto3.client("dynamodb"))


def _built(s3: Any, dynamodb: Any) -> tuple[Any, Any]:
    place = {"LocationConstraint": "us-gov-west-1"}
    for name, locked in (("plain-bucket", False), ("locked-bucket", True), ("evidence-bucket", True)):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration=place, ObjectLockEnabledForBucket=locked)
    dynamodb.create_table(
        TableName="ledger",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    return s3, dynamodb


@pytest.fixture
def s3(clients: tuple[Any, Any]) -> Any:
    return clients[0]


@pytest.fixture
def ledger(clients: tuple[Any, Any]) -> Ledger:
    return Ledger(clients[1], "ledger")


# -- S3 ----------------------------------------------------------------------------------------------------------------
def test_a_write_is_checked_locked_and_done_once(s3: Any) -> None:
    store, uri = ObjectStore(s3, Lock("governance", 30)), "s3://locked-bucket/specs/a.json"
    # When the same bytes are written twice
    first = store.write(uri, b"bytes", TEXT, locked=True)
    second = store.write(uri, b"bytes", TEXT, locked=True)
    # Then there is one version, with its digest and its retention
    assert first.version_id == second.version_id
    found = store.stat(uri)
    assert found is not None
    assert found.sha256 == digests.sha256(b"bytes")
    assert found.held_until is not None
    assert found.held_until > datetime.now(UTC) + timedelta(days=29)


def test_a_write_of_other_bytes_is_another_version(s3: Any) -> None:
    store, uri = ObjectStore(s3), "s3://locked-bucket/reports/r.html"
    first, second = (store.write(uri, data, TEXT, locked=False) for data in (b"one", b"two"))
    assert first.version_id != second.version_id
    assert store.read(uri, first.version_id) == b"one"


def test_what_is_created_stays_as_the_first_made_it(s3: Any) -> None:
    store, uri = ObjectStore(s3), "s3://locked-bucket/redaction/m/key"
    store.create(uri, b"first", TEXT)
    store.create(uri, b"second", TEXT)
    assert store.read(uri) == b"first"


def test_a_creation_that_is_denied_is_an_error(s3: Any) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        ObjectStore(s3).create("s3://no-such-bucket/key", b"x", TEXT)


def test_retention_is_prolonged_for_what_is_needed_longer(s3: Any) -> None:
    uri = "s3://locked-bucket/artifacts/held"
    ObjectStore(s3, Lock("governance", 1)).write(uri, b"model", TEXT, locked=True)
    longer = ObjectStore(s3, Lock("governance", 60))
    longer.write(uri, b"model", TEXT, locked=True)
    found = longer.stat(uri)
    assert found is not None
    assert found.held_until is not None
    assert found.held_until > datetime.now(UTC) + timedelta(days=59)


def test_compliance_holds_for_evidence_only(s3: Any) -> None:
    # Given an installation under compliance
    store = ObjectStore(s3, Lock("compliance", 30, "evidence-bucket"))
    # When evidence and a record are written, and a record is sealed
    store.write("s3://evidence-bucket/evidence/m/d.json", b"evidence", TEXT, locked=True)
    record = store.write("s3://locked-bucket/specs/d", b"record", TEXT, locked=True)
    store.seal(record.uri, record.version_id, "s3://locked-bucket/artifacts/d", digests.sha256(b"record"))
    # Then nobody can shorten the evidence, and spilled data can still be removed from the records
    places = {"evidence-bucket": ["evidence/m/d.json"], "locked-bucket": ["specs/d", "artifacts/d"]}
    modes = {
        key: s3.head_object(Bucket=bucket, Key=key)["ObjectLockMode"] for bucket, keys in places.items() for key in keys
    }
    assert modes == {"evidence/m/d.json": "COMPLIANCE", "specs/d": "GOVERNANCE", "artifacts/d": "GOVERNANCE"}


def test_sealing_copies_the_version_that_was_pinned(s3: Any) -> None:
    # Given an object that was overwritten after it was pinned
    store = ObjectStore(s3, Lock("governance", 30))
    source, target = "s3://locked-bucket/raw/a.csv", "s3://locked-bucket/snapshots/d/data/a.csv"
    pinned = store.write(source, b"pinned", TEXT, locked=False)
    store.write(source, b"newer", TEXT, locked=False)
    # When the pinned version is sealed, twice
    sealed = store.seal(source, pinned.version_id, target, digests.sha256(b"pinned"))
    again = store.seal(source, pinned.version_id, target, digests.sha256(b"pinned"))
    # Then the copy is the pinned bytes, once, under retention
    assert store.read(target) == b"pinned"
    assert sealed.version_id == again.version_id
    found = store.stat(target)
    assert found is not None
    assert found.held_until is not None


def test_sealing_refuses_a_copy_that_is_not_what_it_is_named(s3: Any) -> None:
    store = ObjectStore(s3)
    written = store.write("s3://plain-bucket/raw/b", b"bytes", TEXT, locked=False)
    with pytest.raises(DigestMismatch, match="wanted 0000"):
        store.seal("s3://plain-bucket/raw/b", written.version_id, "s3://plain-bucket/copies/b", "0" * 64)


def test_a_digest_without_a_stored_checksum_is_streamed(s3: Any) -> None:
    s3.put_object(Bucket="plain-bucket", Key="raw/old", Body=b"old")
    store = ObjectStore(s3)
    assert store.sha256_of("s3://plain-bucket/raw/old") == digests.sha256(b"old")
    assert store.stream_sha256("s3://plain-bucket/raw/old") == (digests.sha256(b"old"), 3)


@pytest.mark.parametrize("uri", ["s3://plain-bucket/none", "s3://no-such-bucket/none"])
def test_what_is_not_there(s3: Any, uri: str) -> None:
    store = ObjectStore(s3)
    assert store.stat(uri) is None
    for look in (store.read, store.sha256_of):
        with pytest.raises(NotFound, match="found nothing there"):
            look(uri)
    with pytest.raises(NotFound, match="found nothing there"):
        store.seal(uri, None, "s3://plain-bucket/copy", "0" * 64)


def test_a_document_too_large_for_a_function_is_refused(s3: Any) -> None:
    s3.put_object(Bucket="plain-bucket", Key="large", Body=b"x" * 11)
    with pytest.raises(DataRefused, match="found 11 bytes, wanted at most 10"):
        ObjectStore(s3).read("s3://plain-bucket/large", limit=10)


def test_the_current_versions_below_a_prefix(s3: Any) -> None:
    for key, body in (("set/b", b"1"), ("set/a", b"22"), ("set/a", b"333"), ("set/folder/", b""), ("other", b"4")):
        s3.put_object(Bucket="locked-bucket", Key=key, Body=body)
    found = ObjectStore(s3).current("locked-bucket", "set/")
    assert [(each.key, each.bytes) for each in found] == [("set/a", 3), ("set/b", 1)]
    assert len({each.version_id for each in found}) == 2


def test_nothing_is_locked_where_locking_is_off(s3: Any) -> None:
    store, uri = ObjectStore(s3), "s3://locked-bucket/free"
    store.write(uri, b"free", TEXT, locked=True)
    store.seal(uri, None, uri + "-copy", digests.sha256(b"free"))
    for each in (uri, uri + "-copy"):
        found = store.stat(each)
        assert found is not None
        assert found.held_until is None


def test_versioning(s3: Any) -> None:
    store = ObjectStore(s3)
    assert store.versioned("locked-bucket")
    assert not store.versioned("plain-bucket")


# -- DynamoDB ----------------------------------------------------------------------------------------------------------
def test_items_come_back_as_they_went(ledger: Ledger) -> None:
    document = {"text": "x", "whole": 3, "part": 0.1, "none": None, "yes": True, "list": [1, {"a": 2.5}], "empty": []}
    ledger.put("A", "1", document)
    assert ledger.get("A", "1") == document
    assert ledger.get("A", "2") is None


def test_only_the_first_conditional_write_wins(ledger: Ledger) -> None:
    assert ledger.put("B", "1", {"by": "me"}, NEW)
    assert not ledger.put("B", "1", {"by": "you"}, NEW)
    assert ledger.get("B", "1") == {"by": "me"}


def test_updates_and_deletes_keep_their_condition(ledger: Ledger) -> None:
    pending = Condition("#status = :was", {"status": "status"}, {"was": "pending"})
    ledger.put("C", "1", {"status": "pending", "n": 1})
    assert ledger.update("C", "1", {"status": "approved", "n": 2}, pending)
    assert not ledger.update("C", "1", {"status": "expired"}, pending)
    assert ledger.get("C", "1") == {"status": "approved", "n": 2}
    assert not ledger.delete("C", "1", pending)
    assert ledger.delete("C", "1", Condition("n = :n", values={"n": 2}))
    assert not ledger.update("C", "1", {"n": 1}, Condition("attribute_exists(pk)"))


def test_a_partition_is_read_in_order(ledger: Ledger) -> None:
    for sk in ("HISTORY#1", "HISTORY#2", "LEASE"):
        ledger.put("D", sk, {"sk_is": sk})
    assert [item["sk"] for item in ledger.below("D", "HISTORY#")] == ["HISTORY#1", "HISTORY#2"]
    assert [item["sk"] for item in ledger.below("D", "HISTORY#", newest_first=True)] == ["HISTORY#2", "HISTORY#1"]


def test_a_sweep_finds_items_of_all_partitions(ledger: Ledger) -> None:
    for pk, status in (("E1", "pending"), ("E2", "approved"), ("E3", "pending")):
        ledger.put(pk, "QUESTION", {"status": status, "told": False})
    ledger.put("E4", "OTHER", {"status": "pending"})
    wanted = Condition(
        "sk = :sk AND (#s = :p OR (told = :no AND #s IN (:a, :b)))",
        {"s": "status"},
        {"sk": "QUESTION", "p": "pending", "no": False, "a": "rejected", "b": "expired"},
    )
    assert sorted(item["pk"] for item in ledger.everywhere(wanted)) == ["E1", "E3"]
    begins = Condition("begins_with(sk, :q)", values={"q": "QUEST"})
    assert sorted(item["pk"] for item in ledger.everywhere(begins)) == ["E1", "E2", "E3"]


# -- what only a fake can be told to do --------------------------------------------------------------------------------
@pytest.fixture
def broken() -> FakeS3:
    s3, _ = _built(FakeS3(), FakeDynamoDB())
    return s3  # type: ignore[no-any-return]


def test_without_the_right_to_list_what_is_not_there_looks_denied(broken: FakeS3) -> None:
    broken.fail("head_object", fakes.error("403", "Forbidden", status=403))
    assert ObjectStore(broken).write("s3://plain-bucket/new", b"x", TEXT, locked=False).bytes == 1


def test_an_object_too_large_to_copy_is_refused(broken: FakeS3) -> None:
    broken.put_object(Bucket="plain-bucket", Key="large", Body=b"x")
    broken.fail("copy_object", fakes.error("InvalidRequest", "The specified copy source is larger than the maximum"))
    with pytest.raises(DataRefused, match="wanted an object of at most 5 GiB"):
        ObjectStore(broken).seal("s3://plain-bucket/large", None, "s3://plain-bucket/copy", "0" * 64)


def test_a_denial_stays_a_denial(broken: FakeS3) -> None:
    broken.put_object(Bucket="plain-bucket", Key="a", Body=b"x")
    store, denial = ObjectStore(broken), fakes.error("AccessDenied", "no", status=403)
    for operation, look in (("head_object", store.stat), ("get_object", store.read)):
        broken.fail(operation, denial)
        with pytest.raises(ClientError, match="AccessDenied"):
            look("s3://plain-bucket/a")
    broken.fail("copy_object", denial)
    with pytest.raises(ClientError, match="AccessDenied"):
        store.seal("s3://plain-bucket/a", None, "s3://plain-bucket/b", digests.sha256(b"x"))


def test_a_table_that_cannot_be_written_is_an_error() -> None:
    _, dynamodb = _built(FakeS3(), FakeDynamoDB())
    dynamodb.fail("put_item", fakes.error("AccessDeniedException"))
    with pytest.raises(ClientError, match="AccessDeniedException"):
        Ledger(dynamodb, "ledger").put("A", "1", {}, NEW)
