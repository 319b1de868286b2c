"""A sample of captured rows that is the same on every try: those with the smallest digests of their request's eventId.

So it depends neither on the order of the files nor on how they are cut, and takes memory for the sample alone.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from muster_numerics.columns import Column, Numeric
from muster_numerics.ground_truth import short

if TYPE_CHECKING:
    from muster_numerics.capture import Batch

Marks = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.int64]


def sample(batches: Iterable["Batch"], names: Sequence[str], most: int) -> list[list[str]]:
    """Return at most so many rows as the fields of a CSV file, empty where a value is missing or no number.

    Parameters
    ----------
    batches
        Of `read_capture` with ``named=True``.
    names
        Features, in the order of the request.
    most
        Rows.
    """
    kept: list[tuple[int, list[str]]] = []
    for batch in batches:
        marks = marks_of(batch)
        least = np.argsort(marks, kind="stable")[:most]
        if len(kept) == most:
            least = least[marks[least] < kept[-1][0]]
        cells = [texts(batch.features[name], least) for name in names]
        found = zip(marks[least].tolist(), map(list, zip(*cells, strict=True)), strict=True)
        kept = sorted([*kept, *found])[:most]
    return [row for _, row in kept]


def marks_of(batch: "Batch") -> Marks:
    """Return 64 bits of each row's digest: of the last of its record's ids, which is the eventId, and its place there."""
    first = np.searchsorted(batch.record, np.arange(len(batch.ids) + 1))
    place = np.arange(len(batch.record)) - first[batch.record]
    ids = [names[-1] if names else "" for names in batch.ids]
    said = (f"{number}:{ids[record]}" for record, number in zip(batch.record.tolist(), place.tolist(), strict=True))
    return np.fromiter(map(short, said), dtype=np.uint64, count=len(batch.record))


def texts(column: Column, rows: Positions) -> list[str]:
    """Return some rows of a column as a CSV file holds them: numbers so that reading them gives the same bits."""
    if isinstance(column, Numeric):
        return ["" if np.isnan(value) else f"{value:.17g}" for value in column.values[rows].tolist()]
    return ["" if code < 0 else column.levels[code] for code in column.codes[rows].tolist()]


def features_csv(names: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return the rows as a holdout's features.csv: header, first column the row id."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row_id", *names])
    writer.writerows([str(number), *row] for number, row in enumerate(rows))
    return text.getvalue().encode()
