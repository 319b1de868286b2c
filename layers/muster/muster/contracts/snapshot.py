"""Snapshots: a training set pinned object by object."""

from typing import Annotated, Literal

from pydantic import Field

from muster.contracts.base import Contract, Digest, Items, ModelName, Text


class ListedObject(Contract):
    """An object as a listing shows it: the version that is current at that moment."""

    key: Text
    version_id: Text
    bytes: Annotated[int, Field(ge=0)]


class PinnedObject(Contract):
    """An object of a snapshot."""

    key: Text
    version_id: Text
    sha256: Digest
    bytes: Annotated[int, Field(ge=0)]


class SnapshotManifest(Contract):
    """snapshots/<digest>/manifest.json. ``key`` of each object is its key in the data bucket; sorted by key."""

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    model: ModelName
    prefix: Text
    objects: Annotated[Items[PinnedObject], Field(min_length=1)]


class HashedObject(Contract):
    """What the hash job found; ``key`` is the object's key in the data bucket."""

    key: Text
    sha256: Digest
    bytes: Annotated[int, Field(ge=0)]


class HashReport(Contract):
    """hashes.json of jobs/hash_objects.py."""

    objects: Items[HashedObject]
