"""Pins the training data: every object's key, version and sha256, copied to a digest-named prefix under Object Lock.

``{run, hashes_uri?} -> {status: complete, snapshot} | {status: hash_needed, job, hashes_uri}``

Digests come from S3 where it keeps a full-object SHA-256, else from streaming up to the policy's inline limit, else
from a job: then the function is called again with the place of the job's hashes.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError

from muster import digests, naming, snapshot
from muster.aws import job_code
from muster.aws.clients import code_of, denied
from muster.aws.documents import json_of, policy, spec_of
from muster.aws.s3 import ObjectStore
from muster.contracts.base import Contract, Items, S3Uri, parse
from muster.contracts.pipeline import Run, SnapshotComplete, SnapshotNeedsHashes, SnapshotRef
from muster.contracts.snapshot import HashReport, ListedObject
from muster.contracts.spec import ModelSpec
from muster.errors import DataRefused
from muster.plans import training
from muster.runtime import Event, entry, settings
from muster.settings import Settings

_THREADS = 8


class Input(Contract):
    """The function's event."""

    run: Run
    hashes_uri: S3Uri | None = None


class Pinned(Contract):
    """What was pinned before the hash job ran: kept beside its listing, with the versions."""

    objects: Items[ListedObject]


@entry
def handler(event: Event) -> SnapshotComplete | SnapshotNeedsHashes:
    """Pin, hash, check that nothing moved, copy."""
    given = parse(Input, event, "snapshot_data")
    names = settings()
    store = ObjectStore.of(names)
    spec = spec_of(store, given.run.spec_uri, given.run.spec_digest)
    if not store.versioned(names.data_bucket):
        raise DataRefused(
            f"bucket {names.data_bucket}: found no versioning, wanted it on: data without versions cannot be pinned"
        )
    if given.hashes_uri:
        return _seal_hashed(given.run, given.hashes_uri, spec, store, names)
    limits = policy()[0].snapshot
    listed = store.current(names.data_bucket, spec.data.training)
    pinned = snapshot.select(spec.name, names.data_bucket, spec.data.training, listed, limits)
    hashes = _stored_hashes(pinned, store, names)
    missing = [each for each in pinned if each.key not in hashes]
    if sum(each.bytes for each in missing) > limits.max_inline_bytes:
        return _needs_job(given.run, pinned, spec, store, names)
    hashes |= _streamed_hashes(missing, store, names)
    return _seal(pinned, hashes, spec, store, names)


def _stored_hashes(pinned: Sequence[ListedObject], store: ObjectStore, names: Settings) -> dict[str, str]:
    def look(each: ListedObject) -> tuple[str, str | None]:
        uri = naming.s3_uri(names.data_bucket, each.key)
        try:
            stored = store.stat(uri, each.version_id)
        except ClientError as error:
            raise _unreadable(uri, error) from error
        return each.key, stored.sha256 if stored else None

    with ThreadPoolExecutor(_THREADS) as pool:
        return {key: digest for key, digest in pool.map(look, pinned) if digest}


def _streamed_hashes(missing: Sequence[ListedObject], store: ObjectStore, names: Settings) -> dict[str, str]:
    found = {}
    for each in missing:
        uri = naming.s3_uri(names.data_bucket, each.key)
        try:
            found[each.key] = store.stream_sha256(uri, each.version_id)[0]
        except ClientError as error:
            raise _unreadable(uri, error) from error
    return found


def _unreadable(uri: str, error: ClientError) -> Exception:
    """Return the error for an object that cannot be read; a fault of AWS stays one."""
    if denied(error) or code_of(error) in ("InvalidObjectState", "400"):
        return DataRefused(f"{uri}: found it unreadable ({code_of(error)}), wanted data that the snapshot may read")
    return error


def _seal(
    pinned: Sequence[ListedObject], hashes: dict[str, str], spec: ModelSpec, store: ObjectStore, names: Settings
) -> SnapshotComplete:
    """Check that the data stood still, copy it by version, and write the manifest last: where it is, all is."""
    prefix = spec.data.training
    snapshot.check_unchanged(pinned, store.current(names.data_bucket, prefix))
    manifest = snapshot.manifest(spec.name, prefix, pinned, hashes)
    data, digest = snapshot.manifest_bytes(manifest)
    below = naming.s3_uri(names.records_bucket, naming.snapshot_data_prefix(digest))

    def copy(each: ListedObject) -> None:
        source = naming.s3_uri(names.data_bucket, each.key)
        target = below + snapshot.relative_key(prefix, each.key)
        store.seal(source, each.version_id, target, hashes[each.key])

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(copy, pinned))
    manifest_uri = naming.s3_uri(names.records_bucket, naming.snapshot_manifest_key(digest))
    store.write(manifest_uri, data, "application/json", locked=True)
    size = sum(each.bytes for each in pinned)
    ref = SnapshotRef(digest=digest, manifest_uri=manifest_uri, data_uri=below, objects=len(pinned), bytes=size)
    return SnapshotComplete(snapshot=ref)


# -- large sets --------------------------------------------------------------------------------------------------------
def _needs_job(
    run: Run, pinned: Sequence[ListedObject], spec: ModelSpec, store: ObjectStore, names: Settings
) -> SnapshotNeedsHashes:
    listing_uri = _work(run, names, "listing.json")
    store.write(listing_uri, snapshot.listing(spec.data.training, pinned), "application/json", locked=False)
    versions = digests.canonical(Pinned(objects=tuple(pinned)))
    store.write(_work(run, names, "pinned.json"), versions, "application/json", locked=False)
    job, hashes_uri = training.hash_job(
        run,
        spec,
        policy()[0],
        names,
        jobs_digest=job_code.publish(names, store),
        listing_uri=listing_uri,
        data_bytes=sum(each.bytes for each in pinned),
    )
    return SnapshotNeedsHashes(job=job, hashes_uri=hashes_uri)


def _seal_hashed(run: Run, hashes_uri: str, spec: ModelSpec, store: ObjectStore, names: Settings) -> SnapshotComplete:
    pinned_uri = _work(run, names, "pinned.json")
    pinned = parse(Pinned, json_of(store.read(pinned_uri), pinned_uri), pinned_uri).objects
    report = parse(HashReport, json_of(store.read(hashes_uri), hashes_uri), hashes_uri)
    return _seal(pinned, snapshot.apply_hashes(pinned, report), spec, store, names)


def _work(run: Run, names: Settings, file: str) -> str:
    return naming.s3_uri(names.work_bucket, naming.work_prefix(run.run, "snapshot") + file)
