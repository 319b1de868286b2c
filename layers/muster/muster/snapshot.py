"""Snapshots: which data may be pinned, what the manifest says, and whether the data stood still meanwhile."""

from collections.abc import Iterable, Mapping, Sequence

from muster import digests
from muster.contracts.policy import SnapshotLimits
from muster.contracts.snapshot import HashReport, ListedObject, PinnedObject, SnapshotManifest
from muster.errors import Changed, DataRefused, DigestMismatch

COPY_LIMIT_BYTES = 5 * 1024**3
"""The largest object that one CopyObject takes (S3 API Reference)."""
_UNVERSIONED = ("", "null")


def select(
    model: str, bucket: str, prefix: str, listed: Iterable[ListedObject], limits: SnapshotLimits
) -> tuple[ListedObject, ...]:
    """Return the objects of a training set, sorted by key, or refuse it.

    Objects of no bytes whose key ends with a slash are the console's folders and are left out.

    Raises
    ------
    DataRefused
        Nothing below the prefix, an object without a version, an empty or too large object, or too much in all.
    """
    place = f"{model}: s3://{bucket}/{prefix}"
    found = sorted((each for each in listed if not _is_folder(each)), key=lambda each: each.key)
    if not found:
        raise DataRefused(f"{place}: found no object, wanted the training data: put it with `muster data put {model}`")
    for each in found:
        _refuse_object(bucket, prefix, each)
    if len(found) > limits.max_objects:
        raise DataRefused(f"{place}: found {len(found)} objects, policy.yaml allows at most {limits.max_objects}")
    total = sum(each.bytes for each in found)
    if total > limits.max_bytes:
        raise DataRefused(f"{place}: found {total} bytes, policy.yaml allows at most {limits.max_bytes}")
    return tuple(found)


def _is_folder(listed: ListedObject) -> bool:
    return listed.key.endswith("/") and listed.bytes == 0


def _refuse_object(bucket: str, prefix: str, listed: ListedObject) -> None:
    name = f"s3://{bucket}/{listed.key}"
    if not listed.key.startswith(prefix):
        raise DataRefused(f"{name}: found outside of the prefix {prefix}, wanted below it")
    if listed.version_id in _UNVERSIONED:
        raise DataRefused(f"{name}: found no version id, wanted one: turn versioning on and put the object again")
    if listed.bytes == 0:
        raise DataRefused(f"{name}: found an empty object, wanted data: remove it or put it again")
    if listed.bytes > COPY_LIMIT_BYTES:
        raise DataRefused(f"{name}: found {listed.bytes} bytes, wanted at most {COPY_LIMIT_BYTES}: split the file")


def relative_key(prefix: str, key: str) -> str:
    """Return an object's key below the prefix: its place in the snapshot's data folder.

    Raises
    ------
    DataRefused
        The key is not below the prefix, or would leave the folder.
    """
    if not key.startswith(prefix) or key == prefix:
        raise DataRefused(f"{key}: found outside of the prefix {prefix}, wanted below it")
    relative = key[len(prefix) :]
    if any(part in ("", ".", "..") for part in relative.split("/")):
        raise DataRefused(f"{key}: found an empty, '.' or '..' part in the key, wanted a plain path: rename the object")
    return relative


def check_unchanged(pinned: Sequence[ListedObject], now: Iterable[ListedObject]) -> None:
    """Refuse a set that moved since it was listed first.

    Raises
    ------
    Changed
        Names up to three objects that came, went or have another version.
    """
    before = {each.key: each for each in pinned}
    after = {each.key: each for each in now if not _is_folder(each)}
    moved = [f"{key} came" for key in sorted(after.keys() - before.keys())]
    moved += [f"{key} went" for key in sorted(before.keys() - after.keys())]
    moved += [f"{key} has a new version" for key in sorted(before.keys() & after.keys()) if before[key] != after[key]]
    if moved:
        more = f" and {len(moved) - 3} more" if len(moved) > 3 else ""
        raise Changed(
            f"the data changed while it was pinned: {', '.join(moved[:3])}{more}; "
            "start again when the writer has finished"
        )


def any_new(manifest: SnapshotManifest, listed: Iterable[ListedObject]) -> bool:
    """Tell whether a listing has an object, or a version of one, that the snapshot has not; the first one ends it.

    Objects that are gone are nothing new to learn from.
    """
    known = {(each.key, each.version_id) for each in manifest.objects}
    return any((each.key, each.version_id) not in known for each in listed)


def listing(prefix: str, pinned: Sequence[ListedObject]) -> bytes:
    """Return listing.json, which tells the hash job what to hash: the prefix that is mounted, keys and sizes."""
    objects = [{"key": each.key, "bytes": each.bytes} for each in pinned if relative_key(prefix, each.key)]
    return digests.canonical({"schema": 1, "prefix": prefix, "objects": objects})


def apply_hashes(pinned: Sequence[ListedObject], report: HashReport) -> dict[str, str]:
    """Return the sha256 of each key as the hash job found it.

    Raises
    ------
    DigestMismatch
        The job saw other objects, or an object of another size, than were pinned.
    """
    found = {each.key: each for each in report.objects}
    wanted = {each.key: each for each in pinned}
    if found.keys() != wanted.keys():
        odd = sorted(found.keys() ^ wanted.keys())
        raise DigestMismatch(
            f"hashes.json: found other objects than were pinned, wanted the same: {', '.join(odd[:3])}"
        )
    for key, each in wanted.items():
        if found[key].bytes != each.bytes:
            raise DigestMismatch(f"hashes.json: {key}: found {found[key].bytes} bytes, wanted {each.bytes}")
    return {key: found[key].sha256 for key in wanted}


def manifest(model: str, prefix: str, pinned: Sequence[ListedObject], hashes: Mapping[str, str]) -> SnapshotManifest:
    """Build the manifest of a pinned set.

    Raises
    ------
    DataRefused
        A key that would leave the snapshot's folder.
    DigestMismatch
        An object has no hash.
    """
    objects = []
    for each in sorted(pinned, key=lambda each: each.key):
        relative_key(prefix, each.key)
        if each.key not in hashes:
            raise DigestMismatch(f"{each.key}: found no sha256, wanted one")
        objects.append(
            PinnedObject(key=each.key, version_id=each.version_id, sha256=hashes[each.key], bytes=each.bytes)
        )
    return SnapshotManifest(model=model, prefix=prefix, objects=tuple(objects))


def manifest_bytes(of: SnapshotManifest) -> tuple[bytes, str]:
    """Return the canonical bytes of a manifest and the snapshot's digest, which is their sha256."""
    data = digests.canonical(of)
    return data, digests.sha256(data)
