"""What an endpoint was asked and answered: SageMaker's capture files as columns, in flat memory.

>>> schema = CaptureSchema(features=(Field("age"), Field("density", "word")), predictions=(Field("score"),))
>>> for batch in read_capture([("09/file.jsonl", body)], schema, quarantine=entries.append):  # doctest: +SKIP
...     state = merge(state, observe(batch.features, grid, batch.tally.poisoned))

Nothing in the data raises: a record that cannot be read goes to the quarantine with its reason and is counted, and
takes no other record's row with it. Whether there are too many of them is for the caller to judge (`Tally.poison_share`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from muster_numerics.capture_lines import BLOCK_BYTES, ByteSource, DamagedFile, blocks
from muster_numerics.capture_records import UNREADABLE, Data, Part, Payloads, Reader
from muster_numerics.capture_schema import CaptureSchema, Field
from muster_numerics.columns import Columns
from muster_numerics.counts import keep_new
from muster_numerics.payloads import ColumnNews, Row, answers_of_csv, rows_of_csv, rows_of_json
from muster_numerics.payloads_numbers import Positions
from muster_numerics.payloads_rows import columns_of_rows, joined
from muster_numerics.payloads_table import Table, columns_of, tabulate
from muster_numerics.poison import Fault, PayloadError, Quarantine, set_aside

CsvReader = Callable[[str, Sequence[Field], ColumnNews], list[Row]]


@dataclass(frozen=True)
class Tally:
    """Counts of what was read; tallies of parts add up to that of the whole.

    Attributes
    ----------
    records, rows
        Records that were read, and the rows in them.
    poison
        Records that were not, by reason (`poison.REASONS`).
    without_answer
        Of the records, those without an answer; their rows' predictions are missing.
    extra, absent
        Rows that named a column that the schema lacks (of many such names some, `counts.keep_new`), or lacked one
        that it names, by column. Only payloads with names tell: a CSV row of another length is poison.
    own
        Records that were passed over (`read_capture`, ``skip``); they are in no other count.
    """

    records: int = 0
    rows: int = 0
    poison: Counter[str] = field(default_factory=Counter)
    without_answer: int = 0
    extra: Counter[str] = field(default_factory=Counter)
    absent: Counter[str] = field(default_factory=Counter)
    own: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.records + other.records,
            self.rows + other.rows,
            self.poison + other.poison,
            self.without_answer + other.without_answer,
            Counter(keep_new(self.extra + other.extra)),
            self.absent + other.absent,
            self.own + other.own,
        )

    def as_json(self) -> dict[str, Any]:
        """Return the tally as a dictionary of JSON types."""
        return {name: dict(value) if isinstance(value, Counter) else value for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Tally":
        """Read what `as_json` returned."""
        members: dict[str, Any] = {
            name: Counter(value) if isinstance(value, Mapping) else value for name, value in found.items()
        }
        return cls(**members)

    @property
    def poisoned(self) -> int:
        """Records that were not read."""
        return self.poison.total()

    @property
    def poison_share(self) -> float:
        """Share of all records that were not read; 0 of none."""
        return self.poisoned / max(self.poisoned + self.records, 1)


@dataclass(frozen=True)
class Batch:
    """The rows of one block of lines, in reading order.

    Attributes
    ----------
    features, predictions
        Columns by the schema's names.
    record
        Which record of the batch each row is of, ascending from 0.
    ids
        Each record's `inferenceId`, if it has one, then its `eventId`; empty unless asked for.
    tally
        The counts of the block.
    """

    features: Columns
    predictions: Columns
    record: Positions
    ids: tuple[tuple[str, ...], ...]
    tally: Tally


def read_capture(
    files: Iterable[tuple[str, ByteSource]],
    schema: CaptureSchema,
    quarantine: Quarantine,
    *,
    named: bool = False,
    skip: str = "",
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Batch]:
    """Read capture files block by block.

    Parameters
    ----------
    files
        Name and content of each; gzip is recognised by its first bytes.
    schema
        The payloads' fields.
    quarantine
        Takes every record that cannot be read, before the batch of its block is given.
    named
        Whether to keep the records' ids, which ground truth is joined by.
    skip
        Records whose `inferenceId` begins so are no traffic: they are counted as ``own`` and passed over.
    block_bytes
        How much to read at once.
    """
    reader = Reader(named, schema.content_type == "csv", skip)
    for source, file in files:
        first_line = 1
        given = blocks(file, block_bytes)
        while True:
            try:
                block = next(given, None)
            except DamagedFile as error:
                quarantine(set_aside(source, 0, Fault(0, "damaged_file", str(error)), b"", masked=True))
                yield nothing(schema, Counter(damaged_file=1))
                break
            if block is None:
                break
            payloads = reader.read(block)
            batch, faults = batch_of(payloads, schema)
            if faults:
                lines = block.split(b"\n")
                for fault in sorted(faults):
                    quarantine(set_aside(source, first_line, fault, lines[fault.line], bool(schema.controlled)))
            first_line += payloads.line_count
            yield batch


def nothing(schema: CaptureSchema, poison: Counter[str]) -> Batch:
    """Return a batch without rows."""
    no_rows: list[Row] = []
    features, predictions = (columns_of_rows(no_rows, fields) for fields in (schema.features, schema.predictions))
    return Batch(features, predictions, np.empty(0, dtype=np.int64), (), Tally(poison=poison))


def batch_of(payloads: Payloads, schema: CaptureSchema) -> tuple[Batch, list[Fault]]:
    """Return the rows of the payloads of a block, and the lines that are poison."""
    asked, answered, position, left = plain_rows(payloads, schema)
    odd = OddRows(schema)
    faults = list(payloads.faults)
    for each in left:
        try:
            odd.add(each, data_at(payloads, each))
        except PayloadError as error:
            faults.append(Fault(payloads.lines[each], error.reason, str(error)))
    features, predictions = columns_of(asked, schema.features), columns_of(answered, schema.predictions)
    record = position[asked.record]
    if odd.record:
        both = np.concatenate([record, np.array(odd.record, dtype=np.int64)])
        order = np.argsort(both, kind="stable")
        record = both[order]
        features = joined(features, columns_of_rows(odd.features, schema.features), order)
        predictions = joined(predictions, columns_of_rows(odd.predictions, schema.predictions), order)
    poison = Counter(fault.reason for fault in faults)
    read, record = np.unique(record, return_inverse=True)
    ids = tuple(payloads.ids[each] for each in read.tolist()) if payloads.ids else ()
    extra = Counter(keep_new(odd.news.extra))
    tally = Tally(len(read), len(record), poison, odd.without_answer, extra, odd.news.absent, payloads.own)
    return Batch(features, predictions, record, ids, tally), faults


def plain_rows(payloads: Payloads, schema: CaptureSchema) -> tuple[Table, Table, Positions, list[int]]:
    """Return the rows of requests and answers that can be read all at once.

    Returns
    -------
    asked, answered : Table
        As many rows in each.
    position : numpy.ndarray
        Where among the payloads each record of these tables is.
    left : list of int
        Which payloads have to be read one by one.
    """
    inputs = [each for each in payloads.inputs if each is not None]
    outputs = [each for each in payloads.outputs if each is not None]
    position = np.array([index for index, each in enumerate(payloads.inputs) if each is not None], dtype=np.int64)
    asked, answered = tabulate(inputs, schema.features), tabulate(outputs, schema.predictions)
    rows = [np.bincount(each.record, minlength=len(inputs)) for each in (asked, answered)]
    plain = asked.plain & answered.plain & (rows[0] == rows[1])
    left = sorted([*position[~plain].tolist(), *payloads.odd])
    return asked.only(plain), answered.only(plain), position, left


def data_at(payloads: Payloads, index: int) -> Data:
    """Return request and answer of one record as text."""
    if index in payloads.odd:
        return payloads.odd[index]
    parts = []
    for raw in (payloads.inputs[index], payloads.outputs[index]):
        try:
            parts.append(Part(msgspec.json.decode(raw or b'""', type=str), "CSV"))
        except UNREADABLE as error:
            raise PayloadError("bad_payload", "a payload is no JSON string") from error
    return Data(*parts)


class OddRows:
    """Collects the rows of the records that are read one by one."""

    def __init__(self, schema: CaptureSchema) -> None:
        self._schema = schema
        self.record: list[int] = []
        self.features: list[Row] = []
        self.predictions: list[Row] = []
        self.without_answer = 0
        self.news = ColumnNews()

    def add(self, record: int, data: Data) -> None:
        """Read a record; PayloadError if that cannot be done, in which case nothing of it is kept."""
        news = ColumnNews()
        asked = self._read(data.endpoint_input, self._schema.features, rows_of_csv, news)
        if data.endpoint_output is None:
            answered: list[Row] = [[None] * len(self._schema.predictions)] * len(asked)
        else:
            answered = self._read(data.endpoint_output, self._schema.predictions, answers_of_csv, news)
        if len(asked) != len(answered):
            raise PayloadError("row_count_differs", f"{len(asked)} rows asked, {len(answered)} answered")
        self.record += [record] * len(asked)
        self.features += asked
        self.predictions += answered
        self.without_answer += data.endpoint_output is None
        self.news.extra += news.extra
        self.news.absent += news.absent

    @staticmethod
    def _read(part: Part | None, fields: Sequence[Field], read_csv: CsvReader, news: ColumnNews) -> list[Row]:
        assert part is not None  # a record without a request is not among these
        return (read_csv if part.encoding == "CSV" else rows_of_json)(part.data, fields, news)
