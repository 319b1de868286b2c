"""The pinned files of a window, as `plan_window` has packed them, opened one after the other."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from muster.aws.documents import json_of
from muster.aws.s3 import Body, ObjectStore
from muster.captures import CapturedFile
from muster.contracts.base import parse
from muster.contracts.monitoring import CapturedObject, SketchBatch, Watched
from muster.naming import split_s3_uri

_THREADS = 16


def files_of(store: ObjectStore, watched: Watched, batches: int) -> list[CapturedObject]:
    """Return the files of all batches of a plan."""

    def read(number: int) -> SketchBatch:
        uri = f"{watched.work}batches/{number}.json"
        return parse(SketchBatch, json_of(store.read(uri), uri), uri)

    with ThreadPoolExecutor(_THREADS) as pool:
        return [each for batch in pool.map(read, range(batches)) for each in batch.files]


def opened(store: ObjectStore, files: Iterable[CapturedFile | CapturedObject]) -> Iterator[tuple[str, Body]]:
    """Yield key and content of each file, opened when the one before has been read."""
    for each in files:
        yield split_s3_uri(each.uri)[1], store.open(each.uri, each.version_id)
