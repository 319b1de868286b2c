"""Traffic for the measurements: 35 columns of the calibration's shapes, as columns and as SageMaker's capture records."""

import json
from collections.abc import Iterator
from functools import cache

import numpy as np

from calibrate.data import synthetic
from muster.naming import OWN_REQUEST
from muster_numerics.baseline import Baseline, make_baseline
from muster_numerics.capture import read_capture
from muster_numerics.capture_schema import CaptureSchema, Field
from muster_numerics.columns import Columns, Numeric
from muster_numerics.sketch import State, merge, observe

BASELINE_ROWS = 10_000
DISTINCT_RECORDS = 10_000
"""Records that are made; longer files repeat them."""
_SEED = 20261121


@cache
def baseline() -> Baseline:
    """Return the baseline of 35 features and one prediction."""
    rng = np.random.default_rng(_SEED)
    score: Columns = {"score": Numeric.of(rng.random(BASELINE_ROWS))}
    return make_baseline(synthetic(rng, BASELINE_ROWS)) | make_baseline(score, "prediction")


def window(rows: int) -> Columns:
    """Return a window's features, without drift."""
    return synthetic(np.random.default_rng((_SEED, rows)), rows)


def schema() -> CaptureSchema:
    """Return how the records are laid out."""
    features = window(10)
    fields = (Field(name, "number" if isinstance(column, Numeric) else "word") for name, column in features.items())
    return CaptureSchema(tuple(fields), (Field("score"),))


@cache
def lines() -> bytes:
    """Return `DISTINCT_RECORDS` records: CSV payloads of one row, six digits to a number."""
    features = window(DISTINCT_RECORDS)
    columns = [
        ["" if value != value else f"{value:.6g}" for value in column.values.tolist()]
        if isinstance(column, Numeric)
        else [word or "" for word in column.values]
        for column in features.values()
    ]
    scores = np.random.default_rng(_SEED).random(DISTINCT_RECORDS).tolist()
    rows = zip(*columns, strict=True)
    return b"".join(_record(number, ",".join(row), scores[number]) for number, row in enumerate(rows))


def _record(number: int, row: str, score: float) -> bytes:
    told = {"observedContentType": "text/csv", "mode": "INPUT", "data": row, "encoding": "CSV"}
    answer = {**told, "observedContentType": "text/csv; charset=utf-8", "mode": "OUTPUT", "data": f"{score:.6f}\n"}
    ids = {"eventId": f"{number:08x}-3f1c-4a5b-9b1d-0123456789ab", "inferenceId": f"request-{number}"}
    metadata = {**ids, "inferenceTime": "2026-11-21T10:00:00Z"}
    record = {"captureData": {"endpointInput": told, "endpointOutput": answer}, "eventMetadata": metadata}
    return json.dumps({**record, "eventVersion": "0"}, separators=(",", ":")).encode() + b"\n"


class Repeated:
    """A file of any length, without the disk: the records again and again."""

    def __init__(self, content: bytes, records: int) -> None:
        self._content = memoryview(content)
        whole, rest = divmod(records, DISTINCT_RECORDS)
        end = 0
        for _ in range(rest):
            end = content.index(b"\n", end) + 1
        self._left = whole * len(content) + end
        self._at = 0

    def read(self, size: int = 65_536, /) -> bytes:
        """Return the next bytes, none at the end."""
        pieces = []
        while size and self._left:
            piece = self._content[self._at : self._at + min(size, self._left)]
            pieces.append(piece)
            size, self._left = size - len(piece), self._left - len(piece)
            self._at = (self._at + len(piece)) % len(self._content)
        return b"".join(pieces)


def count(records: int) -> State:
    """Count so many records, as `sketch_batch` does."""
    state, held, laid_out = State(), baseline(), schema()
    for batch in read_capture(_files(records), laid_out, _unexpected, skip=OWN_REQUEST):
        state = merge(state, observe(batch.features | batch.predictions, held.grid, batch.tally.poisoned))
    return state


def _files(records: int) -> Iterator[tuple[str, Repeated]]:
    yield "captured.jsonl", Repeated(lines(), records)


def _unexpected(found: object) -> None:
    raise AssertionError(f"quarantine: found {found}, wanted none: the records are all good")
