"""Counts the files of one batch on the baseline's grid: a state of some kilobytes, whatever the number of rows.

``{watched: Watched, number} -> {number, rows, poison}``

Files are read by their pinned versions as they are parsed, never whole. What cannot be read is counted and kept apart.
The same input gives the same output.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from muster import digests
from muster.aws.documents import baseline_of, json_of, redaction_key_of
from muster.aws.s3 import Body, ObjectStore
from muster.contracts.base import Contract, parse
from muster.contracts.monitoring import SketchBatch, Watched
from muster.naming import OWN_REQUEST, split_s3_uri
from muster.runtime import Event, entry, settings
from muster_numerics.batch_rows import read_rows
from muster_numerics.capture import Tally, read_capture
from muster_numerics.poison import Poison
from muster_numerics.reference import Reference, reference
from muster_numerics.sketch import State, merge, observe, state_to_json

MOST_KEPT = 1_000
"""Lines of a batch's quarantine; all are counted."""


class Input(Contract):
    """The function's event."""

    watched: Watched
    number: int


@entry
def handler(event: Event) -> dict[str, int]:
    """Read, count, write."""
    given = parse(Input, event, "sketch_batch")
    watched, store = given.watched, ObjectStore.of(settings())
    uri = f"{watched.work}batches/{given.number}.json"
    batch = parse(SketchBatch, json_of(store.read(uri), uri), uri)
    document = baseline_of(store, watched.baseline)
    held = reference(document.payload(), redaction_key_of(store, document))
    kept: list[Poison] = []

    def quarantine(found: Poison) -> None:
        if len(kept) < MOST_KEPT:
            kept.append(found)

    state, tally = _count(_bodies(batch, store), held, quarantine, watched.subject)
    if kept:
        lines = b"".join(digests.canonical(each.as_json()) + b"\n" for each in kept)
        store.write(f"{watched.work}quarantine/{given.number}.jsonl", lines, "application/x-ndjson", locked=False)
    # Not canonical JSON: a sum of very large numbers may be infinite, which that has no form for.
    counted = json.dumps({"state": state_to_json(state), "tally": tally.as_json()}, sort_keys=True).encode()
    store.write(f"{watched.work}states/{given.number}.json", counted, "application/json", locked=False)
    return {"number": given.number, "rows": state.rows, "poison": state.poison}


def _bodies(batch: SketchBatch, store: ObjectStore) -> Iterator[tuple[str, Body]]:
    """Open one file after the other, each when the one before has been read."""
    for each in batch.files:
        yield split_s3_uri(each.uri)[1], store.open(each.uri, each.version_id)


def _count(
    files: Iterator[tuple[str, Body]], held: Reference, quarantine: Callable[[Poison], Any], subject: str
) -> tuple[State, Tally]:
    if subject == "batch":
        batches = read_rows(files, held.schema, quarantine)
    else:
        batches = read_capture(files, held.schema, quarantine, skip=OWN_REQUEST)
    state, tally = State(), Tally()
    for each in batches:
        columns = held.columns(each.features, each.predictions)
        state = merge(state, observe(columns, held.baseline.grid, each.tally.poisoned))
        tally += each.tally
    # Rows that lacked a column that they should name, or named another: only their reader knows.
    return merge(state, State(absent=tally.absent, extra=tally.extra)), tally
