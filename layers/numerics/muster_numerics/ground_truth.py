"""Ground truth: the labels that come later, and the answers they belong to.

Labels lie where Model Monitor wants them ("Ingest Ground Truth labels and merge them with predictions", developer
guide): ``<prefix>/yyyy/mm/dd/hh/*.jsonl``, by the hour in which they were collected, which may be long after the
answer. A record is ``{"groundTruthData": {"data": "1", "encoding": "CSV"}, "eventMetadata": {"eventId": "..."},
"eventVersion": "0"}``; its eventId is the request's inferenceId or, if that had none, its eventId. Of a request of
several rows, ``data`` has one label per line.

A window can be joined again whenever labels have come: the same files give the same result, and a file that comes
twice changes nothing. Of two labels for one id the later in reading order holds, so give the files in the order of
their keys.

Labels of one window may come over months, among those of all others. So the window's ids are read first (`ids_in`), and
of the labels only those of these ids are kept: memory follows the window's records, not the labels.
"""

import contextlib
import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from muster_numerics.capture_lines import BLOCK_BYTES, ByteSource, DamagedFile, blocks
from muster_numerics.capture_records import UNREADABLE, Metadata, Reader
from muster_numerics.columns import Categorical, Column, FloatArray, Numeric
from muster_numerics.payloads_numbers import Positions
from muster_numerics.poison import Fault, PayloadError, Quarantine, set_aside

if TYPE_CHECKING:
    from muster_numerics.capture import Batch


Said = tuple[str, tuple[str, ...]]
"""An id, and the labels of its request's rows."""
MOST_KEPT_ONCE = 10_000
"""Labels that are kept once however often they are said: classes are few, values are not."""


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
    records
        Records that could, whether they were kept or not.
    """

    by_id: dict[str, tuple[str, ...]] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    poison: Counter[str] = field(default_factory=Counter)
    records: int = 0
    _said: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict, repr=False)

    def add(self, name: str, labels: tuple[str, ...]) -> None:
        """Take the labels of a request."""
        if self.by_id.get(name, labels) != labels:
            self.changed.add(name)
        if len(self._said) < MOST_KEPT_ONCE:
            labels = self._said.setdefault(labels, labels)
        self.by_id[name] = self._said.get(labels, labels)

    def add_all(self, read: list[Said], wanted: "Wanted | None") -> None:
        """Take the labels of some requests, or of those that are wanted."""
        self.records += len(read)
        kept = [True] * len(read) if wanted is None else wanted.among([name for name, _ in read])
        for name, labels in itertools.compress(read, kept):
            self.add(name, labels)


class Wanted:
    """The ids of a window's records, as 64 bits of their BLAKE2b: 8 bytes each instead of 200.

    That an id of another window is taken for one of them has a chance of about n m / 2^64, one in a million for 4
    million ids and 4 million labels; it would only be kept, and find no record.
    """

    def __init__(self, ids: Iterable[int]) -> None:
        self._ids = np.unique(np.fromiter(ids, dtype=np.uint64))

    def __len__(self) -> int:
        return len(self._ids)

    def among(self, names: list[str]) -> list[bool]:
        """Return which of some ids are wanted."""
        if not len(self._ids) or not names:
            return [False] * len(names)
        found = np.fromiter(map(short, names), dtype=np.uint64, count=len(names))
        place = np.minimum(np.searchsorted(self._ids, found), len(self._ids) - 1)
        there: list[bool] = (self._ids[place] == found).tolist()
        return there


def short(name: str) -> int:
    """Return 64 bits of an id's BLAKE2b."""
    return int.from_bytes(hashlib.blake2b(name.encode(errors="replace"), digest_size=8).digest(), "little")


def ids_in(files: Iterable[tuple[str, ByteSource]], *, skip: str = "") -> Wanted:
    """Return the ids of all records in capture files, without reading their payloads' values.

    What cannot be read is passed over in silence: `read_capture` counts it.
    """

    def ids() -> Iterator[int]:
        reader = Reader(named=True, base64_is_csv=True, skip=skip)
        for _, file in files:
            with contextlib.suppress(DamagedFile):
                for block in blocks(file, BLOCK_BYTES):
                    for names in reader.read(block).ids:
                        yield from map(short, names)

    return Wanted(ids())


def read_labels(
    files: Iterable[tuple[str, ByteSource]], quarantine: Quarantine, *, masked: bool, wanted: Wanted | None = None
) -> Labels:
    """Read ground truth files.

    Parameters
    ----------
    files
        Name and content of each, in the order of their keys; gzip is recognised by its first bytes.
    quarantine
        Takes every record that cannot be read.
    masked
        Whether labels are controlled, so that the quarantine gets no text.
    wanted
        Keep the labels of these ids only; all, if None. Records that cannot be read are counted in any case.
    """
    labels = Labels()

    def refuse(source: str, first: int, fault: Fault, line: bytes) -> None:
        labels.poison[fault.reason] += 1
        quarantine(set_aside(source, first, fault, line, masked))

    for source, file in files:
        first = 1
        try:
            for block in blocks(file, BLOCK_BYTES):
                read = plain_labels(block)
                if read is None:
                    lines = block.split(b"\n")
                    read, faults = labels_by_line(lines)
                    for fault in faults:
                        refuse(source, first, fault, lines[fault.line])
                labels.add_all(read, wanted)
                first += block.count(b"\n")
        except DamagedFile as error:
            refuse(source, 0, Fault(0, "damaged_file", str(error)), b"")
    return labels


class PlainTruth(msgspec.Struct, rename="camel", gc=False):
    """A label as it is written."""

    data: str
    encoding: Literal["CSV"]


class PlainLabel(msgspec.Struct, rename="camel", gc=False):
    """The usual record."""

    ground_truth_data: PlainTruth
    event_metadata: Metadata
    event_version: Literal["0"]


_PLAIN = msgspec.json.Decoder(PlainLabel)


def plain_labels(block: bytes) -> list[Said] | None:
    """Return ids and labels of a block of usual records, read at once; None if one of them is not so."""
    try:
        records = _PLAIN.decode_lines(block)
        if not all(record.event_metadata.event_id for record in records):
            return None
        return [(record.event_metadata.event_id, labels_of(record.ground_truth_data.data)) for record in records]
    except (*UNREADABLE, PayloadError):
        return None


def labels_by_line(lines: list[bytes]) -> tuple[list[Said], list[Fault]]:
    """Return ids and labels of the lines that can be read, and what is wrong with the others; empty ones are neither."""
    read: list[Said] = []
    faults: list[Fault] = []
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            read.append(read_label(line))
        except PayloadError as error:
            faults.append(Fault(number, error.reason, str(error)))
    return read, faults


def read_label(line: bytes) -> Said:
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
    if data.isalnum():  # nearly all are one word
        return (data,)
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
