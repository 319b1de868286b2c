"""Snapshots: what may be pinned, that it stood still, and what it is called."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster import digests, snapshot
from muster.contracts.base import parse
from muster.contracts.policy import SnapshotLimits
from muster.contracts.snapshot import HashReport, ListedObject, SnapshotManifest
from muster.errors import Changed, DataRefused, DigestMismatch
from tests.unit import samples

PREFIX = "raw/tumour/training/"
LIMITS = SnapshotLimits(max_inline_bytes=100, max_objects=4, max_bytes=6 * 1024**3)


def listed(name, version="v1", size=10):
    return ListedObject(key=PREFIX + name, version_id=version, bytes=size)


def select(*objects):
    return snapshot.select("tumour", "muster-data", PREFIX, objects, LIMITS)


def test_objects_come_sorted_and_without_the_consoles_folders():
    found = select(listed("b.csv"), listed("a.csv"), listed("folder/", size=0))
    assert [each.key for each in found] == [f"{PREFIX}a.csv", f"{PREFIX}b.csv"]


@pytest.mark.parametrize(
    ("objects", "line"),
    [
        ([], "tumour: s3://muster-data/raw/tumour/training/: found no object, wanted the training data: put it with"),
        ([listed("folder/", size=0)], "found no object"),
        (
            [listed("a.csv", "null")],
            f"s3://muster-data/{PREFIX}a.csv: found no version id, wanted one: turn versioning on",
        ),
        ([listed("a.csv", size=0)], "a.csv: found an empty object, wanted data"),
        ([listed("a.csv", size=5 * 1024**3 + 1)], "a.csv: found 5368709121 bytes, wanted at most 5368709120: split"),
        ([listed(f"{n}.csv") for n in range(5)], "found 5 objects, policy.yaml allows at most 4"),
        ([listed("a", size=4 * 1024**3), listed("b", size=4 * 1024**3)], "policy.yaml allows at most 6442450944"),
        ([ListedObject(key="raw/other/a.csv", version_id="v", bytes=1)], "found outside of the prefix"),
    ],
)
def test_data_that_cannot_be_pinned_is_refused_by_name(objects, line):
    with pytest.raises(DataRefused) as caught:
        select(*objects)
    assert line in str(caught.value)


@pytest.mark.parametrize(
    ("now", "what"),
    [
        ([listed("a.csv")], "b.csv went"),
        ([listed("a.csv"), listed("b.csv"), listed("c.csv")], "c.csv came"),
        ([listed("a.csv"), listed("b.csv", "v2")], "b.csv has a new version"),
        ([listed("a.csv", size=11), listed("b.csv")], "a.csv has a new version"),
    ],
)
def test_data_that_moved_meanwhile_is_refused_by_name(now, what):
    pinned = [listed("a.csv"), listed("b.csv")]
    with pytest.raises(Changed, match=what):
        snapshot.check_unchanged(pinned, now)


def test_many_moves_are_counted():
    with pytest.raises(Changed, match="and 4 more; start again when the writer has finished"):
        snapshot.check_unchanged([], [listed(str(n)) for n in range(7)])


def test_data_that_stood_still_may_be_listed_in_any_order():
    snapshot.check_unchanged([listed("a"), listed("b")], [listed("b"), listed("folder/", size=0), listed("a")])


@pytest.mark.parametrize("key", ["../x", "a/../../x", "a//b", "./a", "", "a/."])
def test_a_key_that_would_leave_its_folder_is_refused(key):
    with pytest.raises(DataRefused):
        snapshot.relative_key(PREFIX, PREFIX + key)


def test_relative_keys_keep_folders():
    assert snapshot.relative_key(PREFIX, f"{PREFIX}2026/11/a.csv") == "2026/11/a.csv"


# -- hashes of the job -------------------------------------------------------------------------------------------------
def report(*objects):
    return parse(
        HashReport, {"objects": [dict(zip(("key", "sha256", "bytes"), each, strict=True)) for each in objects]}
    )


def test_the_jobs_hashes_are_taken_over():
    found = snapshot.apply_hashes([listed("a.csv")], report((f"{PREFIX}a.csv", samples.digest("a"), 10)))
    assert found == {f"{PREFIX}a.csv": samples.digest("a")}


@pytest.mark.parametrize(
    ("objects", "line"),
    [
        ([], "found other objects than were pinned"),
        ([(f"{PREFIX}b.csv", samples.digest("a"), 10)], "found other objects than were pinned"),
        ([(f"{PREFIX}a.csv", samples.digest("a"), 11)], "found 11 bytes, wanted 10"),
    ],
)
def test_a_job_that_saw_something_else_is_not_believed(objects, line):
    with pytest.raises(DigestMismatch, match=line):
        snapshot.apply_hashes([listed("a.csv")], report(*objects))


def test_the_listing_tells_the_job_prefix_keys_and_sizes():
    data = json.loads(snapshot.listing(PREFIX, [listed("a.csv")]))
    assert data == {"schema": 1, "prefix": PREFIX, "objects": [{"key": f"{PREFIX}a.csv", "bytes": 10}]}


# -- the manifest ------------------------------------------------------------------------------------------------------
def test_the_manifest_as_it_is_written():
    made = snapshot.manifest("tumour", PREFIX, [listed("a.csv")], {f"{PREFIX}a.csv": samples.digest("a")})
    data, digest = snapshot.manifest_bytes(made)
    assert json.loads(data) == {
        "schema": 1,
        "model": "tumour",
        "prefix": PREFIX,
        "objects": [{"key": f"{PREFIX}a.csv", "version_id": "v1", "sha256": samples.digest("a"), "bytes": 10}],
    }
    assert digest == digests.sha256(data)
    assert parse(SnapshotManifest, json.loads(data)) == made


def test_an_object_without_hash_is_refused():
    with pytest.raises(DigestMismatch, match=r"a\.csv: found no sha256"):
        snapshot.manifest("tumour", PREFIX, [listed("a.csv")], {})


names = st.lists(st.from_regex(r"\A[a-z0-9]{1,8}(/[a-z0-9]{1,8}){0,2}\.csv\Z"), min_size=1, max_size=5, unique=True)


@given(names, st.randoms(), st.sampled_from(["version", "hash", "size"]))
def test_the_digest_depends_on_every_object_and_not_on_their_order(keys, random, moved):
    objects = [listed(key) for key in keys]
    hashes = {each.key: digests.sha256(each.key.encode()) for each in objects}

    def digest(of, by):
        return snapshot.manifest_bytes(snapshot.manifest("tumour", PREFIX, of, by))[1]

    base, shuffled = digest(objects, hashes), list(objects)
    random.shuffle(shuffled)
    assert digest(shuffled, hashes) == base
    # When one object has another version, content or size, then it is another snapshot
    first = objects[0]
    if moved == "hash":
        assert digest(objects, {**hashes, first.key: samples.digest("0")}) != base
    else:
        change = {"version_id": "v2"} if moved == "version" else {"bytes": 11}
        assert digest([first.model_copy(update=change), *objects[1:]], hashes) != base
