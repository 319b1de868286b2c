"""Ground truth: the labels that come later, and the answers they belong to.

Labels lie where Model Monitor wants them ("Ingest Ground Truth labels and merge them with predictions", developer
guide): ``<prefix>/yyyy/mm/dd/hh/*.jsonl``, by the hour in which they were collected, which may be long after the
answer. A record is ``{"groundTruthData": {"data": "1", "encoding": "CSV"}, "eventMetadata": {"eventId": "..."},
"eventVersion": "0"}``; its eventId is the request's inferenceId or, if that had none, its eventId. Of a request of
several rows, ``data`` has one label per line.

A window can be joined again whenever labels have come: the same files give the same result, and a file that comes
twice changes nothing. Of two labels for one id the later in reading order holds, so give the files in the order of
their keys.
"""

import itertools
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from muster_numerics.capture_lines import BLOCK_BYTES, ByteSource, DamagedFile, blocks
from muster_numerics.columns import Categorical, Column, FloatArray, Numeric
from muster_numerics.payloads_numbers import Positions
from muster_numerics.poison import Fault, PayloadError, Quarantine, set_aside

if TYPE_CHECKING:
    from muster_numerics.capture import Batch


@dataclass
class Labels:
    """The labels known so far.

    Attributes
    ----------
    by_id
        The labels of a request's rows, by inferenceId or eventId.
    changed
        Ids of which a later record said something else than an earlier one.
    poison
        Records that could not be read, by reason.
    """

    by_id: dict[str, tuple[str, ...]] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    poison: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, labels: tuple[str, ...]) -> None:
        """Take the labels of a request."""
        if self.by_id.get(name, labels) != labels:
            self.changed.add(name)
        self.by_id[name] = labels


def read_labels(files: Iterable[tuple[str, ByteSource]], quarantine: Quarantine, *, masked: bool) -> Labels:
    """Read ground truth files.

    Parameters
    ----------
    files
        Name and content of each, in the order of their keys; gzip is recognised by its first bytes.
    quarantine
        Takes every record that cannot be read.
    masked
        Whether labels are controlled, so that the quarantine gets no text.
    """
    labels = Labels()

    def refuse(source: str, first: int, fault: Fault, line: bytes) -> None:
        labels.poison[fault.reason] += 1
        quarantine(set_aside(source, first, fault, line, masked))

    for source, file in files:
        first = 1
        try:
            for block in blocks(file, BLOCK_BYTES):
                lines = block.split(b"\n")
                for number, line in enumerate(lines):
                    if not line.strip():
                        continue
                    try:
                        labels.add(*read_label(line))
                    except PayloadError as error:
                        refuse(source, first, Fault(number, error.reason, str(error)), line)
                first += len(lines) - 1
        except DamagedFile as error:
            refuse(source, 0, Fault(0, "damaged_file", str(error)), b"")
    return labels


def read_label(line: bytes) -> tuple[str, tuple[str, ...]]:
    """Return a record's id and labels; PayloadError says why it has none."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise PayloadError("not_json", f"{len(line)} bytes") from error
    match record:
        case {"eventVersion": version} if version != "0":
            raise PayloadError("unknown_event_version", "eventVersion is not 0")
        case {"groundTruthData": {"encoding": str(encoding)}} if encoding != "CSV":
            raise PayloadError("unknown_encoding", f"{len(encoding)} characters, wanted CSV")
        case {"groundTruthData": {"data": str(data)}, "eventMetadata": {"eventId": str(name)}} if name:
            return name, labels_of(data)
    raise PayloadError("not_a_capture_record", "groundTruthData.data or eventMetadata.eventId is missing or no text")


def labels_of(data: str) -> tuple[str, ...]:
    """Return the labels, one per line, without blanks and quotes around them."""
    labels = tuple(line.strip().strip('"') for line in data.strip().splitlines())
    if not labels or not all(labels):
        raise PayloadError("empty_payload", "no label, or an empty line among them")
    if any("," in label for label in labels):
        raise PayloadError("wrong_field_count", "a line has more than one label")
    return labels


@dataclass(frozen=True)
class Judged:
    """Answers of which the truth is known, and how many there are of which it is not.

    Attributes
    ----------
    truth
        The label of each row.
    predicted
        Shape (rows, prediction fields).
    facets
        Features of the same rows, as words.
    rows
        All rows that were answered or asked.
    missing
        Of these, rows whose request has no label yet.
    mismatched
        Rows whose request has another number of labels than rows.
    unanswered
        Labelled rows without a number for an answer.
    """

    truth: tuple[str, ...]
    predicted: FloatArray
    facets: dict[str, Categorical]
    rows: int
    missing: int
    mismatched: int
    unanswered: int


def join(batches: Iterable["Batch"], labels: Labels, facets: Iterable[str] = ()) -> Judged:
    """Join answers and labels on inferenceId, and where that finds none on eventId.

    Parameters
    ----------
    batches
        Of `read_capture` with ``named=True``.
    labels
        Of `read_labels`; those of other windows do no harm.
    facets
        Features to keep.

    Raises
    ------
    ValueError
        If the batches have no ids, or a prediction is a word.
    """
    names, counts = list(facets), Counter[str]()
    truth: list[str] = []
    predicted: list[FloatArray] = []
    words: dict[str, list[str | None]] = {name: [] for name in names}
    for batch in batches:
        rows, found = labels_of_batch(batch, labels, counts)
        answers = answers_of(batch)[rows]
        known = np.isfinite(answers).all(axis=1)
        counts["rows"] += len(batch.record)
        counts["unanswered"] += int(np.count_nonzero(~known))
        truth += itertools.compress(found, known.tolist())
        predicted.append(answers[known])
        for name in names:
            words[name] += itertools.compress(facet_words(batch.features[name], rows), known.tolist())
    return Judged(
        tuple(truth),
        np.concatenate(predicted) if predicted else np.empty((0, 0)),
        {name: Categorical.of(values) for name, values in words.items()},
        counts["rows"],
        counts["missing"],
        counts["mismatched"],
        counts["unanswered"],
    )


def labels_of_batch(batch: "Batch", labels: Labels, counts: Counter[str]) -> tuple[Positions, list[str]]:
    """Return the rows of a batch that have a label, and these; the others are added to the counts."""
    if len(batch.ids) != batch.tally.records:
        raise ValueError("ground truth: the batch has no ids, wanted those of its records: read it with named=True")
    first = np.searchsorted(batch.record, np.arange(len(batch.ids) + 1)).tolist()
    rows: list[int] = []
    found: list[str] = []
    for names, (start, end) in zip(batch.ids, itertools.pairwise(first), strict=True):
        said = next((labels.by_id[name] for name in names if name in labels.by_id), None)
        if said is None:
            counts["missing"] += end - start
        elif len(said) != end - start:
            counts["mismatched"] += end - start
        else:
            rows += range(start, end)
            found += said
    return np.array(rows, dtype=np.int64), found


def answers_of(batch: "Batch") -> FloatArray:
    """Return the predictions, shape (rows, fields); ValueError if one is a word."""
    columns = []
    for name, column in batch.predictions.items():
        if not isinstance(column, Numeric):
            text = f"ground truth: the prediction {name} is a word, wanted a number: a probability or value"
            raise ValueError(text)  # noqa: TRY004
        columns.append(column.values)
    return np.column_stack(columns)


def facet_words(column: Column, rows: Positions) -> list[str | None]:
    """Return the values of some rows as words; numbers as a CSV file would hold them, None where missing."""
    if isinstance(column, Numeric):
        return [None if np.isnan(value) else f"{value:.12g}" for value in column.values[rows].tolist()]
    return Categorical(column.codes[rows], column.levels).values
